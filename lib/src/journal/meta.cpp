#include "journal/meta.hpp"

#include <algorithm>

#include "base/json_read.hpp"
#include "base/json_text.hpp"

namespace runlog {
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
  auto tree = JsonText::parse(json, path, kMeta_bytes_max);
  if (!tree) return std::move(tree).error();
  Meta meta;
  const auto text = [&](const char* key) { return tree->text(key); };
  const auto number = [&](const char* key, std::int64_t absent) {
    return tree->integer(key, absent);
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
  meta.store_url = text("store");
  meta.uses_tsc = text("clock") == "tsc";
  meta.ticks_per_second = tree->real("ticks_per_second", 0);
  meta.segment_bytes = static_cast<std::uint64_t>(number("segment_bytes", 0));
  meta.evicts_unshipped = text("evicts_unshipped") == "true";
  return meta;
}

std::string to_json(const End& end, const Meta& meta) {
  std::string out;
  JsonObject(out)
      .add("version", std::int64_t{1})
      .add("run_id", meta.run_id)
      .add("session", meta.session)
      .add("rank", meta.rank)
      .add("state", end.state)
      .add("reason", end.reason)
      .add("signal", std::int64_t{end.signal})
      .add("ended_unix_ns", end.ended_unix_ns)
      .add("records_lost", static_cast<std::int64_t>(end.records_lost))
      .end();
  out += '\n';
  return out;
}

Result<End> parse_end(std::string_view json, std::string_view path) {
  auto tree = JsonText::parse(json, path, kMeta_bytes_max);
  if (!tree) return std::move(tree).error();
  End end;
  end.state = tree->text("state");
  end.reason = tree->text("reason");
  end.signal = static_cast<int>(tree->integer("signal", 0));
  end.ended_unix_ns = tree->integer("ended_unix_ns", 0);
  end.records_lost =
      static_cast<std::uint64_t>(std::max<std::int64_t>(0, tree->integer("records_lost", 0)));
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
  auto tree = JsonText::parse(json, path, kMeta_bytes_max);
  if (!tree) return std::move(tree).error();
  return Moved{.store_url = tree->text("store"),
               .from_store_url = tree->text("from_store"),
               .may_lack = tree->text("may_lack") == "true"};
}

std::string without_secrets(std::string_view url) {
  std::string out(url);
  const std::size_t scheme = out.find("://");
  if (scheme != std::string::npos) {
    const std::size_t host_end = std::min(out.find_first_of("/?#", scheme + 3), out.size());
    std::size_t at = out.rfind('@', host_end);
    const std::size_t colon = out.find(':', scheme + 3);
    const bool has_port =
        colon < host_end && out.find_first_not_of("0123456789", colon + 1) == host_end;
    // A password with a raw '/', '?' or '#' in it seems to end the host: what follows the colon
    // then is no port, and everything up to the last '@' goes.
    if (at == std::string::npos && colon < host_end && !has_port) at = out.rfind('@');
    if (at != std::string::npos && at > scheme) out.erase(scheme + 3, at - scheme - 2);
  }
  const std::size_t query = out.find('?');
  if (query == std::string::npos || scheme == std::string::npos) return out;
  // What may stay is listed, not what must go: the next secret's name is not known yet.
  std::string kept;
  std::string_view rest = std::string_view(out).substr(query + 1);
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find('&'), rest.size());
    const std::string_view pair = rest.substr(0, end);
    const std::string_view key = pair.substr(0, std::min(pair.find('='), pair.size()));
    // A value that is a URL could hold user:password@ or a query of its own, encoded or not.
    const bool is_plain = pair.find_first_of("@?") == std::string_view::npos &&
                          pair.find("%40") == std::string_view::npos &&
                          pair.find("%3f") == std::string_view::npos &&
                          pair.find("%3F") == std::string_view::npos;
    if (is_plain && (key == "region" || key == "endpoint" || key == "profile")) {
      kept += (kept.empty() ? '?' : '&');
      kept += pair;
    }
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return out.substr(0, query) + kept;
}

std::optional<std::string> parse_torchelastic_error(std::string_view json) {
  auto tree = JsonText::parse(json, "error file", kMeta_bytes_max);
  if (!tree) return {};
  // {"message": "…"} or {"message": {"message": "…", "extraInfo": {…}}}
  auto message = tree->text("message.message");
  if (message.empty()) message = tree->text("message");
  if (message.empty()) return {};
  return message;
}

}  // namespace runlog
