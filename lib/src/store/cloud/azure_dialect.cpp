// Azure Blob Storage: block blobs by a single Put Blob, authorised by account key, SAS or bearer
// token.
#include <algorithm>
#include <array>

#include "store/cloud/azure_signature.hpp"
#include "store/cloud/dialect.hpp"
#include "store/cloud/store_kind.hpp"
#include "store/credentials/credentials.hpp"
#include "store/http/xml.hpp"

namespace runlog {
namespace {

constexpr std::string_view kVersion_header = "2021-12-02";
constexpr std::uint64_t kPut_bytes_max = 5'000ull << 20;  // Put Blob since version 2019-12-12
// Names of metadata are identifiers there: no hyphens.
constexpr std::string_view kService_hosts = ".blob.core.windows.net";
constexpr std::string_view kDigest_metadata = "x-ms-meta-runlog_sha256";

struct Code {
  std::string_view code;
  Meaning meaning;
};
constexpr Code kCodes[] = {
    {"BlobAlreadyExists", Meaning::exists},
    // A SAS that may create and nothing else.
    {"UnauthorizedBlobOverwrite", Meaning::exists},
    {"ConditionNotMet", Meaning::exists},
    {"BlobNotFound", Meaning::absent},
    {"ResourceNotFound", Meaning::refused},
    {"ContainerNotFound", Meaning::refused},
    {"ContainerDisabled", Meaning::refused},
    {"ContainerBeingDeleted", Meaning::again},
    {"AuthenticationFailed", Meaning::stale},
    {"InvalidAuthenticationInfo", Meaning::stale},
    // The service: this network is shut out. Azurite: the key or SAS is wrong or expired.
    {"AuthorizationFailure", Meaning::stale},
    {"Md5Mismatch", Meaning::again},
    {"ServerBusy", Meaning::again},
    {"OperationTimedOut", Meaning::again},
    {"InternalError", Meaning::again},
    {"RequestBodyTooLarge", Meaning::refused_object},
};

// A SAS in the URL is never refreshed; it was given for exactly this.
class GivenSas final : public CredentialSource<AzureCredentials> {
 public:
  explicit GivenSas(Secret sas) : sas_(std::move(sas)) {}
  Result<AzureCredentials> get(bool /*refused*/) override {
    return AzureCredentials{.with = AzureSas{sas_}, .from = "the SAS in the URL"};
  }

 private:
  Secret sas_;
};

class AzureDialect final : public Dialect {
 public:
  AzureDialect(const StoreUrl& url, std::string endpoint,
               std::unique_ptr<CredentialSource<AzureCredentials>> credentials)
      : url_(url), endpoint_(std::move(endpoint)), credentials_(std::move(credentials)) {}

  [[nodiscard]] CloudCall put(const std::string& name, const PutContent& content,
                              bool creates) const override {
    CloudCall call{.method = "PUT", .name = name, .content = &content, .creates = creates};
    call.headers = {{"content-type", "application/octet-stream"},
                    {"x-ms-blob-type", "BlockBlob"},
                    {std::string(kDigest_metadata), content.sha256_hex}};
    if (!content.md5_base64.empty()) call.headers.emplace_back("content-md5", content.md5_base64);
    if (creates) call.headers.emplace_back("if-none-match", "*");
    return call;
  }

  [[nodiscard]] CloudCall list(const std::string& prefix, bool whole_tree,
                               const std::string& marker) const override {
    CloudCall call{.is_bucket = true};
    std::string whole = url_.prefix.empty() ? prefix : url_.prefix + "/" + prefix;
    call.query = {{"restype", "container"}, {"comp", "list"}, {"maxresults", "1000"}};
    if (!whole.empty()) call.query.emplace_back("prefix", std::move(whole));
    if (!whole_tree) call.query.emplace_back("delimiter", "/");
    if (!marker.empty()) call.query.emplace_back("marker", marker);
    return call;
  }

  [[nodiscard]] Result<ListPage> read_list(const HttpResponse& answer,
                                           const std::string& /*prefix*/) const override {
    ListPage page;
    ObjectInfo current;
    bool is_listing = false;
    const auto add = [&](const std::string& key) {
      const auto name = relative_name(url_.prefix, key);
      if (!name || name->empty() || (!current.is_prefix && name->ends_with('/'))) return;
      current.name = *name;
      page.entries.push_back(current);
    };
    std::string key;
    auto sound = read_xml(answer.body, [&](const XmlPath& path, const std::string& text) {
      const std::string_view name = path.back();
      const std::string_view parent = path.size() > 1 ? path[path.size() - 2] : std::string_view();
      if (path.size() == 1) is_listing = name == "EnumerationResults";
      if (name == "NextMarker") page.next = text;
      if (name == "Name" && (parent == "Blob" || parent == "BlobPrefix")) key = text;
      if (name == "Content-Length") current.bytes = std::strtoull(text.c_str(), nullptr, 10);
      if (name == "Blob" || name == "BlobPrefix") {
        current.is_prefix = name == "BlobPrefix";
        add(key);
        current = {};
        key.clear();
      }
    });
    if (!sound) return std::move(sound).error();
    if (!is_listing) return Error{Errc::corrupt, 0, "the answer is not a listing of a container"};
    return page;
  }

  [[nodiscard]] Result<HttpRequest> prepare(const CloudCall& call, WallTime now,
                                            bool refused) override {
    auto credentials = credentials_->get(refused);
    if (!credentials) return std::move(credentials).error();
    from_ = credentials->from;
    const Endpoint endpoint = split_endpoint(endpoint_);
    std::string path =
        percent_encode(endpoint.path, true) + "/" + percent_encode(url_.bucket, false);
    if (!call.is_bucket) path += "/" + encoded_key(url_.prefix, call.name);
    HttpRequest request;
    request.method = call.method;
    request.url = (endpoint.is_https ? "https://" : "http://") + endpoint.host + path;
    request.headers = call.headers;
    request.headers.emplace_back("x-ms-date", http_date(now));
    request.headers.emplace_back("x-ms-version", kVersion_header);
    (void)set_body(call, request);
    const bool is_safe = may_carry_secrets(request.url);
    std::string query = canonical_query(call.query);
    if (const auto* key = std::get_if<AzureKey>(&credentials->with)) {
      auto authorization =
          azure_shared_key({.method = call.method,
                            .path = path,
                            .query = call.query,
                            .headers = request.headers,
                            .body_bytes = call.content != nullptr ? call.content->bytes : 0},
                           *key);
      if (!authorization) return std::move(authorization).error();
      request.headers.emplace_back("authorization", std::move(*authorization));
    } else if (const auto* sas = std::get_if<AzureSas>(&credentials->with)) {
      if (!is_safe) return not_in_the_clear(url_, "the SAS");
      query += (query.empty() ? "" : "&") + sas->query.reveal();
    } else {
      if (!is_safe) return not_in_the_clear(url_, "the access token");
      const auto& bearer = std::get<BearerToken>(credentials->with);
      request.headers.emplace_back("authorization", "Bearer " + bearer.token.reveal());
    }
    if (!query.empty()) request.url += "?" + query;
    return request;
  }

  [[nodiscard]] Result<std::string> find_credentials() override {
    auto credentials = credentials_->get(false);
    if (!credentials) return std::move(credentials).error();
    if (!url_.sas.empty()) return credentials->from;
    const auto* const token = std::get_if<BearerToken>(&credentials->with);
    return credentials_text(credentials->from, token != nullptr ? token->expires : std::nullopt);
  }

  [[nodiscard]] Reading read(const CloudCall& call, const HttpResponse& answer) const override {
    Reading reading{.meaning = meaning_of_status(call, answer.status)};
    if (reading.meaning == Meaning::done) return reading;
    reading.code = clean_text(answer.header("x-ms-error-code"));
    if (reading.code.empty()) reading.code = clean_text(xml_text(answer.body, "Code"));
    reading.text = clean_text(xml_text(answer.body, "Message"));
    for (const Code& known : kCodes) {
      if (reading.code == known.code) reading.meaning = known.meaning;
    }
    if (reading.meaning == Meaning::exists && !call.creates) reading.meaning = Meaning::again;
    reading.remedy = remedy(call, answer, reading);
    return reading;
  }

  [[nodiscard]] std::string digest_of(const HttpResponse& head) const override {
    return std::string(head.header(kDigest_metadata));
  }

  [[nodiscard]] Proof proof_of(const PutContent& content,
                               const HttpResponse& answer) const override {
    if (answer.header("etag").empty()) return Proof::unsure;
    const std::string_view md5 = answer.header("content-md5");
    return md5.empty() || content.md5_base64.empty() || md5 == content.md5_base64
               ? Proof::yes
               : Proof::other_bytes;
  }

  bool follow(const HttpResponse& /*answer*/) override { return false; }

  [[nodiscard]] Traits traits() const override {
    return {.put_bytes_max = kPut_bytes_max,
            .heeds_conditions = split_endpoint(endpoint_).host.ends_with(kService_hosts)};
  }

 private:
  [[nodiscard]] std::string remedy(const CloudCall& call, const HttpResponse& answer,
                                   const Reading& reading) const {
    const std::string keys = from_.empty() ? "the credentials" : "the credentials (" + from_ + ")";
    if (reading.code == "ContainerNotFound" || reading.code == "ResourceNotFound" ||
        (call.is_bucket && answer.status == 404)) {
      return "create container " + url_.bucket + ", or correct the URL";
    }
    if (answer.status >= 300 && answer.status < 400) {
      const std::string target = redirect_target(answer);
      return target.empty() ? "redirects are not followed; correct the endpoint in the URL"
                            : "redirects are not followed; the store is at " + target +
                                  ": set endpoint= in the URL to its scheme and host";
    }
    if (reading.code == "AuthorizationFailure") {
      return keys + " are wrong, expired, or not allowed from this network";
    }
    if (reading.meaning == Meaning::stale) {
      return keys + " are wrong or expired, or this machine's clock is; renew them";
    }
    if (answer.status == 403) {
      return call.method == "PUT" ? "allow creating blobs to " + keys +
                                        " (SAS: sp=c or cw; role: Storage Blob Data Contributor)"
                                  : "allow reading and listing to " + keys +
                                        " (SAS: sp=rl; role: Storage Blob Data Reader)";
    }
    if (reading.meaning == Meaning::refused || reading.meaning == Meaning::unsupported) {
      return "is the endpoint Azure Blob Storage?";
    }
    return {};
  }

  const StoreUrl url_;
  const std::string endpoint_;
  const std::unique_ptr<CredentialSource<AzureCredentials>> credentials_;
  std::string from_;  // where the last credentials came from
};

constexpr std::string_view kLower = "abcdefghijklmnopqrstuvwxyz0123456789";

std::string_view take_segment(std::string_view& path) {
  const std::size_t end = std::min(path.find('/'), path.size());
  const std::string_view segment = path.substr(0, end);
  path.remove_prefix(std::min(end + 1, path.size()));
  return segment;
}

bool is_container(std::string_view name) {
  return name == "$root" || (name.size() >= 3 && name.size() <= 63 &&
                             is_one_of(name, std::string(kLower) + '-') && name.front() != '-');
}

// `path`: container/prefix.
Result<StoreUrl> parse_names(StoreUrl store, const UrlParts& url, std::string_view account,
                             std::string_view path, bool is_encoded) {
  store.account = account;
  if (account.size() < 3 || account.size() > 24 || !is_one_of(account, kLower)) {
    return refuse_url(url,
                      "an Azure storage account's name has 3 to 24 lower-case letters and digits: "
                      "azblob://account/container/prefix");
  }
  store.bucket = take_segment(path);
  if (!is_container(store.bucket)) {
    return refuse_url(url,
                      "a container's name has 3 to 63 lower-case letters, digits and hyphens: "
                      "azblob://account/container/prefix");
  }
  if (auto set = set_prefix(store, url, path, is_encoded); !set) return set.error();
  return store;
}

// "account" of account.blob.core.windows.net and its sisters, or nothing.
std::string_view account_of(std::string_view host) {
  constexpr std::array<std::string_view, 4> kDomains = {
      ".blob.core.windows.net", ".blob.core.usgovcloudapi.net", ".blob.core.chinacloudapi.cn",
      ".blob.storage.azure.net"};
  for (const std::string_view domain : kDomains) {
    if (host.size() > domain.size() && host.ends_with(domain)) {
      return host.substr(0, host.find('.'));
    }
  }
  return {};
}

// https://account.blob.core.windows.net/container/prefix?sas
Result<StoreUrl> parse_web_url(StoreUrl store, const UrlParts& url) {
  if (auto checked = check_server(url); !checked) return checked.error();
  if (!is_https(url)) return refuse_url(url, "Azure is reached by https only");
  store.endpoint = "https://" + std::string(url.authority);
  store.sas = Secret(std::string(url.query));
  if (!url.query.empty() && url.query.find("sig=") == std::string_view::npos) {
    return refuse_url(url, "what follows '?' is not a SAS (it has no sig=)");
  }
  if (has_control(url.query) || url.query.find(' ') != std::string_view::npos) {
    return refuse_url(url, "the SAS has blanks or control characters in it");
  }
  return parse_names(std::move(store), url, account_of(url.authority), url.path, true);
}

}  // namespace

bool has_azure_host(std::string_view host) {
  return !account_of(host).empty();
}

Result<StoreUrl> parse_azure_url(StoreUrl store, const UrlParts& url) {
  if (is_web(url)) return parse_web_url(std::move(store), url);
  constexpr std::array<std::string_view, 1> kKnown = {"endpoint"};
  if (url.query.find("sig=") != std::string_view::npos) {
    return refuse_url(url,
                      "put the SAS into AZURE_STORAGE_SAS_TOKEN, or use the "
                      "https://account.blob.core.windows.net/container/prefix?sas form");
  }
  if (auto taken = set_parameters(store, url, kKnown); !taken) return taken.error();
  return parse_names(std::move(store), url, url.authority, url.path, false);
}

Result<std::unique_ptr<Dialect>> make_azure_dialect(const StoreUrl& url, HttpClient& client) {
  std::string endpoint = url.endpoint;
  if (endpoint.empty()) {
    const std::string configured = azure_endpoint_from_environment(url.account);
    if (configured.empty()) {
      endpoint = "https://" + url.account + ".blob.core.windows.net";
    } else {
      auto checked = check_endpoint(configured, "AZURE_STORAGE_CONNECTION_STRING");
      if (!checked) return std::move(checked).error();
      endpoint = std::move(*checked);
    }
  }
  std::unique_ptr<CredentialSource<AzureCredentials>> credentials;
  if (url.sas.empty()) {
    credentials = azure_credentials(url.account, client);
  } else {
    credentials = std::make_unique<GivenSas>(url.sas);
  }
  return std::unique_ptr<Dialect>(
      std::make_unique<AzureDialect>(url, std::move(endpoint), std::move(credentials)));
}

}  // namespace runlog
