#include "pack/parquet/thrift.hpp"

#include <cassert>
#include <limits>

#include "base/bytes.hpp"

namespace runlog::format {
namespace {

constexpr std::uint64_t to_zigzag(std::int64_t value) {
  return (static_cast<std::uint64_t>(value) << 1) ^ static_cast<std::uint64_t>(value >> 63);
}

constexpr std::int64_t from_zigzag(std::uint64_t value) {
  return static_cast<std::int64_t>((value >> 1) ^ (~(value & 1) + 1));
}

}  // namespace

void ThriftWriter::varint(std::uint64_t value) {
  for (; value >= 0x80; value >>= 7) out_.push_back(static_cast<std::byte>(value | 0x80));
  out_.push_back(static_cast<std::byte>(value));
}

void ThriftWriter::header(std::int16_t id, ThriftType type) {
  assert(depth_ > 0);
  std::int16_t& last_id = last_ids_[depth_ - 1];
  const int step = id - last_id;
  assert(step > 0);
  const auto low = static_cast<unsigned>(type);
  if (step <= 15) {
    out_.push_back(static_cast<std::byte>(static_cast<unsigned>(step) << 4 | low));
  } else {
    out_.push_back(static_cast<std::byte>(low));
    varint(to_zigzag(id));
  }
  last_id = id;
}

void ThriftWriter::begin_struct() {
  assert(depth_ < kThrift_depth_max);
  last_ids_[depth_++] = 0;
}

void ThriftWriter::begin_struct(std::int16_t id) {
  header(id, ThriftType::structure);
  begin_struct();
}

void ThriftWriter::end_struct() {
  assert(depth_ > 0);
  out_.push_back(std::byte{0});
  --depth_;
}

void ThriftWriter::begin_list(std::int16_t id, ThriftType element, std::size_t size) {
  header(id, ThriftType::list);
  const auto low = static_cast<unsigned>(element);
  if (size < 15) {
    out_.push_back(static_cast<std::byte>(static_cast<unsigned>(size) << 4 | low));
  } else {
    out_.push_back(static_cast<std::byte>(0xF0u | low));
    varint(size);
  }
}

void ThriftWriter::boolean(std::int16_t id, bool value) {
  header(id, value ? ThriftType::bool_true : ThriftType::bool_false);
}

void ThriftWriter::i32(std::int16_t id, std::int32_t value) {
  header(id, ThriftType::i32);
  varint(to_zigzag(value));
}

void ThriftWriter::i64(std::int16_t id, std::int64_t value) {
  header(id, ThriftType::i64);
  varint(to_zigzag(value));
}

void ThriftWriter::binary(std::int16_t id, std::string_view value) {
  header(id, ThriftType::binary);
  binary_element(value);
}

void ThriftWriter::i32_element(std::int32_t value) {
  varint(to_zigzag(value));
}

void ThriftWriter::binary_element(std::string_view value) {
  varint(value.size());
  const auto bytes = as_bytes(value);
  out_.insert(out_.end(), bytes.begin(), bytes.end());
}

std::uint8_t ThriftReader::byte() {
  if (failed_ || at_ >= bytes_.size()) {
    failed_ = true;
    return 0;
  }
  return static_cast<std::uint8_t>(bytes_[at_++]);
}

std::uint64_t ThriftReader::varint() {
  std::uint64_t value = 0;
  for (unsigned shift = 0; shift < 64; shift += 7) {
    const std::uint8_t next = byte();
    if (failed_ || (shift == 63 && next > 1)) break;
    value |= static_cast<std::uint64_t>(next & 0x7Fu) << shift;
    if (next < 0x80) return value;
  }
  failed_ = true;
  return 0;
}

std::int64_t ThriftReader::zigzag() {
  return from_zigzag(varint());
}

bool ThriftReader::enter() {
  if (depth_ >= kThrift_depth_max) failed_ = true;
  if (!failed_) ++depth_;
  return !failed_;
}

bool ThriftReader::next_field(std::int16_t& id, ThriftType& type) {
  const std::uint8_t head = byte();
  const std::uint8_t low = head & 0x0Fu;
  if (failed_ || low == 0) return false;
  if (low > static_cast<std::uint8_t>(ThriftType::structure)) {
    failed_ = true;
    return false;
  }
  const std::int64_t next_id = (head >> 4) != 0 ? id + (head >> 4) : zigzag();
  if (failed_ || next_id < 0 || next_id > std::numeric_limits<std::int16_t>::max()) {
    failed_ = true;
    return false;
  }
  id = static_cast<std::int16_t>(next_id);
  type = static_cast<ThriftType>(low);
  return true;
}

std::size_t ThriftReader::list_size(ThriftType type, ThriftType element) {
  if (type != ThriftType::list) failed_ = true;
  const std::uint8_t head = byte();
  const std::uint64_t size = (head >> 4) == 15 ? varint() : head >> 4;
  // Every element takes a byte or more: this bounds what a caller may reserve.
  if (failed_ || size > bytes_.size() - at_ ||
      (size > 0 && static_cast<ThriftType>(head & 0x0Fu) != element)) {
    failed_ = true;
    return 0;
  }
  return static_cast<std::size_t>(size);
}

std::int32_t ThriftReader::i32(ThriftType type) {
  if (type != ThriftType::i32) failed_ = true;
  const std::int64_t value = failed_ ? 0 : zigzag();
  if (value < std::numeric_limits<std::int32_t>::min() ||
      value > std::numeric_limits<std::int32_t>::max()) {
    failed_ = true;
  }
  return failed_ ? 0 : static_cast<std::int32_t>(value);
}

std::int64_t ThriftReader::i64(ThriftType type) {
  if (type != ThriftType::i64) failed_ = true;
  return failed_ ? 0 : zigzag();
}

bool ThriftReader::boolean(ThriftType type) {
  if (type != ThriftType::bool_true && type != ThriftType::bool_false) failed_ = true;
  return type == ThriftType::bool_true;
}

std::string_view ThriftReader::binary(ThriftType type) {
  if (type != ThriftType::binary) failed_ = true;
  const std::uint64_t size = failed_ ? 0 : varint();
  if (failed_ || size > bytes_.size() - at_) {
    failed_ = true;
    return {};
  }
  const auto value = bytes_.subspan(at_, static_cast<std::size_t>(size));
  at_ += value.size();
  return as_text(value);
}

void ThriftReader::skip(ThriftType type) {
  switch (type) {
    case ThriftType::bool_true:
    case ThriftType::bool_false:
      return;  // the value is in the field's header
    case ThriftType::i8:
      (void)byte();
      return;
    case ThriftType::i16:
    case ThriftType::i32:
    case ThriftType::i64:
      (void)varint();
      return;
    case ThriftType::real64:
      for (int i = 0; i < 8; ++i) (void)byte();
      return;
    case ThriftType::binary:
      (void)binary();
      return;
    case ThriftType::structure:
      structure([](std::int16_t, ThriftType) { return false; });
      return;
    case ThriftType::list:
    case ThriftType::set:
    case ThriftType::map:
      if (!enter()) return;
      skip_collection(type);
      --depth_;
      return;
    case ThriftType::stop:
      break;
  }
  failed_ = true;
}

void ThriftReader::skip_collection(ThriftType type) {
  ThriftType key = ThriftType::stop;
  ThriftType value = ThriftType::stop;
  std::uint64_t size = 0;
  if (type == ThriftType::map) {
    size = varint();
    if (size == 0) return;
    const std::uint8_t types = byte();
    key = static_cast<ThriftType>(types >> 4);
    value = static_cast<ThriftType>(types & 0x0Fu);
  } else {
    const std::uint8_t head = byte();
    size = (head >> 4) == 15 ? varint() : head >> 4;
    value = static_cast<ThriftType>(head & 0x0Fu);
  }
  if (size > bytes_.size() - at_) failed_ = true;
  const auto skip_element = [this](ThriftType element) {
    // Outside of a struct a boolean is a byte of its own.
    const bool is_boolean = element == ThriftType::bool_true || element == ThriftType::bool_false;
    if (is_boolean) {
      (void)byte();
    } else {
      skip(element);
    }
  };
  for (; size > 0 && !failed_; --size) {
    if (type == ThriftType::map) skip_element(key);
    skip_element(value);
  }
}

}  // namespace runlog::format
