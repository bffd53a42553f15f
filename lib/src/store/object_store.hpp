// ObjectStore: the interface to a store. The writing half needs what every store can do: create an
// object under an unused name, and say truthfully whether it is there. The reading half is list,
// head and get; a plain HTTP server has no list.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "runlog/result.hpp"

namespace runlog {

/// The answer to a put. `retry` and `reject` carry an error that names what to do.
struct PutAnswer {
  enum class Verdict : std::uint8_t {
    stored,  ///< the object is there with exactly these bytes, now or since an earlier attempt
    retry,   ///< unknown or not now: the same put again later is safe
    reject,  ///< the name is taken by other bytes: trying again will not help
  };
  Verdict verdict = Verdict::retry;
  /// With `stored`: empty, or, once per store, what its owner should know ("… may not be read").
  Error error = {};
  /// With `retry`: the store asked not to be asked again before this has passed (Retry-After). 0:
  /// as the caller likes.
  std::chrono::milliseconds not_before{0};
  /// With `retry`: it is known that this one object is refused, others may pass (too large, say).
  /// Otherwise that is seen by whether they do: ship/refusals.hpp.
  bool concerns_object_only = false;
  /// With `retry`: only a person can mend it (permissions, a missing bucket, a wrong key or CA).
  /// The data is kept and tried again, slowly; who waits for it in a terminal should be told now.
  bool needs_owner = false;
};

/// One object, or in a one-level listing also a "directory": a common prefix, ending in '/'.
struct ObjectInfo {
  std::string name = {};    ///< relative to the store's prefix
  std::uint64_t bytes = 0;  ///< 0 for a prefix
  std::string sha256 = {};  ///< of the bytes, from the object's metadata; only head() fills it
  bool is_prefix = false;
};

/// Half-open, in bytes from the object's first.
struct ByteRange {
  std::uint64_t begin = 0;
  std::uint64_t end = UINT64_MAX;
};

class ObjectStore {
 public:
  using Visit = std::function<void(const ObjectInfo&)>;
  using Sink = std::function<Result<void>(std::span<const std::byte>)>;

  virtual ~ObjectStore() = default;

  /// Creates `name` with the content of `file`; never overwrites. Blocks.
  virtual PutAnswer put(const std::string& name, const std::filesystem::path& file) = 0;

  /// A hint, given before a put: `file` is likely to be put after it. A store may read it
  /// meanwhile.
  virtual void expect(const std::filesystem::path& file) { (void)file; }

  /// SHA-256 of the object's bytes as the store has them, read back. Errors: not_found,
  /// unavailable.
  virtual Result<std::string> sha256(const std::string& name) = 0;

  /// Size and, where the store keeps it, digest. Errors: not_found, unavailable, read_only (not
  /// allowed).
  virtual Result<ObjectInfo> head(const std::string& name) = 0;

  /// What lies below `prefix` ("" or ending in '/'), in byte order of the names. `whole_tree`:
  /// every object below it; else one level: objects and prefixes. A prefix without objects is an
  /// empty list, not an error. Errors: unavailable, unsupported (a server that cannot list).
  virtual Result<void> list(const std::string& prefix, bool whole_tree, const Visit& visit) = 0;

  /// Streams the bytes [range.begin, range.end) of `name` into `sink`, in order; `end` may lie
  /// behind the object's end. Errors: not_found, unavailable, and what `sink` returns.
  virtual Result<void> get(const std::string& name, ByteRange range, const Sink& sink) = 0;

  /// Removes one object; for `doctor`, which removes what it wrote. Absent already: success.
  virtual Result<void> remove(const std::string& name) = 0;

  /// For messages: the URL without secrets.
  [[nodiscard]] virtual std::string url() const = 0;

  /// Makes a call in progress return soon, with `unavailable`, and later calls at once. Any thread.
  virtual void interrupt() noexcept {}
};

/// The store behind `url`; no network is touched. Errors: invalid_argument, unsupported (a scheme
/// this build has no store for).
Result<std::unique_ptr<ObjectStore>> open_store(std::string_view url);

/// Whether `url` names a store that is no directory: it has a scheme, and not file's.
[[nodiscard]] bool is_remote_store(std::string_view url) noexcept;

/// The directory a URL means, for the reader; unsupported for anything else.
Result<std::filesystem::path> directory_of_store(std::string_view url);

}  // namespace runlog
