// XML from servers: what is needed comes out, and hostile text comes to an end.
#include "store/http/xml.hpp"

#include <random>

#include "support/catch.hpp"

using runlog::read_xml;
using runlog::xml_text;
using runlog::XmlPath;

namespace {

std::string error_of(const std::string& xml) {
  const auto read = read_xml(xml, [](const XmlPath&, const std::string&) {});
  INFO(xml.substr(0, 100));
  REQUIRE_FALSE(read);
  CHECK(read.error().code == runlog::Errc::corrupt);
  return read.error().message;
}

std::string repeated(const std::string& text, std::size_t count) {
  std::string out;
  for (; count > 0; --count) out += text;
  return out;
}

}  // namespace

TEST_CASE("texts are found whatever the prefixes, attributes, comments and entities") {
  const std::string xml =
      "<?xml version=\"1.0\"?>\n<!-- c --><D:a xmlns:D='x>y'><D:b k=\"&lt;\">1 &amp; &#x41;&#66;"
      "<![CDATA[<&>]]></D:b><c/><b>2</b></D:a>";
  CHECK(xml_text(xml, "b") == "1 & AB<&>");
  std::string seen;
  REQUIRE(read_xml(xml, [&](const XmlPath& path, const std::string& text) {
    seen += std::string(path.back()) + std::to_string(path.size()) + "(" + text + ")";
  }));
  CHECK(seen == "b2(1 & AB<&>)c2()b2(2)a1()");
}

TEST_CASE("what is not sound XML is an error") {
  for (const char* xml :
       {"", "text", "<a>", "<a></b>", "</a>", "<a><b></a></b>", "<a", "<a b='", "<!DOCTYPE x><a/>",
        "<a/><b/>", "<>", "<a><!-- </a>", "<a><![CDATA[</a>", "<?xml", "<a>&b;</a>", "<a>& </a>",
        "<a>&#0;</a>", "<a>&#xFFFFFFFFF;</a>", "<a>\xFF</a>"}) {
    (void)error_of(xml);
  }
}

TEST_CASE("depth, elements and texts have limits") {
  CHECK(error_of(repeated("<a>", 100'000)) == "the server's answer is too deep");
  const std::string most(runlog::kXml_text_bytes_max, 'x');
  CHECK(xml_text("<a>" + most + "</a>", "a") == most);
  CHECK(error_of("<a>" + most + "x</a>") == "the server's answer has too long a text");
  CHECK(error_of("<a>" + repeated("<b/>", runlog::kXml_elements_max) + "</a>") ==
        "the server's answer has too many elements");
}

TEST_CASE("what a handler throws comes out behind the parser") {
  const auto read = [](const XmlPath&, const std::string&) { throw std::bad_alloc(); };
  CHECK_THROWS_AS((void)read_xml("<a><b/><c/></a>", read), std::bad_alloc);
}

TEST_CASE("blanks before a declaration are passed over") {
  CHECK(xml_text(" \r\n\t<?xml version=\"1.0\"?><a>1</a>", "a") == "1");
}

TEST_CASE("entities do not multiply, and many take no longer than their number") {
  CHECK(error_of("<!DOCTYPE a [<!ENTITY b \"bbbb\"><!ENTITY c \"&b;&b;\">]><a>&c;</a>") ==
        "the server's answer has a document type");
  const std::string one = "<b>" + repeated("&amp;&#65;", 1000) + "</b>";
  std::size_t bytes = 0;
  REQUIRE(read_xml("<a>" + repeated(one, 1000) + "</a>",
                   [&](const XmlPath&, const std::string& text) { bytes += text.size(); }));
  CHECK(bytes == 2'000'000);
  CHECK(error_of("<a>" + std::string(4 << 20, '&')) == "the server's answer is not sound XML");
}

TEST_CASE("random damage to a listing never crashes the reader") {
  std::mt19937 random(20261122);
  const std::string sound =
      "<?xml version=\"1.0\"?><L><C><K>a&amp;b</K><S>1</S></C><!-- x --><P><![CDATA[y]]></P></L>";
  for (int round = 0; round < 20'000; ++round) {
    std::string text = sound;
    for (int i = 0; i < 3; ++i) text[random() % text.size()] = "<>/&;!-[]\"' a"[random() % 13];
    (void)read_xml(text.substr(0, random() % (text.size() + 1)),
                   [](const XmlPath&, const std::string&) {});
  }
}
