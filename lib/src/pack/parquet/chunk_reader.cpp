#include "pack/parquet/chunk_reader.hpp"

#include <algorithm>
#include <string>
#include <utility>

#include "base/bytes.hpp"
#include "base/checksum.hpp"
#include "base/crc32.hpp"
#include "pack/parquet/lz4_codec.hpp"
#include "pack/parquet/parquet_encodings.hpp"
#include "pack/parquet/parquet_page_header.hpp"

namespace runlog::format {
namespace {

bool is_encoding_of(const Column& column, Encoding encoding) {
  switch (column.type) {
    case PhysicalType::int32:
      return encoding == Encoding::delta_binary_packed;
    case PhysicalType::int64:
      return encoding == Encoding::delta_binary_packed || encoding == Encoding::plain;
    case PhysicalType::real64:
      return encoding == Encoding::byte_stream_split || encoding == Encoding::plain ||
             encoding == Encoding::rle_dictionary;
    case PhysicalType::byte_array:
      return encoding == Encoding::plain || encoding == Encoding::rle_dictionary;
  }
  return false;
}

bool has_dictionary_type(const Column& column) {
  return column.type == PhysicalType::real64 || column.type == PhysicalType::byte_array;
}

// The pages of a chunk as they are stored, one after the other, each checked.
class Pages {
 public:
  Pages(PackBytes& file, const ChunkMeta& chunk)
      : name_(chunk.name),
        at_(static_cast<std::size_t>(chunk.offset())),
        end_(at_ + static_cast<std::size_t>(chunk.compressed_bytes)),
        file_(file) {}

  [[nodiscard]] bool is_at_end() const noexcept { return at_ >= end_; }

  Result<PageHeader> next() {
    begin_ = at_;
    std::size_t header_bytes = 0;
    const auto head = file_.get(at_, std::min(kPage_header_bytes_max, end_ - at_), end_);
    if (!head) return fail(head.error().message, head.error().code);
    auto header = decode_page_header(*head, header_bytes);
    if (!header) return fail(header.error().message, header.error().code);
    at_ += header_bytes;
    if (!header->crc) return fail("it has no checksum", Errc::unsupported);
    const auto compressed_bytes = static_cast<std::size_t>(header->compressed_bytes);
    if (compressed_bytes > end_ - at_) return fail("it reaches beyond its column");
    if (compressed_bytes > kStored_page_bytes_max) {
      return fail("it would take " + std::to_string(compressed_bytes) + " bytes");
    }
    const auto body = file_.get(at_, compressed_bytes, end_);
    if (!body) return fail(body.error().message, body.error().code);
    body_ = body->first(compressed_bytes);
    at_ += compressed_bytes;
    if (!is_checksum(*header->crc, crc32(body_))) return fail("its checksum does not match");
    return header;
  }
  /// What the header of the last one announced.
  [[nodiscard]] std::span<const std::byte> body() const noexcept { return body_; }

  /// Of the last one.
  [[nodiscard]] Error fail(std::string_view why, Errc code = Errc::corrupt) const {
    std::string message = "column ";
    message += name_;
    message += ", page at byte " + std::to_string(begin_) + ": ";
    message += why;
    return Error{code, 0, std::move(message)};
  }

 private:
  std::string_view name_;
  std::size_t begin_ = 0;
  std::size_t at_;   // in file_
  std::size_t end_;  // of the chunk
  PackBytes& file_;
  std::span<const std::byte> body_ = {};
};

class ChunkReader {
 public:
  ChunkReader(PackBytes& file, const ChunkMeta& chunk, const Column& column, std::size_t rows,
              std::size_t& budget_bytes, DecodedColumn& decoded)
      : chunk_(chunk),
        column_(column),
        rows_(rows),
        budget_bytes_(budget_bytes),
        decoded_(decoded),
        pages_(file, chunk) {}

  Result<void> read() {
    decoded_.clear();
    while (!pages_.is_at_end()) {
      auto header = read_page();
      if (!header) return std::move(header).error();
      auto done =
          header->type == PageType::dictionary ? read_dictionary(*header) : read_data(*header);
      if (!done) return done;
    }
    if (row_ != rows_)
      return fail("it has " + std::to_string(row_) + " rows of " + std::to_string(rows_));
    if (!is_strings()) decoded_.pages.clear();
    return {};
  }

 private:
  [[nodiscard]] bool is_strings() const noexcept {
    return column_.type == PhysicalType::byte_array;
  }

  [[nodiscard]] Error fail(std::string_view why, Errc code = Errc::corrupt) const {
    return pages_.fail(why, code);
  }

  // Reads a header and puts the page it announces, checked and decompressed, into body_.
  Result<PageHeader> read_page() {
    auto header = pages_.next();
    if (!header) return header;
    const auto compressed = pages_.body();
    const auto page_bytes = static_cast<std::size_t>(header->uncompressed_bytes);
    if (page_bytes > kPage_bytes_max || page_bytes > budget_bytes_ ||
        page_bytes > lz4_expanded_bytes_max(compressed.size())) {
      return fail("it would take " + std::to_string(page_bytes) + " bytes");
    }
    budget_bytes_ -= page_bytes;
    Bytes& page = decoded_.pages.emplace_back(page_bytes);
    if (!lz4_decompress(compressed, page)) return fail("it cannot be decompressed");
    body_ = page;
    if (!std::ranges::count(chunk_.encodings, header->encoding)) {
      return fail("its encoding is not one of its column's");
    }
    return header;
  }

  Result<void> read_dictionary(const PageHeader& header) {
    const auto entries = static_cast<std::size_t>(header.values);
    if (!has_dictionary_type(column_) || header.encoding != Encoding::plain) {
      return fail("a dictionary that packs do not have", Errc::unsupported);
    }
    // A dictionary comes first, and no entry is without a row.
    if (row_ != 0 || has_dictionary_ || entries > rows_) return fail("a dictionary out of place");
    has_dictionary_ = true;
    number_dictionary_.resize(is_strings() ? 0 : entries);
    string_dictionary_.resize(is_strings() ? entries : 0);
    const bool is_decoded = is_strings() ? decode_plain(body_, std::span(string_dictionary_))
                                         : decode_plain(body_, std::span(number_dictionary_));
    return is_decoded ? Result<void>{} : fail("the dictionary cannot be decoded");
  }

  Result<void> read_data(const PageHeader& header) {
    const auto rows = static_cast<std::size_t>(header.values);
    if (!is_encoding_of(column_, header.encoding)) {
      return fail("an encoding that packs do not have", Errc::unsupported);
    }
    if (rows == 0 || rows > rows_ - row_)
      return fail("it has more rows than its row group, or none");
    std::size_t values = rows;
    if (column_.repetition == Repetition::optional && !read_levels(rows, values)) {
      return fail("its definition levels cannot be decoded");
    }
    if (is_strings()) {
      strings_.resize(values);
    } else {
      numbers_.resize(values);
    }
    if (!decode_values(header.encoding, values)) return fail("its values cannot be decoded");
    if (is_strings()) {
      spread(strings_, rows, decoded_.strings);
    } else {
      spread(numbers_, rows, decoded_.numbers);
    }
    row_ += rows;
    return {};
  }

  // Takes the levels off body_ and counts the values that follow.
  bool read_levels(std::size_t rows, std::size_t& values) {
    if (body_.size() < sizeof(std::uint32_t)) return false;
    const std::size_t levels_bytes = load<std::uint32_t>(body_.data());
    body_ = body_.subspan(sizeof(std::uint32_t));
    if (levels_bytes > body_.size()) return false;
    decoded_.levels.resize(row_ + rows);
    const auto levels = std::span(decoded_.levels).subspan(row_);
    if (!decode_hybrid(body_.first(levels_bytes), 1, levels)) return false;
    body_ = body_.subspan(levels_bytes);
    values = static_cast<std::size_t>(std::ranges::count(levels, 1));
    return true;
  }

  bool decode_values(Encoding encoding, std::size_t values) {
    switch (encoding) {
      case Encoding::delta_binary_packed:
        return decode_delta(body_, column_.type == PhysicalType::int32 ? 32 : 64, numbers_);
      case Encoding::byte_stream_split:
        return decode_split(body_, numbers_);
      case Encoding::plain:
        return is_strings() ? decode_plain(body_, std::span(strings_))
                            : decode_plain(body_, std::span(numbers_));
      case Encoding::rle_dictionary:
        return is_strings() ? look_up(string_dictionary_, values, strings_)
                            : look_up(number_dictionary_, values, numbers_);
      case Encoding::rle:
        break;
    }
    return false;
  }

  template <typename T>
  bool look_up(const std::vector<T>& dictionary, std::size_t values, std::vector<T>& out) {
    if (body_.empty()) return false;
    const auto width = static_cast<unsigned>(body_.front());
    indices_.resize(values);
    if (!decode_hybrid(body_.subspan(1), width, std::span(indices_))) return false;
    for (std::size_t i = 0; i < values; ++i) {
      if (indices_[i] >= dictionary.size()) return false;
      out[i] = dictionary[indices_[i]];
    }
    return true;
  }

  // Appends `rows` slots: the values where the levels say so.
  template <typename T>
  void spread(const std::vector<T>& values, std::size_t rows, std::vector<T>& slots) {
    if (column_.repetition == Repetition::required) {
      slots.insert(slots.end(), values.begin(), values.end());
      return;
    }
    auto value = values.begin();
    for (std::size_t row = row_; row < row_ + rows; ++row) {
      slots.push_back(decoded_.levels[row] != 0 ? *value++ : T{});
    }
  }

  const ChunkMeta& chunk_;
  const Column& column_;
  std::size_t rows_;
  std::size_t& budget_bytes_;
  DecodedColumn& decoded_;
  Pages pages_;

  std::span<const std::byte> body_ = {};  // what of the page is not yet decoded
  std::size_t row_ = 0;                   // rows decoded so far
  bool has_dictionary_ = false;
  std::vector<std::int64_t> number_dictionary_ = {}, numbers_ = {};
  std::vector<std::string_view> string_dictionary_ = {}, strings_ = {};
  std::vector<std::uint32_t> indices_ = {};
};

}  // namespace

void DecodedColumn::clear() noexcept {
  numbers.clear();
  strings.clear();
  levels.clear();
  pages.clear();
}

Result<void> decode_chunk(PackBytes& file, const ChunkMeta& chunk, const Column& column,
                          std::size_t rows, std::size_t& budget_bytes, DecodedColumn& decoded) {
  return ChunkReader(file, chunk, column, rows, budget_bytes, decoded).read();
}

Result<void> check_chunk(PackBytes& file, const ChunkMeta& chunk) {
  Pages pages(file, chunk);
  while (!pages.is_at_end()) {
    if (auto page = pages.next(); !page) return std::move(page).error();
  }
  return {};
}

}  // namespace runlog::format
