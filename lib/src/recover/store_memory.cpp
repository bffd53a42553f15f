#include "recover/store_memory.hpp"

namespace runlog {

StoreMemory::StoreMemory() : state_(std::make_unique<State>()) {}
StoreMemory::~StoreMemory() = default;

StoreMemory::State& StoreMemory::begin_look() {
  // Stores that were interrupted, because time was up, answer nobody any more.
  if (state_->stores->is_interrupted()) state_->stores = std::make_unique<StoreSet>();
  return *state_;
}

}  // namespace runlog
