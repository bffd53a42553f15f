#include "ship/cloud/credential_endpoint.hpp"

#include <cstdio>
#include <ctime>

#include "base/utf8.hpp"
#include "platform/file_system.hpp"
#include "ship/cloud/encoding.hpp"

namespace runlog {
namespace {

constexpr int kTries = 3;
constexpr std::size_t kQuoted_bytes_max = 200;
constexpr std::size_t kToken_file_bytes_max = 64u << 10;
constexpr std::size_t kJson_bytes_max = 64u << 10;

// What an endpoint says of itself, fit for one line of a message.
std::string in_one_line(std::string_view body) {
  std::string text = mend_utf8(body.substr(0, kQuoted_bytes_max));
  for (char& c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) c = ' ';
  }
  return text;
}

std::string_view host_of(std::string_view url) noexcept {
  const std::size_t scheme = url.find("://");
  if (scheme == std::string_view::npos) return {};
  url.remove_prefix(scheme + 3);
  const std::string_view authority = url.substr(0, url.find_first_of("/?#"));
  if (authority.find('@') != std::string_view::npos) return {};
  if (authority.starts_with('[')) return authority.substr(0, authority.find(']') + 1);
  return authority.substr(0, authority.find(':'));
}

// Four numbers: a name like 169.254.example.com is not an address.
bool is_link_local(std::string_view host) noexcept {
  unsigned a = 0, b = 0, c = 0, d = 0;
  int used = 0;
  const std::string text(host);
  return std::sscanf(text.c_str(), "%3u.%3u.%3u.%3u%n", &a, &b, &c, &d, &used) == 4 &&
         static_cast<std::size_t>(used) == text.size() && a == 169 && b == 254 && c < 256 &&
         d < 256;
}

}  // namespace

Result<HttpResponse> ask_endpoint(HttpClient& client, const HttpRequest& request,
                                  std::string_view what) {
  Error last;
  for (int attempt = 0; attempt < kTries; ++attempt) {
    HttpAnswer answer = client.send(request);
    if (!answer) {
      last = Error{Errc::unavailable, 0,
                   std::string(what) + " does not answer: " + answer.failure().error.message};
      const auto kind = answer.failure().kind;
      if (kind == HttpFailure::Kind::interrupted || kind == HttpFailure::Kind::untrusted ||
          kind == HttpFailure::Kind::local) {
        break;
      }
      continue;
    }
    if (answer->status / 100 == 2) return std::move(*answer);
    last = Error{
        answer->status >= 500 || answer->status == 429 ? Errc::unavailable : Errc::invalid_argument,
        0,
        std::string(what) + " answered " + std::to_string(answer->status) + ": " +
            in_one_line(answer->body)};
    if (last.code == Errc::invalid_argument) break;
  }
  return last;
}

HttpRequest local_request(std::string url) {
  HttpRequest request;
  request.url = std::move(url);
  request.use_proxy = false;
  request.connect_timeout = std::chrono::seconds(1);
  request.timeout = std::chrono::seconds(5);
  return request;
}

bool may_ask_locally(std::string_view url) noexcept {
  if (may_carry_secrets(url)) return true;
  if (!url.starts_with("http://")) return false;
  const std::string_view host = host_of(url);
  return host == "[fd00:ec2::23]" || host == "[fd00:ec2::254]" || is_link_local(host);
}

Result<Secret> read_token_file(const std::string& path, std::string_view variable) {
  auto text = read_file(path, kToken_file_bytes_max);
  if (!text) {
    Error error = std::move(text).error();
    error.message = std::string(variable) + ": " + error.message;
    return error;
  }
  const std::size_t begin = text->find_first_not_of(" \t\r\n");
  const std::size_t end = text->find_last_not_of(" \t\r\n");
  Secret token(begin == std::string::npos ? "" : text->substr(begin, end - begin + 1));
  wipe(*text);
  if (token.empty() || token.reveal().find_first_of("\r\n") != std::string::npos) {
    return Error{Errc::invalid_argument, 0,
                 std::string(variable) + ": " + path + " does not hold one line with a token"};
  }
  return token;
}

std::optional<WallClock::time_point> parse_iso_time(std::string_view text) {
  std::tm parts{};
  int used = 0;
  const std::string copy(text.substr(0, 40));
  if (std::sscanf(copy.c_str(), "%4d-%2d-%2dT%2d:%2d:%2d%n", &parts.tm_year, &parts.tm_mon,
                  &parts.tm_mday, &parts.tm_hour, &parts.tm_min, &parts.tm_sec, &used) != 6) {
    return {};
  }
  std::string_view rest = std::string_view(copy).substr(static_cast<std::size_t>(used));
  if (rest.starts_with('.')) {
    rest.remove_prefix(std::min(rest.find_first_not_of("0123456789", 1), rest.size()));
  }
  if (rest != "Z" && rest != "+00:00" && rest != "+0000") return {};
  if (parts.tm_year < 1970 || parts.tm_mon < 1 || parts.tm_mon > 12 || parts.tm_mday < 1 ||
      parts.tm_mday > 31 || parts.tm_hour < 0 || parts.tm_hour > 23 || parts.tm_min < 0 ||
      parts.tm_min > 59 || parts.tm_sec < 0 || parts.tm_sec > 60) {
    return {};
  }
  parts.tm_year -= 1900;
  parts.tm_mon -= 1;
  return WallClock::from_time_t(::timegm(&parts));
}

Result<AccessKey> access_key_from_json(std::string_view json, std::string_view what) {
  auto document = JsonText::parse(json, std::string(what) + ": the answer", kJson_bytes_max);
  if (!document) {
    return Error{Errc::invalid_argument, 0, std::move(document).error().message};
  }
  AccessKey key;
  key.id = document->text("AccessKeyId");
  key.secret = Secret(document->text("SecretAccessKey"));
  key.session_token = Secret(document->text("Token"));
  if (key.session_token.empty()) key.session_token = Secret(document->text("SessionToken"));
  if (key.id.empty() || key.secret.empty()) {
    return Error{Errc::invalid_argument, 0,
                 std::string(what) + ": the answer has no AccessKeyId and SecretAccessKey"};
  }
  const std::string expires = document->text("Expiration");
  if (!expires.empty()) {
    key.expires = parse_iso_time(expires);
    if (!key.expires) {
      return Error{Errc::invalid_argument, 0,
                   std::string(what) + ": the answer's Expiration is no time: " + in_one_line(expires)};
    }
  }
  return key;
}

}  // namespace runlog
