// Thrift's compact protocol, as far as Parquet's footer and page headers need it: structs, lists,
// integers, booleans and byte strings. Knows nothing of Parquet.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace runlog::format {

enum class ThriftType : std::uint8_t {
  stop = 0,
  bool_true = 1,
  bool_false = 2,
  i8 = 3,
  i16 = 4,
  i32 = 5,
  i64 = 6,
  real64 = 7,
  binary = 8,
  list = 9,
  set = 10,
  map = 11,
  structure = 12,
};

/// Structs within structs; Parquet needs 8, skipped unknown fields may have a few more.
inline constexpr std::size_t kThrift_depth_max = 24;

/// Appends to `out`. Fields of a struct are written in ascending order of id.
class ThriftWriter {
 public:
  explicit ThriftWriter(std::vector<std::byte>& out) : out_(out) {}

  void begin_struct();                 ///< as an element of a list, or the outermost
  void begin_struct(std::int16_t id);  ///< as a field
  void end_struct();
  void begin_list(std::int16_t id, ThriftType element, std::size_t size);  ///< elements follow

  void boolean(std::int16_t id, bool value);
  void i32(std::int16_t id, std::int32_t value);
  void i64(std::int16_t id, std::int64_t value);
  void binary(std::int16_t id, std::string_view value);

  void i32_element(std::int32_t value);
  void binary_element(std::string_view value);

 private:
  void header(std::int16_t id, ThriftType type);
  void varint(std::uint64_t value);

  std::vector<std::byte>& out_;
  std::array<std::int16_t, kThrift_depth_max> last_ids_ = {};
  std::size_t depth_ = 0;
};

/// Reads untrusted bytes. The first violation makes it fail for good: from then on every value is
/// zero or empty and every loop ends, so callers check failed() once, at the end.
class ThriftReader {
 public:
  explicit ThriftReader(std::span<const std::byte> bytes) : bytes_(bytes) {}

  [[nodiscard]] bool failed() const noexcept { return failed_; }
  void fail() noexcept { failed_ = true; }
  [[nodiscard]] std::size_t position() const noexcept { return at_; }

  /// `on_field(id, type)` reads the field's value by the functions below and returns true, or
  /// returns false to have it skipped.
  template <typename OnField>
  void structure(OnField&& on_field) {
    if (!enter()) return;
    std::int16_t id = 0;
    for (ThriftType type{}; next_field(id, type);) {
      if (!on_field(id, type)) skip(type);
    }
    --depth_;
  }

  /// `on_element()` reads one element. `type` is the field's type, which must be a list.
  template <typename OnElement>
  void list(ThriftType type, ThriftType element, OnElement&& on_element) {
    for (std::size_t left = list_size(type, element); left > 0 && !failed_; --left) on_element();
  }

  [[nodiscard]] std::int32_t i32(ThriftType type = ThriftType::i32);
  [[nodiscard]] std::int64_t i64(ThriftType type = ThriftType::i64);
  [[nodiscard]] bool boolean(ThriftType type);  ///< as a field: the value is in the type
  [[nodiscard]] std::string_view binary(ThriftType type = ThriftType::binary);

  void skip(ThriftType type);

 private:
  bool enter();
  bool next_field(std::int16_t& id, ThriftType& type);
  std::size_t list_size(ThriftType type, ThriftType element);
  void skip_collection(ThriftType type);
  std::uint8_t byte();
  std::uint64_t varint();
  std::int64_t zigzag();

  std::span<const std::byte> bytes_;
  std::size_t at_ = 0;
  std::size_t depth_ = 0;
  bool failed_ = false;
};

}  // namespace runlog::format
