#include "store/cloud/list_cost.hpp"

#include <algorithm>
#include <bit>
#include <utility>

namespace runlog {

using std::chrono::milliseconds;

milliseconds ListCost::time_left() const {
  const auto left = end_ - std::chrono::steady_clock::now();
  return std::max(std::chrono::ceil<milliseconds>(left), milliseconds(1));
}

bool ListCost::stop(std::string why) {
  if (over_limit_.empty()) over_limit_ = std::move(why);
  return false;
}

bool ListCost::add_answer(std::size_t bytes) {
  bytes_ += bytes;
  if (bytes_ > limits_.bytes_max) {
    return stop("has more than " + std::to_string(limits_.bytes_max) + " bytes of names");
  }
  if (std::chrono::steady_clock::now() >= end_) {
    return stop("takes longer than " + std::to_string(limits_.time_max.count() / 1000) +
                " seconds");
  }
  return true;
}

bool ListCost::add_page(const ListPage& page) {
  if (++pages_ > limits_.pages_max) {
    return stop("has more than " + std::to_string(limits_.pages_max) + " pages or folders");
  }
  if (page.next.empty()) return true;
  empty_pages_ = page.entries.empty() ? empty_pages_ + 1 : 0;
  if (empty_pages_ > limits_.empty_pages_max) {
    return stop("has more than " + std::to_string(limits_.empty_pages_max) +
                " pages in a row with nothing on them");
  }
  if (page.next == old_marker_) return stop("goes in a circle: a page leads to one before it");
  if (std::has_single_bit(static_cast<unsigned>(pages_))) old_marker_ = page.next;
  return true;
}

}  // namespace runlog
