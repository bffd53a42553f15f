#include "runlog/recover.hpp"

#include "base/out_of_memory.hpp"
#include "base/sha256.hpp"
#include "platform/directories.hpp"
#include "platform/file_digest.hpp"
#include "platform/file_lock.hpp"
#include "platform/file_system.hpp"
#include "platform/in_call.hpp"
#include "read/journal_list.hpp"
#include "store/object_name.hpp"
#include "store/store_set.hpp"

namespace runlog {
namespace {

std::string store_of(const JournalInfo& journal, const std::string& override_url) {
  return override_url.empty() ? journal.store_url : override_url;
}

// One local file against the store's copy.
CleanedFile clean_one(const std::filesystem::path& file, ObjectStore& store,
                      const std::string& object, bool dry_run) {
  CleanedFile cleaned;
  cleaned.path = file;
  if (const auto size = stat_file(file)) cleaned.bytes = size->bytes;
  auto ours = sha256_of_file(file);
  auto theirs = store.sha256(object);
  if (!ours) {
    cleaned.why_kept = ours.error().message;
  } else if (!theirs) {
    cleaned.why_kept = theirs.error().code == Errc::not_found
                           ? "not in the store; run runlog-recover to ship it"
                           : theirs.error().message;
  } else if (*ours != *theirs) {
    cleaned.why_kept = "the store has other bytes under " + object;
  } else if (dry_run) {
    return cleaned;
  } else if (auto removed = remove_file(file); !removed) {
    cleaned.why_kept = removed.error().message;
  } else {
    cleaned.removed = true;
  }
  return cleaned;
}

}  // namespace

std::string_view verdict_name(RecoverOutcome::Verdict verdict) noexcept {
  switch (verdict) {
    case RecoverOutcome::Verdict::shipped:
      return "shipped";
    case RecoverOutcome::Verdict::live:
      return "live";
    case RecoverOutcome::Verdict::waiting:
      return "waiting";
    case RecoverOutcome::Verdict::failed:
      return "failed";
  }
  return "unknown";
}

Result<std::vector<CleanedFile>> clean(const std::filesystem::path& root,
                                       const std::string& store_override, bool dry_run) {
  const InCall in_call;
  return catch_no_memory([&]() -> Result<std::vector<CleanedFile>> {
    std::vector<Error> unread;
    auto found = list_journals(root, &unread);
    if (!found) return std::move(found).error();
    std::vector<CleanedFile> cleaned;
    for (Error& one : unread) {
      CleanedFile& kept = cleaned.emplace_back();
      kept.path = root;
      kept.why_kept = std::move(one.message);
    }
    StoreSet stores;
    for (const JournalInfo& journal : *found) {
      if (!parse_journal_name(journal.path.filename().native())) continue;
      const std::string url = store_of(journal, store_override);
      if (url.empty()) continue;  // nobody else has these bytes
      const JournalDir directory(journal.path);
      const format::ObjectOwner owner = format::owner_of(journal);
      auto names = list_directory(directory.shipped());
      if (!names || names->empty()) continue;
      auto store = stores.open(url);
      if (!store) {  // this journal's trouble, and no other's
        cleaned.push_back({.path = directory.path(), .why_kept = std::move(store).error().message});
        continue;
      }
      for (const std::string& name : *names) {
        const std::filesystem::path file = directory.shipped() / name;
        if (const auto number = parse_numbered_name(name, kPack_suffix)) {
          cleaned.push_back(clean_one(file, **store, format::pack_object(owner, *number), dry_run));
        } else if (is_sha256_hex(name) && journal.state != JournalState::live) {
          cleaned.push_back(clean_one(file, **store, format::blob_object(owner, name), dry_run));
        }
      }
    }
    return cleaned;
  });
}

}  // namespace runlog
