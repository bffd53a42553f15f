// The half of SegmentWalker that deals with damage: how it gets behind it, and how it counts what
// is lost; segment_walker.hpp tells the idea.
#include <algorithm>

#include "segment/segment_walker.hpp"
#include "segment/segment_words.hpp"

namespace runlog::format {

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
void SegmentWalker::settle_rebuilt(SegmentBatch& batch, std::int64_t anchor_seq) {
  std::int64_t records = static_cast<std::int64_t>(batch.records);
  for (const Stretch& stretch : stretches_) records += stretch.guess;
  base_seq_ = std::max<std::int64_t>(0, anchor_seq - records);
  settle(batch, std::nullopt, false);
  base_seq_ = anchor_seq;
}

// The total of what is lost is known; with several stretches their shares are not. The best guesses
// come first.
void SegmentWalker::share_out(std::int64_t lost, bool is_end) {
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
}

// Gives the batch its sequence numbers, now that the next anchor is known (or known not to exist),
// and turns the damaged stretches into Damage with their share of the lost records. `is_end`: the
// walk ends here without a seal, so whatever no stretch accounts for is missing behind this offset.
void SegmentWalker::settle(SegmentBatch& batch, std::optional<std::int64_t> anchor_seq,
                           bool is_end) {
  const auto have = static_cast<std::int64_t>(batch.records);
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
                    .before_index = batch.records,
                    .why = is_end ? "records are missing from this offset on"
                                  : "records are missing before this offset"});
    }
  }
  share_out(lost, is_end);

  // A stretch lies between two pieces.
  std::int64_t seq = base_seq_;
  std::size_t index = 0;
  auto piece = batch.pieces.begin();
  const auto number_until = [&](std::size_t index_end) {
    for (; index < index_end && piece != batch.pieces.end(); ++piece) {
      const std::size_t count = piece->is_event() ? 1 : piece->metrics.count;
      (piece->is_event() ? batch.events[piece->event].seq : piece->metrics.seq) = seq;
      seq += static_cast<std::int64_t>(count);
      index += count;
    }
  };
  for (const Stretch& stretch : stretches_) {
    number_until(stretch.before_index);
    seq += stretch.share;
    if (!names_only_) {
      add_damage({options_.path, stretch.begin, stretch.end,
                  static_cast<std::uint64_t>(stretch.share), is_exact, stretch.why});
    }
  }
  number_until(batch.records);
  stretches_.clear();
  base_seq_ = is_exact ? std::max(*anchor_seq, base_seq_ + have) : base_seq_ + have + lost;
}

}  // namespace runlog::format
