// What every cloud's credentials share: a list of places asked in order, and the keeping of what
// they gave. Refreshing decides by time alone; which place answers, and how, is not its business.
#pragma once

#include <algorithm>
#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "store/backoff.hpp"
#include "store/credentials/credentials.hpp"

namespace runlog {

/// Asked in order, the first that has something decides. A place that has nothing says not_found,
/// with a few words for the list of where we looked.
template <typename Credentials>
using Places = std::vector<std::function<Result<Credentials>()>>;

template <typename Credentials>
Result<Credentials> ask_in_order(const Places<Credentials>& places, const std::string& wanted,
                                 const std::string& remedy) {
  std::string looked;
  for (const auto& place : places) {
    auto found = place();
    if (found || found.error().code != Errc::not_found) return found;
    looked += (looked.empty() ? "" : ", ") + found.error().message;
  }
  return Error{Errc::not_found, 0, "no " + wanted + ": " + looked + "; " + remedy};
}

using Expiry = std::optional<WallClock::time_point>;
[[nodiscard]] inline Expiry expiry_of(const AccessKey& key) {
  return key.expires;
}
[[nodiscard]] inline Expiry expiry_of(const AzureCredentials& credentials) {
  const auto* bearer = std::get_if<BearerToken>(&credentials.with);
  return bearer != nullptr ? bearer->expires : std::nullopt;
}
[[nodiscard]] inline Expiry expiry_of(const HttpCredentials&) {
  return {};
}

/// Keeps credentials until shortly before they expire. While a refresh fails the old ones are given
/// until they expire, and the place is asked again at growing intervals: an endpoint that is down
/// costs a second of connecting each time, which the shipper should not pay for each object.
template <typename Credentials>
class Refreshing final : public CredentialSource<Credentials> {
 public:
  using Fetch = std::function<Result<Credentials>()>;
  using Now = std::function<WallClock::time_point()>;

  /// Refreshed this long before they expire, or when a quarter of a shorter life is left; and up to
  /// kSpread earlier, so that ranks that started together do not all ask at once.
  static constexpr std::chrono::seconds kAhead{300};
  static constexpr std::chrono::seconds kSpread{60};
  /// Between two fetches, however often the credentials are refused: a permission that is missing
  /// is not mended by the same keys again.
  static constexpr std::chrono::seconds kRefetch_min{5};
  static constexpr std::chrono::seconds kRetry_first{1};
  static constexpr std::chrono::seconds kRetry_max{60};

  explicit Refreshing(Fetch fetch, Now now = &WallClock::now)
      : fetch_(std::move(fetch)), now_(std::move(now)) {}

  Result<Credentials> get(bool refused) override {
    const auto now = now_();
    if (current_ && !is_due(now, refused)) return *current_;
    if (failure_ && is_before(now, retry_at_, retry_after_)) return kept_or_failure(now, refused);
    auto fetched = fetch_();
    // The fetch may have waited for a server: what follows is about the time now.
    const auto after = now_();
    if (!fetched) {
      retry_after_ = failure_ ? std::min<Wait>(retry_after_ * 2, kRetry_max) : kRetry_first;
      retry_at_ = after + retry_after_;
      failure_ = std::move(fetched).error();
      return kept_or_failure(after, refused);
    }
    failure_.reset();
    current_ = std::move(*fetched);
    fetched_at_ = after;
    refresh_at_.reset();
    if (const Expiry expires = expiry_of(*current_)) {
      // Our clock may be wrong, so credentials that look expired are used all the same: the server
      // is the judge, and our clock only says when to ask again.
      const Wait life = *expires - after;
      if (life > Wait::zero()) {
        const Wait spread = std::min<Wait>(kSpread, life / 16);
        refresh_at_ = *expires - std::min<Wait>(kAhead, life / 4) -
                      random_phase(std::chrono::duration_cast<std::chrono::milliseconds>(spread));
      } else {
        refresh_at_ = after + Wait(kRetry_max);
      }
    }
    return *current_;
  }

 private:
  using Wait = WallClock::duration;

  // Whether `now` is in the `span` before `end`. A clock that was set back must not prolong a wait.
  static bool is_before(WallClock::time_point now, WallClock::time_point end, Wait span) {
    return now < end && now >= end - span;
  }

  [[nodiscard]] bool is_due(WallClock::time_point now, bool refused) const {
    if (refused) return !is_before(now, fetched_at_ + kRefetch_min, kRefetch_min);
    return refresh_at_ && now >= *refresh_at_;
  }

  // Refused ones are of no use: the failure to get others is what is wrong.
  Result<Credentials> kept_or_failure(WallClock::time_point now, bool refused) const {
    if (current_ && !refused) {
      const Expiry expires = expiry_of(*current_);
      if (!expires || now < *expires) return *current_;
    }
    return *failure_;
  }

  const Fetch fetch_;
  const Now now_;
  std::optional<Credentials> current_ = {};
  WallClock::time_point fetched_at_ = {};
  std::optional<WallClock::time_point> refresh_at_ = {};  // none: kept until refused
  std::optional<Error> failure_ = {};                     // of the last fetch
  Wait retry_after_ = {};
  WallClock::time_point retry_at_ = {};  // no fetch before it, while failure_
};

}  // namespace runlog
