// check_books PLACE [OPTION…] NAME=COUNT…: the books of a place, for tests in the shell. Of each
// thread NAME the numbers 0 to COUNT-1 are acknowledged. Exits 1 with what is wrong when they do
// not close, for our reader or for `runlog verify`.
//
//   PLACE          a root, a journal or a store; a directory or a URL
//   --killed       of each thread there may be one call that had not returned
//   --dropped N    what stats() said at the end; else 0, or with "any" what the data tells
//   --damaged      there may be damage; else there must be none
//   --unordered    a thread is in several lanes
//   --notes FILE   the threads of `killable`, by its file (support/acknowledged.hpp), and its end
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <string>

#include "support/acknowledged.hpp"
#include "support/books.hpp"
#include "support/contents.hpp"

namespace {

bool parse(int argc, char** argv, test::Books& books) {
  books.dropped = 0;
  for (int i = 2; i < argc; ++i) {
    const std::string word = argv[i];
    const auto equals = word.rfind('=');
    if (word == "--killed") {
      books.is_killed = true;
    } else if (word == "--damaged") {
      books.may_be_damaged = true;
    } else if (word == "--unordered") {
      books.is_in_order = false;
    } else if (word == "--dropped" && i + 1 < argc) {
      const std::string count = argv[++i];
      books.dropped.reset();
      if (count != "any") books.dropped = std::strtoull(count.c_str(), nullptr, 10);
    } else if (word == "--notes" && i + 1 < argc) {
      const test::Acknowledged* const notes = test::map_acknowledged(argv[++i]);
      if (notes == nullptr) return false;
      const test::Books noted = test::books_of(*notes);
      books.accounts = noted.accounts;
      if (noted.dropped) books.dropped = noted.dropped;
      books.is_killed = books.is_killed || !noted.dropped;
    } else if (equals != std::string::npos && equals > 0) {
      books.accounts.push_back(
          {word.substr(0, equals), std::strtoull(word.c_str() + equals + 1, nullptr, 10)});
    } else {
      return false;
    }
  }
  return !books.accounts.empty();
}

}  // namespace

int main(int argc, char** argv) {
  test::Books books;
  if (argc < 3 || !parse(argc, argv, books)) {
    std::fputs("usage: check_books PLACE [OPTION]... NAME=COUNT...\n", stderr);
    return 2;
  }
  const std::filesystem::path place = argv[1];
  std::string problem;
  try {
    const test::Contents contents = test::read(place);
    problem = test::problem_with_books(contents, books);
    if (problem.empty()) problem = test::problem_with_verify(contents, place);
  } catch (const std::exception& error) {
    problem = error.what();
  }
  if (problem.empty()) return 0;
  std::printf("%s: %s\n", place.c_str(), problem.c_str());
  return 1;
}
