// PackCursor: one pack as a stream of records, from a file or from a store. At first only its
// footer is looked at; it is opened when time reaches it, holds one decoded row group, and gives
// everything back at its end. So a journal of thousands of packs is read in the memory, and with
// the descriptors, of the few that overlap in time.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/sha256.hpp"
#include "format/pack.hpp"
#include "platform/mapped_file.hpp"
#include "runlog/record.hpp"
#include "ship/object_window.hpp"

namespace runlog {

/// A store that is being read. Shared by the packs of all journals found in it.
struct StoreReading {
  std::unique_ptr<ObjectStore> store = {};
  std::size_t kept_bytes = 0;  ///< of ends of packs, kept between the first look and the reading
  int failures = 0;            ///< requests in a row that got no answer

  /// get() and head(), but a store that has stopped answering is not asked again and again: a pack
  /// may have thousands of brothers, and each question may take half a minute.
  Result<void> fetch(ObjectWindow& window, ByteRange range);
  Result<ObjectInfo> head(const std::string& name);

 private:
  [[nodiscard]] Result<void> check() const;
  void count(const Error* error) noexcept;
};

class PackCursor {
 public:
  /// Where a pack is: a file, or an object of `reading`.
  struct Place {
    std::filesystem::path path = {};  ///< of the file; for messages also of the object
    std::shared_ptr<StoreReading> reading = {};
    std::string object = {};
    std::uint64_t object_bytes = 0;
  };
  struct Settings {
    std::optional<std::int64_t> since_ns = {};  ///< row groups that end before it are skipped
    /// The file may be removed or moved while we read: keep it mapped from the start.
    bool keeps_file = false;
    /// Compare an object's bytes with the digest the store keeps. Costs a request, no traffic.
    bool checks_digest = false;
  };

  /// Reads the footer. Errors: not_found, corrupt, unsupported, unavailable; they name the pack.
  static Result<std::unique_ptr<PackCursor>> open(Place place, const Settings& settings);
  ~PackCursor();

  [[nodiscard]] const std::filesystem::path& path() const noexcept { return place_.path; }
  [[nodiscard]] const format::PackInfo& info() const noexcept { return info_; }

  [[nodiscard]] bool has_row() const noexcept { return row_ < rows_.size(); }
  [[nodiscard]] bool is_over() const noexcept { return !has_row() && next_group_ >= groups_; }
  /// A lower bound for the time of its next record; that time itself when there is a row.
  [[nodiscard]] std::int64_t time() const noexcept {
    return has_row() ? rows_[row_].time_ns : next_time_ns_;
  }
  [[nodiscard]] const Record& row() const noexcept { return rows_[row_]; }
  void pop() noexcept { ++row_; }

  /// Decodes the next row group; call when !has_row() && !is_over(). What cannot be read goes to
  /// `damage`, and the pack goes on behind it.
  void load_next(std::vector<Damage>& damage);
  /// When it is over: gives its memory back, and reports what only the end shows.
  void close(std::vector<Damage>& damage);

 private:
  PackCursor() = default;
  Result<void> open_reader();
  Result<void> map_file();
  Result<void> fetch_end();
  Result<void> fetch_group(std::size_t index);
  void check_digest(std::vector<Damage>& damage);
  void lose_rest(std::vector<Damage>& damage, const std::string& why);
  void release() noexcept;
  [[nodiscard]] std::span<const std::byte> bytes() const noexcept;

  Place place_;
  bool keeps_file_ = false;
  format::PackInfo info_;
  std::uint64_t rows_left_ = 0;  // in row groups not yet loaded
  std::size_t groups_ = 0;
  std::size_t next_group_ = 0;
  std::int64_t next_time_ns_ = 0;

  // While it is open.
  MappedFile file_;
  ObjectWindow window_;
  std::uint64_t end_begin_ = 0;  // of the window, what lies behind is in memory till the end
  std::optional<format::PackReader> reader_;
  std::span<const Record> rows_;
  std::size_t row_ = 0;

  std::vector<std::byte> kept_end_;  // the object's last bytes, if there was room to keep them
  std::optional<Sha256> digest_;     // of the first digested_bytes_; empty when that is broken off
  std::uint64_t digested_bytes_ = 0;
};

}  // namespace runlog
