#include "base/command_line.hpp"

#include <algorithm>
#include <array>

#include "base/url.hpp"

namespace runlog {
namespace {

constexpr std::string_view kHidden = "***";
constexpr std::string_view kBlanks = " \t\r\n";

bool is_upper(char c) noexcept {
  return c >= 'A' && c <= 'Z';
}
bool is_letter(char c) noexcept {
  return is_upper(c) || (c >= 'a' && c <= 'z');
}
bool is_name_character(char c) noexcept {
  return is_letter(c) || (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '.';
}

template <std::size_t kCount>
bool is_one_of(std::string_view word, const std::array<std::string_view, kCount>& words) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

// The words of a name, in lower case, each with a blank behind it: "api key " of --api_key, apiKey
// and API_KEY2.
std::string words_of(std::string_view name) {
  std::string words;
  bool was_lower = false;
  for (const char c : name) {
    const bool begins_word = is_upper(c) && was_lower;
    if ((begins_word || !is_letter(c)) && !words.empty() && words.back() != ' ') words += ' ';
    if (is_letter(c)) words += is_upper(c) ? static_cast<char>(c - 'A' + 'a') : c;
    was_lower = is_letter(c) && !is_upper(c);
  }
  if (!words.empty() && words.back() != ' ') words += ' ';
  return words;
}

// Whether a value of that name is secret.
bool is_secret_name(std::string_view name) {
  constexpr std::array<std::string_view, 9> kParts = {"password",  "passwd",     "passphrase",
                                                      "secret",    "credential", "apikey",
                                                      "accesskey", "privatekey", "authorization"};
  constexpr std::array<std::string_view, 14> kWords = {
      "key", "token",  "auth",   "pwd", "pass", "pw",       "sig",
      "sas", "bearer", "cookie", "jwt", "otp",  "passcode", "signature"};
  const std::string words = words_of(name);
  for (const std::string_view part : kParts) {
    if (words.find(part) != std::string::npos) return true;
  }
  // At the end of an option's name, anywhere in a variable's: AWS_ACCESS_KEY_ID, but --key-size.
  const bool is_variable =
      std::none_of(name.begin(), name.end(), [](char c) { return is_letter(c) && !is_upper(c); });
  std::string_view rest = words;
  while (!rest.empty()) {
    const std::string_view word = rest.substr(0, rest.find(' '));
    rest.remove_prefix(word.size() + 1);
    if (!is_variable && !rest.empty()) continue;
    if (is_one_of(word, kWords) || word.ends_with("token")) return true;
  }
  return false;
}

// The name at the end of `text`, behind which a value begins: `api_key` of `{"api_key"`.
std::string_view name_before(std::string_view text) {
  constexpr std::string_view kClosing = "\"')]} \t";
  text = text.substr(0, text.find_last_not_of(kClosing) + 1);
  std::size_t begin = text.size();
  while (begin > 0 && is_name_character(text[begin - 1])) --begin;
  return text.substr(begin);
}

// From the last to the first, because what a query holds may be a URL.
std::string with_plain_urls(std::string text) {
  constexpr std::string_view kScheme_end = ":/";
  for (std::size_t at = text.rfind(kScheme_end); at != std::string::npos && at > 0;
       at = text.rfind(kScheme_end, at - 1)) {
    std::size_t begin = at;
    while (begin > 0 && is_name_character(text[begin - 1]) && text[begin - 1] != '_') --begin;
    if (begin == at) continue;
    std::size_t end = std::min(text.find_first_of(kBlanks, at), text.size());
    if (has_open_password(std::string_view(text).substr(begin, end - begin)) &&
        text.find('@', end) != std::string::npos) {
      end = text.size();
    }
    text.replace(begin, end - begin,
                 without_secrets(std::string_view(text).substr(begin, end - begin)));
  }
  return text;
}

// "***@host" of user:password@host without a scheme.
std::string with_plain_user(std::string_view word) {
  const std::size_t at = word.rfind('@');
  const std::size_t colon = word.find(':');
  const bool has_user = at != std::string_view::npos && colon < at;
  if (!has_user || word.find("://") < at) return std::string(word);
  std::size_t begin = colon;
  while (begin > 0 && is_name_character(word[begin - 1])) --begin;
  return std::string(word.substr(0, begin)) + std::string(kHidden) + std::string(word.substr(at));
}

// `end`, or behind the quote that closes one that the word from `begin` to `end` has opened.
std::size_t end_of_quoted(std::string_view text, std::size_t begin, std::size_t end) {
  for (const char quote : {'"', '\''}) {
    const std::string_view word = text.substr(begin, end - begin);
    if (std::count(word.begin(), word.end(), quote) % 2 == 0) continue;
    const std::size_t closing = text.find(quote, end);
    return closing == std::string_view::npos ? text.size() : closing + 1;
  }
  return end;
}

class CommandLine {
 public:
  void add(std::string_view argument) {
    if (!out_.empty()) out_ += ' ';
    if (hides_next_ && !argument.starts_with("--")) {
      out_ += kHidden;
      hides_next_ = false;
      return;
    }
    hides_next_ = false;
    const std::string text = with_plain_urls(std::string(argument));
    for (std::size_t at = 0; at < text.size();) {
      const std::size_t begin = text.find_first_not_of(kBlanks, at);
      out_.append(text, at, std::min(begin, text.size()) - at);
      if (begin == std::string::npos) return;
      const std::size_t end = std::min(text.find_first_of(kBlanks, begin), text.size());
      has_hidden_ = false;
      const bool goes_on = add_word(std::string_view(text).substr(0, end), begin);
      // A secret that begins with its argument, or is in quotes, may have blanks in it.
      if (!goes_on && begin == 0) return;
      at = has_hidden_ ? end_of_quoted(text, begin, end) : end;
    }
  }

  std::string take() { return std::move(out_); }

 private:
  // The word from `begin` to the end of `text`. False: a value in it is hidden, or comes next and
  // is to be hidden.
  bool add_word(std::string_view text, std::size_t begin) {
    const std::string_view word = text.substr(begin);
    if (hides_next_ && !word.starts_with("--")) {
      // "Authorization: Bearer xyz".
      constexpr std::array<std::string_view, 4> kKinds = {"bearer ", "basic ", "token ", "digest "};
      hides_next_ = is_one_of(words_of(word), kKinds);
      out_ += kHidden;
      has_hidden_ = true;
      return true;
    }
    hides_next_ = false;
    for (std::size_t at = word.find_first_of("=:"); at != std::string_view::npos;
         at = word.find_first_of("=:", at + 1)) {
      if (!is_secret_name(name_before(text.substr(0, begin + at)))) continue;
      out_ += word.substr(0, at + 1);
      out_ += kHidden;
      has_hidden_ = true;
      // "password := secret", too.
      hides_next_ = word.find_first_not_of("=:>\"'", at) == std::string_view::npos && begin != 0;
      return false;
    }
    out_ += with_plain_user(word);
    hides_next_ = word.starts_with('-') && word.find_first_of("=:") == std::string_view::npos &&
                  is_secret_name(word);
    return true;
  }

  std::string out_;
  bool hides_next_ = false;  // the next word is a secret value
  bool has_hidden_ = false;  // the last word had one
};

}  // namespace

std::string shown_command_line(std::string_view arguments) {
  CommandLine line;
  while (!arguments.empty()) {
    const std::size_t end = std::min(arguments.find('\0'), arguments.size());
    line.add(arguments.substr(0, end));
    arguments.remove_prefix(std::min(end + 1, arguments.size()));
  }
  return line.take();
}

}  // namespace runlog
