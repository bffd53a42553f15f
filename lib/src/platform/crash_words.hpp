// What a dying process says in a crash file, and how that is written: who died, of what, sent by
// whom. All of it but note_exit() is for a signal handler: no memory is taken and no lock. Which
// files get it, and when, is known to platform/crash_mark.
#pragma once

#include <cstddef>
#include <cstdint>

#include "platform/crash_layout.hpp"
#include "platform/signals.hpp"

namespace runlog {

/// exit() has been called with this status: what is marked from now on came after it.
void note_exit(int status) noexcept;

namespace crash {

[[nodiscard]] std::int64_t own_tid() noexcept;
/// Of the real-time clock, as in the records.
[[nodiscard]] std::int64_t now_ns() noexcept;

/// Of this process and thread, now.
[[nodiscard]] Mark describe_self(std::uint32_t kind) noexcept;
[[nodiscard]] Mark describe(const CaughtSignal& caught) noexcept;

/// At `part` of a crash file. One that is half written is none.
void write_mark(std::byte* part, Mark mark) noexcept;
[[nodiscard]] bool has_mark(std::byte* part) noexcept;
[[nodiscard]] Mark read_mark(const std::byte* part) noexcept;
void remove_mark(std::byte* part) noexcept;

void set_crc(Exception& exception) noexcept;
void set_crc(Backtrace& backtrace) noexcept;

}  // namespace crash
}  // namespace runlog
