#include "ship/cloud/http_client.hpp"

#include <linux/sockios.h>
#include <strings.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <mutex>
#include <set>

#include <curl/curl.h>

#include "base/errno_text.hpp"
#include "platform/no_sigpipe.hpp"
#include "platform/process.hpp"
#include "runlog/version.hpp"
#include "ship/cloud/http_body_file.hpp"
#include "ship/cloud/http_intake.hpp"
#include "ship/cloud/http_text.hpp"

namespace runlog {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr std::uint64_t kBytes_per_second_min = 1'000;
constexpr long kUpload_buffer_bytes = 256 << 10;
constexpr long kConnections_max = 4;
/// Wake-ups come by curl_multi_wakeup; this only bounds the harm should one be lost.
constexpr milliseconds kPoll_max{500};

void initialize_curl() {
  static std::once_flag once;
  // Never undone: the user's own code may use libcurl, and global cleanup would pull it away.
  std::call_once(once, [] { ::curl_global_init(CURL_GLOBAL_DEFAULT); });
}

std::string find_ca_bundle() {
  for (const char* name : {"RUNLOG_CA_BUNDLE", "AWS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"})
    if (auto path = environment(name)) return *path;
  return {};
}

class HeaderLines {
 public:
  HeaderLines() = default;
  ~HeaderLines() { ::curl_slist_free_all(list_); }
  HeaderLines(const HeaderLines&) = delete;
  HeaderLines& operator=(const HeaderLines&) = delete;

  bool add(const std::string& line) noexcept {
    curl_slist* const longer = ::curl_slist_append(list_, line.c_str());
    if (longer == nullptr) return false;
    list_ = longer;
    return true;
  }
  [[nodiscard]] curl_slist* get() const noexcept { return list_; }

 private:
  curl_slist* list_ = nullptr;
};

}  // namespace

struct HttpClient::State {
  std::string ca_bundle;
  std::mutex mutex;                  // guards `multi` and `owner` against interrupt()
  CURLM* multi = nullptr;            // keeps the connections
  pid_t owner = -1;                  // the process `multi` was made in
  std::set<curl_socket_t> sockets;   // open ones of `multi`; the sending thread only
  std::atomic<bool> is_interrupted;  // release: pairs with the acquire in Transfer::run

  // Handles that came through a fork share sockets and TLS state with the parent: using them mixes
  // up both processes' answers, and closing them says good-bye on the parent's connection. They are
  // left where they are.
  CURLM* own_multi() {
    const std::lock_guard lock(mutex);
    if (multi == nullptr || owner != ::getpid()) {
      sockets.clear();
      multi = ::curl_multi_init();
      owner = ::getpid();
      if (multi != nullptr) ::curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, kConnections_max);
    }
    return multi;
  }
};

namespace {

// One request. Its callbacks are called by libcurl from curl_multi_perform, in our thread.
class Transfer {
 public:
  Transfer(const HttpRequest& request, const std::string& ca_bundle,
           std::set<curl_socket_t>& sockets)
      : request_(request),
        ca_bundle_(ca_bundle),
        sockets_(sockets),
        easy_(::curl_easy_init()),
        body_(request),
        intake_(request) {}
  ~Transfer() { ::curl_easy_cleanup(easy_); }
  Transfer(const Transfer&) = delete;
  Transfer& operator=(const Transfer&) = delete;

  HttpAnswer run(CURLM* multi, const std::atomic<bool>& is_interrupted) {
    if (easy_ == nullptr || multi == nullptr) {
      return failure(HttpFailure::Kind::local, Errc::io, "out of memory");
    }
    if (auto ready = prepare(); !ready) return std::move(*ready.failure);
    ::curl_multi_add_handle(multi, easy_);
    const CURLcode code = perform(multi, is_interrupted);
    auto answer = finish(code);
    ::curl_multi_remove_handle(multi, easy_);  // an unfinished one: closes its connection
    return answer;
  }

 private:
  struct Ready {
    std::optional<HttpFailure> failure = {};
    explicit operator bool() const noexcept { return !failure; }
  };

  template <typename Value>
  void set(CURLoption option, Value value) noexcept {
    const CURLcode code = ::curl_easy_setopt(easy_, option, value);
    if (code != CURLE_OK && setup_ == CURLE_OK) setup_ = code;
  }

  Ready prepare() {
    set(CURLOPT_URL, request_.url.c_str());
    set(CURLOPT_ERRORBUFFER, reason_.data());
    set(CURLOPT_PRIVATE, this);
    set(CURLOPT_NOSIGNAL, 1L);
    // Without it, giving up on a name server that does not answer waits for its thread.
    set(CURLOPT_QUICK_EXIT, 1L);
    set(CURLOPT_PROTOCOLS_STR, "http,https");
    set(CURLOPT_FOLLOWLOCATION, 0L);
    set(CURLOPT_DISALLOW_USERNAME_IN_URL, 1L);
    set(CURLOPT_PATH_AS_IS, 1L);
    set(CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
    set(CURLOPT_HTTP_CONTENT_DECODING, 0L);
    set(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    set(CURLOPT_TCP_KEEPALIVE, 1L);
    set(CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(request_.connect_timeout.count()));
    set(CURLOPT_USERAGENT, (std::string("runlog/") + kVersion).c_str());
    set(CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
    set(CURLOPT_SSL_VERIFYPEER, 1L);
    set(CURLOPT_SSL_VERIFYHOST, 2L);
    if (!ca_bundle_.empty()) {
      set(CURLOPT_CAINFO, ca_bundle_.c_str());
      set(CURLOPT_CAPATH, nullptr);  // this bundle and no other
    }
    // A proxy has no business with metadata endpoints, nor with this machine's own services: what
    // may go to loopback in the clear must not leave the machine.
    if (!request_.use_proxy || is_loopback(request_.url)) set(CURLOPT_PROXY, "");
    // A connection outlives the request that opened it, so these get what outlives both.
    set(CURLOPT_SOCKOPTFUNCTION, &Transfer::on_open);
    set(CURLOPT_SOCKOPTDATA, &sockets_);
    set(CURLOPT_CLOSESOCKETFUNCTION, &Transfer::on_close);
    set(CURLOPT_CLOSESOCKETDATA, &sockets_);
    set(CURLOPT_HEADERFUNCTION, &Transfer::on_header);
    set(CURLOPT_HEADERDATA, this);
    set(CURLOPT_WRITEFUNCTION, &Transfer::on_body);
    set(CURLOPT_WRITEDATA, this);
    if (auto body = prepare_body(); !body) return body;
    if (auto lines = prepare_headers(); !lines) return lines;
    if (setup_ != CURLE_OK) {
      return {failure(HttpFailure::Kind::local, Errc::unsupported,
                      std::string("libcurl refuses a setting: ") + ::curl_easy_strerror(setup_))};
    }
    return {};
  }

  Ready prepare_body() {
    if (!request_.body_file.empty()) {
      if (auto opened = body_.open(); !opened) {
        return {HttpFailure{HttpFailure::Kind::local, std::move(opened).error()}};
      }
      set(CURLOPT_UPLOAD, 1L);
      set(CURLOPT_UPLOAD_BUFFERSIZE, kUpload_buffer_bytes);
      set(CURLOPT_INFILESIZE_LARGE, static_cast<curl_off_t>(request_.body_file_bytes));
      set(CURLOPT_READFUNCTION, &Transfer::on_read);
      set(CURLOPT_READDATA, this);
      // For the connection that died between two requests: libcurl sends the body again by itself.
      set(CURLOPT_SEEKFUNCTION, &Transfer::on_seek);
      set(CURLOPT_SEEKDATA, this);
    } else if (!request_.body.empty() || request_.method == "PUT" || request_.method == "POST") {
      set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request_.body.size()));
      set(CURLOPT_POSTFIELDS,
          request_.body.empty() ? "" : reinterpret_cast<const char*>(request_.body.data()));
    } else if (request_.method == "HEAD") {
      set(CURLOPT_NOBODY, 1L);
    }
    set(CURLOPT_CUSTOMREQUEST, request_.method.c_str());
    return {};
  }

  Ready prepare_headers() {
    bool has_type = false;
    // A server that does not know Expect costs a second per request.
    bool is_added = lines_.add("Expect:");
    for (const auto& [name, value] : request_.headers) {
      if (name.empty() || has_line_break(name) || has_line_break(value)) {
        return {failure(HttpFailure::Kind::local, Errc::invalid_argument,
                        "header " + std::string(name.substr(0, name.find_first_of("\r\n"))) +
                            " has a line break in it; look at the environment variable, file or "
                            "URL parameter it comes from")};
      }
      has_type = has_type || ::strcasecmp(name.c_str(), "content-type") == 0;
      is_added = is_added && lines_.add(value.empty() ? name + ";" : name + ": " + value);
    }
    if (!has_type) is_added = is_added && lines_.add("Content-Type:");
    if (!is_added) return {failure(HttpFailure::Kind::local, Errc::io, "out of memory")};
    set(CURLOPT_HTTPHEADER, lines_.get());
    return {};
  }

  CURLcode perform(CURLM* multi, const std::atomic<bool>& is_interrupted) {
    checked_at_ = Clock::now();
    for (;;) {
      // acquire: pairs with the release in HttpClient::interrupt
      if (is_interrupted.load(std::memory_order_acquire)) return stop(Stop::interrupted);
      int running = 0;
      if (const CURLMcode code = ::curl_multi_perform(multi, &running); code != CURLM_OK) {
        return CURLE_FAILED_INIT;
      }
      int left = 0;
      while (const CURLMsg* message = ::curl_multi_info_read(multi, &left)) {
        if (message->msg == CURLMSG_DONE && message->easy_handle == easy_) {
          return message->data.result;
        }
      }
      const auto now = Clock::now();
      if (is_stalled(now)) return stop(Stop::stalled);
      const auto left_ms = std::chrono::ceil<milliseconds>(checked_at_ + request_.timeout - now);
      const auto wait = std::clamp(left_ms, milliseconds(1), kPoll_max);
      ::curl_multi_poll(multi, nullptr, 0, static_cast<int>(wait.count()), nullptr);
    }
  }

  bool is_stalled(Clock::time_point now) noexcept {
    curl_off_t sent = 0;
    curl_off_t received = 0;
    ::curl_easy_getinfo(easy_, CURLINFO_SIZE_UPLOAD_T, &sent);
    ::curl_easy_getinfo(easy_, CURLINFO_SIZE_DOWNLOAD_T, &received);
    // The kernel takes megabytes at once; on a slow link they then need minutes. Of all sockets,
    // because libcurl tells which is in use only afterwards; the others have nothing queued.
    std::int64_t moved = sent + received;
    for (const curl_socket_t socket : sockets_) {
      int queued = 0;
      if (::ioctl(socket, SIOCOUTQ, &queued) == 0) moved -= queued;
    }
    const auto due =
        static_cast<std::int64_t>(kBytes_per_second_min) * request_.timeout.count() / 1000;
    if (moved >= checked_bytes_ + std::max<std::int64_t>(due, 1)) {
      checked_bytes_ = moved;
      checked_at_ = now;
      return false;
    }
    return now >= checked_at_ + request_.timeout;
  }

  enum class Stop : std::uint8_t { none, interrupted, stalled };
  CURLcode stop(Stop why) noexcept {
    stop_ = why;
    return CURLE_ABORTED_BY_CALLBACK;
  }

  HttpAnswer finish(CURLcode code) {
    long status = 0;
    ::curl_easy_getinfo(easy_, CURLINFO_RESPONSE_CODE, &status);
    HttpResponse& response = intake_.response();
    response.status = static_cast<int>(status);
    // libcurl takes a head that breaks off for a whole one.
    if (code == CURLE_OK && status >= 200 && intake_.has_head()) return std::move(response);
    if (stop_ == Stop::interrupted) {
      return failure(HttpFailure::Kind::interrupted, Errc::unavailable, "interrupted");
    }
    if (stop_ == Stop::stalled) {
      return failure(was_sent() ? HttpFailure::Kind::ambiguous : HttpFailure::Kind::not_sent,
                     Errc::unavailable, "nothing moved for too long");
    }
    switch (intake_.stop()) {
      case HttpIntake::Stop::cut:
        return std::move(response);
      case HttpIntake::Stop::too_large:
        return failure(HttpFailure::Kind::too_large, Errc::too_large,
                       "the answer is larger than any sound one");
      case HttpIntake::Stop::sink:
        return HttpFailure{HttpFailure::Kind::sink, std::move(intake_.sink_error())};
      case HttpIntake::Stop::none:
        break;
    }
    if (body_.has_failed()) {
      return HttpFailure{HttpFailure::Kind::local, std::move(body_.error())};
    }
    // Refused before the body was through, then the connection was torn down: the refusal counts.
    if (intake_.has_head() && status >= 300) return std::move(response);
    return failure(kind_of(code), Errc::unavailable, reason_of(code));
  }

  [[nodiscard]] bool was_sent() const noexcept {
    long bytes = 0;
    ::curl_easy_getinfo(easy_, CURLINFO_REQUEST_SIZE, &bytes);
    return bytes > 0;
  }

  [[nodiscard]] HttpFailure::Kind kind_of(CURLcode code) const noexcept {
    switch (code) {
      case CURLE_PEER_FAILED_VERIFICATION:
      case CURLE_SSL_CACERT_BADFILE:
      case CURLE_SSL_ISSUER_ERROR:
      case CURLE_SSL_INVALIDCERTSTATUS:
        return HttpFailure::Kind::untrusted;
      case CURLE_UNSUPPORTED_PROTOCOL:  // also the code for an answer that is not HTTP
        return was_sent() ? HttpFailure::Kind::ambiguous : HttpFailure::Kind::local;
      case CURLE_URL_MALFORMAT:
      case CURLE_LOGIN_DENIED:  // a user name in the URL
      case CURLE_FAILED_INIT:
      case CURLE_OUT_OF_MEMORY:
        return HttpFailure::Kind::local;
      default:
        return was_sent() ? HttpFailure::Kind::ambiguous : HttpFailure::Kind::not_sent;
    }
  }

  [[nodiscard]] std::string reason_of(CURLcode code) const {
    if (code == CURLE_OK) return "the answer breaks off, or is not HTTP";
    // libcurl's texts for these tell milliseconds; one that stays the same can be told once.
    if (code == CURLE_OPERATION_TIMEDOUT) return "timed out while connecting";
    if (code == CURLE_COULDNT_CONNECT) {
      long os_errno = 0;
      ::curl_easy_getinfo(easy_, CURLINFO_OS_ERRNO, &os_errno);
      return "cannot connect: " + errno_text(static_cast<int>(os_errno));
    }
    return reason_[0] != '\0' ? std::string(reason_.data()) : ::curl_easy_strerror(code);
  }

  [[nodiscard]] HttpFailure failure(HttpFailure::Kind kind, Errc code,
                                    const std::string& why) const {
    return {kind, Error{code, 0, request_.method + " " + without_query(request_.url) + ": " + why}};
  }

  static int on_open(void* sockets, curl_socket_t socket, curlsocktype /*purpose*/) {
    try {
      static_cast<std::set<curl_socket_t>*>(sockets)->insert(socket);
      return CURL_SOCKOPT_OK;
    } catch (const std::bad_alloc&) {
      return CURL_SOCKOPT_ERROR;
    }
  }

  static int on_close(void* sockets, curl_socket_t socket) {
    static_cast<std::set<curl_socket_t>*>(sockets)->erase(socket);
    return ::close(socket);
  }

  static std::size_t on_read(char* target, std::size_t size, std::size_t count, void* self) {
    const auto space = std::as_writable_bytes(std::span(target, size * count));
    return static_cast<Transfer*>(self)->body_.read(space).value_or(CURL_READFUNC_ABORT);
  }

  static int on_seek(void* self, curl_off_t offset, int origin) {
    if (origin != SEEK_SET || offset < 0) return CURL_SEEKFUNC_FAIL;
    static_cast<Transfer*>(self)->body_.seek(static_cast<std::uint64_t>(offset));
    return CURL_SEEKFUNC_OK;
  }

  static std::size_t on_header(char* line, std::size_t size, std::size_t count, void* self) {
    const std::string_view text(line, size * count);
    return static_cast<Transfer*>(self)->intake_.take_header(text) ? text.size() : 0;
  }

  static std::size_t on_body(char* bytes, std::size_t size, std::size_t count, void* self) {
    auto& transfer = *static_cast<Transfer*>(self);
    long status = 0;
    ::curl_easy_getinfo(transfer.easy_, CURLINFO_RESPONSE_CODE, &status);
    const std::string_view text(bytes, size * count);
    return transfer.intake_.take_body(static_cast<int>(status), text) ? text.size() : 0;
  }

  const HttpRequest& request_;
  const std::string& ca_bundle_;
  std::set<curl_socket_t>& sockets_;
  CURL* const easy_;
  HeaderLines lines_;
  CURLcode setup_ = CURLE_OK;
  HttpBodyFile body_;
  HttpIntake intake_;
  Stop stop_ = Stop::none;
  std::int64_t checked_bytes_ = 0;  // moved at checked_at_
  Clock::time_point checked_at_ = {};
  std::array<char, CURL_ERROR_SIZE> reason_ = {};
};

}  // namespace

HttpClient::HttpClient(Settings settings) : state_(std::make_unique<State>()) {
  initialize_curl();
  state_->ca_bundle = settings.ca_bundle.empty() ? find_ca_bundle() : std::move(settings.ca_bundle);
}

HttpClient::~HttpClient() {
  if (state_->multi != nullptr && state_->owner == ::getpid()) ::curl_multi_cleanup(state_->multi);
}

HttpAnswer HttpClient::send(const HttpRequest& request) {
  // With CURLOPT_NOSIGNAL libcurl leaves SIGPIPE alone, and its manual promises no more than an
  // effort not to raise it.
  const NoSigpipe no_sigpipe;
  CURLM* const multi = state_->own_multi();
  Transfer transfer(request, state_->ca_bundle, state_->sockets);
  return transfer.run(multi, state_->is_interrupted);
}

void HttpClient::interrupt() noexcept {
  state_->is_interrupted.store(true, std::memory_order_release);
  const std::lock_guard lock(state_->mutex);
  if (state_->multi != nullptr && state_->owner == ::getpid()) ::curl_multi_wakeup(state_->multi);
}

bool HttpClient::is_interrupted() const noexcept {
  return state_->is_interrupted.load(std::memory_order_acquire);
}

}  // namespace runlog
