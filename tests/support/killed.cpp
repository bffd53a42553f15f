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

std::string problem_with(const Contents& contents, const Acknowledged& acknowledged,
                         const std::filesystem::path& place) {
  Books books = books_of(acknowledged);
  books.is_killed = true;
  books.dropped = 0;
  if (auto problem = problem_with_books(contents, books); !problem.empty()) return problem;
  if (auto problem = problem_with_verify(contents, place); !problem.empty()) return problem;
  return problem_with_files(contents, acknowledged.files.load(), place);
}

}  // namespace test
