// JsonText: reads single values out of a small JSON object, with nlohmann/json. The text is not
// trusted: its size, its depth and the number of its members have limits that hold while it is
// read, and invalid text is an error, never an exception. Credentials are read with it, too: all
// memory that held a piece of the text is overwritten before it is given back, and no error quotes
// the text.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include "runlog/result.hpp"

namespace runlog {

class JsonText {
 public:
  /// Objects and arrays within one another.
  static constexpr std::size_t kDepth_max = 32;
  /// Of all objects in the text together.
  static constexpr std::size_t kMembers_max = 1000;

  /// `json` must be one object. `what` names it in the error. Errors: corrupt; io without memory.
  static Result<JsonText> parse(std::string_view json, std::string_view what,
                                std::size_t bytes_max);
  ~JsonText();
  JsonText(JsonText&&) noexcept;
  JsonText& operator=(JsonText&&) noexcept;

  /// The member `name`: a string, or a number as it is written; empty when it is absent or neither.
  /// Of several with this name the last one counts. The view is valid as long as this object.
  [[nodiscard]] std::string_view text(std::string_view name) const noexcept;
  /// The member `inner` of the object `outer`, in the same way.
  [[nodiscard]] std::string_view text(std::string_view outer,
                                      std::string_view inner) const noexcept;
  /// `absent` when text(name) is no number of that type.
  [[nodiscard]] std::int64_t integer(std::string_view name, std::int64_t absent) const noexcept;
  [[nodiscard]] double real(std::string_view name, double absent) const noexcept;
  /// Whether the member is `true`.
  [[nodiscard]] bool is_true(std::string_view name) const noexcept;

 private:
  struct Kept;
  explicit JsonText(std::unique_ptr<Kept> members) noexcept;
  std::unique_ptr<Kept> members_;
};

}  // namespace runlog
