# The man page, --help and the completion name the same options, subcommand by subcommand; and each
# subcommand has its file, its section and its test.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.bash"
cd "$TMPDIR"

recover_page=$RUNLOG_SOURCE/recover/runlog-recover.1
page=$RUNLOG_SOURCE/tools/runlog/runlog.1
PATH=$RUNLOG_BIN:$PATH
source "$RUNLOG_SOURCE/tools/completion/runlog.bash"
source "$RUNLOG_SOURCE/tools/completion/runlog-recover.bash"

# The options at the beginning of an indented line of help.
help_options() {
  "$@" --help | grep -oP '^ +\K-[^ ]*' | tr ',' '\n' | sort -u
}

# The options in .It lines of a section. $1: page, $2: awk pattern of the section's first line.
page_options() {
  awk -v begin="$2" '
    /^\.S[hs] / { inside = $0 ~ begin }
    inside && /^\.It Fl / {
      for (i = 2; i <= NF; ++i) if ($(i - 1) == "Fl") print "-" $i
    }' "$1" | sort -u
}

# What Tab offers for the last word. $1: the function; short options are not offered.
offered() {
  COMP_WORDS=("${@:2}")
  COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
  "$1"
  printf '%s\n' "${COMPREPLY[@]}" | sort -u
}

same() {
  [[ -n $1 ]] || fail "no options found: $3"
  [[ $1 == "$2" ]] || fail "$3 differ:"$'\n'"$(diff <(echo "$1") <(echo "$2"))"
}

subcommands=$(subcommands | sort)
equal "$(grep -oP '^\.Ss runlog \K[a-z]+' "$page" | sort)" "$subcommands" 'sections of the page'
equal "$(offered _runlog runlog '' | grep -v '^-')" "$subcommands" 'completion'

same "$(help_options "$runlog")" "$(page_options "$page" '^.Sh DESCRIPTION')" 'runlog: help and page'
for subcommand in $subcommands; do
  has "$RUNLOG_SOURCE/tools/runlog/$subcommand.cpp" "\"$subcommand\""
  grep -qE "^[^#]*run [0-9] \"[$]runlog\" $subcommand\b" "$RUNLOG_SOURCE"/tests/cli/*.sh ||
    fail "no test here runs runlog $subcommand"
  help=$(help_options "$runlog" "$subcommand")
  same "$help" "$(page_options "$page" "^.Ss runlog $subcommand ")" "$subcommand: help and page"
  same "$(grep -- -- <<<"$help")" "$(offered _runlog runlog "$subcommand" --)" \
    "$subcommand: help and completion"
done
help=$(help_options "$recover")
same "$help" "$(page_options "$recover_page" '^.Sh DESCRIPTION')" 'runlog-recover: help and page'
same "$(grep -- -- <<<"$help")" "$(offered _runlog_recover runlog-recover --)" \
  'runlog-recover: help and completion'

# A kind on the page and in the completion is one that --kind takes, and none is missing.
run 2 "$runlog" cat . --kind no-such-kind
known=$(grep -oP 'there are \K[^;]*' "$err" | tr -d ' ' | tr ',' '\n' | sort)
same "$known" "$(offered _runlog runlog cat --kind '')" 'kinds: program and completion'
same "$known" "$(sed -n '/^Only records of these kinds:/,/\.$/p' "$page" | sed 's/.*kinds://' |
  tr -d ' .\n' | tr ',' '\n' | sort)" 'kinds: program and page'

# What else may follow.
touch a-file
equal "$(offered _runlog runlog cat --kind metric,par)" metric,param
equal "$(offered _runlog runlog cat --rank '')" ''
equal "$(offered _runlog runlog tail -n '')" ''
equal "$(offered _runlog runlog plot --svg a-)" a-file
equal "$(offered _runlog runlog cat --json a-)" a-file
equal "$(offered _runlog_recover runlog-recover --store a-)" a-file
equal "$(offered _runlog_recover runlog-recover --json a-)" a-file
equal "$(offered _runlog_recover runlog-recover --timeout '')" ''

needs mandoc mandoc
mandoc -T lint -W warning "$page" "$recover_page" >"$out" || fail 'mandoc complains'
