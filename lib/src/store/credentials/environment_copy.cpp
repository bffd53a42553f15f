#include "store/credentials/environment_copy.hpp"

#include <array>

#include "platform/process.hpp"
#include "store/credentials/credential_text.hpp"

namespace runlog {

EnvironmentCopy::EnvironmentCopy() {
  for (char** entry = ::environ; entry != nullptr && *entry != nullptr; ++entry) {
    entries_.emplace_back(std::string(*entry));
  }
}

std::optional<std::string> EnvironmentCopy::get(std::string_view name) const {
  for (const Secret& entry : entries_) {
    const std::string_view text = entry.reveal();
    if (text.size() <= name.size() || text[name.size()] != '=' || !text.starts_with(name)) continue;
    const std::string_view value = trim_blanks(text.substr(name.size() + 1));
    if (value.empty()) return {};
    return std::string(value);
  }
  return {};
}

Result<std::string> EnvironmentCopy::get_printable(std::string_view name) const {
  auto value = get(name);
  if (!value) return std::string();
  if (has_control_character(*value)) {
    return Error{Errc::invalid_argument, 0,
                 std::string(name) + " has a line break or a control character in it; set it anew"};
  }
  return std::move(*value);
}

std::filesystem::path EnvironmentCopy::home() const {
  if (auto home = get("HOME")) return *home;
  return home_of_user();
}

std::filesystem::path EnvironmentCopy::file(std::string_view variable,
                                            std::string_view below_home) const {
  if (auto named = get(variable)) {
    if (named->starts_with("~/")) return home() / named->substr(2);
    return *named;
  }
  const std::filesystem::path base = home();
  return base.empty() ? base : base / below_home;
}

}  // namespace runlog
