#include "base/crypto.hpp"
#include "store/credentials/credentials.hpp"

namespace runlog {
namespace {

// All of the buffer: a string that was shortened or moved from keeps old bytes behind its end.
void wipe_all_of(std::string& text) noexcept {
  text.resize(text.capacity());  // within the capacity: allocates nothing
  cleanse(text);
  text.clear();
}

}  // namespace

Secret::Secret(std::string&& text) noexcept : text_(std::move(text)) {
  wipe_all_of(text);
}

Secret::Secret(Secret&& other) noexcept : text_(std::move(other.text_)) {
  other.wipe();
}

Secret& Secret::operator=(const Secret& other) {
  if (this != &other) {
    std::string copy = other.text_;
    wipe();
    text_ = std::move(copy);
    wipe_all_of(copy);
  }
  return *this;
}

Secret& Secret::operator=(Secret&& other) noexcept {
  if (this != &other) {
    wipe();
    text_ = std::move(other.text_);
    other.wipe();
  }
  return *this;
}

void Secret::wipe() noexcept {
  wipe_all_of(text_);
}

}  // namespace runlog
