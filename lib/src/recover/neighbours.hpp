// Neighbours: a live job adopts dead journals beside its own, those of forked children and those of
// earlier attempts that died with packs on disk.
#pragma once

#include <filesystem>
#include <functional>
#include <set>
#include <string>

#include "platform/file_system_kind.hpp"
#include "runlog/result.hpp"
#include "ship/shipper.hpp"

namespace runlog {

class Neighbours {
 public:
  struct Settings {
    std::filesystem::path journal = {};  ///< the job's own
    std::filesystem::path root = {};
    std::string store_url = {};  ///< the job's, with secrets
    bool keep_shipped = true;
    bool trusts_all = false;  ///< also journals that are not this user's (is_own_journal)
    FindFileSystem find_file_system = file_system_of;
    std::function<void(const Error&)> report = {};
  };
  explicit Neighbours(Settings settings) : settings_(std::move(settings)) {}

  /// In the shipper's thread. Some journals each time: the rest has its turn later.
  void adopt(const Adoptions& work);

 private:
  const Settings settings_;
  std::set<std::string> told_;  // said once each
};

}  // namespace runlog
