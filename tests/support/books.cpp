#include "support/books.hpp"

#include <charconv>
#include <map>
#include <set>
#include <sstream>
#include <string_view>
#include <utility>

#include <nlohmann/json.hpp>

#include "support/process.hpp"

namespace test {
namespace {

using Lane = std::pair<std::string, std::int32_t>;  // of a session

// Of the rows of one account.
struct Page {
  std::vector<std::int64_t> numbers;
  std::set<Lane> lanes;
};

// The account and the number that a row has, or an empty name.
std::pair<std::string_view, std::int64_t> entry_of(const Row& row) {
  if (row.kind == runlog::Kind::metric) return {row.name, row.step.value_or(-1)};
  if (row.kind != runlog::Kind::text || !row.text) return {};
  const std::string_view text = *row.text;
  const auto space = text.rfind(' ');
  if (space == std::string_view::npos) return {};
  std::int64_t number = 0;
  const char* const end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data() + space + 1, end, number);
  if (parsed.ec != std::errc{} || parsed.ptr != end) return {};
  return {text.substr(0, space), number};
}

std::string count_text(const std::string& name, std::uint64_t acknowledged, std::size_t kept) {
  return name + ": acknowledged " + std::to_string(acknowledged) + ", kept " + std::to_string(kept);
}

// Nothing twice, nothing that was not logged, and in order.
std::string problem_with_numbers(const Account& account, const Page& page, const Books& books) {
  const std::string counts = count_text(account.name, account.acknowledged, page.numbers.size());
  const auto end = static_cast<std::int64_t>(account.acknowledged + (books.is_killed ? 1 : 0));
  std::vector<bool> seen(account.acknowledged + 1);
  std::int64_t last = -1;
  for (const std::int64_t number : page.numbers) {
    const auto which = [&] { return " (" + std::to_string(number) + ")"; };
    if (number < 0 || number >= end) return counts + ", one that nobody logged" + which();
    const auto at = static_cast<std::size_t>(number);
    if (seen[at]) return counts + ", one of them twice" + which();
    seen[at] = true;
    if (books.is_in_order && number < last) return counts + ", not in order" + which();
    last = number;
  }
  return {};
}

}  // namespace

Books books_of(const Acknowledged& acknowledged) {
  Books books;
  for (std::size_t slot = 0; slot < Acknowledged::kSlots; ++slot) {
    books.accounts.push_back({slot_name(slot), acknowledged.records[slot].load()});
  }
  if (acknowledged.has_ended.load()) books.dropped = acknowledged.dropped.load();
  return books;
}

std::vector<std::int64_t> numbers_of(const Contents& contents, const std::string& account) {
  std::vector<std::int64_t> numbers;
  for (const Row& row : contents.rows) {
    const auto [name, number] = entry_of(row);
    if (name == account) numbers.push_back(number);
  }
  return numbers;
}

std::string problem_with_books(const Contents& contents, const Books& books) {
  if (!books.may_be_damaged && !contents.damage.empty()) {
    return contents.damage.front().path + " is damaged: " + contents.damage.front().why;
  }
  if (!contents.is_free_of_duplicates()) return "a record is there twice";

  std::map<std::string, Page, std::less<>> pages;
  for (const Account& account : books.accounts) pages[account.name] = {};
  std::map<Lane, std::set<std::string_view>> accounts_in;
  std::map<Lane, std::uint64_t> dropped_in;
  std::uint64_t others = 0;
  Lane lane;
  for (const Row& row : contents.rows) {
    if (lane.first != row.session || lane.second != row.lane) lane = {row.session, row.lane};
    if (row.kind == runlog::Kind::gap) {
      if (row.int_value.value_or(0) <= 0) return "a gap that tells of no drop";
      dropped_in[lane] += static_cast<std::uint64_t>(*row.int_value);
      continue;
    }
    const auto [name, number] = entry_of(row);
    const auto page = pages.find(name);
    accounts_in[lane].insert(page == pages.end() ? std::string_view() : name);
    if (page == pages.end()) {
      ++others;
      continue;
    }
    page->second.numbers.push_back(number);
    page->second.lanes.insert(lane);
  }

  std::uint64_t acknowledged = books.others.value_or(0);
  std::uint64_t kept = books.others ? others : 0;
  std::uint64_t active = 0;
  std::string counts;
  for (const Account& account : books.accounts) {
    const Page& page = pages[account.name];
    if (auto problem = problem_with_numbers(account, page, books); !problem.empty()) return problem;
    acknowledged += account.acknowledged;
    kept += page.numbers.size();
    active += account.acknowledged > 0 || !page.numbers.empty() ? 1u : 0u;
    counts += count_text(account.name, account.acknowledged, page.numbers.size()) + "; ";
    // What a lane tells that nobody else logs to is this thread's.
    std::uint64_t told = 0;
    for (const Lane& own : page.lanes) {
      if (accounts_in[own].size() == 1) told += dropped_in[own];
    }
    const std::uint64_t calls = account.acknowledged + (books.is_killed ? 1 : 0);
    if (books.tells_in_its_lane && page.numbers.size() + told > calls) {
      return counts + "its lanes tell of " + std::to_string(told) + " drops";
    }
  }

  const std::uint64_t dropped = contents.dropped();
  const std::uint64_t lost = contents.lost();
  bool is_exact = true;
  for (const auto& one : contents.damage) is_exact = is_exact && one.exact;
  counts += "acknowledged " + std::to_string(acknowledged) + ", kept " + std::to_string(kept) +
            ", told as dropped " + std::to_string(dropped) + ", as damaged " + std::to_string(lost);
  const std::uint64_t accounted = kept + dropped + lost;
  const std::uint64_t in_flight = books.is_killed ? active : 0;
  if (accounted > acknowledged + in_flight) return counts + ": too many";
  const bool may_be_untold = books.was_dropping && !kTells_drops_after_kill;
  if (is_exact && !may_be_untold && accounted < acknowledged) return counts + ": too few";
  if (books.dropped && *books.dropped != dropped) {
    return counts + ", by stats() " + std::to_string(*books.dropped);
  }
  return {};
}

Verified verify(const std::filesystem::path& place) {
  Verified verified;
  const auto [exit, output] = run_command({tool("runlog"), "verify", "--json", place});
  std::istringstream lines(output);
  for (std::string line; std::getline(lines, line);) {
    const auto finding = nlohmann::json::parse(line, nullptr, false);
    if (finding.is_discarded()) {
      verified.problem = "not JSON: " + line;
      return verified;
    }
    const auto records = finding.value("records", std::uint64_t{0});
    const std::string what = finding.value("what", "");
    if (what == "dropped") verified.dropped += records;
    if (what == "damage") verified.damaged += records;
    if (what == "unread" || what == "unreadable") verified.problem = line;
  }
  const bool is_whole = output.find("\"damage\"") == std::string::npos && verified.dropped == 0;
  if (is_whole ? exit.code != 0 && exit.code != 3 : exit.code != 3) {
    verified.problem = "exit status " + std::to_string(exit.code) + " for\n" + output;
  }
  return verified;
}

std::string problem_with_verify(const Contents& contents, const std::filesystem::path& place) {
  const Verified verified = verify(place);
  if (verified.problem.empty() && verified.dropped == contents.dropped() &&
      verified.damaged == contents.lost()) {
    return {};
  }
  return "`runlog verify` says otherwise: dropped " + std::to_string(verified.dropped) +
         ", damaged " + std::to_string(verified.damaged) + " " + verified.problem;
}

}  // namespace test
