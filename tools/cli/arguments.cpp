#include "arguments.hpp"

#include <CLI/CLI.hpp>
#include <cmath>
#include <cstdio>
#include <deque>
#include <string_view>

#include "completion.hpp"
#include "exit_codes.hpp"
#include "runlog/version.hpp"
#include "text.hpp"

namespace runlog::tools {
namespace {

// How --help looks: an option, its argument, one line of text. What excludes what is said when it
// happens.
class HelpFormat : public CLI::Formatter {
 public:
  HelpFormat() { column_width(24); }

  std::string make_option_opts(const CLI::Option* option) const override {
    const std::string type = option->get_type_name();
    return option->get_type_size() == 0 || type.empty() ? "" : " " + type;
  }

  std::string make_help(const CLI::App* app, std::string name,
                        CLI::AppFormatMode mode) const override {
    std::string text = CLI::Formatter::make_help(app, std::move(name), mode);
    for (std::size_t at = 0; (at = text.find("\n\n\n", at)) != std::string::npos;) {
      text.erase(at, 1);
    }
    return text;
  }
};

void repeat(CLI::Option* option) {
  option->allow_extra_args(false)->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
}

// Calls `take` when `names` is met, and makes an error of its complaint.
template <typename Value>
CLI::Option* add_taker(CLI::App& app, const std::string& names,
                       std::function<Complaint(const Value&)> take, const char* help) {
  const std::string long_name = names.substr(names.find("--"));
  return app.add_option_function<Value>(
      names,
      [take = std::move(take), long_name](const Value& value) {
        const Complaint complaint = take(value);
        if (!complaint.empty()) throw CLI::ValidationError(long_name, complaint);
      },
      help);
}

CompletedCommand completed(const CLI::App& app, const OfferedWords& offered) {
  CompletedCommand command = {.name = app.get_name()};
  for (const CLI::Option* option : app.get_options()) {
    if (option->get_positional()) continue;
    CompletedOption one;
    for (const std::string& name : option->get_snames()) one.names.push_back("-" + name);
    for (const std::string& name : option->get_lnames()) one.names.push_back("--" + name);
    const std::string placeholder = option->get_type_name();
    const auto words = offered.find(option);
    if (option->get_items_expected_max() == 0) {  // a flag
      one.value = CompletedOption::Value::none;
    } else if (words != offered.end()) {
      one.value = CompletedOption::Value::words;
      one.words = words->second;
    } else if (placeholder == "FILE" || placeholder == "PATH" || placeholder == "URL") {
      one.value = CompletedOption::Value::file;
    } else {
      one.value = CompletedOption::Value::anything;
    }
    command.options.push_back(std::move(one));
  }
  return command;
}

}  // namespace

Argument& Argument::required() {
  option_->required();
  return *this;
}

Argument& Argument::in_group(const char* heading) {
  option_->group(heading);
  return *this;
}

Argument& Argument::needs(const Argument& other) {
  option_->needs(other.option_);
  return *this;
}

Argument& Argument::excludes(const Argument& other) {
  option_->excludes(other.option_);
  return *this;
}

Argument& Argument::in_range(int least, int most) {
  option_->check(CLI::Range(least, most).description(""));
  return *this;
}

Argument& Argument::in_range(double least, double most) {
  option_->check(CLI::Range(least, most).description(""));
  // NaN is neither below nor above.
  option_->check([](const std::string& text) -> std::string {
    double value = 0;
    const bool is_number = CLI::detail::lexical_cast(text, value) && !std::isnan(value);
    return is_number ? "" : "'" + text + "' is not a number";
  });
  return *this;
}

Argument& Argument::not_negative() {
  option_->check(CLI::NonNegativeNumber.description(""));
  return *this;
}

Argument& Argument::check(std::function<Complaint(const std::string&)> check) {
  option_->check(std::move(check));
  return *this;
}

Argument& Argument::offers(std::vector<std::string> words) {
  offered_[option_] = std::move(words);
  return *this;
}

Argument Arguments::flag(const char* names, bool& target, const char* help) {
  return {app_.add_flag(names, target, help), offered_};
}

Argument Arguments::flag(const char* names, std::function<void()> on_given, const char* help) {
  return {app_.add_flag_callback(names, std::move(on_given), help), offered_};
}

Argument Arguments::value(const char* names, const char* placeholder, std::string& target,
                          const char* help) {
  return {app_.add_option(names, target, help)->type_name(placeholder), offered_};
}

Argument Arguments::value(const char* names, const char* placeholder, int& target,
                          const char* help) {
  return {app_.add_option(names, target, help)->type_name(placeholder), offered_};
}

Argument Arguments::value(const char* names, const char* placeholder, std::uint64_t& target,
                          const char* help) {
  return {app_.add_option(names, target, help)->type_name(placeholder), offered_};
}

Argument Arguments::value(const char* names, const char* placeholder, double& target,
                          const char* help) {
  return {app_.add_option(names, target, help)->type_name(placeholder), offered_};
}

Argument Arguments::text(const char* names, const char* placeholder,
                         std::function<Complaint(const std::string&)> take, const char* help) {
  return {add_taker(app_, names, std::move(take), help)->type_name(placeholder), offered_};
}

Argument Arguments::number(const char* names, const char* placeholder,
                           std::function<void(double)> take, const char* help) {
  return {app_.add_option_function<double>(names, std::move(take), help)->type_name(placeholder),
          offered_};
}

Argument Arguments::list(const char* names, const char* placeholder,
                         std::vector<std::string>& target, const char* help) {
  CLI::Option* option = app_.add_option(names, target, help)->type_name(placeholder);
  repeat(option);
  return {option, offered_};
}

Argument Arguments::list(const char* names, const char* placeholder,
                         std::vector<std::int64_t>& target, const char* help) {
  CLI::Option* option = app_.add_option(names, target, help)->type_name(placeholder);
  repeat(option);
  return {option, offered_};
}

Argument Arguments::texts(const char* names, const char* placeholder,
                          std::function<Complaint(const std::vector<std::string>&)> take,
                          const char* help) {
  CLI::Option* option = add_taker(app_, names, std::move(take), help)->type_name(placeholder);
  repeat(option);
  option->delimiter(',');
  return {option, offered_};
}

Argument Arguments::positional(const char* name, std::string& target, const char* help) {
  return {app_.add_option(name, target, help)->type_name(""), offered_};
}

Argument Arguments::positional(const char* name, std::vector<std::string>& target,
                               const char* help) {
  return {app_.add_option(name, target, help)->type_name(""), offered_};
}

void Arguments::footer(const char* text) {
  app_.footer(text);
}

bool Arguments::was_chosen() const {
  return app_.parsed();
}

struct Program::Parts {
  Parts(const char* name, const char* summary) : app(summary, name) {
    app.set_help_flag("-h,--help", "Print this help");
    app.set_version_flag("-V,--version", std::string(name) + " " + kVersion, "Print the version");
    app.formatter(std::make_shared<HelpFormat>());
    arguments.emplace_back(app, offered);
  }

  [[nodiscard]] std::string completion() const {
    CompletedProgram program = {.own = completed(app, offered)};
    for (const CLI::App* subcommand : app.get_subcommands({})) {
      program.subcommands.push_back(completed(*subcommand, offered));
    }
    return bash_completion(program);
  }

  // What only the whole command line shows.
  [[nodiscard]] Complaint settle() const {
    for (const Arguments& one : arguments) {
      if (!one.settle_ || !one.was_chosen()) continue;
      Complaint complaint = one.settle_();
      if (!complaint.empty()) return complaint;
    }
    return {};
  }

  int complain(std::string_view complaint) const {
    const auto chosen = app.get_subcommands();
    std::string words = app.get_name() + ": ";
    append_visible(words, complaint);
    words += "; see `" + app.get_name();
    if (!chosen.empty()) words += " " + chosen.front()->get_name();
    words += " --help`\n";
    std::fputs(words.c_str(), stderr);
    return exit_usage;
  }

  CLI::App app;
  OfferedWords offered;
  std::deque<Arguments> arguments;  // the program's, then those of the subcommands
};

Program::Program(const char* name, const char* summary)
    : parts_(std::make_unique<Parts>(name, summary)) {}

Program::~Program() = default;

Arguments& Program::arguments() {
  return parts_->arguments.front();
}

Arguments& Program::add_subcommand(const char* name, const char* summary) {
  parts_->app.require_subcommand(1);
  return parts_->arguments.emplace_back(*parts_->app.add_subcommand(name, summary),
                                        parts_->offered);
}

std::optional<int> Program::parse(int argc, char** argv) {
  if (argc == 2 && std::string_view(argv[1]) == "--bash-completion") {
    std::fputs(parts_->completion().c_str(), stdout);
    return exit_whole;
  }
  try {
    parts_->app.parse(argc, argv);
  } catch (const CLI::Success& success) {  // help or version
    return parts_->app.exit(success);
  } catch (const CLI::ParseError& error) {
    return parts_->complain(error.what());
  }
  const Complaint complaint = parts_->settle();
  if (!complaint.empty()) return parts_->complain(complaint);
  return {};
}

}  // namespace runlog::tools
