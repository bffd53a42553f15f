# cat: text, JSON and CSV; each filter alone.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.bash"
cd "$TMPDIR"

"$writer" runs sample
"$writer" runs odd
RUNLOG_RANK=1 "$writer" runs sample

one() { run 0 "$runlog" cat runs/sample --rank 0 "$@"; }

one --kind metric --name train/loss
equal "$(lines "$out")" 100
grep -qE '^20[0-9-]+T[0-9:.]+Z .*metric +train/loss +step 3 +0\.25$' "$out" || fail 'text form'

# A record is one line, whatever its text.
one --kind text
equal "$(lines "$out")" 2
has "$out" 'two\nlines'

one --json --name train/loss
equal "$(lines "$out")" 100
has "$out" '"kind":"metric"' '"name":"train/loss"' '"step":3,"value":0.25' '"rank":0' '"run":"sample"'
needs jq jq
equal "$(jq -s 'map(.step) == [range(100)]' "$out")" true 'steps in order'
one --json --name val/acc
has "$out" '"value":"NaN"' '"value":"Infinity"' '"value":0.75'

one --csv --name 'val/*'
equal "$(lines "$out")" 5 'a header and four rows'
equal "$(head -1 "$out")" $'t,run,rank,session,lane,seq,kind,name,step,value,text,payload\r'
has "$out" ',metric,val/acc,10,0.5,,' ',NaN,,' ',Infinity,,'
one --csv --kind text
has "$out" '"hello, world"' $'"two'
one --csv --kind list,row,histogram,json,file,param,tag,property
has "$out" ',list,top,6,' ',param,lr,,0.0003,' ',tag,model_type,,linear,' ',property,git,,0123abcd,'

# CSV's t, name and value are JSON's.
one --csv --name epoch
equal "$(tail -1 "$out" | cut -d, -f8-10)" epoch,,3
csv_time=$(tail -1 "$out" | cut -d, -f1)
one --json --name epoch
has "$out" "$csv_time"

# Steps are half-open.
one --name train/loss --steps 10:13
equal "$(lines "$out")" 3
one --name train/loss --steps :5
equal "$(lines "$out")" 5
one --name train/loss --steps 98:
equal "$(lines "$out")" 2
one --name train/loss --steps 7
equal "$(lines "$out")" 1

one --name train/loss --since 1h
equal "$(lines "$out")" 100
one --name train/loss --since 2100-01-01T00:00:00Z
equal "$(lines "$out")" 0

run 0 "$runlog" cat runs --run 'sam*' --name train/loss
equal "$(lines "$out")" 200
run 0 "$runlog" cat runs --run odd --name train/loss --kind metric
equal "$(lines "$out")" 11
run 0 "$runlog" cat runs --run odd --name train/loss --kind metric --rewind
equal "$(lines "$out")" 6
has "$out" 'step 5  42'

# Of several ranks, each line says whose it is.
run 0 "$runlog" cat runs/sample --name epoch
has "$out" sample/r0 sample/r1

run 1 "$runlog" cat missing

# A file that is not ours at all: no newer runlog would read it either.
echo 'not ours' >foreign.parquet
run 1 "$runlog" cat foreign.parquet
has "$err" foreign.parquet 'not a Parquet file' 'that runlog wrote'
lacks "$err" newer
