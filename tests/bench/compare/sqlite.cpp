// SQLite in WAL mode, synchronous=NORMAL: a transaction per record, and one per 1000.
#include <sqlite3.h>

#include <ctime>
#include <mutex>
#include <stdexcept>

#include "bench/compare/writer.hpp"

namespace bench {
namespace {

void run(sqlite3* db, const char* sql) {
  if (sqlite3_exec(db, sql, nullptr, nullptr, nullptr) != SQLITE_OK) {
    throw std::runtime_error(std::string(sql) + ": " + sqlite3_errmsg(db));
  }
}

template <int kBatch>
struct Sqlite {
  sqlite3* db = nullptr;
  sqlite3_stmt* insert = nullptr;
  int in_batch = 0;
  std::mutex mutex;

  void open(const std::filesystem::path& directory) {
    if (sqlite3_open((directory / "log.db").c_str(), &db) != SQLITE_OK) {
      throw std::runtime_error("cannot create the database");
    }
    run(db, "PRAGMA journal_mode=WAL");
    run(db, "PRAGMA synchronous=NORMAL");
    run(db, "CREATE TABLE log(time INTEGER, name TEXT, step INTEGER, value REAL)");
    sqlite3_prepare_v2(db, "INSERT INTO log VALUES(?,?,?,?)", -1, &insert, nullptr);
  }
  void close() {
    if (in_batch != 0) run(db, "COMMIT");
    sqlite3_finalize(insert);
    sqlite3_close(db);
  }
  void put(const char* name, std::int64_t step, double value) {
    const std::lock_guard lock(mutex);
    if (kBatch > 1 && in_batch++ == 0) run(db, "BEGIN");
    timespec now{};
    ::clock_gettime(CLOCK_REALTIME, &now);
    sqlite3_bind_int64(insert, 1, now.tv_sec * 1'000'000'000 + now.tv_nsec);
    sqlite3_bind_text(insert, 2, name, -1, SQLITE_STATIC);
    sqlite3_bind_int64(insert, 3, step);
    sqlite3_bind_double(insert, 4, value);
    if (sqlite3_step(insert) != SQLITE_DONE) throw std::runtime_error(sqlite3_errmsg(db));
    sqlite3_reset(insert);
    if (kBatch > 1 && in_batch == kBatch) {
      run(db, "COMMIT");
      in_batch = 0;
    }
  }
  void metric(std::int64_t step, double value) { put(kSeries.data(), step, value); }
  void text(std::int64_t step, double value) { put(kText, step, value); }
};

std::int64_t count_sqlite(const std::filesystem::path& directory) {
  sqlite3* db = nullptr;
  sqlite3_stmt* query = nullptr;
  std::int64_t records = -1;
  if (sqlite3_open((directory / "log.db").c_str(), &db) == SQLITE_OK &&
      sqlite3_prepare_v2(db, "SELECT count(*) FROM log", -1, &query, nullptr) == SQLITE_OK &&
      sqlite3_step(query) == SQLITE_ROW) {
    records = sqlite3_column_int64(query, 0);
  }
  sqlite3_finalize(query);
  sqlite3_close(db);
  return records;
}

}  // namespace

void add_sqlite(std::vector<Peer>& peers) {
  peers.push_back({.name = "sqlite",
                   .promise = "nothing",
                   .make = make_writer<Sqlite<1>>,
                   .count = count_sqlite,
                   .tight_divisor = 200});
  peers.push_back({.name = "sqlite-1000",
                   .promise = "the transaction",
                   .make = make_writer<Sqlite<1000>>,
                   .count = count_sqlite,
                   .tight_divisor = 10});
}

}  // namespace bench
