// What one does with a store besides shipping to it and reading from it: copy runs out of it, check
// what it holds, and find out why shipping to it does not work. `runlog pull`, `verify` and
// `doctor` are faces on this header.
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
    copied,   ///< it is here now, with the bytes that were stored
    present,  ///< it was here already, and its bytes were compared
    damaged,  ///< the store's bytes are not those that were stored; nothing was written
    failed,   ///< it could not be fetched now, or another file has its name; see message
  };
  std::string name = {};  ///< relative to the store's prefix, and to the directory
  std::uint64_t bytes = 0;
  Verdict verdict = Verdict::failed;
  bool replaced = false;     ///< copied, over a copy here that had been damaged
  std::string message = {};  ///< for damaged and failed: what happened, what to do
};

struct PullOptions {
  std::vector<std::string> runs = {};  ///< globs over run ids; empty: all
  /// How often one object is asked for, and how long to wait before the second time; then twice as
  /// long, and so on. A transfer that broke off goes on where it stopped.
  int tries = 5;
  std::chrono::milliseconds retry_pause{500};
  std::function<void(const PulledObject&)> on_object = {};  ///< after each object
  std::function<void(std::uint64_t)> on_bytes = {};         ///< that so many more have arrived
};

struct PullReport {
  std::uint64_t runs = 0, copied = 0, present = 0, damaged = 0, failed = 0;
  std::uint64_t replaced = 0;  ///< of those copied
  std::uint64_t bytes_copied = 0;
  std::string stopped_by = {};  ///< why it gave up before the end; empty: it did not
};

/// Copies the runs of a store, or of the part of it that `url` names, into `directory`, which then
/// is a directory store: it reads like the other. An object appears under its name when all of its
/// bytes are there, agree with the digest that the store keeps (a blob: with its name; a pack
/// without a digest: with its checksums) and are synced. Safe to repeat and to interrupt: what is
/// here with the right size is read and compared in the same way (a small file without a digest:
/// with the store's bytes), and fetched again only where it was damaged. A file of another size, or
/// a whole pack that is not the store's, is never overwritten: it is failed. What ends a run is
/// copied last. Blocks. Errors: those of the URL and of listing; busy (another pull works on
/// `directory`), no_space, read_only, io (of `directory`).
RUNLOG_EXPORT Result<PullReport> pull(const std::string& url,
                                      const std::filesystem::path& directory,
                                      const PullOptions& options = {},
                                      const std::stop_token& stop = {});

/// One blob (an artifact, or a large value) and whether its bytes are what its name says.
struct BlobCheck {
  std::string path = {};  ///< file, or URL without secrets
  std::string run_id = {};
  std::string sha256 = {};  ///< its name
  std::uint64_t bytes = 0;
  bool is_in_store = false;  ///< else in a journal, where blobs leave once they are shipped
  std::string fault = {};    ///< empty: it is whole
  bool is_unread = false;    ///< the store did not give it, see fault; it may be whole
};
/// Reads every blob under `path` (as for Reader) and compares it with its name, which is the
/// SHA-256 of its content. Errors: those of listing, and unavailable once a store gives nothing any
/// more.
RUNLOG_EXPORT Result<std::vector<BlobCheck>> check_blobs(const std::filesystem::path& path);

/// One thing that doctor tried.
struct StoreCheck {
  enum class Verdict : std::uint8_t {
    good,
    warning,  ///< shipping works, something else does not
    bad,      ///< shipping does not work, or not safely
    skipped,  ///< pointless after what has failed before
  };
  std::string check = {};  ///< one word: "url", "create", "overwrite", …
  Verdict verdict = Verdict::good;
  std::string detail = {};
  std::string remedy = {};  ///< for warning and bad: what to do
};
RUNLOG_EXPORT std::string_view verdict_name(StoreCheck::Verdict verdict) noexcept;

/// Tries what shipping and reading need, with two small objects under `<prefix>/_runlog-doctor/`,
/// which are removed again where that is allowed. Blocks, for a minute or two when nothing answers.
/// Never fails: what is wrong, the URL itself included, is in the checks.
RUNLOG_EXPORT std::vector<StoreCheck> diagnose_store(const std::string& url);

/// Whether a run may ship there: no check is bad.
RUNLOG_EXPORT bool is_fit_for_shipping(const std::vector<StoreCheck>& checks) noexcept;

}  // namespace runlog
