#include "recover/relocation.hpp"

#include <algorithm>
#include <filesystem>
#include <set>
#include <utility>
#include <vector>

#include "base/sha256.hpp"
#include "base/url.hpp"
#include "journal/lane_holes.hpp"
#include "platform/crash_point.hpp"
#include "platform/directories.hpp"
#include "platform/file_system.hpp"
#include "read/crash_tally.hpp"
#include "recover/store_trust.hpp"
#include "segment/layout.hpp"
#include "ship/waiting_check.hpp"
#include "store/object_window.hpp"

namespace runlog {
namespace {

constexpr std::size_t kNames_told_max = 5;

// Adds up what there is of a journal, here and in the store, and what of it is named but missing.
class Inventory {
 public:
  Inventory(const JournalDir& directory, const Meta& meta, ObjectStore& store)
      : directory_(directory), owner_(format::owner_of(meta)), meta_(meta), store_(store) {}

  Result<void> add_local() {
    const auto packs = packs_here(directory_);
    if (!packs) return packs.error();
    for (const auto& [number, path] : *packs) {
      packs_.insert(number);
      const auto pack = check_pack(path, meta_, number);
      if (pack) {
        add(*pack);
      } else if (pack.error().code != Errc::corrupt) {
        return pack.error();
      }
    }
    return {};
  }

  Result<void> add_stored() {
    const std::string place =
        format::run_prefix(owner_) + "/" + format::rank_component(meta_.rank) + "/";
    const std::string ours = place + meta_.session + "-";
    std::vector<std::pair<std::uint32_t, ObjectInfo>> others;
    auto listed = store_.list(place, false, [&](const ObjectInfo& object) {
      if (!object.name.starts_with(ours)) return;
      const auto number = parse_numbered_name(object.name.substr(ours.size()), kPack_suffix);
      if (number && packs_.insert(*number).second) others.emplace_back(*number, object);
    });
    if (!listed) return listed;
    for (const auto& [number, object] : others) {
      auto window = ObjectWindow::open(store_, object.name, object.bytes);
      if (!window) return std::move(window).error();
      if (auto got = window->fetch({0, object.bytes}); !got) return got;
      const auto pack = check_pack(window->bytes(), object.name, meta_, number);
      if (!pack) return pack.error();
      add(*pack);
    }
    return {};
  }

  /// Records between those that are there. Every journal has a first one, on the shared lane.
  [[nodiscard]] std::uint64_t missing_records() const {
    std::uint64_t missing = ranges_.contains(format::kShared_lane) ? 0 : 1;
    for (const LaneHole& hole : lane_holes(ranges_)) {
      missing += static_cast<std::uint64_t>(hole.end - hole.begin);
    }
    return missing;
  }
  [[nodiscard]] bool has_records() const { return !ranges_.empty(); }
  /// Of the missing records, those that the packs tell of.
  [[nodiscard]] std::uint64_t evicted() const { return evicted_; }
  /// Records that are lost within a pack, and so are not among the missing ones.
  [[nodiscard]] std::uint64_t damaged() const { return damaged_; }

  /// Artifacts that a record names and nobody has.
  Result<std::vector<std::string>> missing_blobs() {
    std::vector<std::string> missing;
    for (const std::string& blob : blobs_) {
      if (stat_file(directory_.blobs() / blob) || stat_file(directory_.shipped() / blob)) continue;
      const auto theirs = store_.head(format::blob_object(owner_, blob));
      if (theirs) continue;
      if (theirs.error().code != Errc::not_found) return theirs.error();
      missing.push_back(blob);
    }
    return missing;
  }

  /// How many of the packs that were made are not there.
  [[nodiscard]] std::uint64_t missing_pack_count() const {
    const std::uint64_t made = packs_made(directory_);
    return made > packs_.size() ? made - packs_.size() : 0;
  }

  /// Whether all that is missing may have been in these files. A pack's number is its lowest
  /// segment's, so what is missing before it was in another.
  [[nodiscard]] bool is_explained_by(const std::set<std::uint32_t>& files) const {
    std::uint32_t next = 0;
    for (const std::uint32_t number : segments_) {
      if (number > next && !files.contains(next)) return false;
      next = number + 1;
    }
    return !files.empty();
  }

  /// Where the missing records may have been: "<session>-00000002" to the like. A pack's number is
  /// its lowest segment's, and numbers of segments that were never used are no packs.
  [[nodiscard]] std::string missing_packs() const {
    std::string names;
    std::uint32_t next = 0;
    std::size_t told = 0;
    for (const std::uint32_t number : segments_) {
      if (number > next && ++told <= kNames_told_max) {
        names += (names.empty() ? "" : ", ") + range_text(next, number - 1);
      }
      next = number + 1;
    }
    return told > kNames_told_max ? names + ", …" : names;
  }

 private:
  void add(const PackCheck& pack) {
    for (const format::PackSegment& segment : pack.info.segments) {
      segments_.insert(segment.number);
      if (segment.records == 0) continue;
      ranges_[segment.lane].emplace_back(segment.first_seq, segment.first_seq + segment.records);
    }
    evicted_ += pack.evicted;
    for (const Damage& one : pack.info.damage) {
      if (!is_whole_file(one)) damaged_ += one.records_lost;
    }
    blobs_.insert(pack.blobs.begin(), pack.blobs.end());
  }
  static std::string range_text(std::uint32_t first, std::uint32_t last) {
    const std::string from = numbered_name(first, kPack_suffix);
    return first == last ? from : from + " to " + numbered_name(last, kPack_suffix);
  }

  const JournalDir& directory_;
  const format::ObjectOwner owner_;
  const Meta& meta_;
  ObjectStore& store_;
  LaneRanges ranges_;
  std::set<std::uint32_t> packs_;     // here or in the store
  std::set<std::uint32_t> segments_;  // in those
  std::set<std::string> blobs_;       // named by their records
  std::uint64_t evicted_ = 0;
  std::uint64_t damaged_ = 0;
};

}  // namespace

bool is_same_store(std::string_view a, std::string_view b) {
  return normal_url(a) == normal_url(b);
}

Result<Moved> take_back(const JournalDir& directory, std::string_view url,
                        std::string_view from_url) {
  bool has_shipped = false;
  const auto move_back = [&](const std::filesystem::path& source,
                             const std::filesystem::path& target) {
    has_shipped = true;
    // A blob of that name has the same content; a pack is in one place only.
    auto moved = rename_file(source, target, is_sha256_hex(target.filename().native()));
    crash_point("in_move_back");
    return moved;
  };
  for (const auto& folder : {directory.packs(), directory.blobs(), directory.shipped()}) {
    if (auto made = make_directories(folder, Rights::of_parent); !made) return made.error();
  }
  const auto shipped = list_directory(directory.shipped());
  if (!shipped) return shipped.error();
  const auto noted_before = read_moved(directory);
  if (!noted_before) return noted_before.error();
  const std::optional<Moved>& before = *noted_before;
  Moved moved{.store_url = normal_url(from_url),
              .from_store_url = before ? before->from_store_url : std::string(),
              .may_lack = true};
  // Also the store that it has shipped to may have been emptied: whatever comes of this, the end is
  // not put there again without a look.
  const bool is_again = is_same_store(url, from_url);
  const bool has_kept = !shipped->empty();
  if (!from_url.empty() && (is_again || has_kept)) {
    if (auto noted = note_moved(directory, moved); !noted) return noted.error();
  }
  // The end first: from then on the journal is not taken for finished. But where the run has gone
  // on in another journal, that one tells it.
  const auto json = read_file(directory.shipped() / "end.json", kMeta_bytes_max);
  const auto end = json ? parse_end(*json, directory.shipped().native()) : Error{};
  const bool goes_on_elsewhere = end && end->state == RunEnd::moved;
  if (stat_file(directory.shipped() / "end.json") && !goes_on_elsewhere) {
    auto back = move_back(directory.shipped() / "end.json", directory.end());
    if (!back) return back.error();
  }
  for (const std::string& name : *shipped) {
    const bool is_blob = is_sha256_hex(name);
    if (!is_blob && !parse_numbered_name(name, kPack_suffix)) continue;
    const auto target = (is_blob ? directory.blobs() : directory.packs()) / name;
    if (auto back = move_back(directory.shipped() / name, target); !back) return back.error();
  }
  for (const auto& folder : {directory.packs(), directory.blobs(), directory.shipped()}) {
    if (auto synced = sync_directory(folder); !synced) return synced.error();
  }
  if (is_again) return moved;
  return Moved{.store_url = normal_url(url),
               .from_store_url = without_secrets(from_url),
               .may_lack = has_shipped || !from_url.empty() || (before && before->may_lack)};
}

Result<void> note_moved(const JournalDir& directory, const Moved& moved) {
  return write_file_durably(directory.moved(), to_json(moved));
}

Result<Missing> find_missing(const JournalDir& directory, const Meta& meta, ObjectStore& store,
                             std::uint64_t told_lost, const std::set<std::uint32_t>& lost_files) {
  Inventory inventory(directory, meta, store);
  if (auto added = inventory.add_local(); !added) return added.error();
  const auto unexplained = [&] {
    const std::uint64_t holes_told =
        told_lost > inventory.damaged() ? told_lost - inventory.damaged() : 0;
    const std::uint64_t told = holes_told + (meta.evicts_unshipped ? inventory.evicted() : 0);
    const std::uint64_t missing = inventory.missing_records();
    return missing > told ? missing - told : 0;
  };
  if (unexplained() > 0 || inventory.missing_pack_count() > 0) {
    if (auto added = inventory.add_stored(); !added) {
      Error error = std::move(added).error();
      error.message =
          "whether " + store.url() +
          " has what this journal has shipped and not kept cannot be seen: " + error.message;
      return error;
    }
  }
  Missing missing{.records = unexplained()};
  missing.is_all = !inventory.has_records();
  // Losses that are told of do not explain that there is nothing at all.
  if (missing.is_all) missing.records = std::max<std::uint64_t>(1, inventory.missing_records());
  if (!missing.is_all && inventory.is_explained_by(lost_files)) missing.records = 0;
  // The last packs leave no holes.
  missing.records = std::max(missing.records, inventory.missing_pack_count());
  if (missing.records > 0 && !missing.is_all) missing.packs = inventory.missing_packs();
  auto blobs = inventory.missing_blobs();
  if (!blobs) return std::move(blobs).error();
  missing.blobs = std::move(*blobs);
  return missing;
}

Error lacks(const ObjectStore& store, const Moved& moved, const Missing& missing) {
  std::string what;
  if (missing.is_all) {
    what = "all records";
  } else if (missing.records > 0) {
    what = "at least " + std::to_string(missing.records) + " record" +
           (missing.records == 1 ? "" : "s") +
           (missing.packs.empty() ? "" : " (of the packs among " + missing.packs + ")");
  }
  if (!missing.blobs.empty()) {
    const std::size_t count = missing.blobs.size();
    std::string names;
    for (std::size_t i = 0; i < std::min(count, kNames_told_max); ++i) {
      names += (i == 0 ? "" : ", ") + missing.blobs[i];
    }
    if (count > kNames_told_max) names += ", …";
    what += (what.empty() ? "" : " and ") + std::to_string(count) +
            (count == 1 ? " artifact (" : " artifacts (") + names + ")";
  }
  const bool is_elsewhere =
      !moved.from_store_url.empty() && !is_same_store(moved.from_store_url, moved.store_url);
  const std::string remedy =
      is_elsewhere ? "copy what " + moved.from_store_url + " still has of it there (runlog pull)"
                   : std::string("put it back there if anybody has it");
  return {Errc::not_found, 0,
          store.url() + " lacks " + what +
              ", which are not here either: shipped before and not kept, or lost with the "
              "machine's power; " +
              remedy +
              " and run this again, or, when nobody has it, with --accept-missing. Everything else "
              "has arrived; end.json waits, because it would say that all has"};
}

}  // namespace runlog
