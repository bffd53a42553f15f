// JsonObject: a JSON object to print, its keys in the order in which they were set. Hides the JSON
// library, which only json_object.cpp includes.
#pragma once

#include <concepts>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace runlog::tools {

class JsonObject {
 public:
  JsonObject();
  ~JsonObject();
  JsonObject(JsonObject&&) noexcept;
  JsonObject& operator=(JsonObject&&) noexcept;

  /// A key that is set again keeps its place.
  void set(std::string_view key, std::string_view value);
  void set(std::string_view key, const char* value) { set(key, std::string_view(value)); }
  void set(std::string_view key, const std::string& value) { set(key, std::string_view(value)); }
  void set(std::string_view key, const std::vector<JsonObject>& values);
  template <std::integral T>
  void set(std::string_view key, T value) {
    if constexpr (std::same_as<T, bool>) {
      set_flag(key, value);
    } else if constexpr (std::signed_integral<T>) {
      set_integer(key, value);
    } else {
      set_count(key, value);
    }
  }

  /// One line without its end. What is not UTF-8 becomes U+FFFD, because paths may hold any bytes.
  /// `for_terminal`: also escape what JSON allows but a terminal would act on.
  [[nodiscard]] std::string line(bool for_terminal) const;

 private:
  void set_flag(std::string_view key, bool value);
  void set_integer(std::string_view key, std::int64_t value);
  void set_count(std::string_view key, std::uint64_t value);

  struct Content;
  std::unique_ptr<Content> content_;
};

}  // namespace runlog::tools
