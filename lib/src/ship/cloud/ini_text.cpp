#include "ship/cloud/ini_text.hpp"

#include <algorithm>

#include "platform/file_system.hpp"
#include "ship/cloud/encoding.hpp"

namespace runlog {
namespace {

constexpr std::uint64_t kFile_bytes_max = 1u << 20;
constexpr std::string_view kBlank = " \t\r";

std::string_view trimmed(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(kBlank);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kBlank) - begin + 1);
}

}  // namespace

IniText IniText::parse(std::string_view text) {
  IniText ini;
  Section* section = nullptr;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view raw = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    const std::string_view line = trimmed(raw);
    if (line.empty() || line.front() == '#' || line.front() == ';') continue;
    if (line.front() == '[') {
      const std::size_t close = line.find(']');
      section = close == std::string_view::npos
                    ? nullptr
                    : &ini.sections_[std::string(trimmed(line.substr(1, close - 1)))];
      continue;
    }
    const bool is_nested = raw.front() == ' ' || raw.front() == '\t';
    const std::size_t equals = line.find('=');
    if (section == nullptr || is_nested || equals == std::string_view::npos) continue;
    std::string value(trimmed(line.substr(equals + 1)));
    // " #" and " ;" begin a comment; without the blank they are part of a value.
    const std::size_t comment = std::min(value.find(" #"), value.find(" ;"));
    if (comment != std::string::npos) value = trimmed(value.substr(0, comment));
    (*section)[std::string(trimmed(line.substr(0, equals)))] = std::move(value);
  }
  return ini;
}

Result<IniText> IniText::read(const std::filesystem::path& path) {
  auto text = read_file(path, kFile_bytes_max);
  if (!text) return std::move(text).error();
  IniText ini = parse(*text);
  wipe(*text);
  return ini;
}

IniText::~IniText() {
  for (auto& [name, section] : sections_) {
    for (auto& [key, value] : section) wipe(value);
  }
}

const IniText::Section* IniText::section(std::string_view name) const {
  const auto found = sections_.find(name);
  return found == sections_.end() ? nullptr : &found->second;
}

std::string value_of(const IniText::Section* section, std::string_view key) {
  if (section == nullptr) return {};
  const auto found = section->find(key);
  return found == section->end() ? std::string() : found->second;
}

}  // namespace runlog
