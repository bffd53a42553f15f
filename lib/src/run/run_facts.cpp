// Facts about the run: params and tags.
#include <array>
#include <charconv>

#include "run/run_core.hpp"
#include "runlog/run.hpp"

namespace runlog {

void Run::param(std::string_view name, const Value& value) noexcept {
  if (const auto* flag = std::get_if<bool>(&value)) {
    param_number(name, *flag);
  } else if (const auto* integer = std::get_if<std::int64_t>(&value)) {
    param_number(name, *integer);
  } else if (const auto* real = std::get_if<double>(&value)) {
    param_number(name, *real);
  } else if (const auto* text = std::get_if<std::string>(&value)) {
    param_text(name, *text);
  }
}

void Run::param_number(std::string_view name, Number value) noexcept {
  if (core_ == nullptr) return;
  format::Event event{.kind = Kind::param, .name = name};
  if (value.is_real()) {
    event.value = value.real();
  } else {
    event.int_value = value.integer();
  }
  core_->event(event);
}

void Run::param_digits(std::string_view name, std::uint64_t value) noexcept {
  std::array<char, 24> digits;
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
  param_text(name, {digits.data(), static_cast<std::size_t>(end - digits.data())});
}

void Run::param_text(std::string_view name, std::string_view text) noexcept {
  if (core_ != nullptr) core_->event({.kind = Kind::param, .name = name, .text = text});
}

void Run::tag(std::string_view name, std::string_view value) noexcept {
  if (core_ != nullptr) core_->event({.kind = Kind::tag, .name = name, .text = value});
}

void Run::set_tags(std::span<const std::pair<std::string, std::string>> tags) noexcept {
  for (const auto& [name, value] : tags) tag(name, value);
}

void Run::set_tags(
    std::initializer_list<std::pair<std::string_view, std::string_view>> tags) noexcept {
  for (const auto& [name, value] : tags) tag(name, value);
}

void Run::remove_tags(std::span<const std::string> names) noexcept {
  if (core_ == nullptr) return;
  for (const std::string& name : names) core_->event({.kind = Kind::tag_removed, .name = name});
}

void Run::remove_tags(std::initializer_list<std::string_view> names) noexcept {
  if (core_ == nullptr) return;
  for (const std::string_view name : names) {
    core_->event({.kind = Kind::tag_removed, .name = name});
  }
}

}  // namespace runlog
