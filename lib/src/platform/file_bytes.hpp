// FileBytes: a file that others may cut, or whose disk may fail, while it is read. It is mapped, so
// that it can be read when it has been moved or removed, and without a descriptor, which a job may
// close. But nobody touches the map: its bytes are only copied out, by the kernel, which answers
// where a load would be a SIGBUS. What was checked in a copy does not change afterwards.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <utility>

#include "platform/mapped_file.hpp"
#include "runlog/result.hpp"

namespace runlog {

/// The first bytes of a file, in memory of one's own.
struct FileCopy {
  std::unique_ptr<std::byte[]> memory = {};
  std::span<const std::byte> bytes = {};
};

/// May be read by several threads at once.
class FileBytes {
 public:
  /// Errors: not_found, invalid_argument where it is no regular file, io.
  static Result<FileBytes> open(const std::filesystem::path& path);

  /// When it was opened.
  [[nodiscard]] std::uint64_t size() const noexcept { return map_.bytes().size(); }
  [[nodiscard]] const std::filesystem::path& path() const noexcept { return map_.path(); }

  struct Part {
    std::size_t whole = 0;  ///< bytes before the first that cannot be read
    std::size_t end = 0;    ///< behind the last that can be read
  };
  /// Copies the bytes from `begin` on, all of them within size(). Zeros take the place of pages
  /// that cannot be read.
  Part read(std::uint64_t begin, std::span<std::byte> target) const noexcept;

  /// Whether the file has fewer bytes now. False where it has moved.
  [[nodiscard]] bool was_cut() const;

  /// Copies the file as far as it goes now, up to `bytes_max`. Throws std::bad_alloc.
  [[nodiscard]] FileCopy copy(std::uint64_t bytes_max) const;

 private:
  explicit FileBytes(MappedFile map) : map_(std::move(map)) {}
  [[nodiscard]] std::optional<std::uint64_t> bytes_now() const;
  MappedFile map_;
};

}  // namespace runlog
