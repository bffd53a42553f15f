// The structs of runlog.h that show values of the library. Their texts and arrays point into what
// they show.
#pragma once

#include <string_view>
#include <utility>
#include <vector>

#include "api/call.hpp"
#include "runlog/reader.hpp"
#include "runlog/record.hpp"
#include "runlog/recover.hpp"
#include "runlog/runlog.h"
#include "runlog/summary.hpp"

namespace runlog::api {

[[nodiscard]] runlog_journal view_of(const JournalInfo& info) noexcept;
[[nodiscard]] runlog_record view_of(const Record& record, const runlog_journal* journal) noexcept;
[[nodiscard]] runlog_damage view_of(const Damage& damage) noexcept;
[[nodiscard]] runlog_error view_of(const Error& error) noexcept;
[[nodiscard]] runlog_series_summary view_of(const SeriesSummary& series) noexcept;
[[nodiscard]] runlog_fact view_of(const Fact& fact) noexcept;
[[nodiscard]] runlog_cleaned_file view_of(const CleanedFile& file) noexcept;
[[nodiscard]] runlog_progress view_of(const RecoverProgress& progress) noexcept;

/// Values and their views, as runlog.h hands out lists: by pointers, so that a struct may grow.
template <typename Value, typename View>
class Views {
 public:
  Views() = default;
  explicit Views(std::vector<Value> values) : values_(std::move(values)) {
    views_.reserve(values_.size());
    for (const Value& value : values_) views_.push_back(view_of(value));
    for (const View& view : views_) pointers_.push_back(&view);
  }
  [[nodiscard]] const View* const* items() const noexcept { return pointers_.data(); }
  [[nodiscard]] std::size_t count() const noexcept { return pointers_.size(); }

 private:
  std::vector<Value> values_;
  std::vector<View> views_;
  std::vector<const View*> pointers_;
};
using DamageViews = Views<Damage, runlog_damage>;
using ErrorViews = Views<Error, runlog_error>;

/// What became of a journal, as a list and as on_outcome get it. Pinned: the view points into it.
class OutcomeView {
 public:
  explicit OutcomeView(RecoverOutcome outcome);
  OutcomeView(const OutcomeView&) = delete;
  OutcomeView& operator=(const OutcomeView&) = delete;
  [[nodiscard]] const runlog_outcome& view() const noexcept { return view_; }

 private:
  JournalInfo info_;
  std::string message_;
  DamageViews damage_;
  runlog_journal journal_;
  runlog_outcome view_ = {};
};

}  // namespace runlog::api
