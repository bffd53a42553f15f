// StoreSet: the stores of one shipper or one recovery. Each is opened once; all journals share its
// connections, its credentials and what is known of the server.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "store/object_store.hpp"

namespace runlog {

class StoreSet {
 public:
  /// The store behind `url`; it lives as long as the set. Errors: as of open_store.
  Result<ObjectStore*> open(const std::string& url);

  /// Interrupts all of them, those opened later too. Any thread.
  void interrupt() noexcept;
  [[nodiscard]] bool is_interrupted() const noexcept;

 private:
  mutable std::mutex mutex_;
  std::map<std::string, std::unique_ptr<ObjectStore>> stores_;  // guarded by mutex_
  bool is_interrupted_ = false;                                 // guarded by mutex_
};

}  // namespace runlog
