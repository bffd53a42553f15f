// ListCost: what one listing has cost so far, against its limits. A server may send pages without
// end, and folders within folders.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "store/cloud/dialect.hpp"
#include "store/http/peer_limits.hpp"

namespace runlog {

class ListCost {
 public:
  explicit ListCost(const ListLimits& limits)
      : limits_(limits), end_(std::chrono::steady_clock::now() + limits.time_max) {}

  /// For the next request; at least 1 ms.
  [[nodiscard]] std::chrono::milliseconds time_left() const;

  // False: a limit is reached, and over_limit() names it.

  /// An answer has come, or none.
  bool add_answer(std::size_t bytes);
  bool add_page(const ListPage& page);

  /// "has more than 20000 pages or folders"; empty while all limits hold.
  [[nodiscard]] const std::string& over_limit() const noexcept { return over_limit_; }

 private:
  bool stop(std::string why);

  const ListLimits limits_;
  const std::chrono::steady_clock::time_point end_;
  int pages_ = 0;
  int empty_pages_ = 0;  // in a row
  std::uint64_t bytes_ = 0;
  std::string old_marker_ = {};  // of page 1, 2, 4, 8 …: in a circle one of them comes again
  std::string over_limit_ = {};
};

}  // namespace runlog
