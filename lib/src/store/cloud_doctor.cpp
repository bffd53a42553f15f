// What doctor looks at before it asks a store by HTTP for anything: credentials, connection and
// TLS, clock.
#include <chrono>
#include <cstdlib>
#include <utility>

#include "store/cloud/dialect.hpp"
#include "store/cloud/store_url.hpp"
#include "store/credentials/credentials.hpp"
#include "store/http/encoding.hpp"
#include "store/http/http_client.hpp"
#include "store/store_doctor.hpp"

namespace runlog {
namespace {

using Verdict = StoreCheck::Verdict;
using std::chrono::seconds;

/// runlog corrects for more than this by itself; other programs of the job may not.
constexpr seconds kSkew_told{60};

std::string time_left(const std::optional<WallClock::time_point>& expires) {
  if (!expires) return "";
  const auto left =
      std::chrono::duration_cast<std::chrono::minutes>(*expires - std::chrono::system_clock::now());
  return ", valid for " + std::to_string(left.count()) + " minutes more";
}

StoreCheck good_credentials(std::string text) {
  return {"credentials", Verdict::good, std::move(text), {}};
}

StoreCheck bad_credentials(const Error& error) {
  return check_of_error("credentials", Verdict::bad, error,
                        "give credentials to the environment that the job runs in");
}

StoreCheck of_key(const Result<AccessKey>& key) {
  if (!key) return bad_credentials(key.error());
  return good_credentials("from " + key->from + time_left(key->expires));
}

StoreCheck find_credentials(const StoreUrl& url, HttpClient& client) {
  switch (url.kind) {
    case StoreUrl::Kind::s3: {
      auto settings = find_aws_settings(url.profile);
      if (!settings) return bad_credentials(settings.error());
      const std::string& region = url.region.empty() ? settings->region : url.region;
      return of_key(aws_credentials(url.profile, region, client)->get(false));
    }
    case StoreUrl::Kind::gcs:
      return of_key(gcs_credentials()->get(false));
    case StoreUrl::Kind::azure: {
      if (!url.sas.empty()) return good_credentials("the SAS in the URL");
      auto found = azure_credentials(url.account, client)->get(false);
      if (!found) return bad_credentials(found.error());
      const auto* const token = std::get_if<BearerToken>(&found->with);
      return good_credentials("from " + found->from + (token ? time_left(token->expires) : ""));
    }
    case StoreUrl::Kind::http: {
      std::string host = split_endpoint(url.endpoint).host;
      const std::size_t colon = host.rfind(':');
      if (colon != std::string::npos && host.find(']', colon) == std::string::npos) {
        host.erase(colon);
      }
      auto found = http_credentials(host)->get(false);
      if (!found) return bad_credentials(found.error());
      if (found->from.empty()) return good_credentials("none; requests go without");
      return good_credentials("from " + found->from);
    }
  }
  return good_credentials("");
}

std::string server_of(std::string_view url) {
  const std::size_t begin = url.find("://") + 3;
  return std::string(url.substr(0, url.find_first_of("/?", begin)));
}

StoreCheck of_failure(const HttpFailure& failure) {
  if (failure.kind == HttpFailure::Kind::untrusted) {
    return check_of_error("connection", Verdict::bad, failure.error,
                          "if the server's CA is a private one, name its PEM file in "
                          "RUNLOG_CA_BUNDLE; if not, somebody is in between");
  }
  return check_of_error("connection", Verdict::bad, failure.error,
                        "check the endpoint in the URL, DNS, firewall and proxy (https_proxy)");
}

StoreCheck of_clock(const HttpResponse& answer) {
  const auto theirs = parse_http_date(answer.header("date"));
  if (!theirs) return {"clock", Verdict::skipped, "the server does not tell the time", {}};
  const auto ahead =
      std::chrono::duration_cast<seconds>(std::chrono::system_clock::now() - *theirs);
  if (std::chrono::abs(ahead) <= kSkew_told) {
    return {"clock", Verdict::good, "agrees with the server's to a minute", {}};
  }
  return {"clock", Verdict::warning,
          "is " + std::to_string(std::abs(ahead.count())) + " seconds " +
              (ahead.count() > 0 ? "ahead of" : "behind") + " the server's",
          "runlog signs by the server's clock, but times in the records are this machine's: set it "
          "by NTP"};
}

}  // namespace

bool examine_connection(std::string_view text, std::vector<StoreCheck>& checks) {
  const auto url = parse_store_url(text);
  if (!url) return true;  // whoever opened the store has said so
  HttpClient client;
  checks.push_back(find_credentials(*url, client));
  if (checks.back().verdict == Verdict::bad) return false;
  auto dialect = make_dialect(*url, client);
  if (!dialect) return true;
  // Any answer will do: it shows that the server can be reached, and its clock.
  auto request = (*dialect)->prepare({.method = "HEAD", .name = "_runlog-doctor/none"},
                                     std::chrono::system_clock::now(), false);
  if (!request) {
    checks.push_back(bad_credentials(request.error()));
    return false;
  }
  const std::string server = server_of(request->url);
  const auto answer = client.send(*request);
  if (!answer) {
    checks.push_back(of_failure(answer.failure()));
    return false;
  }
  if (server.starts_with("https://")) {
    checks.push_back(
        {"connection", Verdict::good, server + " answers, its certificate is good", {}});
  } else {
    checks.push_back({"connection", Verdict::good, server + " answers, without TLS", {}});
  }
  checks.push_back(of_clock(*answer));
  return true;
}

}  // namespace runlog
