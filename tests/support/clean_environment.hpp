// CleanEnvironment: for a test's life the environment has none of the variables credentials are
// found by, HOME is an empty directory, and nothing reaches a metadata service. Restored at the
// end.
#pragma once

#include <stdlib.h>
#include <unistd.h>

#include <fstream>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "support/process.hpp"

namespace test {

class CleanEnvironment {
 public:
  CleanEnvironment() {
    std::vector<std::string> names;
    for (char** entry = ::environ; *entry != nullptr; ++entry) {
      const std::string text = *entry;
      const std::string name = text.substr(0, text.find('='));
      for (const char* prefix :
           {"AWS_", "AZURE_", "RUNLOG_", "GS_", "BOTO_", "IDENTITY_", "MSI_", "DEFAULT_IDENTITY_",
            "NETRC", "http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY",
            "ALL_PROXY", "CURL_CA_BUNDLE", "SSL_CERT_FILE"}) {
        if (name.starts_with(prefix)) names.push_back(name);
      }
    }
    for (const std::string& name : names) unset(name);
    set("HOME", home_.path().native());
    set("AWS_EC2_METADATA_DISABLED", "true");
  }
  ~CleanEnvironment() {
    for (auto entry = before_.rbegin(); entry != before_.rend(); ++entry) {
      if (entry->second) {
        ::setenv(entry->first.c_str(), entry->second->c_str(), 1);
      } else {
        ::unsetenv(entry->first.c_str());
      }
    }
  }
  CleanEnvironment(const CleanEnvironment&) = delete;
  CleanEnvironment& operator=(const CleanEnvironment&) = delete;

  void set(const std::string& name, const std::string& value) {
    remember(name);
    ::setenv(name.c_str(), value.c_str(), 1);
  }
  void unset(const std::string& name) {
    remember(name);
    ::unsetenv(name.c_str());
  }
  /// Writes a file below HOME and returns its path.
  std::string write(const std::string& name, const std::string& text) {
    const std::filesystem::path path = home_ / name;
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path, std::ios::binary) << text;
    return path.native();
  }

 private:
  void remember(const std::string& name) {
    const char* const value = ::getenv(name.c_str());
    before_.emplace_back(name, value == nullptr ? std::nullopt : std::optional<std::string>(value));
  }
  TemporaryDirectory home_;
  std::vector<std::pair<std::string, std::optional<std::string>>> before_;
};

}  // namespace test
