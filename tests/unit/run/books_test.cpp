// The oracle of the crash tests, support/books.hpp, sees what it is there for.
#include "support/books.hpp"

#include "support/catch.hpp"

namespace {

using runlog::Kind;
using test::Books;
using test::Contents;
using test::problem_with_books;
using test::Row;

// Two threads: "a" logs 0 to 9 in lane 1, "b" 0 to 4 in lane 2, where 3 and 4 were dropped; and
// what the run itself says.
class Sample {
 public:
  Sample() {
    add(0, Kind::status, "started");
    for (std::int64_t step = 0; step < 10; ++step) add(1, Kind::metric, "a", step);
    for (std::int64_t step = 0; step < 3; ++step) add(2, Kind::metric, "b", step);
    add(2, Kind::gap, "dropped").int_value = 2;
  }
  Row& add(std::int32_t lane, Kind kind, const std::string& name,
           std::optional<std::int64_t> step = {}) {
    Row row;
    row.session = "s";
    row.lane = lane;
    row.seq = seq_++;
    row.kind = kind;
    row.name = name;
    row.step = step;
    contents.rows.push_back(row);
    return contents.rows.back();
  }
  void add_damage(std::uint64_t lost, bool exact = true) {
    contents.damage.push_back({.path = "x", .records_lost = lost, .exact = exact, .why = "test"});
  }
  void remove(const std::string& name, std::int64_t step) {
    std::erase_if(contents.rows,
                  [&](const Row& row) { return row.name == name && row.step == step; });
  }
  [[nodiscard]] std::string problem(const Books& books) const {
    return problem_with_books(contents, books);
  }

  Contents contents;

 private:
  std::int64_t seq_ = 0;
};

const Books kBooks = {.accounts = {{"a", 10}, {"b", 5}}, .others = 1, .dropped = 2};

bool names(const std::string& problem, const std::string& part) {
  INFO(problem);
  return problem.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("books that close are no problem") {
  CHECK(Sample().problem(kBooks) == "");
}

TEST_CASE("a record that is gone, or a drop that nobody tells of, is too few") {
  Sample lost;
  lost.remove("a", 4);
  CHECK(names(lost.problem(kBooks), "too few"));
  Sample untold;
  untold.contents.rows.pop_back();
  Books books = kBooks;
  books.dropped = 0;
  CHECK(names(untold.problem(books), "too few"));
  // Not for a job that was killed in the middle of it, as long as nobody can know.
  books.is_killed = true;
  books.was_dropping = true;
  books.dropped = {};
  CHECK((untold.problem(books) == "") != test::kTells_drops_after_kill);
}

TEST_CASE("a record that is there twice, was not logged, or is out of order is seen") {
  Sample twice;
  twice.remove("a", 4);
  twice.add(1, Kind::metric, "a", 9);
  CHECK(names(twice.problem(kBooks), "twice"));
  Sample copied;
  copied.contents.rows.push_back(copied.contents.rows.back());
  CHECK(names(copied.problem(kBooks), "twice"));
  Sample invented;
  invented.remove("a", 9);
  invented.add(1, Kind::metric, "a", 10);
  CHECK(names(invented.problem(kBooks), "nobody logged"));
  Sample disordered;
  std::swap(disordered.contents.rows[2], disordered.contents.rows[3]);
  CHECK(names(disordered.problem(kBooks), "not in order"));
}

TEST_CASE("drops that were none, and other counts than stats() has, are seen") {
  Sample more;
  more.add(0, Kind::gap, "dropped").int_value = 1;
  CHECK(names(more.problem(kBooks), "too many"));
  Books books = kBooks;
  books.dropped = 3;
  CHECK(names(Sample().problem(books), "by stats() 3"));
  // In sum they are right; but the drops of thread b are told in the lane of a.
  Sample elsewhere;
  elsewhere.contents.rows.back().lane = 1;
  CHECK(names(elsewhere.problem(kBooks), "its lanes tell of 2 drops"));
}

TEST_CASE("damage is told to the record, and only where there may be any") {
  Sample damaged;
  damaged.remove("a", 3);
  damaged.add_damage(1);
  CHECK(names(damaged.problem(kBooks), "damaged"));
  Books books = kBooks;
  books.may_be_damaged = true;
  CHECK(damaged.problem(books) == "");
  damaged.remove("a", 4);
  CHECK(names(damaged.problem(books), "too few"));
  damaged.contents.damage.front().exact = false;  // at least one
  CHECK(damaged.problem(books) == "");
  damaged.contents.damage.front().records_lost = 3;
  CHECK(names(damaged.problem(books), "too many"));
}

TEST_CASE("of a killed job each thread may have one record more, and no other") {
  Books books = kBooks;
  books.is_killed = true;
  Sample one;
  one.add(1, Kind::metric, "a", 10);
  CHECK(one.problem(books) == "");
  CHECK(names(one.problem(kBooks), "nobody logged"));
  one.add(1, Kind::metric, "a", 11);
  CHECK(names(one.problem(books), "nobody logged"));
}

TEST_CASE("a text that ends in a number is a record of the account before it") {
  Sample texts;
  texts.add(1, Kind::text, "info").text = "a 10";
  Books books = kBooks;
  books.accounts[0].acknowledged = 11;
  CHECK(texts.problem(books) == "");
  CHECK(test::numbers_of(texts.contents, "a") == test::counting(11));
}
