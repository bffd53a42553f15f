// Long, because curl/curl.h is included in one .cpp: the functions that are loaded from libcurl,
// one transfer with its settings and callbacks, and what its failures mean. What needs no libcurl
// lies beside it (http_intake, http_body_file, http_proxy, http_text).
#include "store/http/http_client.hpp"

#include <strings.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstring>
#include <mutex>
#include <set>

#include <curl/curl.h>

#include "base/crypto.hpp"
#include "base/errno_text.hpp"
#include "platform/descriptors.hpp"
#include "platform/fork.hpp"
#include "platform/loaded_library.hpp"
#include "platform/no_sigpipe.hpp"
#include "platform/process.hpp"
#include "platform/process_key.hpp"
#include "platform/sockets.hpp"
#include "runlog/version.hpp"
#include "store/http/http_body_file.hpp"
#include "store/http/http_intake.hpp"
#include "store/http/http_proxy.hpp"
#include "store/http/http_text.hpp"

namespace runlog {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr long kUpload_buffer_bytes = 256 << 10;
constexpr long kConnections_max = 4;
/// Wake-ups come by curl_multi_wakeup; this only bounds the harm should one be lost.
constexpr milliseconds kPoll_max{500};
/// CURLE_TOO_LARGE, of 8.6: more header lines than libcurl takes.
constexpr auto kCurle_too_large = static_cast<CURLcode>(100);

constexpr const char* kLibrary = "libcurl.so.4";
constexpr const char* kRemedy =
    "; stores over HTTP need libcurl 7.88 or newer with TLS (Debian and Ubuntu: apt install "
    "libcurl4)";
constexpr unsigned kVersion_min = 0x075800;

// All of libcurl that is used. It is loaded with the first request and not linked, because it
// brings three dozen libraries into a process, and most jobs need none of them.
struct Curl {
  decltype(&::curl_global_init) global_init = nullptr;
  decltype(&::curl_easy_init) easy_init = nullptr;
  decltype(&::curl_easy_cleanup) easy_cleanup = nullptr;
  decltype(&::curl_easy_setopt) easy_setopt = nullptr;
  decltype(&::curl_easy_getinfo) easy_getinfo = nullptr;
  decltype(&::curl_easy_strerror) easy_strerror = nullptr;
  decltype(&::curl_multi_init) multi_init = nullptr;
  decltype(&::curl_multi_cleanup) multi_cleanup = nullptr;
  decltype(&::curl_multi_setopt) multi_setopt = nullptr;
  decltype(&::curl_multi_add_handle) multi_add_handle = nullptr;
  decltype(&::curl_multi_remove_handle) multi_remove_handle = nullptr;
  decltype(&::curl_multi_perform) multi_perform = nullptr;
  decltype(&::curl_multi_info_read) multi_info_read = nullptr;
  decltype(&::curl_multi_poll) multi_poll = nullptr;
  decltype(&::curl_multi_wakeup) multi_wakeup = nullptr;
  decltype(&::curl_slist_append) slist_append = nullptr;
  decltype(&::curl_slist_free_all) slist_free_all = nullptr;
};

constinit Curl curl_functions = {};  // written under curl_mutex, until `curl` points to it
constinit std::atomic<const Curl*> curl = nullptr;  // release: pairs with the acquires of its users
constinit ForkWiped<std::mutex> curl_mutex;

template <typename Function>
bool find(const LoadedLibrary& library, const char* name, Function*& function,
          const char*& missing) noexcept {
  function = reinterpret_cast<Function*>(library.symbol(name));
  if (function == nullptr) missing = name;
  return function != nullptr;
}

// What keeps `library` from being used; empty where nothing does.
std::string take_functions(const LoadedLibrary& library) {
  const char* missing = nullptr;
  decltype(&::curl_version_info) version_info = nullptr;
  if (!find(library, "curl_version_info", version_info, missing)) {
    return std::string("it has no ") + missing;
  }
  const curl_version_info_data* const told = version_info(CURLVERSION_FIRST);
  if (told == nullptr || told->version == nullptr) return "it does not tell its version";
  const curl_version_info_data& version = *told;
  if (version.version_num < kVersion_min) return std::string("it is version ") + version.version;
  if ((version.features & CURL_VERSION_SSL) == 0) return "it was built without TLS";
  Curl& all = curl_functions;
  const bool has_all =
      find(library, "curl_global_init", all.global_init, missing) &&
      find(library, "curl_easy_init", all.easy_init, missing) &&
      find(library, "curl_easy_cleanup", all.easy_cleanup, missing) &&
      find(library, "curl_easy_setopt", all.easy_setopt, missing) &&
      find(library, "curl_easy_getinfo", all.easy_getinfo, missing) &&
      find(library, "curl_easy_strerror", all.easy_strerror, missing) &&
      find(library, "curl_multi_init", all.multi_init, missing) &&
      find(library, "curl_multi_cleanup", all.multi_cleanup, missing) &&
      find(library, "curl_multi_setopt", all.multi_setopt, missing) &&
      find(library, "curl_multi_add_handle", all.multi_add_handle, missing) &&
      find(library, "curl_multi_remove_handle", all.multi_remove_handle, missing) &&
      find(library, "curl_multi_perform", all.multi_perform, missing) &&
      find(library, "curl_multi_info_read", all.multi_info_read, missing) &&
      find(library, "curl_multi_poll", all.multi_poll, missing) &&
      find(library, "curl_multi_wakeup", all.multi_wakeup, missing) &&
      find(library, "curl_slist_append", all.slist_append, missing) &&
      find(library, "curl_slist_free_all", all.slist_free_all, missing);
  if (!has_all) return std::string("it has no ") + missing;
  // The first use of libcrypto decides what happens to it at exit.
  (void)prepare_crypto();
  const CURLcode code = all.global_init(CURL_GLOBAL_DEFAULT);
  return code == CURLE_OK ? std::string() : std::string("it fails: ") + all.easy_strerror(code);
}

// Tried anew with each request until it works: it may be installed while the job runs. Never
// undone: the user's own code may use libcurl, and global cleanup would pull it away.
Result<const Curl*> load_curl() {
  if (const Curl* const there = curl.load(std::memory_order_acquire)) return there;
  const std::lock_guard lock(curl_mutex.get());
  if (const Curl* const there = curl.load(std::memory_order_acquire)) return there;
  auto library = LoadedLibrary::open(kLibrary);
  if (!library) return Error{Errc::unsupported, 0, library.error().message + kRemedy};
  if (const std::string why = take_functions(*library); !why.empty()) {
    library->close();
    return Error{Errc::unsupported, 0,
                 std::string("cannot use ") + kLibrary + ": " + why + kRemedy};
  }
  curl.store(&curl_functions, std::memory_order_release);
  return &curl_functions;
}

std::string find_ca_bundle() {
  for (const char* name : {"RUNLOG_CA_BUNDLE", "AWS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"})
    if (auto path = environment(name)) return *path;
  return {};
}

class HeaderLines {
 public:
  explicit HeaderLines(const Curl& functions) : curl_(functions) {}
  ~HeaderLines() { curl_.slist_free_all(list_); }
  HeaderLines(const HeaderLines&) = delete;
  HeaderLines& operator=(const HeaderLines&) = delete;

  bool add(const std::string& line) noexcept {
    curl_slist* const longer = curl_.slist_append(list_, line.c_str());
    if (longer == nullptr) return false;
    list_ = longer;
    return true;
  }
  [[nodiscard]] curl_slist* get() const noexcept { return list_; }

 private:
  const Curl& curl_;
  curl_slist* list_ = nullptr;
};

}  // namespace

struct HttpClient::State {
  std::string ca_bundle;
  std::mutex mutex;                  // guards `multi` and `owner` against interrupt()
  CURLM* multi = nullptr;            // keeps the connections
  std::uint64_t owner = 0;           // the process `multi` was made in, by process_key()
  std::set<curl_socket_t> sockets;   // open ones of `multi`; the sending thread only
  std::atomic<bool> is_interrupted;  // release: pairs with the acquire in Transfer::run

  // Handles that came through a fork share sockets and TLS state with the parent: using them mixes
  // up both processes' answers, and closing them says good-bye on the parent's connection. They are
  // left where they are.
  CURLM* own_multi(const Curl& functions) {
    const std::lock_guard lock(mutex);
    if (multi == nullptr || owner != process_key()) {
      sockets.clear();
      // It makes the pair of sockets that wakes it up, and keeps them. What it opens while it looks
      // up a name is gone with the answer, carries no data, and is left to it.
      const LowNumbers low;
      multi = functions.multi_init();
      owner = process_key();
      if (multi != nullptr) functions.multi_setopt(multi, CURLMOPT_MAXCONNECTS, kConnections_max);
    }
    return multi;
  }
};

namespace {

// One request. Its callbacks are called by libcurl from curl_multi_perform, in our thread.
class Transfer {
 public:
  Transfer(const Curl& functions, const HttpRequest& request, const std::string& ca_bundle,
           std::set<curl_socket_t>& sockets)
      : curl_(functions),
        request_(request),
        ca_bundle_(ca_bundle),
        sockets_(sockets),
        easy_(curl_.easy_init()),
        lines_(curl_),
        body_(request),
        intake_(request) {}
  ~Transfer() { curl_.easy_cleanup(easy_); }
  Transfer(const Transfer&) = delete;
  Transfer& operator=(const Transfer&) = delete;

  HttpAnswer run(CURLM* multi, const std::atomic<bool>& is_interrupted) {
    if (easy_ == nullptr || multi == nullptr) {
      return failure(HttpFailure::Kind::local, Errc::io, "out of memory");
    }
    if (auto ready = prepare(); !ready) return std::move(*ready.failure);
    curl_.multi_add_handle(multi, easy_);
    const CURLcode code = perform(multi, is_interrupted);
    auto answer = finish(code);
    curl_.multi_remove_handle(multi, easy_);  // an unfinished one: closes its connection
    return answer;
  }

 private:
  struct Ready {
    std::optional<HttpFailure> failure = {};
    explicit operator bool() const noexcept { return !failure; }
  };

  template <typename Value>
  void set(CURLoption option, Value value) noexcept {
    const CURLcode code = curl_.easy_setopt(easy_, option, value);
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
    if (!may_use_proxy()) set(CURLOPT_PROXY, "");
    // A connection outlives the request that opened it, so these get what outlives both.
    set(CURLOPT_OPENSOCKETFUNCTION, &Transfer::on_socket);
    set(CURLOPT_OPENSOCKETDATA, this);  // while the connection is made, this request waits for it
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
                      std::string("libcurl refuses a setting: ") + curl_.easy_strerror(setup_))};
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
    const auto end = checked_at_ + request_.whole_timeout;
    for (;;) {
      // acquire: pairs with the release in HttpClient::interrupt
      if (is_interrupted.load(std::memory_order_acquire)) return stop(Stop::interrupted);
      int running = 0;
      if (const CURLMcode code = curl_.multi_perform(multi, &running); code != CURLM_OK) {
        return CURLE_FAILED_INIT;
      }
      int left = 0;
      while (const CURLMsg* message = curl_.multi_info_read(multi, &left)) {
        if (message->msg == CURLMSG_DONE && message->easy_handle == easy_) {
          return message->data.result;
        }
      }
      const auto now = Clock::now();
      if (is_stalled(now)) return stop(Stop::stalled);
      const bool has_end = request_.whole_timeout.count() > 0;
      if (has_end && now >= end) return stop(Stop::late);
      auto next = checked_at_ + request_.timeout;
      if (has_end) next = std::min(next, end);
      const auto left_ms = std::chrono::ceil<milliseconds>(next - now);
      const auto wait = std::clamp(left_ms, milliseconds(1), kPoll_max);
      curl_.multi_poll(multi, nullptr, 0, static_cast<int>(wait.count()), nullptr);
    }
  }

  bool is_stalled(Clock::time_point now) noexcept {
    curl_off_t sent = 0;
    curl_off_t received = 0;
    curl_.easy_getinfo(easy_, CURLINFO_SIZE_UPLOAD_T, &sent);
    curl_.easy_getinfo(easy_, CURLINFO_SIZE_DOWNLOAD_T, &received);
    // The kernel takes megabytes at once; on a slow link they then need minutes. Of all sockets,
    // because libcurl tells which is in use only afterwards; the others have nothing queued.
    std::int64_t moved = sent + received;
    for (const curl_socket_t socket : sockets_) {
      moved -= unsent_bytes(socket);
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

  enum class Stop : std::uint8_t { none, interrupted, stalled, late };
  CURLcode stop(Stop why) noexcept {
    stop_ = why;
    return CURLE_ABORTED_BY_CALLBACK;
  }

  HttpAnswer finish(CURLcode code) {
    long status = 0;
    curl_.easy_getinfo(easy_, CURLINFO_RESPONSE_CODE, &status);
    HttpResponse& response = intake_.response();
    response.status = static_cast<int>(status);
    // libcurl takes a head that breaks off for a whole one.
    if (code == CURLE_OK && status >= 200 && intake_.has_head()) return std::move(response);
    if (stop_ == Stop::interrupted) {
      return failure(HttpFailure::Kind::interrupted, Errc::unavailable, "interrupted");
    }
    if (stop_ == Stop::stalled || stop_ == Stop::late) {
      return failure(was_sent() ? HttpFailure::Kind::ambiguous : HttpFailure::Kind::not_sent,
                     Errc::unavailable, reason_of(code));
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
    curl_.easy_getinfo(easy_, CURLINFO_REQUEST_SIZE, &bytes);
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
      case kCurle_too_large:
        return HttpFailure::Kind::too_large;
      case CURLE_URL_MALFORMAT:
      case CURLE_LOGIN_DENIED:  // a user name in the URL
      case CURLE_FAILED_INIT:
      case CURLE_OUT_OF_MEMORY:
        return HttpFailure::Kind::local;
      default:
        return was_sent() ? HttpFailure::Kind::ambiguous : HttpFailure::Kind::not_sent;
    }
  }

  [[nodiscard]] bool may_use_proxy() const {
    return request_.use_proxy && !is_loopback(request_.url);
  }

  // The proxy whose fault it is. A connection to its port was for it: that no_proxy exempts the
  // store shows in the port of the store.
  [[nodiscard]] std::optional<HttpProxy> failed_proxy(CURLcode code) const {
    const std::string_view words(reason_.data());
    const bool is_told = code == CURLE_COULDNT_RESOLVE_PROXY || code == CURLE_PROXY ||
                         words.find("from proxy") != std::string_view::npos ||
                         words.find("Proxy CONNECT") != std::string_view::npos ||
                         words.starts_with("Unsupported proxy") ||
                         words.find("CONNECT tunnel") != std::string_view::npos;
    const bool is_unconnected =
        code == CURLE_COULDNT_CONNECT || code == CURLE_OPERATION_TIMEDOUT || stop_ == Stop::stalled;
    if (!may_use_proxy() || (!is_told && (!is_unconnected || was_sent()))) return {};
    auto proxy = find_proxy(request_.url);
    if (!proxy || is_told) return proxy;
    if (proxy->port != tried_port_) return {};
    if (has_port_of(request_.url, *proxy) && words.find(proxy->host) == std::string_view::npos) {
      return {};
    }
    return proxy;
  }

  [[nodiscard]] std::string reason_of(CURLcode code) const {
    const auto proxy = failed_proxy(code);
    if (!proxy) return own_reason_of(code);
    return "the proxy " + proxy->shown + ", which " + proxy->variable +
           " names, fails: " + own_reason_of(code) + "; correct " + proxy->variable +
           ", or name the store's host in no_proxy";
  }

  [[nodiscard]] std::string own_reason_of(CURLcode code) const {
    if (stop_ == Stop::stalled) return "nothing moved for too long";
    if (stop_ == Stop::late) {
      return "it was not answered within " + std::to_string(request_.whole_timeout.count()) + " ms";
    }
    if (code == CURLE_OK) return "the answer breaks off, or is not HTTP";
    // libcurl's words repeat the whole of it, password and all.
    if (std::string_view(reason_.data()).starts_with("Unsupported proxy")) {
      return "the proxy's URL is not understood; percent-encode what is in its password";
    }
    // libcurl's texts for these tell milliseconds; one that stays the same can be told once.
    if (code == CURLE_OPERATION_TIMEDOUT) return "timed out while connecting";
    if (code == CURLE_COULDNT_CONNECT) {
      long os_errno = 0;
      curl_.easy_getinfo(easy_, CURLINFO_OS_ERRNO, &os_errno);
      if (os_errno != 0) return "cannot connect: " + errno_text(static_cast<int>(os_errno));
    }
    return reason_[0] != '\0' ? without_milliseconds(reason_.data()) : curl_.easy_strerror(code);
  }

  [[nodiscard]] HttpFailure failure(HttpFailure::Kind kind, Errc code,
                                    const std::string& why) const {
    return {kind, Error{code, 0, request_.method + " " + without_query(request_.url) + ": " + why}};
  }

  static curl_socket_t on_socket(void* self, curlsocktype /*purpose*/, curl_sockaddr* address) {
    static_cast<Transfer*>(self)->tried_port_ = port_of(address->addr);
    return open_socket(address->family, address->socktype, address->protocol);
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
    return close_socket(socket);
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
    transfer.curl_.easy_getinfo(transfer.easy_, CURLINFO_RESPONSE_CODE, &status);
    const std::string_view text(bytes, size * count);
    return transfer.intake_.take_body(static_cast<int>(status), text) ? text.size() : 0;
  }

  const Curl& curl_;
  const HttpRequest& request_;
  const std::string& ca_bundle_;
  std::set<curl_socket_t>& sockets_;
  CURL* const easy_;
  HeaderLines lines_;
  CURLcode setup_ = CURLE_OK;
  HttpBodyFile body_;
  HttpIntake intake_;
  Stop stop_ = Stop::none;
  std::uint16_t tried_port_ = 0;    // of the last connection that was begun
  std::int64_t checked_bytes_ = 0;  // moved at checked_at_
  Clock::time_point checked_at_ = {};
  std::array<char, CURL_ERROR_SIZE> reason_ = {};
};

}  // namespace

HttpClient::HttpClient(Settings settings) : state_(std::make_unique<State>()) {
  state_->ca_bundle = settings.ca_bundle.empty() ? find_ca_bundle() : std::move(settings.ca_bundle);
}

HttpClient::~HttpClient() {
  const Curl* const functions = curl.load(std::memory_order_acquire);
  if (functions != nullptr && state_->multi != nullptr && state_->owner == process_key()) {
    functions->multi_cleanup(state_->multi);
  }
}

HttpAnswer HttpClient::send(const HttpRequest& request) {
  // With CURLOPT_NOSIGNAL libcurl leaves SIGPIPE alone, and its manual promises no more than an
  // effort not to raise it.
  const NoSigpipe no_sigpipe;
  const auto functions = load_curl();
  if (!functions) {
    Error error = functions.error();
    error.message =
        request.method + " " + without_query(request.url) + ": " + std::move(error.message);
    return HttpFailure{HttpFailure::Kind::local, std::move(error)};
  }
  CURLM* const multi = state_->own_multi(**functions);
  Transfer transfer(**functions, request, state_->ca_bundle, state_->sockets);
  return transfer.run(multi, state_->is_interrupted);
}

void HttpClient::interrupt() noexcept {
  state_->is_interrupted.store(true, std::memory_order_release);
  const std::lock_guard lock(state_->mutex);
  const Curl* const functions = curl.load(std::memory_order_acquire);
  if (functions != nullptr && state_->multi != nullptr && state_->owner == process_key()) {
    functions->multi_wakeup(state_->multi);
  }
}

bool HttpClient::is_interrupted() const noexcept {
  return state_->is_interrupted.load(std::memory_order_acquire);
}

}  // namespace runlog
