// CloudCaller: one question to a store, asked until there is an answer or only time or a person can
// help. What can be mended at once is mended here: a wrong clock, stale credentials, another
// region.
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "store/cloud/dialect.hpp"
#include "store/http/http_client.hpp"

namespace runlog {

struct CloudAnswer {
  Reading reading = {};        ///< `again` where no answer came
  HttpResponse response = {};  ///< status 0 where no answer came
  /// Unless done: what was asked of whom, what came, what to do.
  Error error = {};
  std::chrono::milliseconds not_before{0};  ///< Retry-After
  bool needs_owner = false;
  bool is_interrupted = false;
  bool sink_failed = false;  ///< `error` is the sink's

  [[nodiscard]] Meaning meaning() const noexcept { return reading.meaning; }
};

class CloudCaller {
 public:
  struct Settings {
    std::chrono::milliseconds connect_timeout{10'000};
    std::chrono::milliseconds timeout{30'000};
  };

  CloudCaller(HttpClient& client, Dialect& dialect, std::string shown_url, Settings settings)
      : client_(client), dialect_(dialect), shown_url_(std::move(shown_url)), settings_(settings) {}

  [[nodiscard]] CloudAnswer send(const CloudCall& call, const HttpSink& sink = {},
                                 std::uint64_t answer_bytes_max = kAnswer_bytes_max);

 private:
  CloudAnswer of_credentials(Error error);
  CloudAnswer of_failure(const HttpFailure& failure);
  CloudAnswer of_reading(const CloudCall& call, const HttpRequest& request, HttpResponse response,
                         Reading reading);
  bool set_clock(const HttpResponse& answer, const Reading& reading);

  HttpClient& client_;
  Dialect& dialect_;
  const std::string shown_url_;
  const Settings settings_;
  std::chrono::seconds clock_offset_{0};  // the store's clock minus ours
  bool refused_ = false;                  // ask for other credentials the next time
};

}  // namespace runlog
