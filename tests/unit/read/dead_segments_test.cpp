// The files of lanes/, as recovery, a reader and a list of journals see them: the same of each.
#include "read/dead_segments.hpp"

#include <cstring>
#include <filesystem>
#include <fstream>
#include <vector>

#include "keep/packer.hpp"
#include "read/journal_list.hpp"
#include "read/journal_source.hpp"
#include "support/catch.hpp"
#include "support/process.hpp"
#include "support/segment_image.hpp"

using namespace runlog;

namespace {

constexpr std::uint32_t kNumber = 7;

// A journal of one segment, which may be in a pack as well.
class OneSegment {
 public:
  OneSegment() {
    REQUIRE(directory.create());
    for (int i = 0; i < 500; ++i) image_.metric("m", i, i);
    image_.seal();
    write(image_.bytes());
  }

  void pack() {
    const std::vector<SegmentInput> inputs{{.bytes = image_.bytes(),
                                            .header = image_.header(),
                                            .path = directory.segment(kNumber).native()}};
    const auto made = make_pack(directory, {}, inputs, names_in(inputs));
    REQUIRE(made);
    REQUIRE(made->is_made);
  }
  void lose_first_page() {
    std::vector<std::byte> bytes = image_.bytes();
    std::memset(bytes.data(), 0, format::kBlock_bytes);
    write(bytes);
  }
  void lose_all() { write(std::vector<std::byte>(image_.bytes().size(), std::byte{0xAB})); }

  std::vector<Damage> damage(JournalState state) {
    const auto source = JournalSource::open({.info = {.path = directory.path(), .state = state},
                                             .directory = directory.path(),
                                             .is_part = true},  // its records do not begin with 0
                                            {});
    REQUIRE(source);
    while ((*source)->peek() != nullptr) (*source)->pop();
    CHECK((*source)->failures().empty());
    return (*source)->damage();
  }

 private:
  void write(const std::vector<std::byte>& bytes) {
    std::ofstream file(directory.segment(kNumber), std::ios::binary | std::ios::trunc);
    file.write(reinterpret_cast<const char*>(bytes.data()),
               static_cast<std::streamsize>(bytes.size()));
  }

  test::TemporaryDirectory root_;
  test::SegmentImage image_{16384, kNumber};

 public:
  const JournalDir directory{root_ / "run" / ("r0-" + to_hex(image_.header().session))};
};

std::size_t rebuilt_headers(const std::vector<Damage>& damage) {
  std::size_t count = 0;
  for (const Damage& one : damage) {
    if (one.begin == 0 && one.end == format::kHeader_bytes && one.exact) ++count;
  }
  return count;
}

}  // namespace

TEST_CASE("a header that was lost is told while the journal is alive, as it is afterwards") {
  OneSegment journal;
  CHECK(journal.damage(JournalState::live).empty());
  journal.lose_first_page();
  CHECK(rebuilt_headers(journal.damage(JournalState::live)) == 1);
  CHECK(rebuilt_headers(journal.damage(JournalState::crashed)) == 1);
}

TEST_CASE("a segment that lost its header is among those that wait") {
  OneSegment journal;
  journal.lose_first_page();
  const auto found = find_journal_files(journal.directory.path());
  REQUIRE(found);
  REQUIRE(found->size() == 1);
  CHECK(found->front().info.segments_waiting == 1);
  CHECK(found->front().info.bytes_waiting == 3 * format::kBlock_bytes);
}

TEST_CASE("what is wrong with a segment that a pack has is not told again") {
  OneSegment journal;
  journal.pack();
  for (const JournalState state : {JournalState::live, JournalState::crashed}) {
    journal.lose_first_page();
    CHECK(journal.damage(state).empty());
    journal.lose_all();
    CHECK(journal.damage(state).empty());
  }
}

TEST_CASE("a damaged segment is kept, though a pack has it") {
  OneSegment journal;
  journal.pack();
  const auto whole = load_dead_segments(journal.directory);
  REQUIRE(whole);
  CHECK(whole->packed.size() == 1);
  CHECK(whole->unreadable.empty());
  journal.lose_first_page();
  const auto dead = load_dead_segments(journal.directory);
  REQUIRE(dead);
  CHECK(dead->packed.empty());
  CHECK(dead->unreadable.size() == 1);
  CHECK(dead->unreadable_numbers.empty());
}
