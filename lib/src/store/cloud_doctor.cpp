// What doctor looks at before it asks a store by HTTP for anything: credentials, connection and
// TLS, clock.
#include <chrono>
#include <cstdlib>
#include <utility>

#include "store/cloud/store_kind.hpp"
#include "store/http/encoding.hpp"
#include "store/http/http_client.hpp"
#include "store/store_doctor.hpp"

namespace runlog {
namespace {

using Verdict = StoreCheck::Verdict;
using std::chrono::seconds;

/// runlog corrects for more than this by itself; other programs of the job may not.
constexpr seconds kSkew_told{60};

StoreCheck bad_credentials(const Error& error) {
  return check_of_error("credentials", Verdict::bad, error,
                        "give credentials to the environment that the job runs in");
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
  auto dialect = make_dialect(*url, client);
  if (!dialect) return true;
  auto found = (*dialect)->find_credentials();
  if (!found) {
    checks.push_back(bad_credentials(found.error()));
    return false;
  }
  checks.push_back({"credentials", Verdict::good, std::move(*found), {}});
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
