#include "store/cloud/sigv4.hpp"

#include <algorithm>

namespace runlog {
namespace {

bool is_signed(std::string_view name) {
  return name != "range" && name != "accept" && name != "user-agent";
}

// Leading and trailing blanks go, runs of blanks become one.
std::string canonical_value(std::string_view value) {
  std::string out;
  for (const char c : value) {
    const bool is_blank = c == ' ' || c == '\t';
    if (!is_blank) {
      out += c;
    } else if (!out.empty() && out.back() != ' ') {
      out += ' ';
    }
  }
  if (out.ends_with(' ')) out.pop_back();
  return out;
}

}  // namespace

const std::string& SigV4Signer::signing_key(const AccessKey& key, const std::string& date,
                                            std::string_view region) {
  std::string wanted =
      key.id + '\n' + date + '\n' + std::string(region) + '\n' + sha256_hex(key.secret.reveal());
  if (wanted == key_of_) return key_;
  std::string secret = std::string(flavor_.key_prefix) + key.secret.reveal();
  std::string of_day = hmac_sha256(secret, date);
  std::string of_region = hmac_sha256(of_day, region);
  std::string of_service = hmac_sha256(of_region, flavor_.service);
  wipe(key_);
  key_ = hmac_sha256(of_service, flavor_.terminator);
  for (std::string* part : {&secret, &of_day, &of_region, &of_service}) wipe(*part);
  key_of_ = std::move(wanted);
  return key_;
}

void SigV4Signer::sign(const SigV4Request& request, const AccessKey& key, HttpHeaders& headers) {
  const std::string time = basic_date(request.time);
  const std::string date = time.substr(0, 8);
  headers.emplace_back(flavor_.date_header, time);
  headers.emplace_back(flavor_.digest_header, request.payload_sha256);
  if (!key.session_token.empty()) {
    headers.emplace_back(flavor_.token_header, key.session_token.reveal());
  }

  HttpHeaders sorted;
  sorted.emplace_back("host", request.host);
  for (const auto& [name, value] : headers) {
    if (is_signed(name)) sorted.emplace_back(name, canonical_value(value));
  }
  std::sort(sorted.begin(), sorted.end());
  std::string names;
  std::string canonical(request.method);
  canonical += '\n';
  canonical += request.path;
  canonical += '\n';
  canonical += canonical_query(request.query);
  canonical += '\n';
  for (const auto& [name, value] : sorted) {
    canonical += name + ':' + value + '\n';
    names += (names.empty() ? "" : ";") + name;
  }
  canonical += '\n' + names + '\n';
  canonical += request.payload_sha256;

  const std::string scope = date + '/' + std::string(request.region) + '/' +
                            std::string(flavor_.service) + '/' + std::string(flavor_.terminator);
  const std::string to_sign =
      std::string(flavor_.algorithm) + '\n' + time + '\n' + scope + '\n' + sha256_hex(canonical);
  const std::string signature = hex(hmac_sha256(signing_key(key, date, request.region), to_sign));
  headers.emplace_back("authorization", std::string(flavor_.algorithm) + " Credential=" + key.id +
                                            '/' + scope + ", SignedHeaders=" + names +
                                            ", Signature=" + signature);
}

}  // namespace runlog
