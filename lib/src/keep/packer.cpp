#include "keep/packer.hpp"

#include <algorithm>
#include <functional>
#include <new>

#include "base/out_of_memory.hpp"
#include "pack/pack.hpp"
#include "platform/crash_point.hpp"
#include "platform/file_system.hpp"

namespace runlog {
namespace {

constexpr std::size_t kBuffer_bytes = 128u << 10;
constexpr std::uint64_t kRecords_between_breaks = 32768;  // about 2 ms

// Collects the writer's small pieces into large writes.
class FileSink {
 public:
  FileSink(int fd, const std::filesystem::path& path) : fd_(fd), path_(path) {
    buffer_.reserve(kBuffer_bytes);
  }
  Result<void> write(std::span<const std::byte> bytes) {
    if (buffer_.size() + bytes.size() > kBuffer_bytes) {
      if (auto flushed = flush(); !flushed) return flushed;
    }
    if (bytes.size() >= kBuffer_bytes) return write_all(fd_, bytes, path_);
    buffer_.insert(buffer_.end(), bytes.begin(), bytes.end());
    return {};
  }
  Result<void> flush() {
    auto written = write_all(fd_, buffer_, path_);
    buffer_.clear();
    return written;
  }

 private:
  int fd_;
  const std::filesystem::path& path_;
  std::vector<std::byte> buffer_;
};

// What records that are no metrics tell about the run.
void note(const Record& record, PackOutcome& outcome) {
  if (record.kind == Kind::gap || record.kind == Kind::status) --outcome.calls;
  if (record.kind == Kind::gap && record.int_value && *record.int_value > 0) {
    outcome.records_dropped += static_cast<std::uint64_t>(*record.int_value);
  }
  if (record.kind != Kind::status) return;
  if (const RunEnd end = run_end_from_name(record.name); end != RunEnd::open) {
    outcome.status = end;
    outcome.status_text = record.text.value_or("");
  }
}

// The unfinished pack, which goes unless it was renamed. Made of the file that was set aside for
// it, where there is one, and that again when it goes.
class Temporary {
 public:
  Temporary(const std::filesystem::path& path, const std::filesystem::path& reserve)
      : path_(path), reserve_(reserve), is_reserve_(rename_file(reserve, path, true)) {}
  ~Temporary() {
    if (is_kept_) return;
    if (!is_reserve_ || !try_empty_and_rename(path_, reserve_)) try_remove_file(path_);
  }
  Temporary(const Temporary&) = delete;
  Temporary& operator=(const Temporary&) = delete;
  void keep() noexcept { is_kept_ = true; }

 private:
  const std::filesystem::path& path_;
  const std::filesystem::path reserve_;
  const bool is_reserve_;
  bool is_kept_ = false;
};

Error given_up() noexcept {
  return Error{Errc::busy, 0, "given up"};
}

Result<OpenFile> create(const JournalDir& directory, const std::filesystem::path& path) {
  auto file = OpenFile::open(path, Access::write_emptied);
  if (!file && file.error().code == Errc::not_found && directory.create()) {
    file = OpenFile::open(path, Access::write_emptied);
  }
  return file;
}

using GoesOn = std::function<bool()>;

// Errors: busy: given up.
Result<void> append_all(SegmentMerge& merge, format::PackWriter& writer, PackOutcome& outcome,
                        const GoesOn& goes_on) {
  std::uint64_t since_break = 0;
  for (auto run = merge.next_run(); !run.is_end(); run = merge.next_run()) {
    const std::uint64_t count = std::max<std::uint64_t>(1, run.metrics.count);
    since_break += count;
    if (since_break >= kRecords_between_breaks) {
      since_break = 0;
      if (!goes_on()) return given_up();
    }
    for (std::uint64_t i = 0; i < count; ++i) crash_point("in_pack");
    Result<void> appended;
    if (run.record != nullptr) {
      note(*run.record, outcome);
      appended = writer.append(*run.record);
    } else {
      appended = writer.append(run.metrics, run.names, *run.entries);
    }
    if (!appended) return appended;
  }
  outcome.records = writer.rows();
  outcome.calls += outcome.records;
  outcome.damage = merge.damage();
  return {};
}

// What the merge, which is at its end, tells of the segments.
format::PackInfo info_of(const Meta& meta, const std::vector<SegmentInput>& segments,
                         const SegmentMerge& merge, PackOutcome& outcome) {
  format::PackInfo info{.run_id = meta.run_id,
                        .project = meta.project,
                        .session = meta.session,
                        .rank = meta.rank,
                        .damage = outcome.damage,
                        .records_dropped = outcome.records_dropped};
  for (std::size_t i = 0; i < segments.size(); ++i) {
    const SegmentMerge::Count& count = merge.counts()[i];
    info.segments.push_back({segments[i].header.number, segments[i].header.lane, count.first_seq,
                             count.end_seq - count.first_seq});
    outcome.lane_records += static_cast<std::uint64_t>(count.end_seq - count.first_seq);
    outcome.is_damaged.push_back(count.damage_stretches != 0);
    outcome.records_lost += count.records_lost;
  }
  return info;
}

Result<PackOutcome> pack(const JournalDir& directory, const Meta& meta,
                         const std::vector<SegmentInput>& segments, FindName find_name,
                         const GoesOn& goes_on) {
  PackOutcome outcome;
  outcome.number = pack_number(segments);
  outcome.path = directory.pack(outcome.number);
  std::filesystem::path temporary = outcome.path;
  temporary += ".tmp";
  Temporary unfinished(temporary, directory.pack_reserve());
  auto file = create(directory, temporary);
  if (!file) return std::move(file).error();
  // Opened first: behind the rename nothing may need memory.
  const std::filesystem::path packs = directory.packs();
  const auto names = OpenFile::open(packs, Access::list);
  if (!names) return names.error();

  FileSink sink(file->fd(), temporary);
  // A row group is encoded in one go; what it becomes is written column by column.
  format::PackWriter writer([&](std::span<const std::byte> bytes) -> Result<void> {
    if (!goes_on()) return given_up();
    return sink.write(bytes);
  });
  SegmentMerge merge(segments, std::move(find_name));
  if (auto done = append_all(merge, writer, outcome, goes_on); !done)
    return std::move(done).error();
  const format::PackInfo info = info_of(meta, segments, merge, outcome);
  if (outcome.records == 0 && outcome.damage.empty()) return outcome;
  auto finished = writer.finish(info);
  if (finished) finished = sink.flush();
  if (finished) finished = sync_data(file->fd(), temporary);
  if (!finished) return std::move(finished).error();
  outcome.bytes = writer.bytes_written();
  file->close();
  if (!goes_on()) return given_up();
  crash_point("before_pack_rename");
  // Never over an existing pack: a pack's bytes do not change once it exists.
  if (auto renamed = rename_file(temporary, outcome.path, false); !renamed) {
    return std::move(renamed).error();
  }
  unfinished.keep();
  outcome.name_synced = sync_directory(names->fd(), packs);
  crash_point("after_pack_rename");
  outcome.is_made = true;
  return outcome;
}

}  // namespace

std::uint32_t pack_number(const std::vector<SegmentInput>& segments) {
  std::uint32_t number = segments.front().header.number;
  for (const SegmentInput& segment : segments) number = std::min(number, segment.header.number);
  return number;
}

Result<void> reserve_pack(const JournalDir& directory) {
  const auto made = OpenFile::open(directory.pack_reserve(), Access::write_made);
  return made ? Result<void>() : made.error();
}

Result<PackOutcome> make_pack(const JournalDir& directory, const Meta& meta,
                              const std::vector<SegmentInput>& segments, FindName find_name,
                              const std::function<bool()>& in_between) {
  if (segments.empty()) return PackOutcome{};
  try {
    return pack(directory, meta, segments, std::move(find_name),
                [&] { return !in_between || in_between(); });
  } catch (const std::bad_alloc&) {
    return out_of_memory();
  }
}

}  // namespace runlog
