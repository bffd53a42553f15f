// Promise: of a pack that is cut while it is read, the row groups that are left can be read, and
// the others are damage.
#include <filesystem>
#include <fstream>
#include <string>

#include "pack/pack.hpp"
#include "support/catch.hpp"
#include "support/process.hpp"

using namespace runlog;
using namespace runlog::format;

TEST_CASE("a pack that is cut while it is read yields what is left, and says where it ends") {
  const test::TemporaryDirectory scratch;
  const std::filesystem::path path = scratch / "00000000.parquet";
  {
    std::ofstream file(path, std::ios::binary);
    PackWriter writer([&](std::span<const std::byte> bytes) -> Result<void> {
      file.write(reinterpret_cast<const char*>(bytes.data()),
                 static_cast<std::streamsize>(bytes.size()));
      return {};
    });
    // Two row groups, each of them more than is read at once.
    for (std::size_t i = 0; i < 2 * kRow_group_rows_max; ++i) {
      const auto number = static_cast<std::int64_t>(i);
      const std::string text = std::to_string(i * 0x9E3779B97F4A7C15u);
      REQUIRE(writer.append({.seq = number, .time_ns = number, .kind = Kind::text, .text = text}));
    }
    REQUIRE(writer.finish({}));
  }
  auto reader = PackReader::open_file(path);
  REQUIRE(reader);
  REQUIRE(reader->row_groups().size() >= 2);
  const auto& last = reader->row_groups().back();
  std::filesystem::resize_file(path, (last.begin + last.end) / 2);
  std::size_t rows = 0;
  CHECK(reader->read(0, [&](const Record&) { ++rows; }));
  CHECK(rows == reader->row_groups().front().rows);
  const auto cut = reader->read(reader->row_groups().size() - 1, [](const Record&) {});
  REQUIRE_FALSE(cut);
  CHECK(cut.error().code == Errc::corrupt);
  CHECK(cut.error().message.find("the file was cut") != std::string::npos);
  CHECK_FALSE(reader->check_pages());
  const auto again = PackReader::open_file(path);
  REQUIRE_FALSE(again);
  CHECK(again.error().code == Errc::corrupt);
}
