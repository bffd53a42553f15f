# runlog-recover where several users log: each leaves the journals of the others alone, and root
# recovers them as their owners, which ship to a store that root has listed. Two users need root.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.bash"
if [[ $(id -u) != 0 ]]; then
  echo "not root: there is one user only"
  exit 0
fi
# Below a directory that others may enter.
shared=$(mktemp -d /tmp/runlog-owners.XXXXXX)
trap 'rm -rf "$shared"' EXIT
chmod 755 "$shared"
cd "$shared"
alice=12001 bob=12002
as() { setpriv --reuid="$1" --regid="$1" --clear-groups "${@:2}"; }
mkdir -m 1777 runs store
cp "$recover" "$runlog" "$writer" "$RUNLOG_BIN"/../lib/librunlog.so* . 2>/dev/null || true
export LD_LIBRARY_PATH=$shared
as $alice test -x "$shared/runlog-recover" || fail "another user cannot run the programs"

# One crashed run of each user.
crash() {
  rm -rf runs/* store/*
  mkdir -m 1777 "store/project=cli"
  for user in 0 $alice $bob; do
    RUNLOG_STORE=$shared/store "$writer" runs crash || true
    mv runs/crash "runs/of-$user"
    sed -i "s/\"run_id\": *\"crash\"/\"run_id\":\"of-$user\"/" "runs/of-$user"/r0-*/meta.json
    chown -R "$user:$user" "runs/of-$user"
  done
}
stored() { find store -name '*.parquet' -path "*run_id=of-$1*" | wc -l; }

# Another user's are left alone, and named; whoever may not read them does not fail for that.
crash
run 0 as $alice ./runlog-recover runs
has "$err" "runs/of-0" "runs/of-$bob" "(uid 0)" "uid $bob" --any-owner
equal "$(stored $alice) $(stored $bob) $(stored 0)" "1 0 0"
run 0 as $alice ./runlog-recover --json -q runs
has "$out" '"verdict":"foreign"' "of-$bob"
[[ ! -s $err ]] || fail "a quiet call speaks of other users' journals"

# Root, as each owner: they wait where nobody has said that their store is to be believed.
crash
run 4 ./runlog-recover runs
has "$err" "not believed" RUNLOG_STORES "as uid $alice" "as uid $bob"
equal "$(stored $alice) $(stored $bob) $(stored 0)" "0 0 1"
run 0 env RUNLOG_STORES="/elsewhere $shared/store" ./runlog-recover runs
for user in $alice $bob; do
  equal "$(stored $user)" 1
  equal "$(find store -path "*run_id=of-$user*" -user $user -name '*.parquet' | wc -l)" 1
  equal "$(find "runs/of-$user" ! -user $user | wc -l)" 0
done

# The same from the list in the user's directory; --json of all is on stdout.
crash
mkdir -p home/.config/runlog
printf '# ours\n\n  %s  \n' "$shared/store" >home/.config/runlog/stores
run 0 env -u XDG_CONFIG_HOME HOME="$shared/home" ./runlog-recover --json -q runs
equal "$(grep -c '"verdict":"shipped"' "$out")" 3
equal "$(stored $alice) $(stored $bob) $(stored 0)" "1 1 1"

# What an owner's child must not do: read, as root, what a link of theirs leads to.
crash
echo "root only" >secret
chmod 600 secret
as $bob ln -s "$shared/secret" "$(echo "runs/of-$bob"/r0-*)/end.json"
run 4 ./runlog-recover --store "$shared/store" runs
equal "$(cat secret)" "root only"
equal "$(grep -rl 'root only' store | wc -l)" 0

# What others could have exchanged is nobody's, and somebody names it.
crash
chmod 777 "runs/of-$bob"/r0-* runs/of-0/r0-*
mv "runs/of-$alice"/r0-* "runs/of-$bob/"
run 4 ./runlog-recover --store "$shared/store" runs
for journal in "runs/of-$bob"/r0-* runs/of-0/r0-*; do has "$err" "$shared/$journal is left alone"; done
equal "$(stored $alice) $(stored $bob) $(stored 0)" "0 0 0"
crash
mkdir -p theirs && mv runs theirs/
chown $bob theirs/runs
run 4 ./runlog-recover --store "$shared/store" theirs/runs
has "$err" "$(echo theirs/runs/of-0/r0-*) is left alone" "$(echo "theirs/runs/of-$alice"/r0-*) is left alone"
equal "$(stored $alice) $(stored $bob) $(stored 0)" "0 1 0"
mv theirs/runs . && chown 0 runs

# The rubbish of one user does not fail the others.
crash
as $bob mkdir runs/rubbish
as $bob ln -s nowhere runs/rubbish/r0-0123456789abcdef0123456789abcdef
run 0 as $alice ./runlog-recover --store "$shared/store" runs

# A list of stores that another user could have written is not believed.
chmod 666 home/.config/runlog/stores
run 4 env -u XDG_CONFIG_HOME HOME="$shared/home" ./runlog-recover --run "of-$bob" runs
has "$err" "not believed, as another user could have written it"
rm home/.config/runlog/stores && mkfifo home/.config/runlog/stores
run 4 env -u XDG_CONFIG_HOME HOME="$shared/home" ./runlog-recover --run "of-$bob" runs

# No program is run that the owner could ask for root's secrets.
printf '[default]\ncredential_process = touch %s/ran\n' "$shared" >aws
run 4 env AWS_CONFIG_FILE="$shared/aws" AWS_EC2_METADATA_DISABLED=true ./runlog-recover \
  --store "s3://bucket?endpoint=http://127.0.0.1:9&region=x" --run "of-$bob" runs
has "$err" RUNLOG_CREDENTIAL_PROCESS
[[ ! -e ran ]] || fail "a credential_process was run"

# Who only says that he is such a child gains nothing.
crash
run 4 as $alice env RUNLOG_RECOVER_OWNER=$bob ./runlog-recover runs
has "$err" "only the superuser can"

# As root after all.
run 4 ./runlog-recover --any-owner runs
has "$err" "not believed"
run 0 ./runlog-recover --any-owner --store "$shared/store" runs
equal "$(stored $alice) $(stored $bob) $(stored 0)" "1 1 1"
equal "$(find "runs/of-$bob" ! -user $bob | wc -l)" 0

# A child that its owner stops holds up nobody; and it looks into nobody's home directory.
crash
mkdir -m 700 -p home
echo "machine 127.0.0.1 login root password SECRET" >home/.netrc
HOME=$shared/home ./runlog-recover --store http://127.0.0.1:9/bucket --run "of-[1-9]*" runs >"$out" 2>"$err" &
all=$!
for user in $alice $bob; do
  until child=$(pgrep -u $user -P $all); do kill -0 $all || fail "it ends"; done
  as $user kill -STOP "$child"
done
wait $all && fail "nothing waits" || equal $? 4
has "$err" "was stopped by a signal"

# --watch: one child stays for each owner, and all end with it.
crash
RUNLOG_STORES=$shared/store ./runlog-recover --watch --interval 0.05 runs >"$out" 2>"$err" &
watch=$!
until [[ "$(stored $alice) $(stored $bob) $(stored 0)" == "1 1 1" ]]; do kill -0 $watch || fail "it ends"; done
children=$(pgrep -P $watch | tr '\n' ' ')
equal "$(wc -w <<<"$children")" 2
# Whoever stops or kills his own gets another.
for signal in STOP KILL; do
  old=$(pgrep -u $alice -P $watch)
  as $alice kill -$signal "$old"
  until new=$(pgrep -u $alice -P $watch) && [[ $new != "$old" ]]; do kill -0 $watch || fail "it ends"; done
done
children=$(pgrep -P $watch | tr '\n' ' ')
kill -TERM $watch
wait $watch || fail "exit $? of --watch"
for child in $children; do ! kill -0 "$child" 2>/dev/null || fail "a child of --watch stays"; done

# clean: only one's own, and no store is asked that another user names.
run 0 as $alice ./runlog clean runs
has "$out" "belongs to"
run 4 ./runlog clean --any-owner runs
has "$out" "say which store"
run 0 ./runlog clean --any-owner --store "$shared/store" runs
