#include "store/cloud/cloud_store.hpp"

#include <algorithm>
#include <charconv>

#include "base/sha256.hpp"
#include "store/cloud/store_kind.hpp"
#include "store/store_runs.hpp"

namespace runlog {
namespace {

using std::chrono::milliseconds;

/// Whoever reads in a terminal should not wait for minutes.
constexpr milliseconds kRead_wait_first{250};
constexpr milliseconds kRead_wait_max{10'000};

// Names come from the server and go into paths and terminals.
bool is_sound_name(std::string_view name) {
  if (name.size() > kObject_name_bytes_max) return false;
  for (const char c : name) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) return false;
  }
  while (!name.empty()) {
    const std::size_t end = std::min(name.find('/'), name.size());
    const std::string_view part = name.substr(0, end);
    if (part.empty() || part == "." || part == "..") return false;
    name.remove_prefix(std::min(end + 1, name.size()));
  }
  return true;
}

// The first byte of "bytes 10-19/100".
std::optional<std::uint64_t> range_begin(const HttpResponse& answer) {
  constexpr std::string_view kUnit = "bytes ";
  std::string_view text = answer.header("content-range");
  if (!text.starts_with(kUnit)) return {};
  text.remove_prefix(kUnit.size());
  std::uint64_t begin = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), begin);
  if (parsed.ec != std::errc()) return {};
  return begin;
}

// Hands on the wanted bytes of an answer, which may begin earlier and go on longer: servers may
// ignore a range.
class RangeSink {
 public:
  RangeSink(std::uint64_t at, std::uint64_t end, const ObjectStore::Sink& sink)
      : at_(at), end_(end), sink_(sink) {}

  Result<void> take(const HttpResponse& head, std::span<const std::byte> bytes) {
    if (!position_) {
      position_ = head.status == 206 ? range_begin(head) : std::optional<std::uint64_t>(0);
      if (!position_ || *position_ > at_) {
        return Error{Errc::corrupt, 0, "the server sent another range than was asked for"};
      }
    }
    const std::uint64_t skip = std::min<std::uint64_t>(at_ - *position_, bytes.size());
    *position_ += skip;
    bytes = bytes.subspan(skip);
    bytes = bytes.first(std::min<std::uint64_t>(bytes.size(), end_ - at_));
    if (!bytes.empty()) {
      *position_ += bytes.size();
      at_ += bytes.size();
      if (auto taken = sink_(bytes); !taken) return taken;
    }
    if (at_ < end_) return {};
    is_full = true;
    return {};
  }

  [[nodiscard]] std::uint64_t at() const noexcept { return at_; }
  bool is_full = false;
  void restart() noexcept { position_.reset(); }

 private:
  std::uint64_t at_;
  const std::uint64_t end_;
  const ObjectStore::Sink& sink_;
  std::optional<std::uint64_t> position_;  // of the next byte to arrive
};

}  // namespace

Result<std::unique_ptr<CloudStore>> CloudStore::open(std::string_view url,
                                                     CloudCaller::Settings settings,
                                                     Conditions conditions,
                                                     const ListLimits& list_limits) {
  auto parsed = parse_store_url(url);
  if (!parsed) return std::move(parsed).error();
  std::unique_ptr<CloudStore> store(new CloudStore(std::move(*parsed)));
  store->list_limits_ = list_limits;
  auto dialect = make_dialect(store->url_, store->client_);
  if (!dialect) return std::move(dialect).error();
  store->dialect_ = std::move(*dialect);
  store->conditions_are_proven_ =
      conditions == Conditions::proven || store->dialect_->traits().heeds_conditions;
  store->caller_ =
      std::make_unique<CloudCaller>(store->client_, *store->dialect_, store->url_.shown, settings);
  return store;
}

void CloudStore::interrupt() noexcept {
  {
    const std::lock_guard lock(mutex_);
    is_interrupted_ = true;
  }
  changed_.notify_all();
  digests_.stop();
  client_.interrupt();
}

// False when interrupted.
bool CloudStore::wait(milliseconds time) {
  std::unique_lock lock(mutex_);
  return !changed_.wait_for(lock, time, [&] { return is_interrupted_; });
}

CloudAnswer CloudStore::head_once(const std::string& name) {
  return caller_->send({.method = "HEAD", .name = name});
}

CloudAnswer CloudStore::send_patiently(const CloudCall& call) {
  return send_patiently(call, kAnswer_bytes_max, [] { return milliseconds(0); });
}

// `time_left`: for each try, as of HttpRequest::whole_timeout.
CloudAnswer CloudStore::send_patiently(CloudCall call, std::uint64_t answer_bytes_max,
                                       const std::function<milliseconds()>& time_left) {
  milliseconds pause = kRead_wait_first;
  for (int attempt = 1;; ++attempt) {
    call.whole_timeout = time_left();
    CloudAnswer answer = caller_->send(call, {}, answer_bytes_max);
    const bool may_pass = answer.meaning() == Meaning::again && !answer.is_interrupted &&
                          answer.not_before <= kRead_wait_max;
    if (!may_pass || attempt >= kRead_tries) return answer;
    if (!wait(std::max(pause, answer.not_before))) return answer;
    pause = std::min(pause * 2, kRead_wait_max);
  }
}

Result<ObjectInfo> CloudStore::head(const std::string& name) {
  CloudAnswer answer = send_patiently({.method = "HEAD", .name = name});
  if (answer.meaning() != Meaning::done) return std::move(answer.error);
  ObjectInfo info{.name = name};
  const std::string_view length = answer.response.header("content-length");
  const auto parsed = std::from_chars(length.data(), length.data() + length.size(), info.bytes);
  if (parsed.ec != std::errc()) {
    return Error{Errc::corrupt, 0, url_.shown + ": the server does not tell the size of " + name};
  }
  if (std::string digest = dialect_->digest_of(answer.response); is_sha256_hex(digest)) {
    info.sha256 = std::move(digest);
  }
  return info;
}

Result<void> CloudStore::get(const std::string& name, ByteRange range, const Sink& sink) {
  if (range.begin >= range.end) return {};
  RangeSink target(range.begin, range.end, sink);
  milliseconds pause = kRead_wait_first;
  int tries = 0;
  for (;;) {
    CloudCall call{.name = name};
    const std::uint64_t begin = target.at();
    if (begin != 0 || range.end != UINT64_MAX) {
      std::string header = "bytes=" + std::to_string(begin) + "-";
      if (range.end != UINT64_MAX) header += std::to_string(range.end - 1);
      call.headers.emplace_back("range", std::move(header));
    }
    target.restart();
    CloudAnswer answer = caller_->send(
        call,
        [&](const HttpResponse& head, std::span<const std::byte> bytes) -> Result<void> {
          // Enough: what follows is not wanted, and the way to say so is to break off.
          if (target.is_full) return Error{};
          auto taken = target.take(head, bytes);
          if (taken && target.is_full && head.status == 200) return Error{};
          return taken;
        },
        UINT64_MAX);
    if (answer.meaning() == Meaning::done || target.is_full) return {};
    if (answer.response.status == 416) return {};  // the range begins at or behind the end
    if (answer.sink_failed) return std::move(answer.error);
    const bool may_pass = answer.meaning() == Meaning::again && !answer.is_interrupted &&
                          answer.not_before <= kRead_wait_max;
    if (target.at() >= begin + kRead_progress_bytes_min) {
      tries = 0;
      pause = kRead_wait_first;
    }
    if (!may_pass || ++tries >= kRead_tries || !wait(std::max(pause, answer.not_before))) {
      return std::move(answer.error);
    }
    pause = std::min(pause * 2, kRead_wait_max);
  }
}

Result<std::string> CloudStore::sha256(const std::string& name) {
  return sha256_within(name, kWindow_bytes_max);
}

Result<std::string> CloudStore::sha256_within(const std::string& name, std::uint64_t bytes_max) {
  Sha256 sha;
  std::uint64_t left = bytes_max;
  auto got = get(name, {}, [&](std::span<const std::byte> bytes) -> Result<void> {
    if (bytes.size() > left) {
      return Error{
          Errc::too_large, 0,
          url_.shown + ": " + name + " has more than " + std::to_string(bytes_max) + " bytes"};
    }
    left -= bytes.size();
    sha.update(bytes);
    return {};
  });
  if (!got) return std::move(got).error();
  return sha.finish_hex();
}

Result<void> CloudStore::remove(const std::string& name) {
  CloudAnswer answer = send_patiently({.method = "DELETE", .name = name});
  const bool is_gone = answer.meaning() == Meaning::done || answer.meaning() == Meaning::absent ||
                       answer.response.status == 202;  // Azure: accepted, and out of sight
  if (is_gone) return {};
  return std::move(answer.error);
}

Result<void> CloudStore::list(const std::string& prefix, bool whole_tree, const Visit& visit) {
  ListCost cost(list_limits_);
  Result<void> listed = dialect_->traits().has_folders
                            ? list_folder(prefix, whole_tree, visit, kList_depth_max, cost)
                            : list_pages(prefix, whole_tree, visit, cost);
  if (cost.over_limit().empty()) return listed;
  return Error{Errc::too_large, 0,
               "cannot list " + url_of_object(url_.shown, prefix) + ": it " + cost.over_limit() +
                   "; name a part of it: a project, a run, a rank"};
}

// One page or folder, counted in `cost`.
Result<ListPage> CloudStore::list_once(const std::string& prefix, bool whole_tree,
                                       const std::string& marker, ListCost& cost) {
  const auto failed = [&](Errc code, const std::string& why) {
    return Error{code, 0, "cannot list " + url_.shown + ": " + why};
  };
  CloudAnswer answer =
      send_patiently(dialect_->list(prefix, whole_tree, marker), dialect_->traits().list_bytes_max,
                     [&] { return cost.time_left(); });
  const bool has_room = cost.add_answer(answer.response.body.size());
  if (answer.meaning() == Meaning::absent && dialect_->traits().has_folders) {
    if (!cost.add_page({})) return failed(Errc::too_large, cost.over_limit());
    return ListPage{};
  }
  if (answer.meaning() != Meaning::done) return std::move(answer.error);
  if (!has_room) return failed(Errc::too_large, cost.over_limit());
  auto page = dialect_->read_list(answer.response, prefix);
  if (!page) return failed(page.error().code, page.error().message);
  if (!cost.add_page(*page)) return failed(Errc::too_large, cost.over_limit());
  auto& entries = page->entries;
  entries.erase(std::remove_if(entries.begin(), entries.end(),
                               [](const ObjectInfo& entry) { return !is_sound_name(entry.name); }),
                entries.end());
  std::sort(entries.begin(), entries.end(),
            [](const ObjectInfo& a, const ObjectInfo& b) { return a.name < b.name; });
  return page;
}

Result<void> CloudStore::list_pages(const std::string& prefix, bool whole_tree, const Visit& visit,
                                    ListCost& cost) {
  std::string marker;
  do {
    auto page = list_once(prefix, whole_tree, marker, cost);
    if (!page) return std::move(page).error();
    for (const ObjectInfo& entry : page->entries) visit(entry);
    marker = std::move(page->next);
  } while (!marker.empty());
  return {};
}

Result<void> CloudStore::list_folder(const std::string& prefix, bool whole_tree, const Visit& visit,
                                     int depth, ListCost& cost) {
  auto page = list_once(prefix, whole_tree, "", cost);
  if (!page) return std::move(page).error();
  for (const ObjectInfo& entry : page->entries) {
    if (is_part_name(entry.name)) continue;
    if (!entry.is_prefix || !whole_tree) {
      visit(entry);
    } else if (depth > 0) {
      auto below = list_folder(entry.name, true, visit, depth - 1, cost);
      if (!below) return below;
    }
  }
  return {};
}

}  // namespace runlog
