#include "runlog/record.hpp"

#include <array>

namespace runlog {
namespace {

constexpr std::array<std::string_view, kKind_count> kNames = {
#define RUNLOG_KIND(number, name, family, holds) #name,
#include "runlog/kinds.def"
};

// Names are found by number, and any number below kKind_count is a kind.
constexpr std::array<std::size_t, kKind_count> kNumbers = {
#define RUNLOG_KIND(number, name, family, holds) number,
#include "runlog/kinds.def"
};
constexpr bool are_numbers_without_gaps() {
  for (std::size_t i = 0; i < kKind_count; ++i) {
    if (kNumbers[i] != i) return false;
  }
  return true;
}
static_assert(are_numbers_without_gaps());

}  // namespace

std::string_view kind_name(Kind kind) noexcept {
  const auto number = static_cast<std::size_t>(kind);
  return kNames[number < kKind_count ? number : 0];
}

Kind kind_from_name(std::string_view name) noexcept {
  for (std::size_t number = 0; number < kKind_count; ++number) {
    if (kNames[number] == name) return static_cast<Kind>(number);
  }
  return Kind::unknown;
}

}  // namespace runlog
