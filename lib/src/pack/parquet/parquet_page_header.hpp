// The header in front of each page of a Parquet file (PageHeader), as a struct and as bytes.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "pack/parquet/parquet_schema.hpp"
#include "runlog/result.hpp"

namespace runlog::format {

struct PageHeader {
  PageType type = PageType::data;
  std::int32_t uncompressed_bytes = 0;
  std::int32_t compressed_bytes = 0;
  std::optional<std::uint32_t> crc = {};  ///< CRC-32 of the page as stored
  std::int32_t values = 0;                ///< nulls included
  Encoding encoding = Encoding::plain;
};

void encode_page_header(const PageHeader& header, Bytes& out);

/// `bytes` begins with the header; `header_bytes` is set to its length. Errors: Errc::corrupt for
/// bytes that are no PageHeader, Errc::unsupported for a page that no pack has.
[[nodiscard]] Result<PageHeader> decode_page_header(std::span<const std::byte> bytes,
                                                    std::size_t& header_bytes);

}  // namespace runlog::format
