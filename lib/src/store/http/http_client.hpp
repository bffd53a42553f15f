// HttpClient: one request, one answer, over libcurl. It knows no store: no signing, no verdicts, no
// retries. What it guarantees: TLS 1.2 or newer with verification, no redirect followed, nothing
// but http and https, every wait bounded, every answer capped, and no handle that crosses a fork.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "runlog/result.hpp"
#include "store/http/peer_limits.hpp"

namespace runlog {

using HttpHeaders = std::vector<std::pair<std::string, std::string>>;

struct HttpResponse {
  int status = 0;
  HttpHeaders headers = {};  ///< names in lower case, in the order received
  std::string body = {};

  /// The first header of that (lower-case) name; empty when absent.
  [[nodiscard]] std::string_view header(std::string_view name) const noexcept;
};

using HttpSink =
    std::function<Result<void>(const HttpResponse& head, std::span<const std::byte> bytes)>;

struct HttpRequest {
  std::string method = "GET";  ///< GET, HEAD, PUT, POST, DELETE, PROPFIND, MKCOL, MOVE
  std::string url = {};        ///< complete and encoded
  HttpHeaders headers = {};    ///< sent as given; Expect is never sent
  /// The body: bytes in memory, or [0, file_bytes) of a file, streamed. Not both.
  std::span<const std::byte> body = {};
  std::filesystem::path body_file = {};
  std::uint64_t body_file_bytes = 0;

  /// Takes the body of a 2xx answer as it arrives, with the answer's status and headers. Without it
  /// the body goes to HttpResponse::body.
  HttpSink sink = {};
  /// Most bytes of a 2xx answer's body to accept; more ends the request with `too_large`. The body
  /// of any other answer is cut at kRefusal_bytes_max: its status is what counts.
  std::uint64_t answer_bytes_max = kAnswer_bytes_max;

  /// False for metadata endpoints: what they hand out must not pass through a proxy.
  bool use_proxy = true;
  std::chrono::milliseconds connect_timeout{10'000};
  /// The request may go on while at least kBytes_per_second_min arrive over each span of this
  /// length: a link of 10 kB/s delivers a pack, and a peer that is gone is noticed. Bytes count
  /// when the peer has acknowledged them, not when they lie in the kernel's buffer.
  std::chrono::milliseconds timeout{30'000};
  /// From begin to end, however steadily bytes arrive. 0: as long as they do.
  std::chrono::milliseconds whole_timeout{0};
};

/// Why no answer came. What a caller may conclude differs: after `not_sent` the server cannot have
/// acted; after `ambiguous` it may have.
struct HttpFailure {
  enum class Kind : std::uint8_t {
    not_sent,     ///< name not resolved, connection refused, TLS handshake broken off
    ambiguous,    ///< sent, at least in part: timeout, reset, nonsense for an answer
    untrusted,    ///< the certificate does not verify, or the CA file cannot be read
    interrupted,  ///< interrupt() was called
    too_large,    ///< the answer is over answer_bytes_max
    local,        ///< the body's file cannot be read, or the URL is unusable: nobody else's fault
    sink,         ///< the sink returned an error
  };
  Kind kind = Kind::ambiguous;
  Error error = {};  ///< names method, URL (no query: it may hold secrets) and reason
};

class HttpAnswer {
 public:
  HttpAnswer(HttpResponse response)
      : response_(std::move(response)) {}  // NOLINT(google-explicit-constructor)
  HttpAnswer(HttpFailure failure)
      : failure_(std::move(failure)) {}  // NOLINT(google-explicit-constructor)

  explicit operator bool() const noexcept { return !failure_; }
  const HttpResponse& operator*() const noexcept { return response_; }
  HttpResponse& operator*() noexcept { return response_; }
  const HttpResponse* operator->() const noexcept { return &response_; }
  [[nodiscard]] const HttpFailure& failure() const noexcept { return *failure_; }

 private:
  HttpResponse response_ = {};
  std::optional<HttpFailure> failure_ = {};
};

/// Keeps connections alive between requests. One request at a time; interrupt() from any thread.
class HttpClient {
 public:
  struct Settings {
    /// PEM file of trusted CAs; empty: RUNLOG_CA_BUNDLE, AWS_CA_BUNDLE, CURL_CA_BUNDLE,
    /// SSL_CERT_FILE, else the system's.
    std::string ca_bundle = {};
  };

  explicit HttpClient(Settings settings);
  HttpClient() : HttpClient(Settings{}) {}
  ~HttpClient();
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;

  /// Blocks for at most what the request's timeouts say, whatever the name server or the peer does.
  /// In a forked child it opens connections of its own; the parent's are neither used nor closed.
  [[nodiscard]] HttpAnswer send(const HttpRequest& request);

  /// The request in progress returns within about a second with `interrupted`, later ones at once.
  void interrupt() noexcept;
  /// For what else its user waits for between requests. Any thread.
  [[nodiscard]] bool is_interrupted() const noexcept;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// Whether secrets may be sent there: https, or http to this machine's loopback.
[[nodiscard]] bool may_carry_secrets(std::string_view url) noexcept;

}  // namespace runlog
