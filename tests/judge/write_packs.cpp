// Writes sample packs for the judge, write_packs DIR, or measures, write_packs --bench. Below DIR
// they lie as in a store, so that the judge sees project, run_id and rank as columns. self_test.sh
// knows what is in them.
//
// --bench packs 320 000 metric rows, three times over, and prints bytes and nanoseconds per row.
#include <bit>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <limits>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "pack/pack.hpp"

namespace {

using runlog::Kind;
using runlog::Record;
using runlog::Result;
using runlog::format::PackInfo;
using runlog::format::PackReader;
using runlog::format::PackWriter;

constexpr std::int64_t kTime_ns = 1'700'000'000'123'456'789;

// Hands records to a PackWriter and ends the program when that fails: there is nobody to report to.
class PackFile {
 public:
  PackWriter& writer() { return writer_; }
  void append(const Record& record) { check(writer_.append(record)); }
  void write(const std::filesystem::path& path, const PackInfo& info) {
    check(writer_.finish(info));
    std::filesystem::create_directories(path.parent_path());
    std::ofstream file(path, std::ios::binary);
    file.write(reinterpret_cast<const char*>(bytes_.data()),
               static_cast<std::streamsize>(bytes_.size()));
    if (!file.flush()) check(runlog::Error{runlog::Errc::io, 0, "cannot write " + path.string()});
  }
  [[nodiscard]] const std::vector<std::byte>& bytes() const { return bytes_; }

  static void check(const Result<void>& result) {
    if (result) return;
    std::fprintf(stderr, "write_packs: %s\n", result.error().message.c_str());
    std::exit(1);
  }

 private:
  std::vector<std::byte> bytes_;
  PackWriter writer_{[this](std::span<const std::byte> bytes) {
    bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
    return Result<void>{};
  }};
};

PackInfo info_of(std::int64_t rank) {
  return {.run_id = "demo", .project = "judge", .session = "0123456789abcdef", .rank = rank};
}

// 100 000 rows of 10 series in two row groups: what a run mostly logs.
void write_metrics(const std::filesystem::path& path) {
  PackFile pack;
  for (std::int64_t i = 0; i < 100'000; ++i) {
    const std::string name = "series/" + std::to_string(i % 10);
    pack.append({.seq = i,
                 .lane = static_cast<std::int32_t>(i % 3) - 1,
                 .time_ns = kTime_ns + i * 5'000 + i % 7,
                 .kind = Kind::metric,
                 .name = name,
                 .step = i / 10,
                 .value = static_cast<double>(i) / 4});
  }
  pack.write(path, info_of(0));
}

// One of every field edge.
void write_edges(const std::filesystem::path& path) {
  using Int = std::numeric_limits<std::int64_t>;
  const auto nan = std::bit_cast<double>(std::uint64_t{0x7FF8'0000'DEAD'BEEF});
  const std::string large(1u << 20, 'x');
  const std::string_view zero("a\0b", 3);
  PackFile pack;
  const Record base{.time_ns = kTime_ns, .kind = Kind::metric, .name = "edge"};
  std::int64_t seq = 0;
  const auto add = [&](Record record) {
    record.seq = seq++;
    pack.append(record);
  };
  const auto with_value = [&](double value) {
    Record record = base;
    record.value = value;
    add(record);
  };
  for (const double value : {nan, -0.0, std::numeric_limits<double>::infinity(),
                             -std::numeric_limits<double>::infinity(), 0.1}) {
    with_value(value);
  }
  for (const std::int64_t value : {Int::min(), Int::max(), std::int64_t{0}}) {
    Record record = base;
    record.step = record.int_value = value;
    add(record);
  }
  for (const std::string_view text : {std::string_view(""), zero, std::string_view(large)}) {
    Record record = base;
    record.kind = Kind::text;
    record.name = "info";
    record.text = text;
    record.payload = text;
    add(record);
  }
  Record far = base;
  far.kind = Kind::unknown;
  far.name = "Füße/損失";
  far.lane = std::numeric_limits<std::int32_t>::min();
  add(far);
  pack.write(path, info_of(1));
}

// 100 000 names, each once: no dictionary holds them. And steps of which whole pages are null.
void write_names(const std::filesystem::path& path) {
  PackFile pack;
  for (std::int64_t i = 0; i < 100'000; ++i) {
    const std::string name = "layer/" + std::to_string(i) + "/weight/gradient/norm";
    Record record{.seq = i, .time_ns = kTime_ns + i, .kind = Kind::param, .name = name};
    if (i >= 40'000) record.step = i;
    if (i >= 40'000) record.value = 1.0;
    if (i % 2 == 0 && i >= 50'000) record.text = "even";
    pack.append(record);
  }
  pack.write(path, info_of(2));
}

void bench(const char* what, bool is_float32) {
  constexpr std::int64_t kRows = 320'000;
  std::mt19937_64 random(42);
  std::uniform_real_distribution<double> uniform(0, 1);
  std::vector<std::string> names;
  for (int i = 0; i < 20; ++i) names.push_back("train/series_" + std::to_string(i));
  std::vector<Record> records;
  std::int64_t time_ns = kTime_ns;
  for (std::int64_t i = 0; i < kRows; ++i) {
    time_ns += 5'000 + static_cast<std::int64_t>(random() % 1'100);
    double value = std::exp(-static_cast<double>(i) / 1e5) * (1 + 0.1 * uniform(random));
    if (is_float32) value = static_cast<float>(value);
    records.push_back({.seq = i,
                       .time_ns = time_ns,
                       .kind = Kind::metric,
                       .name = names[static_cast<std::size_t>(i % 20)],
                       .step = i / 20,
                       .value = value});
  }
  using Clock = std::chrono::steady_clock;
  const auto ns_per_row = [](Clock::duration took) {
    return std::chrono::duration<double, std::nano>(took).count() / kRows;
  };
  for (int round = 0; round < 3; ++round) {
    PackFile pack;
    auto begin = Clock::now();
    for (const Record& record : records) pack.append(record);
    PackFile::check(pack.writer().finish(info_of(0)));
    const double write_ns = ns_per_row(Clock::now() - begin);

    begin = Clock::now();
    auto reader = PackReader::open(pack.bytes());
    if (!reader) PackFile::check(reader.error());
    std::int64_t sum = 0;
    for (std::size_t i = 0; i < reader->row_groups().size(); ++i) {
      PackFile::check(reader->read(i, [&](const Record& record) { sum += *record.step; }));
    }
    std::printf("%s: %.2f bytes, write %.0f ns, read %.0f ns per row (%lld)\n", what,
                static_cast<double>(pack.bytes().size()) / kRows, write_ns,
                ns_per_row(Clock::now() - begin), static_cast<long long>(sum));
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: write_packs DIR | write_packs --bench\n");
    return 2;
  }
  if (std::strcmp(argv[1], "--bench") == 0) {
    bench("float32 origin", true);
    bench("full mantissas", false);
    return 0;
  }
  const std::filesystem::path run = std::filesystem::path(argv[1]) / "project=judge/run_id=demo";
  write_metrics(run / "rank=00000/0123456789abcdef-00000001.parquet");
  write_edges(run / "rank=00001/0123456789abcdef-00000001.parquet");
  write_names(run / "rank=00002/0123456789abcdef-00000001.parquet");
  return 0;
}
