// Doctor: tries on a store what shipping and reading will ask of it, and says in words what is
// wrong. It works over any ObjectStore; what only one kind can tell comes from its diagnose().
#pragma once

#include <vector>

#include "runlog/store.hpp"
#include "ship/object_store.hpp"

namespace runlog {

void examine_store(ObjectStore& store, std::vector<StoreCheck>& checks);

}  // namespace runlog
