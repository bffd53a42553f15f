// Promise: fork loses nothing; a child writes its own journal, never its parent's.
#include <signal.h>
#include <unistd.h>

#include <set>

#include "support/books.hpp"
#include "support/catch.hpp"
#include "support/contents.hpp"
#include "support/process.hpp"

using test::Process;
using test::read;
using test::TemporaryDirectory;
using test::victim;

namespace {

test::Contents check_forked(const std::filesystem::path& place, int children) {
  auto contents = test::check_books(place, {.accounts = {{"from/parent", 20}}, .dropped = 0});
  std::set<std::string> sessions;
  for (const auto& journal : contents.journals) {
    sessions.insert(journal.session);
  }
  CHECK(sessions.size() == static_cast<std::size_t>(children) + 1);  // the silent child left none
  CHECK(contents.steps("from/child").size() == static_cast<std::size_t>(children) * 100);
  CHECK(contents.steps("from/anyone").size() == static_cast<std::size_t>(children) * 100);
  CHECK(contents.is_free_of_duplicates());
  // Each journal is either the parent's or one child's.
  std::map<std::string, std::set<std::string>> names;
  for (const auto& row : contents.of(runlog::Kind::metric)) names[row.session].insert(row.name);
  for (const auto& [session, of_session] : names) {
    const bool is_parent = of_session == std::set<std::string>{"from/parent"};
    const bool is_child = of_session == std::set<std::string>{"from/anyone", "from/child"};
    CHECK((is_parent || is_child));
  }
  return contents;
}

}  // namespace

TEST_CASE("forked children log into journals of their own, through handles made before the fork") {
  TemporaryDirectory root;
  Process job({victim("writer"), "forks", root.path(), "3"});
  job.read_until("parent logged");
  job.kill(SIGKILL);
  job.wait();
  const auto contents = check_forked(root.path(), 3);
  std::size_t with_parent = 0;
  for (const auto& journal : contents.journals)
    with_parent += journal.parent_session.empty() ? 0u : 1u;
  CHECK(with_parent == 3);
}

TEST_CASE("a fork at any moment leaves the child no mutex that it could wait for") {
  TemporaryDirectory root;
  const auto [exit, output] = test::run_command({victim("writer"), "storm", root.path()});
  CHECK(exit.code == 0);
  CHECK(output == "hung 0\n");
  const auto contents = read(root.path());
  CHECK(contents.steps("from/child").size() == 40);
  CHECK(contents.steps("from/anyone").size() == 40);
}

TEST_CASE("the parent's keeper adopts and ships what its children left") {
  TemporaryDirectory root;
  TemporaryDirectory store;
  Process job({victim("writer"), "forks", root.path(), "2"},
              {{"RUNLOG_STORE", store.path()}, {"RUNLOG_SHIP_INTERVAL", "100ms"}});
  job.read_until("parent logged");
  // The children's packs arrive without anyone asking; bounded by attempts.
  bool arrived = false;
  for (int attempt = 0; attempt < 600 && !arrived; ++attempt) {
    ::usleep(50'000);
    arrived = read(store.path()).steps("from/child").size() == 200;
  }
  CHECK(arrived);
  job.write("x");
  CHECK(job.wait().code == 0);
  (void)check_forked(store.path(), 2);
}

TEST_CASE("recover ships what children of a dead parent left") {
  TemporaryDirectory root;
  TemporaryDirectory store;
  Process job({victim("writer"), "forks", root.path(), "3"});
  job.read_until("parent logged");
  job.kill(SIGKILL);
  job.wait();
  const auto [exit, output] =
      test::run_command({test::tool("runlog-recover"), root.path(), "--store", store.path(), "-q"});
  CHECK(exit.code == 0);
  (void)check_forked(store.path(), 3);
}
