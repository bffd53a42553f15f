#include "api/settings.hpp"

#include <chrono>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "api/call.hpp"
#include "base/utf8.hpp"
#include "run/option_table.hpp"
#include "run/option_text.hpp"

namespace runlog::api {
namespace {

// read(): sets a field to what a text says, or adds it to a list.

template <typename T>
Result<void> read(std::string_view name, std::string_view text, T& field) {
  const auto value = parse_option<T>(text);
  if (!value) return not_allowed(name, text, option_form<T>());
  field = *value;
  return {};
}
template <typename T>
Result<void> read(std::string_view name, std::string_view text, std::optional<T>& field) {
  field.emplace();
  return read(name, text, *field);
}
Result<void> read(std::string_view, std::string_view text, std::string& field) {
  field = text;
  return {};
}
Result<void> read(std::string_view, std::string_view text, std::filesystem::path& field) {
  field = text;
  return {};
}
Result<void> read(std::string_view name, std::string_view text,
                  std::pair<std::string, std::string>& element) {
  auto pair = parse_pair(text);
  if (!pair) return not_allowed(name, text, "name=value");
  element = std::move(*pair);
  return {};
}
Result<void> read(std::string_view name, std::string_view text,
                  std::pair<std::string, Value>& element) {
  const auto pair = parse_pair(text);
  if (!pair) return not_allowed(name, text, "name=value");
  element = {pair->first, guess_value(pair->second)};
  return {};
}
template <typename T>
Result<void> read(std::string_view name, std::string_view text, std::vector<T>& field) {
  return read(name, text, field.emplace_back());
}

// A list is set by its elements: "tags" by "tag".
template <typename Owner, typename T>
std::string_view element_name(std::string_view name, std::vector<T> Owner::*) noexcept {
  return name.substr(0, name.size() - 1);
}
template <typename Owner, typename T>
std::string_view element_name(std::string_view name, T Owner::*) noexcept {
  return name;
}

template <typename... Fields>
struct Row {
  std::string_view name;  // of the field
  std::variant<Fields...> field;
};

using ReadRow =
    Row<bool ReadOptions::*, std::vector<std::string> ReadOptions::*,
        std::vector<std::int64_t> ReadOptions::*, std::optional<std::int64_t> ReadOptions::*>;
constexpr ReadRow kRead_rows[] = {{"apply_rewind", &ReadOptions::apply_rewind},
                                  {"runs", &ReadOptions::runs},
                                  {"ranks", &ReadOptions::ranks},
                                  {"since_unix_ns", &ReadOptions::since_unix_ns},
                                  {"check_digests", &ReadOptions::check_digests},
                                  {"check_summaries", &ReadOptions::check_summaries}};

using RecoverRow =
    Row<bool RecoverOptions::*, std::string RecoverOptions::*,
        std::vector<std::string> RecoverOptions::*, std::chrono::milliseconds RecoverOptions::*>;
constexpr RecoverRow kRecover_rows[] = {
    {"store", &RecoverOptions::store},
    {"runs", &RecoverOptions::runs},
    {"dry_run", &RecoverOptions::dry_run},
    {"keep", &RecoverOptions::keep},
    {"again", &RecoverOptions::again},
    {"accepts_missing", &RecoverOptions::accepts_missing},
    {"trusts_network_locks", &RecoverOptions::trusts_network_locks},
    {"any_owner", &RecoverOptions::any_owner},
    {"believes_own", &RecoverOptions::believes_own},
    {"trusted_stores", &RecoverOptions::trusted_stores},
    {"timeout", &RecoverOptions::timeout},
    {"retries", &RecoverOptions::retries},
    {"torchelastic_error_file", &RecoverOptions::torchelastic_error_file}};

using CleanRow = Row<bool CleanOptions::*, std::string CleanOptions::*>;
constexpr CleanRow kClean_rows[] = {{"store", &CleanOptions::store},
                                    {"dry_run", &CleanOptions::dry_run},
                                    {"any_owner", &CleanOptions::any_owner}};

template <typename Rows, typename Target>
Result<void> apply(const runlog_setting& setting, const Rows& rows, Target& target) {
  const std::string_view name = view(setting.name);
  std::string known;
  for (const auto& row : rows) {
    const std::string_view row_name =
        std::visit([&](auto field) { return element_name(row.name, field); }, row.field);
    if (row_name == name) {
      return std::visit([&](auto field) { return read(name, view(setting.text), target.*field); },
                        row.field);
    }
    known += known.empty() ? "" : ", ";
    known += row_name;
  }
  return Error{Errc::invalid_argument, 0,
               "no setting is called '" + mend_utf8(name) + "'; there are " + known};
}

template <typename Target, typename Rows>
Result<Target> apply_all(std::span<const runlog_setting> settings, const Rows& rows) {
  Target target;
  for (const runlog_setting& setting : settings) {
    auto result = apply(setting, rows, target);
    if (!result) return std::move(result).error();
  }
  return target;
}

}  // namespace

Result<Options> run_options(std::span<const runlog_setting> settings) {
  return apply_all<Options>(settings, option_table());
}
Result<ReadOptions> read_options(std::span<const runlog_setting> settings) {
  return apply_all<ReadOptions>(settings, kRead_rows);
}
Result<RecoverOptions> recover_options(std::span<const runlog_setting> settings) {
  return apply_all<RecoverOptions>(settings, kRecover_rows);
}
Result<CleanOptions> clean_options(std::span<const runlog_setting> settings) {
  return apply_all<CleanOptions>(settings, kClean_rows);
}

}  // namespace runlog::api
