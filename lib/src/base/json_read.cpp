#include "base/json_read.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <iterator>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "base/crypto.hpp"
#include "base/out_of_memory.hpp"

// nlohmann/json is used through its interface of events: it keeps no document, does not recurse,
// and ends when a handler says so. It keeps the last token, once as it stands in the text, to be
// quoted in errors, and once without its escapes. The first is made of Letters here, which show
// nothing, and the second is an ErasedText.
namespace runlog {
namespace {

/// Overwrites memory before it gives it back.
template <typename T>
struct ErasingAllocator {
  using value_type = T;
  ErasingAllocator() = default;
  template <typename U>
  ErasingAllocator(const ErasingAllocator<U>& /*other*/) noexcept {}  // NOLINT(google-explicit-*)
  [[nodiscard]] T* allocate(std::size_t count) { return std::allocator<T>().allocate(count); }
  void deallocate(T* at, std::size_t count) noexcept {
    cleanse({reinterpret_cast<char*>(at), count * sizeof(T)});
    std::allocator<T>().deallocate(at, count);
  }
  friend bool operator==(ErasingAllocator /*a*/, ErasingAllocator /*b*/) noexcept { return true; }
};

using ErasedString = std::basic_string<char, std::char_traits<char>, ErasingAllocator<char>>;
class ErasedText : public ErasedString {
 public:
  using ErasedString::ErasedString;
  // Short texts, too, lie in allocated memory and not in the string itself.
  ErasedText() { reserve(64); }
};

/// A byte of the text on its way to the parser, overwritten behind it.
struct Letter {
  constexpr explicit Letter(char value = 0) noexcept : byte(value) {}
  constexpr Letter(const Letter&) = default;
  constexpr Letter& operator=(const Letter&) = default;
  constexpr ~Letter() { *const_cast<volatile char*>(&byte) = 0; }
  friend constexpr bool operator==(const Letter&, const Letter&) = default;
  // What an error quotes.
  constexpr explicit operator char() const noexcept { return '?'; }
  constexpr explicit operator unsigned char() const noexcept { return '?'; }

  char byte;
};

}  // namespace
}  // namespace runlog

template <>
struct std::char_traits<runlog::Letter> {
  using Bytes = std::char_traits<char>;
  using int_type = Bytes::int_type;
  static constexpr int_type to_int_type(runlog::Letter letter) noexcept {
    return Bytes::to_int_type(letter.byte);
  }
  static constexpr runlog::Letter to_char_type(int_type byte) noexcept {
    return runlog::Letter(Bytes::to_char_type(byte));
  }
  static constexpr int_type eof() noexcept { return Bytes::eof(); }
};

namespace runlog {
namespace {

class Letters {
 public:
  using iterator_category = std::input_iterator_tag;
  using value_type = Letter;
  using difference_type = std::ptrdiff_t;
  using pointer = const Letter*;
  using reference = Letter;

  explicit Letters(const char* at) noexcept : at_(at) {}
  Letter operator*() const noexcept { return Letter(*at_); }
  Letters& operator++() noexcept {
    ++at_;
    return *this;
  }
  Letters operator++(int) noexcept { return Letters(at_++); }
  friend bool operator==(const Letters& a, const Letters& b) = default;

 private:
  const char* at_;
};

using Parser = nlohmann::basic_json<std::map, std::vector, ErasedText>;

enum class Type : std::uint8_t { text, is_true, object, other };

// The members of the object and of the objects directly in it.
struct Member {
  static constexpr std::size_t kNone = std::numeric_limits<std::size_t>::max();

  std::size_t outer = kNone;  // index of the member whose object it is in
  std::size_t name_begin = 0, value_begin = 0, value_end = 0;  // in Members::bytes
  Type type = Type::other;
};

struct Members {
  ErasedText bytes = {};  // names and values; never longer than the text, and reserved once
  std::vector<Member> all = {};

  [[nodiscard]] const Member* find(std::size_t outer, std::string_view name) const noexcept {
    const std::string_view text = bytes;
    const auto is_it = [&](const Member& one) {
      return one.outer == outer &&
             text.substr(one.name_begin, one.value_begin - one.name_begin) == name;
    };
    const auto found = std::find_if(all.rbegin(), all.rend(), is_it);
    return found != all.rend() ? &*found : nullptr;
  }
  [[nodiscard]] std::string_view text_of(const Member* one) const noexcept {
    if (one == nullptr || one->type != Type::text) return {};
    return std::string_view(bytes).substr(one->value_begin, one->value_end - one->value_begin);
  }
};

// Takes the parser's events; each returns whether to go on.
class Taker {
 public:
  Taker(Members& members, std::size_t text_bytes) : members_(members), text_bytes_(text_bytes) {}

  bool null() { return take(Type::other); }
  bool boolean(bool value) { return take(value ? Type::is_true : Type::other); }
  bool number_integer(std::int64_t value) { return take_number(value); }
  bool number_unsigned(std::uint64_t value) { return take_number(value); }
  bool number_float(double /*value*/, std::string_view written) {
    // The parser writes the locale's decimal point.
    ErasedText text(written);
    constexpr std::string_view kOthers = "0123456789+-eE";
    for (char& c : text) c = kOthers.find(c) == std::string_view::npos ? '.' : c;
    return take(Type::text, text);
  }
  bool string(ErasedText& text) { return take(Type::text, text); }
  bool binary(Parser::binary_t& /*bytes*/) { return false; }  // JSON has none

  bool start_object(std::size_t /*members*/) { return open(Type::object); }
  bool start_array(std::size_t /*values*/) { return open(Type::other); }
  bool end_object() { return close(); }
  bool end_array() { return close(); }

  bool key(const ErasedText& name) {
    if (++count_ > JsonText::kMembers_max) {
      why_ = "it has more than " + std::to_string(JsonText::kMembers_max) + " members";
      return false;
    }
    if (!keeps_members()) return true;
    const bool is_inner = depth_ > 1;
    Member member{.outer = is_inner ? outer_ : Member::kNone, .name_begin = members_.bytes.size()};
    members_.bytes += name;
    member.value_begin = member.value_end = members_.bytes.size();
    members_.all.push_back(member);
    if (!is_inner) outer_ = members_.all.size() - 1;
    return true;
  }

  bool parse_error(std::size_t at, const std::string& /*token*/,
                   const Parser::exception& /*error*/) {
    why_ = at > text_bytes_ ? "it ends too early" : "at byte " + std::to_string(at);
    return false;
  }

  [[nodiscard]] const std::string& why() const noexcept { return why_; }

 private:
  // Whether the innermost open object is the text's, or the value of one of its members.
  [[nodiscard]] bool keeps_members() const noexcept {
    return depth_ == 1 || (depth_ == 2 && members_.all[outer_].type == Type::object);
  }

  template <typename Number>
  bool take_number(Number value) {
    char digits[24];
    const auto end = std::to_chars(std::begin(digits), std::end(digits), value).ptr;
    const bool is_good = take(Type::text, {std::begin(digits), end});
    cleanse(digits);
    return is_good;
  }

  bool take(Type type, std::string_view text = {}) {
    if (depth_ == 0) return refuse_root();
    if (!keeps_members()) return true;
    Member& member = members_.all.back();
    member.type = type;
    members_.bytes += text;
    member.value_end = members_.bytes.size();
    return true;
  }

  bool refuse_root() {
    why_ = "it is no object";
    return false;
  }

  bool open(Type type) {
    if (depth_ == 0 && type != Type::object) return refuse_root();
    if (depth_ > 0) (void)take(type);
    if (++depth_ <= JsonText::kDepth_max) return true;
    why_ = "it is too deep";
    return false;
  }

  bool close() {
    --depth_;
    return true;
  }

  Members& members_;
  const std::size_t text_bytes_;
  std::size_t depth_ = 0;  // open objects and arrays
  std::size_t count_ = 0;  // members so far
  std::size_t outer_ = 0;  // the last member of the text's object
  std::string why_ = {};
};

template <typename Number>
std::optional<Number> number_in(std::string_view text) noexcept {
  Number number = {};
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (failed != std::errc() || end != text.data() + text.size()) return {};
  return number;
}

}  // namespace

struct JsonText::Kept : Members {};

JsonText::JsonText(std::unique_ptr<Kept> members) noexcept : members_(std::move(members)) {}
JsonText::~JsonText() = default;
JsonText::JsonText(JsonText&&) noexcept = default;
JsonText& JsonText::operator=(JsonText&&) noexcept = default;

Result<JsonText> JsonText::parse(std::string_view json, std::string_view what,
                                 std::size_t bytes_max) {
  const auto corrupt = [&](std::string_view why) {
    return Error{Errc::corrupt, 0, std::string(what) + " is not valid JSON: " + std::string(why)};
  };
  if (json.size() > bytes_max) return corrupt("it is too large");
  // The parser takes it for the end.
  if (const auto at = json.find('\0'); at != std::string_view::npos) {
    return corrupt("at byte " + std::to_string(at + 1));
  }
  try {
    auto members = std::make_unique<Kept>();
    members->bytes.reserve(json.size());
    Taker taker(*members, json.size());
    const Letters begin(json.data());
    const Letters end(json.data() + json.size());
    if (!Parser::sax_parse(begin, end, &taker)) return corrupt(taker.why());
    return JsonText(std::move(members));
  } catch (const std::bad_alloc&) {
    return out_of_memory();
  } catch (const std::exception&) {
    return corrupt("it cannot be read");
  }
}

std::string_view JsonText::text(std::string_view name) const noexcept {
  return members_->text_of(members_->find(Member::kNone, name));
}

std::string_view JsonText::text(std::string_view outer, std::string_view inner) const noexcept {
  const Member* const object = members_->find(Member::kNone, outer);
  if (object == nullptr) return {};
  const auto index = static_cast<std::size_t>(object - members_->all.data());
  return members_->text_of(members_->find(index, inner));
}

std::int64_t JsonText::integer(std::string_view name, std::int64_t absent) const noexcept {
  return number_in<std::int64_t>(text(name)).value_or(absent);
}

double JsonText::real(std::string_view name, double absent) const noexcept {
  const double number = number_in<double>(text(name)).value_or(absent);
  return std::isfinite(number) ? number : absent;  // JSON has no others, but texts may name them
}

bool JsonText::is_true(std::string_view name) const noexcept {
  const Member* const one = members_->find(Member::kNone, name);
  return one != nullptr && one->type == Type::is_true;
}

}  // namespace runlog
