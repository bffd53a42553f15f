// Structured values, texts, images and artifacts: what becomes JSON text or a blob.
#include <algorithm>
#include <new>
#include <vector>

#include "base/json_text.hpp"
#include "faces/run_core.hpp"
#include "runlog/run.hpp"

namespace runlog {
namespace {

std::string_view level_name(Level level) noexcept {
  switch (level) {
    case Level::debug:
      return "debug";
    case Level::info:
      return "info";
    case Level::warning:
      return "warning";
    case Level::error:
      return "error";
  }
  return "info";
}

void append_number(std::string& out, Number value) {
  if (value.is_real()) {
    append_json_number(out, value.real());
  } else {
    append_json_number(out, value.integer());
  }
}

void append_array(std::string& out, std::span<const double> values) {
  out += '[';
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (i != 0) out += ',';
    append_json_number(out, values[i]);
  }
  out += ']';
}

// Builds a JSON text and logs it; out of memory is a counted drop.
template <typename Build>
void log_json_text(RunCore* core, Kind kind, std::string_view name,
                   std::optional<std::int64_t> step, Build build) noexcept {
  if (core == nullptr) return;
  try {
    std::string text;
    build(text);
    core->event({.kind = kind, .name = name, .step = step, .text = text});
  } catch (const std::bad_alloc&) {
    core->count_drop();
  }
}

// Reports bad_alloc and a path that cannot be walked as errors: the callers are noexcept.
template <typename Work>
Result<void> guarded(Work work) noexcept {
  try {
    return work();
  } catch (const std::filesystem::filesystem_error& error) {
    return os_error(error.code().value(), "cannot read", error.path1().native());
  } catch (const std::bad_alloc&) {
    return Error{Errc::io, ENOMEM, "out of memory"};
  }
}

}  // namespace

void Run::log_list(std::string_view name, std::span<const double> values,
                   std::optional<std::int64_t> step) noexcept {
  log_json_text(core_, Kind::list, name, step,
                [&](std::string& text) { append_array(text, values); });
}

void Run::log_row(std::string_view name, std::span<const NamedNumber> columns,
                  std::optional<std::int64_t> step) noexcept {
  log_json_text(core_, Kind::row, name, step, [&](std::string& text) {
    JsonObject object(text);
    for (const auto& [column, value] : columns) {
      object.key(column);
      append_number(text, value);
    }
    object.end();
  });
}

void Run::log_row(std::string_view name, std::initializer_list<NamedNumber> columns,
                  std::optional<std::int64_t> step) noexcept {
  log_row(name, std::span(columns.begin(), columns.size()), step);
}

void Run::log_table(std::string_view name, std::span<const Column> columns,
                    std::optional<std::int64_t> step) noexcept {
  log_json_text(core_, Kind::table, name, step, [&](std::string& text) {
    JsonObject object(text);
    for (const Column& column : columns) {
      object.key(column.name);
      append_array(text, column.values);
    }
    object.end();
  });
}

void Run::log_histogram(std::string_view name, std::span<const double> edges,
                        std::span<const double> counts, std::optional<std::int64_t> step) noexcept {
  if (core_ == nullptr) return;
  if (edges.size() != counts.size() + 1 || !std::is_sorted(edges.begin(), edges.end())) {
    return core_->count_drop();
  }
  log_json_text(core_, Kind::histogram, name, step, [&](std::string& text) {
    text += "{\"edges\":";
    append_array(text, edges);
    text += ",\"counts\":";
    append_array(text, counts);
    text += '}';
  });
}

void Run::log_json(std::string_view schema, std::string_view document) noexcept {
  if (core_ != nullptr) core_->event({.kind = Kind::json, .name = schema, .text = document});
}

void Run::text(Level level, std::string_view message) noexcept {
  if (core_ != nullptr) {
    core_->event({.kind = Kind::text, .name = level_name(level), .text = message});
  }
}

Result<void> Run::log_image(std::string_view name, const std::filesystem::path& path,
                            std::optional<std::int64_t> step) noexcept {
  return guarded([&]() -> Result<void> {
    Journal* const journal = core_ != nullptr ? core_->journal() : nullptr;
    if (journal == nullptr) return no_run();
    return core_->add_blob(Kind::image, name, step, stage_file(journal->living_directory(), path));
  });
}

Result<void> Run::log_image(std::string_view name, std::span<const std::byte> encoded,
                            std::optional<std::int64_t> step) noexcept {
  return guarded([&]() -> Result<void> {
    Journal* const journal = core_ != nullptr ? core_->journal() : nullptr;
    if (journal == nullptr) return no_run();
    return core_->add_blob(Kind::image, name, step,
                           stage_bytes(journal->living_directory(), encoded));
  });
}

Result<void> Run::upload_file(std::string_view name, const std::filesystem::path& path) noexcept {
  return guarded([&]() -> Result<void> {
    Journal* const journal = core_ != nullptr ? core_->journal() : nullptr;
    if (journal == nullptr) return no_run();
    return core_->add_blob(Kind::file, name, {}, stage_file(journal->living_directory(), path));
  });
}

Result<void> Run::upload_files(
    std::span<const std::pair<std::string, std::filesystem::path>> files) noexcept {
  // All of them are tried; the first failure is returned.
  Result<void> result;
  for (const auto& [name, path] : files) {
    auto uploaded = upload_file(name, path);
    if (!uploaded && result) result = std::move(uploaded);
  }
  return result;
}

Result<void> Run::upload_folder(std::string_view name, const std::filesystem::path& path) noexcept {
  return guarded([&]() -> Result<void> {
    std::vector<std::pair<std::string, std::filesystem::path>> files;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(path)) {
      if (!entry.is_symlink() && entry.is_regular_file()) {
        files.emplace_back(
            (std::filesystem::path(name) / entry.path().lexically_relative(path)).native(),
            entry.path());
      }
    }
    std::sort(files.begin(), files.end());
    return upload_files(files);
  });
}

}  // namespace runlog
