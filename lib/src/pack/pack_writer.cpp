// PackWriter: deals records out to columns and, row group by row group, columns to the file.
#include <algorithm>
#include <bit>
#include <string>
#include <utility>

#include "base/bytes.hpp"
#include "pack/pack.hpp"
#include "pack/pack_columns.hpp"
#include "pack/pack_info.hpp"
#include "pack/pack_tally.hpp"
#include "pack/parquet/parquet_footer.hpp"
#include "pack/parquet/parquet_schema.hpp"

namespace runlog::format {
namespace {

struct Columns {
  RunColumn seq{kColumns[kSeq], 1}, lane{kColumns[kLane], 0};
  NumberColumn time{kColumns[kTime]};
  StringColumn kind{kColumns[kKind]}, name{kColumns[kName]};
  NumberColumn step{kColumns[kStep]}, value{kColumns[kValue]}, int_value{kColumns[kInt_value]};
  StringColumn text{kColumns[kText]}, payload{kColumns[kPayload]};

  template <typename Visit>
  void for_each(Visit&& visit) {
    visit(seq), visit(lane), visit(time), visit(kind), visit(name);
    visit(step), visit(value), visit(int_value), visit(text), visit(payload);
  }
};

void add(NumberColumn& column, const std::optional<std::int64_t>& value) {
  value ? column.add(*value) : column.add_null();
}

void add(StringColumn& column, const std::optional<std::string_view>& value) {
  if (value) {
    column.add(*value);
  } else {
    column.add_null();
  }
}

bool is_too_large(const std::optional<std::string_view>& cell) {
  return cell && cell->size() > kCell_bytes_max;
}

}  // namespace

struct PackWriter::State {
  Sink sink;
  Columns columns = {};
  std::size_t group_rows = 0;
  // Records come in runs of one kind, which is looked up once per run; kNo_entry at the start of a
  // row group.
  static constexpr std::uint32_t kNo_entry = UINT32_MAX;
  std::uint32_t kind_entry = kNo_entry;
  Kind kind = Kind::unknown;

  PackTally tally = {};
  Footer footer = {};
  std::uint64_t bytes_written = 0;
  Bytes chunk = {};
  ChunkScratch scratch = {};
  // Once something failed, or the footer is written, every further call says so.
  std::optional<Error> closed = {};

  Result<void> write(std::span<const std::byte> bytes) {
    if (bytes_written == 0) {
      if (auto written = sink(as_bytes(kParquet_magic)); !written) return close(written.error());
      bytes_written = kParquet_magic.size();
    }
    if (auto written = sink(bytes); !written) return close(written.error());
    bytes_written += bytes.size();
    return {};
  }

  Error close(Error error) {
    closed = error;
    return error;
  }

  void add_kind(Kind of_rows, std::size_t rows) {
    if (kind_entry == kNo_entry || kind != of_rows) {
      kind = of_rows;
      kind_entry = columns.kind.add(kind_name(kind));
      --rows;
    }
    columns.kind.add_again(kind_entry, rows);
  }

  // The first of `metrics`, as many as this row group takes; returns how many.
  std::size_t add_metrics(MetricRun metrics, std::span<const std::string_view> names,
                          SeriesEntries& entries) {
    if (entries.group_ != footer.row_groups.size()) {
      entries.clear();
      entries.group_ = footer.row_groups.size();
    }
    metrics.count = std::min(metrics.count, kRow_group_rows_max - group_rows);
    const std::size_t others = columns.text.plain_bytes() + columns.payload.plain_bytes();
    const std::size_t rows =
        columns.name.add_names(metrics, names, entries.entries_, kRow_group_bytes_max - others);
    columns.seq.add(metrics.seq, rows);
    columns.lane.add(metrics.lane, rows);
    add_kind(Kind::metric, rows);
    columns.time.add_all(rows, [&](std::size_t i) { return metrics.time_ns(i); });
    if (metrics.has_step) {
      columns.step.add_all(rows, [&](std::size_t i) { return metrics.step(i); });
    } else {
      columns.step.add_nulls(rows);
    }
    NumberColumn& with = metrics.is_real ? columns.value : columns.int_value;
    NumberColumn& without = metrics.is_real ? columns.int_value : columns.value;
    with.add_all(rows, [&](std::size_t i) { return metrics.bits(i); });
    without.add_nulls(rows);
    columns.text.add_nulls(rows);
    columns.payload.add_nulls(rows);
    tally.add_rows({.kind = Kind::metric,
                    .has_step = metrics.has_step,
                    .has_value = metrics.is_real,
                    .has_int_value = !metrics.is_real},
                   rows);
    group_rows += rows;
    footer.rows += static_cast<std::int64_t>(rows);
    return rows;
  }

  void add_row(const Record& record) {
    columns.seq.add(record.seq);
    columns.lane.add(record.lane);
    columns.time.add(record.time_ns);
    add_kind(record.kind, 1);
    columns.name.add(record.name);
    add(columns.step, record.step);
    if (record.value) {
      columns.value.add(std::bit_cast<std::int64_t>(*record.value));
    } else {
      columns.value.add_null();
    }
    add(columns.int_value, record.int_value);
    add(columns.text, record.text);
    add(columns.payload, record.payload);
    tally.add_rows({.kind = record.kind,
                    .has_step = record.step.has_value(),
                    .has_value = record.value.has_value(),
                    .has_int_value = record.int_value.has_value()},
                   1);
    tally.add_fact(record);
    ++group_rows;
    ++footer.rows;
  }

  [[nodiscard]] bool is_group_full() const {
    return group_rows >= kRow_group_rows_max || columns.name.plain_bytes() +
                                                        columns.text.plain_bytes() +
                                                        columns.payload.plain_bytes() >=
                                                    kRow_group_bytes_max;
  }

  Result<void> flush_group() {
    if (group_rows == 0) return {};
    tally.end_group({.names = columns.name,
                     .times = columns.time,
                     .steps = columns.step,
                     .values = columns.value,
                     .int_values = columns.int_value});
    RowGroupMeta group;
    Result<void> written;
    columns.for_each([&](auto& column) {
      if (!written) return;
      chunk.clear();
      const std::uint64_t offset = bytes_written == 0 ? kParquet_magic.size() : bytes_written;
      group.chunks.push_back(column.write(static_cast<std::int64_t>(offset), chunk, scratch));
      group.uncompressed_bytes += group.chunks.back().uncompressed_bytes;
      column.clear();
      written = write(chunk);
    });
    if (!written) return written;
    group.rows = static_cast<std::int64_t>(group_rows);
    footer.row_groups.push_back(std::move(group));
    group_rows = 0;
    kind_entry = kNo_entry;
    return {};
  }
};

PackWriter::PackWriter(Sink sink)
    : state_(std::make_unique<State>(State{.sink = std::move(sink)})) {}

PackWriter::~PackWriter() = default;

Result<void> PackWriter::append(const Record& record) {
  State& state = *state_;
  if (state.closed) return *state.closed;
  if (is_too_large(record.name) || is_too_large(record.text) || is_too_large(record.payload)) {
    return Error{Errc::too_large, 0,
                 "record " + std::to_string(record.seq) + " of lane " +
                     std::to_string(record.lane) + " has a name, text or payload over " +
                     std::to_string(kCell_bytes_max) + " bytes"};
  }
  state.add_row(record);
  return state.is_group_full() ? state.flush_group() : Result<void>{};
}

Result<void> PackWriter::append(MetricRun metrics, std::span<const std::string_view> names,
                                SeriesEntries& entries) {
  State& state = *state_;
  while (metrics.count > 0) {
    if (state.closed) return *state.closed;
    const std::size_t done = state.add_metrics(metrics, names, entries);
    metrics = metrics.part(done, metrics.count - done);
    if (!state.is_group_full()) continue;
    if (auto flushed = state.flush_group(); !flushed) return flushed;
  }
  return {};
}

Result<void> PackWriter::finish(const PackInfo& info) {
  State& state = *state_;
  if (state.closed) return *state.closed;
  if (auto flushed = state.flush_group(); !flushed) return flushed;
  state.footer.key_values = encode_info(info);
  if (auto summary = state.tally.text(state.bytes_written)) {
    state.footer.key_values.push_back({std::string(kSummary_key), std::move(*summary)});
  }
  Bytes footer = encode_footer(state.footer);
  if (footer.size() > kFooter_bytes_max) {
    return state.close({Errc::too_large, 0,
                        "the pack's footer would take " + std::to_string(footer.size()) +
                            " bytes; the limit is " + std::to_string(kFooter_bytes_max)});
  }
  const auto footer_bytes = static_cast<std::uint32_t>(footer.size());
  footer.resize(footer.size() + sizeof footer_bytes);
  store(footer.data() + footer_bytes, footer_bytes);
  const auto magic = as_bytes(kParquet_magic);
  footer.insert(footer.end(), magic.begin(), magic.end());
  if (auto written = state.write(footer); !written) return written;
  state.closed = Error{Errc::invalid_argument, 0, "the pack is finished already"};
  return {};
}

std::uint64_t PackWriter::rows() const noexcept {
  return static_cast<std::uint64_t>(state_->footer.rows);
}

std::uint64_t PackWriter::bytes_written() const noexcept {
  return state_->bytes_written;
}

}  // namespace runlog::format
