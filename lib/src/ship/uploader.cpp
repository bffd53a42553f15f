#include "ship/uploader.hpp"

#include <algorithm>
#include <string>
#include <vector>

#include "base/sha256.hpp"
#include "format/object_name.hpp"
#include "format/pack.hpp"
#include "platform/crash_point.hpp"
#include "platform/file_system.hpp"
#include "platform/mapped_file.hpp"

namespace runlog {
namespace {

class Pass {
 public:
  Pass(const JournalDir& directory, ObjectStore& store, const UploadOptions& options)
      : directory_(directory), store_(store), options_(options) {}

  /// True when `file` is in the store and has moved on.
  bool ship(const std::filesystem::path& file, const std::string& object) {
    if (skips()) return false;
    if (!put(file, object)) return false;
    crash_point("after_put");
    const bool is_end = file == directory_.end();
    Result<void> moved;
    if (options_.keep_shipped || is_end) {
      moved = rename_file(file, directory_.shipped() / file.filename(), true);
    } else {
      moved = remove_file(file);
    }
    crash_point("after_ship");
    if (!moved) {
      PutAnswer failed;
      failed.error = std::move(moved).error();
      fail(std::move(failed));
      return false;
    }
    return true;
  }

  bool put(const std::filesystem::path& file, const std::string& object) {
    PutAnswer answer = store_.put(object, file);
    if (answer.verdict != PutAnswer::Verdict::stored) {
      fail(std::move(answer));
      return false;
    }
    if (!answer.error.message.empty()) outcome.note = std::move(answer.error);
    return true;
  }

  /// True when nothing more is to be put; then one more object waits.
  bool skips() {
    if (!is_over()) return false;
    ++outcome.waiting;
    return true;
  }
  [[nodiscard]] bool is_over() const {
    return options_.stop.stop_requested() ||
           std::chrono::steady_clock::now() >= options_.deadline || outcome.store_failed;
  }
  void fail(PutAnswer answer) {
    ++outcome.waiting;
    const bool is_final = answer.verdict == PutAnswer::Verdict::reject;
    outcome.rejected = outcome.rejected || is_final;
    outcome.needs_owner = outcome.needs_owner || answer.needs_owner || answer.concerns_object_only;
    outcome.not_before = std::max(outcome.not_before, answer.not_before);
    if (outcome.error.message.empty()) outcome.error = std::move(answer.error);
    // A store that does not answer now will not take the next object either.
    if (!is_final && !answer.concerns_object_only) outcome.store_failed = true;
  }

  UploadOutcome outcome;

 private:
  const JournalDir& directory_;
  ObjectStore& store_;
  const UploadOptions& options_;
};

std::uint64_t size_of(const std::filesystem::path& path) {
  const auto info = stat_file(path);
  return info ? info->bytes : 0;
}

}  // namespace

std::uint64_t rows_in_pack(const std::filesystem::path& path) {
  auto file = MappedFile::open_read_only(path);
  if (!file) return 0;
  auto reader = format::PackReader::open(file->bytes());
  return reader ? reader->rows() : 0;
}

UploadOutcome upload_waiting(const JournalDir& directory, const Meta& meta, ObjectStore& store,
                             const UploadOptions& options) {
  const format::ObjectOwner owner{
      .project = meta.project, .run_id = meta.run_id, .session = meta.session, .rank = meta.rank};
  Pass pass(directory, store, options);
  if (!has_uploads(directory)) return pass.outcome;
  pass.outcome.has_meta = options.has_meta || !stat_file(directory.meta());
  if (!pass.outcome.has_meta) {
    if (pass.skips()) return pass.outcome;
    pass.outcome.has_meta = pass.put(directory.meta(), format::meta_object(owner));
  }
  for (const std::string& name : names_in_directory(directory.blobs())) {
    if (!is_sha256_hex(name)) continue;
    const std::uint64_t bytes = size_of(directory.blobs() / name);
    if (pass.ship(directory.blobs() / name, format::blob_object(owner, name))) {
      pass.outcome.bytes += bytes;
    }
  }
  std::vector<std::string> packs = names_in_directory(directory.packs());
  std::erase_if(packs, [&](const std::string& name) {
    const auto number = parse_numbered_name(name, kPack_suffix);
    return !number || (options.is_held_back && options.is_held_back(*number));
  });
  for (std::size_t i = 0; i < packs.size(); ++i) {
    if (pass.skips()) continue;  // without a look into a pack that stays
    const std::filesystem::path path = directory.packs() / packs[i];
    const std::uint64_t bytes = size_of(path);
    const std::uint64_t rows = rows_in_pack(path);
    if (i + 1 < packs.size()) store.expect(directory.packs() / packs[i + 1]);
    if (pass.ship(path, format::pack_object(owner, *parse_numbered_name(packs[i], kPack_suffix)))) {
      ++pass.outcome.packs;
      pass.outcome.bytes += bytes;
      pass.outcome.records += rows;
    }
  }
  if (pass.outcome.waiting == 0 && stat_file(directory.end())) {
    (void)pass.ship(directory.end(), format::end_object(owner));
  }
  return pass.outcome;
}

bool has_uploads(const JournalDir& directory) {
  for (const std::string& name : names_in_directory(directory.packs())) {
    if (parse_numbered_name(name, kPack_suffix)) return true;
  }
  for (const std::string& name : names_in_directory(directory.blobs())) {
    if (is_sha256_hex(name)) return true;
  }
  return stat_file(directory.end()).has_value();
}

bool has_segments(const JournalDir& directory) {
  for (const std::string& name : names_in_directory(directory.lanes())) {
    if (parse_numbered_name(name, kSegment_suffix)) return true;
  }
  return false;
}

}  // namespace runlog
