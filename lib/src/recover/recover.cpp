#include "runlog/recover.hpp"

#include "base/out_of_memory.hpp"
#include "base/sha256.hpp"
#include "platform/directories.hpp"
#include "platform/file_digest.hpp"
#include "platform/file_lock.hpp"
#include "platform/file_system.hpp"
#include "platform/in_call.hpp"
#include "read/journal_list.hpp"
#include "recover/whose.hpp"
#include "store/object_name.hpp"
#include "store/store_set.hpp"

namespace runlog {
namespace {

// What the superuser has been told to work on does not say which store is asked.
Result<std::string> store_of(const JournalInfo& journal, const std::string& override_url) {
  if (!override_url.empty()) return override_url;
  if (journal.store_url.empty() || is_own_journal(journal.path)) return journal.store_url;
  return Error{Errc::invalid_argument, 0,
               "another user wrote that it is in " + journal.store_url +
                   ": say which store it is in with --store"};
}

CleanedFile kept_whole(const std::filesystem::path& path, std::string why) {
  return {.path = path, .why_kept = std::move(why)};
}

// One local file against the store's copy.
CleanedFile clean_one(const std::filesystem::path& file, ObjectStore& store,
                      const std::string& object, bool dry_run) {
  CleanedFile cleaned;
  cleaned.path = file;
  if (const auto size = stat_file(file)) cleaned.bytes = size->bytes;
  // A file of a terabyte may be one hole.
  const auto head = store.head(object);
  if (head && head->bytes != cleaned.bytes) {
    cleaned.why_kept = "the store has other bytes under " + object;
    return cleaned;
  }
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
    case RecoverOutcome::Verdict::foreign:
      return "foreign";
  }
  return "unknown";
}

Result<std::vector<CleanedFile>> clean(const std::filesystem::path& root,
                                       const std::string& store_override, bool dry_run,
                                       bool any_owner) {
  const InCall in_call;
  return catch_no_memory([&]() -> Result<std::vector<CleanedFile>> {
    std::vector<Error> unread;
    std::vector<std::filesystem::path> others;
    auto journals = find_infos(root, unread, any_owner ? nullptr : &others);
    if (!journals) return std::move(journals).error();
    std::vector<CleanedFile> cleaned;
    for (Error& one : unread) cleaned.push_back(kept_whole(root, std::move(one.message)));
    for (const auto& path : others) {
      auto left = left_alone(path, "runlog clean");
      if (!left) continue;
      cleaned.push_back(kept_whole(path, std::move(left->why)));
      cleaned.back().is_foreign = true;
    }
    StoreSet stores;
    for (const JournalInfo& journal : *journals) {
      if (!parse_journal_name(journal.path.filename().native())) continue;
      const auto url = store_of(journal, store_override);
      if (url && url->empty()) continue;  // nobody else has these bytes
      const JournalDir directory(journal.path);
      const format::ObjectOwner owner = format::owner_of(journal);
      auto names = list_directory(directory.shipped());
      if (!names || names->empty()) continue;
      if (!url) {
        cleaned.push_back(kept_whole(directory.path(), url.error().message));
        continue;
      }
      auto store = stores.open(*url);
      if (!store) {  // this journal's trouble, and no other's
        cleaned.push_back(kept_whole(directory.path(), std::move(store).error().message));
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
