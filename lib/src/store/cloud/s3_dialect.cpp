// S3: AWS's own service, and any server with an endpoint that speaks its protocol.
#include <array>

#include "store/cloud/s3_protocol.hpp"
#include "store/cloud/store_kind.hpp"

namespace runlog {
namespace {

constexpr std::string_view kDefault_region = "us-east-1";

}  // namespace

Result<StoreUrl> parse_s3_url(StoreUrl store, const UrlParts& url) {
  constexpr std::array<std::string_view, 4> kKnown = {"region", "endpoint", "profile", "checksum"};
  return parse_bucket_url(std::move(store), url, kKnown);
}

Result<std::unique_ptr<Dialect>> make_s3_dialect(const StoreUrl& url, HttpClient& client) {
  auto settings = find_aws_settings(url.profile);
  if (!settings) return std::move(settings).error();
  S3Address address{.endpoint = url.endpoint, .region = url.region};
  if (address.endpoint.empty() && !settings->endpoint_url.empty()) {
    auto endpoint = check_endpoint(settings->endpoint_url,
                                   "store " + url.shown + ": AWS_ENDPOINT_URL or endpoint_url");
    if (!endpoint) return std::move(endpoint).error();
    address.endpoint = std::move(*endpoint);
  }
  if (address.region.empty()) address.region = settings->region;
  // AWS tells the bucket's region when asked in the wrong one.
  if (address.region.empty()) address.region = kDefault_region;
  if (address.endpoint.empty() && !is_region(address.region)) {
    return Error{Errc::invalid_argument, 0,
                 "store " + url.shown + ": '" + address.region + "' is not a region of AWS"};
  }
  auto credentials = aws_credentials(url.profile, address.region, client);
  return make_s3_like_dialect(url, S3Flavor{}, std::move(address), std::move(credentials));
}

}  // namespace runlog
