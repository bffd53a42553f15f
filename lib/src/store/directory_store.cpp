#include "store/directory_store.hpp"

#include <algorithm>
#include <vector>

#include "platform/crash_point.hpp"
#include "platform/directories.hpp"
#include "platform/file_digest.hpp"
#include "platform/file_system.hpp"
#include "store/http/peer_limits.hpp"

namespace runlog {
namespace {

/// Small enough to stay in the cache between reading and writing.
constexpr std::size_t kChunk_bytes = 128u << 10;

class DirectoryStore final : public ObjectStore {
 public:
  explicit DirectoryStore(std::filesystem::path root) : root_(std::move(root)) {}

  PutAnswer put(const std::string& name, const std::filesystem::path& file) override {
    const std::filesystem::path target = root_ / name;
    if (stat_file(target)) return compare(target, file);
    if (auto made = make_directories(target.parent_path(), Rights::of_umask); !made) {
      return {PutAnswer::Verdict::retry, std::move(made).error()};
    }
    // The part's name is fixed: what a killed attempt left behind is overwritten by the next one.
    // Two writers of one object write the same bytes, so they cannot hurt each other either.
    const std::filesystem::path part =
        target.parent_path() / ("." + target.filename().native() + ".part");
    if (auto copied = copy(file, part); !copied) {
      (void)remove_file(part);
      return {PutAnswer::Verdict::retry, std::move(copied).error()};
    }
    crash_point("in_put");
    if (auto renamed = rename_file(part, target, false); !renamed) {
      (void)remove_file(part);
      if (renamed.error().code == Errc::already_exists) return compare(target, file);
      return {PutAnswer::Verdict::retry, std::move(renamed).error()};
    }
    if (auto synced = sync_directory(target.parent_path()); !synced) {
      return {PutAnswer::Verdict::retry, std::move(synced).error()};
    }
    return {PutAnswer::Verdict::stored, {}};
  }

  Result<std::string> sha256(const std::string& name) override {
    return sha256_of_file(root_ / name);
  }

  Result<ObjectInfo> head(const std::string& name) override {
    const auto info = stat_file(root_ / name);
    if (!info) return info.error();
    return ObjectInfo{.name = name, .bytes = info->bytes};
  }

  Result<void> list(const std::string& prefix, bool whole_tree, const Visit& visit) override {
    return list_below(prefix, whole_tree, visit, kList_depth_max);
  }

  Result<void> get(const std::string& name, ByteRange range, const Sink& sink) override {
    const std::filesystem::path path = root_ / name;
    auto file = OpenFile::open(path, Access::read);
    if (!file) return std::move(file).error();
    std::vector<std::byte> chunk(kChunk_bytes);
    for (std::uint64_t at = range.begin; at < range.end;) {
      const auto wanted = std::min<std::uint64_t>(chunk.size(), range.end - at);
      auto got = read_at(file->fd(), at, std::span(chunk).first(wanted), path);
      if (!got) return std::move(got).error();
      if (*got == 0) break;
      if (auto taken = sink(std::span(chunk).first(*got)); !taken) return taken;
      at += *got;
    }
    return {};
  }

  Result<void> remove(const std::string& name) override {
    auto removed = remove_file(root_ / name);
    if (!removed && removed.error().code == Errc::not_found) return {};
    return removed;
  }

  [[nodiscard]] std::string url() const override { return root_.native(); }

 private:
  // Byte order of whole names: a directory sorts as its name with the '/' that follows it.
  Result<void> list_below(const std::string& prefix, bool whole_tree, const Visit& visit,
                          int depth) {
    auto names = list_directory(root_ / prefix);
    if (!names) {
      if (names.error().code == Errc::not_found) return {};
      return std::move(names).error();
    }
    std::vector<ObjectInfo> entries;
    for (const std::string& name : *names) {
      if (name.starts_with('.')) continue;  // a part of a put
      const auto info = stat_file(root_ / (prefix + name));
      if (!info || (!info->is_directory && !info->is_regular)) continue;
      ObjectInfo entry{.name = prefix + name, .is_prefix = info->is_directory};
      if (entry.is_prefix) {
        entry.name += '/';
      } else {
        entry.bytes = info->bytes;
      }
      entries.push_back(std::move(entry));
    }
    std::sort(entries.begin(), entries.end(),
              [](const ObjectInfo& a, const ObjectInfo& b) { return a.name < b.name; });
    for (const ObjectInfo& entry : entries) {
      if (!entry.is_prefix || !whole_tree) {
        visit(entry);
      } else if (depth > 0) {
        if (auto below = list_below(entry.name, true, visit, depth - 1); !below) return below;
      }
    }
    return {};
  }

  // The name is taken: by our own earlier attempt, or by somebody else's bytes.
  static PutAnswer compare(const std::filesystem::path& target, const std::filesystem::path& file) {
    auto there = sha256_of_file(target);
    auto ours = sha256_of_file(file);
    if (!there) return {PutAnswer::Verdict::retry, std::move(there).error()};
    if (!ours) return {PutAnswer::Verdict::retry, std::move(ours).error()};
    if (*there == *ours) return {PutAnswer::Verdict::stored, {}};
    return {PutAnswer::Verdict::reject,
            Error{Errc::already_exists, 0,
                  target.native() + " exists with other bytes than " + file.native() +
                      "; nothing was overwritten. Move one of them away, then run runlog-recover"}};
  }

  static Result<void> copy(const std::filesystem::path& source,
                           const std::filesystem::path& target) {
    auto input = OpenFile::open(source, Access::read);
    if (!input) return std::move(input).error();
    auto output = OpenFile::open(target, Access::write_emptied, Rights::of_umask);
    if (!output) return std::move(output).error();
    std::vector<std::byte> chunk(kChunk_bytes);
    for (std::uint64_t at = 0;;) {
      auto got = read_at(input->fd(), at, chunk, source);
      if (!got) return std::move(got).error();
      if (*got == 0) break;
      if (auto written = write_at(output->fd(), at, std::span(chunk).first(*got), target);
          !written) {
        return written;
      }
      at += *got;
    }
    return sync_data(output->fd(), target);
  }

  std::filesystem::path root_;
};

}  // namespace

std::unique_ptr<ObjectStore> open_directory_store(std::filesystem::path root) {
  return std::make_unique<DirectoryStore>(std::move(root));
}

}  // namespace runlog
