# What a core file of a job that ships has of its credentials: the secret in use lies in memory once,
# since signing needs it, and nowhere else; nothing of it is on disk.
# needs: s3
source "$(dirname "${BASH_SOURCE[0]}")/lib.bash"
server s3
cd "$TMPDIR"

# crashes RUN_ID: a job that has shipped a pack dumps core.
crashes() {
  (
    ulimit -c unlimited
    RUNLOG_STORE=$(s3_store "$(<"$dir/url")" "$here") RUNLOG_RUN_ID=$1 RUNLOG_SHIP_INTERVAL=100ms exec "$trainer" runs 500 0 quiet
  ) &
  local pid=$!
  until [[ -n $(find "runs/$1" -path '*/shipped/*.parquet' 2>/dev/null) ]]; do kill -0 $pid; done
  kill -SEGV $pid
  wait $pid 2>/dev/null || true
  core=$(find . -maxdepth 1 -name 'core*' | head -n 1)
  [[ -n $core ]] || skip 'this kernel leaves no core file here (core_pattern, or a limit)'
}
count() { grep -aoF -- "$1" "$core" | wc -l; }

mkdir -p "$HOME/.aws"
printf '[other]\naws_access_key_id = OTHER\naws_secret_access_key = secretOfAnotherProfile\n[default]\naws_access_key_id = %s\naws_secret_access_key = %s\n' \
  $s3_key "$s3_secret" >"$HOME/.aws/credentials"
crashes from_file
equal "$(count "$s3_secret")" 1 'copies of the secret'
equal "$(count secretOfAnotherProfile)" 0 'secrets of profiles that were not asked for'
(($(count "$s3_key") > 0)) || fail 'the core is not of a process that ships'
rm -f core*

# From the environment: the process has it there already, and we have the environment as it was.
rm "$HOME/.aws/credentials"
as_owner
crashes from_environment
(($(count "$s3_secret") <= 3)) || fail "$(count "$s3_secret") copies of the secret"
rm -f core*
! grep -rqF -- "$s3_secret" . || fail 'the secret is on disk'
