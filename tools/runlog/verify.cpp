// verify: reads every record and says what is damaged, dropped or at odds with itself. Damage and
// drops decide the exit code; a name with two kinds, a property set twice and twin writers are
// told, because nothing is lost by them. What a store does not give is neither: it is unread.
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "cli/console.hpp"
#include "cli/damage_text.hpp"
#include "cli/json_object.hpp"
#include "cli/text.hpp"
#include "cli/units.hpp"
#include "records.hpp"
#include "runlog/store.hpp"
#include "selection.hpp"
#include "subcommand.hpp"

namespace runlog::tools {
namespace {

struct Options {
  std::vector<std::string> paths = {};
  bool json = false;
};

void declare(Arguments& arguments, Options& options) {
  add_paths(arguments, options.paths);
  arguments.flag("--json", options.json, "One JSON object per finding and line");
  arguments.footer("Exit: 0 whole, 1 could not read, 2 usage, 3 damaged or dropped records.");
}

// One thing that is wrong or worth knowing, in words and in numbers.
struct Finding {
  // "damage", "blob", "dropped", "kinds", "property", "twins", "unread", "unreadable"
  std::string what = {};
  std::string path = {};
  std::string run = {};
  std::string name = {};
  Damage damage = {};         // for "damage"
  std::uint64_t records = 0;  // how many are missing
  std::string message = {};
};

std::string finding_json(const Finding& finding, bool for_terminal) {
  JsonObject object;
  object.set("what", finding.what);
  if (!finding.path.empty()) object.set("path", finding.path);
  if (!finding.run.empty()) object.set("run", finding.run);
  if (!finding.name.empty()) object.set("name", finding.name);
  if (finding.what == "damage") {
    object.set("begin", finding.damage.begin);
    object.set("end", finding.damage.end);
    object.set("exact", finding.damage.exact);
  }
  if (finding.what == "damage" || finding.what == "dropped") {
    object.set("records", finding.records);
  }
  object.set("message", finding.message);
  return object.line(for_terminal);
}

bool is_in_store(const JournalInfo& journal) {
  return journal.path.filename().native().starts_with("run_id=");
}

// A journal may lack blobs, because they leave it once they are shipped, but not one that names no
// store, once it is final.
bool keeps_blobs(const JournalInfo& journal) {
  return journal.store_url.empty() && journal.state != JournalState::live &&
         journal.state != JournalState::unknown;
}

// What a gap record's reason did to one journal.
struct Drops {
  std::uint64_t records = 0;
  std::uint64_t gaps = 0;
  std::int64_t first_ns = 0;
  std::int64_t last_ns = 0;
};

class Examination {
 public:
  void add(const Reader::Entry& entry) {
    const Record& record = entry.record;
    const JournalInfo& journal = *entry.journal;
    ++records_;
    if (record.kind == Kind::gap) {
      Drops& drops = drops_[{&journal, std::string(record.text.value_or(""))}];
      drops.records += static_cast<std::uint64_t>(record.int_value.value_or(0));
      if (drops.gaps++ == 0) drops.first_ns = record.time_ns;
      drops.last_ns = record.time_ns;
    }
    if (record.kind == Kind::property && record.int_value == 1) {
      property(journal, record);
    }
    const bool names_blob = record.kind == Kind::file || record.kind == Kind::image;
    if (names_blob && record.text && (is_in_store(journal) || keeps_blobs(journal))) {
      auto& named = is_in_store(journal) ? named_ : named_here_;
      named[journal.run_id].emplace(*record.text, record.name);
    }
    if (kind_family(record.kind) == KindFamily::series) {
      kinds_[{journal.run_id, std::string(record.name)}].insert(record.kind);
    }
  }

  std::vector<Finding> findings(const Reader& reader) {
    std::vector<Finding> all;
    for (const Damage& damage : reader.damage()) {
      all.push_back({.what = "damage",
                     .path = damage.path,
                     .damage = damage,
                     .records = damage.records_lost,
                     .message = damage_text(damage)});
    }
    for (const Error& failure : reader.failures()) all.push_back(unread_finding(failure));
    for (const auto& [key, drops] : drops_) all.push_back(drop_finding(key, drops));
    for (const auto& [key, kinds] : kinds_) {
      if (kinds.size() > 1) all.push_back(kinds_finding(key, kinds));
    }
    for (Finding& one : properties_) all.push_back(std::move(one));
    add_twins(reader.journals(), all);
    return all;
  }

  static Finding unread_finding(const Error& failure) {
    return {.what = "unread", .message = failure.message};
  }

  // What is wrong with blobs: their bytes, or that one which a record names is gone.
  void compare(const std::vector<BlobCheck>& blobs, bool is_all_read, std::vector<Finding>& all) {
    // A folder of a journal that cannot be opened may hold them.
    if (is_all_read) {
      for (auto& [run, named] : named_here_) named_[run].merge(named);
    }
    for (const BlobCheck& blob : blobs) {
      if (blob.is_unread) {
        all.push_back(
            {.what = "unread", .path = blob.path, .run = blob.run_id, .message = blob.fault});
      } else {
        ++blobs_;
      }
      const auto named = named_.find(blob.run_id);
      if (named != named_.end()) named->second.erase(blob.sha256);
      if (blob.fault.empty() || blob.is_unread) continue;
      all.push_back({.what = "blob",
                     .path = blob.path,
                     .run = blob.run_id,
                     .message = blob.path + ": " + blob.fault});
    }
    for (const auto& [run, missing] : named_) {
      for (const auto& [sha256, name] : missing) {
        all.push_back(
            {.what = "blob",
             .run = run,
             .name = name,
             .message = run + ": the content of " + name + ", " + sha256 + ", is not there"});
      }
    }
  }

  [[nodiscard]] std::uint64_t blobs() const { return blobs_; }
  [[nodiscard]] std::uint64_t records() const { return records_; }

 private:
  using DropKey = std::pair<const JournalInfo*, std::string>;
  using NameKey = std::pair<std::string, std::string>;

  void property(const JournalInfo& journal, const Record& record) {
    std::string message = journal.path.native() + ": property " + std::string(record.name) +
                          " was set again, to " + std::string(record.text.value_or("")) +
                          "; the first value stands";
    properties_.push_back({.what = "property",
                           .path = journal.path.native(),
                           .run = journal.run_id,
                           .name = std::string(record.name),
                           .message = std::move(message)});
  }

  static Finding drop_finding(const DropKey& key, const Drops& drops) {
    const JournalInfo& journal = *key.first;
    std::string message = journal.path.native() + ": " + counted(drops.records, "record") +
                          " dropped in " + counted(drops.gaps, "place") + ", " +
                          short_time(drops.first_ns);
    if (drops.gaps > 1) message += " to " + short_time(drops.last_ns);
    if (!key.second.empty()) message += ": " + key.second;
    return {.what = "dropped",
            .path = journal.path.native(),
            .run = journal.run_id,
            .records = drops.records,
            .message = std::move(message)};
  }

  static Finding kinds_finding(const NameKey& key, const std::set<Kind>& kinds) {
    std::string used;
    for (const Kind kind : kinds) {
      used += (used.empty() ? "" : " and ") + std::string(kind_name(kind));
    }
    return {.what = "kinds",
            .run = key.first,
            .name = key.second,
            .message = key.first + ": " + key.second + " is used as " + used +
                       "; give one of them another name"};
  }

  static void add_twins(const std::vector<JournalInfo>& journals, std::vector<Finding>& all) {
    std::map<std::pair<std::string, std::int64_t>, std::vector<const JournalInfo*>> live;
    for (const JournalInfo& info : journals) {
      if (info.state != JournalState::live || !info.parent_session.empty()) continue;
      live[{info.run_id, info.rank}].push_back(&info);
    }
    for (const auto& [key, twins] : live) {
      if (twins.size() < 2) continue;
      std::string message = key.first + ": rank " + std::to_string(key.second) + " has " +
                            std::to_string(twins.size()) + " live writers:";
      for (const JournalInfo* info : twins) {
        message += " pid " + std::to_string(info->pid) + " on " + info->host + ",";
      }
      message.pop_back();
      message += "; give each its own RANK or run id";
      all.push_back({.what = "twins",
                     .path = twins.front()->path.native(),
                     .run = key.first,
                     .message = std::move(message)});
    }
  }

  std::uint64_t records_ = 0;
  std::uint64_t blobs_ = 0;
  using Named = std::map<std::string, std::map<std::string, std::string>>;  // run → blob → a name
  Named named_;                                                             // in stores
  Named named_here_;  // in journals that keep theirs
  std::map<DropKey, Drops> drops_;
  std::map<NameKey, std::set<Kind>> kinds_;
  std::vector<Finding> properties_;
};

void show(const Finding& finding, bool json, Output& out) {
  if (json) {
    out.write(finding_json(finding, out.is_terminal()) + "\n");
    return;
  }
  const bool is_loss = finding.what == "damage" || finding.what == "dropped" ||
                       finding.what == "unreadable" || finding.what == "blob";
  const std::string label = is_loss ? "LOSS" : finding.what == "unread" ? "unread" : "note";
  out.write(painted(label, is_loss ? Color::red : Color::yellow, out.has_color()) + "  " +
            visible(finding.message) + "\n");
}

// What the findings of one path come to.
struct Tally {
  std::uint64_t damaged = 0;  // records
  std::uint64_t dropped = 0;  // records
  std::size_t damages = 0;
  std::size_t blobs_bad = 0;
  std::size_t unread = 0;
  bool is_exact = true;  // else `damaged` is a lower bound

  void add(const Finding& finding) {
    if (finding.what == "unread") {
      ++unread;
    } else if (finding.what == "blob") {
      ++blobs_bad;
    } else if (finding.what == "damage") {
      damaged += finding.records;
      is_exact = is_exact && finding.damage.exact;
      ++damages;
    } else if (finding.what == "dropped") {
      dropped += finding.records;
    }
  }

  [[nodiscard]] bool is_whole() const { return damages == 0 && dropped == 0 && blobs_bad == 0; }

  [[nodiscard]] int exit_code() const {
    if (!is_whole()) return exit_damaged;
    return unread > 0 ? exit_failed : exit_whole;
  }

  [[nodiscard]] std::string words(const Examination& examination, std::size_t journals) const {
    const char* const verdict = !is_whole() ? "not whole" : unread > 0 ? "not verified" : "whole";
    std::string words = std::string(verdict) + ": " + counted(examination.records(), "record") +
                        " read in " + counted(journals, "journal");
    if (examination.blobs() > 0) words += ", " + counted(examination.blobs(), "file");
    if (blobs_bad > 0) words += ", " + std::to_string(blobs_bad) + " of them damaged or missing";
    if (damages != 0 || dropped != 0) {
      words += std::string(", ") + (is_exact ? "" : "at least ") + std::to_string(damaged) +
               " lost to damage in " + counted(damages, "place") + ", " + std::to_string(dropped) +
               " dropped";
    }
    if (unread > 0) words += "; not everything could be read: try again when it can be";
    return words;
  }
};

int verify_path(const std::string& path, bool json, Output& out) {
  auto reader = Reader::open(path, {.check_digests = true, .check_summaries = true});
  if (!reader) {
    if (reader.error().code != Errc::corrupt) {
      say_error("runlog", path, reader.error());
      return exit_failed;
    }
    show({.what = "unreadable", .path = shown_path(path), .message = reader.error().message}, json,
         out);
    return exit_damaged;
  }
  Examination examination;
  Reader::Entry entry;
  while (reader->next(entry)) examination.add(entry);
  std::vector<Finding> findings = examination.findings(*reader);
  if (auto blobs = check_blobs(path)) {
    examination.compare(*blobs, reader->failures().empty(), findings);
  } else {
    findings.push_back(Examination::unread_finding(blobs.error()));
  }
  Tally tally;
  for (const Finding& finding : findings) {
    show(finding, json, out);
    tally.add(finding);
  }
  out.flush();
  say("runlog", shown_path(path) + ": " + tally.words(examination, reader->journals().size()));
  return tally.exit_code();
}

int run(const Options& options, Output& out) {
  int exit_code = exit_whole;
  for (const std::string& path : options.paths) {
    const int one = verify_path(path, options.json, out);
    // Damage outweighs a path that could not be read: it is the graver news.
    if (exit_code == exit_whole || one == exit_damaged)
      exit_code = one == exit_whole ? exit_code : one;
  }
  return exit_code;
}

const Subcommand kVerify(50, "verify", "Read everything and say what is damaged or missing",
                         declare, run);

}  // namespace
}  // namespace runlog::tools
