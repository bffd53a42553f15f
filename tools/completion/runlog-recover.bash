# bash completion for runlog-recover. Static, so that completing starts no program; the options are
# compared with `runlog-recover --help` by tests/cli/man_matches_help.sh.

_runlog_recover() {
  local word=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}
  local options='--dry-run --store --again --accept-missing --run --keep --timeout --watch --interval --json --quiet
    --verbose --help --version'
  COMPREPLY=()
  case $previous in
    --run | --timeout | --interval) return ;;
  esac
  if [[ $word == -* ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$options" -- "$word")
  else
    mapfile -t COMPREPLY < <(compgen -f -- "$word")
  fi
}

complete -o filenames -F _runlog_recover runlog-recover
