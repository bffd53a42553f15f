#include "store/credentials/credentials.hpp"

#include "store/credentials/aws_places.hpp"
#include "store/credentials/aws_profile.hpp"
#include "store/credentials/credential_chain.hpp"
#include "store/credentials/credential_text.hpp"

namespace runlog {
namespace {

constexpr const char* kRemedy =
    "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or run `aws configure`";

// The settings a source works with, as they were when the store was opened.
class AwsKeys {
 public:
  AwsKeys(std::string profile, std::string region, HttpClient& client)
      : environment_(std::make_shared<EnvironmentCopy>()),
        profile_(std::move(profile)),
        region_(std::move(region)),
        client_(client) {}

  Result<AccessKey> fetch() {
    Places<AccessKey> places;
    // A profile in the store's URL is the most explicit there is: keys that happen to lie in the
    // environment do not stand in for it. The AWS command line treats --profile so, too.
    if (profile_.empty()) {
      places.emplace_back([this] { return from_environment(); });
      places.emplace_back([this] { return from_web_identity(); });
    }
    places.emplace_back([this] { return from_profile(); });
    if (profile_.empty()) {
      places.emplace_back([this] { return ask_container_endpoint(*environment_, client_); });
      places.emplace_back(
          [this] { return ask_instance_metadata(*environment_, client_, imds_has_answered_); });
    }
    return ask_in_order(places, "AWS credentials", kRemedy);
  }

 private:
  Result<AccessKey> from_environment() const {
    auto id = environment_->get_printable("AWS_ACCESS_KEY_ID");
    if (!id) return std::move(id).error();
    auto secret = environment_->get_printable("AWS_SECRET_ACCESS_KEY");
    if (!secret) return std::move(secret).error();
    auto token = environment_->get_printable("AWS_SESSION_TOKEN");
    if (!token) return std::move(token).error();
    if (id->empty() && secret->empty()) {
      return Error{Errc::not_found, 0, "AWS_ACCESS_KEY_ID is not set"};
    }
    if (id->empty())
      return unusable_credentials("AWS_SECRET_ACCESS_KEY is set but not AWS_ACCESS_KEY_ID");
    if (secret->empty())
      return unusable_credentials("AWS_ACCESS_KEY_ID is set but not AWS_SECRET_ACCESS_KEY");
    AccessKey key{.id = std::move(*id),
                  .secret = Secret(std::move(*secret)),
                  .session_token = Secret(std::move(*token)),
                  .from = "environment"};
    return key;
  }

  Result<AccessKey> from_web_identity() const {
    const auto token_file = environment_->get("AWS_WEB_IDENTITY_TOKEN_FILE");
    if (!token_file) return Error{Errc::not_found, 0, "AWS_WEB_IDENTITY_TOKEN_FILE is not set"};
    const auto role = environment_->get("AWS_ROLE_ARN");
    if (!role)
      return unusable_credentials("AWS_WEB_IDENTITY_TOKEN_FILE is set but not AWS_ROLE_ARN");
    return exchange({.token_file = *token_file,
                     .named_by = "AWS_WEB_IDENTITY_TOKEN_FILE",
                     .role_arn = *role,
                     .session_name = environment_->get("AWS_ROLE_SESSION_NAME").value_or("")});
  }

  Result<AccessKey> exchange(const WebIdentity& identity) const {
    StsPlace sts{.region = region_};
    for (const char* name : {"AWS_REGION", "AWS_DEFAULT_REGION"}) {
      if (sts.region.empty()) sts.region = environment_->get(name).value_or("");
    }
    for (const char* name : {"AWS_ENDPOINT_URL_STS", "AWS_ENDPOINT_URL"}) {
      if (sts.endpoint.empty()) sts.endpoint = environment_->get(name).value_or("");
    }
    return ask_sts(identity, sts, client_);
  }

  Result<AccessKey> from_profile() const {
    auto read = read_aws_profile(*environment_, profile_);
    if (!read) return std::move(read).error();
    const AwsProfile& profile = *read;
    if (!profile.is_there) {
      return Error{Errc::not_found, 0,
                   "no profile default in " + profile.credentials_path.native() + " or " +
                       profile.config_path.native()};
    }
    if (!profile.get("role_arn").empty()) return from_role(profile);
    if (has_key(profile.credentials)) return key_of(profile, profile.credentials, false);
    if (!profile.get("sso_session").empty() || !profile.get("sso_start_url").empty()) {
      return not_ours(profile, "AWS single sign-on");
    }
    if (const std::string& command = profile.get("credential_process"); !command.empty()) {
      const bool in_config = value_of(profile.credentials, "credential_process").empty();
      return run_credential_process(command, "credential_process of " + profile.shown(in_config),
                                    *environment_, client_);
    }
    if (has_key(profile.config)) return key_of(profile, profile.config, true);
    if (!profile_.empty())
      return unusable_credentials("profile " + profile.name + " has no credentials");
    return Error{Errc::not_found, 0, "profile " + profile.name + " has no credentials"};
  }

  Result<AccessKey> from_role(const AwsProfile& profile) const {
    const std::string& token_file = profile.get("web_identity_token_file");
    if (token_file.empty()) return not_ours(profile, "a role taken from other credentials");
    return exchange({.token_file = token_file,
                     .named_by = profile.shown(true),
                     .role_arn = profile.get("role_arn"),
                     .session_name = profile.get("role_session_name")});
  }

  // What needs the AWS command line's own caches and calls is left to the AWS command line.
  static Error not_ours(const AwsProfile& profile, const std::string& what) {
    return Error{Errc::unsupported, 0,
                 profile.shown(true) + " uses " + what +
                     ", which runlog leaves to the AWS command line: in " +
                     profile.config_path.native() +
                     " add [profile runlog] with `credential_process = aws configure "
                     "export-credentials --profile " +
                     profile.name + " --format process` and set AWS_PROFILE=runlog"};
  }

  static bool has_key(const IniSection& section) {
    return !value_of(section, "aws_access_key_id").empty() ||
           !value_of(section, "aws_secret_access_key").empty();
  }

  static Result<AccessKey> key_of(const AwsProfile& profile, const IniSection& section,
                                  bool in_config) {
    AccessKey key{.from = profile.shown(in_config)};
    key.id = value_of(section, "aws_access_key_id");
    key.secret = Secret(std::string(value_of(section, "aws_secret_access_key")));
    key.session_token = Secret(std::string(value_of(section, "aws_session_token")));
    if (key.id.empty()) return unusable_credentials(key.from + " has no aws_access_key_id");
    if (key.secret.empty()) return unusable_credentials(key.from + " has no aws_secret_access_key");
    if (!is_printable(key))
      return unusable_credentials(key.from + " has a key with a control character in it");
    return key;
  }

  const SharedEnvironment environment_;
  const std::string profile_;
  const std::string region_;
  HttpClient& client_;
  bool imds_has_answered_ = false;
};

}  // namespace

Result<AccessKey> read_key_json(const JsonText& json, KeyNames names, const std::string& from) {
  AccessKey key{.from = from};
  key.id = json.text("AccessKeyId");
  key.secret = Secret(std::string(json.text("SecretAccessKey")));
  key.session_token = Secret(std::string(json.text(names.token)));
  for (const char* name : {"AccessKeyId", "SecretAccessKey"}) {
    if (json.text(name).empty()) return unusable_credentials(from + " gave no " + name);
  }
  if (!is_printable(key)) return unusable_credentials(from + " gave a key with a line break in it");
  const std::string_view expiration = json.text("Expiration");
  if (!expiration.empty()) {
    key.expires = parse_iso_time(expiration);
    if (!key.expires) return unusable_credentials(from + " gave an Expiration that is not a time");
  }
  return key;
}

Result<AwsSettings> find_aws_settings(const std::string& profile_name) {
  const EnvironmentCopy environment;
  auto profile = read_aws_profile(environment, profile_name);
  if (!profile) return std::move(profile).error();
  AwsSettings settings;
  const auto first_of = [](std::string& target, const std::string& value) {
    if (target.empty()) target = value;
  };
  // With a profile in the store's URL its settings go before the environment's, as its keys do.
  const auto from_profile = [&] {
    first_of(settings.region, profile->get("region"));
    first_of(settings.endpoint_url, value_of(profile->services, "s3.endpoint_url"));
    first_of(settings.endpoint_url, profile->get("endpoint_url"));
  };
  if (!profile_name.empty()) from_profile();
  for (const char* name : {"AWS_REGION", "AWS_DEFAULT_REGION"}) {
    first_of(settings.region, environment.get(name).value_or(""));
  }
  for (const char* name : {"AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"}) {
    first_of(settings.endpoint_url, environment.get(name).value_or(""));
  }
  from_profile();
  return settings;
}

std::unique_ptr<CredentialSource<AccessKey>> aws_credentials(const std::string& profile,
                                                             const std::string& region,
                                                             HttpClient& client) {
  auto keys = std::make_shared<AwsKeys>(profile, region, client);
  return std::make_unique<Refreshing<AccessKey>>([keys] { return keys->fetch(); });
}

}  // namespace runlog
