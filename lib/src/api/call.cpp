#include "api/call.hpp"

#include <algorithm>
#include <cstdint>
#include <new>

#include "platform/thread_key.hpp"
#include "runlog/version.hpp"

namespace runlog::api {
namespace {

static_assert(code_of(Errc::invalid_argument) == RUNLOG_INVALID_ARGUMENT);
static_assert(code_of(Errc::not_found) == RUNLOG_NOT_FOUND);
static_assert(code_of(Errc::already_exists) == RUNLOG_ALREADY_EXISTS);
static_assert(code_of(Errc::io) == RUNLOG_IO);
static_assert(code_of(Errc::no_space) == RUNLOG_NO_SPACE);
static_assert(code_of(Errc::read_only) == RUNLOG_READ_ONLY);
static_assert(code_of(Errc::busy) == RUNLOG_BUSY);
static_assert(code_of(Errc::corrupt) == RUNLOG_CORRUPT);
static_assert(code_of(Errc::unsupported) == RUNLOG_UNSUPPORTED);
static_assert(code_of(Errc::too_large) == RUNLOG_TOO_LARGE);
static_assert(code_of(Errc::finished) == RUNLOG_FINISHED);
static_assert(code_of(Errc::timeout) == RUNLOG_TIMEOUT);
static_assert(code_of(Errc::unavailable) == RUNLOG_UNAVAILABLE);

// Not a std::string: its destructor would run before those of the thread's keys, which may still
// call us.
struct LastError {
  int code = RUNLOG_OK;
  int os_errno = 0;
  char* message = nullptr;  // owned; nullptr: none, or there was no memory for it
};
constinit thread_local LastError last __attribute__((tls_model("initial-exec")));

void forget_message(void* message) {
  last.message = nullptr;
  delete[] static_cast<char*>(message);
}

ThreadKey& message_key() noexcept {
  static ThreadKey key = [] {
    ThreadKey made;
    made.create(&forget_message);
    return made;
  }();
  return key;
}

}  // namespace

int fail(const Error& error) noexcept {
  delete[] last.message;
  const std::size_t bytes = error.message.size();
  last = {.code = code_of(error.code),
          .os_errno = error.os_errno,
          .message = new (std::nothrow) char[bytes + 1]};
  if (last.message != nullptr) *std::copy_n(error.message.data(), bytes, last.message) = '\0';
  message_key().set(last.message);
  return last.code;
}

std::size_t copy_out(std::string_view text, char* buffer, std::size_t buffer_bytes) noexcept {
  if (buffer != nullptr && buffer_bytes > 0) {
    *std::copy_n(text.data(), std::min(text.size(), buffer_bytes - 1), buffer) = '\0';
  }
  return text.size();
}

}  // namespace runlog::api

using namespace runlog;

const char* runlog_version(void) {
  return kVersion;
}

const char* runlog_code_name(int code) {
  if (code == RUNLOG_OK) return "ok";
  if (code < 0 || code > UINT8_MAX) return "unknown";
  return errc_name(static_cast<Errc>(code - 1)).data();
}

int runlog_error_code(void) {
  return api::last.code;
}
int runlog_error_errno(void) {
  return api::last.os_errno;
}
const char* runlog_error_message(void) {
  if (api::last.message != nullptr) return api::last.message;
  return api::last.code == RUNLOG_OK ? "" : "out of memory";
}
