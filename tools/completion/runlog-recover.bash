# bash completion for runlog-recover. Asks the program once, as runlog.bash does.
source <(runlog-recover --bash-completion 2>/dev/null)
