// PackBytes: where the bytes of a pack are: in memory, or in a file that others may cut meanwhile.
// Of a file it holds a piece at a time.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <vector>

#include "platform/file_bytes.hpp"
#include "runlog/result.hpp"

namespace runlog::format {

class PackBytes {
 public:
  /// The memory must outlive it.
  PackBytes(std::span<const std::byte> memory) noexcept;      // NOLINT(google-explicit-constructor)
  PackBytes(std::shared_ptr<const FileBytes> file) noexcept;  // NOLINT(google-explicit-constructor)

  /// Errors: not_found, io.
  static Result<PackBytes> open(const std::filesystem::path& path);

  [[nodiscard]] std::uint64_t size() const noexcept {
    return file_ != nullptr ? file_->size() : memory_.size();
  }
  /// At least `bytes` bytes from `begin` on, which lie before `end`; more, before `end`, where that
  /// costs nothing. `end` is no larger than size(). They stay until the next call. Errors: corrupt,
  /// where the file was cut; io.
  Result<std::span<const std::byte>> get(std::uint64_t begin, std::uint64_t bytes,
                                         std::uint64_t end);

 private:
  std::span<const std::byte> memory_;
  std::shared_ptr<const FileBytes> file_;
  std::vector<std::byte> piece_;  // of the file, from piece_begin_ on
  std::uint64_t piece_begin_ = 0;
};

}  // namespace runlog::format
