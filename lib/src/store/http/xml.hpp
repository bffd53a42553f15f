// Xml: takes what is needed out of a store's XML answers. The text is untrusted: depth, entities
// and sizes are bounded, document types are not followed, and nonsense is an error, never a crash.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "runlog/result.hpp"

namespace runlog {

/// The names of the open elements without their namespace prefixes, outermost first.
using XmlPath = std::vector<std::string_view>;

/// Calls `on_end` as each element ends, innermost first, with its path (itself last) and the text
/// directly in it. Errors: corrupt.
Result<void> read_xml(std::string_view xml,
                      const std::function<void(const XmlPath&, const std::string& text)>& on_end);

/// The text of the first element of that name, anywhere; empty when there is none or the text is
/// not XML.
[[nodiscard]] std::string xml_text(std::string_view xml, std::string_view name);

}  // namespace runlog
