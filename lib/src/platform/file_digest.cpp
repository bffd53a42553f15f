#include "platform/file_digest.hpp"

#include <fcntl.h>

#include <span>
#include <utility>
#include <vector>

#include "base/sha256.hpp"
#include "platform/file_system.hpp"

namespace runlog {
namespace {

constexpr std::size_t kChunk_bytes = 1u << 20;

}  // namespace

Result<FileDigest> digest_of_file(int fd, const std::filesystem::path& path) {
  Sha256 digest;
  FileDigest done;
  std::vector<std::byte> chunk(kChunk_bytes);
  for (;;) {
    auto got = read_at(fd, done.bytes, chunk, path);
    if (!got) return std::move(got).error();
    if (*got == 0) break;
    digest.update(std::span(chunk).first(*got));
    done.bytes += *got;
  }
  done.sha256 = digest.finish_hex();
  return done;
}

Result<std::string> sha256_of_file(const std::filesystem::path& path) {
  auto input = OpenFile::open(path, O_RDONLY);
  if (!input) return std::move(input).error();
  const auto info = stat_file(input->fd(), path);
  if (!info) return info.error();
  if (!info->is_regular) {
    return Error{Errc::invalid_argument, 0, path.native() + " is not a regular file"};
  }
  auto done = digest_of_file(input->fd(), path);
  if (!done) return std::move(done).error();
  return std::move(done->sha256);
}

}  // namespace runlog
