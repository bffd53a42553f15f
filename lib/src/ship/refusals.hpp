// Refusals: the objects that one store has not accepted, from pass to pass, and whether the cause
// is the object or the store. An object that fails while others pass is refused: it is set aside
// and sent again at growing intervals. If nothing passes, the store has failed: it is left alone
// for a while, and no object counts as refused.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <utility>
#include <vector>

#include "store/object_store.hpp"

namespace runlog {

class Refusals {
 public:
  using Clock = std::chrono::steady_clock;

  struct Object {
    PutAnswer answer = {};        ///< the last one
    int times = 0;                ///< failed, in a row
    std::uint64_t asked = 0;      ///< counts up with each failure of any object
    bool is_set_aside = false;    ///< else it may be the store
    Clock::time_point due = {};   ///< with is_set_aside: not to be asked for before
    bool failed_in_pass = false;  ///< since begin_pass()
  };
  /// Of `file`; null when it has not failed.
  [[nodiscard]] const Object* find(const std::filesystem::path& file) const;

  /// All that have failed and have not been stored since.
  [[nodiscard]] std::vector<std::filesystem::path> files() const;

  /// In which order objects are asked for: those that never failed first, then those that failed
  /// longest ago, so that no number of refused ones keeps others from being tried; then those that
  /// are set aside.
  [[nodiscard]] std::pair<int, std::uint64_t> turn(const std::filesystem::path& file) const;

  void begin_pass();
  /// It has arrived: what is ill now is not the store.
  void stored(const std::filesystem::path& file);
  /// A put failed, or what has to come before it.
  void failed(const std::filesystem::path& file, const PutAnswer& answer);
  /// Sets aside what failed while others went through.
  void end_pass(Clock::time_point now);

  /// Nothing more is to be asked of the store now, for whatever journal.
  [[nodiscard]] bool is_store_ill() const noexcept { return is_ill_; }
  /// Nothing more is to be asked for in this pass.
  [[nodiscard]] bool is_pass_over() const noexcept;
  [[nodiscard]] bool has_stored_in_pass() const noexcept { return has_stored_; }
  /// How things stand with what failed in this pass and is not known to be the object's own
  /// trouble.
  enum class Suspects : std::uint8_t { none, busy, closed };
  /// `closed`: only the store's owner can help.
  [[nodiscard]] Suspects suspects_in_pass() const;
  /// As the store asked for in this pass.
  [[nodiscard]] std::chrono::milliseconds asked_for() const noexcept { return asked_for_; }

  /// For who makes many passes in one look, over journals that have little in common: other
  /// journals' objects have gone through, so what has failed is set aside.
  void blame_suspects(Clock::time_point now);
  [[nodiscard]] bool has_suspects() const;

 private:
  std::map<std::filesystem::path, Object> objects_;
  std::uint64_t asked_ = 0;
  bool has_stored_ = false;  // in this pass
  bool is_ill_ = false;
  int closed_in_pass_ = 0;
  int busy_in_a_row_ = 0;    // failures since something went through, over passes
  int closed_in_a_row_ = 0;  // of those, what only the owner can mend
  std::chrono::milliseconds asked_for_{0};
};

}  // namespace runlog
