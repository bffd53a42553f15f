#include "pack/parquet/lz4_codec.hpp"

#include <cassert>
#include <new>

#include <lz4.h>

namespace runlog::format {
namespace {

const char* chars(std::span<const std::byte> bytes) {
  return reinterpret_cast<const char*>(bytes.data());
}

}  // namespace

std::span<const std::byte> lz4_compress(std::span<const std::byte> source,
                                        std::vector<std::byte>& room) {
  assert(source.size() <= LZ4_MAX_INPUT_SIZE);
  const int source_bytes = static_cast<int>(source.size());
  const int bound = LZ4_compressBound(source_bytes);
  if (room.size() < static_cast<std::size_t>(bound)) room.resize(static_cast<std::size_t>(bound));
  const int written = LZ4_compress_default(chars(source), reinterpret_cast<char*>(room.data()),
                                           source_bytes, bound);
  // It does not fail where there is room for the bound. A library that does is not LZ4, though it
  // has the name: without this the pack would be empty, and its segments gone.
  if (written <= 0) throw std::bad_alloc();
  return std::span(room).first(static_cast<std::size_t>(written));
}

bool lz4_decompress(std::span<const std::byte> source, std::span<std::byte> target) {
  if (source.size() > LZ4_MAX_INPUT_SIZE || target.size() > LZ4_MAX_INPUT_SIZE) return false;
  // LZ4 wants a place to write to even when there is nothing to write.
  char nowhere = 0;
  char* to = target.empty() ? &nowhere : reinterpret_cast<char*>(target.data());
  const int read = LZ4_decompress_safe(chars(source), to, static_cast<int>(source.size()),
                                       static_cast<int>(target.size()));
  return read >= 0 && static_cast<std::size_t>(read) == target.size();
}

}  // namespace runlog::format
