// What a journal, root or store holds, read with the library's Reader, in a form tests can compare.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "runlog/reader.hpp"

namespace test {

struct Row {
  std::string session;
  std::int32_t lane = 0;
  std::int64_t seq = 0;
  runlog::Kind kind = runlog::Kind::unknown;
  std::string name;
  std::optional<std::int64_t> step;
  std::optional<double> value;
  std::optional<std::int64_t> int_value;
  std::optional<std::string> text;
  std::optional<std::string> payload;
  std::int64_t time_ns = 0;
  friend bool operator==(const Row&, const Row&) = default;
};

struct Contents {
  std::vector<Row> rows;
  std::vector<runlog::JournalInfo> journals;
  std::vector<runlog::Damage> damage;

  [[nodiscard]] std::vector<Row> of(runlog::Kind kind) const;
  /// The steps of a series, in the order read.
  [[nodiscard]] std::vector<std::int64_t> steps(const std::string& name) const;
  [[nodiscard]] std::uint64_t lost() const;
  /// Sum of the gap records.
  [[nodiscard]] std::uint64_t dropped() const;
  /// True when no (session, lane, seq) occurs twice.
  [[nodiscard]] bool is_free_of_duplicates() const;
};

/// Throws when the path cannot be read at all.
Contents read(const std::filesystem::path& path, runlog::ReadOptions options = {});

/// The packs in a store, a journal or a root, sorted. Throws when there is no such directory.
std::vector<std::filesystem::path> packs_below(const std::filesystem::path& directory);

/// 0, 1, … count-1
std::vector<std::int64_t> counting(std::int64_t count);

}  // namespace test
