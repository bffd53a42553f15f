// Images and artifacts: what is staged in the journal as a blob, and the walk through a folder.

#include <algorithm>
#include <array>
#include <cerrno>
#include <exception>
#include <functional>
#include <new>
#include <vector>

#include "base/errno_text.hpp"
#include "base/out_of_memory.hpp"
#include "journal/blobs.hpp"
#include "platform/directories.hpp"
#include "platform/file_system.hpp"
#include "platform/in_call.hpp"
#include "run/run_core.hpp"
#include "runlog/run.hpp"

namespace runlog {
namespace {

/// Of the files that could not be staged, named in the message for each reason.
constexpr std::size_t kNamed_max = 3;

// Reports bad_alloc and the like as errors: the callers are noexcept.
template <typename Work>
auto guarded(Work work) noexcept -> decltype(work()) {
  const InCall in_call;
  try {
    return work();
  } catch (const std::bad_alloc&) {
    return out_of_memory();
  } catch (const std::exception& error) {
    return catch_no_memory([&]() -> decltype(work()) { return Error{Errc::io, 0, error.what()}; });
  }
}

// By what it holds, not by its name: a live journal of this process or another, one that is being
// made, a dead one, a copy. And a run in a store, which an artifact may be on its way to.
bool is_journal(const std::filesystem::path& directory) {
  const auto kind = [&](const char* name) { return kind_of_file(directory / name); };
  if (kind("lanes") == FileKind::directory &&
      (kind("LOCK") != FileKind::absent || kind("meta.json") != FileKind::absent)) {
    return true;
  }
  return directory.filename().native().starts_with("run_id=") &&
         kind("_runlog") == FileKind::directory;
}

std::string counted(std::uint64_t count, const char* one, const char* many) {
  return std::to_string(count) + " " + (count == 1 ? one : many);
}

// Stages what is below a folder, and keeps count of what it did not. One bad file, or directory,
// stops only itself.
class FolderWalk {
 public:
  using Stage = std::function<Result<Blob>(const std::string& name, const std::filesystem::path&)>;
  FolderWalk(const std::filesystem::path& top, std::string_view name, Stage stage)
      : top_(top), name_(name), stage_(std::move(stage)) {}

  /// Fails when the folder itself cannot be read. Its name may be a link; those below are left out.
  Result<void> walk() {
    if (is_journal(top_)) {
      ++report_.skipped_journals;
      return {};
    }
    auto entries = list(top_, Links::follow);
    if (!entries) return std::move(entries).error();
    // Not by recursion: a tree may be deeper than a stack.
    std::vector<Entry> waiting;
    push(waiting, std::move(*entries));
    while (!waiting.empty() && !has_ended_) {
      const Entry entry = std::move(waiting.back());
      waiting.pop_back();
      visit(entry, waiting);
    }
    return {};
  }

  [[nodiscard]] const FolderReport& report() const noexcept { return report_; }
  [[nodiscard]] bool has_failures() const noexcept { return failures_ > 0; }
  [[nodiscard]] bool has_ended() const noexcept { return has_ended_; }
  [[nodiscard]] bool has_skipped() const noexcept {
    return report_.skipped_links + report_.skipped_journals + report_.skipped_special > 0;
  }

  /// "1 unreadable (a/b: Permission denied), 2 vanished (c, d)"
  [[nodiscard]] std::string failed_text() const {
    std::string text;
    for (const Group& group : groups_) {
      if (group.count == 0) continue;
      if (!text.empty()) text += ", ";
      text += std::to_string(group.count) + group.what + " (" + group.named;
      if (group.count > kNamed_max) text += ", …";
      text += ')';
    }
    return text;
  }
  /// "3 links, 1 journal"
  [[nodiscard]] std::string skipped_text() const {
    std::string text;
    const auto add = [&](std::uint64_t count, const char* one, const char* many) {
      if (count == 0) return;
      if (!text.empty()) text += ", ";
      text += counted(count, one, many);
    };
    add(report_.skipped_links, "symbolic link", "symbolic links");
    add(report_.skipped_journals, "journal or run in a store", "journals or runs in a store");
    add(report_.skipped_special, "special file", "special files");
    return text;
  }
  /// Of those that should have been staged.
  [[nodiscard]] std::uint64_t files() const noexcept { return report_.staged + failures_; }
  [[nodiscard]] Errc first_code() const noexcept { return first_code_; }
  [[nodiscard]] int first_errno() const noexcept { return first_errno_; }

 private:
  struct Entry {
    std::filesystem::path below;  // its path from the folder on
    FileKind kind = FileKind::other;
  };
  struct Group {
    const char* what;
    std::uint64_t count = 0;
    std::string named = {};
  };

  // The last in the list is the next.
  static void push(std::vector<Entry>& waiting, std::vector<Entry> entries) {
    std::sort(entries.begin(), entries.end(),
              [](const Entry& a, const Entry& b) { return a.below.native() > b.below.native(); });
    waiting.insert(waiting.end(), std::make_move_iterator(entries.begin()),
                   std::make_move_iterator(entries.end()));
  }

  void visit(const Entry& entry, std::vector<Entry>& waiting) {
    const std::filesystem::path path = top_ / entry.below;
    if (entry.kind == FileKind::link) {
      ++report_.skipped_links;
    } else if (entry.kind == FileKind::regular) {
      auto blob = stage_((name_ / entry.below).native(), path);
      if (blob) {
        ++report_.staged;
        report_.bytes += blob->bytes;
      } else if (blob.error().code == Errc::finished) {
        has_ended_ = true;
      } else {
        fail(path, blob.error());
      }
    } else if (entry.kind != FileKind::directory) {
      ++report_.skipped_special;
    } else if (is_journal(path)) {
      ++report_.skipped_journals;
    } else if (auto entries = list(entry.below, Links::refuse)) {
      push(waiting, std::move(*entries));
    } else {
      fail(path, entries.error());
    }
  }

  // `directory`: top_, or a path below it.
  Result<std::vector<Entry>> list(const std::filesystem::path& directory, Links links) {
    const bool is_top = links == Links::follow;
    auto listed = list_entries(is_top ? directory : top_ / directory, is_top);
    if (!listed) {
      Error error = std::move(listed).error();
      if (error.code == Errc::invalid_argument) error.message += "; upload_file takes a file";
      return error;
    }
    std::vector<Entry> entries;
    for (DirectoryEntry& found : *listed) {
      std::filesystem::path below =
          is_top ? std::filesystem::path(found.name) : directory / found.name;
      if (found.os_errno == 0) {
        entries.push_back({std::move(below), found.kind});
      } else {
        const std::filesystem::path gone = top_ / below;
        fail(gone, os_error(found.os_errno, "cannot stat", gone.native()));
      }
    }
    return entries;
  }

  void fail(const std::filesystem::path& path, const Error& error) {
    if (failures_++ == 0) {
      first_code_ = error.code;
      first_errno_ = error.os_errno;
    }
    // Else it is about the journal, and the message names what it is about.
    const bool is_about_source = error.message.find(path.native()) != std::string::npos;
    std::size_t reason = 3;
    std::string named = error.message;
    if (error.code == Errc::no_space) {
      reason = 2;
    } else if (is_about_source && error.code == Errc::not_found) {
      reason = 1;
      named = path.native();
    } else if (is_about_source && (error.os_errno == EACCES || error.os_errno == EPERM)) {
      reason = 0;
      named = path.native() + ": " + errno_text(error.os_errno);
    }
    Group& group = groups_[reason];
    if (group.count++ >= kNamed_max) return;
    if (!group.named.empty()) group.named += ", ";
    group.named += named;
  }

  const std::filesystem::path top_;
  const std::filesystem::path name_;
  const Stage stage_;
  FolderReport report_;
  std::uint64_t failures_ = 0;
  Errc first_code_ = Errc::io;
  int first_errno_ = 0;
  bool has_ended_ = false;
  std::array<Group, 4> groups_ = {
      {{" unreadable"}, {" vanished"}, {" for want of room"}, {" failed"}}};
};

}  // namespace

Result<void> Run::log_image(std::string_view name, const std::filesystem::path& path,
                            std::optional<std::int64_t> step) noexcept {
  return guarded([&]() -> Result<void> {
    Journal* const journal = core_ != nullptr ? core_->journal() : nullptr;
    if (journal == nullptr) return no_run();
    return core_->add_blob(
        Kind::image, name, step,
        stage_file(journal->home().living_directory(), journal->pool().room(), path));
  });
}

Result<void> Run::log_image(std::string_view name, std::span<const std::byte> encoded,
                            std::optional<std::int64_t> step) noexcept {
  return guarded([&]() -> Result<void> {
    Journal* const journal = core_ != nullptr ? core_->journal() : nullptr;
    if (journal == nullptr) return no_run();
    return core_->add_blob(
        Kind::image, name, step,
        stage_bytes(journal->home().living_directory(), journal->pool().room(), encoded));
  });
}

Result<void> Run::upload_file(std::string_view name, const std::filesystem::path& path,
                              std::optional<std::int64_t> step) noexcept {
  return guarded([&]() -> Result<void> {
    Journal* const journal = core_ != nullptr ? core_->journal() : nullptr;
    if (journal == nullptr) return no_run();
    return core_->add_blob(
        Kind::file, name, step,
        stage_file(journal->home().living_directory(), journal->pool().room(), path));
  });
}

Result<void> Run::upload_files(
    std::span<const std::pair<std::string, std::filesystem::path>> files) noexcept {
  Result<void> result;
  for (const auto& [name, path] : files) {
    auto uploaded = upload_file(name, path);
    if (!uploaded && result) result = std::move(uploaded);
  }
  return result;
}

Result<FolderReport> Run::upload_folder(std::string_view name,
                                        const std::filesystem::path& path) noexcept {
  return guarded([&]() -> Result<FolderReport> {
    if (core_ == nullptr) return no_run();
    FolderWalk walk(
        path, name,
        [&](const std::string& file_name, const std::filesystem::path& file) -> Result<Blob> {
          Journal* const journal = core_->journal();
          if (journal == nullptr) return no_run();
          auto blob = stage_file(journal->home().living_directory(), journal->pool().room(), file,
                                 Links::refuse);
          auto added = core_->add_blob(Kind::file, file_name, {}, blob);
          if (!added) return std::move(added).error();
          return blob;
        });
    if (core_->journal() == nullptr) return no_run();
    if (auto walked = walk.walk(); !walked) return std::move(walked).error();
    if (walk.has_ended()) return no_run();
    const FolderReport& report = walk.report();
    std::string message;
    if (walk.has_failures()) {
      message = "staged " + std::to_string(report.staged) + " of " +
                counted(walk.files(), "file", "files") + " below " + path.native() +
                "; left: " + walk.failed_text();
    } else if (report.staged == 0 && walk.has_skipped()) {
      message = "staged nothing below " + path.native();
    }
    const bool is_failure = !message.empty();
    if (walk.has_skipped()) {
      if (!is_failure) message = "upload_folder " + path.native();
      message += "; skipped: " + walk.skipped_text();
    }
    if (!message.empty()) text(Level::warning, message);
    if (!is_failure) return report;
    const Errc code = walk.has_failures() ? walk.first_code() : Errc::invalid_argument;
    return Error{code, walk.first_errno(), std::move(message)};
  });
}

}  // namespace runlog
