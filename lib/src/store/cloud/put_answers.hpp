// What CloudStore's ways to put an object share in reading answers.
#pragma once

#include "store/cloud/cloud_caller.hpp"
#include "store/object_store.hpp"

namespace runlog {

/// The verdict `retry`, with the answer's reason and how long to wait.
[[nodiscard]] PutAnswer retry_of(CloudAnswer answer);

/// The server does not allow this method there, to these credentials or at all.
[[nodiscard]] bool is_forbidden(const CloudAnswer& answer);

}  // namespace runlog
