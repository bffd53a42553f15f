#include "store/cloud/s3_protocol.hpp"

#include <algorithm>
#include <array>

#include "store/credentials/credential_text.hpp"
#include "store/http/xml.hpp"

namespace runlog {
namespace {

constexpr std::uint64_t kPut_bytes_max = 5ull << 30;  // AWS: 5 GiB in a single PUT

bool is_md5_hex(std::string_view text) {
  return text.size() == 32 &&
         text.find_first_not_of("0123456789abcdefABCDEF") == std::string_view::npos;
}

// What AWS and its like call an error, and what it means to us.
struct Code {
  std::string_view code;
  Meaning meaning;
};
constexpr Code kCodes[] = {
    {"RequestTimeTooSkewed", Meaning::skewed},
    {"ExpiredToken", Meaning::stale},
    {"ExpiredTokenException", Meaning::stale},
    {"InvalidToken", Meaning::stale},
    {"TokenRefreshRequired", Meaning::stale},
    {"InvalidClientTokenId", Meaning::stale},
    // Keys are rotated by editing the file they are in: read it again before calling them wrong.
    {"InvalidAccessKeyId", Meaning::stale},
    {"SignatureDoesNotMatch", Meaning::stale},
    {"ConditionalRequestConflict", Meaning::again},
    {"OperationAborted", Meaning::again},
    {"RequestTimeout", Meaning::again},
    {"SlowDown", Meaning::again},
    {"ServiceUnavailable", Meaning::again},
    {"InternalError", Meaning::again},
    // The body changed on its way.
    {"BadDigest", Meaning::again},
    {"XAmzContentSHA256Mismatch", Meaning::again},
    {"IncompleteBody", Meaning::again},
    {"PreconditionFailed", Meaning::exists},
    {"NotImplemented", Meaning::no_condition},
    {"EntityTooLarge", Meaning::refused_object},
    {"KeyTooLongError", Meaning::refused_object},
    {"NoSuchBucket", Meaning::refused},
    {"NoSuchKey", Meaning::absent},
};

class S3Dialect final : public Dialect {
 public:
  S3Dialect(const StoreUrl& url, const S3Flavor& flavor, S3Address address,
            std::unique_ptr<CredentialSource<AccessKey>> credentials)
      : url_(url),
        flavor_(flavor),
        address_(std::move(address)),
        credentials_(std::move(credentials)),
        signer_(flavor.signing) {}

  [[nodiscard]] CloudCall put(const std::string& name, const PutContent& content,
                              bool creates) const override {
    CloudCall call{.method = "PUT", .name = name, .content = &content, .creates = creates};
    call.headers = {{"content-type", "application/octet-stream"},
                    {std::string(flavor_.digest_metadata), content.sha256_hex}};
    if (!content.md5_base64.empty()) call.headers.emplace_back("content-md5", content.md5_base64);
    if (creates) call.headers.emplace_back(flavor_.create_header, flavor_.create_value);
    if (url_.sends_crc32c) {
      const std::array<std::uint8_t, 4> big_endian = {
          static_cast<std::uint8_t>(content.crc32c >> 24),
          static_cast<std::uint8_t>(content.crc32c >> 16),
          static_cast<std::uint8_t>(content.crc32c >> 8),
          static_cast<std::uint8_t>(content.crc32c)};
      call.headers.emplace_back("x-amz-checksum-crc32c", base64(big_endian));
    }
    return call;
  }

  [[nodiscard]] CloudCall list(const std::string& prefix, bool whole_tree,
                               const std::string& marker) const override {
    CloudCall call{.is_bucket = true};
    std::string whole = url_.prefix.empty() ? prefix : url_.prefix + "/" + prefix;
    call.query = {{"list-type", "2"}, {"prefix", std::move(whole)}, {"encoding-type", "url"}};
    if (!whole_tree) call.query.emplace_back("delimiter", "/");
    if (!marker.empty()) call.query.emplace_back("continuation-token", marker);
    return call;
  }

  [[nodiscard]] Result<ListPage> read_list(const HttpResponse& answer,
                                           const std::string& /*prefix*/) const override {
    struct Raw {
      std::string key;
      std::uint64_t bytes;
      bool is_prefix;
    };
    std::vector<Raw> raw;
    Raw current{};
    bool is_encoded = false;
    bool is_truncated = false;
    bool is_listing = false;
    ListPage page;
    auto sound = read_xml(answer.body, [&](const XmlPath& path, const std::string& text) {
      const std::string_view name = path.back();
      const std::string_view parent = path.size() > 1 ? path[path.size() - 2] : std::string_view();
      if (path.size() == 1) is_listing = name == "ListBucketResult";
      if (name == "EncodingType") is_encoded = text == "url";
      if (name == "IsTruncated") is_truncated = text == "true";
      if (name == "NextContinuationToken") page.next = text;
      if (parent == "Contents" && name == "Key") current.key = text;
      if (parent == "Contents" && name == "Size") {
        current.bytes = std::strtoull(text.c_str(), nullptr, 10);
      }
      if (name == "Contents") raw.push_back(std::exchange(current, Raw{}));
      if (parent == "CommonPrefixes" && name == "Prefix") raw.push_back({text, 0, true});
    });
    if (!sound) return std::move(sound).error();
    if (!is_listing) return Error{Errc::corrupt, 0, "the answer is not a listing of a bucket"};
    for (const Raw& one : raw) {
      auto key = is_encoded ? percent_decode(one.key, true) : one.key;
      const auto name = key ? relative_name(url_.prefix, *key) : std::nullopt;
      // A "folder" made by a console is an empty object whose name ends in '/'.
      if (!name || name->empty() || (!one.is_prefix && name->ends_with('/'))) continue;
      page.entries.push_back({.name = *name, .bytes = one.bytes, .is_prefix = one.is_prefix});
    }
    if (!is_truncated) page.next.clear();
    return page;
  }

  [[nodiscard]] Result<HttpRequest> prepare(const CloudCall& call, WallTime now,
                                            bool refused) override {
    auto key = credentials_->get(refused);
    if (!key) return std::move(key).error();
    from_ = key->from;
    has_token_ = !key->session_token.empty();
    const Place place = place_of(call);
    HttpRequest request;
    request.method = call.method;
    request.url = place.base + place.path;
    // A signature proves the secret and does not contain it; a session token is sent as it is.
    if (has_token_ && !may_carry_secrets(request.url)) {
      return not_in_the_clear(url_, "the session token");
    }
    request.headers = call.headers;
    const std::string digest = set_body(call, request);
    const std::string query = canonical_query(call.query);
    if (!query.empty()) request.url += "?" + query;
    signer_.sign({.method = call.method,
                  .host = place.host,
                  .path = place.path,
                  .query = call.query,
                  .payload_sha256 = digest,
                  .time = now,
                  .region = address_.region},
                 *key, request.headers);
    return request;
  }

  [[nodiscard]] Result<std::string> find_credentials() override {
    auto key = credentials_->get(false);
    if (!key) return std::move(key).error();
    return credentials_text(key->from, key->expires);
  }

  [[nodiscard]] Reading read(const CloudCall& call, const HttpResponse& answer) const override {
    Reading reading{.meaning = meaning_of_status(call, answer.status)};
    if (reading.meaning == Meaning::done) return reading;
    reading.code = clean_text(xml_text(answer.body, "Code"));
    reading.text = clean_text(xml_text(answer.body, "Message"));
    // An answer that is not the store's own (a proxy's page) has no code: the status decides.
    for (const Code& known : kCodes) {
      if (reading.code == known.code) reading.meaning = known.meaning;
    }
    // A HEAD has no body to tell the code.
    if (call.method == "HEAD" && answer.status == 400 && has_token_) {
      reading.meaning = Meaning::stale;
    }
    // radosgw's word for a session token that is unknown or expired.
    if (answer.status == 400 && reading.code == "InvalidArgument" && has_token_) {
      reading.meaning = Meaning::stale;
    } else if (call.creates && answer.status == 400 && concerns_condition(reading)) {
      reading.meaning = Meaning::no_condition;
    }
    if (!call.creates && reading.meaning == Meaning::no_condition) {
      reading.meaning = Meaning::unsupported;
    }
    if (reading.meaning == Meaning::skewed) {
      reading.store_time = parse_iso_time(xml_text(answer.body, "ServerTime"));
    }
    if (is_elsewhere(answer, reading)) {
      reading.meaning = Meaning::moved;
    } else if (answer.status == 307 && address_.endpoint.empty()) {
      reading.meaning = Meaning::again;  // AWS, while the name of a new bucket gets about
    }
    reading.remedy = remedy(call, answer, reading);
    return reading;
  }

  [[nodiscard]] std::string digest_of(const HttpResponse& head) const override {
    return std::string(head.header(flavor_.digest_metadata));
  }

  // Every S3 answers a PUT with an ETag; who does not is something else that answers 200 to all.
  [[nodiscard]] Proof proof_of(const PutContent& content,
                               const HttpResponse& answer) const override {
    std::string etag(answer.header("etag"));
    etag.erase(std::remove(etag.begin(), etag.end(), '"'), etag.end());
    if (etag.empty()) return Proof::unsure;
    const std::string_view encryption = answer.header("x-amz-server-side-encryption");
    const bool is_md5 = is_md5_hex(etag) && (encryption.empty() || encryption == "AES256") &&
                        answer.header("x-amz-server-side-encryption-customer-algorithm").empty();
    if (!is_md5 || content.md5_hex.empty()) return Proof::yes;
    std::transform(etag.begin(), etag.end(), etag.begin(),
                   [](char c) { return c >= 'A' && c <= 'F' ? static_cast<char>(c + 32) : c; });
    return etag == content.md5_hex ? Proof::yes : Proof::other_bytes;
  }

  bool follow(const HttpResponse& answer) override {
    const std::string region = region_in(answer);
    if (!is_region(region) || region == address_.region) return false;
    address_.region = region;
    return true;
  }

  [[nodiscard]] Traits traits() const override {
    const bool is_the_service =
        address_.endpoint.empty() || address_.endpoint == flavor_.service_endpoint;
    return {.put_bytes_max = kPut_bytes_max, .heeds_conditions = is_the_service};
  }

 private:
  struct Place {
    std::string base;  // scheme://host
    std::string host;
    std::string path;
  };

  // Path style with an endpoint of one's own, and for names with dots, which no wildcard
  // certificate covers; else the bucket is in the host's name.
  [[nodiscard]] Place place_of(const CloudCall& call) const {
    const std::string key = call.is_bucket ? "" : encoded_key(url_.prefix, call.name);
    const std::string in_path = "/" + percent_encode(url_.bucket, false) + "/" + key;
    if (!address_.endpoint.empty()) {
      const Endpoint endpoint = split_endpoint(address_.endpoint);
      return {(endpoint.is_https ? "https://" : "http://") + endpoint.host, endpoint.host,
              percent_encode(endpoint.path, true) + in_path};
    }
    const std::string domain =
        "s3." + address_.region +
        (address_.region.starts_with("cn-") ? ".amazonaws.com.cn" : ".amazonaws.com");
    const bool is_host_name =
        url_.bucket.size() <= 63 &&
        url_.bucket.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-") == std::string::npos;
    if (!is_host_name) return {"https://" + domain, domain, in_path};
    const std::string host = url_.bucket + "." + domain;
    return {"https://" + host, host, "/" + key};
  }

  static std::string region_in(const HttpResponse& answer) {
    std::string region(answer.header("x-amz-bucket-region"));
    if (region.empty()) region = xml_text(answer.body, "Region");
    return region.empty() ? region_of_host(answer) : region;
  }

  // "eu-west-1" of https://bucket.s3.eu-west-1.amazonaws.com/… or …s3-eu-west-1…, where a redirect
  // leads. Only the region is taken.
  static std::string region_of_host(const HttpResponse& answer) {
    std::string_view host = answer.header("location");
    const std::size_t scheme = host.find("://");
    if (scheme == std::string_view::npos) return {};
    host.remove_prefix(scheme + 3);
    host = host.substr(0, host.find('/'));
    const std::size_t end = host.find(".amazonaws.com");
    if (end == std::string_view::npos) return {};
    host = host.substr(0, end);
    const std::size_t dot = host.rfind('.');
    std::string_view label = host.substr(dot == std::string_view::npos ? 0 : dot + 1);
    if (label.starts_with("s3-")) label.remove_prefix(3);
    const bool has_number = label.find_first_of("0123456789", 2) != std::string_view::npos;
    return has_number ? std::string(label) : std::string();
  }

  [[nodiscard]] bool is_elsewhere(const HttpResponse& answer, const Reading& reading) const {
    const bool may_be = answer.status == 301 || answer.status == 307 || answer.status == 308 ||
                        (answer.status == 400 &&
                         (reading.code.empty() || reading.code == "AuthorizationHeaderMalformed" ||
                          reading.code == "IllegalLocationConstraintException"));
    if (!may_be) return false;
    const std::string region = region_in(answer);
    return is_region(region) && region != address_.region;
  }

  static bool concerns_condition(const Reading& reading) {
    if (reading.code != "InvalidArgument" && reading.code != "InvalidRequest" &&
        reading.code != "UnsupportedHeader" && reading.code != "BadRequest") {
      return false;
    }
    for (const std::string_view word : {"If-None-Match", "if-none-match", "onditional", "eader"}) {
      if (reading.text.find(word) != std::string::npos) return true;
    }
    return false;
  }

  [[nodiscard]] std::string remedy(const CloudCall& call, const HttpResponse& answer,
                                   const Reading& reading) const {
    const std::string keys = from_.empty() ? "the credentials" : "the credentials (" + from_ + ")";
    if (reading.code == "NoSuchBucket" || (call.is_bucket && answer.status == 404)) {
      return "create bucket " + url_.bucket + ", or correct the URL or the endpoint";
    }
    if (reading.code == "RequestTimeTooSkewed") {
      return "this machine's clock is off by more than the store allows; set it, by NTP";
    }
    if (reading.code == "InvalidAccessKeyId" || reading.code == "InvalidClientTokenId") {
      return keys + " are unknown there; give others, or correct the endpoint";
    }
    if (reading.code == "SignatureDoesNotMatch") {
      return "the secret of " + keys + " does not belong to the key id; give the right one";
    }
    if (reading.meaning == Meaning::stale) return "renew " + keys;
    if (reading.code == "QuotaExceeded" || answer.status == 507) {
      return "make room there, or raise the quota";
    }
    if (answer.status == 403) {
      const std::string_view permission = call.is_bucket            ? flavor_.list_permission
                                          : call.method == "PUT"    ? flavor_.put_permission
                                          : call.method == "DELETE" ? "s3:DeleteObject"
                                                                    : flavor_.get_permission;
      return "allow " + std::string(permission) + " on the bucket to " + keys;
    }
    if (answer.status >= 300 && answer.status < 400) {
      return redirect_remedy(answer);
    }
    if (reading.meaning == Meaning::refused || reading.meaning == Meaning::unsupported) {
      return "is the endpoint an S3 server?";
    }
    return {};
  }

  [[nodiscard]] std::string redirect_remedy(const HttpResponse& answer) const {
    std::string target = redirect_target(answer);
    if (!target.empty()) target.resize(split_end(target));
    if (target.empty()) target = clean_text(xml_text(answer.body, "Endpoint"));
    const std::string region = region_in(answer);
    const bool is_told = is_region(region) && region != address_.region;
    std::string out = "redirects are not followed; ";
    if (target.empty() && !is_told) return out + "correct the endpoint or the region in the URL";
    out += "the bucket is " + (target.empty() ? "elsewhere" : "at " + target) + ": set ";
    if (is_told) return out + "region=" + region + " in the URL";
    return out + "endpoint= in the URL to it, or region= to its region";
  }

  // Of "scheme://host".
  static std::size_t split_end(const std::string& url) {
    return std::min(url.find('/', url.find("://") + 3), url.size());
  }

  const StoreUrl url_;
  const S3Flavor flavor_;
  S3Address address_;
  const std::unique_ptr<CredentialSource<AccessKey>> credentials_;
  SigV4Signer signer_;
  std::string from_;        // where the last credentials came from
  bool has_token_ = false;  // and whether they were temporary
};

}  // namespace

bool is_region(std::string_view text) {
  return !text.empty() && text.size() <= 32 &&
         text.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-") == std::string_view::npos;
}

std::unique_ptr<Dialect> make_s3_like_dialect(
    const StoreUrl& url, const S3Flavor& flavor, S3Address address,
    std::unique_ptr<CredentialSource<AccessKey>> credentials) {
  return std::make_unique<S3Dialect>(url, flavor, std::move(address), std::move(credentials));
}

}  // namespace runlog
