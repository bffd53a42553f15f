// The AWS chain: where keys come from, in the order of the AWS tools.
#include "base/bytes.hpp"
#include "platform/process.hpp"
#include "ship/cloud/aws_profile.hpp"
#include "ship/cloud/cached_credentials.hpp"
#include "ship/cloud/credential_endpoint.hpp"
#include "ship/cloud/encoding.hpp"
#include "ship/cloud/xml.hpp"

namespace runlog {
namespace {

using Answer = Result<std::optional<AccessKey>>;

constexpr std::string_view kNone_found =
    "no AWS credentials: looked at AWS_ACCESS_KEY_ID, AWS_WEB_IDENTITY_TOKEN_FILE, the profile in "
    "~/.aws/credentials and ~/.aws/config, AWS_CONTAINER_CREDENTIALS_FULL_URI and _RELATIVE_URI, "
    "and "
    "EC2 metadata; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE";

Error invalid(const std::string& message) {
  return Error{Errc::invalid_argument, 0, message};
}

Answer ask_environment() {
  const auto id = environment("AWS_ACCESS_KEY_ID");
  if (!id) return std::optional<AccessKey>();
  const auto secret = environment("AWS_SECRET_ACCESS_KEY");
  if (!secret) return invalid("AWS_ACCESS_KEY_ID is set but AWS_SECRET_ACCESS_KEY is not");
  AccessKey key;
  key.id = *id;
  key.secret = Secret(*secret);
  key.session_token = Secret(environment("AWS_SESSION_TOKEN").value_or(""));
  key.from = "environment";
  return std::optional(std::move(key));
}

std::string sts_url(const std::string& region) {
  if (auto url = environment("AWS_ENDPOINT_URL_STS")) return *url;
  if (region.empty()) return "https://sts.amazonaws.com/";
  return "https://sts." + region + ".amazonaws.com" + (region.starts_with("cn-") ? ".cn/" : "/");
}

// AssumeRoleWithWebIdentity: the token of a Kubernetes service account for temporary keys (IRSA).
Answer ask_web_identity(HttpClient& client, const std::string& region) {
  const auto file = environment("AWS_WEB_IDENTITY_TOKEN_FILE");
  if (!file) return std::optional<AccessKey>();
  const auto role = environment("AWS_ROLE_ARN");
  if (!role) return invalid("AWS_WEB_IDENTITY_TOKEN_FILE is set but AWS_ROLE_ARN is not");
  auto token = read_token_file(*file, "AWS_WEB_IDENTITY_TOKEN_FILE");
  if (!token) return std::move(token).error();
  HttpRequest request;
  request.method = "POST";
  request.url = sts_url(region);
  if (!may_carry_secrets(request.url)) {
    return invalid(
        "AWS_ENDPOINT_URL_STS must be https: a token would cross the network unencrypted");
  }
  request.headers = {{"Content-Type", "application/x-www-form-urlencoded"}};
  const std::string session = environment("AWS_ROLE_SESSION_NAME").value_or("runlog");
  Secret body("Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleArn=" +
              percent_encode(*role, false) + "&RoleSessionName=" + percent_encode(session, false) +
              "&WebIdentityToken=" + percent_encode(token->reveal(), false));
  request.body = as_bytes(body.reveal());
  const std::string what = "STS at " + request.url;
  auto answer = ask_endpoint(client, request, what);
  if (!answer) return std::move(answer).error();
  AccessKey key;
  key.id = xml_text(answer->body, "AccessKeyId");
  key.secret = Secret(xml_text(answer->body, "SecretAccessKey"));
  key.session_token = Secret(xml_text(answer->body, "SessionToken"));
  key.expires = parse_iso_time(xml_text(answer->body, "Expiration"));
  wipe(answer->body);
  if (key.id.empty() || key.secret.empty() || key.session_token.empty() || !key.expires) {
    return invalid(what + " answered without complete credentials");
  }
  key.from = "web identity of " + *role;
  return std::optional(std::move(key));
}

// ECS tasks and EKS Pod Identity.
Answer ask_container(HttpClient& client) {
  std::string url;
  if (const auto relative = environment("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI")) {
    url = "http://169.254.170.2" + *relative;
  } else if (const auto full = environment("AWS_CONTAINER_CREDENTIALS_FULL_URI")) {
    url = *full;
  } else {
    return std::optional<AccessKey>();
  }
  const std::string what = "container credentials at " + url.substr(0, url.find('?'));
  if (!may_ask_locally(url)) {
    return invalid(what + " are refused: neither https nor an address of this machine or link");
  }
  HttpRequest request = local_request(url);
  Secret token;
  // The file goes first and is read each time: EKS replaces it while the job runs.
  if (const auto file = environment("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE")) {
    auto read = read_token_file(*file, "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
    if (!read) return std::move(read).error();
    token = std::move(*read);
  } else {
    token = Secret(environment("AWS_CONTAINER_AUTHORIZATION_TOKEN").value_or(""));
  }
  if (!token.empty()) request.headers = {{"Authorization", token.reveal()}};
  auto answer = ask_endpoint(client, request, what);
  if (!answer) return std::move(answer).error();
  auto key = access_key_from_json(answer->body, what);
  wipe(answer->body);
  if (!key) return std::move(key).error();
  key->from = what;
  return std::optional(std::move(*key));
}

std::string metadata_base() {
  if (auto url = environment("AWS_EC2_METADATA_SERVICE_ENDPOINT")) {
    while (url->ends_with('/')) url->pop_back();
    return *url;
  }
  const bool is_v6 = environment("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE").value_or("") == "IPv6";
  return is_v6 ? "http://[fd00:ec2::254]" : "http://169.254.169.254";
}

// EC2 metadata, version 2 only: version 1 needs no token and can be tricked into answering others.
// A machine that is not on EC2 has nobody there, and that is no error: it is the last source.
Answer ask_ec2(HttpClient& client) {
  if (environment("AWS_EC2_METADATA_DISABLED").value_or("") == "true") {
    return std::optional<AccessKey>();
  }
  const std::string base = metadata_base();
  const std::string what = "EC2 metadata at " + base;
  if (!may_ask_locally(base)) {
    return invalid(what + " is refused: neither https nor an address of this machine or link");
  }
  HttpRequest request = local_request(base + "/latest/api/token");
  request.method = "PUT";
  request.headers = {{"X-aws-ec2-metadata-token-ttl-seconds", "21600"}};
  auto token_answer = ask_endpoint(client, request, what);
  // Nobody there, or another cloud's metadata service, which knows no such path.
  if (!token_answer) return std::optional<AccessKey>();
  const Secret token(std::move(token_answer->body));
  const auto get = [&](const std::string& path) {
    HttpRequest next = local_request(base + path);
    next.headers = {{"X-aws-ec2-metadata-token", token.reveal()}};
    return ask_endpoint(client, next, what);
  };
  const std::string path = "/latest/meta-data/iam/security-credentials/";
  auto roles = get(path);
  if (!roles) return std::move(roles).error();
  const std::string role = roles->body.substr(0, roles->body.find_first_of("\r\n"));
  if (role.empty()) return std::optional<AccessKey>();  // the instance has no role
  auto answer = get(path + percent_encode(role, false));
  if (!answer) return std::move(answer).error();
  auto key = access_key_from_json(answer->body, what);
  wipe(answer->body);
  if (!key) return std::move(key).error();
  key->from = "EC2 role " + role;
  return std::optional(std::move(*key));
}

}  // namespace

std::unique_ptr<CredentialSource<AccessKey>> aws_credentials(const std::string& profile,
                                                             const std::string& region,
                                                             HttpClient& client) {
  CachedCredentials<AccessKey>::Settings settings;
  if (!profile.empty()) {
    // Named in the URL: the user means this one, whatever the environment has.
    settings.sources = {[profile]() { return ask_aws_profile(profile); }};
    settings.none_found =
        "AWS profile " + profile + " has neither keys nor a credential_process; add one of them";
  } else {
    settings.sources = {
        [] { return ask_environment(); },
        [&client, region] { return ask_web_identity(client, region); },
        [] { return ask_aws_profile(""); },
        [&client] { return ask_container(client); },
        [&client] { return ask_ec2(client); },
    };
    settings.none_found = kNone_found;
  }
  settings.expires = [](const AccessKey& key) { return key.expires; };
  return std::make_unique<CachedCredentials<AccessKey>>(std::move(settings));
}

}  // namespace runlog
