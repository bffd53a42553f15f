#include "recover/whose.hpp"

#include "journal/journal_dir.hpp"
#include "platform/file_system.hpp"
#include "platform/process.hpp"

namespace runlog {

std::optional<LeftAlone> left_alone(const std::filesystem::path& path, std::string_view program) {
  const auto info = stat_name(path);
  if (!info) return {};
  LeftAlone left{.owner = info->owner};
  const auto run = stat_name(path.parent_path());
  const bool is_journal = parse_journal_name(path.filename().native()).has_value();
  if (is_journal && run) {
    const bool could_be_exchanged = info->is_writable_by_all ||
                                    !is_safe_root(path.parent_path().parent_path()) ||
                                    (run->owner != info->owner && run->owner != 0);
    left.is_nobodys = could_be_exchanged && (info->owner == own_user() || run->owner == own_user());
  }
  left.why = left.is_nobodys
                 ? "is left alone, as others may have exchanged it: every user may write to it or "
                   "to the directory of its runs, or that or its run belongs to another user; look "
                   "at it, and run this with --any-owner"
                 : "left alone, as it belongs to " + user_text(left.owner) + ": run " +
                       std::string(program) + " as that user, or with --any-owner";
  return left;
}

}  // namespace runlog
