#include "store/credentials/credential_text.hpp"

#include <algorithm>
#include <charconv>

#include "platform/file_system.hpp"
#include "store/http/encoding.hpp"

namespace runlog {
namespace {

constexpr std::string_view kBlanks = " \t\r\n\v\f";

Error unusable(const std::filesystem::path& path, std::string_view named_by, std::string_view why) {
  std::string words = path.native();
  if (!named_by.empty()) words += " (named by " + std::string(named_by) + ")";
  return Error{Errc::invalid_argument, 0, words + " " + std::string(why)};
}

// Opening a pipe would wait for its other end.
Result<std::string> read_plain_file(const std::filesystem::path& path, std::uint64_t bytes_max) {
  auto info = stat_file(path);
  if (!info) return std::move(info).error();
  if (!info->is_regular) {
    return Error{Errc::invalid_argument, 0, path.native() + " is not a regular file"};
  }
  return read_file(path, bytes_max);
}

// `count` digits at the start of `text`, taken off; nothing when there are others.
std::optional<int> take_number(std::string_view& text, std::size_t count) {
  int value = 0;
  if (text.size() < count) return {};
  for (const char c : text.substr(0, count)) {
    if (c < '0' || c > '9') return {};
    value = value * 10 + (c - '0');
  }
  text.remove_prefix(count);
  return value;
}

bool take(std::string_view& text, char c) {
  if (!text.starts_with(c)) return false;
  text.remove_prefix(1);
  return true;
}

}  // namespace

Error unusable_credentials(std::string words) {
  return Error{Errc::invalid_argument, 0, std::move(words)};
}

Error no_credentials(std::string words) {
  return Error{Errc::not_found, 0, std::move(words)};
}

std::string_view trim_blanks(std::string_view text) noexcept {
  const std::size_t begin = text.find_first_not_of(kBlanks);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kBlanks) - begin + 1);
}

bool has_control_character(std::string_view text) noexcept {
  for (const char c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) return true;
  }
  return false;
}

bool is_printable(const AccessKey& key) noexcept {
  return !has_control_character(key.id) && !has_control_character(key.secret.reveal()) &&
         !has_control_character(key.session_token.reveal());
}

std::string to_lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

std::string clean_code(std::string_view code) {
  constexpr std::size_t kCode_bytes_max = 64;
  std::string out;
  for (const char c : code) {
    const bool fits = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
                      c == '.' || c == '_' || c == '-';
    if (!fits || out.size() == kCode_bytes_max) break;
    out += c;
  }
  return out;
}

std::optional<WallClock::time_point> parse_iso_time(std::string_view text) {
  const auto year = take_number(text, 4);
  if (!year || !take(text, '-')) return {};
  const auto month = take_number(text, 2);
  if (!month || !take(text, '-')) return {};
  const auto day = take_number(text, 2);
  if (!day || text.empty() || (text[0] != 'T' && text[0] != ' ')) return {};
  text.remove_prefix(1);
  const auto hour = take_number(text, 2);
  if (!hour || !take(text, ':')) return {};
  const auto minute = take_number(text, 2);
  if (!minute || !take(text, ':')) return {};
  const auto second = take_number(text, 2);
  if (!second || *hour > 23 || *minute > 59 || *second > 60) return {};
  if (take(text, '.')) {
    const std::size_t digits = text.find_first_not_of("0123456789");
    if (digits == 0) return {};
    text.remove_prefix(std::min(digits, text.size()));
  }
  int offset_minutes = 0;
  if (!take(text, 'Z')) {
    const int sign = text.starts_with('-') ? -1 : 1;
    if (!take(text, '+') && !take(text, '-')) return {};
    const auto hours = take_number(text, 2);
    (void)take(text, ':');
    const auto minutes = take_number(text, 2);
    if (!hours || !minutes) return {};
    offset_minutes = sign * (*hours * 60 + *minutes);
  }
  const std::chrono::year_month_day date{std::chrono::year(*year),
                                         std::chrono::month(static_cast<unsigned>(*month)),
                                         std::chrono::day(static_cast<unsigned>(*day))};
  if (!text.empty() || !date.ok()) return {};
  using std::chrono::seconds;
  using std::chrono::sys_days;
  const std::chrono::sys_time<seconds> time = sys_days(date) + std::chrono::hours(*hour) +
                                              std::chrono::minutes(*minute - offset_minutes) +
                                              seconds(*second);
  // "9999-12-31" says: for ever. In nanoseconds it would be some time in the past.
  const std::chrono::sys_time<seconds> last =
      sys_days(std::chrono::year(kPeer_year_max) / std::chrono::December / 31);
  return std::clamp(time, std::chrono::sys_time<seconds>(), last);
}

Result<Secret> read_token_file(const std::filesystem::path& path, std::string_view named_by) {
  auto text = read_plain_file(path, kToken_bytes_max);
  if (!text) return unusable(path, named_by, "cannot be read: " + text.error().message);
  std::string token(trim_blanks(*text));
  wipe(*text);
  Secret secret(std::move(token));
  if (secret.empty()) return unusable(path, named_by, "is empty; it should hold a token");
  if (has_control_character(secret.reveal())) {
    return unusable(path, named_by, "holds more than one line; it should hold a token");
  }
  return secret;
}

Result<JsonText> read_credential_json(std::string_view text, const std::string& from) {
  auto json = JsonText::parse(text, "its answer", kToken_bytes_max);
  if (json || json.error().code != Errc::corrupt) return json;
  return unusable_credentials(from + " did not give a JSON object: " + json.error().message);
}

Result<std::string> read_optional_file(const std::filesystem::path& path) {
  if (path.empty()) return std::string();
  // Pointing a variable at /dev/null is how one says: no such file.
  if (const auto info = stat_file(path); info && info->is_null_device) return std::string();
  auto text = read_plain_file(path, kCredential_file_bytes_max);
  if (text) return std::move(*text);
  if (text.error().code == Errc::not_found) return std::string();
  return Error{Errc::invalid_argument, text.error().os_errno, text.error().message};
}

}  // namespace runlog
