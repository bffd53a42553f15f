// IniText: sections of `key = value` lines, as the AWS tools' shared files and gsutil's .boto have
// them. Indented lines (nested settings) are left out; so is everything it does not know.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <string_view>

#include "runlog/result.hpp"

namespace runlog {

class IniText {
 public:
  using Section = std::map<std::string, std::string, std::less<>>;

  /// Takes any text: what is neither a section nor a setting is ignored.
  static IniText parse(std::string_view text);
  /// Errors: not_found, io, too_large (over 1 MiB).
  static Result<IniText> read(const std::filesystem::path& path);
  ~IniText();
  IniText(IniText&&) noexcept = default;
  IniText& operator=(IniText&&) noexcept = default;

  [[nodiscard]] const Section* section(std::string_view name) const;

 private:
  IniText() = default;
  std::map<std::string, Section, std::less<>> sections_;
};

/// The value of `key`, or nothing.
[[nodiscard]] std::string value_of(const IniText::Section* section, std::string_view key);

}  // namespace runlog
