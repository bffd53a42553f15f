#include "ship/adopt.hpp"

#include <algorithm>
#include <set>

#include "format/pack.hpp"
#include "platform/clock.hpp"
#include "platform/crash_point.hpp"
#include "platform/fault_guard.hpp"
#include "platform/file_lock.hpp"
#include "platform/file_system.hpp"
#include "platform/process.hpp"
#include "ship/packer.hpp"

namespace runlog {
namespace {

constexpr std::uint64_t kPack_segment_bytes = 16u << 20;

// Which segments the packs in packs/ hold. A pack may be shipped only after its segments left
// lanes/, so shipped/ need not be asked.
Result<std::set<std::uint32_t>> packed_numbers(const JournalDir& directory) {
  std::set<std::uint32_t> numbers;
  for (const std::string& name : names_in_directory(directory.packs())) {
    if (!parse_numbered_name(name, kPack_suffix)) continue;
    auto file = MappedFile::open_read_only(directory.packs() / name);
    if (!file) return std::move(file).error();
    auto reader = format::PackReader::open(file->bytes());
    // A pack that cannot be read says nothing; its segments, if still there, are packed again under
    // the same number, and the rename refuses to replace it: loud, and nothing is lost.
    if (!reader) continue;
    for (const format::PackSegment& segment : reader->info().segments)
      numbers.insert(segment.number);
  }
  return numbers;
}

// Groups segments so that a pack is of ordinary size. Order by number, which is the order in which
// a lane opened them as far as recycling allows; SegmentMerge sorts within a lane.
std::vector<std::vector<std::size_t>> group(const std::vector<SegmentInput>& inputs) {
  std::vector<std::size_t> order(inputs.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return std::pair(inputs[a].header.created_ns, inputs[a].header.number) <
           std::pair(inputs[b].header.created_ns, inputs[b].header.number);
  });
  std::vector<std::vector<std::size_t>> groups;
  std::uint64_t bytes = kPack_segment_bytes;
  for (const std::size_t index : order) {
    if (bytes + inputs[index].bytes.size() > kPack_segment_bytes) {
      groups.emplace_back();
      bytes = 0;
    }
    groups.back().push_back(index);
    bytes += inputs[index].bytes.size();
  }
  return groups;
}

void remove_leftovers(const JournalDir& directory) {
  for (const std::string& name : names_in_directory(directory.packs())) {
    if (name.ends_with(".tmp")) (void)remove_file(directory.packs() / name);
  }
  for (const std::string& name : names_in_directory(directory.blobs())) {
    if (name.starts_with("tmp-")) (void)remove_file(directory.blobs() / name);
  }
}

Result<void> move_to_torn(const JournalDir& directory, const std::filesystem::path& file) {
  if (auto made = make_directories(directory.torn()); !made) return made;
  return rename_file(file, directory.torn() / file.filename(), false);
}

class Adoption {
 public:
  Adoption(const JournalDir& directory, const AdoptOptions& options, RecoverOutcome& outcome,
           UploadOutcome& uploaded)
      : directory_(directory),
        options_(options),
        outcome_(outcome),
        uploaded_(uploaded),
        meta_(read_meta(directory)) {}

  void run() {
    if (auto held = FileLock::is_held(directory_.lock()); held) {
      outcome_.verdict = RecoverOutcome::Verdict::live;
      outcome_.message = "its writer is alive";
      return;
    }
    const std::string url = store_url_of(meta_, options_);
    if (is_done(directory_, !url.empty())) {
      outcome_.verdict = RecoverOutcome::Verdict::shipped;
      return;
    }
    if (!options_.trusts_network_locks &&
        may_lock_be_unseen(directory_, meta_, options_.find_file_system)) {
      outcome_.verdict = RecoverOutcome::Verdict::waiting;
      outcome_.message = "written on " + (meta_.host.empty() ? "an unknown host" : meta_.host) +
                         ", whose lock may not be seen from here; run runlog-recover there, or, "
                         "when its writer is gone, with RUNLOG_NETWORK_ROOT=1";
      return;
    }
    if (meta_.version > kMeta_version) {
      outcome_.verdict = RecoverOutcome::Verdict::waiting;
      outcome_.message = "written by runlog " + meta_.runlog_version + ", in version " +
                         std::to_string(meta_.version) +
                         " of the journal's format, which this one does not know; run the "
                         "runlog-recover of that release";
      return;
    }
    if (options_.dry_run) {
      look();
      return;
    }
    auto lock = FileLock::acquire(directory_.lock());
    if (!lock) {
      const bool is_busy = lock.error().code == Errc::busy;
      give_up(std::move(lock).error(),
              is_busy ? RecoverOutcome::Verdict::live : RecoverOutcome::Verdict::failed);
      return;
    }
    remove_leftovers(directory_);
    if (auto packed = pack_segments(); !packed) {
      give_up(std::move(packed).error(), RecoverOutcome::Verdict::waiting);
      return;
    }
    if (auto ended = write_end(); !ended) {
      give_up(std::move(ended).error(), RecoverOutcome::Verdict::waiting);
      return;
    }
    ship(url);
  }

 private:
  void give_up(Error error, RecoverOutcome::Verdict verdict) {
    outcome_.verdict = verdict;
    outcome_.message = std::move(error.message);
  }

  // Dry run: what pack_segments would keep, by reading only.
  void look() {
    auto dead = load_dead_segments(directory_);
    if (!dead) {
      give_up(std::move(dead).error(), RecoverOutcome::Verdict::failed);
      return;
    }
    SegmentMerge merge(dead->inputs, names_in(dead->inputs));
    Record record;
    while (merge.next(record)) {
      ++outcome_.records_kept;
      if (record.kind == Kind::gap) {
        outcome_.records_dropped += static_cast<std::uint64_t>(record.int_value.value_or(0));
      }
    }
    add_damage(merge.damage());
    (void)count_among_tails(dead->damage, outcome_.damage);
    add_damage(dead->damage);
    outcome_.verdict = RecoverOutcome::Verdict::waiting;
    outcome_.message = "dry run: nothing was done";
  }

  void add_damage(const std::vector<Damage>& damage) {
    for (const Damage& one : damage) {
      outcome_.records_damaged += one.records_lost;
      outcome_.damage.push_back(one);
    }
  }

  Result<void> pack_segments() {
    auto dead = load_dead_segments(directory_);
    if (!dead) return std::move(dead).error();
    const FindName find_name = names_in(dead->inputs);
    for (const auto& members : group(dead->inputs)) {
      std::vector<SegmentInput> inputs;
      inputs.reserve(members.size());
      for (const std::size_t index : members) inputs.push_back(dead->inputs[index]);
      auto packed = make_pack(directory_, meta_, inputs, find_name);
      if (!packed) return std::move(packed).error();
      outcome_.records_kept += packed->records;
      outcome_.records_dropped += packed->records_dropped;
      add_damage(packed->damage);
      if (!packed->status.empty()) {
        status_ = packed->status;
        status_text_ = packed->status_text;
      }
      for (std::size_t i = 0; i < members.size(); ++i) {
        const std::filesystem::path path = dead->files[members[i]].path();
        const bool keeps = options_.keep || (packed->is_made && packed->is_damaged[i]);
        auto gone = keeps ? move_to_torn(directory_, path) : remove_file(path);
        if (!gone) return gone;
        crash_point("in_remove");
      }
    }
    (void)count_among_tails(dead->damage, outcome_.damage);
    add_damage(dead->damage);
    for (const auto& path : dead->unreadable) {
      if (auto moved = move_to_torn(directory_, path); !moved) return moved;
    }
    for (const auto* list : {&dead->unused, &dead->packed}) {
      for (const auto& path : *list) {
        if (auto removed = remove_file(path); !removed) return removed;
      }
    }
    crash_point("after_segments_removed");
    // A pack leaves packs/ only after its segments have left lanes/ for good.
    return sync_directory(directory_.lanes());
  }

  // The end may be in a pack made earlier, by the keeper or by a recovery that was killed.
  void find_status_in_packs() {
    for (const auto& place : {directory_.packs(), directory_.shipped()}) {
      const std::vector<std::string> names = names_in_directory(place);
      for (auto name = names.rbegin(); name != names.rend() && status_.empty(); ++name) {
        if (!parse_numbered_name(*name, kPack_suffix)) continue;
        auto file = MappedFile::open_read_only(place / *name);
        if (!file) continue;
        auto reader = format::PackReader::open(file->bytes());
        if (!reader || reader->row_groups().empty()) continue;
        // Most have none, and of those most say so in their footer.
        const std::size_t last = reader->row_groups().size() - 1;
        if (!reader->row_groups()[last].may_hold(Kind::status)) continue;
        if (const auto has_one = reader->holds(last, Kind::status); !has_one || !*has_one) continue;
        (void)reader->read(last, [&](const Record& record) {
          if (record.kind == Kind::status && record.name != "started") {
            status_ = record.name;
            status_text_ = record.text.value_or("");
          }
        });
      }
    }
  }

  Result<void> write_end() {
    if (stat_file(directory_.end()) || stat_file(directory_.shipped() / "end.json")) return {};
    if (status_.empty()) find_status_in_packs();
    End end;
    end.records_lost = outcome_.records_damaged;
    end.ended_unix_ns = realtime_ns();
    end.state = status_.empty() ? "crashed" : status_;
    end.reason = status_text_;
    if (status_.empty()) {
      if (const auto mark = read_crash_mark(directory_.crash())) {
        end.signal = mark->signal;
        end.reason = describe(*mark);
        end.ended_unix_ns = mark->time_ns;
      }
      if (!options_.torchelastic_error_file.empty()) {
        const auto json = read_file(options_.torchelastic_error_file, kMeta_bytes_max);
        const auto message = json ? parse_torchelastic_error(*json) : std::nullopt;
        if (message) end.reason += (end.reason.empty() ? "" : "; ") + *message;
      }
    }
    return write_file_durably(directory_.end(), to_json(end, meta_));
  }

  void ship(const std::string& url) {
    if (url.empty()) {
      outcome_.verdict = RecoverOutcome::Verdict::shipped;
      outcome_.message = "no store is named: packed in place";
      return;
    }
    auto store = options_.stores->open(url);
    if (!store) {
      uploaded_.needs_owner = true;
      give_up(std::move(store).error(), RecoverOutcome::Verdict::waiting);
      return;
    }
    uploaded_ = upload_waiting(directory_, meta_, **store, options_.upload);
    outcome_.packs_shipped = uploaded_.packs;
    outcome_.bytes_shipped = uploaded_.bytes;
    if (uploaded_.waiting == 0) {
      outcome_.verdict = RecoverOutcome::Verdict::shipped;
      outcome_.message = uploaded_.note.message;
    } else {
      outcome_.verdict = RecoverOutcome::Verdict::waiting;
      outcome_.message = uploaded_.error.message.empty()
                             ? "interrupted before everything was shipped"
                             : uploaded_.error.message;
    }
  }

  const JournalDir& directory_;
  const AdoptOptions& options_;
  RecoverOutcome& outcome_;
  UploadOutcome& uploaded_;
  Meta meta_;
  std::string status_;
  std::string status_text_;
};

}  // namespace

Meta read_meta(const JournalDir& directory) {
  Meta meta;
  const auto json = read_file(directory.meta(), kMeta_bytes_max);
  if (json) {
    auto parsed = parse_meta(*json, directory.meta().native());
    if (parsed) meta = std::move(*parsed);
  }
  // The directory's name and place are as good a source, and they decide: a copied or damaged
  // meta.json must not send records under another run's name.
  if (const auto name = parse_journal_name(directory.path().filename().native())) {
    meta.rank = name->rank;
    meta.session = to_hex(name->session);
  }
  const std::string parent = directory.path().parent_path().filename().native();
  if (is_valid_id(parent)) meta.run_id = parent;
  if (!is_valid_id(meta.run_id))
    meta.run_id = mend_id(meta.run_id.empty() ? "unknown" : meta.run_id);
  if (!is_valid_id(meta.project))
    meta.project = mend_id(meta.project.empty() ? "default" : meta.project);
  return meta;
}

bool may_lock_be_unseen(const JournalDir& directory, const Meta& meta,
                        const FindFileSystem& find_file_system) {
  if (find_file_system(directory.path()).place == FileSystemKind::Place::here) return false;
  const ProcessIdentity here = this_process();
  // The same boot is the same kernel, whatever the containers call themselves; the same host under
  // another boot has been restarted since, and its processes are gone.
  return meta.boot_id != here.boot_id && meta.host != here.host;
}

Result<DeadSegments> load_dead_segments(const JournalDir& directory) {
  DeadSegments dead;
  auto packed = packed_numbers(directory);
  if (!packed) return std::move(packed).error();
  auto names = list_directory(directory.lanes());
  if (!names) return std::move(names).error();
  const auto identity = parse_journal_name(directory.path().filename().native());
  for (const std::string& name : *names) {
    const auto number = parse_numbered_name(name, kSegment_suffix);
    if (!number) continue;
    const std::filesystem::path path = directory.lanes() / name;
    if (packed->contains(*number)) {
      dead.packed.push_back(path);
      continue;
    }
    auto file = MappedFile::open_read_only(path);
    if (!file) return std::move(file).error();
    auto header = format::parse_header(file->bytes());
    if (header && header->number != *number) {
      // Recycled under this name and not yet in use: then no block of it has the new number. If one
      // has, the first page is a misplaced one, and the records behind it are good.
      header.reset();
      if (!identity || !format::rebuild_header(file->bytes(), identity->session, *number)) {
        dead.unused.push_back(path);
        continue;
      }
    }
    if (!header && identity) {
      header = format::rebuild_header(file->bytes(), identity->session, *number);
      if (header) {
        dead.damage.push_back(
            {path.native(), 0, format::kHeader_bytes, 0, true,
             "the segment's header is damaged; it was rebuilt from a block head"});
      }
    }
    if (!header) {
      if (format::is_unused(file->bytes())) {
        dead.unused.push_back(path);
      } else {
        dead.unreadable.push_back(path);
        dead.damage.push_back({path.native(), 0, file->bytes().size(), 1, false,
                               "no block of this segment can be read; it is kept in torn/"});
      }
      continue;
    }
    dead.inputs.push_back({.bytes = file->bytes(), .header = *header, .path = path.native()});
    dead.files.push_back(std::move(*file));
  }
  return dead;
}

std::string store_url_of(const Meta& meta, const AdoptOptions& options) {
  return options.store_override.empty() ? meta.store_url : options.store_override;
}

RecoverOutcome adopt_journal(const std::filesystem::path& path, const AdoptOptions& options,
                             UploadOutcome* upload) {
  RecoverOutcome outcome;
  UploadOutcome own;
  const JournalDir directory(path);
  try {
    Adoption(directory, options, outcome, upload != nullptr ? *upload : own).run();
  } catch (const std::bad_alloc&) {
    outcome.verdict = RecoverOutcome::Verdict::failed;
    outcome.message = "out of memory";
  }
  return outcome;
}

bool is_done(const JournalDir& directory, bool has_store) {
  if (has_segments(directory)) return false;
  const bool end_is_shipped = stat_file(directory.shipped() / "end.json").has_value();
  if (has_store) return end_is_shipped && !has_uploads(directory);
  return end_is_shipped || stat_file(directory.end());
}

}  // namespace runlog
