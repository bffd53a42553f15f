#include "pack/pack_info.hpp"

#include <optional>
#include <string>
#include <string_view>

#include "pack/pack_text.hpp"

namespace runlog::format {
namespace {

constexpr std::string_view kFormat_key = "runlog.format";

// Splits off what is in front of the next `separator`, or everything.
std::string_view take(std::string_view& text, char separator) {
  const std::size_t at = text.find(separator);
  const std::string_view taken = text.substr(0, at);
  text.remove_prefix(at == std::string_view::npos ? text.size() : at + 1);
  return taken;
}

// number:lane:first_seq:records, joined by commas
std::string segments_text(const std::vector<PackSegment>& segments) {
  std::string text;
  for (const PackSegment& segment : segments) {
    if (!text.empty()) text += ',';
    text += std::to_string(segment.number) + ':' + std::to_string(segment.lane) + ':' +
            std::to_string(segment.first_seq) + ':' + std::to_string(segment.records);
  }
  return text;
}

bool parse_segments(std::string_view text, std::vector<PackSegment>& segments) {
  if (text.ends_with(',')) return false;
  while (!text.empty()) {
    std::string_view fields = take(text, ',');
    PackSegment& segment = segments.emplace_back();
    if (!parse_number(take(fields, ':'), segment.number) ||
        !parse_number(take(fields, ':'), segment.lane) ||
        !parse_number(take(fields, ':'), segment.first_seq) ||
        !parse_number(fields, segment.records)) {
      return false;
    }
  }
  return true;
}

// begin:end:records_lost:exact|at_least:path:why, one line each
std::string damage_text(const std::vector<Damage>& damage) {
  std::string text;
  for (const Damage& item : damage) {
    text += std::to_string(item.begin) + ':' + std::to_string(item.end) + ':' +
            std::to_string(item.records_lost) + (item.exact ? ":exact:" : ":at_least:") +
            escaped(item.path) + ':' + escaped(item.why) + '\n';
  }
  return text;
}

bool parse_damage(std::string_view text, std::vector<Damage>& damage) {
  if (!text.empty() && !text.ends_with('\n')) return false;
  while (!text.empty()) {
    std::string_view fields = take(text, '\n');
    Damage& item = damage.emplace_back();
    if (!parse_number(take(fields, ':'), item.begin) ||
        !parse_number(take(fields, ':'), item.end) ||
        !parse_number(take(fields, ':'), item.records_lost)) {
      return false;
    }
    const std::string_view exact = take(fields, ':');
    item.exact = exact == "exact";
    if (!item.exact && exact != "at_least") return false;
    const std::size_t colon = fields.find(':');
    if (colon == std::string_view::npos) return false;
    if (!unescape(take(fields, ':'), item.path) || !unescape(fields, item.why)) return false;
  }
  return true;
}

}  // namespace

std::vector<KeyValue> encode_info(const PackInfo& info) {
  return {
      {std::string(kFormat_key), std::to_string(info.format_version)},
      {"runlog.run_id", info.run_id},
      {"runlog.project", info.project},
      {"runlog.session", info.session},
      {"runlog.rank", std::to_string(info.rank)},
      {"runlog.segments", segments_text(info.segments)},
      {"runlog.damage", damage_text(info.damage)},
      {"runlog.dropped", std::to_string(info.records_dropped)},
  };
}

Result<PackInfo> decode_info(std::span<const KeyValue> key_values) {
  // Of a key that is there twice nobody can say which one holds.
  bool is_twice = false;
  const auto find = [&](std::string_view key) -> std::optional<std::string_view> {
    std::optional<std::string_view> found;
    for (const KeyValue& pair : key_values) {
      if (pair.key != key) continue;
      is_twice = is_twice || found.has_value();
      found = pair.value;
    }
    return found;
  };
  const auto corrupt = [](std::string_view key) {
    return Error{Errc::corrupt, 0, "the footer's " + std::string(key) + " cannot be read"};
  };

  PackInfo info;
  const auto version = find(kFormat_key);
  if (!version) return Error{Errc::unsupported, 0, "a Parquet file that is not a runlog pack"};
  if (is_twice || !parse_number(*version, info.format_version)) return corrupt(kFormat_key);
  if (info.format_version != kPack_format_version) {
    return Error{Errc::unsupported, 0,
                 "pack format version " + std::to_string(info.format_version) +
                     ", and this build reads version " + std::to_string(kPack_format_version) +
                     (info.format_version > kPack_format_version ? "; use a newer runlog"
                                                                 : "; no runlog wrote that")};
  }
  const auto read = [&](std::string_view key, auto&& assign) -> Result<void> {
    const auto value = find(key);
    if (!value || is_twice || !assign(*value)) return corrupt(key);
    return {};
  };
  const auto text_to = [](std::string& target) {
    return [&target](std::string_view value) {
      target = value;
      return true;
    };
  };
  const auto number_to = [](auto& target) {
    return [&target](std::string_view value) { return parse_number(value, target); };
  };
  Result<void> done = read("runlog.run_id", text_to(info.run_id));
  if (done) done = read("runlog.project", text_to(info.project));
  if (done) done = read("runlog.session", text_to(info.session));
  if (done) done = read("runlog.rank", number_to(info.rank));
  if (done) {
    done = read("runlog.segments",
                [&](std::string_view value) { return parse_segments(value, info.segments); });
  }
  if (done) {
    done = read("runlog.damage",
                [&](std::string_view value) { return parse_damage(value, info.damage); });
  }
  if (done) done = read("runlog.dropped", number_to(info.records_dropped));
  if (!done) return std::move(done).error();
  return info;
}

}  // namespace runlog::format
