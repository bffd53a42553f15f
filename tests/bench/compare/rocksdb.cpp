// RocksDB: Put with sync = false goes to its write-ahead log.
#include <rocksdb/db.h>

#include <array>
#include <cstring>
#include <ctime>
#include <stdexcept>

#include "bench/compare/writer.hpp"

namespace bench {
namespace {

struct RocksDb {
  rocksdb::DB* db = nullptr;
  void open(const std::filesystem::path& directory) {
    rocksdb::Options options;
    options.create_if_missing = true;
    const auto status = rocksdb::DB::Open(options, (directory / "db").native(), &db);
    if (!status.ok()) throw std::runtime_error(status.ToString());
  }
  void close() {
    delete db;
    db = nullptr;
  }
  void put(const rocksdb::Slice& value, std::int64_t step) {
    const rocksdb::Slice key(reinterpret_cast<const char*>(&step), sizeof step);
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

std::int64_t count_rocksdb(const std::filesystem::path& directory) {
  rocksdb::DB* db = nullptr;
  if (!rocksdb::DB::Open({}, (directory / "db").native(), &db).ok()) return -1;
  std::int64_t records = 0;
  rocksdb::Iterator* const rows = db->NewIterator({});
  for (rows->SeekToFirst(); rows->Valid(); rows->Next()) ++records;
  delete rows;
  delete db;
  return records;
}

}  // namespace

void add_rocksdb(std::vector<Peer>& peers) {
  peers.push_back({.name = "rocksdb",
                   .promise = "nothing",
                   .make = make_writer<RocksDb>,
                   .count = count_rocksdb,
                   .tight_divisor = 50});
}

}  // namespace bench
