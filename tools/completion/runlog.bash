# bash completion for runlog. Asks the program, which knows its own options, once: at the first Tab of
# a shell. Later ones start nothing.
source <(runlog --bash-completion 2>/dev/null)
