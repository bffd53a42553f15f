// AwsProfile: one profile of the files the AWS tools share, ~/.aws/credentials and ~/.aws/config.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "runlog/result.hpp"
#include "ship/cloud/credentials.hpp"

namespace runlog {

struct AwsProfile {
  std::string name = {};
  bool is_named = false;  ///< asked for by URL or AWS_PROFILE, not just the default
  bool exists = false;    ///< in one of the files
  AccessKey key = {};     ///< id empty: none
  std::string credential_process = {};
  std::string region = {};
  std::string endpoint_url = {};
  /// A setting that hands out credentials and that only the AWS tools can follow: role_arn,
  /// sso_session, sso_start_url, source_profile; empty: none.
  std::string beyond_us = {};
  std::filesystem::path credentials_file = {};
  std::filesystem::path config_file = {};
};

/// `name` empty: AWS_PROFILE, else "default". AWS_SHARED_CREDENTIALS_FILE and AWS_CONFIG_FILE name
/// other files. A file that does not exist is an empty one. Errors: a file that cannot be read.
[[nodiscard]] Result<AwsProfile> read_aws_profile(const std::string& name);

/// The profile's own keys, or what its credential_process prints. Nothing when it has neither.
/// Errors: invalid_argument, naming profile, file and what to do.
[[nodiscard]] Result<std::optional<AccessKey>> ask_aws_profile(const std::string& name);

}  // namespace runlog
