// Credentials: found where each cloud's users have them, refreshed ahead of expiry, and kept out of
// everything that is written down. Each source is asked by the one thread that ships (or reads), so
// a refresh is single-flight by construction; while a refresh fails the old credentials are used
// until they expire.
//
// The factories below copy the environment: later changes of it are not seen, and the thread that
// ships never reads it while the user's threads may be changing it, which setenv(3) forbids.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>

#include "runlog/result.hpp"

namespace runlog {

class HttpClient;

/// A secret text: overwritten when it is destroyed, never printed.
class Secret {
 public:
  Secret() = default;
  /// Takes `text` over and leaves nothing behind in it.
  explicit Secret(std::string&& text) noexcept;
  ~Secret() { wipe(); }
  Secret(const Secret& other) = default;
  Secret(Secret&& other) noexcept;
  Secret& operator=(const Secret& other);
  Secret& operator=(Secret&& other) noexcept;

  [[nodiscard]] const std::string& reveal() const noexcept { return text_; }
  [[nodiscard]] bool empty() const noexcept { return text_.empty(); }

 private:
  void wipe() noexcept;
  std::string text_;
};

using WallClock = std::chrono::system_clock;

/// An access key of AWS, of an S3-compatible server, or a GCS HMAC key.
struct AccessKey {
  std::string id = {};
  Secret secret = {};
  Secret session_token = {};  ///< empty for long-lived keys
  std::optional<WallClock::time_point> expires = {};
  std::string from = {};  ///< for messages: "environment", "profile x in ~/.aws/credentials", …
};

/// What an Azure request is authorised with.
struct AzureKey {
  std::string account = {};
  Secret key = {};  ///< base64, as the portal shows it
};
struct AzureSas {
  Secret query = {};  ///< "sv=…&sig=…", without '?'
};
struct BearerToken {
  Secret token = {};
  std::optional<WallClock::time_point> expires = {};
};
struct AzureCredentials {
  std::variant<AzureKey, AzureSas, BearerToken> with = {};
  std::string from = {};
};

/// user:password, or a bearer token, for WebDAV and plain HTTP.
struct HttpCredentials {
  std::string user = {};
  Secret password = {};
  Secret bearer = {};
  std::string from = {};  ///< empty: there are none, send requests without
};

/// Asks its sources in their documented order. Not thread-safe; get() may block on a metadata
/// endpoint (bounded) or a credential_process.
template <typename Credentials>
class CredentialSource {
 public:
  virtual ~CredentialSource() = default;
  /// Valid credentials. `refused` are those a server has just called expired or unknown: others are
  /// fetched if there are any. Errors: invalid_argument (a source is configured but broken; names
  /// it), not_found (none is configured; lists where we looked), unavailable (an endpoint did not
  /// answer; try later).
  virtual Result<Credentials> get(bool refused) = 0;
};

/// What the environment and the shared files say about S3 besides keys. URL parameters go first.
struct AwsSettings {
  std::string region = {};        ///< AWS_REGION, AWS_DEFAULT_REGION, profile; empty: unknown
  std::string endpoint_url = {};  ///< AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL, profile; empty: AWS
};
/// `profile` empty: AWS_PROFILE, else "default".
[[nodiscard]] Result<AwsSettings> find_aws_settings(const std::string& profile);

/// Environment, web identity, profile (keys, credential_process), container endpoint, IMDSv2. The
/// client must outlive the source and is used between, never during, the caller's own requests.
[[nodiscard]] std::unique_ptr<CredentialSource<AccessKey>> aws_credentials(
    const std::string& profile, const std::string& region, HttpClient& client);

/// RUNLOG_GCS_ACCESS_KEY_ID/RUNLOG_GCS_SECRET_ACCESS_KEY, else the names gsutil's and other tools'
/// users have; documented in docs/clouds.md.
[[nodiscard]] std::unique_ptr<CredentialSource<AccessKey>> gcs_credentials();

/// `account` from the URL. AZURE_STORAGE_CONNECTION_STRING, AZURE_STORAGE_KEY,
/// AZURE_STORAGE_SAS_TOKEN, workload identity, managed identity. A SAS in the URL never gets here.
[[nodiscard]] std::unique_ptr<CredentialSource<AzureCredentials>> azure_credentials(
    const std::string& account, HttpClient& client);
/// The blob endpoint a connection string names for `account` (BlobEndpoint, or development
/// storage), or empty.
[[nodiscard]] std::string azure_endpoint_from_environment(const std::string& account);

/// RUNLOG_HTTP_BEARER, RUNLOG_HTTP_USER and RUNLOG_HTTP_PASSWORD, else netrc ($NETRC, ~/.netrc) for
/// `host`.
[[nodiscard]] std::unique_ptr<CredentialSource<HttpCredentials>> http_credentials(
    const std::string& host);

}  // namespace runlog
