#include "store/store_set.hpp"

namespace runlog {

Result<ObjectStore*> StoreSet::open(const std::string& url) {
  const std::lock_guard lock(mutex_);
  if (const auto known = stores_.find(url); known != stores_.end()) return known->second.get();
  auto store = open_store(url);
  if (!store) return std::move(store).error();
  if (is_interrupted_) (*store)->interrupt();
  return stores_.emplace(url, std::move(*store)).first->second.get();
}

void StoreSet::interrupt() noexcept {
  const std::lock_guard lock(mutex_);
  is_interrupted_ = true;
  for (const auto& [url, store] : stores_) store->interrupt();
}

bool StoreSet::is_interrupted() const noexcept {
  const std::lock_guard lock(mutex_);
  return is_interrupted_;
}

}  // namespace runlog
