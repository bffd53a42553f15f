// Options: what the environment and the defaults add to what the code has set, and whether all of
// it may be used. option_table.cpp has the options, option_text.cpp reads their texts.
#include "runlog/options.hpp"

#include <algorithm>
#include <iterator>

#include "base/ids.hpp"
#include "base/out_of_memory.hpp"
#include "base/utf8.hpp"
#include "journal/meta.hpp"
#include "platform/clock.hpp"
#include "platform/process.hpp"
#include "platform/random.hpp"
#include "run/option_table.hpp"
#include "run/option_text.hpp"

namespace runlog {
namespace {

using std::chrono::milliseconds;

using Pairs = std::vector<std::pair<std::string, std::string>>;

Result<Pairs> read_pairs(const std::string& variable) {
  Pairs pairs;
  const auto text = environment(variable.c_str());
  if (!text) return pairs;
  std::string_view rest = *text;
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find(','), rest.size());
    auto pair = parse_pair(rest.substr(0, end));
    if (!pair) return not_allowed(variable, *text, "name=value,name=value");
    pairs.push_back(std::move(*pair));
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return pairs;
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
  field = parse_option<T>(*text);
  if (!field) return not_allowed(variable, *text, option_form<T>());
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
    if (!field) field = parse_option<T>(row.standard);
  }
  if constexpr (std::is_same_v<T, milliseconds>) {
    field = std::clamp(*field, milliseconds(0), kDuration_max);
  }
  if constexpr (std::is_same_v<T, std::uint64_t>) field = std::min(*field, kSize_bytes_max);
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
