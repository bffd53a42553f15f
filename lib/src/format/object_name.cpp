#include "format/object_name.hpp"

#include <array>
#include <cstdio>

namespace runlog::format {

std::string run_prefix(const ObjectOwner& owner) {
  return "project=" + std::string(owner.project) + "/run_id=" + std::string(owner.run_id);
}

std::string pack_object(const ObjectOwner& owner, std::uint32_t number) {
  std::array<char, 64> rank{};
  std::array<char, 16> digits{};
  std::snprintf(rank.data(), rank.size(), "/rank=%05lld/", static_cast<long long>(owner.rank));
  std::snprintf(digits.data(), digits.size(), "-%08u", number);
  return run_prefix(owner) + rank.data() + std::string(owner.session) + digits.data() + ".parquet";
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

}  // namespace runlog::format
