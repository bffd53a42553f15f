#include <cstdint>

#include "base/utf8.hpp"
#include "store/credentials/credential_text.hpp"
#include "store/http/encoding.hpp"

// A reader of its own and not base/json_read: the parser behind that one lets each value grow
// letter by letter, and what a string outgrows stays in freed memory, where nobody can wipe it.
// Here a value is written once, where it is wiped. Nothing recurses, so depth costs a count and no
// stack.
namespace runlog {
namespace {

class Scanner {
 public:
  explicit Scanner(std::string_view text) : rest_(text) {}

  bool at_end() {
    skip_blanks();
    return rest_.empty();
  }
  bool take(char c) {
    skip_blanks();
    if (!rest_.starts_with(c)) return false;
    rest_.remove_prefix(1);
    return true;
  }
  [[nodiscard]] char next() {
    skip_blanks();
    return rest_.empty() ? '\0' : rest_.front();
  }

  bool string(std::string& out) {
    if (!take('"')) return false;
    while (!rest_.empty()) {
      const char c = rest_.front();
      rest_.remove_prefix(1);
      if (c == '"') return true;
      if (static_cast<unsigned char>(c) < 0x20) return false;
      if (c != '\\') {
        out += c;
      } else if (!escape(out)) {
        return false;
      }
    }
    return false;
  }

  // A number, true, false or null.
  std::string_view plain() {
    skip_blanks();
    const std::size_t end = std::min(rest_.find_first_of(",]} \t\r\n\"[{:"), rest_.size());
    const std::string_view word = rest_.substr(0, end);
    rest_.remove_prefix(end);
    return word;
  }

  // An object or array with all that is in it.
  bool skip_nested() {
    std::size_t depth = 0;
    std::string ignored;
    while (!rest_.empty()) {
      const char c = next();
      if (c == '"') {
        ignored.clear();
        if (!string(ignored)) return false;
        continue;
      }
      rest_.remove_prefix(1);
      if (c == '{' || c == '[') ++depth;
      if ((c == '}' || c == ']') && --depth == 0) return true;
    }
    return false;
  }

 private:
  void skip_blanks() {
    rest_.remove_prefix(std::min(rest_.find_first_not_of(" \t\r\n"), rest_.size()));
  }

  bool hex4(std::uint32_t& code) {
    if (rest_.size() < 4) return false;
    code = 0;
    for (const char c : rest_.substr(0, 4)) {
      std::uint32_t digit = 0;
      if (c >= '0' && c <= '9') {
        digit = static_cast<std::uint32_t>(c - '0');
      } else if (c >= 'a' && c <= 'f') {
        digit = static_cast<std::uint32_t>(c - 'a') + 10;
      } else if (c >= 'A' && c <= 'F') {
        digit = static_cast<std::uint32_t>(c - 'A') + 10;
      } else {
        return false;
      }
      code = code * 16 + digit;
    }
    rest_.remove_prefix(4);
    return true;
  }

  bool escape(std::string& out) {
    if (rest_.empty()) return false;
    const char c = rest_.front();
    rest_.remove_prefix(1);
    constexpr std::string_view kNames = "\"\\/bfnrt";
    constexpr std::string_view kMeant = "\"\\/\b\f\n\r\t";
    if (const std::size_t at = kNames.find(c); at != std::string_view::npos) {
      out += kMeant[at];
      return true;
    }
    std::uint32_t code = 0;
    if (c != 'u' || !hex4(code)) return false;
    if (code >= 0xD800 && code < 0xDC00) {
      std::uint32_t low = 0;
      if (!rest_.starts_with("\\u")) return false;
      rest_.remove_prefix(2);
      if (!hex4(low) || low < 0xDC00 || low > 0xDFFF) return false;
      code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
    } else if (code >= 0xDC00 && code < 0xE000) {
      return false;
    }
    append_utf8(out, code);
    return true;
  }

  std::string_view rest_;
};

}  // namespace

std::optional<JsonMembers> read_json_members(std::string_view json) {
  Scanner scanner(json);
  JsonMembers members;
  if (!scanner.take('{')) return {};
  bool is_first = true;
  while (!scanner.take('}')) {
    if (!is_first && !scanner.take(',')) return {};
    is_first = false;
    std::string name;
    if (!scanner.string(name) || !scanner.take(':')) return {};
    const char start = scanner.next();
    if (start == '{' || start == '[') {
      if (!scanner.skip_nested()) return {};
      continue;
    }
    std::string value;
    value.reserve(json.size());  // growing would leave pieces of it in freed memory
    if (start == '"') {
      if (!scanner.string(value)) {
        wipe(value);
        return {};
      }
    } else {
      value = scanner.plain();
      if (value.empty()) return {};
      if (value == "null" || value == "true" || value == "false") continue;
    }
    members.insert_or_assign(std::move(name), Secret(std::move(value)));
  }
  if (!scanner.at_end()) return {};
  return members;
}

const std::string& member(const JsonMembers& members, std::string_view name) {
  static const std::string none;
  const auto found = members.find(name);
  return found == members.end() ? none : found->second.reveal();
}

}  // namespace runlog
