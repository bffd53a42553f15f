#include "options.hpp"

#include <CLI/CLI.hpp>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <memory>
#include <utility>

#include "cli/console.hpp"
#include "cli/help_format.hpp"
#include "cli/text.hpp"
#include "moment.hpp"
#include "runlog/version.hpp"

namespace runlog::tools {
namespace {

constexpr int kPixels_max = 16384;
constexpr const char* kSelect = "Which records";
constexpr const char* kPlain = "Options";  // CLI11's own
constexpr const char* kForm = "How to show them";

std::string default_root() {
  const std::string root = environment("RUNLOG_ROOT");
  return root.empty() ? "runs" : root;
}

std::optional<std::int64_t> parse_integer(const std::string& text) {
  std::int64_t value = 0;
  const auto end = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || end.ec != std::errc{} || end.ptr != text.data() + text.size()) return {};
  return value;
}

StepRange parse_steps(const std::string& text) {
  const auto wrong = [&] {
    return CLI::ValidationError("--steps", "'" + text +
                                               "' is not A:B, A:, :B or A (steps from A up to, but "
                                               "not including, B)");
  };
  const auto side = [&](const std::string& part) {
    const auto value = parse_integer(part);
    if (!value) throw wrong();
    return *value;
  };
  const std::size_t colon = text.find(':');
  if (colon == std::string::npos) {
    const std::int64_t step = side(text);
    StepRange range = {.begin = step};
    if (step < INT64_MAX) range.end = step + 1;
    return range;
  }
  StepRange range;
  if (colon > 0) range.begin = side(text.substr(0, colon));
  if (colon + 1 < text.size()) range.end = side(text.substr(colon + 1));
  if (!range.begin && !range.end) throw wrong();
  if (range.begin && range.end && *range.begin > *range.end) throw wrong();
  return range;
}

Kind parse_kind(const std::string& text) {
  const Kind kind = kind_from_name(text);
  if (kind != Kind::unknown || text == "unknown") return kind;
  std::string known;
  for (int i = 1; i < 256; ++i) {
    const std::string_view name = kind_name(static_cast<Kind>(i));
    if (name.empty() || kind_from_name(name) == Kind::unknown) continue;
    known += (known.empty() ? "" : ", ") + std::string(name);
  }
  throw CLI::ValidationError("--kind", "no kind is called '" + text + "'; there are " + known);
}

void add_names(CLI::App& app, Filter& filter) {
  app.add_option("--name", filter.names, "Only names that match GLOB; may be repeated")
      ->type_name("GLOB")
      ->allow_extra_args(false)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
      ->group(kSelect);
}

void add_kinds(CLI::App& app, Filter& filter) {
  app.add_option_function<std::vector<std::string>>(
         "--kind",
         [&filter](const std::vector<std::string>& names) {
           for (const std::string& name : names) filter.kinds.push_back(parse_kind(name));
         },
         "Only these kinds: metric, text, param, …")
      ->type_name("K[,K]")
      ->allow_extra_args(false)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
      ->delimiter(',')
      ->group(kSelect);
}

void add_runs(CLI::App& app, Filter& filter, const char* group = kSelect) {
  app.add_option("--run", filter.runs, "Only runs whose id matches GLOB; may be repeated")
      ->type_name("GLOB")
      ->allow_extra_args(false)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
      ->group(group);
  app.add_option("--rank", filter.ranks, "Only rank N; may be repeated")
      ->type_name("N")
      ->allow_extra_args(false)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
      ->group(group);
}

void add_range(CLI::App& app, Filter& filter, const char* group = kSelect) {
  app.add_option_function<std::string>(
         "--since",
         [&filter](const std::string& text) {
           filter.since_unix_ns = parse_moment(text, now_unix_ns());
           if (!filter.since_unix_ns) {
             throw CLI::ValidationError(
                 "--since", "'" + text +
                                "' is not a time; write 2026-11-22T17:00:00Z, 90s, 10m, 2h, 3d or "
                                "nanoseconds since 1970");
           }
         },
         "Only what was logged at TIME or later, or in the last 10m, 2h, …")
      ->type_name("TIME")
      ->group(group);
  app.add_option_function<std::string>(
         "--steps", [&filter](const std::string& text) { filter.steps = parse_steps(text); },
         "Only steps from A up to, not including, B")
      ->type_name("A:B")
      ->group(group);
}

void add_rewind(CLI::App& app, Filter& filter, const char* group = kSelect) {
  app.add_flag("--rewind", filter.apply_rewind, "Leave out what a later rewind made void")
      ->group(group);
}

void add_format(CLI::App& app, Format& format) {
  auto* json = app.add_flag_callback(
      "--json", [&format] { format = Format::json; }, "One JSON object per line");
  auto* csv = app.add_flag_callback(
      "--csv", [&format] { format = Format::csv; }, "Comma-separated values with a header");
  json->group(kForm)->excludes(csv);
  csv->group(kForm);
}

void add_path(CLI::App& app, std::string& path) {
  app.add_option("PATH", path, "Root, run, journal, pack, segment, or URL or directory of a store")
      ->type_name("")
      ->required();
}

void add_paths(CLI::App& app, std::vector<std::string>& paths) {
  app.add_option("PATH", paths,
                 "Roots, runs, journals, packs, segments, or stores by URL or directory")
      ->type_name("")
      ->required();
}

class Grammar {
 public:
  Grammar() {
    app_.name("runlog");
    app_.set_help_flag("-h,--help", "Print this help");
    app_.set_version_flag("-V,--version", std::string("runlog ") + kVersion, "Print the version");
    app_.require_subcommand(1);
    app_.formatter(std::make_shared<HelpFormat>());
    app_.footer("Exit: 0 fine, 1 could not run, 2 usage, 3 damaged records.");  // of subcommands
    add_list();
    add_cat();
    add_tail();
    add_stat();
    add_verify();
    add_plot();
    add_salvage();
    add_clean();
    add_pull();
    add_doctor();
    app_.footer(
        "Exit: 0 fine, 1 could not run, 2 usage, 3 damaged or dropped records, 4 kept by\n"
        "clean or not pulled, 141 the reader of our output went away. See runlog(1).");
  }

  Parsed parse(int argc, char** argv) {
    try {
      app_.parse(argc, argv);
      settle_plot();
    } catch (const CLI::Success& success) {  // help or version
      return {.command = {}, .exit_code = app_.exit(success)};
    } catch (const CLI::ParseError& error) {
      std::string words = "runlog: ";
      append_visible(words, error.what());
      const auto chosen = app_.get_subcommands();
      words +=
          "; see `runlog " + (chosen.empty() ? "" : chosen.front()->get_name() + " ") + "--help`\n";
      std::fputs(words.c_str(), stderr);
      return {.command = {}, .exit_code = exit_usage};
    }
    for (const auto& [app, command] : commands_) {
      if (app->parsed()) return {.command = command(), .exit_code = exit_whole};
    }
    return {.command = {}, .exit_code = exit_usage};
  }

 private:
  template <typename T>
  CLI::App& add(const char* name, const char* description, T& command) {
    CLI::App* app = app_.add_subcommand(name, description);
    commands_.emplace_back(app, [&command] { return Command(command); });
    return *app;
  }

  void settle_plot() {
    if (!plot_app_->parsed()) return;
    if (plot_path_.empty()) {
      if (plot_.path.empty()) throw CLI::RequiredError("PATH");
      return;
    }
    if (!plot_.path.empty()) plot_.series.insert(plot_.series.begin(), plot_.path);
    plot_.path = plot_path_;
  }

  void add_list() {
    auto& app = add("ls", "List runs: state, records, last step, what is not shipped yet", list_);
    list_.path = default_root();
    app.add_option("PATH", list_.path, "Where to look; default: $RUNLOG_ROOT, else runs")
        ->type_name("");
    app.add_flag("-q,--quick", list_.quick, "Do not look into packs and segments; no counts");
    app.add_flag("--json", list_.json, "One JSON object per journal and line");
  }

  void add_cat() {
    auto& app = add("cat", "Print records, merged by time", cat_);
    add_path(app, cat_.path);
    add_kinds(app, cat_.filter);
    add_names(app, cat_.filter);
    add_runs(app, cat_.filter);
    add_range(app, cat_.filter);
    add_rewind(app, cat_.filter);
    add_format(app, cat_.format);
  }

  void add_tail() {
    auto& app = add("tail", "Print the last records; -f: and go on while a writer lives", tail_);
    add_path(app, tail_.path);
    app.add_flag("-f,--follow", tail_.follow, "Go on until every writer has ended");
    app.add_option("-n,--lines", tail_.lines, "Begin with the last N records; default 10")
        ->type_name("N")
        ->check(CLI::NonNegativeNumber.description(""));
    add_kinds(app, tail_.filter);
    add_names(app, tail_.filter);
    add_runs(app, tail_.filter);
    add_range(app, tail_.filter);
    add_format(app, tail_.format);
  }

  void add_stat() {
    auto& app = add("stat", "Show one screen per journal: who, state, params, series", stat_);
    add_paths(app, stat_.paths);
    app.add_flag("-a,--all", stat_.all, "Show every series, param and file, however many");
  }

  void add_verify() {
    auto& app = add("verify", "Read everything and say what is damaged or missing", verify_);
    add_paths(app, verify_.paths);
    app.add_flag("--json", verify_.json, "One JSON object per finding and line");
    app.footer("Exit: 0 whole, 1 could not read, 2 usage, 3 damaged or dropped records.");
  }

  void add_plot() {
    auto& app = add("plot", "Draw series in the terminal or as SVG", plot_);
    plot_app_ = &app;
    app.add_option("PATH", plot_.path, "Root, run, journal, pack, or URL or directory of a store")
        ->type_name("");
    app.add_option("SERIES", plot_.series, "Names or globs of metrics; none: list them")
        ->type_name("");
    app.add_option("--path", plot_path_, "The PATH, so that every argument is a SERIES")
        ->type_name("PATH");
    app.add_flag("--time", plot_.by_time, "Time along x instead of the step");
    app.add_flag("--log-y", plot_.log_y, "Logarithmic y; values <= 0 are left out");
    app.add_option("--smooth", plot_.smooth, "Moving average; W is the weight of the past, 0 to <1")
        ->type_name("W")
        ->check([](const std::string& text) -> std::string {
          char* end = nullptr;
          const double weight = std::strtod(text.c_str(), &end);
          const bool is_good = !text.empty() && *end == '\0' && weight >= 0 && weight < 1;
          return is_good ? "" : "'" + text + "' is not a weight from 0 to less than 1";
        });
    app.add_option("--svg", plot_.svg, "Write an SVG file instead; - for stdout")
        ->type_name("FILE");
    app.add_option("--width", plot_.width, "Columns, or pixels with --svg")
        ->type_name("N")
        ->check(CLI::Range(20, kPixels_max).description(""));
    app.add_option("--height", plot_.height, "Lines, or pixels with --svg")
        ->type_name("N")
        ->check(CLI::Range(6, kPixels_max).description(""));
    add_runs(app, plot_.filter, kPlain);
    add_range(app, plot_.filter, kPlain);
    add_rewind(app, plot_.filter, kPlain);
  }

  void add_salvage() {
    auto& app = add("salvage", "Find records in any file: core dump, disk image", salvage_);
    app.add_option("FILE", salvage_.path, "The file to search")->type_name("")->required();
    add_kinds(app, salvage_.filter);
    add_names(app, salvage_.filter);
    add_format(app, salvage_.format);
    app.footer("Exit: 0 whole, 1 nothing found, 2 usage, 3 damaged records.");
  }

  void add_clean() {
    auto& app = add("clean", "Remove local copies that the store has, byte for byte", clean_);
    app.add_option("ROOT", clean_.root, "The root whose shipped packs and blobs may go")
        ->type_name("")
        ->required();
    app.add_flag("--dry-run", clean_.dry_run, "Compare, but remove nothing");
    app.add_option("--store", clean_.store, "Compare with this store, not the journal's")
        ->type_name("URL");
    app.add_flag("--json", clean_.json, "One JSON object per file and line");
    app.footer("Exit: 0 all gone, 1 could not run, 2 usage, 4 something had to be kept.");
  }

  void add_pull() {
    auto& app = add("pull", "Copy runs from a store into a directory", pull_);
    app.add_option("URL", pull_.url, "A store, or a project or run in it: s3://b/p/project=x")
        ->type_name("")
        ->required();
    app.add_option("DIR", pull_.directory, "The directory; it then reads like the store")
        ->type_name("")
        ->required();
    app.add_option("--run", pull_.runs, "Only runs whose id matches GLOB; may be repeated")
        ->type_name("GLOB")
        ->allow_extra_args(false)
        ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
    app.add_flag("--json", pull_.json, "One JSON object per object and line");
    app.footer(
        "Exit: 0 all is here, 1 could not run, 2 usage, 3 damaged, 4 not all; run it again.");
  }

  void add_doctor() {
    auto& app = add("doctor", "Say whether runs can ship to a store, and what is wrong", doctor_);
    app.add_option("URL", doctor_.url, "The store, as runs name it")->type_name("")->required();
    app.add_flag("--json", doctor_.json, "One JSON object per check and line");
    app.footer("Exit: 0 runs can ship there, 1 they cannot, 2 usage.");
  }

  CLI::App app_{
      "Look into runlog journals, packs and stores. All but clean, pull and doctor only read."};
  CLI::App* plot_app_ = nullptr;
  std::vector<std::pair<CLI::App*, std::function<Command()>>> commands_;
  ListCommand list_;
  CatCommand cat_;
  TailCommand tail_;
  StatCommand stat_;
  VerifyCommand verify_;
  PlotCommand plot_;
  std::string plot_path_;
  SalvageCommand salvage_;
  CleanCommand clean_;
  PullCommand pull_;
  DoctorCommand doctor_;
};

}  // namespace

Parsed parse_options(int argc, char** argv) {
  return Grammar().parse(argc, argv);
}

}  // namespace runlog::tools
