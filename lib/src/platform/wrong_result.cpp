// The end of a program that takes the value of a result that has failed.
#include <sys/uio.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <string_view>

#include "base/visible.hpp"
#include "runlog/result.hpp"

namespace runlog {
namespace detail {

// One write of its own and no stdio: it may be the end of a job that has no memory left, or whose
// other threads hold stdio's lock.
[[gnu::cold, gnu::noinline]] void end_for_wrong_result(const Error* error) noexcept {
  constexpr std::string_view kNo_value = "runlog: value() of a failed result: ";
  constexpr std::string_view kNo_error = "runlog: error() of a result that has not failed";
  const auto part = [](std::string_view text) {
    return iovec{const_cast<char*>(text.data()), text.size()};
  };
  std::array<char, 4096> words;
  const std::size_t bytes = error != nullptr ? copy_visible(words, error->message) : 0;
  const std::array<iovec, 3> line = {part(error != nullptr ? kNo_value : kNo_error),
                                     part({words.data(), bytes}), part("\n")};
  // Nothing is left to be done where it cannot be written.
  (void)!::writev(STDERR_FILENO, line.data(), static_cast<int>(line.size()));
  std::abort();
}

}  // namespace detail
}  // namespace runlog
