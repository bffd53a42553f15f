// Other work with a store than shipping and reading: copy runs out of it, check its blobs, and find
// out why shipping to it fails. `runlog pull`, `verify` and `doctor` use this header.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "runlog/export.hpp"
#include "runlog/result.hpp"

namespace runlog {

/// What pull() did about one object.
struct PulledObject {
  enum class Verdict : std::uint8_t {
    copied,   ///< it was copied, with the bytes that had been stored
    present,  ///< it was here already, with the same bytes
    damaged,  ///< the store's bytes fail their digest or checksums; nothing was written
    failed,   ///< it could not be fetched now, or another file has its name; see message
  };
  std::string name = {};  ///< relative to the store's prefix, and to the directory
  std::uint64_t bytes = 0;
  Verdict verdict = Verdict::failed;
  bool replaced = false;     ///< the copied object replaced a damaged copy here
  std::string message = {};  ///< for damaged and failed: what happened, what to do
};

struct PullOptions {
  std::vector<std::string> runs = {};  ///< globs over run ids; empty: all
  /// How often to ask for one object, and how long to wait before the second time; the wait doubles
  /// each time. A transfer that broke off continues where it stopped.
  int tries = 5;
  std::chrono::milliseconds retry_pause{500};
  std::function<void(const PulledObject&)> on_object = {};  ///< after each object
  std::function<void(std::uint64_t)> on_bytes = {};         ///< with the bytes that have arrived
                                                            ///< since the last call
};

struct PullReport {
  std::uint64_t runs = 0, copied = 0, present = 0, damaged = 0, failed = 0;
  std::uint64_t replaced = 0;  ///< of those copied
  std::uint64_t bytes_copied = 0;
  std::string stopped_by = {};  ///< why pull() gave up before the end; empty: it did not
};

/// Copies the runs of a store, or of the part of it that `url` names, into `directory`, which then
/// is a store in a directory with the same content. An object appears under its name when all of
/// its bytes are there, agree with the digest that the store keeps (a blob: with its name; a pack
/// without a digest: with its checksums) and are synced. Safe to repeat and to interrupt: a file of
/// the right size is read and compared in the same way (a small file without a digest: with the
/// store's bytes), and fetched again only if it is damaged. A file of another size, or a whole pack
/// that differs from the store's, is never overwritten: its verdict is `failed`. The end records of
/// a run are copied last. Blocks. Errors: those of the URL and of listing; busy (another pull works
/// on `directory`), no_space, read_only, io (of `directory`).
RUNLOG_EXPORT Result<PullReport> pull(const std::string& url,
                                      const std::filesystem::path& directory,
                                      const PullOptions& options = {},
                                      const std::stop_token& stop = {});

/// One blob (an artifact, or a large value), and whether its bytes agree with its name.
struct BlobCheck {
  std::string path = {};  ///< file, or URL without secrets
  std::string run_id = {};
  std::string sha256 = {};  ///< its name
  std::uint64_t bytes = 0;
  bool is_in_store = false;  ///< false: in a journal, from which shipped blobs may be gone
  std::string fault = {};    ///< empty: it is whole
  bool is_unread = false;    ///< the store did not return it, see fault; it may be whole
};
/// Reads every blob under `path` (as for Reader) and compares it with its name, which is the
/// SHA-256 of its content. Blocks. Errors: those of listing, and unavailable when a store stops
/// answering.
RUNLOG_EXPORT Result<std::vector<BlobCheck>> check_blobs(const std::filesystem::path& path);

/// One thing that doctor tried.
struct StoreCheck {
  enum class Verdict : std::uint8_t {
    good,
    warning,  ///< shipping works, something else does not
    bad,      ///< shipping does not work, or not safely
    skipped,  ///< not tried, because something before it has failed
  };
  std::string check = {};  ///< one word: "url", "create", "overwrite", …
  Verdict verdict = Verdict::good;
  std::string detail = {};
  std::string remedy = {};  ///< for warning and bad: what to do
};
RUNLOG_EXPORT std::string_view verdict_name(StoreCheck::Verdict verdict) noexcept;

/// Tries what shipping and reading need, with two small objects under `<prefix>/_runlog-doctor/`,
/// and removes them again if that is allowed. Blocks, for a minute or two when nothing answers.
/// Never fails: the checks say what is wrong, also with the URL.
RUNLOG_EXPORT std::vector<StoreCheck> diagnose_store(const std::string& url);

/// True when no check is bad: a run may ship there.
RUNLOG_EXPORT bool is_fit_for_shipping(const std::vector<StoreCheck>& checks) noexcept;

}  // namespace runlog
