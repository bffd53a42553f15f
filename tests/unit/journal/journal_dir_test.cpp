// Names in a journal directory, and finding journals.
#include "journal/journal_dir.hpp"

#include <fstream>

#include "support/catch.hpp"
#include "support/process.hpp"

using runlog::find_journals;
using runlog::JournalDir;
using runlog::kPack_suffix;
using runlog::kSegment_suffix;
using runlog::numbered_name;
using runlog::parse_journal_name;
using runlog::parse_numbered_name;
using runlog::parse_session;

namespace {

runlog::Session session_of(std::uint8_t first) {
  runlog::Session session;
  session.bytes[0] = first;
  return session;
}

}  // namespace

TEST_CASE("segments and packs are named by their number") {
  CHECK(numbered_name(42, kSegment_suffix) == "00000042.seg");
  CHECK(numbered_name(0, kPack_suffix) == "00000000.parquet");
  CHECK(numbered_name(UINT32_MAX, kSegment_suffix) == "4294967295.seg");
  for (const std::uint32_t number : {0u, 1u, 99'999'999u, 100'000'000u, UINT32_MAX}) {
    CHECK(parse_numbered_name(numbered_name(number, kSegment_suffix), kSegment_suffix) == number);
  }
}

TEST_CASE("other names are no segments") {
  for (const char* const name :
       {"", ".seg", "42.seg", "0000042.seg", "00000042", "00000042.se", "00000042.seg.tmp",
        "00000042.parquet", "0000004x.seg", "-0000042.seg", "+0000042.seg", " 0000042.seg",
        "00000042 .seg", "0x000042.seg", "4294967296.seg", "99999999999.seg"}) {
    INFO(name);
    CHECK_FALSE(parse_numbered_name(name, kSegment_suffix));
  }
}

TEST_CASE("a journal's name tells rank and session") {
  const JournalDir directory = JournalDir::of("runs", "a", 7, session_of(0xAB));
  CHECK(directory.path() == "runs/a/r7-ab" + std::string(30, '0'));
  const auto name = parse_journal_name(directory.path().filename().native());
  REQUIRE(name);
  CHECK(name->rank == 7);
  CHECK(name->session == session_of(0xAB));
  CHECK(directory.segment(3) == directory.path() / "lanes" / "00000003.seg");
  CHECK(directory.pack(3) == directory.path() / "packs" / "00000003.parquet");
}

TEST_CASE("other names are no journals") {
  const std::string hex(32, 'a');
  CHECK(parse_journal_name("r0-" + hex));
  for (const std::string& name :
       {std::string(), std::string("r"), std::string("r-"), "r0" + hex, "0-" + hex, "r-" + hex,
        "rx-" + hex, "r0-" + hex + "a", "r0-" + hex.substr(1), "r0-" + std::string(32, 'A'),
        "r0-" + std::string(32, 'g'), "r0 -" + hex, ".r0-" + hex + ".new",
        "r99999999999999999999-" + hex}) {
    INFO(name);
    CHECK_FALSE(parse_journal_name(name));
  }
}

TEST_CASE("a session is 32 lower-case hex digits") {
  CHECK(parse_session(std::string(32, '0')) == runlog::Session{});
  CHECK(parse_session(runlog::to_hex(session_of(9))) == session_of(9));
  CHECK_FALSE(parse_session(""));
  CHECK_FALSE(parse_session(std::string(31, '0')));
  CHECK_FALSE(parse_session(std::string(31, '0') + "G"));
}

TEST_CASE("journals are found from the root, a run or the journal itself, and nothing else is") {
  const test::TemporaryDirectory root;
  const auto one = JournalDir::of(root.path(), "run-a", 0, session_of(1));
  const auto two = JournalDir::of(root.path(), "run-a", 1, session_of(2));
  const auto three = JournalDir::of(root.path(), "run-b", 0, session_of(3));
  for (const auto& directory : {one, two, three}) REQUIRE(directory.create());
  std::filesystem::create_directories(root / "run-a/notes");
  // Without lanes/: it has lost them, and is to be told of.
  const auto bare = root / "run-a" / ("r5-" + std::string(32, '0'));
  std::filesystem::create_directories(bare);
  std::ofstream(root / "run-a" / ("r6-" + std::string(32, '0'))) << "a file";
  std::filesystem::create_directories(root / ".hidden" / one.path().filename() / "lanes");
  std::ofstream(root / "a file") << "x";

  const auto found = [](const std::filesystem::path& path) {
    auto paths = find_journals(path);
    REQUIRE(paths);
    return *paths;
  };
  using Paths = std::vector<std::filesystem::path>;
  CHECK(found(root.path()) == Paths{one.path(), two.path(), bare, three.path()});
  CHECK(found(root / "run-a") == Paths{one.path(), two.path(), bare});
  CHECK(found(root / "run-a/") == Paths{one.path(), two.path(), bare});
  CHECK(found(one.path()) == Paths{one.path()});
  CHECK(found(one.path() / "") == Paths{one.path()});
  CHECK(found(root / "run-a/notes").empty());
}

TEST_CASE("a journal that links show under several names is found once, under its own") {
  const test::TemporaryDirectory root;
  const auto journal = JournalDir::of(root.path(), "run", 0, session_of(1));
  REQUIRE(journal.create());
  std::filesystem::create_directory_symlink("run", root / "a");
  std::filesystem::create_directory_symlink("run", root / "z");
  const auto paths = find_journals(root.path());
  REQUIRE(paths);
  CHECK(*paths == std::vector{journal.path()});
  // Asked for by another name, it has that one.
  const auto linked = find_journals(root / "a");
  REQUIRE(linked);
  CHECK(*linked == std::vector{root / "a" / journal.path().filename()});
}

TEST_CASE("a path that is not there is not_found") {
  const test::TemporaryDirectory root;
  const auto paths = find_journals(root / "nowhere");
  REQUIRE_FALSE(paths);
  CHECK(paths.error().code == runlog::Errc::not_found);
  CHECK(paths.error().message.find("nowhere") != std::string::npos);
}

TEST_CASE("creating a journal's directories twice is fine") {
  const test::TemporaryDirectory root;
  const auto directory = JournalDir::of(root.path(), "a", 0, session_of(1));
  REQUIRE(directory.create());
  REQUIRE(directory.create());
  for (const auto& one :
       {directory.lanes(), directory.packs(), directory.blobs(), directory.shipped()}) {
    CHECK(std::filesystem::is_directory(one));
  }
  CHECK_FALSE(std::filesystem::exists(directory.torn()));  // made when something is torn
}
