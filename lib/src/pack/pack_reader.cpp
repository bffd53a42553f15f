// PackReader: the footer's promises are checked when a pack is opened, each row group's when it is
// loaded.
#include <algorithm>
#include <array>
#include <bit>
#include <limits>
#include <string>
#include <utility>

#include "base/bytes.hpp"
#include "pack/pack.hpp"
#include "pack/pack_info.hpp"
#include "pack/pack_summary.hpp"
#include "pack/parquet/chunk_reader.hpp"
#include "pack/parquet/parquet_footer.hpp"
#include "pack/parquet/parquet_schema.hpp"

namespace runlog::format {
namespace {

constexpr std::size_t kTail_bytes = sizeof(std::uint32_t) + kParquet_magic.size();

Error corrupt(std::string message) {
  return {Errc::corrupt, 0, std::move(message)};
}
Error unsupported(std::string message) {
  return {Errc::unsupported, 0, std::move(message)};
}

// The footer's bytes, found from the end of the file.
Result<std::span<const std::byte>> find_footer(PackBytes& file) {
  const std::uint64_t size = file.size();
  const auto head_bytes = std::min<std::uint64_t>(size, kParquet_magic.size());
  const auto head = file.get(0, head_bytes, head_bytes);
  if (!head) return head.error();
  const bool has_head = as_text(*head) == kParquet_magic;
  if (size < kParquet_magic.size() + kTail_bytes) {
    return has_head ? corrupt("the file is cut off") : unsupported("not a Parquet file");
  }
  const auto tail = file.get(size - kTail_bytes, kTail_bytes, size);
  if (!tail) return tail.error();
  const bool has_tail = as_text(*tail).ends_with(kParquet_magic);
  if (!has_head && !has_tail) return unsupported("not a Parquet file");
  if (!has_head || !has_tail) {
    return corrupt("the file is cut off or its first or last four bytes are damaged");
  }
  const std::uint64_t end = size - kTail_bytes;
  const std::uint64_t footer_bytes = load<std::uint32_t>(tail->data());
  if (footer_bytes > end - kParquet_magic.size() || footer_bytes > kFooter_bytes_max) {
    return corrupt("the footer would take " + std::to_string(footer_bytes) +
                   " bytes of a file of " + std::to_string(size));
  }
  return file.get(end - footer_bytes, footer_bytes, end);
}

// Columns behind ours are a compatible extension; ours must be as they are.
Result<void> check_schema(const std::vector<SchemaLeaf>& schema) {
  for (std::size_t i = 0; i < kColumns.size(); ++i) {
    const Column& column = kColumns[i];
    const bool is_ours = i < schema.size() && schema[i].name == column.name &&
                         schema[i].type == static_cast<std::int32_t>(column.type) &&
                         schema[i].repetition == static_cast<std::int32_t>(column.repetition) &&
                         schema[i].annotation == column.annotation && schema[i].children == 0;
    if (!is_ours) {
      return unsupported("not a runlog pack: column " + std::to_string(i) + " is not " +
                         std::string(column.name) + " as packs have it");
    }
  }
  return {};
}

// A bound of the time column as a number; `otherwise` where there is none.
std::int64_t bound(const std::optional<std::string>& value, std::int64_t otherwise) {
  if (!value || value->size() != sizeof(std::int64_t)) return otherwise;
  return load<std::int64_t>(as_bytes(*value).data());
}

// Chunks lie one behind the other from `begin`, with nothing between them. So an offset cannot lead
// to another column's pages, and no byte before the footer is outside a chunk.
Result<PackReader::RowGroup> check_row_group(const RowGroupMeta& group, std::size_t columns,
                                             std::uint64_t begin, std::uint64_t data_end) {
  if (group.chunks.size() != columns) return corrupt("it has not one chunk per column");
  if (group.rows <= 0) return corrupt("it has no rows");
  if (group.rows > static_cast<std::int64_t>(kRow_group_rows_max)) {
    return unsupported("it has " + std::to_string(group.rows) + " rows; packs have up to " +
                       std::to_string(kRow_group_rows_max));
  }
  PackReader::RowGroup checked;
  checked.begin = checked.end = begin;
  checked.rows = static_cast<std::uint64_t>(group.rows);
  for (std::size_t i = 0; i < columns; ++i) {
    const ChunkMeta& chunk = group.chunks[i];
    const auto fail = [&](std::string_view why) {
      return "column " + chunk.name + " " + std::string(why);
    };
    if (i < kColumns.size()) {
      if (chunk.name != kColumns[i].name || chunk.type != kColumns[i].type) {
        return corrupt(fail("is not as the schema has it"));
      }
      if (chunk.codec != Codec::lz4_raw) return unsupported(fail("is not compressed as LZ4_RAW"));
    }
    if (chunk.values != group.rows) return corrupt(fail("has not one value per row"));
    if (chunk.offset() < 0 || static_cast<std::uint64_t>(chunk.offset()) != checked.end ||
        chunk.data_page_offset < chunk.offset() || chunk.compressed_bytes <= 0 ||
        static_cast<std::uint64_t>(chunk.compressed_bytes) > data_end - checked.end) {
      return corrupt(fail("is not where it belongs"));
    }
    checked.end += static_cast<std::uint64_t>(chunk.compressed_bytes);
  }
  const ChunkMeta& time = group.chunks[kTime];
  checked.time_min_ns = bound(time.value_min, std::numeric_limits<std::int64_t>::min());
  checked.time_max_ns = bound(time.value_max, std::numeric_limits<std::int64_t>::max());
  const ChunkMeta& step = group.chunks[kStep];
  if (step.value_max && step.value_max->size() == sizeof(std::int64_t)) {
    checked.step_max = bound(step.value_max, 0);
  }
  checked.has_bounds = time.value_max && time.value_max->size() == sizeof(std::int64_t) &&
                       (checked.step_max || step.null_count == group.rows);
  const ChunkMeta& kind = group.chunks[kKind];
  if (kind.value_min && kind.value_max) {
    checked.kind_min = *kind.value_min;
    checked.kind_max = *kind.value_max;
  }
  checked.kind_begin = static_cast<std::uint64_t>(kind.offset());
  checked.kind_end = checked.kind_begin + static_cast<std::uint64_t>(kind.compressed_bytes);
  static_assert(kSeq < kTime && kLane < kTime && kPayload > kText &&
                kPayload + 1 == kColumns.size());
  checked.sums_begin = static_cast<std::uint64_t>(time.offset());
  checked.sums_end = static_cast<std::uint64_t>(group.chunks[kPayload].offset());
  return checked;
}

std::string row_group_prefix(std::size_t index) {
  return "row group " + std::to_string(index) + ": ";
}

}  // namespace

struct PackReader::State {
  explicit State(PackBytes bytes) noexcept : file(std::move(bytes)) {}

  PackBytes file;
  Footer footer = {};
  PackInfo info = {};
  std::vector<RowGroup> row_groups = {};
  std::uint64_t rows = 0;

  // Of the row group that was loaded last.
  std::array<DecodedColumn, kColumns.size()> columns = {};
  std::vector<Record> records = {};

  Result<void> check() {
    if (auto ours = check_schema(footer.schema); !ours) return ours;
    auto decoded = decode_info(footer.key_values);
    if (!decoded) return std::move(decoded).error();
    info = std::move(*decoded);
    // Every pack has had one: its name, or what it says, was damaged.
    if (!footer.has_checksum) return corrupt("the footer has no checksum");
    return {};
  }

  Result<void> check_row_groups(std::uint64_t data_end) {
    std::uint64_t begin = kParquet_magic.size();
    row_groups.reserve(footer.row_groups.size());
    for (const RowGroupMeta& group : footer.row_groups) {
      auto checked = check_row_group(group, footer.schema.size(), begin, data_end);
      if (!checked) {
        Error error = std::move(checked).error();
        error.message.insert(0, row_group_prefix(row_groups.size()));
        return error;
      }
      begin = checked->end;
      rows += checked->rows;
      row_groups.push_back(*checked);
    }
    if (static_cast<std::int64_t>(rows) != footer.rows || begin != data_end) {
      return corrupt("the row groups do not add up to the file");
    }
    return {};
  }

  // `budget_bytes` is what the columns of one row group may take together.
  Result<void> decode(std::size_t group, std::size_t column, std::size_t& budget_bytes) {
    auto decoded = decode_chunk(file, footer.row_groups[group].chunks[column], kColumns[column],
                                static_cast<std::size_t>(row_groups[group].rows), budget_bytes,
                                columns[column]);
    if (decoded) return {};
    Error error = std::move(decoded).error();
    error.message.insert(0, row_group_prefix(group));
    return error;
  }

  // Calls `visit` for each kind among the rows, again where another row of it follows others.
  template <typename Visit>
  void for_each_kind(Visit&& visit) const {
    std::string_view last;
    for (const std::string_view text : columns[kKind].strings) {
      if (text.data() == last.data() && text.size() == last.size()) continue;
      last = text;
      visit(kind_from_name(text));
    }
  }

  void make_records(std::size_t begin, std::size_t count) {
    records.clear();
    records.reserve(count);
    // A column that was left out has no slots.
    const bool has_place = !columns[kSeq].numbers.empty();
    const bool has_text = !columns[kText].strings.empty();
    const bool has_payload = !columns[kPayload].strings.empty();
    // Rows of one kind share the view into the dictionary, so most look-ups are saved.
    std::string_view kind_text;
    Kind kind = Kind::unknown;
    for (std::size_t row = begin; row < begin + count; ++row) {
      const std::string_view text = columns[kKind].strings[row];
      if (text.data() != kind_text.data() || text.size() != kind_text.size()) {
        kind_text = text;
        kind = kind_from_name(text);
      }
      // Field by field in place: a record put together elsewhere and copied takes three times as
      // long, because the copy waits for the single stores.
      Record& record = records.emplace_back();
      record.time_ns = columns[kTime].numbers[row];
      record.kind = kind;
      record.name = columns[kName].strings[row];
      if (has_place) {
        record.seq = columns[kSeq].numbers[row];
        record.lane = static_cast<std::int32_t>(columns[kLane].numbers[row]);
      }
      if (columns[kStep].has_value(row)) record.step.emplace(columns[kStep].numbers[row]);
      if (columns[kValue].has_value(row)) {
        record.value.emplace(std::bit_cast<double>(columns[kValue].numbers[row]));
      }
      if (columns[kInt_value].has_value(row)) {
        record.int_value.emplace(columns[kInt_value].numbers[row]);
      }
      if (has_text && columns[kText].has_value(row))
        record.text.emplace(columns[kText].strings[row]);
      if (has_payload && columns[kPayload].has_value(row)) {
        record.payload.emplace(columns[kPayload].strings[row]);
      }
    }
  }
};

PackReader::PackReader(std::unique_ptr<State> state) : state_(std::move(state)) {}
PackReader::~PackReader() = default;
PackReader::PackReader(PackReader&&) noexcept = default;
PackReader& PackReader::operator=(PackReader&&) noexcept = default;

Result<PackReader> PackReader::open(std::span<const std::byte> bytes) {
  return open(PackBytes(bytes));
}

Result<PackReader> PackReader::open_file(const std::filesystem::path& path) {
  auto bytes = PackBytes::open(path);
  if (!bytes) return std::move(bytes).error();
  return open(std::move(*bytes));
}

Result<PackReader> PackReader::open(PackBytes bytes) {
  auto state = std::make_unique<State>(std::move(bytes));
  const auto footer_bytes = find_footer(state->file);
  if (!footer_bytes) return footer_bytes.error();
  const std::uint64_t data_end = state->file.size() - kTail_bytes - footer_bytes->size();
  auto footer = decode_footer(*footer_bytes);
  if (!footer) return std::move(footer).error();
  state->footer = std::move(*footer);
  if (auto checked = state->check(); !checked) return std::move(checked).error();
  if (auto checked = state->check_row_groups(data_end); !checked) {
    return std::move(checked).error();
  }
  return PackReader(std::move(state));
}

const PackInfo& PackReader::info() const noexcept {
  return state_->info;
}

const std::vector<PackReader::RowGroup>& PackReader::row_groups() const noexcept {
  return state_->row_groups;
}

std::uint64_t PackReader::rows() const noexcept {
  return state_->rows;
}

std::optional<std::string_view> PackReader::summary_text() const noexcept {
  std::optional<std::string_view> found;
  for (const KeyValue& pair : state_->footer.key_values) {
    if (pair.key != kSummary_key) continue;
    if (found) return {};  // of two nobody can say which one holds
    found = pair.value;
  }
  return found;
}

Result<void> PackReader::check_pages() {
  for (std::size_t group = 0; group < state_->row_groups.size(); ++group) {
    for (const ChunkMeta& chunk : state_->footer.row_groups[group].chunks) {
      auto checked = check_chunk(state_->file, chunk);
      if (checked) continue;
      Error error = std::move(checked).error();
      error.message.insert(0, row_group_prefix(group));
      return error;
    }
  }
  return {};
}

Result<void> PackReader::read(std::size_t index, const std::function<void(const Record&)>& visit) {
  const auto records = load(index);
  if (!records) return records.error();
  for (const Record& record : *records) visit(record);
  return {};
}

Result<std::span<const Record>> PackReader::load(std::size_t index) {
  if (auto loaded = load_columns(index); !loaded) return std::move(loaded).error();
  return records(0, static_cast<std::size_t>(state_->row_groups[index].rows));
}

std::span<const Record> PackReader::records(std::size_t begin, std::size_t count) {
  const std::size_t rows = state_->columns[kKind].strings.size();
  begin = std::min(begin, rows);
  state_->make_records(begin, std::min(count, rows - begin));
  return state_->records;
}

Result<void> PackReader::load_columns(std::size_t index, Fields fields) {
  State& state = *state_;
  if (index >= state.row_groups.size()) {
    return Error{Errc::invalid_argument, 0, "there is no row group " + std::to_string(index)};
  }
  std::size_t budget_bytes = kRow_group_decoded_bytes_max;
  if (fields == Fields::all) {
    for (std::size_t i = 0; i < kColumns.size(); ++i) {
      if (auto done = state.decode(index, i, budget_bytes); !done) return done;
    }
  } else {
    for (const std::size_t column : {kSeq, kLane, kText, kPayload}) state.columns[column].clear();
    for (const std::size_t column : {kKind, kTime, kName, kStep, kValue, kInt_value}) {
      if (auto done = state.decode(index, column, budget_bytes); !done) return done;
    }
    bool has_text = false;
    state.for_each_kind([&](Kind kind) { has_text = has_text || is_fact(kind); });
    if (has_text) {
      if (auto done = state.decode(index, kText, budget_bytes); !done) return done;
    }
  }
  return {};
}

Result<bool> PackReader::holds(std::size_t index, Kind kind) {
  if (index >= state_->row_groups.size()) {
    return Error{Errc::invalid_argument, 0, "there is no row group " + std::to_string(index)};
  }
  std::size_t budget_bytes = kRow_group_decoded_bytes_max;
  if (auto done = state_->decode(index, kKind, budget_bytes); !done) {
    return std::move(done).error();
  }
  bool is_there = false;
  state_->for_each_kind([&](Kind one) { is_there = is_there || one == kind; });
  return is_there;
}

}  // namespace runlog::format
