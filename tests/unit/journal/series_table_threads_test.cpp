// Many threads name series at once.
#include "journal/series_table.hpp"

#include <atomic>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "support/catch.hpp"

using runlog::SeriesTable;

namespace {

constexpr std::size_t kThreads = 8;
constexpr std::uint32_t kNames = 3000;  // grows the index several times

std::string name_of(std::uint32_t i) {
  return "series/" + std::to_string(i);
}

// Catch's macros are for one thread: the others count what is wrong.
template <typename Work>
void in_threads(Work&& work) {
  std::atomic<std::size_t> ready = 0;
  std::vector<std::jthread> threads;
  for (std::size_t t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      ++ready;
      while (ready < kThreads) std::this_thread::yield();
      work(t);
    });
  }
}

}  // namespace

TEST_CASE("threads that add the same names at once agree on dense numbers") {
  SeriesTable table;
  std::vector<std::vector<std::uint32_t>> given(kThreads, std::vector<std::uint32_t>(kNames));
  std::atomic<int> wrong = 0;
  in_threads([&](std::size_t t) {
    for (std::uint32_t i = 0; i < kNames; ++i) {
      // Each thread in another order.
      const auto which = static_cast<std::uint32_t>((i * 7 + t * 379) % kNames);
      const auto number = table.find_or_add(name_of(which));
      if (!number || table.name(*number) != name_of(which) ||
          table.find(name_of(which)) != number) {
        ++wrong;
        continue;
      }
      given[t][which] = *number;
    }
  });
  CHECK(wrong == 0);
  CHECK(table.size() == kNames);
  std::set<std::uint32_t> numbers(given[0].begin(), given[0].end());
  CHECK(numbers.size() == kNames);
  CHECK(*numbers.rbegin() == kNames - 1);
  for (const auto& numbers_of_one : given) CHECK(numbers_of_one == given[0]);
}

TEST_CASE("a name once found is found for ever, while others are added") {
  SeriesTable table;
  for (std::uint32_t i = 0; i < 100; ++i) REQUIRE(table.find_or_add(name_of(i)) == i);
  std::atomic<int> wrong = 0;
  in_threads([&](std::size_t t) {
    for (std::uint32_t i = 0; i < kNames; ++i) {
      if (t % 2 == 0) {
        if (!table.find_or_add("new/" + std::to_string(t) + "/" + std::to_string(i))) ++wrong;
      } else {
        if (table.find(name_of(i % 100)) != i % 100) ++wrong;
        if (table.name(i % 100) != name_of(i % 100)) ++wrong;
        if (table.find("never added")) ++wrong;
      }
    }
  });
  CHECK(wrong == 0);
  CHECK(table.size() == 100 + kThreads / 2 * kNames);
}

TEST_CASE("a number that was not given out has no name") {
  SeriesTable table;
  CHECK(table.size() == 0);
  CHECK(table.name(0).empty());
  CHECK(table.name(UINT32_MAX).empty());
  CHECK_FALSE(table.find("a"));
  CHECK(table.find_or_add("a") == 0);
  CHECK(table.name(0) == "a");
  CHECK(table.name(1).empty());
}

TEST_CASE("names that differ only in length or in one byte are different series") {
  SeriesTable table;
  std::set<std::uint32_t> numbers;
  const std::string zeros(24, '\0');
  for (std::size_t length = 0; length <= zeros.size(); ++length) {
    numbers.insert(*table.find_or_add(std::string_view(zeros).substr(0, length)));
  }
  for (std::size_t at = 0; at < zeros.size(); ++at) {
    std::string name = zeros;
    name[at] = 'x';
    numbers.insert(*table.find_or_add(name));
  }
  CHECK(numbers.size() == 25 + 24);
}
