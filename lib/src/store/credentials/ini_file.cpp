#include "store/credentials/ini_file.hpp"

#include "store/credentials/credential_text.hpp"
#include "store/http/encoding.hpp"

namespace runlog {
namespace {

class Parser {
 public:
  explicit Parser(const std::function<bool(std::string_view)>& wanted) : wanted_(wanted) {}

  // What is wrong with the line, or nothing.
  std::string_view line(std::string_view raw) {
    // A path or a command would end there.
    if (raw.find('\0') != std::string_view::npos) return "has a NUL byte in it";
    const std::string_view text = trim_blanks(raw);
    if (text.empty() || text.front() == '#' || text.front() == ';') return {};
    const std::size_t indent = raw.find_first_not_of(" \t");
    if (text.front() == '[' && indent == 0) return header(text);
    if (!has_section_) return "comes before the first [section]";
    if (!key_.empty() && indent > indent_) return nested(text);
    indent_ = indent;
    return assignment(text);
  }

  IniFile take() { return std::move(file_); }

 private:
  std::string_view header(std::string_view text) {
    const std::size_t close = text.find(']');
    if (close == std::string_view::npos) return "begins a section and has no ']'";
    const std::string_view name = trim_blanks(text.substr(1, close - 1));
    if (name.empty()) return "is a section without a name";
    has_section_ = true;
    key_.clear();
    section_ = wanted_(name) ? &file_[std::string(name)] : nullptr;
    return {};
  }

  std::string_view assignment(std::string_view text) {
    const std::size_t at = text.find_first_of("=:");
    if (at == std::string_view::npos) return "is neither a [section] nor a key = value";
    key_ = to_lower(trim_blanks(text.substr(0, at)));
    if (key_.empty()) return "has no key before the '='";
    store(key_, trim_blanks(text.substr(at + 1)));
    return {};
  }

  // A setting of a service below "s3 =", say, or the rest of a long value, which no key we read
  // has.
  std::string_view nested(std::string_view text) {
    const std::size_t at = text.find('=');
    if (at == std::string_view::npos) return {};
    store(key_ + "." + to_lower(trim_blanks(text.substr(0, at))), trim_blanks(text.substr(at + 1)));
    return {};
  }

  void store(const std::string& key, std::string_view value) {
    if (key.size() > kIni_key_bytes_max) return;
    if (section_ != nullptr) section_->insert_or_assign(key, Secret(std::string(value)));
  }

  const std::function<bool(std::string_view)>& wanted_;
  IniFile file_;
  IniSection* section_ = nullptr;  // null: not wanted
  bool has_section_ = false;
  std::string key_;
  std::size_t indent_ = 0;  // of key_
};

}  // namespace

Result<IniFile> read_ini(const std::filesystem::path& path,
                         const std::function<bool(std::string_view)>& wanted) {
  auto text = read_optional_file(path);
  if (!text) return std::move(text).error();
  const Secret content(std::move(*text));
  std::string_view rest = content.reveal();
  if (rest.starts_with("\xEF\xBB\xBF")) rest.remove_prefix(3);  // Windows editors put it there
  Parser parser(wanted);
  for (std::size_t number = 1; !rest.empty(); ++number) {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    const std::string_view wrong = parser.line(rest.substr(0, end));
    if (!wrong.empty()) {
      return Error{Errc::invalid_argument, 0,
                   path.native() + ": line " + std::to_string(number) + " " + std::string(wrong)};
    }
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return parser.take();
}

const std::string& value_of(const IniSection& section, std::string_view key) {
  static const std::string none;
  const auto found = section.find(key);
  return found == section.end() ? none : found->second.reveal();
}

}  // namespace runlog
