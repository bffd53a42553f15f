// What a peer may cost: a server, a program or a file that gives credentials. None of them is
// trusted. Each answer has a limit in bytes; a listing has limits in requests, bytes and seconds,
// and the error names the one that was reached.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace runlog {

// One request by HTTP.

/// It may go on while this much moves, over each span of its timeout.
inline constexpr std::uint64_t kBytes_per_second_min = 1'000;
/// All header lines of an answer together, interim answers (1xx) and trailers included.
inline constexpr std::size_t kHead_bytes_max = 64u << 10;
/// The page of a refusal is cut here: its status is what counts.
inline constexpr std::size_t kRefusal_bytes_max = 64u << 10;
/// An answer that is no object, page or folder.
inline constexpr std::uint64_t kAnswer_bytes_max = 64u << 10;

// Credentials.

/// Files with credentials or settings are far smaller than this.
inline constexpr std::uint64_t kCredential_file_bytes_max = 1u << 20;
/// A token, an endpoint's answer, the output of a credential_process.
inline constexpr std::uint64_t kToken_bytes_max = 64u << 10;
/// A key of an INI file, with the key above it. Longer ones are none that is read.
inline constexpr std::size_t kIni_key_bytes_max = 128;
inline constexpr std::chrono::milliseconds kCredential_process_time_max{60'000};
/// One request to an endpoint, however it trickles.
inline constexpr std::chrono::milliseconds kMetadata_time_max{10'000};
inline constexpr std::chrono::milliseconds kToken_service_time_max{60'000};
/// Times that a peer tells lie between 1970 and this year: 64 bits hold their nanoseconds, and
/// distances between them.
inline constexpr int kPeer_year_max = 2200;

// Listings.

/// One listing: the pages of a prefix, or the folders below one.
struct ListLimits {
  /// A page has up to 1000 names, a folder any number.
  int pages_max = 20'000;
  /// In a row. Azure sends some; many are made up.
  int empty_pages_max = 1'000;
  std::uint64_t bytes_max = 8ull << 30;
  std::chrono::milliseconds time_max = std::chrono::hours(1);
};
inline constexpr std::uint64_t kList_page_bytes_max = 16u << 20;
/// A folder of WebDAV comes as one answer, without pages.
inline constexpr std::uint64_t kList_folder_bytes_max = 64u << 20;
/// Our names have five levels; what lies deeper is not ours.
inline constexpr int kList_depth_max = 8;
/// The longest name that S3, Azure and Google take.
inline constexpr std::size_t kObject_name_bytes_max = 1024;
/// What a store may make us remember: runs and projects, and the objects of one run.
inline constexpr std::size_t kRuns_listed_max = 4u << 20;
inline constexpr std::size_t kObjects_listed_max = 8u << 20;

// Objects.

/// No pack comes near it. A store that claims or sends more is wrong or hostile.
inline constexpr std::uint64_t kWindow_bytes_max = 64ull << 30;
/// The most that is fetched at once; a row group of ours takes up to about 12 MiB.
inline constexpr std::uint64_t kFetch_bytes_max = 128ull << 20;
/// A read is given up after so many tries without progress.
inline constexpr int kRead_tries = 5;
/// What a try must bring to be progress.
inline constexpr std::uint64_t kRead_progress_bytes_min = 4u << 10;

}  // namespace runlog
