#include "base/json_read.hpp"

#include <boost/property_tree/json_parser.hpp>
#include <boost/property_tree/ptree.hpp>
#include <sstream>

namespace runlog {
namespace {

using boost::property_tree::ptree;

constexpr int kDepth_max = 32;

// The parser recurses per level: a hostile file of brackets must not overflow the stack.
bool is_too_deep(std::string_view json) {
  int depth = 0;
  bool is_in_string = false;
  for (std::size_t i = 0; i < json.size(); ++i) {
    const char c = json[i];
    if (is_in_string) {
      if (c == '\\') ++i;  // whatever it escapes is part of the string
      if (c == '"') is_in_string = false;
      continue;
    }
    if (c == '"') is_in_string = true;
    if (c == '{' || c == '[') ++depth;
    if (c == '}' || c == ']') --depth;
    if (depth > kDepth_max) return true;
  }
  return false;
}

}  // namespace

struct JsonText::Tree {
  ptree root = {};
};

JsonText::JsonText(std::unique_ptr<Tree> tree) : tree_(std::move(tree)) {}
JsonText::~JsonText() = default;
JsonText::JsonText(JsonText&&) noexcept = default;
JsonText& JsonText::operator=(JsonText&&) noexcept = default;

Result<JsonText> JsonText::parse(std::string_view json, std::string_view what,
                                 std::size_t bytes_max) {
  const auto corrupt = [&](std::string_view why) {
    return Error{Errc::corrupt, 0, std::string(what) + " is not valid JSON: " + std::string(why)};
  };
  if (json.size() > bytes_max || is_too_deep(json)) return corrupt("too large or too deep");
  auto tree = std::make_unique<Tree>();
  try {
    std::istringstream stream{std::string(json)};
    boost::property_tree::read_json(stream, tree->root);
  } catch (const boost::property_tree::json_parser_error& error) {
    // message() names what was expected and never quotes the text, which may be anybody's.
    return corrupt(error.message() + " in line " + std::to_string(error.line()));
  } catch (const std::exception& error) {
    return corrupt(error.what());
  }
  return JsonText(std::move(tree));
}

std::string JsonText::text(const char* path) const {
  return tree_->root.get<std::string>(path, "");
}
std::int64_t JsonText::integer(const char* path, std::int64_t absent) const {
  return tree_->root.get<std::int64_t>(path, absent);
}
double JsonText::real(const char* path, double absent) const {
  return tree_->root.get<double>(path, absent);
}

}  // namespace runlog
