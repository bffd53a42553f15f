// Any bytes as the answer of a store, read by every dialect as a listing, as a refusal and as a
// head. Names that are not below what was asked for must not come out.
#include <stdlib.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "fuzz/fuzz.hpp"
#include "store/cloud/dialect.hpp"
#include "store/cloud/store_kind.hpp"
#include "store/cloud/store_url.hpp"

namespace {

using namespace runlog;

struct Dialects {
  Dialects() {
    for (const auto& [name, value] : std::vector<std::pair<const char*, const char*>>{
             {"AWS_ACCESS_KEY_ID", "key"},
             {"AWS_SECRET_ACCESS_KEY", "secret"},
             {"AWS_CONFIG_FILE", "/dev/null"},
             {"AWS_SHARED_CREDENTIALS_FILE", "/dev/null"},
             {"AZURE_STORAGE_KEY", "aGVsbG8="},
             {"RUNLOG_GCS_ACCESS_KEY_ID", "key"},
             {"RUNLOG_GCS_SECRET_ACCESS_KEY", "secret"}}) {
      ::setenv(name, value, 1);
    }
    for (const char* const text :
         {"s3://bucket/prefix?endpoint=http://127.0.0.1:1", "s3://bucket",
          "azblob://account/container/prefix?endpoint=http://127.0.0.1:1",
          "gs://bucket/prefix?endpoint=http://127.0.0.1:1", "http://127.0.0.1:1/prefix"}) {
      auto url = parse_store_url(text);
      if (!url) std::abort();
      urls.push_back(std::make_unique<StoreUrl>(std::move(*url)));
      auto dialect = make_dialect(*urls.back(), client);
      if (!dialect) std::abort();
      all.push_back(std::move(*dialect));
    }
  }

  HttpClient client;
  std::vector<std::unique_ptr<StoreUrl>> urls;
  std::vector<std::unique_ptr<Dialect>> all;
};

constexpr int kStatuses[] = {200, 207, 400, 403, 404, 301, 412, 409, 503, 206, 0, 999};
constexpr const char* kMethods[] = {"GET", "PUT", "HEAD", "PROPFIND", "DELETE", "MKCOL", "MOVE"};
constexpr const char* kPrefix = "run_id=x/";

// The first line is the value of each header that is read, where the second byte says so.
HttpResponse answer_of(const std::uint8_t* data, std::size_t size) {
  HttpResponse answer;
  answer.status = kStatuses[data[0] % std::size(kStatuses)];
  std::string_view text(reinterpret_cast<const char*>(data) + 2, size - 2);
  if ((data[1] & 1) != 0) {
    const std::size_t line = std::min(text.find('\n'), text.size());
    for (const char* const name :
         {"x-amz-bucket-region", "date", "retry-after", "etag", "content-range", "content-length",
          "x-ms-error-code", "www-authenticate", "location", "x-amz-meta-sha256",
          "x-ms-meta-sha256", "x-amz-checksum-crc32c", "x-goog-hash", "content-md5"}) {
      answer.headers.emplace_back(name, std::string(text.substr(0, line)));
    }
    text.remove_prefix(std::min(line + 1, text.size()));
  }
  answer.body = text;
  return answer;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const Dialects dialects;
  if (size < 2) return 0;
  const HttpResponse answer = answer_of(data, size);
  CloudCall call{.method = kMethods[data[1] % std::size(kMethods)], .name = "run_id=x/object"};
  call.creates = (data[1] & 2) != 0;
  call.is_bucket = (data[1] & 4) != 0;
  const PutContent content{.file = "/dev/null", .bytes = 3, .sha256_hex = "00", .md5_hex = "00"};
  for (const auto& dialect : dialects.all) {
    if (const auto page = dialect->read_list(answer, kPrefix)) {
      if (page->entries.size() > size) std::abort();
      for (const ObjectInfo& entry : page->entries) {
        const std::string name = "/" + entry.name + "/";
        if (name.find("/../") != std::string::npos || name.find("/./") != std::string::npos) {
          std::abort();
        }
      }
    }
    const Reading reading = dialect->read(call, answer);
    if (reading.text.size() > 1000 || reading.code.size() > 1000) std::abort();
    (void)dialect->digest_of(answer);
    (void)dialect->proof_of(content, answer);
  }
  (void)redirect_target(answer);
  return 0;
}
