// Any bytes as the URL of a store, as an endpoint, and as what is found in one.
#include <cstdlib>
#include <string>

#include "base/command_line.hpp"
#include "base/crypto.hpp"
#include "base/url.hpp"
#include "base/visible.hpp"
#include "fuzz/fuzz.hpp"
#include "store/cloud/store_kind.hpp"
#include "store/cloud/store_url.hpp"
#include "store/credentials/credential_text.hpp"
#include "store/http/encoding.hpp"
#include "store/object_name.hpp"
#include "store/store_runs.hpp"

namespace {

using namespace runlog;

bool leads_elsewhere(std::string_view path) {
  const std::string whole = "/" + std::string(path) + "/";
  return whole.find("/../") != std::string::npos || whole.find("/./") != std::string::npos;
}

void check_url(std::string_view text) {
  const std::string shown = without_secrets(text);
  if (without_secrets(shown) != shown) std::abort();
  const auto url = parse_store_url(text);
  if (!url) return;
  if (leads_elsewhere(url->prefix)) std::abort();
  if (!url->sas.reveal().empty() && url->shown.find(url->sas.reveal()) != std::string::npos) {
    std::abort();
  }
  if (url->endpoint.empty()) return;
  const Endpoint endpoint = split_endpoint(url->endpoint);
  if (endpoint.host.find_first_of("@/") != std::string::npos) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  check_url(text);
  if (const auto endpoint = check_endpoint(text, "endpoint")) (void)split_endpoint(*endpoint);
  (void)split_store_url(text);
  (void)percent_decode(text);
  (void)percent_decode(text, true);
  for (const bool keeps_slash : {false, true}) {
    if (percent_decode(percent_encode(text, keeps_slash)) != text) std::abort();
  }
  if (const auto time = parse_http_date(text)) (void)http_date(*time);
  if (format::parse_run_object(text)) {
    if (leads_elsewhere(text) || text.find('\0') != std::string_view::npos) std::abort();
  }
  return 0;
}
