#include "store/http/xml.hpp"

#include <charconv>
#include <cstdint>

#include "base/utf8.hpp"

namespace runlog {
namespace {

constexpr std::size_t kDepth_max = 32;

// What is no character becomes U+FFFD.
void append_character(std::string& out, std::uint32_t code) {
  const bool is_none = code == 0 || code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF);
  append_utf8(out, is_none ? 0xFFFD : code);
}

// `text` with its entities replaced. Only the five of XML and character numbers: entities of a
// document type could grow without bound.
void append_text(std::string& out, std::string_view text) {
  while (!text.empty()) {
    const std::size_t amp = std::min(text.find('&'), text.size());
    out += text.substr(0, amp);
    text.remove_prefix(amp);
    if (text.empty()) return;
    const std::size_t end = text.find(';');
    std::string_view name = text.substr(1, end == std::string_view::npos ? 0 : end - 1);
    if (name.starts_with('#')) {
      name.remove_prefix(1);
      const int base = name.starts_with('x') ? 16 : 10;
      if (base == 16) name.remove_prefix(1);
      std::uint32_t code = 0;
      const auto parsed = std::from_chars(name.data(), name.data() + name.size(), code, base);
      append_character(out, parsed.ec == std::errc() ? code : 0);
    } else if (name == "amp") {
      out += '&';
    } else if (name == "lt") {
      out += '<';
    } else if (name == "gt") {
      out += '>';
    } else if (name == "quot") {
      out += '"';
    } else if (name == "apos") {
      out += '\'';
    } else {  // unknown, or a bare '&': as it stands
      out += '&';
      text.remove_prefix(1);
      continue;
    }
    text.remove_prefix(end + 1);
  }
}

class Reader {
 public:
  using OnEnd = std::function<void(const XmlPath&, const std::string&)>;
  Reader(std::string_view xml, const OnEnd& on_end) : rest_(xml), on_end_(on_end) {}

  Result<void> run() {
    while (!rest_.empty()) {
      const std::size_t tag = std::min(rest_.find('<'), rest_.size());
      if (!texts_.empty()) append_text(texts_.back(), rest_.substr(0, tag));
      rest_.remove_prefix(tag);
      if (!rest_.empty() && !markup()) {
        return Error{Errc::corrupt, 0, "the server's answer is not sound XML"};
      }
    }
    if (!path_.empty() || !has_root_) {
      return Error{Errc::corrupt, 0, "the server's answer is not a whole XML document"};
    }
    return {};
  }

 private:
  bool skip_past(std::string_view mark) {
    const std::size_t at = rest_.find(mark);
    if (at == std::string_view::npos) return false;
    rest_.remove_prefix(at + mark.size());
    return true;
  }

  bool markup() {
    if (rest_.starts_with("<!--")) return skip_past("-->");
    if (rest_.starts_with("<?")) return skip_past("?>");
    constexpr std::string_view kCdata = "<![CDATA[";
    if (rest_.starts_with(kCdata)) {
      const std::size_t end = rest_.find("]]>");
      if (end == std::string_view::npos || texts_.empty()) return false;
      texts_.back() += rest_.substr(kCdata.size(), end - kCdata.size());
      rest_.remove_prefix(end + 3);
      return true;
    }
    if (rest_.starts_with("<!")) return false;  // a document type: no store sends one
    return rest_.starts_with("</") ? close() : open();
  }

  static std::string_view local_name(std::string_view tag) {
    tag = tag.substr(0, std::min(tag.find_first_of(" \t\r\n/"), tag.size()));
    const std::size_t colon = tag.find(':');
    return colon == std::string_view::npos ? tag : tag.substr(colon + 1);
  }

  bool open() {
    // A '>' may stand in an attribute's value.
    std::size_t end = 1;
    for (char quote = '\0'; end < rest_.size(); ++end) {
      const char c = rest_[end];
      if (quote != '\0') {
        if (c == quote) quote = '\0';
      } else if (c == '"' || c == '\'') {
        quote = c;
      } else if (c == '>') {
        break;
      }
    }
    if (end >= rest_.size()) return false;
    const std::string_view tag = rest_.substr(1, end - 1);
    const std::string_view name = local_name(tag);
    if (name.empty() || path_.size() >= kDepth_max || (path_.empty() && has_root_)) return false;
    has_root_ = true;
    path_.push_back(name);
    texts_.emplace_back();
    rest_.remove_prefix(end + 1);
    if (tag.ends_with('/')) leave();
    return true;
  }

  bool close() {
    const std::size_t end = rest_.find('>');
    if (end == std::string_view::npos || path_.empty()) return false;
    if (local_name(rest_.substr(2, end - 2)) != path_.back()) return false;
    rest_.remove_prefix(end + 1);
    leave();
    return true;
  }

  void leave() {
    on_end_(path_, texts_.back());
    path_.pop_back();
    texts_.pop_back();
  }

  std::string_view rest_;
  const OnEnd& on_end_;
  XmlPath path_;
  std::vector<std::string> texts_;  // in step with path_
  bool has_root_ = false;
};

}  // namespace

Result<void> read_xml(std::string_view xml,
                      const std::function<void(const XmlPath&, const std::string&)>& on_end) {
  return Reader(xml, on_end).run();
}

std::string xml_text(std::string_view xml, std::string_view name) {
  std::string found;
  bool is_found = false;
  (void)read_xml(xml, [&](const XmlPath& path, const std::string& text) {
    if (is_found || path.back() != name) return;
    found = text;
    is_found = true;
  });
  return found;
}

}  // namespace runlog
