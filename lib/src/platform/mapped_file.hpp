// MappedFile: a file mapped shared into memory, writable or read-only. Keeps no descriptor: a job
// may close every descriptor that it does not know (closefrom), and reuse its number.
#pragma once

#include <filesystem>
#include <memory>
#include <span>

#include "platform/file_system.hpp"
#include "runlog/result.hpp"

namespace runlog {

class MappedFile {
 public:
  MappedFile();
  ~MappedFile();
  MappedFile(MappedFile&&) noexcept;
  MappedFile& operator=(MappedFile&&) noexcept;

  /// Creates `path` (which must not exist), allocates and zeroes `bytes`, maps and touches all of
  /// them: a store into the map then needs no block, no page and no fault. About 1 µs per page. A
  /// forked child does not have the map.
  /// Errors: already_exists, no_space, read_only, io.
  static Result<MappedFile> create(const std::filesystem::path& path, std::uint64_t bytes);

  /// Maps an existing file whole. An empty file maps to no bytes. For platform/: others may cut the
  /// file, and then a load from the map is a SIGBUS; FileBytes reads it without.
  static Result<MappedFile> open_read_only(const std::filesystem::path& path);

  /// Makes [begin, end) survive power loss, with what the file system must know to find it: an
  /// fdatasync of these bytes, widened to pages, which leaves the other pages of the file alone.
  /// Safe beside writers. Errors: io.
  [[nodiscard]] Result<void> sync(std::uint64_t begin, std::uint64_t end) const;
  /// Children made from now on have [begin, end) mapped as well, as they have nothing else of the
  /// file. False: the range is not of whole pages, or the kernel refuses.
  [[nodiscard]] bool share_with_children(std::uint64_t begin, std::uint64_t end) const noexcept;
  /// Takes the page faults that stores into [begin, end) would take. Costs nothing where there are
  /// none; failure is no harm. Safe beside writers.
  void touch(std::uint64_t begin, std::uint64_t end) const noexcept;
  /// Takes the pages from `begin` to the one that `end` lies in, without that one, out of the map.
  /// They stay in memory as they are, and whoever touches one has it mapped again (about 1 µs). To
  /// be called before a sync of pages that the writer has left: a sync write-protects page by page
  /// and interrupts, for each, every core that runs a thread of this process; pages that are not
  /// mapped it leaves alone, and this call interrupts once. Failure is no harm.
  void unmap_behind(std::uint64_t begin, std::uint64_t end) const noexcept;

  [[nodiscard]] std::span<std::byte> bytes() const noexcept { return bytes_; }
  /// Whether the file is under `path` now.
  [[nodiscard]] bool is_at(const std::filesystem::path& path) const;
  /// Whether it was removed, moved or cut off: nothing is under path(), or another file, or less of
  /// it. Where nobody can tell, because the directory does not let us look, say, it is taken to be
  /// there.
  [[nodiscard]] bool has_left() const;
  /// The file once more, for reading and writing, as long as it is under path(). Errors: not_found.
  [[nodiscard]] Result<OpenFile> open_again() const;
  [[nodiscard]] const std::filesystem::path& path() const noexcept { return path_; }
  void set_path(std::filesystem::path path) { path_ = std::move(path); }
  void swap_path(MappedFile& other) noexcept { path_.swap(other.path_); }

 private:
  struct Region;
  static Result<MappedFile> map(const OpenFile& file, std::filesystem::path path,
                                std::uint64_t bytes, bool writable);
  [[nodiscard]] std::span<std::byte> whole_pages(std::uint64_t begin,
                                                 std::uint64_t end) const noexcept;
  std::filesystem::path path_;
  std::uint64_t device_ = 0;
  std::uint64_t inode_ = 0;
  std::unique_ptr<Region> region_;
  std::span<std::byte> bytes_;
};

}  // namespace runlog
