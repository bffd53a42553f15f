// Who reads beside a writer may see a record that is half there. It is no damage, and nothing that
// had returned is missing.
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "runlog/runlog.hpp"
#include "store/object_store.hpp"
#include "support/catch.hpp"
#include "support/contents.hpp"
#include "support/process.hpp"
#include "support/segment_image.hpp"

namespace {

std::vector<std::byte> bytes_of(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  const auto bytes = runlog::as_bytes(text);
  return {bytes.begin(), bytes.end()};
}

void write_at(const std::filesystem::path& path, std::uint64_t at,
              std::span<const std::byte> bytes) {
  std::fstream file(path, std::ios::binary | std::ios::in | std::ios::out);
  file.seekp(static_cast<std::streamoff>(at));
  file.write(reinterpret_cast<const char*>(bytes.data()),
             static_cast<std::streamsize>(bytes.size()));
}

// Behind the last record of a segment one like it, of which a part is missing yet. Returns where
// it lies.
runlog::ByteRange begin_a_record(const std::filesystem::path& segment) {
  const auto bytes = bytes_of(segment);
  const auto pieces = test::outline(bytes);
  if (pieces.empty()) return {0, 0};
  const test::Piece& last = pieces.back();
  std::vector<std::byte> begun(bytes.begin() + static_cast<std::ptrdiff_t>(last.at),
                               bytes.begin() + static_cast<std::ptrdiff_t>(last.at + last.bytes));
  begun.back() ^= std::byte{0xFF};
  write_at(segment, last.at + last.bytes, begun);
  return {last.at + last.bytes, last.at + 2 * last.bytes};
}

}  // namespace

TEST_CASE("a record that its writer has begun is no damage to who reads meanwhile") {
  const test::TemporaryDirectory root;
  auto run = runlog::start_logging({.root = root.path()});
  REQUIRE(run);
  for (std::int64_t step = 0; step < 1000; ++step) run->log("loss", 1.0, step);
  std::vector<std::pair<std::filesystem::path, runlog::ByteRange>> begun;
  for (const auto& entry : std::filesystem::directory_iterator(run->journal_path() / "lanes")) {
    const auto range = begin_a_record(entry.path());
    if (range.end > range.begin) begun.emplace_back(entry.path(), range);
  }
  REQUIRE_FALSE(begun.empty());

  const auto contents = test::read(root.path());
  REQUIRE(contents.journals.size() == 1);
  CHECK(contents.journals.front().state == runlog::JournalState::live);
  CHECK(contents.damage.empty());
  CHECK(contents.steps("loss") == test::counting(1000));

  for (const auto& [segment, range] : begun) {
    write_at(segment, range.begin, std::vector<std::byte>(range.end - range.begin));
  }
  run->complete();
  const auto after = test::read(root.path());
  CHECK(after.damage.empty());
  CHECK(after.steps("loss") == test::counting(1000));
}
