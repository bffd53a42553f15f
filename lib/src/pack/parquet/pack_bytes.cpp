#include "pack/parquet/pack_bytes.hpp"

#include <algorithm>
#include <string>
#include <utility>

namespace runlog::format {
namespace {

/// So much of a file is read at once: most columns of a row group are smaller.
constexpr std::uint64_t kPiece_bytes = 64u << 10;

}  // namespace

PackBytes::PackBytes(std::span<const std::byte> memory) noexcept : memory_(memory) {}
PackBytes::PackBytes(std::shared_ptr<const FileBytes> file) noexcept : file_(std::move(file)) {}

Result<PackBytes> PackBytes::open(const std::filesystem::path& path) {
  auto file = FileBytes::open(path);
  if (!file) return std::move(file).error();
  return PackBytes(std::make_shared<const FileBytes>(std::move(*file)));
}

Result<std::span<const std::byte>> PackBytes::get(std::uint64_t begin, std::uint64_t bytes,
                                                  std::uint64_t end) {
  if (file_ == nullptr) return memory_.subspan(begin, end - begin);
  const std::uint64_t piece_end = piece_begin_ + piece_.size();
  if (begin < piece_begin_ || begin + bytes > piece_end) {
    piece_.resize(std::min(std::max(bytes, kPiece_bytes), end - begin));
    piece_begin_ = begin;
    const std::size_t whole = file_->read(begin, piece_).whole;
    piece_.resize(whole);
    if (whole < bytes) {
      const bool was_cut = file_->was_cut();
      return Error{was_cut ? Errc::corrupt : Errc::io, 0,
                   "byte " + std::to_string(begin + whole) + " cannot be read any more: " +
                       (was_cut ? "the file was cut" : "its disk fails, or it was cut")};
    }
  }
  const auto piece = std::span<const std::byte>(piece_).subspan(begin - piece_begin_);
  return piece.first(std::min<std::uint64_t>(piece.size(), end - begin));
}

}  // namespace runlog::format
