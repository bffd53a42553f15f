#include "platform/child_output.hpp"
#include "store/credentials/aws_places.hpp"
#include "store/http/encoding.hpp"
#include "store/http/peer_limits.hpp"

namespace runlog {

Result<AccessKey> run_credential_process(const std::string& command, const std::string& shown,
                                         const EnvironmentCopy& environment, HttpClient& client) {
  const auto failed = [&](Errc code, const std::string& why) {
    return Error{code, 0, shown + ": " + why};
  };
  if (environment.get("RUNLOG_CREDENTIAL_PROCESS") == "0") {
    return failed(Errc::invalid_argument,
                  "is not run, as RUNLOG_CREDENTIAL_PROCESS=0 says; runlog-recover says so where "
                  "root recovers for another user, who could read what it gives");
  }
  auto words = split_command_line(command);
  if (!words || words->empty()) {
    return failed(Errc::invalid_argument, "is not a command line (is a quote open?)");
  }
  ChildCommand child{.arguments = std::move(*words),
                     .search_path = environment.get("PATH").value_or("/usr/bin:/bin"),
                     .timeout = kCredential_process_time_max,
                     .output_bytes_max = kToken_bytes_max,
                     .is_cancelled = [&client] { return client.is_interrupted(); }};
  for (const Secret& entry : environment.entries()) child.environment.push_back(entry.reveal());
  auto output = output_of_child(child);
  for (std::string& entry : child.environment) wipe(entry);
  if (!output) {
    // What a login that has run out, a network or a full machine cause passes; the rest does not.
    const Errc code = output.error().code;
    const bool is_lasting = code == Errc::not_found || code == Errc::too_large;
    return failed(is_lasting ? Errc::invalid_argument : Errc::unavailable, output.error().message);
  }
  const Secret kept(std::move(*output));
  const auto json = read_credential_json(kept.reveal(), shown);
  if (!json) return json.error();
  if (json->text("Version") != "1") {
    return failed(Errc::invalid_argument, "did not give a JSON object with \"Version\": 1");
  }
  return read_key_json(*json, {.token = "SessionToken"}, shown);
}

}  // namespace runlog
