#include "store/credentials/aws_profile.hpp"

#include "store/credentials/credential_text.hpp"

namespace runlog {
namespace {

// "x" for [profile x] and [profile "x"], "default" for [default]; empty for other sections.
std::string_view profile_of(std::string_view section) {
  if (section == "default") return section;
  constexpr std::string_view kWord = "profile";
  if (!section.starts_with(kWord) || section.size() == kWord.size()) return {};
  section.remove_prefix(kWord.size());
  if (section.front() != ' ' && section.front() != '\t') return {};
  section = trim_blanks(section);
  const bool is_quoted = section.size() >= 2 && section.front() == section.back() &&
                         (section.front() == '"' || section.front() == '\'');
  return is_quoted ? section.substr(1, section.size() - 2) : section;
}

}  // namespace

const std::string& AwsProfile::get(std::string_view key) const {
  const std::string& first = value_of(credentials, key);
  return first.empty() ? value_of(config, key) : first;
}

std::string AwsProfile::shown(bool in_config) const {
  return "profile " + name + " in " + (in_config ? config_path : credentials_path).native();
}

Result<AwsProfile> read_aws_profile(const EnvironmentCopy& environment, const std::string& name) {
  AwsProfile profile;
  std::string named_by = "the store's URL";
  profile.name = name;
  for (const char* variable : {"AWS_PROFILE", "AWS_DEFAULT_PROFILE"}) {
    if (!profile.name.empty()) break;
    profile.name = environment.get(variable).value_or("");
    named_by = variable;
  }
  const bool is_named = !profile.name.empty();
  if (!is_named) profile.name = "default";
  profile.credentials_path = environment.file("AWS_SHARED_CREDENTIALS_FILE", ".aws/credentials");
  profile.config_path = environment.file("AWS_CONFIG_FILE", ".aws/config");

  auto credentials = read_ini(profile.credentials_path,
                              [&](std::string_view section) { return section == profile.name; });
  if (!credentials) return std::move(credentials).error();
  auto config = read_ini(profile.config_path, [&](std::string_view section) {
    return profile_of(section) == profile.name || section.starts_with("services ");
  });
  if (!config) return std::move(config).error();

  for (auto& [section, values] : *credentials) {
    profile.credentials = std::move(values);
    profile.is_there = true;
  }
  // Where a file has both [default] and [profile default], the second wins.
  bool has_full_name = false;
  for (auto& [section, values] : *config) {
    if (section.starts_with("services ")) continue;
    profile.is_there = true;
    if (has_full_name) continue;
    has_full_name = section != "default";
    profile.config = std::move(values);
  }
  const std::string& services = value_of(profile.config, "services");
  for (auto& [section, values] : *config) {
    if (!services.empty() && section.starts_with("services ") &&
        trim_blanks(std::string_view(section).substr(8)) == services) {
      profile.services = std::move(values);
    }
  }
  if (is_named && !profile.is_there) {
    return Error{Errc::invalid_argument, 0,
                 "profile '" + profile.name + "' (named by " + named_by + ") is neither in " +
                     profile.credentials_path.native() + " nor in " + profile.config_path.native()};
  }
  return profile;
}

}  // namespace runlog
