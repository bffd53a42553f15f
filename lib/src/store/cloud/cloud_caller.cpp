#include "store/cloud/cloud_caller.hpp"

#include <algorithm>
#include <charconv>

namespace runlog {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

/// What a server asks for by Retry-After is kept to, up to this.
constexpr seconds kRetry_after_max = minutes(5);
/// Stores accept signatures that are off by 15 minutes. A refusal while the clocks are this far
/// apart is taken to be about the clock, whatever its words: a HEAD has none.
constexpr seconds kSkew_suspect = minutes(10);

milliseconds retry_after(const HttpResponse& answer) {
  const std::string_view text = answer.header("retry-after");
  if (text.empty()) return milliseconds(0);
  std::int64_t asked = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), asked);
  if (parsed.ec != std::errc()) {
    const auto until = parse_http_date(text);
    const auto since = parse_http_date(answer.header("date"));
    if (!until || !since) return milliseconds(0);
    asked = std::chrono::duration_cast<seconds>(*until - *since).count();
  }
  return std::clamp<seconds>(seconds(asked), seconds(0), kRetry_after_max);
}

std::string shown(const HttpRequest& request) {
  return request.method + " " + request.url.substr(0, request.url.find('?'));
}

}  // namespace

CloudAnswer CloudCaller::of_credentials(Error error) {
  CloudAnswer answer;
  answer.needs_owner = error.code != Errc::unavailable;
  if (answer.needs_owner) {
    answer.reading.meaning = Meaning::refused;
    refused_ = true;  // by the next time other credentials may lie where these came from
  }
  if (error.message.find(shown_url_) == std::string::npos) {
    error.message = "store " + shown_url_ + ": " + error.message;
  }
  answer.error = std::move(error);
  return answer;
}

CloudAnswer CloudCaller::of_failure(const HttpFailure& failure) {
  CloudAnswer answer;
  answer.error = failure.error;
  switch (failure.kind) {
    case HttpFailure::Kind::not_sent:
    case HttpFailure::Kind::ambiguous:
    case HttpFailure::Kind::too_large:
      break;
    case HttpFailure::Kind::interrupted:
      answer.is_interrupted = true;
      break;
    case HttpFailure::Kind::untrusted:
      answer.needs_owner = true;
      answer.error.message +=
          "; if the server's CA is a private one, name its PEM file in RUNLOG_CA_BUNDLE";
      break;
    case HttpFailure::Kind::local:
      // A file that cannot be read is one object's trouble; a URL that cannot be used is all's.
      if (answer.error.os_errno != 0 || answer.error.code == Errc::corrupt) {
        answer.reading.meaning = Meaning::refused_object;
      } else {
        answer.needs_owner = true;
      }
      break;
    case HttpFailure::Kind::sink:
      answer.sink_failed = true;
      break;
  }
  if (answer.needs_owner) {
    answer.reading.meaning = Meaning::refused;
  }
  return answer;
}

CloudAnswer CloudCaller::of_reading(const CloudCall& call, const HttpRequest& request,
                                    HttpResponse response, Reading reading) {
  CloudAnswer answer;
  const Meaning meaning = reading.meaning;
  if (response.status == 407) {
    reading.remedy = "the proxy wants a user and a password: http_proxy=http://user:password@host";
  }
  if (meaning == Meaning::stale || meaning == Meaning::moved || meaning == Meaning::skewed) {
    reading.meaning = Meaning::refused;  // the remedy at hand has been tried
  }
  answer.needs_owner = reading.meaning == Meaning::refused ||
                       (reading.meaning == Meaning::unsupported && call.method == "PUT");
  if (meaning != Meaning::done) {
    std::string words = shown(request) + ": " + std::to_string(response.status);
    if (!reading.code.empty()) words += " " + reading.code;
    if (!reading.text.empty()) words += ", " + reading.text;
    if (!reading.remedy.empty()) words += "; " + reading.remedy;
    Errc code = Errc::unavailable;
    if (meaning == Meaning::absent) code = Errc::not_found;
    if (meaning == Meaning::unsupported) code = Errc::unsupported;
    if (response.status == 401 || response.status == 403) code = Errc::read_only;
    answer.error = Error{code, 0, std::move(words)};
  }
  if (answer.needs_owner) {
    refused_ = true;
  } else if (reading.meaning == Meaning::again) {
    answer.not_before = retry_after(response);
  }
  answer.reading = std::move(reading);
  answer.response = std::move(response);
  return answer;
}

bool CloudCaller::set_clock(const HttpResponse& answer, const Reading& reading) {
  const bool may_be = reading.meaning == Meaning::skewed || answer.status == 400 ||
                      answer.status == 401 || answer.status == 403;
  auto theirs = parse_http_date(answer.header("date"));
  if (!theirs) theirs = reading.store_time;
  if (!may_be || !theirs) return false;
  const auto offset =
      std::chrono::duration_cast<seconds>(*theirs - std::chrono::system_clock::now());
  const seconds off_by = std::chrono::abs(offset - clock_offset_);
  if (off_by < (reading.meaning == Meaning::skewed ? seconds(1) : kSkew_suspect)) return false;
  clock_offset_ = offset;
  return true;
}

CloudAnswer CloudCaller::send(const CloudCall& call, const HttpSink& sink,
                              std::uint64_t answer_bytes_max) {
  bool has_refreshed = false;
  bool has_moved = false;
  bool has_set_clock = false;
  for (;;) {
    const auto now = std::chrono::system_clock::now() + clock_offset_;
    auto request = dialect_.prepare(call, now, std::exchange(refused_, false));
    if (!request) return of_credentials(std::move(request).error());
    request->sink = sink;
    request->answer_bytes_max = answer_bytes_max;
    request->connect_timeout = settings_.connect_timeout;
    request->timeout = settings_.timeout;
    request->whole_timeout = call.whole_timeout;
    auto answer = client_.send(*request);
    if (!answer) return of_failure(answer.failure());
    Reading reading = dialect_.read(call, *answer);
    // Each remedy once per call; the answer to the last attempt counts.
    if (reading.meaning != Meaning::done && !has_set_clock && set_clock(*answer, reading)) {
      has_set_clock = true;
      continue;
    }
    if (reading.meaning == Meaning::stale && !has_refreshed) {
      has_refreshed = true;
      refused_ = true;
      continue;
    }
    if (reading.meaning == Meaning::moved && !has_moved && dialect_.follow(*answer)) {
      has_moved = true;
      continue;
    }
    return of_reading(call, *request, *answer, std::move(reading));
  }
}

}  // namespace runlog
