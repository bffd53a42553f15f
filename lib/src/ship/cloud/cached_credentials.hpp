// CachedCredentials: asks sources in their order, keeps what one gave, and asks again five minutes
// before it expires. While that fails the old credentials are used until they really expire, and
// the sources are asked ever more rarely, so that a metadata endpoint that hangs does not slow
// every request down.
#pragma once

#include <algorithm>
#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "ship/cloud/credentials.hpp"

namespace runlog {

/// Nothing: this source is not configured here, ask the next one. Error: it is, and failed; the
/// next one is not asked, because the user meant this one.
template <typename Credentials>
using AskSource = std::function<Result<std::optional<Credentials>>()>;

template <typename Credentials>
class CachedCredentials final : public CredentialSource<Credentials> {
 public:
  struct Settings {
    std::vector<AskSource<Credentials>> sources = {};
    std::function<std::optional<WallClock::time_point>(const Credentials&)> expires = {};
    std::string none_found = {};  ///< the message when no source is configured
    std::function<WallClock::time_point()> now = [] { return WallClock::now(); };
  };

  explicit CachedCredentials(Settings settings) : settings_(std::move(settings)) {}

  Result<Credentials> get(bool refused) override {
    const auto now = settings_.now();
    if (cached_ && !refused && !is_due(now)) return *cached_;
    if (now < not_before_ && now >= asked_) {
      if (is_valid(now)) return *cached_;
      return failure_;
    }
    asked_ = now;
    auto fetched = fetch();
    if (fetched) {
      cached_ = std::move(*fetched);
      failures_ = 0;
      not_before_ = {};
      return *cached_;
    }
    failure_ = std::move(fetched).error();
    not_before_ = now + std::min(kPause_max, kPause_first * (1 << std::min(failures_, 8)));
    ++failures_;
    if (is_valid(now)) return *cached_;
    return failure_;
  }

 private:
  static constexpr std::chrono::seconds kRefresh_ahead{300};
  static constexpr std::chrono::seconds kPause_first{2};
  static constexpr std::chrono::seconds kPause_max{120};

  [[nodiscard]] bool is_due(WallClock::time_point now) const {
    const auto expires = settings_.expires(*cached_);
    return expires && now + kRefresh_ahead >= *expires;
  }
  [[nodiscard]] bool is_valid(WallClock::time_point now) const {
    if (!cached_) return false;
    const auto expires = settings_.expires(*cached_);
    return !expires || now < *expires;
  }
  Result<Credentials> fetch() const {
    for (const auto& ask : settings_.sources) {
      auto answer = ask();
      if (!answer) return std::move(answer).error();
      if (*answer) return std::move(**answer);
    }
    return Error{Errc::not_found, 0, settings_.none_found};
  }

  Settings settings_;
  std::optional<Credentials> cached_ = {};
  Error failure_ = {};
  WallClock::time_point asked_ = {};       ///< a clock set back ends a pause
  WallClock::time_point not_before_ = {};  ///< the sources are left alone until then
  int failures_ = 0;                       ///< in a row
};

}  // namespace runlog
