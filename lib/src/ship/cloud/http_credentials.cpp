// WebDAV and plain HTTP: a name and a password, a bearer token, or nothing.
#include "platform/file_system.hpp"
#include "platform/process.hpp"
#include "ship/cloud/credentials.hpp"
#include "ship/cloud/encoding.hpp"
#include "ship/cloud/netrc.hpp"

namespace runlog {
namespace {

constexpr std::uint64_t kNetrc_bytes_max = 1u << 20;

class HttpSource final : public CredentialSource<HttpCredentials> {
 public:
  explicit HttpSource(std::string host) : host_(std::move(host)) {}

  // Asked again each time it is refused: the file may have been mended meanwhile.
  Result<HttpCredentials> get(bool refused) override {
    if (cached_ && !refused) return *cached_;
    auto found = find();
    if (found) cached_ = *found;
    return found;
  }

 private:
  Result<HttpCredentials> find() const {
    HttpCredentials found;
    found.from = "environment";
    if (auto bearer = environment("RUNLOG_HTTP_BEARER")) {
      found.bearer = Secret(std::move(*bearer));
      return found;
    }
    if (auto user = environment("RUNLOG_HTTP_USER")) {
      found.user = std::move(*user);
      found.password = Secret(environment("RUNLOG_HTTP_PASSWORD").value_or(""));
      return found;
    }
    const auto named = environment("NETRC");
    const auto home = environment("HOME");
    if (!named && !home) return HttpCredentials{};
    const std::filesystem::path path =
        named ? std::filesystem::path(*named) : std::filesystem::path(*home) / ".netrc";
    auto text = read_file(path, kNetrc_bytes_max);
    if (!text) {
      if (text.error().code == Errc::not_found && !named) return HttpCredentials{};
      Error error = std::move(text).error();
      error.message = "netrc: " + error.message;
      return error;
    }
    auto entry = find_in_netrc(*text, host_);
    wipe(*text);
    if (!entry) return HttpCredentials{};
    entry->from = path.native();
    return std::move(*entry);
  }

  std::string host_;
  std::optional<HttpCredentials> cached_ = {};
};

}  // namespace

std::unique_ptr<CredentialSource<HttpCredentials>> http_credentials(const std::string& host) {
  return std::make_unique<HttpSource>(host);
}

}  // namespace runlog
