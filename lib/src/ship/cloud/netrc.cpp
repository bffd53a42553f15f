#include "ship/cloud/netrc.hpp"

#include <algorithm>

namespace runlog {
namespace {

class Words {
 public:
  explicit Words(std::string_view text) : rest_(text) {}

  // The next word, without its quotes; nothing at the end.
  std::optional<std::string> next() {
    for (;;) {
      const std::size_t begin = rest_.find_first_not_of(" \t\r\n");
      if (begin == std::string_view::npos) return {};
      rest_.remove_prefix(begin);
      if (rest_.front() != '#') break;
      skip_line();
    }
    std::string word;
    if (rest_.front() == '"') {
      std::size_t i = 1;
      for (; i < rest_.size() && rest_[i] != '"' && rest_[i] != '\n'; ++i) {
        if (rest_[i] == '\\' && i + 1 < rest_.size()) ++i;
        word += rest_[i];
      }
      rest_.remove_prefix(std::min(i + 1, rest_.size()));
      return word;
    }
    const std::size_t end = std::min(rest_.find_first_of(" \t\r\n"), rest_.size());
    word = rest_.substr(0, end);
    rest_.remove_prefix(end);
    return word;
  }

  // A macro ends at an empty line.
  void skip_macro() {
    const std::size_t end = std::min(rest_.find("\n\n"), rest_.size());
    rest_.remove_prefix(end);
  }

 private:
  void skip_line() { rest_.remove_prefix(std::min(rest_.find('\n'), rest_.size())); }

  std::string_view rest_;
};

}  // namespace

std::optional<HttpCredentials> find_in_netrc(std::string_view text, std::string_view host) {
  Words words(text);
  HttpCredentials found;
  bool is_ours = false;
  while (auto word = words.next()) {
    if (*word == "machine" || *word == "default") {
      if (is_ours) break;  // the first entry that fits counts
      is_ours = *word == "default" || words.next() == host;
    } else if (*word == "macdef") {
      words.skip_macro();
    } else if (*word == "login" || *word == "password" || *word == "account") {
      auto value = words.next();
      if (!value) break;
      if (is_ours && *word == "login") found.user = *value;
      if (is_ours && *word == "password") found.password = Secret(std::move(*value));
    }
  }
  if (!is_ours || (found.user.empty() && found.password.empty())) return {};
  return found;
}

}  // namespace runlog
