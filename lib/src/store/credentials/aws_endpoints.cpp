#include "store/credentials/aws_places.hpp"
#include "store/credentials/credential_endpoint.hpp"
#include "store/credentials/credential_text.hpp"
#include "store/http/encoding.hpp"

namespace runlog {
namespace {

constexpr const char* kContainer = "the container's credentials endpoint";
constexpr const char* kInstance = "EC2 instance metadata";
constexpr const char* kRelative = "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI";
constexpr const char* kFull = "AWS_CONTAINER_CREDENTIALS_FULL_URI";

// The Authorization header of the container endpoint; empty where none is configured.
Result<Secret> container_token(const EnvironmentCopy& environment) {
  constexpr const char* kFile = "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE";
  if (const auto path = environment.get(kFile)) return read_token_file(*path, kFile);
  auto token = environment.get_printable("AWS_CONTAINER_AUTHORIZATION_TOKEN");
  if (!token) return std::move(token).error();
  return Secret(std::move(*token));
}

Result<std::string> instance_endpoint(const EnvironmentCopy& environment) {
  constexpr const char* kVariable = "AWS_EC2_METADATA_SERVICE_ENDPOINT";
  if (const auto given = environment.get(kVariable)) {
    if (!may_ask_for_credentials(*given, true)) return refused_endpoint(kVariable);
    return without_slash(*given);
  }
  const auto mode = environment.get("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE");
  if (mode && to_lower(*mode) == "ipv6") return std::string("http://[fd00:ec2::254]");
  return std::string("http://169.254.169.254");
}

class Instance {
 public:
  Instance(std::string base, HttpClient& client) : base_(std::move(base)), client_(client) {}

  Result<EndpointAnswer> token() {
    return ask_endpoint(client_,
                        {.method = "PUT",
                         .url = base_ + "/latest/api/token",
                         .headers = {{"x-aws-ec2-metadata-token-ttl-seconds", "21600"}}},
                        EndpointKind::metadata, kInstance);
  }

  Result<EndpointAnswer> get(const std::string& role, const Secret& token) {
    constexpr const char* kPath = "/latest/meta-data/iam/security-credentials/";
    return ask_endpoint(client_,
                        {.method = "GET",
                         .url = base_ + kPath + percent_encode(role, false),
                         .headers = {{"x-aws-ec2-metadata-token", token.reveal()}}},
                        EndpointKind::metadata, kInstance);
  }

 private:
  const std::string base_;
  HttpClient& client_;
};

// `is_refused`: the token was, and a new one may help.
Result<AccessKey> key_of_role(Instance& instance, const Secret& token, bool& is_refused) {
  auto listed = instance.get("", token);
  if (!listed) return told_but_down(std::move(listed).error());
  is_refused = listed->status == 401;
  const std::string& names = listed->body.reveal();
  const std::string role(trim_blanks(std::string_view(names).substr(0, names.find('\n'))));
  if (listed->status == 404 || (listed->status == 200 && role.empty())) {
    return no_credentials("this EC2 instance has no role");
  }
  if (listed->status != 200 || role.size() > 256 || has_control_character(role)) {
    return unusable_credentials(std::string(kInstance) + " refused to name the instance's role: " +
                                std::to_string(listed->status));
  }
  auto given = instance.get(role, token);
  if (!given) return told_but_down(std::move(given).error());
  is_refused = given->status == 401;
  if (given->status != 200) {
    return unusable_credentials(std::string(kInstance) + " refused the credentials of role " +
                                role + ": " + std::to_string(given->status));
  }
  const std::string from = std::string(kInstance) + ", role " + role;
  const auto json = read_credential_json(given->body.reveal(), from);
  if (!json) return json.error();
  const std::string_view code = json->text("Code");
  if (!code.empty() && code != "Success") {
    return Error{Errc::unavailable, 0, from + " has no credentials now: " + clean_code(code)};
  }
  return read_key_json(*json, {.token = "Token"}, from);
}

}  // namespace

Result<AccessKey> ask_container_endpoint(const EnvironmentCopy& environment, HttpClient& client) {
  const auto relative = environment.get(kRelative);
  const auto full = environment.get(kFull);
  if (!relative && !full) return no_credentials(std::string(kFull) + " is not set");
  std::string url;
  if (relative) {
    if (!relative->starts_with('/'))
      return unusable_credentials(std::string(kRelative) + " must begin with '/'");
    url = "http://169.254.170.2" + *relative;
  } else {
    if (!may_ask_for_credentials(*full, true)) return refused_endpoint(kFull);
    url = *full;
  }
  auto token = container_token(environment);
  if (!token) return std::move(token).error();
  HttpRequest request{.method = "GET", .url = url, .headers = {{"accept", "application/json"}}};
  if (!token->empty()) request.headers.emplace_back("authorization", token->reveal());
  auto answer = ask_endpoint(client, std::move(request), EndpointKind::metadata, kContainer);
  if (!answer) return told_but_down(std::move(answer).error());
  if (answer->status != 200) {
    return unusable_credentials(
        std::string(kContainer) + " refused: " + std::to_string(answer->status) +
        "; check the task's role, and AWS_CONTAINER_AUTHORIZATION_TOKEN(_FILE)");
  }
  const auto json = read_credential_json(answer->body.reveal(), kContainer);
  if (!json) return json.error();
  return read_key_json(*json, {.token = "Token"}, kContainer);
}

Result<AccessKey> ask_instance_metadata(const EnvironmentCopy& environment, HttpClient& client,
                                        bool& has_answered) {
  if (to_lower(environment.get("AWS_EC2_METADATA_DISABLED").value_or("")) == "true") {
    return no_credentials("EC2 metadata is disabled by AWS_EC2_METADATA_DISABLED");
  }
  const bool is_named = environment.get("AWS_EC2_METADATA_SERVICE_ENDPOINT").has_value();
  auto base = instance_endpoint(environment);
  if (!base) return std::move(base).error();
  Instance instance(*base, client);
  // A second token where the first is refused: it may have been made for an instance that was since
  // moved or restarted.
  for (bool is_second = false;; is_second = true) {
    auto token = instance.token();
    if (!token) {
      const bool is_there = is_named || has_answered;
      if (is_there || client.is_interrupted()) return told_but_down(std::move(token).error());
      const bool is_silent =
          token.error().code == Errc::timeout || token.error().code == Errc::unavailable;
      if (is_silent) return no_credentials("no EC2 metadata service answers");
      return std::move(token).error();
    }
    has_answered = true;
    if (token->status != 200) {
      return no_credentials("EC2 metadata gives no tokens (" + std::to_string(token->status) + ")");
    }
    const Secret session(std::string(trim_blanks(token->body.reveal())));
    if (session.empty() || has_control_character(session.reveal())) {
      return no_credentials("what answers at the EC2 metadata address is not EC2");
    }
    bool is_refused = false;
    auto key = key_of_role(instance, session, is_refused);
    if (!is_refused || is_second) return key;
  }
}

}  // namespace runlog
