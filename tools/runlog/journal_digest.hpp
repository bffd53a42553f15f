// JournalDigest: what a journal's summary says, in the order in which `runlog stat` shows it. All
// texts in it are visible() already.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "runlog/reader.hpp"

namespace runlog::tools {

struct JournalDigest {
  explicit JournalDigest(const JournalSummary& journal);

  std::map<std::pair<std::string, Kind>, SeriesSummary> series = {};
  std::map<std::string, std::string> params = {};               ///< the last value of each
  std::map<std::string, std::string> tags = {};                 ///< those not removed
  std::map<std::string, std::string> properties = {};           ///< the first value of each
  std::vector<std::pair<std::string, std::string>> files = {};  ///< name, size and digest
  std::uint64_t file_bytes = 0;
  std::map<std::string, std::uint64_t> texts = {};  ///< level → count
  std::uint64_t rewinds = 0;
  std::vector<std::string> children = {};

 private:
  void add(const SeriesSummary& one);
  void add(const Fact& fact);
};

}  // namespace runlog::tools
