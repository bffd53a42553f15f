#include "ship/cloud/aws_profile.hpp"

#include "platform/process.hpp"
#include "ship/cloud/credential_endpoint.hpp"
#include "ship/cloud/credential_process.hpp"
#include "ship/cloud/ini_text.hpp"

namespace runlog {
namespace {

std::filesystem::path shared_file(const char* variable, const char* name) {
  if (auto path = environment(variable)) return *path;
  const auto home = environment("HOME");
  return home ? std::filesystem::path(*home) / ".aws" / name : std::filesystem::path();
}

Result<IniText> read_or_empty(const std::filesystem::path& path) {
  if (path.empty()) return IniText::parse("");
  auto ini = IniText::read(path);
  if (!ini && ini.error().code == Errc::not_found) return IniText::parse("");
  return ini;
}

void take(AwsProfile& profile, const IniText::Section* section, const std::filesystem::path& file) {
  if (section == nullptr) return;
  profile.exists = true;
  const auto set = [&](std::string& field, const char* key) {
    if (field.empty()) field = value_of(section, key);
  };
  if (profile.key.id.empty()) {
    profile.key.id = value_of(section, "aws_access_key_id");
    profile.key.secret = Secret(value_of(section, "aws_secret_access_key"));
    profile.key.session_token = Secret(value_of(section, "aws_session_token"));
    profile.key.from = "profile " + profile.name + " in " + file.native();
  }
  set(profile.credential_process, "credential_process");
  set(profile.region, "region");
  set(profile.endpoint_url, "endpoint_url");
  for (const char* key : {"role_arn", "sso_session", "sso_start_url", "source_profile"}) {
    if (!value_of(section, key).empty() && profile.beyond_us.empty()) profile.beyond_us = key;
  }
}

}  // namespace

Result<AwsProfile> read_aws_profile(const std::string& name) {
  AwsProfile profile;
  const std::string wanted = name.empty() ? environment("AWS_PROFILE").value_or("") : name;
  profile.is_named = !wanted.empty();
  profile.name = profile.is_named ? wanted : "default";
  profile.credentials_file = shared_file("AWS_SHARED_CREDENTIALS_FILE", "credentials");
  profile.config_file = shared_file("AWS_CONFIG_FILE", "config");
  auto credentials = read_or_empty(profile.credentials_file);
  if (!credentials) return std::move(credentials).error();
  auto config = read_or_empty(profile.config_file);
  if (!config) return std::move(config).error();
  // Where both files have a setting, the credentials file's is taken, as by the AWS tools.
  take(profile, credentials->section(profile.name), profile.credentials_file);
  take(profile, config->section("profile " + profile.name), profile.config_file);
  if (profile.name == "default") {
    take(profile, config->section("default"), profile.config_file);
  }
  return profile;
}

Result<std::optional<AccessKey>> ask_aws_profile(const std::string& name) {
  auto read = read_aws_profile(name);
  if (!read) return std::move(read).error();
  AwsProfile& profile = *read;
  const auto broken = [&](const std::string& why) {
    return Error{Errc::invalid_argument, 0, "AWS profile " + profile.name + " " + why};
  };
  const std::string files =
      profile.credentials_file.native() + " and " + profile.config_file.native();
  if (!profile.exists) {
    if (profile.is_named)
      return broken("is in neither of " + files + "; check AWS_PROFILE or the URL");
    return std::optional<AccessKey>();
  }
  if (!profile.key.id.empty()) {
    if (profile.key.secret.empty())
      return broken("has an aws_access_key_id without a secret: " + profile.key.from);
    return std::optional(std::move(profile.key));
  }
  if (!profile.credential_process.empty()) {
    const std::string what = "credential_process of AWS profile " + profile.name;
    auto output = run_credential_process(profile.credential_process, what);
    if (!output) return std::move(output).error();
    auto key = access_key_from_json(output->reveal(), what);
    if (!key) return std::move(key).error();
    key->from = what;
    return std::optional(std::move(*key));
  }
  if (!profile.beyond_us.empty()) {
    return broken(
        "uses " + profile.beyond_us +
        ", which runlog does not follow; let the AWS tool do it: put `credential_process = "
        "aws configure export-credentials --profile " +
        profile.name + "` into a profile of its own in " + profile.config_file.native() +
        " and name that one");
  }
  return std::optional<AccessKey>();
}

Result<AwsSettings> find_aws_settings(const std::string& profile) {
  auto read = read_aws_profile(profile);
  if (!read) return std::move(read).error();
  const auto first = [](std::initializer_list<const char*> variables,
                        const std::string& otherwise) {
    for (const char* variable : variables) {
      if (auto value = environment(variable)) return *value;
    }
    return otherwise;
  };
  AwsSettings settings;
  settings.region = first({"AWS_REGION", "AWS_DEFAULT_REGION"}, read->region);
  if (environment("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS").value_or("") != "true") {
    settings.endpoint_url = first({"AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"}, read->endpoint_url);
  }
  return settings;
}

}  // namespace runlog
