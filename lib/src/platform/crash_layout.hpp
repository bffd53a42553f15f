// The layout of a journal's crash file, which a dying process fills through its map. docs/format.md
// has the same table; the two change in one commit.
//
//   offset  bytes
//        0    128  the mark: how the process ended
//      128    128  the request to stop that it had, in the same form
//      256    768  the exception that nobody caught, or that was being handled
//     1024   6144  the backtrace
//     7168   1024  zero
//     8192   8192  the tally: calls that were dropped, and how many of them a gap record tells of
//
// Each part but the tally is valid if its checksum matches. A time in exception and backtrace tells
// to which mark they belong. The tally changes with every dropped call, each slot by one thread at
// a time, and has no checksum.
#pragma once

#include <cstddef>
#include <cstdint>

namespace runlog::crash {

inline constexpr std::size_t kFile_bytes = 16384;
inline constexpr std::size_t kMark_at = 0;
inline constexpr std::size_t kStop_at = 128;
inline constexpr std::size_t kMark_bytes = 128;
inline constexpr std::size_t kException_at = 256;
inline constexpr std::size_t kException_bytes = 768;
inline constexpr std::size_t kBacktrace_at = 1024;
inline constexpr std::size_t kBacktrace_bytes = 6144;
inline constexpr std::size_t kTally_at = 8192;
inline constexpr std::size_t kTally_bytes = 8192;
static_assert(kTally_at + kTally_bytes == kFile_bytes);
static_assert(kBacktrace_at + kBacktrace_bytes <= kTally_at);
static_assert(kException_at + kException_bytes == kBacktrace_at);

/// "RLCARCH2", masked as format::segment_magic() is: a search of a core dump finds marks only.
inline constexpr std::uint64_t kMagic_mask = 0x5A5A5A5A'5A5A5A5Au;
inline constexpr std::uint64_t kMagic_masked = 0x32484352'41434C52u ^ kMagic_mask;

enum Kind : std::uint32_t {
  kSignal = 1,
  kQuick_exit = 2,
  kTerminate = 3,  // std::terminate, before the signal that follows
};
enum Flag : std::uint32_t {
  kProvisional = 1,  // a handler of the host was still to be called
  kAfter_exit = 2,   // exit() had been called, with `exit_status`
};
enum Exception_flag : std::uint32_t {
  kHandled = 1,  // it was being handled when the process aborted; else nobody caught it
};

inline constexpr std::size_t kName_bytes = 16;  // of a thread or command, as in the kernel

/// Mark and stop request. The magic is stored last.
struct Mark {
  std::uint64_t magic;
  std::uint32_t crc;  // standard CRC-32C of the rest
  std::uint32_t kind;
  std::uint32_t flags;
  std::int32_t signal;
  std::int32_t code;     // si_code
  std::uint32_t number;  // of the system call that was refused (SIGSYS)
  std::uint64_t address;
  std::int64_t time_ns;
  std::int64_t pid, tid;  // of the process itself, and of the thread
  std::int64_t sender_pid;
  std::int64_t sender_uid;
  char sender_name[kName_bytes];
  char thread_name[kName_bytes];
  std::int32_t exit_status;
  std::uint32_t zero[3];
};
static_assert(sizeof(Mark) == kMark_bytes);

struct Exception {
  std::uint32_t crc;  // standard CRC-32C of the rest of the part
  std::uint32_t type_bytes;
  std::uint32_t what_bytes;
  std::uint32_t flags;
  std::int64_t time_ns;
  std::int64_t tid;
  char text[736];  // the mangled type, then what()
};
static_assert(sizeof(Exception) == kException_bytes);
inline constexpr std::size_t kType_bytes_max = 224;
inline constexpr std::size_t kWhat_bytes_max = 512;
static_assert(kType_bytes_max + kWhat_bytes_max == sizeof(Exception::text));

inline constexpr std::size_t kFrames_max = 64;
inline constexpr std::size_t kModules_max = 32;
inline constexpr std::size_t kBuild_id_bytes = 20;

struct Module {
  std::uint64_t begin, end;  // where it is mapped
  std::uint64_t bias;        // added to the file's addresses when it was loaded
  std::uint16_t path_at;     // in `text`
  std::uint16_t path_bytes;
  std::uint8_t id_bytes;
  std::uint8_t id[kBuild_id_bytes];
  std::uint8_t zero[7];
};
static_assert(sizeof(Module) == 56);

struct Backtrace {
  std::uint32_t crc;  // standard CRC-32C of the rest of the part
  std::uint32_t frames;
  std::uint32_t modules;
  std::uint32_t text_bytes;
  std::int64_t time_ns;              // of the mark it belongs to
  std::uint64_t frame[kFrames_max];  // the first is where it happened, the others return there
  Module module[kModules_max];
  char text[kBacktrace_bytes - 24 - kFrames_max * 8 - kModules_max * sizeof(Module)];  // paths
};
static_assert(sizeof(Backtrace) == kBacktrace_bytes);

/// "RLTALLY2", masked likewise.
inline constexpr std::uint64_t kTally_magic_masked = 0x32594C4C'41544C52u ^ kMagic_mask;
/// "RLTOLD_2": the counts of calls are in a pack, but for what children add; the others still hold.
inline constexpr std::uint64_t kTold_magic_masked = 0x325F444C'4F544C52u ^ kMagic_mask;
inline std::uint64_t tally_magic() noexcept {
  return kTally_magic_masked ^ kMagic_mask;
}
inline std::uint64_t told_magic() noexcept {
  return kTold_magic_masked ^ kMagic_mask;
}

inline constexpr std::size_t kReasons_max = 12;  // see DropReason
inline constexpr std::size_t kTally_slots = 36;

/// What the writer of one lane has dropped, and told.
struct TallySlot {
  std::uint64_t dropped[kReasons_max];
  std::uint64_t told[kReasons_max];
  // While a gap record is being appended; `telling_reason` is stored last, and set back to 0 when
  // told[] has the new value. If the record is there, told[] is at least `telling_told`.
  std::uint64_t telling_told;
  std::int64_t telling_seq;      // the record's, in the slot's lane
  std::uint32_t telling_reason;  // plus 1; 0: none is
  std::uint32_t segment;         // the lane's last, number plus 1; 0: it has had none
  std::int64_t time_ns;          // of the last call that was dropped
};
static_assert(sizeof(TallySlot) == 224);

/// The slot of forked children: what they dropped before they had a journal. Its one count that is
/// used, dropped[value], is added to by all of them, for as long as they live: after the process,
/// and after its recovery. Recovery notes in `telling_told` how many of these calls are told, and
/// in `telling_seq` the next sequence number of the lane in which it tells, plus 1; 0: it has not
/// been here, or an older one that tells of no more.
inline constexpr std::size_t kChildren_slot = 35;

struct Tally {
  std::uint64_t magic;
  std::uint32_t next_segment;  // above every segment number that was given away
  // While an unshipped pack is removed to make room; `evicting_pack` is stored last. If the pack is
  // gone, the keeper's dropped[evicted] is at least `evicting_total`, and `evicted_records` at
  // least `evicting_records`.
  std::uint32_t evicting_pack;  // plus 1; 0: none is
  std::uint64_t evicting_total;
  std::uint64_t evicting_records;
  std::uint64_t evicted_records;  // holes in the lanes that the packs removed so have left
  std::uint64_t is_continued;     // not 0: the process goes on in another journal and tells of all
                                  // slots there but the children's
  std::uint64_t continues;        // not 0: this is where it went on
  std::uint64_t packs;            // that were made here and not removed to make room, at least
  TallySlot slot[kTally_slots];   // by lane
};
static_assert(sizeof(Tally) == 64 + kTally_slots * sizeof(TallySlot));
static_assert(sizeof(Tally) <= kTally_bytes);

}  // namespace runlog::crash
