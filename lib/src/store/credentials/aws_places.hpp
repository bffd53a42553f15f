// The places AWS credentials come from, one function each; aws_credentials.cpp has their order.
// Each says not_found, with a few words for the list of where we looked, when it is not configured.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "store/credentials/credential_text.hpp"
#include "store/credentials/credentials.hpp"
#include "store/credentials/environment_copy.hpp"
#include "store/http/http_client.hpp"

namespace runlog {

/// What a web identity is exchanged with.
struct WebIdentity {
  std::string token_file = {};
  std::string named_by = {};  ///< for messages: the variable, or the profile
  std::string role_arn = {};
  std::string session_name = {};
};
struct StsPlace {
  std::string region = {};    ///< empty: the global endpoint
  std::string endpoint = {};  ///< empty: AWS's own for the region
};
/// AssumeRoleWithWebIdentity.
Result<AccessKey> ask_sts(const WebIdentity& identity, const StsPlace& sts, HttpClient& client);

/// ECS tasks and EKS Pod Identity.
Result<AccessKey> ask_container_endpoint(const EnvironmentCopy& environment, HttpClient& client);

/// IMDSv2. `has_answered` is kept by the caller between calls: an endpoint that has never answered
/// is taken for not there, one that has for down.
Result<AccessKey> ask_instance_metadata(const EnvironmentCopy& environment, HttpClient& client,
                                        bool& has_answered);

/// The output of a profile's credential_process. `shown` names the profile.
Result<AccessKey> run_credential_process(const std::string& command, const std::string& shown,
                                         const EnvironmentCopy& environment, HttpClient& client);

/// The names a JSON answer has for the parts of a key.
struct KeyNames {
  std::string_view token = "Token";
};
/// The key in `json`. Errors: invalid_argument, naming `from` and what is missing.
Result<AccessKey> read_key_json(const JsonText& json, KeyNames names, const std::string& from);

}  // namespace runlog
