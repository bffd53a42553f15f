# bash completion for runlog. Static, so that completing starts no program; the options are compared
# with `runlog --help` by tests/cli/man_matches_help.sh.

_runlog() {
  local word=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}
  local subcommands='ls cat tail stat verify plot salvage clean pull doctor'
  local kinds='metric text param tag tag_removed property list row table histogram image json file
    rewind status child gap spill'
  COMPREPLY=()

  local subcommand='' i
  for ((i = 1; i < COMP_CWORD; ++i)); do
    if [[ ${COMP_WORDS[i]} != -* ]]; then
      subcommand=${COMP_WORDS[i]}
      break
    fi
  done
  if [[ -z $subcommand ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$subcommands --help --version" -- "$word")
    return
  fi

  case $previous in
    --kind)
      # After a comma, the next kind: metric,pa<Tab>
      local before=''
      [[ $word == *,* ]] && before=${word%,*},
      mapfile -t COMPREPLY < <(compgen -P "$before" -W "$kinds" -- "${word##*,}")
      return
      ;;
    --path | --svg | --store)
      mapfile -t COMPREPLY < <(compgen -f -- "$word")
      return
      ;;
    --name | --run | --rank | --since | --steps | --smooth | --width | --height | --lines | -n)
      return
      ;;
  esac

  if [[ $word != -* ]]; then
    mapfile -t COMPREPLY < <(compgen -f -- "$word")
    return
  fi
  local which='--kind --name --run --rank --since --steps' options=''
  case $subcommand in
    ls) options='--quick --json' ;;
    cat) options="$which --rewind --json --csv" ;;
    tail) options="--follow --lines $which --json --csv" ;;
    stat) options='--all' ;;
    verify) options='--json' ;;
    plot) options='--path --time --log-y --smooth --svg --width --height --run --rank --since
      --steps --rewind' ;;
    salvage) options='--kind --name --json --csv' ;;
    clean) options='--dry-run --store --json' ;;
    pull) options='--run --json' ;;
    doctor) options='--json' ;;
  esac
  mapfile -t COMPREPLY < <(compgen -W "$options --help" -- "$word")
}

complete -o filenames -F _runlog runlog
