#include "support/killed.hpp"

#include <fstream>
#include <iterator>
#include <map>

namespace test {
namespace {

std::string content_of(const std::filesystem::path& path) {
  std::ifstream stream(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

std::string problem_with_files(const Contents& contents, std::uint64_t acknowledged,
                               const std::filesystem::path& place) {
  std::map<std::string, std::vector<std::string>> sha256_of;
  for (const Row& row : contents.of(runlog::Kind::file)) {
    sha256_of[row.name].push_back(row.text.value_or(""));
  }
  std::map<std::string, std::filesystem::path> files;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(place)) {
    if (entry.is_regular_file()) files[entry.path().filename()] = entry.path();
  }
  for (std::uint64_t number = 0; number < acknowledged; ++number) {
    const auto& found = sha256_of[artifact_name(number)];
    if (found.size() != 1) {
      return artifact_name(number) + " is there " + std::to_string(found.size()) + " times";
    }
    const auto blob = files.find(found.front());
    if (blob == files.end()) return artifact_name(number) + " has no blob";
    if (content_of(blob->second) != artifact_content(number)) {
      return artifact_name(number) + " has another content";
    }
  }
  return {};
}

}  // namespace

std::vector<std::int64_t> numbers_of(const Contents& contents, std::size_t slot) {
  const std::string name = slot_name(slot);
  std::vector<std::int64_t> numbers;
  for (const Row& row : contents.rows) {
    if (row.kind == runlog::Kind::metric && row.name == name) {
      numbers.push_back(row.step.value_or(-1));
    } else if (row.kind == runlog::Kind::text && row.text && row.text->starts_with(name + " ")) {
      numbers.push_back(std::stoll(row.text->substr(name.size())));
    }
  }
  return numbers;
}

std::string problem_with(const Contents& contents, const Acknowledged& acknowledged,
                         const std::filesystem::path& place) {
  if (!contents.damage.empty()) return contents.damage.front().path + " is damaged";
  if (!contents.is_free_of_duplicates()) return "a record is there twice";
  for (std::size_t slot = 0; slot < Acknowledged::kSlots; ++slot) {
    const std::uint64_t returned = acknowledged.records[slot].load();
    const std::vector<std::int64_t> numbers = numbers_of(contents, slot);
    std::string counts = slot_name(slot) + ": acknowledged " + std::to_string(returned) +
                         ", read " + std::to_string(numbers.size());
    if (numbers.size() < returned || numbers.size() > returned + 1) return counts;
    if (numbers != counting(static_cast<std::int64_t>(numbers.size()))) {
      return counts + ", but not in order";
    }
  }
  return problem_with_files(contents, acknowledged.files.load(), place);
}

}  // namespace test
