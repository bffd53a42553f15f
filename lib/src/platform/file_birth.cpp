#include "platform/file_birth.hpp"

#include <fcntl.h>
#include <sys/stat.h>

namespace runlog {
namespace {

std::int64_t to_ns(const struct statx_timestamp& time) {
  return std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

}  // namespace

std::optional<FileTimes> file_times(const std::filesystem::path& path) noexcept {
  struct statx raw {};
  constexpr unsigned kWanted = STATX_BTIME | STATX_MTIME;
  if (::statx(AT_FDCWD, path.c_str(), 0, kWanted, &raw) != 0) return {};
  if ((raw.stx_mask & kWanted) != kWanted) return {};
  return FileTimes{to_ns(raw.stx_btime), to_ns(raw.stx_mtime)};
}

}  // namespace runlog
