// IniFile: the sections of an INI file as AWS's and Google's tools write them. Only the sections
// that were asked for are kept: a file of ten profiles should not put ten secrets into memory.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "runlog/result.hpp"
#include "store/credentials/credentials.hpp"

namespace runlog {

/// Keys in lower case. A key below another, deeper indented, is "upper.lower".
using IniSection = std::map<std::string, Secret, std::less<>>;
using IniFile = std::map<std::string, IniSection, std::less<>>;

/// Reads `path`; a file that is absent has no sections. Of a section that comes twice, later keys
/// win. Comments are whole lines beginning with '#' or ';'. Errors: invalid_argument, with path and
/// line, never with the line's text.
Result<IniFile> read_ini(const std::filesystem::path& path,
                         const std::function<bool(std::string_view section)>& wanted);

/// The value; empty when absent.
[[nodiscard]] const std::string& value_of(const IniSection& section, std::string_view key);

}  // namespace runlog
