// Promise: flipping any single bit, zeroing any page, truncating at any byte of one small segment:
// no crash, no altered record is returned, and the count of the lost ones is exact.
//
// The segment stands where a journal has it, between two others of its lane, and is read as a
// journal is read. Without neighbours a count behind the last anchor cannot be known; then the
// reader must not call it exact.
#include <cstring>

#include "segment/segment_merge.hpp"
#include "support/catch.hpp"
#include "support/segment_image.hpp"

using runlog::Kind;
using test::SegmentImage;

namespace {

using Bytes = std::vector<std::byte>;

constexpr std::size_t kSegment_bytes = 8192;
constexpr std::uint32_t kNumber = 7;

// Two blocks with some of everything.
void write_small(SegmentImage& image) {
  for (int i = 0; i < 6; ++i) image.metric(i % 2 == 0 ? "loss" : "lr", i, i / 4.0);
  image.event({.kind = Kind::param, .name = "layers", .int_value = 4});
  image.metric("loss", 100'000'000, 1);  // a mark
  image.text(std::string(100, 't'));
  image.next_block();
  for (int i = 0; i < 6; ++i) image.metric_int("count", i, -i);
  image.advance_ns(10'000'000'000);
  image.metric("late", {}, 1);
  image.text("in the second block");
}

// The journal around it: what its lane wrote before and after.
class Journal {
 public:
  Journal() : before_(4096, kNumber - 1, 0), small_(kSegment_bytes, kNumber, 2) {
    before_.metric("loss", 1, 1);
    before_.metric("loss", 2, 2);
    before_.seal();
    write_small(small_);
    small_.seal();
    after_.emplace(4096, kNumber + 1, 2 + static_cast<std::int64_t>(small_.records().size()));
    after_->metric("loss", 1, 1);
  }

  [[nodiscard]] const SegmentImage& small() const { return small_; }

  // Reads the three with `bytes` in the place of the second; only that one's records.
  [[nodiscard]] test::Walked read_with(const Bytes& bytes) const {
    const auto total = static_cast<std::int64_t>(small_.records().size());
    std::vector<runlog::SegmentInput> inputs = {
        {.bytes = before_.bytes(), .header = before_.header(), .path = "before"},
        {.bytes = after_->bytes(), .header = after_->header(), .path = "after"}};
    auto header = runlog::format::parse_header(bytes);
    if (!header) {
      header = runlog::format::rebuild_header(bytes, small_.header().session, kNumber);
    }
    if (header) inputs.push_back({.bytes = bytes, .header = *header, .path = "small"});
    runlog::SegmentMerge merge(inputs);
    test::Walked walked;
    runlog::Record record;
    while (merge.next(record)) {
      const bool is_neighbours = record.seq < 2 || record.seq >= 2 + total;
      if (!is_neighbours) walked.records.push_back(test::own(record));
    }
    walked.damage = merge.damage();
    if (!header) {
      // A segment of which nothing is left: its neighbours' numbers tell what it held.
      walked.damage.push_back(
          {"small", 0, bytes.size(), static_cast<std::uint64_t>(total), true, ""});
    }
    return walked;
  }

 private:
  SegmentImage before_;
  SegmentImage small_;
  std::optional<SegmentImage> after_;
};

// Empty, or what is wrong with this reading.
std::string problem_with(const SegmentImage& image, const std::vector<test::Piece>& pieces,
                         const test::Walked& read, bool must_be_exact) {
  if (!test::is_subsequence(image.records(), read)) return "an altered record";
  // Numbers are a guess only where two stretches share one anchor.
  if (must_be_exact && !test::is_ambiguous(pieces, read) &&
      !test::is_each_an_original(image.records(), read)) {
    return "a wrong sequence number";
  }
  const bool is_right = read.records.size() + read.lost() == image.records().size();
  if (must_be_exact && !read.is_exact()) return "a count that should be exact and is not";
  if (read.is_exact() && !is_right) {
    return "read " + std::to_string(read.records.size()) + ", lost " + std::to_string(read.lost()) +
           " of " + std::to_string(image.records().size());
  }
  return {};
}

void check(const Journal& journal, const std::vector<test::Piece>& pieces, const Bytes& bytes,
           const std::string& what) {
  const SegmentImage& image = journal.small();
  const std::string problem = problem_with(image, pieces, journal.read_with(bytes), true);
  if (!problem.empty()) FAIL(what << ": " << problem);
}

// Alone: a file somebody found. With its header gone nobody knows where its numbers began.
void check_alone(const Journal& journal, const std::vector<test::Piece>& pieces, const Bytes& bytes,
                 const std::string& what) {
  const SegmentImage& image = journal.small();
  const auto read = test::walk_anything(bytes, image.header());
  // Without a seal and without damage it looks like a segment whose writer was killed here.
  if (read.damage.empty() && !read.is_sealed && test::is_subsequence(image.records(), read)) return;
  const std::string problem = problem_with(image, pieces, read, false);
  if (!problem.empty()) FAIL(what << ", alone: " << problem);
}

}  // namespace

TEST_CASE("any single flipped bit of a small segment: nothing altered, the lost count exact") {
  const Journal journal;
  REQUIRE(journal.small().records().size() == 17);
  const auto pieces = test::outline(journal.small().bytes());
  Bytes bytes = journal.small().bytes();
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    for (int bit = 0; bit < 8; ++bit) {
      bytes[at] ^= static_cast<std::byte>(1 << bit);
      const std::string what = "byte " + std::to_string(at) + ", bit " + std::to_string(bit);
      check(journal, pieces, bytes, what);
      check_alone(journal, pieces, bytes, what);
      bytes[at] ^= static_cast<std::byte>(1 << bit);
    }
  }
}

TEST_CASE("any zeroed page or sector of a small segment: nothing altered, the lost count exact") {
  const Journal journal;
  REQUIRE(journal.small().records().size() == 17);
  const auto pieces = test::outline(journal.small().bytes());
  for (const std::size_t size : {std::size_t{4096}, std::size_t{512}}) {
    for (std::size_t at = 0; at < kSegment_bytes; at += size) {
      Bytes bytes = journal.small().bytes();
      std::memset(bytes.data() + at, 0, size);
      const std::string what = std::to_string(size) + " zeros at " + std::to_string(at);
      check(journal, pieces, bytes, what);
      check_alone(journal, pieces, bytes, what);
    }
  }
}

TEST_CASE("a small segment truncated at any byte: nothing altered, the lost count exact") {
  const Journal journal;
  REQUIRE(journal.small().records().size() == 17);
  const auto pieces = test::outline(journal.small().bytes());
  for (std::size_t length = 0; length <= kSegment_bytes; ++length) {
    const Bytes bytes(journal.small().bytes().begin(),
                      journal.small().bytes().begin() + static_cast<std::ptrdiff_t>(length));
    const std::string what = "truncated to " + std::to_string(length);
    check(journal, pieces, bytes, what);
    check_alone(journal, pieces, bytes, what);
  }
}
