#include "store/credentials/credential_chain.hpp"
#include "store/credentials/credential_text.hpp"
#include "store/credentials/credentials.hpp"
#include "store/credentials/environment_copy.hpp"
#include "store/credentials/ini_file.hpp"

namespace runlog {
namespace {

constexpr const char* kRemedy =
    "make an HMAC key (`gcloud storage hmac create SERVICE_ACCOUNT`) and set "
    "RUNLOG_GCS_ACCESS_KEY_ID and RUNLOG_GCS_SECRET_ACCESS_KEY";

Result<AccessKey> from_variables(const EnvironmentCopy& environment, const std::string& id_name,
                                 const std::string& secret_name) {
  auto id = environment.get_printable(id_name);
  if (!id) return std::move(id).error();
  auto secret = environment.get_printable(secret_name);
  if (!secret) return std::move(secret).error();
  if (id->empty() && secret->empty()) return Error{Errc::not_found, 0, id_name + " is not set"};
  if (id->empty()) return unusable_credentials(secret_name + " is set but not " + id_name);
  if (secret->empty()) return unusable_credentials(id_name + " is set but not " + secret_name);
  return AccessKey{
      .id = std::move(*id), .secret = Secret(std::move(*secret)), .from = "environment"};
}

// gsutil's file.
Result<AccessKey> from_boto(const EnvironmentCopy& environment) {
  const std::filesystem::path path = environment.file("BOTO_CONFIG", ".boto");
  auto file = read_ini(path, [](std::string_view section) { return section == "Credentials"; });
  if (!file) return std::move(file).error();
  const auto section = file->find("Credentials");
  AccessKey key{.from = path.native()};
  if (section != file->end()) {
    key.id = value_of(section->second, "gs_access_key_id");
    key.secret = Secret(std::string(value_of(section->second, "gs_secret_access_key")));
  }
  if (key.id.empty() && key.secret.empty()) {
    return Error{Errc::not_found, 0, "no gs_access_key_id in " + path.native()};
  }
  if (key.id.empty()) return unusable_credentials(key.from + " has no gs_access_key_id");
  if (key.secret.empty()) return unusable_credentials(key.from + " has no gs_secret_access_key");
  if (!is_printable(key))
    return unusable_credentials(key.from + " has a key with a control character in it");
  return key;
}

}  // namespace

// Not AWS's variables: who has both clouds would send the one's key id to the other.
std::unique_ptr<CredentialSource<AccessKey>> gcs_credentials() {
  const SharedEnvironment environment = std::make_shared<EnvironmentCopy>();
  const Places<AccessKey> places = {
      [environment] {
        return from_variables(*environment, "RUNLOG_GCS_ACCESS_KEY_ID",
                              "RUNLOG_GCS_SECRET_ACCESS_KEY");
      },
      [environment] {
        return from_variables(*environment, "GS_ACCESS_KEY_ID", "GS_SECRET_ACCESS_KEY");
      },
      [environment] { return from_boto(*environment); }};
  return std::make_unique<Refreshing<AccessKey>>(
      [places] { return ask_in_order(places, "HMAC key for Google Cloud Storage", kRemedy); });
}

}  // namespace runlog
