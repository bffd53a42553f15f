// XML from servers: what is needed comes out, and hostile text comes to an end.
#include "store/http/xml.hpp"

#include <random>

#include "support/catch.hpp"

using runlog::read_xml;
using runlog::xml_text;
using runlog::XmlPath;

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
        "<a/><b/>", "<>", "<a><!-- </a>", "<a><![CDATA[</a>", "<?xml"}) {
    INFO(xml);
    CHECK_FALSE(read_xml(xml, [](const XmlPath&, const std::string&) {}));
  }
  std::string deep;
  for (int i = 0; i < 100'000; ++i) deep += "<a>";
  CHECK_FALSE(read_xml(deep, [](const XmlPath&, const std::string&) {}));
}

TEST_CASE("entities do not multiply, and unknown ones stay as they are") {
  CHECK(xml_text("<a>&b; &; & &#0; &#xFFFFFFFFF;</a>", "a") == "&b; &; & \uFFFD \uFFFD");
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
