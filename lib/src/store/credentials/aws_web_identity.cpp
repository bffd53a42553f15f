#include "base/bytes.hpp"
#include "store/credentials/aws_places.hpp"
#include "store/credentials/credential_endpoint.hpp"
#include "store/http/encoding.hpp"
#include "store/http/xml.hpp"

namespace runlog {
namespace {

constexpr const char* kService = "AWS STS (AssumeRoleWithWebIdentity)";

bool is_region_name(std::string_view region) {
  constexpr std::string_view kLetters = "abcdefghijklmnopqrstuvwxyz0123456789-";
  return region.size() <= 64 && region.find_first_not_of(kLetters) == std::string_view::npos;
}

Result<std::string> address_of(const StsPlace& sts) {
  if (!sts.endpoint.empty()) {
    if (!may_ask_for_credentials(sts.endpoint, true)) {
      return refused_endpoint("AWS_ENDPOINT_URL_STS (or AWS_ENDPOINT_URL)");
    }
    return without_slash(sts.endpoint) + "/";
  }
  if (sts.region.empty()) return std::string("https://sts.amazonaws.com/");
  if (!is_region_name(sts.region)) {
    return Error{Errc::invalid_argument, 0, "'" + sts.region + "' is not a region of AWS"};
  }
  const std::string domain = sts.region.starts_with("cn-") ? "amazonaws.com.cn" : "amazonaws.com";
  return "https://sts." + sts.region + "." + domain + "/";
}

Result<AccessKey> read_answer(std::string_view xml, const std::string& from) {
  AccessKey key{.from = from};
  std::string expiration;
  auto sound = read_xml(xml, [&](const XmlPath& path, const std::string& text) {
    if (path.size() < 2 || path[path.size() - 2] != "Credentials") return;
    const std::string_view value = trim_blanks(text);
    if (path.back() == "AccessKeyId") key.id = value;
    if (path.back() == "SecretAccessKey") key.secret = Secret(std::string(value));
    if (path.back() == "SessionToken") key.session_token = Secret(std::string(value));
    if (path.back() == "Expiration") expiration = value;
  });
  key.expires = parse_iso_time(expiration);
  const bool is_whole = !key.id.empty() && !key.secret.empty() && !key.session_token.empty() &&
                        key.expires && is_printable(key);
  if (!sound || !is_whole) {
    return Error{Errc::unavailable, 0, std::string(kService) + " answered without credentials"};
  }
  return key;
}

}  // namespace

Result<AccessKey> ask_sts(const WebIdentity& identity, const StsPlace& sts, HttpClient& client) {
  auto address = address_of(sts);
  if (!address) return std::move(address).error();
  auto token = read_token_file(identity.token_file, identity.named_by);
  if (!token) return std::move(token).error();
  const std::string session = identity.session_name.empty() ? "runlog" : identity.session_name;
  const Secret form("Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleArn=" +
                    percent_encode(identity.role_arn, false) +
                    "&RoleSessionName=" + percent_encode(session, false) +
                    "&WebIdentityToken=" + percent_encode(token->reveal(), false));
  auto answer = ask_endpoint(
      client,
      {.method = "POST",
       .url = *address,
       .headers = {{"content-type", "application/x-www-form-urlencoded"}, {"accept", "text/xml"}},
       .body = as_bytes(form.reveal())},
      EndpointKind::service, kService);
  if (!answer) {
    if (answer.error().code == Errc::timeout) {
      return Error{Errc::unavailable, 0, answer.error().message};
    }
    return std::move(answer).error();
  }
  if (answer->status != 200) {
    const std::string code = clean_code(xml_text(answer->refusal.reveal(), "Code"));
    return Error{Errc::invalid_argument, 0,
                 std::string(kService) + " refused the token in " + identity.token_file + " for " +
                     identity.role_arn + ": " + std::to_string(answer->status) +
                     (code.empty() ? "" : " " + code) +
                     "; check the role's trust policy and that the token is fresh"};
  }
  return read_answer(answer->body.reveal(), "web identity " + identity.role_arn);
}

}  // namespace runlog
