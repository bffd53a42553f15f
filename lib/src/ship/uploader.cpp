#include "ship/uploader.hpp"

#include <algorithm>
#include <iterator>
#include <new>
#include <set>
#include <string>
#include <vector>

#include "base/out_of_memory.hpp"
#include "base/sha256.hpp"
#include "pack/pack.hpp"
#include "platform/crash_point.hpp"
#include "platform/directories.hpp"
#include "platform/file_system.hpp"
#include "ship/upload_counter.hpp"
#include "ship/waiting_check.hpp"
#include "store/backoff.hpp"
#include "store/object_name.hpp"

namespace runlog {
namespace {

// While a pack is on its way.
class Sending {
 public:
  Sending(const UploadOptions& options, std::optional<std::uint32_t> pack) : options_(options) {
    if (options_.sends && pack) options_.sends(pack);
  }
  ~Sending() {
    if (options_.sends) options_.sends({});
  }
  Sending(const Sending&) = delete;
  Sending& operator=(const Sending&) = delete;

 private:
  const UploadOptions& options_;
};

// Something that is to become an object.
struct Upload {
  enum class Kind : std::uint8_t { meta, blob, pack };
  Kind kind = Kind::pack;
  std::filesystem::path file = {};
  std::string object = {};
};

class Pass {
 public:
  Pass(const JournalDir& directory, ObjectStore& store, const UploadOptions& options,
       Refusals& refusals)
      : directory_(directory),
        store_(store),
        options_(options),
        refusals_(refusals),
        is_started_(!is_out_of_time()) {
    if (is_started_) refusals_.begin_pass();
  }

  /// True when `file` is in the store and has moved on.
  bool ship(const std::filesystem::path& file, const std::string& object) {
    if (!put(file, object)) return false;
    const auto pack = parse_numbered_name(file.filename().native(), kPack_suffix);
    if (options_.arrived && pack) options_.arrived(*pack);
    crash_point("after_put");
    const bool is_end = file == directory_.end();
    Result<void> moved = options_.before_move ? options_.before_move() : Result<void>();
    if (!moved) {
      fail_object(file, std::move(moved).error());
      return false;
    }
    if (options_.keep_shipped || is_end || names_waiting_blob(file)) {
      moved = rename_file(file, directory_.shipped() / file.filename(), true);
    } else {
      moved = remove_file(file);
    }
    crash_point("after_ship");
    if (moved) {
      if (is_sha256_hex(file.filename().native())) --blobs_left_;
      return true;
    }
    if (is_absent(directory_.path())) {
      ++outcome.waiting;
      outcome.needs_owner = true;
      outcome.error = {Errc::not_found, 0,
                       directory_.path().native() +
                           " was renamed or removed while it was shipped; " + object +
                           " has arrived under this name, and may again under another"};
      return false;
    }
    fail_object(file, std::move(moved).error());
    return false;
  }

  /// How many artifacts wait, before any is put.
  void expect_blobs(std::uint64_t count) noexcept { blobs_left_ = count; }

  /// Whether it is to be sent.
  bool passes(const std::filesystem::path& file) {
    if (!options_.check) return true;
    auto checked = options_.check(file);
    if (!checked) fail_object(file, std::move(checked).error());
    return checked && *checked;
  }
  void fail_object(const std::filesystem::path& file, Error error) {
    PutAnswer failed;
    failed.concerns_object_only = error.code != Errc::unavailable;
    failed.error = std::move(error);
    fail(file, std::move(failed));
  }

  bool put(const std::filesystem::path& file, const std::string& object) {
    PutAnswer answer = store_.put(object, file);
    if (answer.verdict != PutAnswer::Verdict::stored) {
      const auto pack = parse_numbered_name(file.filename().native(), kPack_suffix);
      const bool may_be_there = answer.verdict == PutAnswer::Verdict::retry;
      if (options_.in_doubt && pack && may_be_there) options_.in_doubt(*pack);
      fail(file, std::move(answer));
      return false;
    }
    refusals_.stored(file);
    if (!answer.error.message.empty()) outcome.note = std::move(answer.error);
    return true;
  }

  /// True when it is not to be put now; then one more object waits.
  bool skips(const std::filesystem::path& file) {
    const Refusals::Object* const known = refusals_.find(file);
    const bool is_due = known == nullptr || !known->is_set_aside ||
                        std::chrono::steady_clock::now() >= known->due ||
                        (options_.asks_refused && !is_refused_for_good(known->answer));
    const bool is_one_too_many =
        known == nullptr && has_enough_suspects_ && !refusals_.has_stored_in_pass();
    if (!is_over() && is_due && !is_one_too_many) return false;
    ++outcome.waiting;
    if (known != nullptr) tell(known->answer);
    return true;
  }

  /// The sequence in which they are asked for; returns how many have not failed before.
  std::size_t sort(std::vector<Upload>& uploads) const {
    std::stable_sort(uploads.begin(), uploads.end(), [&](const Upload& a, const Upload& b) {
      return refusals_.turn(a.file) < refusals_.turn(b.file);
    });
    return static_cast<std::size_t>(std::count_if(
        uploads.begin(), uploads.end(),
        [&](const Upload& upload) { return refusals_.find(upload.file) == nullptr; }));
  }

  /// How many of them have failed, and it may be the store: see UploadOptions::suspects_max.
  void count_suspects(const std::vector<Upload>& uploads) {
    const auto suspects = std::count_if(uploads.begin(), uploads.end(), [&](const Upload& upload) {
      const Refusals::Object* const known = refusals_.find(upload.file);
      return known != nullptr && !known->is_set_aside;
    });
    has_enough_suspects_ = static_cast<std::size_t>(suspects) >= options_.suspects_max;
  }

  /// What became of `files` tells of the store. False when nothing was asked.
  bool end(const std::vector<std::filesystem::path>& files) {
    if (!is_started_) return false;
    const auto now = std::chrono::steady_clock::now();
    refusals_.end_pass(now);
    outcome.went_through = refusals_.has_stored_in_pass();
    outcome.store_is_ill = refusals_.is_store_ill();
    const auto suspects = refusals_.suspects_in_pass();
    outcome.store_failed = outcome.store_is_ill || suspects != Refusals::Suspects::none;
    outcome.store_needs_owner = suspects == Refusals::Suspects::closed;
    if (outcome.store_failed) outcome.not_before = refusals_.asked_for();
    for (const auto& file : files) {
      const Refusals::Object* const known = refusals_.find(file);
      if (known == nullptr || !known->is_set_aside) continue;
      ++outcome.refused;
      outcome.refused_due = std::min(outcome.refused_due, known->due);
    }
    return true;
  }

  UploadOutcome outcome;

 private:
  // Such a pack stays: it alone tells here that the artifact was, should that be lost meanwhile.
  [[nodiscard]] bool names_waiting_blob(const std::filesystem::path& file) const {
    if (blobs_left_ == 0 || is_sha256_hex(file.filename().native())) return false;
    const std::set<std::string> blobs = blobs_named_in(file);
    return std::any_of(blobs.begin(), blobs.end(), [&](const std::string& blob) {
      return !is_absent(directory_.blobs() / blob);
    });
  }
  [[nodiscard]] bool is_out_of_time() const {
    return options_.stop.stop_requested() || std::chrono::steady_clock::now() >= options_.deadline;
  }
  [[nodiscard]] bool is_over() const { return is_out_of_time() || refusals_.is_pass_over(); }
  void tell(const PutAnswer& answer) {
    outcome.rejected = outcome.rejected || answer.verdict == PutAnswer::Verdict::reject;
    outcome.needs_owner = outcome.needs_owner || answer.needs_owner || answer.concerns_object_only;
    if (outcome.error.message.empty()) outcome.error = answer.error;
  }
  void fail(const std::filesystem::path& file, PutAnswer answer) {
    // The keeper may have made room meanwhile.
    if (is_absent(file)) return;
    ++outcome.waiting;
    // What fails when time is over may be our own interruption.
    const Refusals::Object* const known = refusals_.find(file);
    tell(is_out_of_time() && known != nullptr ? known->answer : answer);
    if (!is_out_of_time()) refusals_.failed(file, answer);
  }

  const JournalDir& directory_;
  ObjectStore& store_;
  const UploadOptions& options_;
  Refusals& refusals_;
  std::uint64_t blobs_left_ = 0;
  bool has_enough_suspects_ = false;
  const bool is_started_;
};

}  // namespace

std::uint64_t rows_in_pack(const std::filesystem::path& path) {
  auto reader = format::PackReader::open_file(path);
  return reader ? reader->rows() : 0;
}

namespace {

// Packs are looked for first: what they name is in blobs/ by then, or was.
Result<std::vector<Upload>> uploads_of(const JournalDir& directory,
                                       const format::ObjectOwner& owner,
                                       const UploadOptions& options, bool has_meta) {
  const auto names_of_packs = list_if_there(directory.packs());
  if (!names_of_packs) return names_of_packs.error();
  const auto names_of_blobs = list_if_there(directory.blobs());
  if (!names_of_blobs) return names_of_blobs.error();
  std::vector<Upload> packs;
  for (const std::string& name : *names_of_packs) {
    const auto number = parse_numbered_name(name, kPack_suffix);
    if (!number || (options.is_held_back && options.is_held_back(*number))) continue;
    packs.push_back(
        {Upload::Kind::pack, directory.packs() / name, format::pack_object(owner, *number)});
  }
  std::vector<Upload> uploads;
  if (!has_meta) {
    uploads.push_back({Upload::Kind::meta, directory.meta(), format::meta_object(owner)});
  }
  for (const std::string& name : *names_of_blobs) {
    if (!is_sha256_hex(name)) continue;
    uploads.push_back(
        {Upload::Kind::blob, directory.blobs() / name, format::blob_object(owner, name)});
  }
  std::move(packs.begin(), packs.end(), std::back_inserter(uploads));
  return uploads;
}

void upload_one(const Upload& upload, const UploadOptions& options, Pass& pass) {
  if (upload.kind == Upload::Kind::meta) {
    pass.outcome.has_meta = pass.put(upload.file, upload.object);
    return;
  }
  const Sending sending(options,
                        parse_numbered_name(upload.file.filename().native(), kPack_suffix));
  if (!pass.passes(upload.file)) return;
  const bool is_pack = upload.kind == Upload::Kind::pack;
  const std::uint64_t bytes = UploadCounter::size_of(upload.file);
  const std::uint64_t rows = is_pack ? rows_in_pack(upload.file) : 0;
  if (!pass.ship(upload.file, upload.object)) return;
  pass.outcome.packs += is_pack ? 1 : 0;
  pass.outcome.bytes += bytes;
  pass.outcome.records += rows;
}

// For `ls`, which asks no store. Nothing depends on it, so a failure to write it is no trouble.
void note_refused(const JournalDir& directory, const UploadOutcome& outcome) {
  const auto noted = read_file(directory.refused(), kRefused_bytes_max);
  if (outcome.refused == 0) {
    if (noted || noted.error().code != Errc::not_found) (void)remove_file(directory.refused());
    return;
  }
  std::string words = outcome.error.message;
  if (!outcome.end_is_held) {
    words = std::to_string(outcome.refused) +
            (outcome.refused == 1 ? " object is" : " objects are") +
            " refused by the store: " + words;
  }
  words.resize(std::min<std::size_t>(words.size(), kRefused_bytes_max));
  if (!noted || *noted != words) (void)write_file_durably(directory.refused(), words);
}

void upload_all(const JournalDir& directory, const Meta& meta, ObjectStore& store,
                const UploadOptions& options, Pass& pass) {
  const format::ObjectOwner owner = format::owner_of(meta);
  if (!has_uploads(directory)) return;
  pass.outcome.has_meta = options.has_meta || !stat_file(directory.meta());
  auto listed = uploads_of(directory, owner, options, pass.outcome.has_meta);
  if (!listed) {  // what waits is not known, so the end waits
    ++pass.outcome.waiting;
    pass.outcome.error = std::move(listed).error();
    (void)pass.end({});
    return;
  }
  std::vector<Upload> uploads = std::move(*listed);
  UploadCounter counter(options.on_progress, pass.outcome);
  for (const Upload& upload : uploads) {
    if (upload.kind != Upload::Kind::meta) counter.expect(upload.file);
  }
  counter.tell();
  pass.expect_blobs(static_cast<std::uint64_t>(
      std::count_if(uploads.begin(), uploads.end(),
                    [](const Upload& upload) { return upload.kind == Upload::Kind::blob; })));
  const std::size_t fresh = pass.sort(uploads);
  pass.count_suspects(uploads);
  bool has_failed = false;
  for (std::size_t i = 0; i < uploads.size(); ++i) {
    if (pass.skips(uploads[i].file)) continue;  // without a look into a pack that stays
    if (i + 1 < uploads.size()) store.expect(uploads[i + 1].file);
    const std::uint64_t waiting = pass.outcome.waiting;
    upload_one(uploads[i], options, pass);
    counter.moved_on(uploads[i].file);
    if (!has_failed && pass.outcome.waiting > waiting && i + 1 < fresh) {
      has_failed = true;
      // Whether it is the store is told best by an object that has little in common with this one.
      const auto end = uploads.begin() + static_cast<std::ptrdiff_t>(fresh);
      std::rotate(uploads.begin() + static_cast<std::ptrdiff_t>(i) + 1, end - 1, end);
    }
  }
  if (pass.outcome.waiting == 0 && stat_file(directory.end()) && !pass.skips(directory.end())) {
    const auto ready = options.before_end ? options.before_end() : Result<void>();
    if (ready) {
      (void)pass.ship(directory.end(), format::end_object(owner));
    } else {
      pass.fail_object(directory.end(), ready.error());
      pass.outcome.end_is_held = true;
    }
  }
  std::vector<std::filesystem::path> files{directory.end()};
  for (const Upload& upload : uploads) files.push_back(upload.file);
  if (pass.end(files)) note_refused(directory, pass.outcome);
}

}  // namespace

UploadOutcome upload_waiting(const JournalDir& directory, const Meta& meta, ObjectStore& store,
                             const UploadOptions& options) {
  Refusals nothing_known;
  Pass pass(directory, store, options,
            options.refusals != nullptr ? *options.refusals : nothing_known);
  try {
    upload_all(directory, meta, store, options, pass);
  } catch (const std::bad_alloc&) {
    // What had arrived by then counts; the rest waits.
    ++pass.outcome.waiting;
    pass.outcome.store_failed = true;
    pass.outcome.error = out_of_memory();
  }
  return std::move(pass.outcome);
}

bool has_uploads(const JournalDir& directory) {
  const auto packs = list_if_there(directory.packs());
  const auto blobs = list_if_there(directory.blobs());
  if (!packs || !blobs) return true;
  const auto is_pack = [](const std::string& name) {
    return parse_numbered_name(name, kPack_suffix).has_value();
  };
  return std::any_of(packs->begin(), packs->end(), is_pack) ||
         std::any_of(blobs->begin(), blobs->end(), is_sha256_hex) ||
         stat_file(directory.end()).has_value();
}

bool has_segments(const JournalDir& directory) {
  const auto lanes = list_if_there(directory.lanes());
  if (!lanes) return true;
  return std::any_of(lanes->begin(), lanes->end(), [](const std::string& name) {
    return parse_numbered_name(name, kSegment_suffix).has_value();
  });
}

}  // namespace runlog
