#include "store/object_name.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>

#include "base/ids.hpp"
#include "base/sha256.hpp"

namespace runlog::format {
namespace {

constexpr std::size_t kSession_digits = 32;
constexpr std::size_t kNumber_digits = 8;

bool is_session(std::string_view text) {
  return text.size() == kSession_digits && std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
}

// All of `text` as a decimal number.
template <typename Number>
std::optional<Number> parse_whole(std::string_view text) {
  Number number = 0;
  const auto end = std::from_chars(text.data(), text.data() + text.size(), number);
  if (text.empty() || end.ec != std::errc{} || end.ptr != text.data() + text.size()) return {};
  return number;
}

// Takes `suffix` off the end of `text`.
bool remove_suffix(std::string_view& text, std::string_view suffix) {
  if (!text.ends_with(suffix)) return false;
  text.remove_suffix(suffix.size());
  return true;
}

std::optional<RunObject> parse_pack_name(std::string_view file) {
  RunObject pack;
  if (!remove_suffix(file, ".parquet") || file.size() < kSession_digits + 1 + kNumber_digits ||
      file[kSession_digits] != '-') {
    return {};
  }
  pack.session = file.substr(0, kSession_digits);
  const auto number = parse_whole<std::uint32_t>(file.substr(kSession_digits + 1));
  if (!is_session(pack.session) || !number) return {};
  pack.number = *number;
  return pack;
}

}  // namespace

std::string run_prefix(const ObjectOwner& owner) {
  return "project=" + std::string(owner.project) + "/run_id=" + std::string(owner.run_id);
}

std::string rank_component(std::int64_t rank) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "rank=%05lld", static_cast<long long>(rank));
  return text.data();
}

std::string pack_object(const ObjectOwner& owner, std::uint32_t number) {
  std::array<char, 16> digits{};
  std::snprintf(digits.data(), digits.size(), "-%08u", number);
  return run_prefix(owner) + "/" + rank_component(owner.rank) + "/" + std::string(owner.session) +
         digits.data() + ".parquet";
}

std::string meta_object(const ObjectOwner& owner) {
  return run_prefix(owner) + "/_runlog/" + std::string(owner.session) + ".json";
}

std::string end_object(const ObjectOwner& owner) {
  return run_prefix(owner) + "/_runlog/" + std::string(owner.session) + ".end.json";
}

std::string blob_object(const ObjectOwner& owner, std::string_view sha256) {
  return run_prefix(owner) + "/_runlog/blobs/" + std::string(sha256);
}

std::optional<std::string_view> id_in_component(std::string_view component, std::string_view key) {
  if (!component.starts_with(key) || component.size() <= key.size() ||
      component[key.size()] != '=') {
    return {};
  }
  component.remove_prefix(key.size() + 1);
  if (!is_valid_id(component)) return {};
  return component;
}

std::optional<std::int64_t> parse_rank(std::string_view component) {
  constexpr std::string_view kRank = "rank=";
  if (!component.starts_with(kRank)) return {};
  return parse_whole<std::int64_t>(component.substr(kRank.size()));
}

std::optional<RunObject> parse_run_object(std::string_view name) {
  const std::size_t slash = name.find('/');
  if (slash == std::string_view::npos) return {};
  std::string_view file = name.substr(slash + 1);
  const std::string_view folder = name.substr(0, slash);
  if (folder != "_runlog") {
    const auto rank = parse_rank(folder);
    auto pack = rank ? parse_pack_name(file) : std::nullopt;
    if (pack) pack->rank = *rank;
    return pack;
  }
  constexpr std::string_view kBlobs = "blobs/";
  if (file.starts_with(kBlobs)) {
    file.remove_prefix(kBlobs.size());
    if (!is_sha256_hex(file)) return {};
    return RunObject{.what = RunObject::What::blob, .sha256 = file};
  }
  if (!remove_suffix(file, ".json")) return {};
  const bool is_end = remove_suffix(file, ".end");
  if (!is_session(file)) return {};
  return RunObject{.what = is_end ? RunObject::What::end : RunObject::What::meta, .session = file};
}

}  // namespace runlog::format
