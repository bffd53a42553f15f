#include "pack/pack_columns.hpp"

#include <algorithm>

#include "pack/pack.hpp"
#include "pack/parquet/parquet_encodings.hpp"

namespace runlog::format {

std::size_t Levels::values(std::size_t begin, std::size_t count) const {
  if (bytes_.empty()) return first_ != 0 ? count : 0;
  return static_cast<std::size_t>(std::ranges::count(std::span(bytes_).subspan(begin, count), 1));
}

void Levels::encode(std::size_t begin, std::size_t count, Bytes& out) const {
  if (bytes_.empty()) {
    encode_hybrid_run(count, first_, 1, out);
  } else {
    encode_hybrid(std::span(bytes_).subspan(begin, count), 1, out);
  }
}

void Levels::add_bytes(std::uint8_t level) {
  if (bytes_.empty()) {
    bytes_.reserve(kRow_group_rows_max);
    bytes_.assign(rows_, first_);
  }
  bytes_.push_back(level);
  ++rows_;
}

}  // namespace runlog::format
