// check_blobs: is each blob what its name says?
#include "base/out_of_memory.hpp"
#include "base/sha256.hpp"
#include "platform/directories.hpp"
#include "platform/file_digest.hpp"
#include "platform/file_system.hpp"
#include "platform/in_call.hpp"
#include "read/journal_list.hpp"
#include "runlog/store.hpp"
#include "store/patience.hpp"

namespace runlog {
namespace {

void compare(BlobCheck& check, const Result<std::string>& digest) {
  if (!digest) {
    check.fault = "could not be read: " + digest.error().message;
  } else if (*digest != check.sha256) {
    check.fault = "its bytes have the SHA-256 " + *digest;
  }
}

void check_journal(const JournalFiles& files, std::vector<BlobCheck>& checks) {
  const JournalDir directory(files.directory);
  for (const auto& place : {directory.blobs(), directory.shipped()}) {
    for (const std::string& name : names_in_directory(place)) {
      if (!is_sha256_hex(name)) continue;
      BlobCheck& check = checks.emplace_back();
      check.path = (place / name).native();
      check.run_id = files.info.run_id;
      check.sha256 = name;
      if (const auto size = stat_file(place / name)) check.bytes = size->bytes;
      if (const char* const what = wrong_kind_of_file(place / name)) {
        check.fault = what;
        continue;
      }
      auto digest = sha256_of_file(place / name);
      if (!digest && digest.error().code == Errc::not_found) {
        checks.pop_back();  // shipped or cleaned meanwhile
        continue;
      }
      compare(check, digest);
    }
  }
}

Result<void> check_run(ObjectStore& store, const StoreRun& run, std::vector<BlobCheck>& checks,
                       Patience& patience) {
  auto objects = list_run(store, run, {});
  if (!objects) return std::move(objects).error();
  for (const StoreObject& object : *objects) {
    if (object.parsed.what != format::RunObject::What::blob) continue;
    BlobCheck& check = checks.emplace_back();
    check.path = url_of_object(store.url(), object.name);
    check.run_id = run.run_id;
    check.sha256 = object.id;
    check.bytes = object.bytes;
    check.is_in_store = true;
    auto digest = store.sha256(object.name);
    compare(check, digest);
    const bool is_about_object =
        digest || digest.error().code == Errc::not_found || digest.error().code == Errc::corrupt;
    if (is_about_object) {
      patience.note_answer();
      continue;
    }
    check.is_unread = true;
    check.fault.insert(0, check.path + ": ");
    patience.note_failure();
    if (patience.is_over()) {
      return Error{Errc::unavailable, 0,
                   store.url() + " has stopped answering: " + digest.error().message};
    }
  }
  return {};
}

}  // namespace

Result<std::vector<BlobCheck>> check_blobs(const std::filesystem::path& path) {
  const InCall in_call;
  return catch_no_memory([&]() -> Result<std::vector<BlobCheck>> {
    std::vector<BlobCheck> checks;
    std::string url = path.native();
    if (!is_remote_store(url)) {
      auto directory = directory_of_store(url);
      if (!directory) return std::move(directory).error();
      const auto info = stat_file(*directory);
      if (!info) return info.error();
      if (!info->is_directory) return checks;
      auto found = find_journal_files(*directory);
      if (!found) return std::move(found).error();
      for (const JournalFiles& files : *found) {
        if (!files.directory.empty()) check_journal(files, checks);
      }
      url = directory->lexically_normal().native();
    }
    const StorePlace place = split_store_url(url);
    if (!place.object.empty()) return checks;
    auto store = open_store(place.store_url);
    if (!store) return std::move(store).error();
    Patience patience;
    auto visited = visit_runs(**store, place, {}, [&](const StoreRun& run) {
      return check_run(**store, run, checks, patience);
    });
    if (!visited) return std::move(visited).error();
    return checks;
  });
}

}  // namespace runlog
