#include "ship/waiting_check.hpp"

#include <algorithm>
#include <functional>
#include <optional>
#include <system_error>
#include <utility>

#include "base/bytes.hpp"
#include "base/json_read.hpp"
#include "base/sha256.hpp"
#include "pack/lost_gap.hpp"
#include "platform/crash_point.hpp"
#include "platform/directories.hpp"
#include "platform/file_bytes.hpp"
#include "platform/file_system.hpp"

namespace runlog {
namespace {

constexpr int kTorn_names_max = 100;
constexpr std::size_t kSpill_bytes_max = 4096;

Error in_file(const std::filesystem::path& path, Error error) {
  if (error.message.find(path.native()) == std::string::npos) {
    error.message.insert(0, path.native() + ": ");
  }
  return error;
}

// A pack in packs/ says itself whose it is.
Result<void> belongs(const format::PackInfo& info, const Meta& meta, std::uint32_t number) {
  const auto lowest =
      std::min_element(info.segments.begin(), info.segments.end(),
                       [](const auto& a, const auto& b) { return a.number < b.number; });
  const bool is_ours =
      info.session == meta.session && lowest != info.segments.end() && lowest->number == number;
  if (is_ours) return {};
  return Error{Errc::corrupt, 0, "another pack under this name: of session " + info.session};
}

// The digest of the artifact that a record names, or nothing.
std::string blob_of(const Record& record) {
  std::string digest;
  if (!record.text) return digest;
  if (record.kind == Kind::file || record.kind == Kind::image) digest = *record.text;
  if (record.kind == Kind::spill) {
    const auto json = JsonText::parse(*record.text, "spill", kSpill_bytes_max);
    if (json) digest = json->text("sha256");
  }
  return is_sha256_hex(digest) ? digest : std::string();
}

// Writes a pack aside, synced.
Result<void> write_pack(const std::filesystem::path& path, const format::PackInfo& info,
                        const std::function<Result<void>(format::PackWriter&)>& append_rows) {
  auto file = OpenFile::open(path, Access::write_emptied);
  if (!file) return std::move(file).error();
  format::PackWriter writer(
      [&](std::span<const std::byte> bytes) { return write_all(file->fd(), bytes, path); });
  auto written = append_rows(writer);
  if (written) written = writer.finish(info);
  if (written) written = sync_data(file->fd(), path);
  if (!written) (void)remove_file(path);
  return written;
}

std::filesystem::path aside(std::filesystem::path path) {
  path += ".tmp";
  return path;
}

// A name in torn/ that nothing has; `take` says already_exists where something has it after all.
Result<void> with_torn_name(const JournalDir& directory, const std::string& name,
                            const std::function<Result<void>(const std::filesystem::path&)>& take) {
  if (auto made = make_directories(directory.torn(), Rights::of_parent); !made) return made;
  std::filesystem::path target = directory.torn() / name;
  auto taken = take(target);
  for (int n = 2; !taken && taken.error().code == Errc::already_exists && n < kTorn_names_max;
       ++n) {
    target = directory.torn() / (name + "." + std::to_string(n));
    taken = take(target);
  }
  return taken;
}

// A second name for the file, or a copy where the file system has none.
Result<void> keep_copy(const std::filesystem::path& file, const std::filesystem::path& target) {
  if (stat_file(target)) return Error{Errc::already_exists, 0, target.native() + " exists"};
  std::error_code failed;
  std::filesystem::create_hard_link(file, target, failed);
  if (failed) std::filesystem::copy_file(file, target, failed);
  if (!failed) return sync_directory(target.parent_path());
  return os_error(failed.value(), "cannot copy " + file.native() + " to", target.native());
}

Result<format::PackReader> open_pack(format::PackBytes bytes, const std::filesystem::path& path,
                                     const Meta& meta, std::uint32_t number) {
  const std::string_view magic = "PAR1";
  bool is_parquet = bytes.size() > magic.size();
  if (is_parquet) {
    const auto head = bytes.get(0, magic.size(), magic.size());
    is_parquet = head && as_text(*head) == magic;
  }
  auto reader = format::PackReader::open(std::move(bytes));
  if (!reader) {
    Error error = in_file(path, std::move(reader).error());
    // What is no Parquet at all is no later version's either.
    if (!is_parquet) error.code = Errc::corrupt;
    return error;
  }
  if (auto ours = belongs(reader->info(), meta, number); !ours) {
    return in_file(path, std::move(ours).error());
  }
  return reader;
}

bool tells_of(const std::vector<Damage>& damage, const format::PackReader::RowGroup& group) {
  return std::any_of(damage.begin(), damage.end(),
                     [&](const Damage& one) { return one.begin == group.begin; });
}

// One that the journal keeps.
Result<format::PackBytes> open_kept(const std::filesystem::path& path) {
  if (auto checked = check_kind_of_file(path); !checked) return std::move(checked).error();
  return format::PackBytes::open(path);
}

}  // namespace

Result<format::PackInfo> check_footer(const std::filesystem::path& path, const Meta& meta,
                                      std::uint32_t number) {
  auto bytes = open_kept(path);
  if (!bytes) return std::move(bytes).error();
  return check_footer(std::move(*bytes), path, meta, number);
}

Result<format::PackInfo> check_footer(format::PackBytes bytes, const std::filesystem::path& path,
                                      const Meta& meta, std::uint32_t number) {
  auto reader = open_pack(std::move(bytes), path, meta, number);
  if (!reader) return std::move(reader).error();
  return reader->info();
}

Result<void> check_pages(const std::filesystem::path& path, const Meta& meta,
                         std::uint32_t number) {
  auto bytes = format::PackBytes::open(path);
  if (!bytes) return std::move(bytes).error();
  auto reader = open_pack(std::move(*bytes), path, meta, number);
  if (!reader) return std::move(reader).error();
  auto checked = reader->check_pages();
  if (!checked) return in_file(path, std::move(checked).error());
  return {};
}

std::set<std::string> blobs_named_in(const std::filesystem::path& path) {
  std::set<std::string> blobs;
  if (!check_kind_of_file(path)) return blobs;
  auto reader = format::PackReader::open_file(path);
  if (!reader) return blobs;
  for (std::size_t i = 0; i < reader->row_groups().size(); ++i) {
    const auto& group = reader->row_groups()[i];
    const bool may_name =
        group.may_hold(Kind::file) || group.may_hold(Kind::image) || group.may_hold(Kind::spill);
    if (!may_name) continue;
    (void)reader->read(i, [&](const Record& record) {
      if (std::string blob = blob_of(record); !blob.empty()) blobs.insert(std::move(blob));
    });
  }
  return blobs;
}

Result<std::vector<std::pair<std::uint32_t, std::filesystem::path>>> packs_here(
    const JournalDir& directory) {
  std::vector<std::pair<std::uint32_t, std::filesystem::path>> packs;
  std::set<std::uint32_t> seen;
  for (const auto& place : {directory.packs(), directory.shipped()}) {
    const auto names = list_if_there(place);
    if (!names) return names.error();
    for (const std::string& name : *names) {
      const auto number = parse_numbered_name(name, kPack_suffix);
      if (number && seen.insert(*number).second) packs.emplace_back(*number, place / name);
    }
  }
  return packs;
}

Result<PackCheck> check_pack(const std::filesystem::path& path, const Meta& meta,
                             std::uint32_t number) {
  auto bytes = open_kept(path);
  if (!bytes) return std::move(bytes).error();
  return check_pack(std::move(*bytes), path, meta, number);
}

Result<PackCheck> check_pack(format::PackBytes bytes, const std::filesystem::path& path,
                             const Meta& meta, std::uint32_t number) {
  auto reader = open_pack(std::move(bytes), path, meta, number);
  if (!reader) return std::move(reader).error();
  PackCheck check;
  check.info = reader->info();
  for (std::size_t i = 0; i < reader->row_groups().size(); ++i) {
    const auto& group = reader->row_groups()[i];
    const auto read = reader->read(i, [&](const Record& record) {
      if (std::string blob = blob_of(record); !blob.empty()) check.blobs.insert(std::move(blob));
      if (record.kind == Kind::gap && record.name == "evicted") {
        check.evicted +=
            static_cast<std::uint64_t>(std::max<std::int64_t>(0, record.int_value.value_or(0)));
      }
    });
    if (read) continue;
    if (read.error().code == Errc::io) return in_file(path, read.error());
    check.damage.push_back(
        {path.native(), group.begin, group.end, group.rows, true, read.error().message});
  }
  if (!check.damage.empty()) check.gap = format::find_lost_gap(*reader);
  if (check.gap) --check.damage.front().records_lost;
  return check;
}

Result<void> mend_pack(const JournalDir& directory, const std::filesystem::path& path,
                       const PackCheck& check) {
  auto reader = format::PackReader::open_file(path);
  if (!reader) return in_file(path, std::move(reader).error());
  format::PackInfo info = check.info;
  info.damage.insert(info.damage.end(), check.damage.begin(), check.damage.end());
  info.records_dropped = 0;
  std::optional<Record> gap = check.gap;
  const std::filesystem::path temporary = aside(path);
  auto done = write_pack(temporary, info, [&](format::PackWriter& writer) -> Result<void> {
    Result<void> appended;
    const auto append = [&](const Record& record) {
      if (record.kind == Kind::gap && record.int_value.value_or(0) > 0) {
        info.records_dropped += static_cast<std::uint64_t>(*record.int_value);
      }
      if (appended) appended = writer.append(record);
    };
    for (std::size_t i = 0; i < reader->row_groups().size() && appended; ++i) {
      const auto read = reader->read(i, append);
      if (!read && !tells_of(check.damage, reader->row_groups()[i])) {
        return in_file(path, read.error());  // since it was checked
      }
      if (!read && gap) append(*std::exchange(gap, std::nullopt));
    }
    return appended;
  });
  if (!done) return done;
  done = with_torn_name(directory, path.filename().native() + kMended_suffix,
                        [&](const auto& target) { return keep_copy(path, target); });
  crash_point("in_mend");
  if (done) done = rename_file(temporary, path, true);
  if (!done) {
    (void)remove_file(temporary);
    return done;
  }
  return sync_directory(path.parent_path());
}

Result<void> make_damage_pack(const JournalDir& directory, const Meta& meta,
                              const std::vector<std::uint32_t>& numbers,
                              const std::vector<Damage>& damage) {
  format::PackInfo info{.run_id = meta.run_id,
                        .project = meta.project,
                        .session = meta.session,
                        .rank = meta.rank,
                        .damage = damage};
  for (const std::uint32_t number : numbers) info.segments.push_back({.number = number});
  const std::filesystem::path path =
      directory.pack(*std::min_element(numbers.begin(), numbers.end()));
  if (auto made = make_directories(directory.packs(), Rights::of_parent); !made) return made;
  auto done = write_pack(aside(path), info, [](format::PackWriter&) { return Result<void>(); });
  if (!done) return done;
  if (done = rename_file(aside(path), path, false); !done) {
    (void)remove_file(aside(path));
    return done;
  }
  done = sync_directory(directory.packs());
  crash_point("after_damage_pack");
  return done;
}

Result<void> move_to_torn(const JournalDir& directory, const std::filesystem::path& file,
                          std::string_view suffix) {
  return with_torn_name(directory, file.filename().native() + std::string(suffix),
                        [&](const auto& target) { return rename_file(file, target, false); });
}

}  // namespace runlog
