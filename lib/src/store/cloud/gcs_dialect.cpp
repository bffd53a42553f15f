// Google Cloud Storage by its XML API and HMAC keys. Not tested against the real service: there is
// no server of it to run here. What is its own: the signature's names, and that a PUT is made
// conditional by x-goog-if-generation-match; If-None-Match would be ignored and give no protection.
#include <array>

#include "store/cloud/s3_protocol.hpp"
#include "store/cloud/store_kind.hpp"

namespace runlog {
namespace {

constexpr std::string_view kService_endpoint = "https://storage.googleapis.com";

}  // namespace

Result<StoreUrl> parse_gcs_url(StoreUrl store, const UrlParts& url) {
  constexpr std::array<std::string_view, 1> kKnown = {"endpoint"};
  return parse_bucket_url(std::move(store), url, kKnown);
}

Result<std::unique_ptr<Dialect>> make_gcs_dialect(const StoreUrl& url, HttpClient& /*client*/) {
  const S3Flavor flavor{.signing = kGoogle_flavor,
                        .digest_metadata = "x-goog-meta-runlog-sha256",
                        .create_header = "x-goog-if-generation-match",
                        .create_value = "0",
                        .service_endpoint = kService_endpoint,
                        .put_permission = "storage.objects.create",
                        .get_permission = "storage.objects.get",
                        .list_permission = "storage.objects.list"};
  S3Address address{
      .endpoint = url.endpoint.empty() ? std::string(kService_endpoint) : url.endpoint,
      .region = "auto"};
  return make_s3_like_dialect(url, flavor, std::move(address), gcs_credentials());
}

}  // namespace runlog
