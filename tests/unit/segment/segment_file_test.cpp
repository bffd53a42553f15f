// What a file of lanes/ is, by each of its signs, from bytes in memory and from the file itself.
#include "segment/segment_file.hpp"

#include <cstring>
#include <fstream>
#include <span>
#include <vector>

#include "support/catch.hpp"
#include "support/process.hpp"
#include "support/segment_image.hpp"

namespace {

namespace format = runlog::format;
using State = format::SegmentFile::State;
using test::SegmentImage;

using Bytes = std::vector<std::byte>;

class SegmentFiles {
 public:
  SegmentFiles() {
    for (int i = 0; i < 500; ++i) image_.metric("m", i, i);
    for (int i = 0; i < 500; ++i) other_.metric("m", i, i);
    image_.seal();
    other_.seal();
  }

  [[nodiscard]] Bytes used() const { return image_.bytes(); }
  [[nodiscard]] Bytes other() const { return other_.bytes(); }
  [[nodiscard]] const format::SegmentHeader& header() const { return image_.header(); }
  [[nodiscard]] format::SegmentIdentity identity() const {
    return {.session = header().session, .number = header().number};
  }

  // Of the bytes, and of a file with them: the same.
  State state(const Bytes& bytes, const format::SegmentIdentity& identity) {
    const auto seen = format::look_at_segment(bytes, identity);
    {
      std::ofstream file(path_, std::ios::binary | std::ios::trunc);
      file.write(reinterpret_cast<const char*>(bytes.data()),
                 static_cast<std::streamsize>(bytes.size()));
    }
    const auto file = runlog::OpenFile::open(path_, runlog::Access::read);
    REQUIRE(file);
    const auto read = format::look_at_segment(*file, path_, identity);
    REQUIRE(read);
    CHECK(read->state == seen.state);
    CHECK(read->header.first_seq == seen.header.first_seq);
    CHECK(read->header.segment_bytes == seen.header.segment_bytes);
    return seen.state;
  }
  State state(const Bytes& bytes) { return state(bytes, identity()); }

 private:
  test::TemporaryDirectory place_;
  std::filesystem::path path_ = place_ / "00000007.seg";
  SegmentImage image_{16384, 7, 50};
  SegmentImage other_{16384, 5, 0};
};

Bytes with_first_bytes(Bytes bytes, std::span<const std::byte> first) {
  std::memcpy(bytes.data(), first.data(), first.size());
  return bytes;
}

}  // namespace

TEST_CASE("a segment with a whole header of its number is used, whatever else is known") {
  SegmentFiles files;
  CHECK(files.state(files.used()) == State::used);
  CHECK(files.state(files.used(), {}) == State::used);
  CHECK(files.state(files.used(), {.number = 7}) == State::used);
  CHECK(files.state(files.used(), {.session = files.header().session}) == State::used);
}

TEST_CASE("a segment that lost its first page is rebuilt, if its name and journal are known") {
  SegmentFiles files;
  const Bytes bytes = with_first_bytes(files.used(), Bytes(format::kBlock_bytes));
  CHECK(files.state(bytes) == State::rebuilt);
  const auto seen = format::look_at_segment(bytes, files.identity());
  CHECK(seen.has_records());
  CHECK(seen.header.number == 7);
  CHECK(seen.header.lane == files.header().lane);
  CHECK(seen.header.first_seq > files.header().first_seq);
}

TEST_CASE("a segment with another one's first page is rebuilt, and no spare") {
  SegmentFiles files;
  const Bytes other = files.other();
  const Bytes bytes = with_first_bytes(files.used(), std::span(other).first(format::kBlock_bytes));
  CHECK(files.state(bytes) == State::rebuilt);
}

TEST_CASE("a spare: never used, not yet begun, or recycled and not zeroed yet") {
  SegmentFiles files;
  CHECK(files.state(Bytes(16384)) == State::spare);
  CHECK(files.state(Bytes(16384), {}) == State::spare);
  CHECK(files.state(files.other()) == State::spare);
  // Killed before it stored the magic.
  Bytes begun(16384);
  const Bytes used = files.used();
  std::memcpy(begun.data() + 8, used.data() + 8, format::kHeader_bytes - 8);
  CHECK(files.state(begun) == State::spare);
}

TEST_CASE("an empty file is neither a spare nor unreadable: its bytes do not tell") {
  SegmentFiles files;
  CHECK(files.state({}) == State::empty);
}

TEST_CASE("bytes in which nothing validates are unreadable") {
  SegmentFiles files;
  CHECK(files.state(Bytes(16384, std::byte{0xAB})) == State::unreadable);
  CHECK(files.state(Bytes(100)) == State::unreadable);  // it lost even its first block
  const Bytes torn = with_first_bytes(files.used(), Bytes(16, std::byte{0xAB}));
  CHECK(files.state(torn) == State::rebuilt);
  CHECK(files.state(torn, {}) == State::unreadable);
  CHECK(files.state(torn, {.number = 7}) == State::unreadable);
  CHECK(files.state(torn, {.session = files.header().session, .number = 8}) == State::unreadable);
}
