// The digests of a file to be put, made when asked for, or ahead on a thread of their own.
#include <filesystem>
#include <fstream>
#include <string>

#include "store/cloud/put_content.hpp"
#include "support/catch.hpp"
#include "support/process.hpp"

using namespace runlog;
using test::TemporaryDirectory;

namespace {

void write(const std::filesystem::path& path, const std::string& text) {
  std::ofstream(path, std::ios::binary) << text;
}

std::string sha256_of(PutDigests& digests, const std::filesystem::path& path) {
  auto content = digests.of(path, true);
  REQUIRE(content);
  CHECK(content->bytes == std::filesystem::file_size(path));
  return content->sha256_hex;
}

// From sha256sum, md5sum of "abc".
constexpr auto kAbc_sha256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
constexpr auto kAbc_md5 = "900150983cd24fb0d6963f7d28e17f72";

}  // namespace

TEST_CASE("digests begun ahead are those made when asked for") {
  TemporaryDirectory directory;
  write(directory / "a", "abc");
  write(directory / "b", std::string(1 << 20, 'b'));
  PutDigests begun, asked;
  begun.begin(directory / "a", true);
  const auto content = begun.of(directory / "a", true);
  REQUIRE(content);
  CHECK(content->sha256_hex == kAbc_sha256);
  CHECK(content->md5_hex == kAbc_md5);
  CHECK(content->bytes == 3);
  // The file before it may be asked for again, when the store did not take it.
  begun.begin(directory / "b", true);
  CHECK(sha256_of(begun, directory / "a") == kAbc_sha256);
  CHECK(sha256_of(begun, directory / "b") == sha256_of(asked, directory / "b"));
}

TEST_CASE("a file that changed after its digests were begun is read again") {
  TemporaryDirectory directory;
  write(directory / "a", "something longer");
  write(directory / "other", "abc");
  PutDigests digests;
  digests.begin(directory / "a", false);
  digests.begin(directory / "a", false);  // waits for the first
  write(directory / "a", "abc");
  CHECK(sha256_of(digests, directory / "a") == kAbc_sha256);
  std::filesystem::rename(directory / "other", directory / "a");
  CHECK(sha256_of(digests, directory / "a") == kAbc_sha256);
}

TEST_CASE("a file that is begun again, and has not changed, is not read again") {
  TemporaryDirectory directory;
  write(directory / "a", "abc");
  PutDigests digests;
  digests.begin(directory / "a", false);
  digests.begin(directory / "a", false);  // waits for the first
  digests.stop();                         // from now on no file can be read
  digests.begin(directory / "a", false);
  CHECK(sha256_of(digests, directory / "a") == kAbc_sha256);
}

TEST_CASE("a file begun ahead that cannot be read is an error only for who asks for it") {
  TemporaryDirectory directory;
  write(directory / "a", "abc");
  PutDigests digests;
  digests.begin(directory / "missing", false);
  CHECK(sha256_of(digests, directory / "a") == kAbc_sha256);
  const auto missing = digests.of(directory / "missing", false);
  REQUIRE_FALSE(missing);
  CHECK(missing.error().code == Errc::not_found);
}

TEST_CASE("an interrupted store reads no file to its end") {
  TemporaryDirectory directory;
  write(directory / "large", "");
  std::filesystem::resize_file(directory / "large", std::uintmax_t{1} << 40);  // no disk has it
  PutDigests digests;
  digests.begin(directory / "large", false);
  digests.stop();
  const auto content = digests.of(directory / "large", false);
  REQUIRE_FALSE(content);
  CHECK(content.error().code == Errc::unavailable);
}
