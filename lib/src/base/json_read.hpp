// JsonText: reads values out of a small JSON document by path, with Boost.PropertyTree. The text is
// not trusted: size and nesting are checked before it is parsed, and invalid text is an error,
// never a crash. Not for secrets: the parser leaves parts of the text in freed memory (see
// store/credentials/json_members).
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "runlog/result.hpp"

namespace runlog {

class JsonText {
 public:
  /// `what` names the document in the error. Errors: corrupt.
  static Result<JsonText> parse(std::string_view json, std::string_view what,
                                std::size_t bytes_max);
  ~JsonText();
  JsonText(JsonText&&) noexcept;
  JsonText& operator=(JsonText&&) noexcept;

  /// The value at `path` ("a.b": member b of member a) as text; empty when absent.
  [[nodiscard]] std::string text(const char* path) const;
  /// `absent` when there is none, or no number of that type.
  [[nodiscard]] std::int64_t integer(const char* path, std::int64_t absent) const;
  [[nodiscard]] double real(const char* path, double absent) const;

 private:
  struct Tree;
  explicit JsonText(std::unique_ptr<Tree> tree);
  std::unique_ptr<Tree> tree_;
};

}  // namespace runlog
