#include "support/contents.hpp"

#include <algorithm>
#include <stdexcept>
#include <string_view>
#include <utility>

namespace test {

std::vector<Row> Contents::of(runlog::Kind kind) const {
  std::vector<Row> found;
  for (const Row& row : rows) {
    if (row.kind == kind) found.push_back(row);
  }
  return found;
}

std::vector<std::int64_t> Contents::steps(const std::string& name) const {
  std::vector<std::int64_t> found;
  for (const Row& row : rows) {
    if (row.name == name && row.step) found.push_back(*row.step);
  }
  return found;
}

std::uint64_t Contents::lost() const {
  std::uint64_t total = 0;
  for (const auto& one : damage) total += one.records_lost;
  return total;
}

std::uint64_t Contents::dropped() const {
  std::uint64_t total = 0;
  for (const Row& row : of(runlog::Kind::gap))
    total += static_cast<std::uint64_t>(row.int_value.value_or(0));
  return total;
}

bool Contents::is_free_of_duplicates() const {
  std::map<std::pair<std::string_view, std::int32_t>, std::vector<std::int64_t>> of_lanes;
  for (const Row& row : rows) of_lanes[{row.session, row.lane}].push_back(row.seq);
  for (auto& [lane, seqs] : of_lanes) {
    std::sort(seqs.begin(), seqs.end());
    if (std::adjacent_find(seqs.begin(), seqs.end()) != seqs.end()) return false;
  }
  return true;
}

Contents read(const std::filesystem::path& path, runlog::ReadOptions options) {
  auto reader = runlog::Reader::open(path, std::move(options));
  if (!reader) throw std::runtime_error(reader.error().message);
  Contents contents;
  runlog::Reader::Entry entry;
  while (reader->next(entry)) {
    const runlog::Record& record = entry.record;
    Row row;
    row.session = entry.journal->session;
    row.lane = record.lane;
    row.seq = record.seq;
    row.kind = record.kind;
    row.name = record.name;
    row.step = record.step;
    row.value = record.value;
    row.int_value = record.int_value;
    if (record.text) row.text = std::string(*record.text);
    if (record.payload) row.payload = std::string(*record.payload);
    row.time_ns = record.time_ns;
    contents.rows.push_back(std::move(row));
  }
  contents.journals = reader->journals();
  contents.damage = reader->damage();
  return contents;
}

std::vector<std::filesystem::path> packs_below(const std::filesystem::path& directory) {
  std::vector<std::filesystem::path> packs;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(directory)) {
    if (entry.path().extension() == ".parquet") packs.push_back(entry.path());
  }
  std::sort(packs.begin(), packs.end());
  return packs;
}

std::vector<std::int64_t> counting(std::int64_t count) {
  std::vector<std::int64_t> numbers;
  for (std::int64_t i = 0; i < count; ++i) numbers.push_back(i);
  return numbers;
}

}  // namespace test
