// PackInfo as the key-value texts of a Parquet footer, and back. docs/format.md, "Packs", describes
// the texts.
#pragma once

#include <span>
#include <vector>

#include "pack/pack.hpp"
#include "pack/parquet/parquet_footer.hpp"

namespace runlog::format {

inline constexpr std::uint32_t kPack_format_version = 1;

/// Run id, project and session are written as they are and must be UTF-8: some readers refuse a
/// file for less. Damage may name any bytes.
[[nodiscard]] std::vector<KeyValue> encode_info(const PackInfo& info);

/// Keys that are not ours are ignored. Errors: Errc::unsupported where "runlog.format" is absent
/// (not a pack) or newer than kPack_format_version; Errc::corrupt where a key is missing, is there
/// twice or does not parse.
[[nodiscard]] Result<PackInfo> decode_info(std::span<const KeyValue> key_values);

}  // namespace runlog::format
