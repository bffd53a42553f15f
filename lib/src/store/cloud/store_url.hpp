// StoreUrl: what a store URL says, checked. Strict, because a typo that is accepted sends a week of
// records to the wrong place: unknown schemes, parameters and empty parts are errors that say what
// is right. It knows no network and no credentials but a SAS that stands in the URL itself.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "runlog/result.hpp"
#include "store/credentials/credentials.hpp"

namespace runlog {

struct StoreUrl {
  enum class Kind : std::uint8_t { s3, gcs, azure, http };
  Kind kind = Kind::s3;
  std::string account = {};  ///< Azure
  std::string bucket = {};   ///< bucket or container; empty for http
  std::string prefix = {};   ///< decoded, without '/' at either end; may be empty
  /// "https://host[:port][/path]" without '/' at the end. Of http stores: the server. Of the
  /// others: the `endpoint` parameter; empty: the cloud's own.
  std::string endpoint = {};
  std::string region = {};
  std::string profile = {};
  Secret sas = {};            ///< Azure; as it stood in the URL
  bool sends_crc32c = false;  ///< checksum=crc32c
  std::string shown = {};     ///< for messages: without secrets
};

/// s3://bucket/prefix?region=&endpoint=&profile=&checksum=crc32c, gs://bucket/prefix?endpoint=,
/// azblob://account/container/prefix?endpoint=, https://account.blob.core.windows.net/container/
/// prefix?sas, https://host/path, http://, davs://, dav://. Errors: invalid_argument, unsupported.
[[nodiscard]] Result<StoreUrl> parse_store_url(std::string_view url);

/// "scheme://host[:port]" and the path of an endpoint that parse_store_url accepted.
struct Endpoint {
  bool is_https = true;
  std::string host = {};  ///< with port, if one was given and is not the scheme's own
  std::string path = {};  ///< "" or "/path"
};
[[nodiscard]] Endpoint split_endpoint(std::string_view endpoint);

/// Checks and normalises an endpoint URL from wherever it comes; `where` names that for messages.
[[nodiscard]] Result<std::string> check_endpoint(std::string_view endpoint, std::string_view where);

}  // namespace runlog
