#include "json_object.hpp"

#include <nlohmann/json.hpp>

#include "text.hpp"

namespace runlog::tools {
namespace {

using Json = nlohmann::ordered_json;

}  // namespace

struct JsonObject::Content {
  Json& at(std::string_view key) { return object[std::string(key)]; }

  Json object = Json::object();
};

JsonObject::JsonObject() : content_(std::make_unique<Content>()) {}
JsonObject::~JsonObject() = default;
JsonObject::JsonObject(JsonObject&&) noexcept = default;
JsonObject& JsonObject::operator=(JsonObject&&) noexcept = default;

void JsonObject::set(std::string_view key, std::string_view value) {
  content_->at(key) = std::string(value);
}

void JsonObject::set(std::string_view key, const std::vector<JsonObject>& values) {
  Json array = Json::array();
  for (const JsonObject& value : values) array.push_back(value.content_->object);
  content_->at(key) = std::move(array);
}

void JsonObject::set_flag(std::string_view key, bool value) {
  content_->at(key) = value;
}

void JsonObject::set_integer(std::string_view key, std::int64_t value) {
  content_->at(key) = value;
}

void JsonObject::set_count(std::string_view key, std::uint64_t value) {
  content_->at(key) = value;
}

std::string JsonObject::line(bool for_terminal) const {
  const std::string text = content_->object.dump(-1, ' ', false, Json::error_handler_t::replace);
  if (!for_terminal) return text;
  std::string out;
  append_visible(out, text, true);
  return out;
}

}  // namespace runlog::tools
