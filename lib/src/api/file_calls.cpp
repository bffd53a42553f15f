// Files that a run keeps, by runlog.h: images and artifacts.
#include <filesystem>
#include <span>

#include "api/call.hpp"
#include "api/handles.hpp"

namespace runlog::api {
namespace {

// Files have a step, and the time of the call.
Result<MaybeStep> only_step(const runlog_when* when) {
  if (has_time(when)) return invalid("an image or artifact has the time of the call");
  return step_of(when);
}

}  // namespace
}  // namespace runlog::api

using namespace runlog;
using namespace runlog::api;

int runlog_run_log_image(runlog_run* run, const char* name, size_t name_bytes, const void* encoded,
                         size_t encoded_bytes, const runlog_when* when) {
  return guarded([&]() -> Result<void> {
    if (encoded == nullptr && encoded_bytes > 0) return invalid("there is no image");
    const auto step = only_step(when);
    if (!step) return step.error();
    const std::span content(static_cast<const std::byte*>(encoded), encoded_bytes);
    return with(run, [&](Run& of) { return of.log_image(view(name, name_bytes), content, *step); });
  });
}

int runlog_run_log_image_file(runlog_run* run, const char* name, size_t name_bytes,
                              const char* path, size_t path_bytes, const runlog_when* when) {
  return guarded([&]() -> Result<void> {
    const auto step = only_step(when);
    if (!step) return step.error();
    const std::filesystem::path file(view(path, path_bytes));
    return with(run, [&](Run& of) { return of.log_image(view(name, name_bytes), file, *step); });
  });
}

int runlog_run_upload_file(runlog_run* run, const char* name, size_t name_bytes, const char* path,
                           size_t path_bytes, const runlog_when* when) {
  return guarded([&]() -> Result<void> {
    const auto step = only_step(when);
    if (!step) return step.error();
    const std::filesystem::path file(view(path, path_bytes));
    return with(run, [&](Run& of) { return of.upload_file(view(name, name_bytes), file, *step); });
  });
}

int runlog_run_upload_folder(runlog_run* run, const char* name, size_t name_bytes, const char* path,
                             size_t path_bytes, runlog_folder_report* report, size_t report_bytes) {
  return guarded([&]() -> Result<void> {
    const std::filesystem::path folder(view(path, path_bytes));
    const auto staged =
        with(run, [&](Run& of) { return of.upload_folder(view(name, name_bytes), folder); });
    if (!staged) return staged.error();
    const runlog_folder_report all{.staged = staged->staged,
                                   .bytes = staged->bytes,
                                   .skipped_links = staged->skipped_links,
                                   .skipped_journals = staged->skipped_journals,
                                   .skipped_special = staged->skipped_special};
    fill(report, report_bytes, all);
    return {};
  });
}
