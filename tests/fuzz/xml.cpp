// Any bytes as XML of a store. What is handed out stays below the limits.
#include <cstdlib>
#include <string_view>

#include "fuzz/fuzz.hpp"
#include "store/http/xml.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace runlog;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  std::size_t elements = 0;
  const auto read = read_xml(text, [&](const XmlPath& path, const std::string& content) {
    ++elements;
    if (path.empty() || path.size() > kXml_depth_max) std::abort();
    if (content.size() > kXml_text_bytes_max || content.size() > size) std::abort();
    if (path.back().find(':') != std::string::npos) std::abort();
  });
  if (elements > size / 4) std::abort();  // <a/>
  const std::string found = xml_text(text, "Code");
  if (!read && elements == 0 && !found.empty()) std::abort();
  return 0;
}
