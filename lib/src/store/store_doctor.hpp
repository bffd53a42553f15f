// Doctor: tries on a store what shipping and reading will ask of it, and says in words what is
// wrong. It works over any ObjectStore; what lies in front of one that is reached by HTTP is looked
// at apart: credentials, TLS, clock.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "runlog/store.hpp"
#include "store/object_store.hpp"

namespace runlog {

/// Creates, overwrites, reads, lists and removes.
void examine_store(ObjectStore& store, std::vector<StoreCheck>& checks);

/// For the URL of a cloud or an HTTP server. Whether it answers us at all.
bool examine_connection(std::string_view url, std::vector<StoreCheck>& checks);

/// A check from "what happened; what to do". `remedy` where the message has only the first half.
StoreCheck check_of_error(std::string check, StoreCheck::Verdict verdict, const Error& error,
                          std::string remedy);

}  // namespace runlog
