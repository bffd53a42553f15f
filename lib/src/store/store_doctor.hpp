// Doctor: tries what shipping and reading need of a store, and says what is wrong. It works with
// any ObjectStore; for a store over HTTP, cloud_doctor also checks credentials, TLS and clock.
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
