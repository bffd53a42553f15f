#include "recover/adopt.hpp"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "platform/directories.hpp"
#include "platform/file_lock.hpp"
#include "platform/file_system.hpp"
#include "platform/process.hpp"
#include "read/crash_tally.hpp"
#include "read/dead_segments.hpp"
#include "read/untold.hpp"
#include "recover/last_words.hpp"
#include "recover/losses.hpp"
#include "recover/relocation.hpp"
#include "recover/segment_packing.hpp"
#include "ship/waiting_check.hpp"

namespace runlog {
namespace {

void remove_leftovers(const JournalDir& directory) {
  for (const std::string& name : names_in_directory(directory.packs())) {
    if (name.ends_with(".tmp")) (void)remove_file(directory.packs() / name);
  }
  for (const std::string& name : names_in_directory(directory.blobs())) {
    if (name.starts_with("tmp-")) (void)remove_file(directory.blobs() / name);
  }
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
    const FileLock::State writer = FileLock::state(directory_.lock());
    if (writer == FileLock::State::held) {
      outcome_.verdict = RecoverOutcome::Verdict::live;
      outcome_.message = "its writer is alive";
      return;
    }
    const std::string url = store_url_of(meta_, options_);
    const bool moves = !url.empty() && (options_.again || !is_same_store(url, meta_.store_url));
    const Result<void> known = url.empty() ? check_meta() : Result<void>();
    if (!moves && is_done(directory_, !url.empty() || !known)) {
      outcome_.verdict = RecoverOutcome::Verdict::shipped;
      return;
    }
    if (!may_work(writer)) return;
    if (!known) {
      give_up(known.error(), RecoverOutcome::Verdict::waiting);
      return;
    }
    if (options_.dry_run) {
      look();
      return;
    }
    auto lock = FileLock::adopt(directory_.lock());
    if (!lock) {
      const bool is_busy = lock.error().code == Errc::busy;
      give_up(std::move(lock).error(),
              is_busy ? RecoverOutcome::Verdict::live : RecoverOutcome::Verdict::failed);
      return;
    }
    if (auto prepared = prepare(url, moves); !prepared) {
      give_up(std::move(prepared).error(), RecoverOutcome::Verdict::waiting);
      return;
    }
    ship(url);
  }

 private:
  // Whether this journal is one to work on; else the outcome says why not.
  bool may_work(FileLock::State writer) {
    if (auto kind = check_kind_of_file(directory_.lock()); !kind) {
      outcome_.verdict = RecoverOutcome::Verdict::live;
      outcome_.message = "taken for live: " + kind.error().message;
      return false;
    }
    if (writer == FileLock::State::unreadable) {
      outcome_.verdict = RecoverOutcome::Verdict::live;
      outcome_.message =
          "taken for live: its LOCK cannot be read; run runlog-recover as its owner or as root";
      return false;
    }
    if (const auto link = find_link(directory_)) {
      outcome_.verdict = RecoverOutcome::Verdict::failed;
      outcome_.message = link->native() +
                         ": it is a symbolic link, which is not followed; nothing was done to this "
                         "journal: remove the link, and run this again";
      return false;
    }
    if (!options_.trusts_network_locks &&
        may_lock_be_unseen(directory_, meta_, options_.find_file_system)) {
      outcome_.verdict = RecoverOutcome::Verdict::waiting;
      outcome_.message = "written on " + (meta_.host.empty() ? "an unknown host" : meta_.host) +
                         ", whose lock may not be seen from here; run runlog-recover there, or, "
                         "when its writer is gone, with RUNLOG_NETWORK_ROOT=1";
      return false;
    }
    if (meta_.version > kMeta_version) {
      outcome_.verdict = RecoverOutcome::Verdict::waiting;
      outcome_.message = "written by runlog " + meta_.runlog_version + ", in version " +
                         std::to_string(meta_.version) +
                         " of the journal's format, which this one does not know; run the "
                         "runlog-recover of that release";
      return false;
    }
    return true;
  }

  // A journal that names no store ships nowhere, but one that cannot be asked may have had one.
  [[nodiscard]] Result<void> check_meta() const {
    const auto json = read_file(directory_.meta(), kMeta_bytes_max);
    const auto meta = json ? parse_meta(*json, directory_.meta().native()) : json.error();
    if (meta) return {};
    return Error{
        Errc::corrupt, 0,
        directory_.meta().native() +
            ", which tells where this journal ships to, cannot be used: " + meta.error().message +
            "; say where with --store, or put {} into it if it ships nowhere"};
  }

  // Up to the point where everything is in packs, and the end is written.
  Result<void> prepare(const std::string& url, bool moves) {
    auto noted = read_moved(directory_);
    if (!noted) return std::move(noted).error();
    moved_ = std::move(*noted);
    if (moves) {
      auto moved = take_back(directory_, url, meta_.store_url);
      if (!moved) return std::move(moved).error();
      moved_ = std::move(*moved);
      is_move_noted_ = false;
    }
    meta_.continues = is_part_of_moved(directory_);
    remove_leftovers(directory_);
    if (auto made = make_directories(directory_.shipped(), Rights::of_parent); !made) return made;
    if (auto sorted = losses_.sort_out_packs(); !sorted) return sorted;
    losses_.expect_segments(last_segments(directory_));
    auto packed = packing_.run();
    while (!packed && packed.error().code == Errc::no_space && ship_for_room(url)) {
      packed = packing_.run();
    }
    if (!packed) return packed;
    if (auto surveyed = losses_.survey(); !surveyed) return surveyed;
    // Packs that the job made tell of drops as well.
    outcome_.records_dropped = std::max(outcome_.records_dropped, losses_.dropped());
    // Without a store there is nobody else to ask.
    return url.empty() ? settle(nullptr) : write_end();
  }

  void give_up(Error error, RecoverOutcome::Verdict verdict) {
    outcome_.verdict = verdict;
    outcome_.message = std::move(error.message);
  }

  // Dry run: what packing would keep, by reading only.
  void look() {
    auto dead = load_dead_segments(directory_);
    if (!dead) {
      give_up(std::move(dead).error(), RecoverOutcome::Verdict::failed);
      return;
    }
    auto untold = read_untold(directory_, dead->inputs);
    if (!untold) {
      give_up(std::move(untold).error(), RecoverOutcome::Verdict::waiting);
      return;
    }
    for (const std::uint64_t calls : untold->calls) outcome_.records_dropped += calls;
    mark_doubtful(*untold, dead->inputs);
    SegmentMerge merge(dead->inputs, names_in(dead->inputs));
    Record record;
    while (merge.next(record)) {
      ++outcome_.records_kept;
      if (record.kind == Kind::gap) {
        outcome_.records_dropped += static_cast<std::uint64_t>(record.int_value.value_or(0));
      }
    }
    add_damage(merge.damage(), outcome_);
    (void)count_among_tails(dead->unreadable_damage, outcome_.damage);
    add_damage(dead->damage, outcome_);
    add_damage(dead->unreadable_damage, outcome_);
    outcome_.verdict = RecoverOutcome::Verdict::waiting;
    outcome_.message = "dry run: nothing was done";
  }

  // A store that may lack what other stores had: asked before its holes are taken for losses.
  Result<void> check_moved(ObjectStore& store) {
    if (!moved_ || !moved_->may_lack) return {};
    const auto json = read_file(directory_.end(), kMeta_bytes_max);
    const auto end = json ? parse_end(*json, directory_.end().native()) : json.error();
    const std::uint64_t told = std::max(end ? end->records_lost : 0, losses_.records());
    const auto missing = find_missing(directory_, meta_, store, told, losses_.lost_files());
    if (!missing) return missing.error();
    if (missing->is_none()) return {};
    if (!options_.accepts_missing) return lacks(store, *moved_, *missing);
    std::vector<Damage> accepted;
    if (missing->records > 0) {
      accepted.push_back({directory_.path().native(), 0, 0, missing->records, false,
                          "records that " + store.url() + " and this journal lack"});
    }
    for (const std::string& blob : missing->blobs) {
      accepted.push_back({(directory_.blobs() / blob).native(), 0, 0, 0, true,
                          "the artifact is gone, here and in the store"});
    }
    losses_.settle_as(std::move(accepted));
    return {};
  }

  Result<void> settle(ObjectStore* store) {
    auto settled = losses_.settle(store);
    add_damage(losses_.take_news(), outcome_);
    return settled ? write_end() : settled;
  }

  // Written once, by whoever comes first; what is found to be lost later is added until it ships.
  Result<void> write_end() {
    if (stat_file(directory_.shipped() / "end.json")) return {};
    const auto json = read_file(directory_.end(), kMeta_bytes_max);
    if (!json && json.error().code == Errc::io) return json.error();
    if (json || json.error().code != Errc::not_found) {
      auto before = json ? parse_end(*json, directory_.end().native()) : json.error();
      if (before && before->state != RunEnd::open) {
        if (before->records_lost >= losses_.records()) return {};
        before->records_lost = losses_.records();
        return write_file_durably(directory_.end(), to_json(*before, meta_));
      }
      if (auto moved = move_to_torn(directory_, directory_.end()); !moved) return moved;
    }
    LastStatus status = packing_.status();
    if (status.end == RunEnd::open) status = find_status_in_packs(directory_);
    End end = end_of_dead(directory_, status, options_.torchelastic_error_file);
    end.records_lost = losses_.records();
    return write_file_durably(directory_.end(), to_json(end, meta_));
  }

  UploadOptions upload_options(ObjectStore& store) {
    UploadOptions upload = options_.upload;
    upload.check = [this, &store](const auto& path) { return losses_.check(path, store); };
    upload.before_move = [this]() -> Result<void> {
      if (is_move_noted_) return {};
      auto noted = note_moved(directory_, *moved_);
      is_move_noted_ = noted.has_value();
      return noted;
    };
    return upload;
  }

  // On a full disk what was packed before goes first, and no copies of it stay. True: some went.
  bool ship_for_room(const std::string& url) {
    if (url.empty()) return false;
    auto store = options_.stores->open(url);
    if (!store) return false;
    UploadOptions upload = upload_options(**store);
    upload.before_end = [] { return Error{Errc::busy, 0, "there is more to pack"}; };
    const UploadOutcome uploaded = upload_waiting(directory_, meta_, **store, upload);
    add_damage(losses_.take_news(), outcome_);
    outcome_.packs_shipped += uploaded.packs;
    outcome_.bytes_shipped += uploaded.bytes;
    return drop_copies(directory_, options_.spares_others) > 0;
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
    UploadOptions upload = upload_options(**store);
    upload.before_end = [&] {
      auto has_all = check_moved(**store);
      return has_all ? settle(*store) : has_all;
    };
    uploaded_ = upload_waiting(directory_, meta_, **store, upload);
    add_damage(losses_.take_news(), outcome_);
    outcome_.packs_shipped += uploaded_.packs;
    outcome_.bytes_shipped += uploaded_.bytes;
    if (uploaded_.waiting == 0) {
      outcome_.verdict = RecoverOutcome::Verdict::shipped;
      outcome_.message = uploaded_.note.message;
    } else {
      outcome_.verdict = RecoverOutcome::Verdict::waiting;
      outcome_.message = uploaded_.error.message.empty()
                             ? "interrupted before everything was shipped"
                             : uploaded_.error.message;
      if (uploaded_.refused == uploaded_.waiting && !uploaded_.store_failed &&
          !uploaded_.end_is_held) {
        outcome_.message += "; " + std::to_string(uploaded_.refused) +
                            (uploaded_.refused == 1 ? " object is" : " objects are") +
                            " refused and on disk, the store has everything else: run this again";
      }
      // A store that does not answer does not tell what it has.
      const bool may_ask = !uploaded_.store_failed && uploaded_.has_meta && !moved_;
      if (may_ask) (void)settle(*store);  // else the next try does
    }
  }

  const JournalDir& directory_;
  const AdoptOptions& options_;
  RecoverOutcome& outcome_;
  UploadOutcome& uploaded_;
  Meta meta_;
  std::optional<Moved> moved_;
  bool is_move_noted_ = true;
  Losses losses_{directory_, meta_};
  SegmentPacking packing_{directory_,
                          meta_,
                          {.keep = options_.keep, .spares_others = options_.spares_others},
                          losses_,
                          outcome_};
};

}  // namespace

bool may_lock_be_unseen(const JournalDir& directory, const Meta& meta,
                        const FindFileSystem& find_file_system) {
  if (find_file_system(directory.path()).place == FileSystemKind::Place::here) return false;
  const ProcessIdentity here = this_process();
  // The same boot is the same kernel, whatever the containers call themselves; the same host under
  // another boot has been restarted since, and its processes are gone.
  return meta.boot_id != here.boot_id && meta.host != here.host;
}

std::string store_url_of(const Meta& meta, const AdoptOptions& options) {
  if (!options.store_override.empty()) return options.store_override;
  return options.believes_meta ? meta.store_url : std::string();
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
  const bool is_through = has_store ? end_is_shipped && !has_uploads(directory)
                                    : end_is_shipped || stat_file(directory.end());
  return is_through && !may_have_untold(directory);
}

}  // namespace runlog
