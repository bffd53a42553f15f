// Policies: what a run does about power loss, a full disk, a run id that is there already, and
// other users. They are values of Options.
#pragma once

#include <cstdint>

namespace runlog {

/// When appended records become safe from power loss. SIGKILL never loses any of them.
enum class Sync : std::uint8_t {
  never,        ///< when the kernel writes them back (after tens of seconds)
  interval,     ///< once per sync_interval, by a thread of the run
  each_record,  ///< before the call returns: 0.1–10 ms for each
};

/// What happens to a call when the disk, or the disk budget, is full. Up to ten calls a second of
/// each thread first try to make room: they pack closed segments, which may take some 100 ms.
enum class Overflow : std::uint8_t {
  drop_newest_counted,  ///< the record is dropped and counted, and a gap record says how many
  block,                ///< the call waits up to overflow_block, then as above
  drop_oldest_packed,   ///< the oldest unshipped pack is removed; its records are counted
};

/// What start_logging does when the run id already has journals under `root`. A journal to which
/// nothing was ever logged, because its start failed or was killed, does not count.
enum class Resume : std::uint8_t {
  never,  ///< fail with already_exists when this rank of the run has one; other ranks' do not
          ///< count. When several processes start the same rank at once, exactly one succeeds.
  allow,  ///< open a new journal beside them (never append to an old one)
  must,   ///< fail with not_found when no rank of the run has one
};

/// Who may read what a run writes below `root`, whatever the umask. Only its owner may write to it.
enum class Share : std::uint8_t {
  none,   ///< its owner
  group,  ///< its group as well: the one of `root`, where that has the set-group-ID bit
};

}  // namespace runlog
