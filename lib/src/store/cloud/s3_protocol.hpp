// The protocol of S3, for all that speak it. Google's XML API is the same protocol with other
// header names.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "store/cloud/dialect.hpp"
#include "store/cloud/sigv4.hpp"

namespace runlog {

struct S3Flavor {
  SigV4Flavor signing = kAws_flavor;
  std::string_view digest_metadata = "x-amz-meta-runlog-sha256";
  std::string_view create_header = "if-none-match";
  std::string_view create_value = "*";
  /// The service's own, known to heed the condition; empty: where no endpoint is given.
  std::string_view service_endpoint = {};
  std::string_view put_permission = "s3:PutObject";
  std::string_view get_permission = "s3:GetObject";
  std::string_view list_permission = "s3:ListBucket";
};

/// Where requests go.
struct S3Address {
  std::string endpoint = {};  ///< empty: AWS, by region
  std::string region = {};
};

/// Whether `text` can be the name of a region of AWS.
[[nodiscard]] bool is_region(std::string_view text);

[[nodiscard]] std::unique_ptr<Dialect> make_s3_like_dialect(
    const StoreUrl& url, const S3Flavor& flavor, S3Address address,
    std::unique_ptr<CredentialSource<AccessKey>> credentials);

}  // namespace runlog
