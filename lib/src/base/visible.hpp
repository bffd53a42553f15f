// visible(), which is public, for who has no memory to take.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

#include "runlog/shown.hpp"

namespace runlog {

/// Copies visible(text), or as many of its characters as fit, to `target`. Returns their bytes.
std::size_t copy_visible(std::span<char> target, std::string_view text) noexcept;

}  // namespace runlog
