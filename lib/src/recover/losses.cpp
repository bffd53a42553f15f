#include "recover/losses.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

#include "base/bytes.hpp"
#include "base/sha256.hpp"
#include "platform/directories.hpp"
#include "platform/file_digest.hpp"
#include "platform/file_system.hpp"
#include "read/crash_tally.hpp"
#include "read/untold.hpp"
#include "ship/waiting_check.hpp"
#include "store/object_window.hpp"

namespace runlog {
namespace {

/// Beyond that one listing is asked for, and not each artifact.
constexpr std::size_t kBlobs_asked_for_max = 16;
/// The first look at a stored pack: most footers are shorter.
constexpr std::uint64_t kFooter_bytes_first = 64u << 10;

std::uint64_t records_lost_in(const std::vector<Damage>& damage) {
  std::uint64_t records = 0;
  for (const Damage& one : damage) records += one.records_lost;
  return records;
}

}  // namespace

Result<void> Losses::sort_out_packs() {
  const auto lanes = list_if_there(directory_.lanes());
  if (!lanes) return lanes.error();
  const auto packs = list_if_there(directory_.packs());
  if (!packs) return packs.error();
  std::set<std::uint32_t> in_lanes;
  for (const std::string& name : *lanes) {
    if (const auto number = parse_numbered_name(name, kSegment_suffix)) in_lanes.insert(*number);
  }
  for (const std::string& name : *packs) {
    const auto number = parse_numbered_name(name, kPack_suffix);
    if (!number) continue;
    const std::filesystem::path path = directory_.packs() / name;
    const auto info = check_footer(path, meta_, *number);
    std::string_view suffix;
    if (info) {
      const bool are_all_in_lanes =
          std::all_of(info->segments.begin(), info->segments.end(),
                      [&](const auto& segment) { return in_lanes.contains(segment.number); });
      if (!are_all_in_lanes) continue;
      const auto whole = check_pack(path, meta_, *number);
      if (!whole) return whole.error();
      if (whole->damage.empty()) continue;
      suffix = kMended_suffix;  // by packing its segments again
    } else if (info.error().code == Errc::unsupported) {
      continue;  // a later version's: it waits for that
    } else if (info.error().code != Errc::corrupt) {
      return info.error();
    } else {
      found_.insert((directory_.torn() / name).native());
    }
    note_torn_pack(directory_);
    if (auto moved = move_to_torn(directory_, path, suffix); !moved) return moved;
  }
  return {};
}

void Losses::add_ranges(const format::PackInfo& info) {
  for (const format::PackSegment& segment : info.segments) {
    segments_.insert(segment.number);
    ranges_[segment.lane].emplace_back(segment.first_seq, segment.first_seq + segment.records);
  }
}

void Losses::add_folder(Damage damage) {
  found_.insert(damage.path);
  files_.push_back(std::move(damage));
}

Result<void> Losses::survey() {
  const auto packs = packs_here(directory_);
  if (!packs) return packs.error();
  for (const auto& [number, path] : *packs) {
    packs_.insert(number);
    const auto info = check_footer(path, meta_, number);
    if (!info) {
      unread_packs_.insert(number);  // it is in the store, or waits and says why
      continue;
    }
    dropped_ += info->records_dropped;
    add_ranges(*info);
    for (const Damage& one : info->damage) {
      if (is_whole_file(one)) {
        files_.push_back(one);
      } else {
        records_ += one.records_lost;
      }
    }
  }
  const auto torn = list_if_there(directory_.torn());
  if (!torn) return torn.error();
  for (const std::string& name : *torn) {
    const auto number = parse_numbered_name(name, kPack_suffix);
    if (!number || packs_.contains(*number)) continue;
    files_.push_back({(directory_.torn() / name).native(), 0, 0, 1, false,
                      "this pack cannot be read; it is kept in torn/"});
  }
  return {};
}

Result<void> Losses::settle(ObjectStore* store) {
  if (is_settled_) return {};
  if (store != nullptr) {
    std::erase_if(files_, [&](const Damage& one) {  // it may have arrived before
      const auto number =
          parse_numbered_name(std::filesystem::path(one.path).filename().native(), kPack_suffix);
      return number && store->head(format::pack_object(format::owner_of(meta_), *number));
    });
  }
  if (auto told = check_blobs_of_packs(store); !told) return told;
  const std::size_t known = files_.size();
  std::vector<LaneHole> holes = holes_here();
  if (!holes.empty() && !unread_packs_.empty() && store != nullptr) {
    if (auto read = read_stored_footers(*store, unread_packs_); !read) return read;
    holes = holes_here();
  }
  const std::uint64_t packs = packs_made(directory_);
  const bool may_be_lost = !holes.empty() || !gone_segments().empty() || packs > packs_.size();
  auto elsewhere = may_be_lost ? packs_elsewhere(store) : Result<Elsewhere>(Elsewhere());
  if (!elsewhere) return elsewhere.error();
  // Of the packs, nobody has so many. Then those that were shipped and not kept tell what they
  // held.
  std::uint64_t lacking = 0;
  if (*elsewhere && packs > packs_.size() + (*elsewhere)->size()) {
    lacking = packs - packs_.size() - (*elsewhere)->size();
    if (store != nullptr) {
      if (auto read = read_stored_footers(*store, **elsewhere); !read) return read;
    }
  }
  // Packs that made room were told, and no hole says which of them it was.
  const auto evicted =
      meta_.evicts_unshipped ? evicted_records(directory_) : std::optional<std::uint64_t>(0);
  const std::uint64_t told_before = records_lost_in(files_);
  const bool has_all =
      *elsewhere && (*elsewhere)->empty() && unread_packs_.empty() && evicted.has_value();
  is_settled_ = true;
  if (has_all && may_be_lost) count_losses(holes_here(), *evicted);
  if (lacking != 0) add_lacking(lacking, told_before);
  const bool may_hide_drops = dropped_ < all_drops(directory_);
  for (std::size_t i = 0; i < files_.size(); ++i) {
    if (may_hide_drops) files_[i].exact = false;
    records_ += files_[i].records_lost;
    if (i >= known || found_.contains(files_[i].path)) news_.push_back(files_[i]);
  }
  return {};
}

// All packs that there are have told what they hold.
void Losses::count_losses(const std::vector<LaneHole>& holes, std::uint64_t evicted) {
  if (evicted != 0) return add_records_beyond(evicted, holes);
  const std::vector<std::uint32_t> gone = gone_segments();
  count_holes(holes, 0, directory_.path().native(), files_);
  for (const std::uint32_t number : gone) {
    files_.push_back({directory_.segment(number).native(), 0, 0, 1, false,
                      "this segment is gone, and no pack here has it"});
  }
}

// The last packs of lanes leave no holes, and what a store does not let us read shows none.
void Losses::add_lacking(std::uint64_t packs, std::uint64_t told_before) {
  const std::uint64_t told = records_lost_in(files_);
  if (told >= told_before + packs) return;
  files_.push_back({directory_.path().native(), 0, 0, told_before + packs - told, false,
                    std::to_string(packs) + (packs == 1 ? " pack that was" : " packs that were") +
                        " made here can be found neither here nor in the store"});
}

// The last ones of lanes: they leave no holes. Where a file is known to be lost it may be that one.
std::vector<std::uint32_t> Losses::gone_segments() const {
  std::vector<std::uint32_t> gone;
  if (!files_.empty() || meta_.continues) return gone;
  std::copy_if(expected_.begin(), expected_.end(), std::back_inserter(gone),
               [&](std::uint32_t number) { return !segments_.contains(number); });
  return gone;
}

// What the holes hold beyond the records that were evicted, and beyond one of each lost file.
void Losses::add_records_beyond(std::uint64_t told, const std::vector<LaneHole>& holes) {
  std::uint64_t missing = 0;
  for (const LaneHole& hole : holes) missing += static_cast<std::uint64_t>(hole.end - hole.begin);
  for (const Damage& one : files_) told += one.records_lost;
  if (missing <= told) return;
  files_.push_back({directory_.path().native(), 0, 0, missing - told, false,
                    "files are gone that were not removed to make room"});
}

std::vector<LaneHole> Losses::holes_here() const {
  if (meta_.continues) return {};
  return lane_holes(ranges_);
}

// The end of the object, as far as it tells.
Result<format::PackInfo> Losses::stored_footer(ObjectStore& store, std::uint32_t number) const {
  const std::string name = format::pack_object(format::owner_of(meta_), number);
  const auto theirs = store.head(name);
  if (!theirs) return theirs.error();
  auto window = ObjectWindow::open(store, name, theirs->bytes);
  if (!window) return std::move(window).error();
  const std::uint64_t begin = theirs->bytes - std::min(theirs->bytes, kFooter_bytes_first);
  if (auto got = window->fetch({begin, theirs->bytes}); !got) return got.error();
  if (begin == 0) return check_footer(window->bytes(), name, meta_, number);
  window->place(0, as_bytes(std::string_view("PAR1")));
  auto info = check_footer(window->bytes(), name, meta_, number);
  if (info) return info;
  if (auto got = window->fetch({0, begin}); !got) return got.error();
  return check_footer(window->bytes(), name, meta_, number);
}

// What a copy held that cannot be read any more, or was not kept, the store knows. Its number would
// tell less: the numbers of a lane's segments are not in the lane's order.
Result<void> Losses::read_stored_footers(ObjectStore& store, std::set<std::uint32_t>& numbers) {
  for (auto number = numbers.begin(); number != numbers.end();) {
    const auto info = stored_footer(store, *number);
    if (!info && info.error().code == Errc::unavailable) return info.error();
    if (!info) {  // not for us to see, or not there yet
      ++number;
      continue;
    }
    add_ranges(*info);
    dropped_ += info->records_dropped;
    packs_.insert(*number);
    number = numbers.erase(number);
  }
  return {};
}

std::set<std::uint32_t> Losses::lost_files() const {
  std::set<std::uint32_t> numbers;
  for (const Damage& one : files_) {
    const std::string name = std::filesystem::path(one.path).filename().native();
    for (const std::string_view suffix : {kPack_suffix, kSegment_suffix}) {
      if (const auto number = parse_numbered_name(name, suffix)) numbers.insert(*number);
    }
  }
  return numbers;
}

void Losses::settle_as(std::vector<Damage> losses) {
  is_settled_ = true;
  for (const Damage& one : files_) {  // what they held is among `losses`
    news_.push_back(one);
    news_.back().records_lost = 0;
  }
  for (Damage& one : losses) {
    records_ += one.records_lost;
    news_.push_back(std::move(one));
  }
}

// Where that cannot be known, a hole may be a pack that was shipped and removed.
Result<Losses::Elsewhere> Losses::packs_elsewhere(ObjectStore* store) const {
  if (store == nullptr) {
    return meta_.store_url.empty() ? Elsewhere(std::set<std::uint32_t>()) : Elsewhere();
  }
  const std::string place =
      format::run_prefix(format::owner_of(meta_)) + "/" + format::rank_component(meta_.rank) + "/";
  const std::string ours = place + meta_.session + "-";
  std::set<std::uint32_t> numbers;
  const auto listed = store->list(place, false, [&](const ObjectInfo& object) {
    if (!object.name.starts_with(ours)) return;
    const auto number = parse_numbered_name(object.name.substr(ours.size()), kPack_suffix);
    if (number && !packs_.contains(*number)) numbers.insert(*number);
  });
  if (!listed && listed.error().code == Errc::unavailable) return listed.error();
  return listed ? Elsewhere(std::move(numbers)) : Elsewhere();  // some may not be listed
}

Result<bool> Losses::check(const std::filesystem::path& path, ObjectStore& store) {
  const auto number = parse_numbered_name(path.filename().native(), kPack_suffix);
  return number ? check_pack_file(path, *number, store) : check_blob(path, store);
}

Result<bool> Losses::check_blob(const std::filesystem::path& path, ObjectStore& store) {
  const std::string name = path.filename().native();
  std::string why;
  if (const char* const what = wrong_kind_of_file(path)) {
    why = what;
  } else {
    const auto digest = sha256_of_file(path);
    if (!digest) return digest.error();
    if (*digest == name) return true;
    why = "the artifact's bytes have the SHA-256 " + *digest;
  }
  // It may have arrived before it was damaged here.
  const auto theirs = store.sha256(format::blob_object(format::owner_of(meta_), name));
  if (!theirs && theirs.error().code == Errc::unavailable) return theirs.error();
  if (auto moved = move_to_torn(directory_, path); !moved) return moved.error();
  told_blobs_.insert(name);
  if (theirs && *theirs == name) return false;
  news_.push_back({path.native(), 0, 0, 0, true, why + "; it is kept in torn/"});
  return false;
}

Result<bool> Losses::check_pack_file(const std::filesystem::path& path, std::uint32_t number,
                                     ObjectStore& store) {
  auto pack = check_pack(path, meta_, number);
  if (!pack && pack.error().code != Errc::corrupt) return std::move(pack).error();
  if (pack) {
    if (auto told = tell_missing_blobs(pack->blobs, &store); !told) return told.error();
    checked_packs_.insert(number);
    if (pack->damage.empty()) return true;
  }
  // It may have arrived before it was damaged here; what took its place would be other bytes.
  const auto theirs = store.head(format::pack_object(format::owner_of(meta_), number));
  if (!theirs && theirs.error().code == Errc::unavailable) return theirs.error();
  if (theirs || !pack) {  // without a footer, though survey() has just seen one
    if (!theirs) note_torn_pack(directory_);
    auto moved = move_to_torn(directory_, path, theirs ? kMended_suffix : "");
    if (!moved) return moved.error();
    if (theirs) return false;
    add_folder({path.native(), 0, 0, 1, false, pack.error().message});
    return false;
  }
  if (auto mended = mend_pack(directory_, path, *pack); !mended) return mended.error();
  for (Damage& one : pack->damage) {
    records_ += one.records_lost;
    news_.push_back(std::move(one));
  }
  return true;
}

// Also of packs that have been shipped before: the store may have refused an artifact that they
// name, and it may have been lost here since.
Result<void> Losses::check_blobs_of_packs(ObjectStore* store) {
  const auto packs = packs_here(directory_);
  if (!packs) return packs.error();
  std::set<std::string> blobs;
  for (const auto& [number, path] : *packs) {
    if (!checked_packs_.contains(number)) blobs.merge(blobs_named_in(path));
  }
  if (auto told = tell_missing_blobs(blobs, store); !told) return told;
  for (const auto& [number, path] : *packs) checked_packs_.insert(number);
  return {};
}

Result<void> Losses::tell_missing_blobs(const std::set<std::string>& blobs, ObjectStore* store) {
  std::vector<std::string> absent;
  for (const std::string& name : blobs) {
    const bool is_here =
        stat_file(directory_.blobs() / name) || stat_file(directory_.shipped() / name);
    if (!is_here && !told_blobs_.contains(name)) absent.push_back(name);
  }
  std::set<std::string> stored;
  if (store != nullptr && absent.size() > kBlobs_asked_for_max) {
    const std::string place = format::blob_object(format::owner_of(meta_), "");
    const auto listed = store->list(place, false, [&](const ObjectInfo& object) {
      if (object.name.starts_with(place)) stored.insert(object.name.substr(place.size()));
    });
    if (!listed && listed.error().code == Errc::unavailable) return listed.error();
  }
  for (const std::string& name : absent) {
    if (stored.contains(name)) continue;
    if (store != nullptr) {
      const auto theirs = store->head(format::blob_object(format::owner_of(meta_), name));
      if (theirs) continue;
      if (theirs.error().code == Errc::unavailable) return theirs.error();
      if (theirs.error().code != Errc::not_found) continue;  // not for us to see
    }
    told_blobs_.insert(name);
    const std::string where = store != nullptr ? ", here and in the store" : "";
    news_.push_back(
        {(directory_.blobs() / name).native(), 0, 0, 0, true, "the artifact is gone" + where});
  }
  return {};
}

}  // namespace runlog
