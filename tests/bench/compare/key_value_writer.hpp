// KeyValueWriter: a metric or a text as a row of LevelDB or RocksDB, whose interfaces are the same
// as far as this goes. `Slice` and `Options` are that database's.
#pragma once

#include <array>
#include <cstring>
#include <ctime>
#include <memory>
#include <stdexcept>

#include "bench/compare/writer.hpp"

namespace bench {

template <typename Db, typename Options, typename Slice>
struct KeyValueWriter {
  std::unique_ptr<Db> db = {};

  void open(const std::filesystem::path& directory) {
    Options options;
    options.create_if_missing = true;
    Db* opened = nullptr;
    const auto status = Db::Open(options, (directory / "db").native(), &opened);
    if (!status.ok()) throw std::runtime_error(status.ToString());
    db.reset(opened);
  }
  void close() { db.reset(); }
  void put(const Slice& value, std::int64_t step) {
    const Slice key(reinterpret_cast<const char*>(&step), sizeof step);
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

  static std::int64_t count(const std::filesystem::path& directory) {
    Db* opened = nullptr;
    if (!Db::Open({}, (directory / "db").native(), &opened).ok()) return -1;
    const std::unique_ptr<Db> held(opened);
    std::int64_t records = 0;
    // Declared after the database: it must go first.
    const auto rows = std::unique_ptr<std::remove_pointer_t<decltype(held->NewIterator({}))>>(
        held->NewIterator({}));
    for (rows->SeekToFirst(); rows->Valid(); rows->Next()) ++records;
    return records;
  }
};

}  // namespace bench
