// Fills a directory store with packs of one run, one after the other in time, for reading.sh.
// usage: packs DIR GIB
//
// A pack has 65,536 metrics with random mantissas and 12,000 texts of 1 KiB that do not compress:
// about 13 MiB in two row groups.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <random>
#include <string>
#include <string_view>

#include "pack/pack.hpp"
#include "store/object_name.hpp"

namespace {

using namespace runlog;

constexpr std::int64_t kMetrics = 65536;
constexpr std::int64_t kTexts = 12000;
constexpr std::int64_t kRows = kMetrics + kTexts;
constexpr std::size_t kText_bytes = 1024;
constexpr std::size_t kNoise_bytes = 16u << 20;  // far more than LZ4 looks back

std::string make_noise(std::mt19937_64& random) {
  std::string noise(kNoise_bytes, ' ');
  for (char& c : noise) c = static_cast<char>('!' + random() % 90);
  return noise;
}

bool write_pack(const std::filesystem::path& path, std::uint32_t number, std::string_view noise,
                std::mt19937_64& random) {
  std::filesystem::create_directories(path.parent_path());
  std::ofstream file(path, std::ios::binary);
  format::PackWriter writer([&](std::span<const std::byte> bytes) -> Result<void> {
    file.write(reinterpret_cast<const char*>(bytes.data()),
               static_cast<std::streamsize>(bytes.size()));
    if (!file) return Error{Errc::io, 0, "cannot write " + path.native()};
    return {};
  });
  const std::int64_t first = number * kRows;
  for (std::int64_t row = 0; row < kRows; ++row) {
    Record record{.seq = first + row, .time_ns = (first + row) * 1000};
    if (row * kTexts / kRows != (row + 1) * kTexts / kRows) {
      record.kind = Kind::text;
      record.name = "info";
      record.text = noise.substr(random() % (kNoise_bytes - kText_bytes), kText_bytes);
    } else {
      record.kind = Kind::metric;
      record.name = "loss";
      record.step = first + row;
      record.value = std::generate_canonical<double, 53>(random);
    }
    if (!writer.append(record)) return false;
  }
  return writer
      .finish({.run_id = "big",
               .project = "p",
               .session = std::string(32, 'a'),
               .segments = {{number, 0, first, kRows}}})
      .has_value();
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3 || std::atof(argv[2]) <= 0) {
    std::fputs("usage: packs DIR GIB\n", stderr);
    return 2;
  }
  const auto wanted = static_cast<std::uint64_t>(std::atof(argv[2]) * (1u << 30));
  std::mt19937_64 random(1);  // NOLINT: the same packs each time
  const std::string noise = make_noise(random);
  const std::string session(32, 'a');
  const runlog::format::ObjectOwner owner{.project = "p", .run_id = "big", .session = session};
  std::uint64_t bytes = 0;
  std::uint32_t number = 0;
  for (; bytes < wanted; ++number) {
    const auto path = std::filesystem::path(argv[1]) / runlog::format::pack_object(owner, number);
    if (!write_pack(path, number, noise, random)) {
      std::fprintf(stderr, "packs: cannot write %s\n", path.c_str());
      return 1;
    }
    bytes += std::filesystem::file_size(path);
  }
  std::printf("%u packs, %.2f GiB, %lld records\n", number, static_cast<double>(bytes) / (1u << 30),
              static_cast<long long>(number) * kRows);
  return 0;
}
