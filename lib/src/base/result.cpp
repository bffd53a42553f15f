#include "runlog/result.hpp"

#include <cerrno>

#include "base/errno_text.hpp"

namespace runlog {

std::string_view errc_name(Errc code) noexcept {
  switch (code) {
    case Errc::invalid_argument:
      return "invalid_argument";
    case Errc::not_found:
      return "not_found";
    case Errc::already_exists:
      return "already_exists";
    case Errc::io:
      return "io";
    case Errc::no_space:
      return "no_space";
    case Errc::read_only:
      return "read_only";
    case Errc::busy:
      return "busy";
    case Errc::corrupt:
      return "corrupt";
    case Errc::unsupported:
      return "unsupported";
    case Errc::too_large:
      return "too_large";
    case Errc::finished:
      return "finished";
    case Errc::timeout:
      return "timeout";
    case Errc::unavailable:
      return "unavailable";
  }
  return "unknown";
}

Error os_error(int os_errno, std::string_view doing, std::string_view path) {
  Errc code = Errc::io;
  switch (os_errno) {
    case ENOENT:
    case ENOTDIR:
      code = Errc::not_found;
      break;
    case EEXIST:
      code = Errc::already_exists;
      break;
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
      code = Errc::no_space;
      break;
    case EROFS:
      code = Errc::read_only;
      break;
    default:
      break;
  }
  std::string message(doing);
  if (!path.empty()) {
    message += ' ';
    message += path;
  }
  message += ": ";
  message += errno_text(os_errno);
  return Error{code, os_errno, std::move(message)};
}

}  // namespace runlog
