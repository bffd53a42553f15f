// Record: one logged value. The columns of a pack are the fields of this struct, so a record passes
// unchanged from the journal to the pack and to the reader.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "runlog/export.hpp"

namespace runlog {

/// What a record is: the rows of runlog/kinds.def, which say what each holds. The numbers are part
/// of the journal format (docs/format.md).
enum class Kind : std::uint8_t {
#define RUNLOG_KIND(number, name, family, holds) name = (number),
#include "runlog/kinds.def"
};

/// How many there are; their numbers are those below it.
inline constexpr std::size_t kKind_count = 0
#define RUNLOG_KIND(number, name, family, holds) +1
#include "runlog/kinds.def"
    ;

/// What kinds have in common; runlog/kinds.def says it of each.
enum class KindFamily : std::uint8_t { series, fact, gap, other };
[[nodiscard]] constexpr KindFamily kind_family(Kind kind) noexcept {
  switch (kind) {
#define RUNLOG_KIND(number, name, family, holds) \
  case Kind::name:                               \
    return KindFamily::family;
#include "runlog/kinds.def"
  }
  return KindFamily::other;
}

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
