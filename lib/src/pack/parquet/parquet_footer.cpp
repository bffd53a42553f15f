#include "pack/parquet/parquet_footer.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "base/bytes.hpp"
#include "base/checksum.hpp"
#include "base/crc32.hpp"
#include "base/hex.hpp"
#include "pack/parquet/thrift.hpp"
#include "runlog/version.hpp"

namespace runlog::format {
namespace {

constexpr std::string_view kCrc_key = "runlog.footer_crc32";
constexpr std::int32_t kConverted_utf8 = 0;  // what readers knew before logical types

std::string crc_text(std::span<const std::byte> bytes) {
  std::string text;
  const std::uint32_t crc = crc32(bytes);
  for (int shift = 24; shift >= 0; shift -= 8) {
    append_hex(text, static_cast<std::uint8_t>(crc >> shift));
  }
  return text;
}

template <typename Enum>
std::int32_t number(Enum value) {
  return static_cast<std::int32_t>(value);
}

void write_schema(ThriftWriter& writer) {
  writer.begin_list(2, ThriftType::structure, kColumns.size() + 1);
  writer.begin_struct();
  writer.binary(4, kSchema_name);
  writer.i32(5, static_cast<std::int32_t>(kColumns.size()));
  writer.end_struct();
  for (const Column& column : kColumns) {
    writer.begin_struct();
    writer.i32(1, number(column.type));
    writer.i32(3, number(column.repetition));
    writer.binary(4, column.name);
    if (column.annotation == Annotation::string) {
      writer.i32(6, kConverted_utf8);
      writer.begin_struct(10);
      writer.begin_struct(1);  // STRING
      writer.end_struct();
      writer.end_struct();
    } else if (column.annotation == Annotation::timestamp_utc_ns) {
      writer.begin_struct(10);
      writer.begin_struct(8);  // TIMESTAMP
      writer.boolean(1, true);
      writer.begin_struct(2);
      writer.begin_struct(3);  // NANOS
      writer.end_struct();
      writer.end_struct();
      writer.end_struct();
      writer.end_struct();
    }
    writer.end_struct();
  }
}

void write_page_counts(ThriftWriter& writer, const ChunkMeta& chunk) {
  const auto count = [&](PageType type, Encoding encoding, std::int32_t pages) {
    writer.begin_struct();
    writer.i32(1, number(type));
    writer.i32(2, number(encoding));
    writer.i32(3, pages);
    writer.end_struct();
  };
  const bool has_dictionary = chunk.dictionary_page_offset.has_value();
  writer.begin_list(13, ThriftType::structure, has_dictionary ? 2 : 1);
  if (has_dictionary) count(PageType::dictionary, Encoding::plain, 1);
  count(PageType::data, chunk.encodings.front(), chunk.data_pages);
}

void write_chunk(ThriftWriter& writer, const ChunkMeta& chunk) {
  writer.begin_struct();
  writer.i64(2, 0);  // deprecated: a second copy of this description, which there is not
  writer.begin_struct(3);
  writer.i32(1, number(chunk.type));
  writer.begin_list(2, ThriftType::i32, chunk.encodings.size());
  for (const Encoding encoding : chunk.encodings) writer.i32_element(number(encoding));
  writer.begin_list(3, ThriftType::binary, 1);
  writer.binary_element(chunk.name);
  writer.i32(4, number(chunk.codec));
  writer.i64(5, chunk.values);
  writer.i64(6, chunk.uncompressed_bytes);
  writer.i64(7, chunk.compressed_bytes);
  writer.i64(9, chunk.data_page_offset);
  if (chunk.dictionary_page_offset) writer.i64(11, *chunk.dictionary_page_offset);
  writer.begin_struct(12);
  writer.i64(3, chunk.null_count);
  if (chunk.value_max) writer.binary(5, *chunk.value_max);
  if (chunk.value_min) writer.binary(6, *chunk.value_min);
  writer.end_struct();
  write_page_counts(writer, chunk);
  writer.end_struct();
  writer.end_struct();
}

void write_row_group(ThriftWriter& writer, const RowGroupMeta& group) {
  std::int64_t compressed_bytes = 0;
  for (const ChunkMeta& chunk : group.chunks) compressed_bytes += chunk.compressed_bytes;
  writer.begin_struct();
  writer.begin_list(1, ThriftType::structure, group.chunks.size());
  for (const ChunkMeta& chunk : group.chunks) write_chunk(writer, chunk);
  writer.i64(2, group.uncompressed_bytes);
  writer.i64(3, group.rows);
  writer.i64(5, group.chunks.front().offset());
  writer.i64(6, compressed_bytes);
  writer.end_struct();
}

// Readers of one struct each: take the fields we know, leave the rest to be skipped.

Annotation read_annotation(ThriftReader& reader) {
  bool is_string = false, is_utc = false, is_ns = false;
  reader.structure([&](std::int16_t id, ThriftType type) {
    if (type != ThriftType::structure || (id != 1 && id != 8)) return false;
    if (id == 1) is_string = true;
    reader.structure([&](std::int16_t field, ThriftType field_type) {
      if (id != 8 || (field != 1 && field != 2)) return false;
      if (field == 1) {
        is_utc = reader.boolean(field_type);
        return true;
      }
      if (field_type != ThriftType::structure) return false;
      reader.structure([&](std::int16_t unit, ThriftType) {
        is_ns = unit == 3;
        return false;
      });
      return true;
    });
    return true;
  });
  if (is_string) return Annotation::string;
  return is_utc && is_ns ? Annotation::timestamp_utc_ns : Annotation::none;
}

SchemaLeaf read_leaf(ThriftReader& reader) {
  SchemaLeaf leaf;
  reader.structure([&](std::int16_t id, ThriftType type) {
    switch (id) {
      case 1:
        leaf.type = reader.i32(type);
        return true;
      case 3:
        leaf.repetition = reader.i32(type);
        return true;
      case 4:
        leaf.name = reader.binary(type);
        return true;
      case 5:
        leaf.children = reader.i32(type);
        return true;
      case 10:
        if (type != ThriftType::structure) return false;
        leaf.annotation = read_annotation(reader);
        return true;
      default:
        return false;
    }
  });
  if (leaf.name.empty()) reader.fail();
  return leaf;
}

void read_statistics(ThriftReader& reader, ChunkMeta& chunk) {
  reader.structure([&](std::int16_t id, ThriftType type) {
    switch (id) {
      case 3:
        chunk.null_count = reader.i64(type);
        return true;
      case 5:
        chunk.value_max = reader.binary(type);
        return true;
      case 6:
        chunk.value_min = reader.binary(type);
        return true;
      default:
        return false;
    }
  });
}

void read_chunk_meta(ThriftReader& reader, ChunkMeta& chunk) {
  reader.structure([&](std::int16_t id, ThriftType type) {
    switch (id) {
      case 1:
        chunk.type = static_cast<PhysicalType>(reader.i32(type));
        return true;
      case 2:
        reader.list(type, ThriftType::i32,
                    [&] { chunk.encodings.push_back(static_cast<Encoding>(reader.i32())); });
        return true;
      case 3:
        // Only a nested column has a path of several names; those are joined as Parquet shows them.
        reader.list(type, ThriftType::binary, [&] {
          if (!chunk.name.empty()) chunk.name += '.';
          chunk.name += reader.binary();
        });
        return true;
      case 4:
        chunk.codec = static_cast<Codec>(reader.i32(type));
        return true;
      case 5:
        chunk.values = reader.i64(type);
        return true;
      case 6:
        chunk.uncompressed_bytes = reader.i64(type);
        return true;
      case 7:
        chunk.compressed_bytes = reader.i64(type);
        return true;
      case 9:
        chunk.data_page_offset = reader.i64(type);
        return true;
      case 11:
        chunk.dictionary_page_offset = reader.i64(type);
        return true;
      case 12:
        if (type != ThriftType::structure) return false;
        read_statistics(reader, chunk);
        return true;
      default:
        return false;
    }
  });
}

ChunkMeta read_chunk(ThriftReader& reader) {
  ChunkMeta chunk;
  reader.structure([&](std::int16_t id, ThriftType type) {
    if (id != 3 || type != ThriftType::structure) return false;
    read_chunk_meta(reader, chunk);
    return true;
  });
  // A chunk without these is none; and an empty struct of one byte must not become 200 in memory.
  if (chunk.encodings.empty() || chunk.name.empty() || chunk.data_page_offset <= 0) reader.fail();
  return chunk;
}

RowGroupMeta read_row_group(ThriftReader& reader) {
  RowGroupMeta group;
  reader.structure([&](std::int16_t id, ThriftType type) {
    switch (id) {
      case 1:
        reader.list(type, ThriftType::structure,
                    [&] { group.chunks.push_back(read_chunk(reader)); });
        return true;
      case 2:
        group.uncompressed_bytes = reader.i64(type);
        return true;
      case 3:
        group.rows = reader.i64(type);
        return true;
      default:
        return false;
    }
  });
  if (group.chunks.empty()) reader.fail();
  return group;
}

}  // namespace

Bytes encode_footer(const Footer& footer) {
  Bytes out;
  ThriftWriter writer(out);
  writer.begin_struct();
  writer.i32(1, 1);  // format version
  write_schema(writer);
  writer.i64(3, footer.rows);
  writer.begin_list(4, ThriftType::structure, footer.row_groups.size());
  for (const RowGroupMeta& group : footer.row_groups) write_row_group(writer, group);
  writer.begin_list(5, ThriftType::structure, footer.key_values.size() + 1);
  for (const KeyValue& pair : footer.key_values) {
    writer.begin_struct();
    writer.binary(1, pair.key);
    writer.binary(2, pair.value);
    writer.end_struct();
  }
  writer.begin_struct();
  writer.binary(1, kCrc_key);
  writer.binary(2, crc_text(out));
  writer.end_struct();
  writer.binary(6, std::string("runlog version ") + kVersion);
  writer.begin_list(7, ThriftType::structure, kColumns.size());
  for (std::size_t i = 0; i < kColumns.size(); ++i) {
    writer.begin_struct();
    writer.begin_struct(1);  // the order that the column's type defines
    writer.end_struct();
    writer.end_struct();
  }
  writer.end_struct();
  return out;
}

Result<Footer> decode_footer(std::span<const std::byte> bytes) {
  Footer footer;
  bool is_sound = true;
  ThriftReader reader(bytes);
  const auto read_key_value = [&] {
    KeyValue pair;
    std::size_t value_begin = 0;
    reader.structure([&](std::int16_t id, ThriftType type) {
      if (id == 1) {
        pair.key = reader.binary(type);
        value_begin = reader.position();
      } else if (id == 2) {
        pair.value = reader.binary(type);
      }
      return id == 1 || id == 2;
    });
    if (pair.key.empty()) reader.fail();
    if (pair.key == kCrc_key && !reader.failed()) {
      footer.has_checksum = true;
      const bool holds = kTakes_any_checksum || pair.value == crc_text(bytes.first(value_begin));
      is_sound = is_sound && holds;
    } else {
      footer.key_values.push_back(std::move(pair));
    }
  };
  bool is_root = true;
  std::int32_t root_children = 0;
  reader.structure([&](std::int16_t id, ThriftType type) {
    switch (id) {
      case 2:
        reader.list(type, ThriftType::structure, [&] {
          SchemaLeaf leaf = read_leaf(reader);
          if (is_root) {
            root_children = leaf.children;
          } else {
            footer.schema.push_back(std::move(leaf));
          }
          is_root = false;
        });
        return true;
      case 3:
        footer.rows = reader.i64(type);
        return true;
      case 4:
        reader.list(type, ThriftType::structure,
                    [&] { footer.row_groups.push_back(read_row_group(reader)); });
        return true;
      case 5:
        reader.list(type, ThriftType::structure, read_key_value);
        return true;
      default:
        return false;
    }
  });
  if (reader.failed() || is_root) return Error{Errc::corrupt, 0, "the footer cannot be parsed"};
  if (!is_sound) return Error{Errc::corrupt, 0, "the footer's checksum does not match"};
  if (static_cast<std::int64_t>(footer.schema.size()) != root_children) {
    return Error{Errc::unsupported, 0, "nested columns: not a pack"};
  }
  return footer;
}

}  // namespace runlog::format
