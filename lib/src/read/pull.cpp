#include "read/pull.hpp"

#include <algorithm>
#include <condition_variable>
#include <mutex>

#include "base/out_of_memory.hpp"
#include "base/sha256.hpp"
#include "journal/meta.hpp"
#include "pack/pack.hpp"
#include "platform/directories.hpp"
#include "platform/file_digest.hpp"
#include "platform/file_lock.hpp"
#include "platform/file_system.hpp"
#include "platform/in_call.hpp"
#include "store/object_window.hpp"
#include "store/patience.hpp"

namespace runlog {
namespace {

constexpr const char* kLock_name = ".runlog-pull.lock";

using What = format::RunObject::What;
using Verdict = PulledObject::Verdict;

// Every page of a pack has a checksum: that all of them hold is as good as a digest.
Result<void> check_pack(const std::filesystem::path& path) {
  auto pack = format::PackReader::open_file(path);
  if (!pack) return std::move(pack).error();
  for (std::size_t group = 0; group < pack->row_groups().size(); ++group) {
    if (auto rows = pack->load(group); !rows) return std::move(rows).error();
  }
  return {};
}

class Pull {
 public:
  Pull(ObjectStore& store, const std::filesystem::path& directory, const PullOptions& options,
       std::stop_token stop)
      : store_(store), directory_(directory), options_(options), stop_(std::move(stop)) {}

  Result<void> copy_run(const StoreRun& run) {
    if (is_over()) return {};
    auto objects = list_run(store_, run, {});
    if (!objects) return std::move(objects).error();
    if (objects->empty()) return {};
    ++report.runs;
    // meta, blobs, packs, end: what an object speaks of is there before it.
    std::stable_sort(objects->begin(), objects->end(),
                     [](const auto& a, const auto& b) { return a.parsed.what < b.parsed.what; });
    const std::uint64_t bad_before = report.damaged + report.failed;
    for (const StoreObject& object : *objects) {
      if (is_over()) return {};
      if (object.parsed.what == What::end && report.damaged + report.failed != bad_before) {
        // It would say that everything is here.
        has_no_answer_ = false;
        count({.name = object.name,
               .bytes = object.bytes,
               .verdict = Verdict::failed,
               .message = "left out, because the run is not whole here"});
        continue;
      }
      auto done = copy(object);
      if (!done) return std::move(done).error();
      count(*done);
    }
    return {};
  }

  PullReport report = {};

 private:
  bool is_over() {
    if (report.stopped_by.empty() && stop_.stop_requested()) report.stopped_by = "interrupted";
    return !report.stopped_by.empty();
  }

  void count(const PulledObject& object) {
    object.verdict == Verdict::failed ? patience_.note_failure() : patience_.note_answer();
    switch (object.verdict) {
      case Verdict::copied:
        ++report.copied;
        if (object.replaced) ++report.replaced;
        report.bytes_copied += object.bytes;
        break;
      case Verdict::present:
        ++report.present;
        break;
      case Verdict::damaged:
        ++report.damaged;
        break;
      case Verdict::failed:
        ++report.failed;
        if (has_no_answer_ && patience_.is_over()) {
          report.stopped_by = "the store has stopped answering";
        }
        break;
    }
    if (options_.on_object) options_.on_object(object);
  }

  // What lies under an object's name here.
  enum class Local : std::uint8_t {
    absent,
    same,
    damaged,  // of the right size, with other bytes: a copy that has rotted
    other,    // not ours to replace
  };

  // Without a digest a pack is known by its own checksums, and a small file by the store's bytes.
  // Errors: those of the store.
  Result<Local> judge(const StoreObject& object, const std::string& expected,
                      const std::filesystem::path& target) {
    const auto there = stat_file(target);
    if (!there && there.error().code == Errc::not_found) return Local::absent;
    if (!there || !there->is_regular || there->bytes != object.bytes) return Local::other;
    const bool is_pack = object.parsed.what == What::pack;
    if (!expected.empty()) {
      const auto digest = sha256_of_file(target);
      if (!digest) return Local::other;
      if (*digest == expected) return Local::same;
      // Two whole packs of one name are a conflict, and none of them is for us to throw away.
      return is_pack && check_pack(target) ? Local::other : Local::damaged;
    }
    if (is_pack) return check_pack(target) ? Local::same : Local::damaged;
    auto ours = read_file(target, kMeta_bytes_max);
    auto theirs = get_small(store_, object.name, kMeta_bytes_max);
    if (!theirs) return std::move(theirs).error();
    if (!ours) return Local::other;
    return *ours == *theirs ? Local::same : Local::damaged;
  }

  // An error is one of the directory: it would meet every other object too.
  Result<PulledObject> copy(const StoreObject& object) {
    PulledObject pulled{.name = object.name, .bytes = object.bytes};
    const std::filesystem::path target = directory_ / object.name;
    std::string expected;
    if (object.parsed.what == What::blob) {
      expected = object.id;
    } else if (auto info = store_.head(object.name)) {
      expected = info->sha256;
    } else if (info.error().code != Errc::read_only) {  // not allowed: then it goes without
      return fail(std::move(pulled), info.error());
    }
    const auto local = judge(object, expected, target);
    if (!local) return fail(std::move(pulled), local.error());
    if (*local == Local::same) {
      pulled.verdict = Verdict::present;
      return pulled;
    }
    if (*local == Local::other) {
      has_no_answer_ = false;
      pulled.verdict = Verdict::failed;
      pulled.message = target.native() +
                       " exists and is another file than the store's, which has " +
                       std::to_string(object.bytes) + " bytes; move it away and pull again";
      return pulled;
    }
    if (auto made = make_directories(target.parent_path(), Rights::of_umask); !made)
      return std::move(made).error();
    const std::filesystem::path part =
        target.parent_path() / ("." + target.filename().native() + ".part");
    auto file = OpenFile::open(part, Access::read_emptied, Rights::of_umask);
    if (!file) return std::move(file).error();
    auto settled = fetch(object, expected, file->fd(), part, pulled);
    if (settled && pulled.verdict == Verdict::copied) {
      pulled.replaced = *local == Local::damaged;
      settled = publish(file->fd(), part, target, pulled.replaced);
    }
    if (!settled || pulled.verdict != Verdict::copied) (void)remove_file(part);
    if (!settled) return std::move(settled).error();
    return pulled;
  }

  // Brings all bytes into `fd` and decides the verdict.
  Result<void> fetch(const StoreObject& object, const std::string& expected, int fd,
                     const std::filesystem::path& part, PulledObject& pulled) {
    Sha256 digest;
    std::uint64_t at = 0;
    std::optional<Error> local;
    const auto sink = [&](std::span<const std::byte> bytes) -> Result<void> {
      if (bytes.size() > object.bytes - at) {
        return Error{Errc::corrupt, 0, "the store sent more bytes than it said there are"};
      }
      if (auto written = write_at(fd, at, bytes, part); !written) {
        local = written.error();
        return written;
      }
      digest.update(bytes);
      at += bytes.size();
      if (options_.on_bytes) options_.on_bytes(bytes.size());
      return {};
    };
    auto pause = options_.retry_pause;
    Result<void> got;
    for (int attempt = 0; attempt < options_.tries; ++attempt, pause *= 2) {
      if (attempt > 0 && !wait(pause)) break;
      const std::uint64_t before = at;
      got = object.bytes == 0 ? Result<void>{} : store_.get(object.name, {at, object.bytes}, sink);
      if (local) return std::move(*local);
      if (got && at == object.bytes) break;
      if (got && at == before) {
        got = Error{
            Errc::corrupt, 0,
            "the store sent " + std::to_string(at) + " bytes of " + std::to_string(object.bytes)};
      }
      if (!got && got.error().code != Errc::unavailable) break;
      if (at > before) {  // slow, but it moves
        attempt = 0;
        pause = options_.retry_pause;
      }
    }
    if (!got || at != object.bytes) {
      pulled =
          *fail(std::move(pulled), got ? Error{Errc::unavailable, 0, "the transfer was broken off"}
                                       : std::move(got).error());
      return {};
    }
    has_no_answer_ = false;
    pulled.verdict = Verdict::copied;
    const std::string ours = digest.finish_hex();
    if (!expected.empty() && ours != expected) {
      pulled.message = "its bytes have the SHA-256 " + ours + ", but were stored as " + expected;
    } else if (expected.empty() && object.parsed.what == What::pack) {
      if (auto whole = check_pack(part); !whole) pulled.message = whole.error().message;
    }
    if (!pulled.message.empty()) pulled.verdict = Verdict::damaged;
    return {};
  }

  static Result<void> publish(int fd, const std::filesystem::path& part,
                              const std::filesystem::path& target, bool replaces) {
    if (auto synced = sync_data(fd, part); !synced) return synced;
    if (auto renamed = rename_file(part, target, replaces); !renamed) return renamed;
    return sync_directory(target.parent_path());
  }

  Result<PulledObject> fail(PulledObject pulled, const Error& error) {
    has_no_answer_ = error.code == Errc::unavailable;
    pulled.verdict = error.code == Errc::corrupt ? Verdict::damaged : Verdict::failed;
    pulled.message = error.message;
    return pulled;
  }

  // False when we are to stop.
  bool wait(std::chrono::milliseconds time) {
    std::mutex mutex;
    std::condition_variable_any woken;
    std::unique_lock lock(mutex);
    woken.wait_for(lock, stop_, time, [] { return false; });
    return !stop_.stop_requested();
  }

  ObjectStore& store_;
  const std::filesystem::path& directory_;
  const PullOptions& options_;
  std::stop_token stop_;
  Patience patience_;
  bool has_no_answer_ = false;  // the last failure was of the store, not of one object
};

}  // namespace

Result<PullReport> pull_from(ObjectStore& store, const StorePlace& place,
                             const std::filesystem::path& directory, const PullOptions& options,
                             std::stop_token stop) {
  if (!place.object.empty() || place.rank) {
    return Error{Errc::invalid_argument, 0,
                 "runs are copied whole; name the store, a project or a run"};
  }
  if (auto made = make_directories(directory, Rights::of_umask); !made)
    return std::move(made).error();
  auto lock = FileLock::acquire(directory / kLock_name);
  if (!lock) {
    Error error = std::move(lock).error();
    if (error.code == Errc::busy) {
      error.message = directory.native() + ": another pull works on this directory; wait for it";
    }
    return error;
  }
  Pull pull(store, directory, options, std::move(stop));
  auto visited = visit_runs(store, place, {.runs = options.runs},
                            [&](const StoreRun& run) { return pull.copy_run(run); });
  if (!visited) return std::move(visited).error();
  return std::move(pull.report);
}

Result<PullReport> pull(const std::string& url, const std::filesystem::path& directory,
                        const PullOptions& options, const std::stop_token& stop) {
  const InCall in_call;
  return catch_no_memory([&]() -> Result<PullReport> {
    std::string source = url;
    if (!is_remote_store(url)) {
      auto whole = directory_of_store(url);
      if (!whole) return std::move(whole).error();
      if (auto info = stat_file(*whole); !info) return std::move(info).error();
      source = whole->lexically_normal().native();
    }
    const StorePlace place = split_store_url(source);
    auto store = open_store(place.store_url);
    if (!store) return std::move(store).error();
    const std::stop_callback interrupt(stop, [&] { (*store)->interrupt(); });
    auto report = pull_from(**store, place, directory, options, stop);
    if (report && report->runs == 0 && report->stopped_by.empty()) {
      return Error{Errc::not_found, 0,
                   "no run was found there; check bucket, prefix, spelling and --run"};
    }
    return report;
  });
}

}  // namespace runlog
