#include "platform/in_call.hpp"

#include "platform/process_key.hpp"

namespace runlog {
namespace {

// Of the outermost call. initial-exec: it must not take memory when it is first used.
struct Outermost {
  std::uint32_t nesting;
  std::uint32_t generation;
};
constinit thread_local Outermost outermost __attribute__((tls_model("initial-exec"))) = {};

}  // namespace

InCall::InCall() noexcept {
  ::pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before_);
  if (outermost.nesting++ == 0) outermost.generation = process_generation();
}

InCall::~InCall() {
  --outermost.nesting;
  ::pthread_setcancelstate(before_, nullptr);
}

bool is_parents_call() noexcept {
  return outermost.nesting > 0 && outermost.generation != process_generation();
}

}  // namespace runlog
