#include "format/segment_walker.hpp"

#include <algorithm>
#include <atomic>
#include <cassert>

namespace runlog::format {
namespace {

constexpr std::uint32_t kSeries_id_max = 1u << 20;
constexpr std::size_t kHead_payload_bytes = 32;

constexpr bool is_block_start(std::uint64_t at) noexcept {
  return at == kHeader_bytes || at % kBlock_bytes == 0;
}

std::uint64_t load_commit(const std::byte* at) noexcept {
  // acquire: pairs with the release in SegmentWriter::commit, for walkers beside a live writer.
  return std::atomic_ref<std::uint64_t>(
             *reinterpret_cast<std::uint64_t*>(const_cast<std::byte*>(at)))
      .load(std::memory_order_acquire);
}

std::uint32_t crc_of(std::span<const std::byte> bytes, std::uint64_t at, std::uint64_t word,
                     std::uint32_t seed) noexcept {
  const std::uint64_t upper = word >> 32;
  if (is_metric(commit_tag(word))) [[likely]] {
    const std::byte* const payload = bytes.data() + at + kCommit_bytes;
    return crc32c_words3(seed, at << 32 | upper, load<std::uint64_t>(payload),
                         load<std::uint64_t>(payload + 8));
  }
  const std::size_t payload = record_bytes(word) - kCommit_bytes;
  const std::uint32_t state = crc32c_word(seed, at << 32 | upper);
  return crc32c_bytes(state, bytes.subspan(at + kCommit_bytes, payload));
}

constexpr bool is_seq(std::int64_t number) noexcept {
  return number >= 0 && number < kSeq_end;
}

bool head_validates(std::span<const std::byte> bytes, std::uint64_t at,
                    std::uint32_t seed) noexcept {
  if (at + kBlock_head_bytes > bytes.size()) return false;
  const std::uint64_t word = load_commit(bytes.data() + at);
  return commit_tag(word) == static_cast<std::uint8_t>(Tag::block) &&
         commit_argument(word) == kHead_payload_bytes &&
         crc_of(bytes, at, word, seed) == commit_crc(word) &&
         is_seq(load<std::int64_t>(bytes.data() + at + kCommit_bytes));
}

}  // namespace

std::optional<SegmentHeader> parse_header(std::span<const std::byte> bytes) noexcept {
  if (bytes.size() < kHeader_bytes) return {};
  const std::byte* const base = bytes.data();
  if (load<std::uint64_t>(base + HeaderAt::magic) != segment_magic()) return {};
  if (load<std::uint32_t>(base + HeaderAt::crc) != crc32c(bytes.first(HeaderAt::crc))) return {};
  if (load<std::uint32_t>(base + HeaderAt::version) != kFormat_version) return {};
  if (load<std::uint32_t>(base + HeaderAt::incompatible) != 0) return {};
  SegmentHeader header;
  header.segment_bytes = load<std::uint32_t>(base + HeaderAt::segment_bytes);
  if (header.segment_bytes < kBlock_bytes || header.segment_bytes > kSegment_bytes_max) return {};
  std::memcpy(header.session.bytes.data(), base + HeaderAt::session, header.session.bytes.size());
  header.number = load<std::uint32_t>(base + HeaderAt::number);
  header.lane = load<std::int32_t>(base + HeaderAt::lane);
  header.first_seq = load<std::int64_t>(base + HeaderAt::first_seq);
  header.created_ns = load<std::int64_t>(base + HeaderAt::created_ns);
  if (!is_seq(header.first_seq)) return {};
  return header;
}

std::optional<SegmentHeader> rebuild_header(std::span<const std::byte> bytes,
                                            const Session& session, std::uint32_t number) noexcept {
  const std::uint32_t seed = segment_seed(session, number);
  for (std::uint64_t at = kHeader_bytes; at + kBlock_head_bytes <= bytes.size();
       at = align_up(at + 1, kBlock_bytes)) {
    if (!head_validates(bytes, at, seed)) continue;
    SegmentHeader header;
    header.session = session;
    header.number = number;
    header.segment_bytes = static_cast<std::uint32_t>(bytes.size());
    // What came before this head in the segment is unknown; the lane's previous segment tells.
    header.first_seq = load<std::int64_t>(bytes.data() + at + 8);
    header.created_ns = load<std::int64_t>(bytes.data() + at + 16);
    header.lane = load<std::int32_t>(bytes.data() + at + 32);
    return header;
  }
  return {};
}

bool is_unused(std::span<const std::byte> bytes) noexcept {
  const auto is_zero = [](std::span<const std::byte> part) {
    return std::all_of(part.begin(), part.end(), [](std::byte b) { return b == std::byte{0}; });
  };
  const auto block = bytes.first(std::min<std::size_t>(bytes.size(), kBlock_bytes));
  const std::size_t magic_end = std::min<std::size_t>(block.size(), HeaderAt::version);
  return is_zero(block.first(magic_end)) &&
         is_zero(block.subspan(std::min<std::size_t>(block.size(), kHeader_bytes)));
}

SegmentWalker::SegmentWalker(std::span<const std::byte> bytes, const SegmentHeader& header,
                             WalkOptions options)
    : bytes_(bytes.first(bytes.size() & ~std::size_t{7})),
      header_(header),
      options_(std::move(options)),
      seed_(segment_seed(header.session, header.number)),
      is_rebuilt_(!parse_header(bytes)),
      base_seq_(header.first_seq),
      long_check_bytes_left_(kLong_checks_max * bytes.size()) {}

SegmentWalker::Check SegmentWalker::check(std::uint64_t at, bool in_block) noexcept {
  if (at + kCommit_bytes > bytes_.size()) return Check::zero;
  const std::uint64_t word = load_commit(bytes_.data() + at);
  if (word == 0) return Check::zero;
  const std::uint8_t tag = commit_tag(word);
  if (tag == 0) return Check::invalid;
  const std::size_t size = record_bytes(word);
  const std::uint64_t room_end =
      in_block ? std::min<std::uint64_t>(align_up(at + 1, kBlock_bytes), bytes_.size())
               : bytes_.size();
  if (size > room_end - at) return Check::invalid;
  if (is_metric(tag) && !has_mark_) return Check::invalid;
  if (size > kBlock_bytes) {
    if (size > long_check_bytes_left_) return Check::invalid;
    long_check_bytes_left_ -= size;
  }
  const std::uint32_t seed = is_metric(tag) ? group_seed_ : seed_;
  return crc_of(bytes_, at, word, seed) == commit_crc(word) ? Check::valid : Check::invalid;
}

bool SegmentWalker::is_head(std::uint64_t at) const noexcept {
  return head_validates(bytes_, at, seed_);
}

void SegmentWalker::take_head() noexcept {
  const std::byte* const payload = bytes_.data() + at_ + kCommit_bytes;
  mark_time_ns_ = load<std::int64_t>(payload + 8);
  mark_step_ = load<std::int64_t>(payload + 16);
  group_seed_ = group_seed(seed_, mark_time_ns_, mark_step_);
  has_mark_ = true;
  behind_head_ = true;
  at_ += kBlock_head_bytes;
}

// The metrics from here to the next record of another kind, which is most of most segments. They
// pass the checks of check(); whatever does not is left to next(), which knows what to make of it.
// False: there was none.
bool SegmentWalker::take_metrics(std::vector<Record>& batch) {
  if (!has_mark_ || is_block_start(at_)) return false;
  const std::uint64_t end = std::min<std::uint64_t>(align_up(at_ + 1, kBlock_bytes), bytes_.size());
  const std::byte* const base = bytes_.data();
  const std::uint64_t begin = at_;
  std::uint64_t at = begin;
  for (; at + kMetric_bytes <= end; at += kMetric_bytes) {
    const std::uint64_t word = load_commit(base + at);
    if (!is_metric(commit_tag(word)) || crc_of(bytes_, at, word, group_seed_) != commit_crc(word)) {
      break;
    }
    at_ = at;  // resolve_name tells it
    take_metric(word, batch);
  }
  if (at == begin) return false;
  behind_head_ = false;
  at_ = at;
  return true;
}

bool SegmentWalker::next(std::vector<Record>& batch) {
  batch.clear();
  while (!done_) {
    if (at_ + kCommit_bytes > bytes_.size()) {
      if (bytes_.size() < header_.segment_bytes && at_ < options_.settled_end) {
        push_stretch({.begin = at_,
                      .end = std::max<std::uint64_t>(at_, header_.segment_bytes),
                      .before_index = batch.size(),
                      .why = "the file ends before its segment does"});
      }
      settle(batch, options_.end_seq, true);
      done_ = true;
      break;
    }
    if (take_metrics(batch)) continue;
    Check verdict = check(at_, !behind_head_);
    if (verdict == Check::valid && is_block_start(at_) && !is_head(at_)) verdict = Check::invalid;
    if (verdict != Check::valid) {
      const char* const why = verdict == Check::zero ? "a hole: zeros where records were"
                                                     : "a record that fails its checksum";
      // Beside a live writer, zeros right behind a head may be a record longer than the block,
      // whose payload is being written: what lies behind it in this copy is newer than the copy's
      // zeros.
      const bool is_live = options_.settled_end != UINT64_MAX;
      const bool is_over =
          at_ >= options_.settled_end || (is_live && verdict == Check::zero && behind_head_);
      if (is_over || !skip_damage(why, batch.size())) {
        const bool torn = verdict == Check::invalid && !is_over;
        if (torn) {
          const std::uint64_t end =
              std::min<std::uint64_t>(align_up(at_ + 1, kBlock_bytes), bytes_.size());
          add_stretch(end, batch.size(), why, true);
        }
        settle(batch, is_over ? std::optional<std::int64_t>{} : options_.end_seq, true);
        done_ = true;
        break;
      }
      continue;
    }
    const std::uint64_t word = load_commit(bytes_.data() + at_);
    switch (static_cast<Tag>(commit_tag(word))) {
      case Tag::block: {
        const bool is_ours = commit_argument(word) == kHead_payload_bytes;
        const auto seq = is_ours ? load<std::int64_t>(bytes_.data() + at_ + 8) : -1;
        if (!is_seq(seq)) {
          at_ += record_bytes(word);
          break;
        }
        if (is_rebuilt_ && base_seq_ == seq) {
          settle_rebuilt(batch, seq);
        } else {
          settle(batch, seq, false);
        }
        is_rebuilt_ = false;
        take_head();
        if (!batch.empty()) return true;
        break;
      }
      case Tag::seal:
        sealed_ = commit_argument(word) >= 8 && is_seq(load<std::int64_t>(bytes_.data() + at_ + 8));
        settle(batch, sealed_ ? load<std::int64_t>(bytes_.data() + at_ + 8) : options_.end_seq,
               !sealed_);
        at_ += record_bytes(word);
        done_ = true;
        break;
      case Tag::pad:
        at_ = align_up(at_ + kCommit_bytes, kBlock_bytes);
        break;
      case Tag::mark: {
        const std::byte* const payload = bytes_.data() + at_ + kCommit_bytes;
        if (commit_argument(word) == 16) {
          mark_time_ns_ = load<std::int64_t>(payload);
          mark_step_ = load<std::int64_t>(payload + 8);
          group_seed_ = group_seed(seed_, mark_time_ns_, mark_step_);
          has_mark_ = true;
        }
        at_ += record_bytes(word);
        behind_head_ = false;
        break;
      }
      default:
        if (commit_tag(word) >= kIncompatible_tags) {
          push_stretch({.begin = at_,
                        .end = bytes_.size(),
                        .before_index = batch.size(),
                        .guess = 1,
                        .why = "a record of a kind that only a newer runlog can read"});
          settle(batch, options_.end_seq, true);
          done_ = true;
          break;
        }
        take_record(word, batch);
        at_ += record_bytes(word);
        behind_head_ = false;
        // Behind a record that spans blocks the next one starts with a block of its own.
    }
  }
  return !batch.empty();
}

// Moves at_ to the next record that validates: in this block if one does, else at the next block
// head that does. False, and at_ unchanged, when there is none.
bool SegmentWalker::skip_damage(const char* why, std::size_t before_index) {
  const std::uint64_t block_end =
      std::min<std::uint64_t>(align_up(at_ + 1, kBlock_bytes), bytes_.size());
  // Behind a damaged head a record longer than the block may stand unharmed.
  const std::uint64_t behind_head = is_block_start(at_) ? at_ + kBlock_head_bytes : 0;
  std::uint64_t found = 0;
  for (std::uint64_t at = at_ + 8; at + kCommit_bytes <= block_end && found == 0; at += 8) {
    if (check(at, at != behind_head) == Check::valid) found = at;
  }
  // Behind a damaged record that is longer than its block stands a pad or the seal, in a block
  // without a head. Only the record's own length leads there.
  std::uint64_t behind_large = 0;
  if (found == 0 && behind_head_) {
    behind_large = at_ + record_bytes(load_commit(bytes_.data() + at_));
    const bool is_there = behind_large > block_end && behind_large % kBlock_bytes != 0 &&
                          behind_large < bytes_.size() && check(behind_large, true) == Check::valid;
    if (!is_there) behind_large = 0;
  }
  const std::uint64_t heads_end = behind_large != 0 ? behind_large : bytes_.size();
  for (std::uint64_t at = block_end; at < heads_end && found == 0; at += kBlock_bytes) {
    if (is_head(at)) found = at;
  }
  if (found == 0) found = behind_large;
  if (found == 0) return false;
  add_stretch(found, before_index, why, false);
  at_ = found;
  behind_head_ = found == behind_head;
  return true;
}

// Notes [at_, end) as damaged and guesses how many records it held from the commit words in it: one
// flipped bit leaves most of them readable. The guess decides only where the next anchor leaves a
// choice, or where there is none.
void SegmentWalker::add_stretch(std::uint64_t end, std::size_t before_index, const char* why,
                                bool is_tail) {
  std::int64_t count = 0;
  std::uint64_t at = at_;
  while (at + kCommit_bytes <= end) {
    if (is_block_start(at)) {
      at += kBlock_head_bytes;
      continue;
    }
    const std::uint64_t word = load_commit(bytes_.data() + at);
    const std::uint8_t tag = commit_tag(word);
    if (tag == 0 || tag >= kIncompatible_tags) break;
    if (is_metric(tag) || (is_event(tag) && commit_argument(word) >= kEvent_fixed_bytes)) ++count;
    const std::size_t size = record_bytes(word);
    if (size > end - at) break;
    at = tag == static_cast<std::uint8_t>(Tag::pad) ? align_up(at + size, kBlock_bytes) : at + size;
  }
  const bool is_explained = at >= end;
  // Where something valid follows, something was here.
  if (!is_explained && !is_tail) count = std::max<std::int64_t>(count, 1);
  push_stretch({.begin = at_,
                .end = end,
                .before_index = before_index,
                .guess = count,
                .is_explained = is_explained,
                .why = why});
}

// Between two anchors, too, there are only so many: the last one takes in what comes behind.
void SegmentWalker::push_stretch(Stretch stretch) {
  if (stretches_.size() < kDamage_stretches_max) {
    stretches_.push_back(stretch);
    return;
  }
  Stretch& last = stretches_.back();
  last.end = stretch.end;
  last.guess += stretch.guess;
  last.is_explained = last.is_explained && stretch.is_explained;
}

void SegmentWalker::add_damage(Damage damage) {
  if (damage_.size() < kDamage_stretches_max) {
    damage_.push_back(std::move(damage));
    return;
  }
  Damage& last = damage_.back();
  if (!is_merging_) last.why = "many damaged stretches, with whole records between them";
  is_merging_ = true;
  last.begin = std::min(last.begin, damage.begin);
  last.end = std::max(last.end, damage.end);
  last.records_lost += damage.records_lost;
  last.exact = last.exact && damage.exact;
}

// The first anchor of a segment whose header was rebuilt from that very head: what was read before
// it has the numbers before the head's, and nobody can tell how many records were lost there.
void SegmentWalker::settle_rebuilt(std::vector<Record>& batch, std::int64_t anchor_seq) {
  std::int64_t records = static_cast<std::int64_t>(batch.size());
  for (const Stretch& stretch : stretches_) records += stretch.guess;
  base_seq_ = std::max<std::int64_t>(0, anchor_seq - records);
  settle(batch, std::nullopt, false);
  base_seq_ = anchor_seq;
}

// Gives the batch its sequence numbers, now that the next anchor is known (or known not to exist),
// and turns the damaged stretches into Damage with their share of the lost records. `is_end`: the
// walk ends here without a seal, so whatever no stretch accounts for is missing behind this offset.
void SegmentWalker::settle(std::vector<Record>& batch, std::optional<std::int64_t> anchor_seq,
                           bool is_end) {
  const auto have = static_cast<std::int64_t>(batch.size());
  const bool is_exact = anchor_seq.has_value();
  std::int64_t guessed = 0;
  for (const Stretch& stretch : stretches_) guessed += stretch.guess;
  std::int64_t lost = guessed;
  if (is_exact) {
    lost = std::max<std::int64_t>(0, *anchor_seq - base_seq_ - have);
    const bool is_behind =
        is_end && lost > guessed && (stretches_.empty() || stretches_.back().begin != at_);
    if (is_behind || (lost > 0 && stretches_.empty())) {
      push_stretch({.begin = at_,
                    .end = at_,
                    .before_index = batch.size(),
                    .why = is_end ? "records are missing from this offset on"
                                  : "records are missing before this offset"});
    }
  }
  // The total is known; with several stretches their shares are not. The best guesses come first.
  std::int64_t left = lost;
  const auto give = [&](bool explained, auto&& limit_of) {
    for (Stretch& stretch : stretches_) {
      if (stretch.is_explained != explained) continue;
      const std::int64_t more =
          std::clamp<std::int64_t>(limit_of(stretch) - stretch.share, 0, left);
      stretch.share += more;
      left -= more;
    }
  };
  const auto guess = [](const Stretch& stretch) { return stretch.guess; };
  give(true, guess);
  give(false, guess);
  if (!is_end) {
    give(false, [](const Stretch& stretch) {
      return static_cast<std::int64_t>((stretch.end - stretch.begin) / kMetric_bytes);
    });
  }
  if (!stretches_.empty()) stretches_.back().share += left;

  std::int64_t shift = 0;
  std::size_t index = 0;
  for (const Stretch& stretch : stretches_) {
    for (; index < stretch.before_index; ++index) {
      batch[index].seq = base_seq_ + static_cast<std::int64_t>(index) + shift;
    }
    shift += stretch.share;
    if (!names_only_) {
      add_damage({options_.path, stretch.begin, stretch.end,
                  static_cast<std::uint64_t>(stretch.share), is_exact, stretch.why});
    }
  }
  for (; index < batch.size(); ++index) {
    batch[index].seq = base_seq_ + static_cast<std::int64_t>(index) + shift;
  }
  stretches_.clear();
  base_seq_ = is_exact ? std::max(*anchor_seq, base_seq_ + have) : base_seq_ + have + lost;
}

void SegmentWalker::take_metric(std::uint64_t word, std::vector<Record>& batch) {
  const std::byte* const payload = bytes_.data() + at_ + kCommit_bytes;
  Record& record = batch.emplace_back();
  record.lane = header_.lane;
  record.kind = Kind::metric;
  // Unsigned, as the step: a forged mark may stand at the end of time.
  record.time_ns = static_cast<std::int64_t>(static_cast<std::uint64_t>(mark_time_ns_) +
                                             load<std::uint32_t>(payload + 4));
  record.name = names_only_ ? std::string_view{} : resolve_name(load<std::uint32_t>(payload));
  if (const std::uint32_t code = commit_argument(word); code != 0) {
    record.step =
        static_cast<std::int64_t>(static_cast<std::uint64_t>(mark_step_) + code - kStep_bias);
  }
  if (commit_tag(word) == static_cast<std::uint8_t>(Tag::metric_real)) {
    record.value = load<double>(payload + 8);
  } else {
    record.int_value = load<std::int64_t>(payload + 8);
  }
}

void SegmentWalker::take_record(std::uint64_t word, std::vector<Record>& batch) {
  const std::uint8_t tag = commit_tag(word);
  const std::byte* const payload = bytes_.data() + at_ + kCommit_bytes;
  if (is_metric(tag)) {
    take_metric(word, batch);
  } else if (is_event(tag)) {
    take_event(word, batch);
  } else if (tag == static_cast<std::uint8_t>(Tag::series) && commit_argument(word) > 4) {
    const auto id = load<std::uint32_t>(payload);
    if (id >= kSeries_id_max) return;
    if (id >= names_.size()) names_.resize(std::size_t{id} + 1);
    names_[id] = as_text({payload + 4, commit_argument(word) - 4u});
  }
}

void SegmentWalker::take_event(std::uint64_t word, std::vector<Record>& batch) {
  const std::size_t size = commit_argument(word);
  const std::byte* const payload = bytes_.data() + at_ + kCommit_bytes;
  Record record;
  record.lane = header_.lane;
  const auto number = static_cast<std::uint8_t>(commit_tag(word) - 0x40u);
  record.kind =
      number <= static_cast<std::uint8_t>(Kind::spill) ? static_cast<Kind>(number) : Kind::unknown;
  // It counts as a record even if a newer version gave it a shape we cannot read.
  if (size < kEvent_fixed_bytes) {
    record.kind = Kind::unknown;
    record.time_ns = mark_time_ns_;
    batch.push_back(record);
    return;
  }
  const auto flags = static_cast<std::uint8_t>(payload[24]);
  const std::size_t name_bytes = load<std::uint16_t>(payload + 26);
  const std::size_t text_bytes = load<std::uint32_t>(payload + 28);
  record.time_ns = load<std::int64_t>(payload);
  if ((flags & kHas_step) != 0) record.step = load<std::int64_t>(payload + 8);
  if ((flags & kHas_real) != 0) record.value = load<double>(payload + 16);
  if ((flags & kHas_int) != 0) record.int_value = load<std::int64_t>(payload + 16);
  const std::string_view rest = as_text({payload + kEvent_fixed_bytes, size - kEvent_fixed_bytes});
  if (name_bytes <= rest.size() && text_bytes <= rest.size() - name_bytes) {
    record.name = rest.substr(0, name_bytes);
    if ((flags & kHas_text) != 0) record.text = rest.substr(name_bytes, text_bytes);
    if ((flags & kHas_payload) != 0) record.payload = rest.substr(name_bytes + text_bytes);
  } else {
    record.kind = Kind::unknown;
    record.payload = rest;
  }
  batch.push_back(record);
}

std::string_view SegmentWalker::name_of(std::uint32_t series) const noexcept {
  return series < names_.size() ? names_[series] : std::string_view{};
}

// Damage may have taken a declaration. The name is then found further on in this segment, in
// another one of the journal, or not at all; the record itself is whole and kept in any case.
std::string_view SegmentWalker::resolve_name(std::uint32_t series) {
  if (series < names_.size() && !names_[series].empty()) [[likely]]
    return names_[series];
  if (const auto found = found_names_.find(series); found != found_names_.end()) {
    return found->second;
  }
  if (!looked_ahead_) {
    looked_ahead_ = true;
    SegmentWalker ahead(bytes_, header_, {});
    ahead.names_only_ = true;
    std::vector<Record> ignored;
    while (ahead.next(ignored)) {
    }
    // Only fill what is missing: an earlier declaration stands.
    if (ahead.names_.size() > names_.size()) names_.resize(ahead.names_.size());
    for (std::size_t id = 0; id < ahead.names_.size(); ++id) {
      if (names_[id].empty()) names_[id] = ahead.names_[id];
    }
    if (series < names_.size() && !names_[series].empty()) return names_[series];
  }
  std::optional<std::string> name;
  if (options_.find_name) name = options_.find_name(series);
  if (!name || name->empty()) {
    name = "series-" + std::to_string(series) + "?";
    add_damage({options_.path, at_, at_ + kMetric_bytes, 0, true,
                "the declaration of series " + std::to_string(series) +
                    " is lost; its records are shown as " + *name});
  }
  return found_names_.emplace(series, std::move(*name)).first->second;
}

}  // namespace runlog::format
