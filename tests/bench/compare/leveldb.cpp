// LevelDB: Put with sync = false goes to its log file with one write(2).
#include <leveldb/db.h>

#include "bench/compare/key_value_writer.hpp"

namespace bench {

void add_leveldb(std::vector<Peer>& peers) {
  using LevelDb = KeyValueWriter<leveldb::DB, leveldb::Options, leveldb::Slice>;
  peers.push_back({.name = "leveldb",
                   .promise = "nothing",
                   .make = make_writer<LevelDb>,
                   .count = LevelDb::count,
                   .tight_divisor = 20});
}

}  // namespace bench
