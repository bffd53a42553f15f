// Arguments: what a program or one of its subcommands takes on its command line, and from that its
// --help and its completion. Hides CLI11, which only arguments.cpp includes.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace runlog::tools {

/// What is wrong with a value, in words for the end of a message; empty when nothing is.
using Complaint = std::string;

/// The words that completion offers after an option, where it knows them.
using OfferedWords = std::map<const CLI::Option*, std::vector<std::string>>;

/// Says more about an argument that was just declared. Valid as long as its Program.
class Argument {
 public:
  Argument(CLI::Option* option, OfferedWords& offered) : option_(option), offered_(offered) {}

  Argument& required();
  Argument& in_group(const char* heading);  // of --help; without: "Options"
  Argument& needs(const Argument& other);
  Argument& excludes(const Argument& other);
  Argument& in_range(int least, int most);
  Argument& in_range(double least, double most);
  Argument& not_negative();
  Argument& check(std::function<Complaint(const std::string& value)> check);
  /// Completion offers these words, and after a comma again. Without it, files where the
  /// placeholder is FILE, PATH or URL, else nothing.
  Argument& offers(std::vector<std::string> words);

 private:
  CLI::Option* option_;
  OfferedWords& offered_;
};

/// Declares arguments, in the order of --help. Targets must outlive Program::parse, which writes to
/// them; what is not given keeps its value. `names` are as in "-n,--lines", `placeholder` stands
/// for the value in --help.
class Arguments {
 public:
  Arguments(CLI::App& app, OfferedWords& offered) : app_(app), offered_(offered) {}
  Arguments(const Arguments&) = delete;
  Arguments& operator=(const Arguments&) = delete;

  Argument flag(const char* names, bool& target, const char* help);
  Argument flag(const char* names, std::function<void()> on_given, const char* help);

  Argument value(const char* names, const char* placeholder, std::string& target, const char* help);
  Argument value(const char* names, const char* placeholder, int& target, const char* help);
  Argument value(const char* names, const char* placeholder, std::uint64_t& target,
                 const char* help);
  Argument value(const char* names, const char* placeholder, double& target, const char* help);
  /// Hands what was given to `take`; for names that have a long one.
  Argument text(const char* names, const char* placeholder,
                std::function<Complaint(const std::string&)> take, const char* help);
  /// A number that `take` brings into its own unit.
  Argument number(const char* names, const char* placeholder, std::function<void(double)> take,
                  const char* help);

  /// May be given again and again, with one value each time.
  Argument list(const char* names, const char* placeholder, std::vector<std::string>& target,
                const char* help);
  Argument list(const char* names, const char* placeholder, std::vector<std::int64_t>& target,
                const char* help);
  /// So too, and a value may be several with commas between them.
  Argument texts(const char* names, const char* placeholder,
                 std::function<Complaint(const std::vector<std::string>&)> take, const char* help);

  Argument positional(const char* name, std::string& target, const char* help);
  Argument positional(const char* name, std::vector<std::string>& target, const char* help);

  /// The last lines of --help.
  void footer(const char* text);

  /// What is looked at when every argument has been taken; at most one.
  void settle(std::function<Complaint()> settle) { settle_ = std::move(settle); }

  [[nodiscard]] bool was_chosen() const;  // this subcommand, by Program::parse

 private:
  friend class Program;

  CLI::App& app_;
  OfferedWords& offered_;
  std::function<Complaint()> settle_;
};

/// A program's command line. Prints help, version and complaints itself.
class Program {
 public:
  Program(const char* name, const char* summary);
  ~Program();
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;

  /// The program's own.
  Arguments& arguments();

  /// Then the command line must name one subcommand.
  Arguments& add_subcommand(const char* name, const char* summary);

  /// Nothing when there is work to do, else the exit code: help, the version or the completion has
  /// been printed, or a complaint stands on stderr (`exit_usage`).
  ///
  /// `--bash-completion` alone prints a bash script that completes what was declared here. It is in
  /// no help, because people have no use for it: tools/completion has.
  std::optional<int> parse(int argc, char** argv);

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace runlog::tools
