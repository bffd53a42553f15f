#include "read/pack_cursor.hpp"

#include <algorithm>
#include <utility>

#include "base/bytes.hpp"
#include "pack/lost_gap.hpp"
#include "platform/file_system.hpp"

namespace runlog {
namespace {

/// The first look at an object: its footer, and of a small pack everything.
constexpr std::uint64_t kEnd_bytes = 64u << 10;
/// Ends of packs kept by one StoreReading, so that a small pack costs one request and not two.
constexpr std::size_t kKept_bytes_max = 32u << 20;

/// So many records are made of the columns at once: they stay in the cache.
constexpr std::size_t kRows_at_once = 512;

constexpr std::string_view kMagic = "PAR1";
constexpr std::uint64_t kTail_bytes = sizeof(std::uint32_t) + kMagic.size();

Error at_path(const std::filesystem::path& path, Error error) {
  if (error.message.find(path.native()) == std::string::npos) {
    error.message.insert(0, path.native() + ": ");
  }
  return error;
}

}  // namespace

Error StoreReading::gone() const {
  return {Errc::unavailable, 0,
          store->url() +
              " has stopped answering, and the rest was not asked for; try again when "
              "it does"};
}

Error StoreReading::settle(Error error) noexcept {
  const bool is_of_the_object = error.code == Errc::not_found || error.code == Errc::corrupt ||
                                error.code == Errc::too_large || error.code == Errc::read_only;
  if (!is_of_the_object) error.code = Errc::unavailable;
  is_of_the_object ? patience_.note_answer() : patience_.note_failure();
  return error;
}

Result<void> StoreReading::fetch(ObjectWindow& window, ByteRange range) {
  if (patience_.is_over()) return gone();
  auto fetched = window.fetch(range);
  if (!fetched) return settle(std::move(fetched).error());
  patience_.note_answer();
  return fetched;
}

Result<ObjectInfo> StoreReading::head(const std::string& name) {
  if (patience_.is_over()) return gone();
  auto info = store->head(name);
  if (!info) {
    Error error = std::move(info).error();
    // Its bytes were not even asked for.
    if (error.code == Errc::corrupt) error.code = Errc::unavailable;
    return settle(std::move(error));
  }
  patience_.note_answer();
  return info;
}

void StoreReading::note(Error error, std::vector<Error>& noted) {
  if (patience_.is_over()) {
    if (has_told_) return;
    has_told_ = true;
    // The error at hand says why, unless it came before the question.
    const Error whole = gone();
    if (error.message.find(whole.message) == std::string::npos) noted.push_back(std::move(error));
    noted.push_back(whole);
    return;
  }
  noted.push_back(std::move(error));
}

PackCursor::~PackCursor() {
  if (place_.reading != nullptr) place_.reading->kept_bytes -= kept_end_.size();
}

Result<std::unique_ptr<PackCursor>> PackCursor::open(Place place, const Settings& settings) {
  std::unique_ptr<PackCursor> cursor(new PackCursor);
  cursor->place_ = std::move(place);
  cursor->keeps_file_ = settings.keeps_file;
  cursor->fields_ = settings.fields;
  if (auto opened = cursor->open_reader(); !opened) {
    return at_path(cursor->path(), std::move(opened).error());
  }
  const auto& groups = cursor->reader_->row_groups();
  cursor->info_ = cursor->reader_->info();
  cursor->groups_ = groups.size();
  cursor->rows_left_ = cursor->reader_->rows();
  cursor->sum_up(groups);
  cursor->checks_summary_ = settings.checks_summary;
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
    const auto end = cursor->window_.bytes().subspan(cursor->end_begin_);
    if (!cursor->is_over() && reading->kept_bytes + end.size() <= kKept_bytes_max) {
      cursor->kept_end_.assign(end.begin(), end.end());
      reading->kept_bytes += end.size();
    }
  }
  cursor->release();
  return cursor;
}

std::optional<format::PackSummary> PackCursor::summary() const {
  const auto text = reader_->summary_text();
  return text ? format::parse_summary(*text, sums_.rows) : std::nullopt;
}

std::optional<format::PackSummary> PackCursor::take_summary() {
  if (!reader_ && !open_reader()) return {};  // whoever then asks for the rows hears why
  auto said = summary();
  if (said) release();
  return said;
}

void PackCursor::sum_up(const std::vector<format::PackReader::RowGroup>& groups) {
  for (const auto& group : groups) {
    sums_.rows += group.rows;
    sums_.time_max_ns = std::max(sums_.time_max_ns, group.time_max_ns);
    if (group.step_max) {
      sums_.step_max = std::max(sums_.step_max.value_or(*group.step_max), *group.step_max);
    }
    sums_.are_known = sums_.are_known && group.has_bounds;
    sums_.may_hold_status = sums_.may_hold_status || group.may_hold(Kind::status);
  }
}

Result<void> PackCursor::open_reader() {
  if (auto opened = place_.reading != nullptr ? fetch_end() : open_file(); !opened) return opened;
  auto reader = place_.reading != nullptr ? format::PackReader::open(window_.bytes())
                                          : format::PackReader::open(file_);
  if (!reader) return std::move(reader).error();
  reader_.emplace(std::move(*reader));
  return {};
}

Result<void> PackCursor::open_file() {
  if (file_ != nullptr) return {};
  auto file = FileBytes::open(place_.path);
  const bool is_reopening = groups_ > 0;
  if (!file && file.error().code == Errc::not_found && is_reopening) {
    // It was in packs/ at the first look and has been shipped since.
    const auto& path = place_.path;
    file = FileBytes::open(path.parent_path().parent_path() / "shipped" / path.filename());
  }
  if (!file) return std::move(file).error();
  file_ = std::make_shared<const FileBytes>(std::move(*file));
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
        size < kTail_bytes ? 0 : load<std::uint32_t>(window_.bytes().data() + size - kTail_bytes);
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
  const bool is_whole = fields_ == format::Fields::all;
  const std::uint64_t begin = !is_whole ? group.sums_begin : index == 0 ? 0 : group.begin;
  const std::uint64_t end = std::min(is_whole ? group.end : group.sums_end, end_begin_);
  if (begin < end) {
    if (auto got = place_.reading->fetch(window_, {begin, end}); !got) return got;
  }
  if (is_whole && index == 0 && !as_text(window_.bytes()).starts_with(kMagic)) {
    return Error{Errc::corrupt, 0, "its first four bytes are damaged"};
  }
  if (digest_) {
    digest_->update(window_.bytes().subspan(digested_bytes_, group.end - digested_bytes_));
    digested_bytes_ = group.end;
  }
  return {};
}

void PackCursor::make_rows() {
  rows_ = reader_->records(next_row_, std::min(kRows_at_once, group_rows_ - next_row_));
  row_ = 0;
  next_row_ += rows_.size();
  if (seen_sums_ == nullptr) return;
  for (const Record& row : rows_) seen_sums_->add(row);
  seen_rows_ += rows_.size();
}

void PackCursor::load_next(ReadFindings& findings) {
  forget_rows();
  if (!reader_) {
    auto opened = open_reader();
    if (!opened) return lose_rest(findings, opened.error());
    if (reader_->row_groups().size() != groups_) {
      return lose_rest(findings, {Errc::corrupt, 0, "it changed while it was being read"});
    }
  }
  if (checks_summary_ && seen_sums_ == nullptr && reader_->summary_text()) {
    seen_sums_ = std::make_unique<format::RecordSums>();
  }
  const std::size_t index = next_group_++;
  const auto& group = reader_->row_groups()[index];
  if (next_group_ < groups_) next_time_ns_ = reader_->row_groups()[next_group_].time_min_ns;
  if (place_.reading != nullptr) {
    if (auto fetched = fetch_group(index); !fetched) {
      digest_.reset();
      if (fetched.error().code != Errc::corrupt) return lose_rest(findings, fetched.error());
      rows_left_ -= std::min(rows_left_, group.rows);
      return lose_group(index, fetched.error(), findings);
    }
  }
  rows_left_ -= std::min(rows_left_, group.rows);
  const auto loaded = reader_->load_columns(index, fields_);
  if (place_.reading != nullptr) window_.forget({group.begin, std::min(group.end, end_begin_)});
  if (!loaded) return lose_group(index, loaded.error(), findings);
  group_rows_ = static_cast<std::size_t>(group.rows);
  make_rows();
}

void PackCursor::lose_group(std::size_t index, const Error& why, ReadFindings& findings) {
  const auto& group = reader_->row_groups()[index];
  Damage damage{path().native(), group.begin, group.end, group.rows, true, why.message};
  if (info_.records_dropped != 0 && !std::exchange(has_sought_gap_, true)) {
    auto gap = lost_gap();
    damage.exact = gap.has_value();
    if (gap && *gap) {
      gap_ = **gap;
      --damage.records_lost;
      rows_ = {&*gap_, 1};
    }
  }
  findings.damage.push_back(std::move(damage));
}

// Errors: the store does not give all of the pack.
Result<std::optional<Record>> PackCursor::lost_gap() {
  if (place_.reading != nullptr) {
    const ByteRange all{0, end_begin_};
    if (auto got = place_.reading->fetch(window_, all); !got) return got.error();
  }
  auto gap = format::find_lost_gap(*reader_);
  if (place_.reading != nullptr) window_.forget({0, end_begin_});
  return gap;
}

void PackCursor::lose_rest(ReadFindings& findings, const Error& why) {
  if (is_failure(why)) {
    note_failure(why, findings);
  } else {
    findings.damage.push_back({path().native(), 0, 0, rows_left_, true, why.message});
  }
  rows_left_ = 0;
  next_group_ = groups_;
  digest_.reset();
}

bool PackCursor::is_failure(const Error& error) const noexcept {
  return place_.reading != nullptr && StoreReading::is_failure(error);
}

void PackCursor::note_failure(const Error& error, ReadFindings& findings) {
  if (is_failure(error)) place_.reading->note(at_path(path(), error), findings.failures);
}

Result<void> PackCursor::visit_last_status(const std::function<void(const Record&)>& visit) {
  if (groups_ == 0) return {};
  const std::size_t index = groups_ - 1;
  next_group_ = groups_;
  if (!reader_) {
    if (auto opened = open_reader(); !opened) return opened;
  }
  if (reader_->row_groups().size() != groups_) return {};
  const auto& group = reader_->row_groups()[index];
  if (!group.may_hold(Kind::status)) return {};
  if (place_.reading != nullptr) {
    const ByteRange range{group.kind_begin, std::min(group.kind_end, end_begin_)};
    if (auto got = place_.reading->fetch(window_, range); !got) return got;
  }
  auto is_there = reader_->holds(index, Kind::status);
  if (!is_there) return std::move(is_there).error();
  if (!*is_there) return {};
  if (place_.reading != nullptr) {
    if (auto got = fetch_group(index); !got) return got;
  }
  if (auto loaded = reader_->load_columns(index, format::Fields::sums); !loaded) return loaded;
  group_rows_ = static_cast<std::size_t>(group.rows);
  for (make_rows(); has_row(); pop()) {
    if (row().kind == Kind::status) visit(row());
  }
  return {};
}

void PackCursor::close(ReadFindings& findings) {
  if (digest_) check_digest(findings);
  digest_.reset();
  if (seen_sums_ != nullptr) check_summary(findings);
  seen_sums_.reset();
  keeps_file_ = false;
  release();
}

void PackCursor::check_digest(ReadFindings& findings) {
  if (!reader_) {  // it has no rows, and so was never opened again
    if (auto opened = open_reader(); !opened) return lose_rest(findings, opened.error());
  }
  digest_->update(window_.bytes().subspan(digested_bytes_));
  const std::string ours = digest_->finish_hex();
  const auto info = place_.reading->head(place_.object);
  std::string why;
  if (!info && StoreReading::is_failure(info.error())) {
    Error error = info.error();
    error.message = path().native() + ": its digest could not be compared: " + error.message;
    return place_.reading->note(std::move(error), findings.failures);
  }
  if (!info) {
    why = "its digest could not be compared: " + info.error().message;
  } else if (info->bytes != place_.object_bytes) {
    why = "it has " + std::to_string(info->bytes) + " bytes now; it had " +
          std::to_string(place_.object_bytes);
  } else if (!info->sha256.empty() && info->sha256 != ours) {
    why = "its bytes have the SHA-256 " + ours + ", but were stored as " + info->sha256;
  }
  if (!why.empty())
    findings.damage.push_back({path().native(), 0, place_.object_bytes, 0, true, why});
}

void PackCursor::check_summary(ReadFindings& findings) {
  // Rows that are damaged, or that nobody asked for, may be what makes the difference.
  if (!reader_ || seen_rows_ != sums_.rows) return;
  const auto said = summary();
  if (!said) return;
  const std::string ours = format::encode_summary(seen_sums_->summary());
  if (format::encode_summary(*said) == ours) return;
  findings.damage.push_back(
      {path().native(), 0, 0, 0, true,
       "its footer sums its records up in another way than they are; `runlog stat` shows what the "
       "footer says"});
}

void PackCursor::forget_rows() noexcept {
  rows_ = {};
  row_ = next_row_ = group_rows_ = 0;
}

void PackCursor::release() noexcept {
  forget_rows();
  reader_.reset();
  window_ = {};
  if (!keeps_file_) file_.reset();
}

}  // namespace runlog
