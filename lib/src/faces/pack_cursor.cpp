#include "faces/pack_cursor.hpp"

#include <algorithm>
#include <utility>

#include "base/bytes.hpp"
#include "platform/file_system.hpp"

namespace runlog {
namespace {

/// The first look at an object: its footer, and of a small pack everything.
constexpr std::uint64_t kEnd_bytes = 64u << 10;
/// Ends of packs kept by one StoreReading, so that a small pack costs one request and not two.
constexpr std::size_t kKept_bytes_max = 32u << 20;
/// After so many failures in a row a store is taken to be gone.
constexpr int kFailures_max = 3;

constexpr std::string_view kMagic = "PAR1";
constexpr std::uint64_t kTail_bytes = sizeof(std::uint32_t) + kMagic.size();

Error at_path(const std::filesystem::path& path, Error error) {
  if (error.message.find(path.native()) == std::string::npos) {
    error.message.insert(0, path.native() + ": ");
  }
  return error;
}

}  // namespace

Result<void> StoreReading::check() const {
  if (failures < kFailures_max) return {};
  return Error{Errc::unavailable, 0,
               store->url() + " has stopped answering; try again when it does"};
}

void StoreReading::count(const Error* error) noexcept {
  if (error != nullptr && error->code == Errc::unavailable) {
    ++failures;
  } else {
    failures = 0;
  }
}

Result<void> StoreReading::fetch(ObjectWindow& window, ByteRange range) {
  if (auto may = check(); !may) return may;
  auto fetched = window.fetch(range);
  if (!fetched && fetched.error().code == Errc::unavailable) fetched = window.fetch(range);
  count(fetched ? nullptr : &fetched.error());
  return fetched;
}

Result<ObjectInfo> StoreReading::head(const std::string& name) {
  if (auto may = check(); !may) return std::move(may).error();
  auto info = store->head(name);
  count(info ? nullptr : &info.error());
  return info;
}

PackCursor::~PackCursor() {
  if (place_.reading != nullptr) place_.reading->kept_bytes -= kept_end_.size();
}

std::span<const std::byte> PackCursor::bytes() const noexcept {
  return place_.reading != nullptr ? window_.bytes() : file_.bytes();
}

Result<std::unique_ptr<PackCursor>> PackCursor::open(Place place, const Settings& settings) {
  std::unique_ptr<PackCursor> cursor(new PackCursor);
  cursor->place_ = std::move(place);
  cursor->keeps_file_ = settings.keeps_file;
  if (auto opened = cursor->open_reader(); !opened) {
    return at_path(cursor->path(), std::move(opened).error());
  }
  const auto& groups = cursor->reader_->row_groups();
  cursor->info_ = cursor->reader_->info();
  cursor->groups_ = groups.size();
  cursor->rows_left_ = cursor->reader_->rows();
  if (settings.checks_digest && cursor->place_.reading != nullptr) cursor->digest_.emplace();
  for (std::size_t& next = cursor->next_group_; settings.since_ns && next < groups.size(); ++next) {
    if (groups[next].time_max_ns >= *settings.since_ns) break;
    cursor->rows_left_ -= groups[next].rows;
    cursor->digest_.reset();
  }
  if (cursor->next_group_ < groups.size()) {
    cursor->next_time_ns_ = groups[cursor->next_group_].time_min_ns;
  }
  if (StoreReading* const reading = cursor->place_.reading.get()) {
    const auto end = cursor->bytes().subspan(cursor->end_begin_);
    if (!cursor->is_over() && reading->kept_bytes + end.size() <= kKept_bytes_max) {
      cursor->kept_end_.assign(end.begin(), end.end());
      reading->kept_bytes += end.size();
    }
  }
  cursor->release();
  return cursor;
}

Result<void> PackCursor::open_reader() {
  if (auto opened = place_.reading != nullptr ? fetch_end() : map_file(); !opened) return opened;
  auto reader = format::PackReader::open(bytes());
  if (!reader) return std::move(reader).error();
  reader_.emplace(std::move(*reader));
  return {};
}

Result<void> PackCursor::map_file() {
  if (!file_.bytes().empty()) return {};
  auto file = MappedFile::open_read_only(place_.path);
  const bool is_reopening = groups_ > 0;
  if (!file && file.error().code == Errc::not_found && is_reopening) {
    // It was in packs/ at the first look and has been shipped since.
    const auto& path = place_.path;
    file =
        MappedFile::open_read_only(path.parent_path().parent_path() / "shipped" / path.filename());
  }
  if (!file) return std::move(file).error();
  file_ = std::move(*file);
  return {};
}

// Brings the footer. A pack that came whole with it needs no further request.
Result<void> PackCursor::fetch_end() {
  auto window = ObjectWindow::open(*place_.reading->store, place_.object, place_.object_bytes);
  if (!window) return std::move(window).error();
  window_ = std::move(*window);
  const std::uint64_t size = place_.object_bytes;
  if (!kept_end_.empty()) {
    end_begin_ = size - kept_end_.size();
    window_.place(end_begin_, kept_end_);
    place_.reading->kept_bytes -= kept_end_.size();
    std::vector<std::byte>().swap(kept_end_);
  } else {
    end_begin_ = size - std::min(size, kEnd_bytes);
    if (end_begin_ < kMagic.size()) end_begin_ = 0;
    if (auto got = place_.reading->fetch(window_, {end_begin_, size}); !got) return got;
    const std::uint64_t footer_bytes =
        size < kTail_bytes ? 0 : load<std::uint32_t>(bytes().data() + size - kTail_bytes);
    if (footer_bytes <= size - std::min(size, kTail_bytes) &&
        footer_bytes <= format::kFooter_bytes_max) {  // PackReader says what is wrong otherwise
      const std::uint64_t begin = size - kTail_bytes - footer_bytes;
      if (begin < end_begin_) {
        if (auto got = place_.reading->fetch(window_, {begin, end_begin_}); !got) return got;
        end_begin_ = begin;
      }
    }
  }
  // The first four bytes are looked at when a pack is opened. They come with the first row group,
  // and are checked then.
  if (end_begin_ >= kMagic.size()) window_.place(0, as_bytes(kMagic));
  return {};
}

Result<void> PackCursor::fetch_group(std::size_t index) {
  const auto& group = reader_->row_groups()[index];
  const std::uint64_t begin = index == 0 ? 0 : group.begin;
  const std::uint64_t end = std::min(group.end, end_begin_);
  if (begin < end) {
    if (auto got = place_.reading->fetch(window_, {begin, end}); !got) return got;
  }
  if (index == 0 && !as_text(bytes()).starts_with(kMagic)) {
    return Error{Errc::corrupt, 0, "its first four bytes are damaged"};
  }
  if (digest_) {
    digest_->update(bytes().subspan(digested_bytes_, group.end - digested_bytes_));
    digested_bytes_ = group.end;
  }
  return {};
}

void PackCursor::load_next(std::vector<Damage>& damage) {
  rows_ = {};
  row_ = 0;
  if (!reader_) {
    auto opened = open_reader();
    if (!opened) return lose_rest(damage, opened.error().message);
    if (reader_->row_groups().size() != groups_) {
      return lose_rest(damage, "it changed while it was being read");
    }
  }
  const std::size_t index = next_group_++;
  const auto& group = reader_->row_groups()[index];
  if (next_group_ < groups_) next_time_ns_ = reader_->row_groups()[next_group_].time_min_ns;
  if (place_.reading != nullptr) {
    if (auto fetched = fetch_group(index); !fetched) {
      digest_.reset();
      if (fetched.error().code != Errc::corrupt) {
        return lose_rest(damage, "could not be read: " + fetched.error().message);
      }
      damage.push_back(
          {path().native(), group.begin, group.end, group.rows, true, fetched.error().message});
      rows_left_ -= std::min(rows_left_, group.rows);
      return;
    }
  }
  rows_left_ -= std::min(rows_left_, group.rows);
  auto rows = reader_->load(index);
  if (place_.reading != nullptr) window_.forget({group.begin, std::min(group.end, end_begin_)});
  if (rows) {
    rows_ = *rows;
  } else {
    damage.push_back(
        {path().native(), group.begin, group.end, group.rows, true, rows.error().message});
  }
}

void PackCursor::lose_rest(std::vector<Damage>& damage, const std::string& why) {
  damage.push_back({path().native(), 0, 0, rows_left_, true, why});
  rows_left_ = 0;
  next_group_ = groups_;
  digest_.reset();
}

void PackCursor::close(std::vector<Damage>& damage) {
  if (digest_) check_digest(damage);
  digest_.reset();
  keeps_file_ = false;
  release();
}

void PackCursor::check_digest(std::vector<Damage>& damage) {
  if (!reader_) {  // it has no rows, and so was never opened again
    if (auto opened = open_reader(); !opened) return lose_rest(damage, opened.error().message);
  }
  digest_->update(bytes().subspan(digested_bytes_));
  const std::string ours = digest_->finish_hex();
  const auto info = place_.reading->head(place_.object);
  std::string why;
  if (!info) {
    why = "its digest could not be compared: " + info.error().message;
  } else if (info->bytes != place_.object_bytes) {
    why = "it has " + std::to_string(info->bytes) + " bytes now; it had " +
          std::to_string(place_.object_bytes);
  } else if (!info->sha256.empty() && info->sha256 != ours) {
    why = "its bytes have the SHA-256 " + ours + ", but were stored as " + info->sha256;
  }
  if (!why.empty()) damage.push_back({path().native(), 0, place_.object_bytes, 0, true, why});
}

void PackCursor::release() noexcept {
  rows_ = {};
  row_ = 0;
  reader_.reset();
  window_ = {};
  if (!keeps_file_) file_ = {};
}

}  // namespace runlog
