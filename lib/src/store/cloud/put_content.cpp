#include "store/cloud/put_content.hpp"

#include <new>
#include <utility>
#include <vector>

#include "base/crc32c.hpp"
#include "base/crypto.hpp"
#include "base/ids.hpp"
#include "base/sha256.hpp"

namespace runlog {
namespace {

constexpr std::size_t kChunk_bytes = 256u << 10;

bool is_same(const FileStat& a, const FileStat& b) {
  return a.device == b.device && a.inode == b.inode && a.bytes == b.bytes &&
         a.mtime_ns == b.mtime_ns;
}

}  // namespace

PutDigests::~PutDigests() {
  stop();
  if (thread_.joinable()) thread_.join();
}

Result<PutContent> PutDigests::of(const std::filesystem::path& file, bool with_crc32c) {
  if (last_ && is_of(*last_, file)) return last_->content;
  take_begun();
  if (last_ && is_of(*last_, file)) return last_->content;
  auto digested = read(file, with_crc32c);
  if (!digested) return std::move(digested).error();
  last_ = std::move(*digested);
  return last_->content;
}

void PutDigests::begin(const std::filesystem::path& file, bool with_crc32c) noexcept {
  try {
    if (thread_.joinable()) thread_.join();
    // While a store is down, each attempt at one file announces the same next one.
    if (begun_ && is_of(*begun_, file)) return;
    begun_.reset();
    thread_ = std::thread([this, file, with_crc32c] {
      try {
        // What goes wrong is found again, and said, by the one who asks.
        if (auto digested = read(file, with_crc32c)) begun_ = std::move(*digested);
      } catch (const std::bad_alloc&) {
        begun_.reset();
      }
    });
  } catch (const std::exception&) {
    // No thread, or no memory for one: of() does the work.
    begun_.reset();
  }
}

void PutDigests::take_begun() {
  if (thread_.joinable()) thread_.join();
  if (begun_) last_ = std::move(begun_);
  begun_.reset();
}

bool PutDigests::is_of(const Digested& digested, const std::filesystem::path& file) const {
  if (digested.content.file != file) return false;
  const auto now = stat_file(file);
  return now && is_same(digested.stat, *now);
}

Result<PutDigests::Digested> PutDigests::read(const std::filesystem::path& file,
                                              bool with_crc32c) const {
  auto open = OpenFile::open(file, Access::read);
  if (!open) return std::move(open).error();
  auto stat = stat_file(open->fd(), file);
  if (!stat) return std::move(stat).error();
  PutContent content{.file = file};
  Sha256 sha;
  // MD5 only for what the protocols call so: SHA-256 is what decides. Where a policy forbids MD5,
  // it is left out and the requests go without it.
  Digest md5(Digest::Kind::md5);
  std::uint32_t crc = ~0u;
  std::vector<std::byte> chunk(kChunk_bytes);
  for (;;) {
    if (is_stopped()) {
      return Error{Errc::unavailable, 0, "interrupted while reading " + file.native()};
    }
    auto got = read_at(open->fd(), content.bytes, chunk, file);
    if (!got) return std::move(got).error();
    if (*got == 0) break;
    const auto bytes = std::span(chunk).first(*got);
    sha.update(bytes);
    md5.update(bytes);
    if (with_crc32c) crc = crc32c_bytes(crc, bytes);
    content.bytes += *got;
  }
  content.sha256_hex = sha.finish_hex();
  if (md5.is_allowed()) {
    const Digest::Value digest = md5.finish();
    content.md5_hex = to_hex(digest.span());
    content.md5_base64 = base64(digest.span());
  }
  content.crc32c = ~crc;
  return Digested{std::move(content), *stat};
}

}  // namespace runlog
