// Reading a run back in-process, through the same Reader as everybody else; and what asks it to
// stop.
#include <fnmatch.h>

#include <map>
#include <new>
#include <set>

#include "base/out_of_memory.hpp"
#include "platform/in_call.hpp"
#include "platform/signals.hpp"
#include "run/run_core.hpp"
#include "runlog/reader.hpp"

namespace runlog {
namespace {

Result<Reader> open_own(const RunCore* core) {
  if (core == nullptr) return Error{Errc::finished, 0, "there is no run"};
  return Reader::open(core->journal_path());
}

}  // namespace

bool Run::stop_requested() const noexcept {
  return core_ != nullptr && stop_was_requested();
}

Result<std::vector<std::pair<std::string, std::vector<Run::Point>>>> Run::get_metrics(
    std::string_view name_glob) const {
  const InCall in_call;
  try {
    auto reader = open_own(core_);
    if (!reader) return std::move(reader).error();
    const std::string glob(name_glob);
    std::map<std::string, std::vector<Point>, std::less<>> series;
    Reader::Entry entry;
    while (reader->next(entry)) {
      const Record& record = entry.record;
      if (record.kind != Kind::metric) continue;
      auto found = series.find(record.name);
      if (found == series.end()) {
        const std::string name(record.name);
        if (::fnmatch(glob.c_str(), name.c_str(), 0) != 0) continue;
        found = series.emplace(name, std::vector<Point>{}).first;
      }
      found->second.push_back({.time_ns = record.time_ns,
                               .step = record.step,
                               .value = record.value
                                            ? *record.value
                                            : static_cast<double>(record.int_value.value_or(0))});
    }
    return std::vector<std::pair<std::string, std::vector<Point>>>(
        std::make_move_iterator(series.begin()), std::make_move_iterator(series.end()));
  } catch (const std::bad_alloc&) {
    return out_of_memory();
  }
}

Result<std::vector<std::string>> Run::get_file_names() const {
  const InCall in_call;
  try {
    auto reader = open_own(core_);
    if (!reader) return std::move(reader).error();
    std::set<std::string> names;
    Reader::Entry entry;
    while (reader->next(entry)) {
      if (entry.record.kind == Kind::file || entry.record.kind == Kind::image) {
        names.emplace(entry.record.name);
      }
    }
    return std::vector<std::string>(names.begin(), names.end());
  } catch (const std::bad_alloc&) {
    return out_of_memory();
  }
}

}  // namespace runlog
