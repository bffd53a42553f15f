#include "store/credentials/netrc.hpp"

#include <algorithm>

#include "store/credentials/credential_text.hpp"
#include "store/http/encoding.hpp"

namespace runlog {
namespace {

class Words {
 public:
  explicit Words(std::string_view text) : rest_(text) {}

  /// False at the end, and when a quote is not closed.
  bool next(std::string& word) {
    wipe(word);
    skip_blanks_and_comments();
    if (rest_.empty()) return false;
    if (rest_.front() == '"') return quoted(word);
    const std::size_t end = std::min(rest_.find_first_of(" \t\r\n"), rest_.size());
    word = rest_.substr(0, end);
    rest_.remove_prefix(end);
    return true;
  }

  // A macro ends at an empty line.
  void skip_macro() {
    while (!rest_.empty()) {
      const std::size_t end = std::min(rest_.find('\n'), rest_.size());
      rest_.remove_prefix(std::min(end + 1, rest_.size()));
      ++line_;
      if (rest_.starts_with('\n') || rest_.starts_with("\r\n")) return;
    }
  }

  [[nodiscard]] bool has_open_quote() const noexcept { return has_open_quote_; }
  [[nodiscard]] std::size_t line() const noexcept { return line_; }

 private:
  void skip_blanks_and_comments() {
    while (!rest_.empty()) {
      const char c = rest_.front();
      if (c == '#') {
        rest_.remove_prefix(std::min(rest_.find('\n'), rest_.size()));
        continue;
      }
      if (c != ' ' && c != '\t' && c != '\r' && c != '\n') return;
      if (c == '\n') ++line_;
      rest_.remove_prefix(1);
    }
  }

  bool quoted(std::string& word) {
    for (std::size_t i = 1; i < rest_.size(); ++i) {
      char c = rest_[i];
      if (c == '\n') break;
      if (c == '"') {
        rest_.remove_prefix(i + 1);
        return true;
      }
      if (c == '\\' && i + 1 < rest_.size()) {
        c = rest_[++i];
        if (c == 'n') c = '\n';
        if (c == 'r') c = '\r';
        if (c == 't') c = '\t';
      }
      word += c;
    }
    has_open_quote_ = true;
    return false;
  }

  std::string_view rest_;
  std::size_t line_ = 1;
  bool has_open_quote_ = false;
};

}  // namespace

Result<std::optional<NetrcEntry>> find_in_netrc(std::string_view text, std::string_view host) {
  if (text.find('\0') != std::string_view::npos) {
    return Error{Errc::invalid_argument, 0, "it has a NUL byte in it"};
  }
  const std::string wanted = to_lower(host);
  Words words(text);
  std::string word;
  std::optional<NetrcEntry> exact;
  std::optional<NetrcEntry> fallback;
  std::optional<NetrcEntry>* entry = nullptr;  // the one being read; null: of another host
  const auto cut_short = [&](const char* what) {
    return Error{Errc::invalid_argument, 0, "line " + std::to_string(words.line()) + ": " + what};
  };
  while (words.next(word)) {
    if (word == "machine") {
      if (!words.next(word)) return cut_short("no host after 'machine'");
      // The first entry of a host counts, as it does for curl.
      entry = to_lower(word) == wanted && !exact ? &exact : nullptr;
      if (entry != nullptr) entry->emplace();
    } else if (word == "default") {
      entry = fallback ? nullptr : &fallback;
      if (entry != nullptr) entry->emplace();
    } else if (word == "macdef") {
      words.skip_macro();
      entry = nullptr;
    } else if (word == "login" || word == "password" || word == "account") {
      const char kind = word.front();
      if (!words.next(word)) return cut_short("no word after 'login', 'password' or 'account'");
      if (entry == nullptr) continue;
      if (kind == 'l') (*entry)->user = word;
      if (kind == 'p') (*entry)->password = Secret(std::string(word));
    } else {
      return cut_short("neither machine, default, login, password, account nor macdef");
    }
  }
  wipe(word);
  if (words.has_open_quote()) return cut_short("a quote is not closed");
  return exact ? std::move(exact) : std::move(fallback);
}

}  // namespace runlog
