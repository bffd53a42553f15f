
#include "platform/file_system.hpp"
#include "store/credentials/credential_chain.hpp"
#include "store/credentials/credential_text.hpp"
#include "store/credentials/credentials.hpp"
#include "store/credentials/environment_copy.hpp"
#include "store/credentials/netrc.hpp"

namespace runlog {
namespace {

Result<HttpCredentials> from_environment(const EnvironmentCopy& environment) {
  auto bearer = environment.get_printable("RUNLOG_HTTP_BEARER");
  if (!bearer) return std::move(bearer).error();
  auto user = environment.get_printable("RUNLOG_HTTP_USER");
  if (!user) return std::move(user).error();
  auto password = environment.get_printable("RUNLOG_HTTP_PASSWORD");
  if (!password) return std::move(password).error();
  HttpCredentials found{.user = std::move(*user),
                        .password = Secret(std::move(*password)),
                        .bearer = Secret(std::move(*bearer)),
                        .from = "environment"};
  if (!found.bearer.empty()) return found;
  if (found.user.empty() && found.password.empty()) {
    return Error{Errc::not_found, 0, "RUNLOG_HTTP_USER is not set"};
  }
  if (found.user.empty())
    return unusable_credentials("RUNLOG_HTTP_PASSWORD is set but not RUNLOG_HTTP_USER");
  if (found.password.empty()) {
    return unusable_credentials("RUNLOG_HTTP_USER is set but not RUNLOG_HTTP_PASSWORD");
  }
  // It would end the name and begin the password.
  if (found.user.find(':') != std::string::npos)
    return unusable_credentials("RUNLOG_HTTP_USER has a ':' in it");
  return found;
}

constexpr std::uint32_t kOthers_read = 0044;  // group, and anybody

Result<HttpCredentials> from_netrc(const EnvironmentCopy& environment, const std::string& host) {
  const std::filesystem::path path = environment.file("NETRC", ".netrc");
  const auto info = stat_file(path);
  if (!info && environment.get("NETRC")) {
    return unusable_credentials(path.native() + " (named by NETRC) is not there");
  }
  auto text = read_optional_file(path);
  if (!text) return std::move(text).error();
  const Secret content(std::move(*text));
  auto entry = find_in_netrc(content.reveal(), host);
  if (!entry) return unusable_credentials(path.native() + ": " + entry.error().message);
  if (!*entry) return Error{Errc::not_found, 0, "no entry for " + host + " in " + path.native()};
  HttpCredentials found{.user = std::move((*entry)->user),
                        .password = std::move((*entry)->password),
                        .from = path.native()};
  if (found.user.empty() || found.user.find(':') != std::string::npos ||
      has_control_character(found.user)) {
    return unusable_credentials(found.from + ": the entry for " + host + " has no usable login");
  }
  // Used all the same, see decision 0014; whoever reads a message learns it.
  if (info && (info->mode & kOthers_read) != 0) {
    found.from += ", which others may read: chmod 600 it";
  }
  return found;
}

}  // namespace

std::unique_ptr<CredentialSource<HttpCredentials>> http_credentials(const std::string& host) {
  const SharedEnvironment environment = std::make_shared<EnvironmentCopy>();
  return std::make_unique<Refreshing<HttpCredentials>>([environment, host] {
    const Places<HttpCredentials> places = {
        [&] { return from_environment(*environment); },
        [&] { return from_netrc(*environment, host); },
        // A server may take what comes without asking who sends it.
        [] { return Result<HttpCredentials>(HttpCredentials{}); }};
    return ask_in_order(places, "user and password", "");
  });
}

}  // namespace runlog
