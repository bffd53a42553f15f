// ObjectStore: where packs go. The interface asks for what every store can do: create an object
// under a name nobody has used, and say truthfully whether it is there now.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
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
  Error error = {};
};

class ObjectStore {
 public:
  virtual ~ObjectStore() = default;

  /// Creates `name` with the content of `file`; never overwrites. Blocks.
  virtual PutAnswer put(const std::string& name, const std::filesystem::path& file) = 0;

  /// SHA-256 of the object's bytes as the store has them, read back. Errors: not_found,
  /// unavailable.
  virtual Result<std::string> sha256(const std::string& name) = 0;
};

/// The store behind `url`: file:///absolute/path or a plain path. Errors: invalid_argument,
/// unsupported (a scheme this build has no store for).
Result<std::unique_ptr<ObjectStore>> open_store(std::string_view url);

/// The directory a URL means, for the reader; unsupported for anything else.
Result<std::filesystem::path> directory_of_store(std::string_view url);

}  // namespace runlog
