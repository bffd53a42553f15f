#include "recover/neighbours.hpp"

#include <utility>

#include "base/url.hpp"
#include "journal/meta.hpp"
#include "platform/file_lock.hpp"
#include "recover/adopt.hpp"

namespace runlog {
namespace {

constexpr int kAdoptions_per_look_max = 64;
/// Journals that nothing can be done for now, such as those whose packs are refused: they are not
/// to take the place of others, and cost a look into their footers.
constexpr int kStuck_per_look_max = 1024;
constexpr std::size_t kTold_max = 256;

}  // namespace

// They go to the store they name; ours is used when it is the same one, because only it has the
// secrets.
void Neighbours::adopt(const Adoptions& work) {
  const auto journals =
      find_journals(work.whole_root ? settings_.root : settings_.journal.parent_path());
  if (!journals) return;
  int adopted = 0;
  int stuck = 0;
  std::set<std::string> failed_stores;  // URLs
  for (const auto& path : *journals) {
    if (work.stop.stop_requested() || adopted >= kAdoptions_per_look_max ||
        stuck >= kStuck_per_look_max || work.is_wanted_elsewhere()) {
      return;
    }
    if (path == settings_.journal) continue;
    const bool is_own = is_own_journal(path);
    if (!settings_.trusts_all && !is_own) continue;
    const JournalDir directory(path);
    const Meta meta = read_meta(directory);
    if (is_done(directory, !meta.store_url.empty()) || FileLock::is_held(directory.lock()))
      continue;
    // Nobody is there to judge whether locks reach other hosts: leave theirs to runlog-recover.
    if (may_lock_be_unseen(directory, meta, settings_.find_file_system)) continue;
    AdoptOptions options;
    options.stores = &work.stores;
    options.find_file_system = settings_.find_file_system;
    if (meta.store_url == without_secrets(settings_.store_url)) {
      options.store_override = settings_.store_url;
    } else if (!is_own && !meta.store_url.empty()) {
      continue;  // where another user says that it goes
    }
    options.believes_meta = is_own;
    const std::string url = store_url_of(meta, options);
    if (failed_stores.contains(url)) continue;  // next time
    options.upload.refusals = &work.refusals(url);
    options.upload.stop = work.stop;
    options.upload.keep_shipped = settings_.keep_shipped;
    UploadOutcome uploaded;
    const RecoverOutcome outcome = adopt_journal(path, options, &uploaded);
    if (outcome.verdict == RecoverOutcome::Verdict::live) continue;
    const bool got_further = outcome.verdict == RecoverOutcome::Verdict::shipped ||
                             outcome.packs_shipped > 0 || outcome.records_kept > 0;
    ++(got_further ? adopted : stuck);
    if (settings_.report && !outcome.damage.empty()) {
      settings_.report(Error{Errc::corrupt, 0,
                             path.native() + ": " + std::to_string(outcome.records_damaged) +
                                 " records lost to damage in " +
                                 std::to_string(outcome.damage.size()) +
                                 " places; `runlog verify` names them"});
    }
    if (outcome.verdict == RecoverOutcome::Verdict::shipped) {
      work.count_adopted();
      continue;
    }
    if (told_.size() >= kTold_max) told_.clear();
    const std::string words = path.native() + ": " + outcome.message;
    if (settings_.report && told_.insert(words).second) {
      settings_.report(Error{Errc::unavailable, 0, words});
    }
    if (uploaded.store_is_ill) failed_stores.insert(url);
  }
}

}  // namespace runlog
