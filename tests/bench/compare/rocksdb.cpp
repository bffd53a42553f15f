// RocksDB: Put with sync = false goes to its write-ahead log.
#include <rocksdb/db.h>

#include "bench/compare/key_value_writer.hpp"

namespace bench {

void add_rocksdb(std::vector<Peer>& peers) {
  using RocksDb = KeyValueWriter<rocksdb::DB, rocksdb::Options, rocksdb::Slice>;
  peers.push_back({.name = "rocksdb",
                   .promise = "nothing",
                   .make = make_writer<RocksDb>,
                   .count = RocksDb::count,
                   .tight_divisor = 50});
}

}  // namespace bench
