#include "ship/cloud/credentials.hpp"
#include "ship/cloud/encoding.hpp"

namespace runlog {

Secret& Secret::operator=(const Secret& other) {
  if (this != &other) {
    wipe();
    text_ = other.text_;
  }
  return *this;
}

Secret& Secret::operator=(Secret&& other) noexcept {
  if (this != &other) {
    wipe();
    text_.swap(other.text_);
  }
  return *this;
}

void Secret::wipe() noexcept {
  runlog::wipe(text_);
  text_.clear();
}

}  // namespace runlog
