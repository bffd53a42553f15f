#include "journal/meta.hpp"

#include <algorithm>
#include <array>

#include "base/json_read.hpp"
#include "base/json_text.hpp"
#include "platform/file_system.hpp"
#include "runlog/shown.hpp"

namespace runlog {
namespace {

constexpr std::array<std::string_view, 7> kEnd_names = {
    "started", "complete", "failed", "cancelled", "crashed", "moved", "unknown"};
static_assert(kEnd_names.size() == static_cast<std::size_t>(RunEnd::unknown) + 1);

}  // namespace

std::string_view run_end_name(RunEnd end) noexcept {
  return kEnd_names[static_cast<std::size_t>(end)];
}

RunEnd run_end_from_name(std::string_view name) noexcept {
  if (name.empty()) return RunEnd::open;
  for (std::size_t i = 0; i < kEnd_names.size(); ++i) {
    if (kEnd_names[i] == name) return static_cast<RunEnd>(i);
  }
  return RunEnd::unknown;
}

std::string to_json(const Meta& meta) {
  std::string out;
  JsonObject object(out);
  object.add("version", std::int64_t{meta.version})
      .add("runlog", meta.runlog_version)
      .add("run_id", meta.run_id)
      .add("project", meta.project)
      .add("experiment", meta.experiment)
      .add("name", meta.name)
      .add("group", meta.group)
      .add("parent_run", meta.parent_run)
      .add("parent_session", meta.parent_session)
      .add("follows", meta.follows)
      .add("session", meta.session)
      .add("rank", meta.rank)
      .add("world", meta.world)
      .add("local_rank", meta.local_rank)
      .add("host", meta.host)
      .add("boot_id", meta.boot_id)
      .add("pid", meta.pid)
      .add("start_ticks", meta.start_ticks)
      .add("command_line", meta.command_line)
      .add("created_unix_ns", meta.created_unix_ns)
      .add("store", meta.store_url)
      .add("clock", meta.uses_tsc ? "tsc" : "clock_gettime")
      .add_real("ticks_per_second", meta.ticks_per_second)
      .add("segment_bytes", static_cast<std::int64_t>(meta.segment_bytes))
      .add_bool("evicts_unshipped", meta.evicts_unshipped)
      .end();
  out += '\n';
  return out;
}

Result<Meta> parse_meta(std::string_view json, std::string_view path) {
  const auto read = JsonText::parse(json, path, kMeta_bytes_max);
  if (!read) return read.error();
  Meta meta;
  const auto text = [&](const char* key) { return read->text(key); };
  const auto number = [&](const char* key, std::int64_t absent) {
    return read->integer(key, absent);
  };
  meta.version = static_cast<int>(number("version", kMeta_version));
  meta.runlog_version = text("runlog");
  meta.run_id = text("run_id");
  meta.project = text("project");
  meta.experiment = text("experiment");
  meta.name = text("name");
  meta.group = text("group");
  meta.parent_run = text("parent_run");
  meta.parent_session = text("parent_session");
  meta.follows = text("follows");
  meta.session = text("session");
  meta.rank = number("rank", 0);
  meta.world = number("world", 1);
  meta.local_rank = number("local_rank", 0);
  meta.host = text("host");
  meta.boot_id = text("boot_id");
  meta.command_line = text("command_line");
  meta.pid = number("pid", 0);
  meta.start_ticks = number("start_ticks", 0);
  meta.created_unix_ns = number("created_unix_ns", 0);
  meta.store_url = without_secrets(text("store"));  // another program may have written it
  meta.uses_tsc = text("clock") == "tsc";
  meta.ticks_per_second = read->real("ticks_per_second", 0);
  meta.segment_bytes = static_cast<std::uint64_t>(number("segment_bytes", 0));
  meta.evicts_unshipped = read->is_true("evicts_unshipped");
  return meta;
}

std::string to_json(const End& end, const Meta& meta) {
  const bool is_named = end.state == RunEnd::unknown && !end.unknown_state.empty();
  std::string out;
  JsonObject(out)
      .add("version", std::int64_t{1})
      .add("run_id", meta.run_id)
      .add("session", meta.session)
      .add("rank", meta.rank)
      .add("state", is_named ? std::string_view(end.unknown_state) : run_end_name(end.state))
      .add("reason", end.reason)
      .add("signal", std::int64_t{end.signal})
      .add("ended_unix_ns", end.ended_unix_ns)
      .add("records_lost", static_cast<std::int64_t>(end.records_lost))
      .add_bool("continues", meta.continues)
      .end();
  out += '\n';
  return out;
}

Result<End> parse_end(std::string_view json, std::string_view path) {
  const auto read = JsonText::parse(json, path, kMeta_bytes_max);
  if (!read) return read.error();
  End end;
  end.state = run_end_from_name(read->text("state"));
  if (end.state == RunEnd::unknown) end.unknown_state = read->text("state");
  end.reason = read->text("reason");
  end.signal = static_cast<int>(read->integer("signal", 0));
  end.ended_unix_ns = read->integer("ended_unix_ns", 0);
  end.records_lost =
      static_cast<std::uint64_t>(std::max<std::int64_t>(0, read->integer("records_lost", 0)));
  end.continues = read->is_true("continues");
  return end;
}

std::string to_json(const Moved& moved) {
  std::string out;
  JsonObject(out)
      .add("version", std::int64_t{1})
      .add("store", moved.store_url)
      .add("from_store", moved.from_store_url)
      .add_bool("may_lack", moved.may_lack)
      .end();
  out += '\n';
  return out;
}

Result<Moved> parse_moved(std::string_view json, std::string_view path) {
  const auto read = JsonText::parse(json, path, kMeta_bytes_max);
  if (!read) return read.error();
  return Moved{.store_url = without_secrets(read->text("store")),
               .from_store_url = without_secrets(read->text("from_store")),
               .may_lack = read->is_true("may_lack")};
}

std::optional<std::string> parse_torchelastic_error(std::string_view json) {
  const auto read = JsonText::parse(json, "error file", kMeta_bytes_max);
  if (!read) return {};
  // {"message": "…"} or {"message": {"message": "…", "extraInfo": {…}}}
  std::string_view message = read->text("message", "message");
  if (message.empty()) message = read->text("message");
  if (message.empty()) return {};
  return std::string(message);
}

Result<std::optional<Moved>> read_moved(const JournalDir& directory) {
  using Found = std::optional<Moved>;
  const auto json = read_file(directory.moved(), kMeta_bytes_max);
  if (!json && json.error().code == Errc::not_found) return Found{};
  auto moved = json ? parse_moved(*json, directory.moved().native()) : json.error();
  if (moved && !moved->store_url.empty()) return Found(std::move(*moved));
  const std::string why = moved ? "it names no store" : moved.error().message;
  return Error{Errc::corrupt, 0,
               directory.moved().native() +
                   ", which tells where this journal ships to, cannot be "
                   "used: " +
                   why + "; remove it, and say where with --store"};
}

Meta read_meta(const JournalDir& directory) {
  Meta meta;
  const auto json = read_file(directory.meta(), kMeta_bytes_max);
  if (json) {
    auto parsed = parse_meta(*json, directory.meta().native());
    if (parsed) meta = std::move(*parsed);
  }
  // The directory's name and place are as good a source, and they decide: a copied or damaged
  // meta.json must not send records under another run's name.
  if (const auto name = parse_journal_name(directory.path().filename().native())) {
    meta.rank = name->rank;
    meta.session = to_hex(name->session);
  }
  const std::string parent = directory.path().parent_path().filename().native();
  if (is_valid_id(parent)) meta.run_id = parent;
  if (!is_valid_id(meta.run_id))
    meta.run_id = mend_id(meta.run_id.empty() ? "unknown" : meta.run_id);
  if (!is_valid_id(meta.project))
    meta.project = mend_id(meta.project.empty() ? "default" : meta.project);
  if (const auto moved = read_moved(directory); moved && *moved) {
    meta.store_url = (*moved)->store_url;
  }
  return meta;
}

}  // namespace runlog
