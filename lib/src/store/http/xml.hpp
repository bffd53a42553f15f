// Xml: takes what is needed out of a store's XML answers, with expat. The text is untrusted: depth,
// elements and texts have limits, a document type is refused, so no entity but the five of XML is
// replaced, and nonsense is an error, never a crash.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "runlog/result.hpp"

namespace runlog {

constexpr std::size_t kXml_depth_max = 32;
/// Of one document. A listing needs 24 bytes for each, so one of the 64 MiB that are taken has
/// fewer.
constexpr std::size_t kXml_elements_max = 4'000'000;
/// Of the text directly in one element: object names have 1 KiB.
constexpr std::size_t kXml_text_bytes_max = 64u << 10;

/// The names of the open elements without their namespace prefixes, outermost first.
using XmlPath = std::vector<std::string>;

/// Calls `on_end` as each element ends, innermost first, with its path (itself last) and the text
/// directly in it. Errors: corrupt; unsupported where libexpat cannot be loaded.
Result<void> read_xml(std::string_view xml,
                      const std::function<void(const XmlPath&, const std::string& text)>& on_end);

/// The text of the first element of that name, anywhere; empty when there is none or the text is
/// not XML.
[[nodiscard]] std::string xml_text(std::string_view xml, std::string_view name);

}  // namespace runlog
