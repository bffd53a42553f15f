// Segments into a pack: given up half-way, it leaves nothing, and the next attempt makes the same.
#include "keep/packer.hpp"

#include <filesystem>
#include <fstream>
#include <iterator>

#include "support/catch.hpp"
#include "support/process.hpp"
#include "support/segment_image.hpp"

using namespace runlog;

namespace {

std::vector<std::byte> segment_of(std::int32_t lane, std::uint32_t number,
                                  format::SegmentHeader& header) {
  std::vector<std::byte> bytes(1u << 20);
  header.session.bytes[0] = 9;
  header.number = number;
  header.lane = lane;
  header.created_ns = 1;
  header.segment_bytes = static_cast<std::uint32_t>(bytes.size());
  format::SegmentWriter writer;
  writer.begin(bytes, header, 1);
  REQUIRE(writer.append_series(0, "m", 1));
  std::int64_t step = 0;
  while (writer.append_metric(format::Tag::metric_int, 0, static_cast<std::uint64_t>(step), true,
                              step, 2 + step)) {
    ++step;
  }
  return bytes;
}

std::string content_of(const std::filesystem::path& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace

TEST_CASE("a pack that is given up, at any place, leaves nothing, and then becomes the same") {
  const test::TemporaryDirectory place;
  const JournalDir directory(place / "r0-00000000000000000000000000000000");
  REQUIRE(directory.create());
  std::vector<SegmentInput> inputs(2);
  const auto first = segment_of(1, 3, inputs[0].header);
  const auto second = segment_of(2, 4, inputs[1].header);
  inputs[0].bytes = first;
  inputs[1].bytes = second;
  const auto find_name = [](std::uint32_t) { return std::optional<std::string>("m"); };
  const auto whole = make_pack(directory, {}, inputs, find_name);
  REQUIRE(whole);
  CHECK(whole->number == 3);
  const std::string content = content_of(whole->path);
  std::filesystem::remove(whole->path);

  int given_up = 0;
  for (int patience = 0;; ++patience) {
    int left = patience;
    const auto made = make_pack(directory, {}, inputs, find_name, [&] { return left-- > 0; });
    if (made) {
      CHECK(made->is_made);
      break;
    }
    ++given_up;
    CHECK(made.error().code == Errc::busy);
    CHECK(std::filesystem::is_empty(directory.packs()));
    REQUIRE(given_up < 1000);
  }
  CHECK(given_up > 5);
  CHECK(content_of(whole->path) == content);
}
