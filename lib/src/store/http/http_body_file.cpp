#include "store/http/http_body_file.hpp"

#include <algorithm>
#include <new>
#include <utility>

#include "platform/crash_point.hpp"

namespace runlog {

Result<void> HttpBodyFile::open() {
  auto file = OpenFile::open(request_.body_file, Access::read);
  if (!file) return std::move(file).error();
  file_ = std::move(*file);
  return {};
}

std::optional<std::size_t> HttpBodyFile::read(std::span<std::byte> target) noexcept {
  crash_point("in_put");
  const std::uint64_t left = request_.body_file_bytes - offset_;
  const std::size_t wanted = std::min<std::uint64_t>(target.size(), left);
  if (wanted == 0) return 0;
  try {
    auto got = read_at(file_.fd(), offset_, target.first(wanted), request_.body_file);
    if (got && *got > 0) {
      offset_ += *got;
      return *got;
    }
    error_ = got ? Error{Errc::corrupt, 0,
                         request_.body_file.native() + " became shorter while it was sent"}
                 : std::move(got).error();
  } catch (const std::bad_alloc&) {
  }
  has_failed_ = true;
  return {};
}

}  // namespace runlog
