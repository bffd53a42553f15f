// GuessTable: what is known of a text, guessed from where its bytes lie. A program passes a name
// from the same literal again and again, so most look-ups become one compare. Who asks compares the
// bytes: a place that has got other bytes meanwhile costs a look-up and does no harm.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace runlog {

/// Not thread-safe. Two texts may share a Guess; the last one to write it has it.
template <typename Guess, unsigned kGuesses_log2>
class GuessTable {
 public:
  [[nodiscard, gnu::always_inline]] Guess& of(const std::string_view& text) noexcept {
    return guesses_[slot_of(text)];
  }
  [[nodiscard, gnu::always_inline]] const Guess& of(const std::string_view& text) const noexcept {
    return guesses_[slot_of(text)];
  }

 private:
  [[gnu::always_inline]] static std::size_t slot_of(const std::string_view& text) noexcept {
    const auto address = reinterpret_cast<std::uintptr_t>(text.data());
    return (address * 0x9E3779B97F4A7C15u) >> (64 - kGuesses_log2);
  }

  std::array<Guess, std::size_t{1} << kGuesses_log2> guesses_ = {};
};

}  // namespace runlog
