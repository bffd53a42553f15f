#include "segment/segment_walker.hpp"

#include <algorithm>

#include "segment/segment_header.hpp"
#include "segment/segment_words.hpp"

namespace runlog::format {
namespace {

constexpr std::uint32_t kSeries_id_max = 1u << 20;

}  // namespace

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
  const bool holds = is_checksum(commit_crc(word), crc_of(bytes_, at, word, seed));
  return holds ? Check::valid : Check::invalid;
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
bool SegmentWalker::take_metrics(SegmentBatch& batch) {
  if (!has_mark_ || is_block_start(at_)) return false;
  const std::uint64_t begin = at_;
  const std::uint64_t end = std::min<std::uint64_t>(align_up(at_ + 1, kBlock_bytes), bytes_.size());
  const std::byte* const base = bytes_.data();
  // In registers: a commit word is loaded with acquire, behind which members are loaded anew.
  const std::uint32_t seed = group_seed_;
  const bool is_hardware = crc32c_is_hardware();
  while (at_ + kMetric_bytes <= end) {
    const std::uint64_t shape = load_commit(base + at_);
    if (!is_metric(commit_tag(shape))) break;
    const bool has_step = commit_argument(shape) != 0;
    const std::span<const std::string_view> names = names_;
    bool is_nameless = false;
    std::uint64_t at = at_;
    for (; at + kMetric_bytes <= end; at += kMetric_bytes) {
      const std::uint64_t word = load_commit(base + at);
      if (commit_tag(word) != commit_tag(shape) || (commit_argument(word) != 0) != has_step) break;
      const auto first = load<std::uint64_t>(base + at + kCommit_bytes);
      const auto second = load<std::uint64_t>(base + at + kCommit_bytes + 8);
      const std::uint64_t place = at << 32 | word >> 32;
      const auto crc = static_cast<std::uint32_t>(
          is_hardware ? crc32c_words3_hardware(seed, place, first, second)
                      : crc32c_words3(seed, place, first, second));
      if (!is_checksum(commit_crc(word), crc)) break;
      const auto series = static_cast<std::uint32_t>(first);
      is_nameless = series >= names.size() || names[series].empty();
      if (is_nameless && !names_only_) break;
    }
    const std::size_t count = (at - at_) / kMetric_bytes;
    if (count != 0) batch.add(metrics_here(shape, count));
    at_ = at;
    if (is_nameless && !names_only_) {
      take_metric(shape, batch);
      at_ += kMetric_bytes;
    } else if (count == 0) {
      break;
    }
  }
  if (at_ == begin) return false;
  behind_head_ = false;
  return true;
}

bool SegmentWalker::next(std::vector<Record>& batch) {
  batch.clear();
  if (!next(scratch_)) return false;
  scratch_.read(names_, batch);
  return true;
}

bool SegmentWalker::next(SegmentBatch& batch) {
  batch.clear();
  while (!done_) {
    if (at_ + kCommit_bytes > bytes_.size()) {
      end_with_file(batch);
      break;
    }
    if (take_metrics(batch)) continue;
    Check verdict = check(at_, !behind_head_);
    if (verdict == Check::valid && is_block_start(at_) && !is_head(at_)) verdict = Check::invalid;
    if (verdict == Check::valid) {
      if (take_valid(load_commit(bytes_.data() + at_), batch)) return true;
    } else {
      take_invalid(verdict, batch);
    }
  }
  return batch.records != 0;
}

void SegmentWalker::end_with_file(SegmentBatch& batch) {
  if (bytes_.size() < header_.segment_bytes && at_ < options_.settled_end) {
    push_stretch({.begin = at_,
                  .end = std::max<std::uint64_t>(at_, header_.segment_bytes),
                  .before_index = batch.records,
                  .why = "the file ends before its segment does"});
  }
  settle(batch, options_.end_seq, true);
  done_ = true;
}

// Goes on behind what cannot be read, or ends there.
void SegmentWalker::take_invalid(Check verdict, SegmentBatch& batch) {
  const char* const why = verdict == Check::zero ? "a hole: zeros where records were"
                                                 : "a record that fails its checksum";
  // Beside a live writer, zeros right behind a head may be a record longer than the block, whose
  // payload is being written: what lies behind it in this copy is newer than the copy's zeros.
  const bool is_live = options_.settled_end != UINT64_MAX;
  const bool is_over =
      at_ >= options_.settled_end || (is_live && verdict == Check::zero && behind_head_);
  if (!is_over && skip_damage(why, batch.records)) return;
  if (verdict == Check::invalid && !is_over) {
    const std::uint64_t end =
        std::min<std::uint64_t>(align_up(at_ + 1, kBlock_bytes), bytes_.size());
    add_stretch(end, batch.records, why, true);
  }
  settle(batch, is_over ? std::optional<std::int64_t>{} : options_.end_seq, true);
  done_ = true;
}

// True: the batch is complete.
bool SegmentWalker::take_valid(std::uint64_t word, SegmentBatch& batch) {
  const std::byte* const payload = bytes_.data() + at_ + kCommit_bytes;
  switch (static_cast<Tag>(commit_tag(word))) {
    case Tag::block:
      return take_block(word, batch);
    case Tag::seal:
      sealed_ = commit_argument(word) >= 8 && is_seq(load<std::int64_t>(payload));
      settle(batch, sealed_ ? load<std::int64_t>(payload) : options_.end_seq, !sealed_);
      at_ += record_bytes(word);
      done_ = true;
      return false;
    case Tag::pad:
      at_ = align_up(at_ + kCommit_bytes, kBlock_bytes);
      return false;
    case Tag::mark:
      if (commit_argument(word) == 16) {
        mark_time_ns_ = load<std::int64_t>(payload);
        mark_step_ = load<std::int64_t>(payload + 8);
        group_seed_ = group_seed(seed_, mark_time_ns_, mark_step_);
        has_mark_ = true;
      }
      break;
    default:
      if (commit_tag(word) >= kIncompatible_tags) {
        push_stretch({.begin = at_,
                      .end = bytes_.size(),
                      .before_index = batch.records,
                      .guess = 1,
                      .why = "a record of a kind that only a newer runlog can read"});
        settle(batch, options_.end_seq, true);
        done_ = true;
        return false;
      }
      // Behind a record that spans blocks the next one starts with a block of its own.
      take_record(word, batch);
  }
  at_ += record_bytes(word);
  behind_head_ = false;
  return false;
}

bool SegmentWalker::take_block(std::uint64_t word, SegmentBatch& batch) {
  const bool is_ours = commit_argument(word) == kHead_payload_bytes;
  const auto seq = is_ours ? load<std::int64_t>(bytes_.data() + at_ + kCommit_bytes) : -1;
  if (!is_seq(seq)) {
    at_ += record_bytes(word);
    return false;
  }
  if (is_rebuilt_ && base_seq_ == seq) {
    settle_rebuilt(batch, seq);
  } else {
    settle(batch, seq, false);
  }
  is_rebuilt_ = false;
  take_head();
  return batch.records != 0;
}

MetricRun SegmentWalker::metrics_here(std::uint64_t word, std::size_t count) const noexcept {
  return {.bytes = bytes_.data() + at_,
          .count = count,
          .mark_time_ns = mark_time_ns_,
          .mark_step = mark_step_,
          .lane = header_.lane,
          .is_real = commit_tag(word) == static_cast<std::uint8_t>(Tag::metric_real),
          .has_step = commit_argument(word) != 0};
}

// One whose declaration is damaged: it is told with whatever name can be found. Or one that a
// writer has committed since take_metrics looked.
void SegmentWalker::take_metric(std::uint64_t word, SegmentBatch& batch) {
  Record record;
  const MetricRun metric = metrics_here(word, 1);
  metric.read(0, {}, record);
  if (!names_only_) record.name = resolve_name(metric.series(0));
  batch.add(record);
}

void SegmentWalker::take_record(std::uint64_t word, SegmentBatch& batch) {
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
    const std::string_view name = as_text({payload + 4, commit_argument(word) - 4u});
    if (!names_[id].empty() && names_[id] != name) {
      // What this batch has of it so far keeps the name it had then.
      std::vector<Record> records;
      batch.read(names_, records);
      batch.clear();
      for (const Record& record : records) batch.add(record);
      ++names_version_;
    }
    names_[id] = name;
  }
}

void SegmentWalker::take_event(std::uint64_t word, SegmentBatch& batch) {
  const std::size_t size = commit_argument(word);
  const std::byte* const payload = bytes_.data() + at_ + kCommit_bytes;
  Record record;
  record.lane = header_.lane;
  const auto number = static_cast<std::uint8_t>(commit_tag(word) - 0x40u);
  record.kind = number < kKind_count ? static_cast<Kind>(number) : Kind::unknown;
  // It counts as a record even if a newer version gave it a shape we cannot read.
  if (size < kEvent_fixed_bytes) {
    record.kind = Kind::unknown;
    record.time_ns = mark_time_ns_;
    batch.add(record);
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
  batch.add(record);
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
