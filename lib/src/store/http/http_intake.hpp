// HttpIntake: what is taken of an answer as it arrives, line by line and piece by piece, and what
// is too much. It knows nothing of libcurl; the peer is untrusted.
#pragma once

#include <cstdint>
#include <string_view>

#include "store/http/http_client.hpp"

namespace runlog {

class HttpIntake {
 public:
  explicit HttpIntake(const HttpRequest& request) : request_(request) {}

  /// Why the rest is not wanted.
  enum class Stop : std::uint8_t {
    none,
    too_large,  ///< over a limit, or over the memory there is
    cut,        ///< a refusal's page is longer than we keep: its status counts
    sink,       ///< sink_error() says why
  };

  /// A line of the head, with its line end. False: stop() says why.
  bool take_header(std::string_view line) noexcept;
  /// A piece of the body of an answer with this status.
  bool take_body(int status, std::string_view bytes) noexcept;

  [[nodiscard]] Stop stop() const noexcept { return stop_; }
  [[nodiscard]] Error& sink_error() noexcept { return sink_error_; }
  /// The empty line behind the headers has come.
  [[nodiscard]] bool has_head() const noexcept { return has_head_; }
  [[nodiscard]] HttpResponse& response() noexcept { return response_; }

 private:
  void add_header(std::string_view line);
  bool add_body(int status, std::string_view bytes);
  bool stop(Stop why) noexcept {
    stop_ = why;
    return false;
  }

  const HttpRequest& request_;
  HttpResponse response_ = {};
  std::size_t head_bytes_ = 0;
  bool has_head_ = false;
  std::uint64_t body_bytes_ = 0;
  Stop stop_ = Stop::none;
  Error sink_error_ = {};
};

}  // namespace runlog
