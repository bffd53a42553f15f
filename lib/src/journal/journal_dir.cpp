#include "journal/journal_dir.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>
#include <map>
#include <system_error>
#include <utility>

#include "base/hex.hpp"
#include "platform/directories.hpp"
#include "platform/file_system.hpp"
#include "platform/process.hpp"

namespace runlog {
namespace {

// By its name: one that has lost its lanes/, or does not let us look, is to be told of.
bool is_journal(const std::filesystem::path& path) {
  if (!parse_journal_name(path.filename().native())) return false;
  const auto info = stat_file(path);
  return info ? info->is_directory : info.error().code != Errc::not_found;
}

// A run directory that a link shows under a second name is one: that of the name it really has,
// because records are shipped under the name of their run's directory.
void forget_second_names(std::vector<std::filesystem::path>& journals) {
  std::map<std::pair<std::uint64_t, std::uint64_t>, std::size_t> seen;  // device, inode → place
  std::vector<std::filesystem::path> kept;
  for (std::filesystem::path& path : journals) {
    const auto info = stat_file(path);
    const auto [at, is_new] = info ? seen.try_emplace({info->device, info->inode}, kept.size())
                                   : std::pair(seen.end(), true);
    if (is_new) {
      kept.push_back(std::move(path));
      continue;
    }
    std::error_code ignored;
    const bool is_linked = std::filesystem::is_symlink(path.parent_path(), ignored) ||
                           std::filesystem::is_symlink(path, ignored);
    if (!is_linked) kept[at->second] = std::move(path);
  }
  journals = std::move(kept);
  std::sort(journals.begin(), journals.end());
}

bool has_journal_name(const std::vector<std::string>& names) {
  return std::any_of(names.begin(), names.end(),
                     [](const std::string& name) { return parse_journal_name(name).has_value(); });
}

}  // namespace

JournalDir JournalDir::of(const std::filesystem::path& root, std::string_view run_id,
                          std::int64_t rank, const Session& session) {
  return JournalDir(root / run_id / ("r" + std::to_string(rank) + "-" + to_hex(session)));
}

bool is_trusted(const FileStat& info) noexcept {
  return info.owner == own_user() || info.owner == 0;
}

bool is_own_journal(const std::filesystem::path& path) {
  const auto info = stat_name(path);
  const auto run = stat_name(path.parent_path());
  return run && is_trusted(*run) && info && info->is_directory && info->owner == own_user() &&
         !info->is_writable_by_all;
}

bool is_safe_root(const std::filesystem::path& root) {
  const auto info = stat_file(root);
  return info && is_trusted(*info) && (!info->is_writable_by_all || info->is_sticky);
}

std::optional<std::filesystem::path> find_link(const JournalDir& directory) {
  for (const auto& path :
       {directory.meta(), directory.crash(), directory.end(), directory.refused(),
        directory.moved(), directory.lanes(), directory.packs(), directory.blobs(),
        directory.shipped(), directory.torn()}) {
    if (kind_of_file(path) == FileKind::link) return path;
  }
  return {};
}

Result<void> make_run_directory(const std::filesystem::path& run, Rights rights) {
  auto root = make_directories(run.parent_path(), rights);
  return root ? make_directories(run, rights) : root;
}

Result<void> JournalDir::create(Rights rights) const {
  if (auto run = make_run_directory(path_.parent_path(), rights); !run) return run;
  if (auto made = make_directories(path_, rights); !made) return made;
  return create_folders();
}

Result<void> JournalDir::create_folders() const {
  for (const auto& directory : {lanes(), packs(), blobs(), shipped()}) {
    if (auto made = make_directories(directory, Rights::of_parent); !made) return made;
  }
  return {};
}

std::filesystem::path JournalDir::segment(std::uint32_t number) const {
  return lanes() / numbered_name(number, kSegment_suffix);
}

std::filesystem::path JournalDir::pack(std::uint32_t number) const {
  return packs() / numbered_name(number, kPack_suffix);
}

std::string numbered_name(std::uint32_t number, std::string_view suffix) {
  std::array<char, 16> digits{};
  std::snprintf(digits.data(), digits.size(), "%08u", number);
  return digits.data() + std::string(suffix);
}

std::optional<std::uint32_t> parse_numbered_name(std::string_view name, std::string_view suffix) {
  if (name.size() < 8 + suffix.size() || !name.ends_with(suffix)) return {};
  const std::string_view digits = name.substr(0, name.size() - suffix.size());
  std::uint32_t number = 0;
  const auto parsed = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (parsed.ec != std::errc{} || parsed.ptr != digits.data() + digits.size()) return {};
  if (numbered_name(number, suffix) != name) return {};  // one number, one name
  return number;
}

std::optional<Session> parse_session(std::string_view hex) {
  Session session;
  if (hex.size() != session.bytes.size() * 2) return {};
  for (std::size_t i = 0; i < session.bytes.size(); ++i) {
    const int high = hex_digit(hex[2 * i]);
    const int low = hex_digit(hex[2 * i + 1]);
    if (high < 0 || low < 0) return {};
    session.bytes[i] = static_cast<std::uint8_t>(high * 16 + low);
  }
  return session;
}

std::optional<JournalName> parse_journal_name(std::string_view name) {
  const std::size_t dash = name.rfind('-');
  if (name.empty() || name[0] != 'r' || dash == std::string_view::npos) return {};
  JournalName parsed;
  const std::string_view digits = name.substr(1, dash - 1);
  const auto rank = std::from_chars(digits.data(), digits.data() + digits.size(), parsed.rank);
  if (rank.ec != std::errc{} || rank.ptr != digits.data() + digits.size()) return {};
  const auto session = parse_session(name.substr(dash + 1));
  if (!session) return {};
  parsed.session = *session;
  return parsed;
}

Result<std::vector<std::filesystem::path>> find_journals(
    const std::filesystem::path& given, std::vector<Error>* unread,
    std::vector<std::filesystem::path>* others) {
  // "runs/a/" and "." have no file name to look at: make the path whole first.
  std::error_code ignored;
  std::filesystem::path path = std::filesystem::absolute(given, ignored).lexically_normal();
  if (!path.has_filename()) path = path.parent_path();
  std::vector<std::filesystem::path> found;
  const auto add = [&](const std::filesystem::path& journal) {
    const bool is_theirs =
        others != nullptr &&
        !(is_own_journal(journal) && is_safe_root(journal.parent_path().parent_path()));
    (is_theirs ? *others : found).push_back(journal);
  };
  if (is_journal(path)) {
    add(path);
    return found;
  }
  auto names = list_directory(path);
  if (!names) return std::move(names).error();
  for (const std::string& name : *names) {
    const std::filesystem::path child = path / name;
    if (is_journal(child)) {
      add(child);
      continue;
    }
    if (!is_valid_id(name)) continue;
    const auto run = others != nullptr ? stat_name(child) : Result<FileStat>(Error{});
    // A run directory that may not be read does not hide the others. One that vanishes, and a file,
    // are none.
    const auto inner_names = list_directory(child);
    if (!inner_names && inner_names.error().code == Errc::not_found) continue;
    if (run && run->owner != own_user() && (!inner_names || !is_trusted(*run))) {
      if (!inner_names || has_journal_name(*inner_names)) others->push_back(child);
      continue;
    }
    if (!inner_names) {
      if (unread != nullptr) unread->push_back(inner_names.error());
      continue;
    }
    for (const std::string& inner : *inner_names) {
      if (is_journal(child / inner)) add(child / inner);
    }
  }
  forget_second_names(found);
  return found;
}

}  // namespace runlog
