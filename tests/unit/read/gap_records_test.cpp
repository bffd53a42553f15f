// What gap records count, and what of a tally they do not tell.
#include "read/gap_records.hpp"

#include "support/catch.hpp"

using namespace runlog;

namespace {

constexpr auto kQuota = static_cast<std::size_t>(DropReason::quota);
constexpr auto kValue = static_cast<std::size_t>(DropReason::value);

Record gap(std::string_view why, std::int64_t calls) {
  return {.kind = Kind::gap, .int_value = calls, .text = why};
}

}  // namespace

TEST_CASE("gap records count by their reason; others, and counts below one, are passed over") {
  GapCounts gaps;
  gaps.add(gap(drop_text(DropReason::quota), 3));
  gaps.add(gap(drop_text(DropReason::quota), 4));
  gaps.add(gap("a reason of a later version", 5));
  gaps.add(gap(drop_text(DropReason::value), 0));
  gaps.add(gap(drop_text(DropReason::value), -1));
  gaps.add({.kind = Kind::text, .int_value = 9, .text = drop_text(DropReason::value)});
  CHECK(gaps.calls[kQuota] == 7);
  CHECK(gaps.calls[kValue] == 0);
  CHECK(gaps.without_reason == 5);
  CHECK(gaps.all() == 12);
}

TEST_CASE("what is told without a reason is of any, and is told once") {
  GapCounts gaps;
  gaps.add(gap(drop_text(DropReason::quota), 10));
  gaps.add(gap("", 5));
  DropCounts dropped = {};
  dropped[kQuota] = 12;
  dropped[kValue] = 4;
  const DropCounts missing = gaps.missing_of(dropped);
  CHECK(missing[kQuota] == 0);
  CHECK(missing[kValue] == 1);
  CHECK(total(missing) == 1);
}

TEST_CASE("more told than dropped is nothing missing") {
  GapCounts gaps;
  gaps.add(gap(drop_text(DropReason::quota), 10));
  CHECK(gaps.missing_of({}) == DropCounts{});
}
