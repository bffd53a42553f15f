// GCS: an HMAC key, from the environment or from where gsutil keeps it.
#include "platform/process.hpp"
#include "ship/cloud/cached_credentials.hpp"
#include "ship/cloud/ini_text.hpp"

namespace runlog {
namespace {

Result<std::optional<AccessKey>> ask_environment() {
  AccessKey key;
  key.id = environment("RUNLOG_GCS_ACCESS_KEY_ID").value_or("");
  if (key.id.empty()) return std::optional<AccessKey>();
  key.secret = Secret(environment("RUNLOG_GCS_SECRET_ACCESS_KEY").value_or(""));
  if (key.secret.empty()) {
    return Error{Errc::invalid_argument, 0,
                 "RUNLOG_GCS_ACCESS_KEY_ID is set but RUNLOG_GCS_SECRET_ACCESS_KEY is not"};
  }
  key.from = "environment";
  return std::optional(std::move(key));
}

Result<std::optional<AccessKey>> ask_boto() {
  std::filesystem::path path = environment("BOTO_CONFIG").value_or("");
  const auto home = environment("HOME");
  if (path.empty() && home) path = std::filesystem::path(*home) / ".boto";
  if (path.empty()) return std::optional<AccessKey>();
  auto ini = IniText::read(path);
  if (!ini) {
    if (ini.error().code == Errc::not_found) return std::optional<AccessKey>();
    return std::move(ini).error();
  }
  const IniText::Section* const section = ini->section("Credentials");
  AccessKey key;
  key.id = value_of(section, "gs_access_key_id");
  key.secret = Secret(value_of(section, "gs_secret_access_key"));
  if (key.id.empty() || key.secret.empty()) return std::optional<AccessKey>();
  key.from = path.native();
  return std::optional(std::move(key));
}

}  // namespace

std::unique_ptr<CredentialSource<AccessKey>> gcs_credentials() {
  CachedCredentials<AccessKey>::Settings settings;
  settings.sources = {[] { return ask_environment(); }, [] { return ask_boto(); }};
  settings.expires = [](const AccessKey&) { return std::optional<WallClock::time_point>(); };
  settings.none_found =
      "no GCS credentials: looked at RUNLOG_GCS_ACCESS_KEY_ID and at gs_access_key_id in ~/.boto; "
      "make "
      "an HMAC key of a service account and set RUNLOG_GCS_ACCESS_KEY_ID and "
      "RUNLOG_GCS_SECRET_ACCESS_KEY";
  return std::make_unique<CachedCredentials<AccessKey>>(std::move(settings));
}

}  // namespace runlog
