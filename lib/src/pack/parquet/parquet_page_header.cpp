#include "pack/parquet/parquet_page_header.hpp"

#include "pack/parquet/thrift.hpp"

namespace runlog::format {
namespace {

template <typename Enum>
std::int32_t number(Enum value) {
  return static_cast<std::int32_t>(value);
}

}  // namespace

void encode_page_header(const PageHeader& header, Bytes& out) {
  ThriftWriter writer(out);
  writer.begin_struct();
  writer.i32(1, number(header.type));
  writer.i32(2, header.uncompressed_bytes);
  writer.i32(3, header.compressed_bytes);
  if (header.crc) writer.i32(4, static_cast<std::int32_t>(*header.crc));
  if (header.type == PageType::data) {
    writer.begin_struct(5);
    writer.i32(1, header.values);
    writer.i32(2, number(header.encoding));
    writer.i32(3, number(Encoding::rle));  // of the definition levels
    writer.i32(4, number(Encoding::rle));  // of the repetition levels: there are none
  } else {
    writer.begin_struct(7);
    writer.i32(1, header.values);
    writer.i32(2, number(header.encoding));
  }
  writer.end_struct();
  writer.end_struct();
}

Result<PageHeader> decode_page_header(std::span<const std::byte> bytes, std::size_t& header_bytes) {
  PageHeader header;
  std::int32_t page_type = -1;
  int rle_levels = 0;  // of the two kinds, those that say they are RLE
  bool has_details = false;
  ThriftReader reader(bytes);
  reader.structure([&](std::int16_t id, ThriftType type) {
    switch (id) {
      case 1:
        page_type = reader.i32(type);
        return true;
      case 2:
        header.uncompressed_bytes = reader.i32(type);
        return true;
      case 3:
        header.compressed_bytes = reader.i32(type);
        return true;
      case 4:
        header.crc = static_cast<std::uint32_t>(reader.i32(type));
        return true;
      case 5:
      case 7:
        if (type != ThriftType::structure || has_details) return false;
        has_details = page_type == number(id == 5 ? PageType::data : PageType::dictionary);
        reader.structure([&](std::int16_t field, ThriftType field_type) {
          switch (field) {
            case 1:
              header.values = reader.i32(field_type);
              return true;
            case 2:
              header.encoding = static_cast<Encoding>(reader.i32(field_type));
              return true;
            case 3:
            case 4:
              if (id != 5) return false;
              if (reader.i32(field_type) == number(Encoding::rle)) ++rle_levels;
              return true;
            default:
              return false;
          }
        });
        return true;
      default:
        return false;
    }
  });
  header_bytes = reader.position();
  if (reader.failed() || header.uncompressed_bytes < 0 || header.compressed_bytes < 0 ||
      header.values < 0) {
    return Error{Errc::corrupt, 0, "the page header cannot be parsed"};
  }
  if (!has_details || (page_type == number(PageType::data) && rle_levels != 2)) {
    return Error{Errc::unsupported, 0, "a kind of page that packs do not have"};
  }
  header.type = static_cast<PageType>(page_type);
  return header;
}

}  // namespace runlog::format
