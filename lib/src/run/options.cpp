// Options: what the environment and the defaults add to what the code has set, and whether all of
// it may be used. option_table.cpp has the options; here is what is common to them: a parser for
// each type of field.
#include "runlog/options.hpp"

#include <algorithm>
#include <charconv>
#include <iterator>

#include "base/ids.hpp"
#include "base/out_of_memory.hpp"
#include "base/utf8.hpp"
#include "journal/meta.hpp"
#include "platform/clock.hpp"
#include "platform/process.hpp"
#include "platform/random.hpp"
#include "run/option_table.hpp"

namespace runlog {
namespace {

using std::chrono::milliseconds;

// Beyond a year is for ever; added to the time of day it could overflow.
constexpr milliseconds kDuration_max = std::chrono::hours(24 * 365);

using Pairs = std::vector<std::pair<std::string, std::string>>;

std::optional<std::int64_t> parse_integer(std::string_view text) {
  std::int64_t value = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
  if (parsed.ec != std::errc{} || parsed.ptr != text.data() + text.size()) return {};
  return value;
}

// "250ms", "1.5s", "2m", "1h"; a bare number is seconds.
std::optional<milliseconds> parse_duration(std::string_view text) {
  double value = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
  if (parsed.ec != std::errc{} || !(value >= 0) || value > 1e9) return {};
  const std::string_view unit(parsed.ptr,
                              static_cast<std::size_t>(text.data() + text.size() - parsed.ptr));
  double scale = 0;
  if (unit == "ms") scale = 1;
  if (unit == "s" || unit.empty()) scale = 1e3;
  if (unit == "m" || unit == "min") scale = 60e3;
  if (unit == "h") scale = 3600e3;
  if (scale == 0) return {};
  return milliseconds(static_cast<std::int64_t>(value * scale));
}

// "1048576", "64KiB", "16MiB", "1GiB" (K, M, G and KB, MB, GB mean the same powers of 1024).
std::optional<std::uint64_t> parse_bytes(std::string_view text) {
  std::uint64_t value = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
  if (parsed.ec != std::errc{}) return {};
  std::string_view unit(parsed.ptr,
                        static_cast<std::size_t>(text.data() + text.size() - parsed.ptr));
  int shift = 0;
  if (!unit.empty() && unit != "B") {
    if (unit[0] == 'K') shift = 10;
    if (unit[0] == 'M') shift = 20;
    if (unit[0] == 'G') shift = 30;
    unit.remove_prefix(1);
    if (shift == 0 || !(unit.empty() || unit == "B" || unit == "iB")) return {};
  }
  if (value > (UINT64_MAX >> shift)) return {};
  return value << shift;
}

std::optional<bool> parse_bool(std::string_view text) {
  if (text == "1" || text == "true" || text == "on" || text == "yes") return true;
  if (text == "0" || text == "false" || text == "off" || text == "no") return false;
  return {};
}

// Of a policy: the text of each value; empty: there is no such value. They count up from 0, so that
// parse_policy() finds all that the compiler makes us name here.
constexpr std::string_view name_of(Sync sync) {
  switch (sync) {
    case Sync::never:
      return "never";
    case Sync::interval:
      return "interval";
    case Sync::each_record:
      return "each_record";
  }
  return {};
}

constexpr std::string_view name_of(Overflow overflow) {
  switch (overflow) {
    case Overflow::drop_newest_counted:
      return "drop_newest_counted";
    case Overflow::block:
      return "block";
    case Overflow::drop_oldest_packed:
      return "drop_oldest_packed";
  }
  return {};
}

constexpr std::string_view name_of(Resume resume) {
  switch (resume) {
    case Resume::never:
      return "never";
    case Resume::allow:
      return "allow";
    case Resume::must:
      return "must";
  }
  return {};
}

template <typename Policy>
std::optional<Policy> parse_policy(std::string_view text) {
  for (std::uint8_t i = 0; !name_of(Policy{i}).empty(); ++i) {
    if (name_of(Policy{i}) == text) return Policy{i};
  }
  return {};
}

// "never, interval or each_record".
template <typename Policy>
std::string list_policies() {
  std::string names;
  for (std::uint8_t i = 0; !name_of(Policy{i}).empty(); ++i) {
    const bool is_last = name_of(Policy{static_cast<std::uint8_t>(i + 1)}).empty();
    if (i > 0) names += is_last ? " or " : ", ";
    names += name_of(Policy{i});
  }
  return names;
}

// How a type of field is read: `form` is what its text must be, for messages.
template <typename Policy>
struct Reading {
  static std::string form() { return list_policies<Policy>(); }
  static std::optional<Policy> parse(std::string_view text) { return parse_policy<Policy>(text); }
};
template <>
struct Reading<bool> {
  static std::string form() { return "0 or 1"; }
  static std::optional<bool> parse(std::string_view text) { return parse_bool(text); }
};
template <>
struct Reading<std::int64_t> {
  static std::string form() { return "a whole number"; }
  static std::optional<std::int64_t> parse(std::string_view text) { return parse_integer(text); }
};
template <>
struct Reading<std::uint64_t> {
  static std::string form() { return "a size such as 65536, 16MiB, 1GiB"; }
  static std::optional<std::uint64_t> parse(std::string_view text) { return parse_bytes(text); }
};
template <>
struct Reading<milliseconds> {
  static std::string form() { return "a duration such as 250ms, 1s, 5m"; }
  static std::optional<milliseconds> parse(std::string_view text) { return parse_duration(text); }
};

Result<Pairs> read_pairs(const std::string& variable) {
  Pairs pairs;
  const auto text = environment(variable.c_str());
  if (!text) return pairs;
  std::string_view rest = *text;
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find(','), rest.size());
    const std::string_view pair = rest.substr(0, end);
    const std::size_t equals = pair.find('=');
    if (equals == std::string_view::npos || equals == 0) {
      return not_allowed(variable, *text, "name=value,name=value");
    }
    pairs.emplace_back(pair.substr(0, equals), pair.substr(equals + 1));
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return pairs;
}

// A parameter from the environment is an integer or a real if all of it reads as one.
Value guess_value(const std::string& text) {
  if (const auto integer = parse_integer(text)) return *integer;
  double real = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), real);
  if (parsed.ec == std::errc{} && parsed.ptr == text.data() + text.size()) return real;
  return text;
}

// fill(): sets the field of a row from its variable, a launcher's or the default, if the code has
// not. Returns the variable that decided; empty: none did.

Result<std::string> fill(const OptionRow& row, std::string& field) {
  if (field.empty()) field = environment(variable_of(row.name).c_str()).value_or("");
  for (const char* launcher : row.launchers) {
    if (launcher == nullptr || !field.empty()) break;
    const auto id = environment(launcher);
    // torchrun's default id is "none": two jobs would share it.
    if (id && *id != "none") field = mend_id(*id);
  }
  if (field.empty()) field = row.standard;
  if (row.text_bytes_max != 0) {
    field = std::string(utf8_prefix(mend_utf8(field), row.text_bytes_max));
  }
  return std::string();
}

Result<std::string> fill(const OptionRow& row, std::filesystem::path& field) {
  if (field.empty()) {
    field = environment(variable_of(row.name).c_str()).value_or(std::string(row.standard));
  }
  return std::string();
}

// In front, so that a value set in code is the later one, and stands.
Result<std::string> fill(const OptionRow& row, Pairs& field) {
  auto pairs = read_pairs(variable_of(row.name));
  if (!pairs) return std::move(pairs).error();
  field.insert(field.begin(), pairs->begin(), pairs->end());
  return std::string();
}

Result<std::string> fill(const OptionRow& row, std::vector<std::pair<std::string, Value>>& field) {
  const auto pairs = read_pairs(variable_of(row.name));
  if (!pairs) return pairs.error();
  std::vector<std::pair<std::string, Value>> all;
  for (const auto& [name, text] : *pairs) all.emplace_back(name, guess_value(text));
  all.insert(all.end(), std::make_move_iterator(field.begin()),
             std::make_move_iterator(field.end()));
  field = std::move(all);
  return std::string();
}

template <typename T>
Result<std::string> fill_from(const std::string& variable, std::optional<T>& field) {
  const auto text = environment(variable.c_str());
  if (!text) return std::string();
  field = Reading<T>::parse(*text);
  if (!field) return not_allowed(variable, *text, Reading<T>::form());
  return variable;
}

template <typename T>
Result<std::string> fill(const OptionRow& row, std::optional<T>& field) {
  std::string source;
  if (!field) {
    auto filled = fill_from(variable_of(row.name), field);
    // A launcher's variable must be readable, too: two ranks that both took themselves for rank 0
    // would be told apart by nobody.
    for (const char* launcher : row.launchers) {
      if (launcher == nullptr || !filled || field) break;
      filled = fill_from(launcher, field);
    }
    if (!filled) return filled;
    source = std::move(*filled);
    if (!field) field = Reading<T>::parse(row.standard);
  }
  if constexpr (std::is_same_v<T, milliseconds>) field = std::min(*field, kDuration_max);
  return source;
}

std::string shown(const std::string& text) {
  return text;
}
std::string shown(const std::optional<std::int64_t>& number) {
  return std::to_string(*number);
}
std::string shown(const std::optional<std::uint64_t>& bytes) {
  return std::to_string(*bytes);
}
std::string shown(const std::optional<milliseconds>& duration) {
  return std::to_string(duration->count()) + "ms";
}
// What has no row with `is_allowed`.
template <typename T>
std::string shown(const T&) {
  return {};
}

// `source`: see fill().
Result<void> check(const Options& options, const OptionRow& row, const std::string& source) {
  if (row.check != nullptr) return row.check(options);
  if (row.is_allowed == nullptr || row.is_allowed(options)) return {};
  const std::string name(row.name);
  std::string what = name + " (" + variable_of(name) + ")";
  // One of several variables decided: that one is blamed.
  if (std::holds_alternative<std::optional<std::int64_t> Options::*>(row.field)) {
    what = source.empty() ? name : source;
  }
  const std::string value =
      std::visit([&](auto field) { return shown(options.*field); }, row.field);
  return not_allowed(what, value, row.allowed);
}

Result<Options> resolve_all(Options options) {
  for (const OptionRow& row : option_table()) {
    const auto source =
        std::visit([&](auto field) { return fill(row, options.*field); }, row.field);
    if (!source) return source.error();
    if (auto checked = check(options, row, *source); !checked) return std::move(checked).error();
  }
  if (options.run_id.empty()) options.run_id = make_run_id(realtime_ns());
  return options;
}

}  // namespace

Result<Options> resolve(Options options) {
  return catch_no_memory([&] { return resolve_all(std::move(options)); });
}

}  // namespace runlog
