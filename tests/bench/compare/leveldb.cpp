// LevelDB: Put with sync = false goes to its log file with one write(2).
#include <leveldb/db.h>

#include <array>
#include <cstring>
#include <ctime>
#include <stdexcept>

#include "bench/compare/writer.hpp"

namespace bench {
namespace {

struct LevelDb {
  leveldb::DB* db = nullptr;
  void open(const std::filesystem::path& directory) {
    leveldb::Options options;
    options.create_if_missing = true;
    const auto status = leveldb::DB::Open(options, (directory / "db").native(), &db);
    if (!status.ok()) throw std::runtime_error(status.ToString());
  }
  void close() {
    delete db;
    db = nullptr;
  }
  void put(const leveldb::Slice& value, std::int64_t step) {
    const leveldb::Slice key(reinterpret_cast<const char*>(&step), sizeof step);
    if (!db->Put({}, key, value).ok()) throw std::runtime_error("Put failed");
  }
  void metric(std::int64_t step, double value) {
    std::array<char, 16> bytes;
    timespec now{};
    ::clock_gettime(CLOCK_REALTIME, &now);
    const std::int64_t ns = now.tv_sec * 1'000'000'000 + now.tv_nsec;
    std::memcpy(bytes.data(), &ns, 8);
    std::memcpy(bytes.data() + 8, &value, 8);
    put({bytes.data(), bytes.size()}, step);
  }
  void text(std::int64_t step, double value) {
    std::array<char, 160> line;
    const int bytes =
        std::snprintf(line.data(), line.size(), "%s %ld %g", kText, static_cast<long>(step), value);
    put({line.data(), static_cast<std::size_t>(bytes)}, step);
  }
};

std::int64_t count_leveldb(const std::filesystem::path& directory) {
  leveldb::DB* db = nullptr;
  if (!leveldb::DB::Open({}, (directory / "db").native(), &db).ok()) return -1;
  std::int64_t records = 0;
  leveldb::Iterator* const rows = db->NewIterator({});
  for (rows->SeekToFirst(); rows->Valid(); rows->Next()) ++records;
  delete rows;
  delete db;
  return records;
}

}  // namespace

void add_leveldb(std::vector<Peer>& peers) {
  peers.push_back({.name = "leveldb",
                   .promise = "nothing",
                   .make = make_writer<LevelDb>,
                   .count = count_leveldb,
                   .tight_divisor = 20});
}

}  // namespace bench
