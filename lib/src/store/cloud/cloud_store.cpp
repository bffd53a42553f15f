#include "store/cloud/cloud_store.hpp"

#include <algorithm>
#include <charconv>

#include "base/sha256.hpp"
#include "store/cloud/store_kind.hpp"

namespace runlog {
namespace {

using std::chrono::milliseconds;

/// Of a read without progress; whoever reads in a terminal should not wait for minutes.
constexpr int kRead_tries = 5;
constexpr milliseconds kRead_wait_first{250};
constexpr milliseconds kRead_wait_max{10'000};
/// A listing of a thousand names a page; beyond this the server is making them up.
constexpr int kPages_max = 1'000'000;
/// Our names have five levels; what lies deeper is not ours.
constexpr int kDepth_max = 16;

// Names come from the server and go into paths and terminals.
bool is_sound_name(std::string_view name) {
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
                                                     Conditions conditions) {
  auto parsed = parse_store_url(url);
  if (!parsed) return std::move(parsed).error();
  std::unique_ptr<CloudStore> store(new CloudStore(std::move(*parsed)));
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

CloudAnswer CloudStore::send_patiently(const CloudCall& call, std::uint64_t answer_bytes_max) {
  milliseconds pause = kRead_wait_first;
  for (int attempt = 1;; ++attempt) {
    CloudAnswer answer = caller_->send(call, {}, answer_bytes_max);
    const bool may_pass = answer.meaning() == Meaning::again && !answer.is_interrupted &&
                          answer.not_before <= kRead_wait_max;
    if (!may_pass || attempt >= kRead_tries) return answer;
    if (!wait(std::max(pause, answer.not_before))) return answer;
    pause = std::min(pause * 2, kRead_wait_max);
  }
}

Result<ObjectInfo> CloudStore::head(const std::string& name) {
  CloudAnswer answer = send_patiently({.method = "HEAD", .name = name}, 64u << 10);
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
    if (target.at() > begin) {
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
  Sha256 sha;
  auto got = get(name, {}, [&](std::span<const std::byte> bytes) -> Result<void> {
    sha.update(bytes);
    return {};
  });
  if (!got) return std::move(got).error();
  return sha.finish_hex();
}

Result<void> CloudStore::remove(const std::string& name) {
  CloudAnswer answer = send_patiently({.method = "DELETE", .name = name}, 64u << 10);
  const bool is_gone = answer.meaning() == Meaning::done || answer.meaning() == Meaning::absent ||
                       answer.response.status == 202;  // Azure: accepted, and out of sight
  if (is_gone) return {};
  return std::move(answer.error);
}

Result<void> CloudStore::list(const std::string& prefix, bool whole_tree, const Visit& visit) {
  if (dialect_->traits().has_folders) return list_folder(prefix, whole_tree, visit, kDepth_max);
  return list_pages(prefix, whole_tree, visit);
}

Result<void> CloudStore::list_pages(const std::string& prefix, bool whole_tree,
                                    const Visit& visit) {
  std::string marker;
  for (int pages = 0; pages < kPages_max; ++pages) {
    CloudAnswer answer = send_patiently(dialect_->list(prefix, whole_tree, marker),
                                        dialect_->traits().list_bytes_max);
    if (answer.meaning() != Meaning::done) return std::move(answer.error);
    auto page = dialect_->read_list(answer.response, prefix);
    if (!page) {
      return Error{page.error().code, 0, "cannot list " + url_.shown + ": " + page.error().message};
    }
    std::sort(page->entries.begin(), page->entries.end(),
              [](const ObjectInfo& a, const ObjectInfo& b) { return a.name < b.name; });
    for (const ObjectInfo& entry : page->entries) {
      if (is_sound_name(entry.name)) visit(entry);
    }
    if (page->next.empty()) return {};
    if (page->next == marker) break;
    marker = std::move(page->next);
  }
  return Error{Errc::corrupt, 0, "cannot list " + url_.shown + ": its pages have no end"};
}

Result<void> CloudStore::list_folder(const std::string& prefix, bool whole_tree, const Visit& visit,
                                     int depth) {
  CloudAnswer answer =
      send_patiently(dialect_->list(prefix, whole_tree, ""), dialect_->traits().list_bytes_max);
  if (answer.meaning() == Meaning::absent) return {};
  if (answer.meaning() != Meaning::done) return std::move(answer.error);
  auto page = dialect_->read_list(answer.response, prefix);
  if (!page) {
    return Error{page.error().code, 0, "cannot list " + url_.shown + ": " + page.error().message};
  }
  std::sort(page->entries.begin(), page->entries.end(),
            [](const ObjectInfo& a, const ObjectInfo& b) { return a.name < b.name; });
  for (const ObjectInfo& entry : page->entries) {
    if (!is_sound_name(entry.name) || is_part_name(entry.name)) continue;
    if (!entry.is_prefix || !whole_tree) {
      visit(entry);
    } else if (depth > 0) {
      if (auto below = list_folder(entry.name, true, visit, depth - 1); !below) return below;
    }
  }
  return {};
}

}  // namespace runlog
