// AwsProfile: one profile of ~/.aws/credentials and ~/.aws/config, read as the AWS command line
// reads it. What a profile means for keys is aws_credentials.cpp's business.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "runlog/result.hpp"
#include "store/credentials/environment_copy.hpp"
#include "store/credentials/ini_file.hpp"

namespace runlog {

struct AwsProfile {
  std::string name = {};
  bool is_there = false;        ///< in one of the files
  IniSection credentials = {};  ///< [name] of the credentials file
  IniSection config = {};       ///< [profile name] of the config file
  IniSection services = {};     ///< [services x], where the profile says "services = x"
  std::filesystem::path credentials_path = {};
  std::filesystem::path config_path = {};

  /// The credentials file's value, else the config file's; empty when neither has the key.
  [[nodiscard]] const std::string& get(std::string_view key) const;
  /// "profile x in /home/u/.aws/credentials".
  [[nodiscard]] std::string shown(bool in_config) const;
};

/// Profile `name`; empty: AWS_PROFILE, AWS_DEFAULT_PROFILE, else "default". A profile that was
/// asked for by name and is in neither file is an error; an absent default is empty. Errors:
/// invalid_argument.
Result<AwsProfile> read_aws_profile(const EnvironmentCopy& environment, const std::string& name);

}  // namespace runlog
