#include "completion.hpp"

#include <algorithm>
#include <string_view>

namespace runlog::tools {
namespace {

// `%F` is the function, `%P` the program, `%S` the subcommands, `%O` and `%V` the rows of two
// tables.
constexpr std::string_view kScript = R"(%F() {
  local word=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}
  local subcommands='%S'
  local subcommand='' options='' words='' before='' i
  COMPREPLY=()
  for ((i = 1; i < COMP_CWORD; ++i)); do
    if [[ -n $subcommands && ${COMP_WORDS[i]} != -* ]]; then
      subcommand=${COMP_WORDS[i]}
      break
    fi
  done
  case $subcommand in
%O  esac
  if [[ -n $subcommands && -z $subcommand ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$subcommands $options" -- "$word")
    return
  fi
  case "$subcommand $previous" in
%V  esac
  if [[ -n $words ]]; then
    [[ $word == *,* ]] && before=${word%,*},
    mapfile -t COMPREPLY < <(compgen -P "$before" -W "$words" -- "${word##*,}")
  elif [[ $word == -* ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$options" -- "$word")
  else
    mapfile -t COMPREPLY < <(compgen -f -- "$word")
  fi
}

complete -o filenames -F %F %P
)";

std::string joined(const std::vector<std::string>& words, std::string_view between) {
  std::string out;
  for (const std::string& word : words) {
    if (!out.empty()) out += between;
    out += word;
  }
  return out;
}

// Our own names need no quoting: letters, digits, - and _.
std::string options_row(const std::string& subcommand, const CompletedCommand& command) {
  std::vector<std::string> long_names;
  for (const CompletedOption& option : command.options) {
    std::copy_if(option.names.begin(), option.names.end(), std::back_inserter(long_names),
                 [](const std::string& name) { return name.starts_with("--"); });
  }
  return "    '" + subcommand + "') options='" + joined(long_names, " ") + "' ;;\n";
}

std::string value_rows(const std::string& subcommand, const CompletedCommand& command) {
  std::string rows;
  for (const CompletedOption& option : command.options) {
    if (option.value == CompletedOption::Value::none) continue;
    std::vector<std::string> patterns;
    for (const std::string& name : option.names)
      patterns.push_back("'" + subcommand + " " + name + "'");
    rows += "    " + joined(patterns, " | ") + ") ";
    switch (option.value) {
      case CompletedOption::Value::words:
        rows += "words='" + joined(option.words, " ") + "'";
        break;
      case CompletedOption::Value::file:
        rows += "mapfile -t COMPREPLY < <(compgen -f -- \"$word\"); return";
        break;
      case CompletedOption::Value::anything:
      case CompletedOption::Value::none:
        rows += "return";
        break;
    }
    rows += " ;;\n";
  }
  return rows;
}

}  // namespace

std::string bash_completion(const CompletedProgram& program) {
  std::vector<std::string> subcommands;
  std::string options = options_row("", program.own);
  std::string values = value_rows("", program.own);
  for (const CompletedCommand& command : program.subcommands) {
    subcommands.push_back(command.name);
    options += options_row(command.name, command);
    values += value_rows(command.name, command);
  }
  std::string function = "_" + program.own.name;
  std::replace(function.begin(), function.end(), '-', '_');
  std::string script;
  for (std::size_t at = 0; at < kScript.size(); ++at) {
    if (kScript[at] != '%' || at + 1 == kScript.size()) {
      script += kScript[at];
      continue;
    }
    switch (kScript[at + 1]) {
      case 'F':
        script += function;
        break;
      case 'P':
        script += program.own.name;
        break;
      case 'S':
        script += joined(subcommands, " ");
        break;
      case 'O':
        script += options;
        break;
      case 'V':
        script += values;
        break;
      default:  // a % of bash
        script += '%';
        continue;
    }
    ++at;
  }
  return script;
}

}  // namespace runlog::tools
