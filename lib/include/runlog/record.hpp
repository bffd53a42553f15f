// Record: one logged value. The columns of a pack are the fields of this struct, so a record passes
// unchanged from the journal to the pack and to the reader.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "runlog/export.hpp"

namespace runlog {

/// What a record is. The numbers are part of the journal format (docs/format.md): never reuse one.
enum class Kind : std::uint8_t {
  unknown = 0,      ///< of a newer version; the columns are kept
  metric = 1,       ///< name, step?, and value (double) or int_value (int64, bool as 0/1)
  text = 2,         ///< name: the level ("info"); text: the message
  param = 3,        ///< name; text, value or int_value
  tag = 4,          ///< name; text
  tag_removed = 5,  ///< name
  property = 6,     ///< name; text. int_value 1: conflicts with an earlier value of that name
  list = 7,         ///< name, step?; text: a JSON array of numbers
  row = 8,          ///< name, step?; text: a JSON object, column → value
  table = 9,        ///< name, step?; text: a JSON object, column → array
  histogram = 10,   ///< name, step?; text: {"edges":[n+1 numbers],"counts":[n numbers]}
  image = 11,       ///< name, step?; text: the blob's sha256 in hex; int_value: its bytes
  json = 12,        ///< name: the schema; text: the document as given
  file = 13,        ///< name: the artifact's name; text: sha256 in hex; int_value: bytes
  rewind = 14,      ///< step: earlier records of the run with a step >= this one are void
  status = 15,      ///< name: "started", "complete", "failed", "cancelled"; text: why
  child = 16,       ///< name: the child's run id
  gap = 17,         ///< int_value: records dropped just before this one; text: why
  spill = 18,  ///< name; text: {"kind":…,"sha256":…,"bytes":…}: too large inline, kept as blob
};

/// The name used in packs, in JSON and on the command line: "metric", "tag_removed", …
RUNLOG_EXPORT std::string_view kind_name(Kind kind) noexcept;

/// The inverse of kind_name; Kind::unknown for anything else.
RUNLOG_EXPORT Kind kind_from_name(std::string_view name) noexcept;

/// One record. The views point into the reader that returned it and live until its next call.
/// `name` and `text` are valid UTF-8; where a caller logged other bytes, `payload` has the
/// original.
struct Record {
  std::int64_t seq = 0;      ///< counts up by one per record within (session, lane), from 0
  std::int32_t lane = 0;     ///< stream within the journal; one writer at a time
  std::int64_t time_ns = 0;  ///< when the call was made, ns since 1970-01-01T00:00Z
  Kind kind = Kind::unknown;
  std::string_view name = {};
  std::optional<std::int64_t> step = {};
  std::optional<double> value = {};
  std::optional<std::int64_t> int_value = {};
  std::optional<std::string_view> text = {};
  std::optional<std::string_view> payload = {};  ///< raw bytes
};

/// Bytes that should have been records: how many records are lost, and why. `begin, end` are
/// half-open byte offsets in `path`; both are 0 when the whole file is meant.
struct Damage {
  std::string path = {};
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
  std::uint64_t records_lost = 0;
  bool exact = true;  ///< false: at least that many
  std::string why = {};
};

}  // namespace runlog
