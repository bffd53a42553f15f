# What a server says, and what a foreign meta.json holds, acts on no terminal: neither from the tools nor
# from the job itself.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.bash"
needs python3 python3
cd "$TMPDIR"

# Refuses everything, with words that a terminal would act on.
cat >server.py <<'PY'
import http.server, sys
WORDS = "a\u009b2Jb\u202ec\u2066d\u200fe".encode() + b"f\xed\xa0\x80g"
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def refuse(self):
        self.rfile.read(int(self.headers.get("content-length", 0)))
        text = "a\u009b2Jb\u202ec\u2066d\u200fe"
        body = f"<Error><Code>No{text}</Code><Message>Words{text}</Message></Error>".encode()
        status = 301 if self.path.startswith("/elsewhere") else 403
        self.send_response_only(status, "No")
        self.send_header("Content-Length", str(len(body)))
        self.wfile.write(b"".join(self._headers_buffer))
        self._headers_buffer = []
        self.wfile.write(b"Location: http://h/\x1b[2J" + WORDS + b"\r\nx-ms-error-code: \x1b[2J" + WORDS + b"\r\n\r\n")
        if self.command != "HEAD":
            self.wfile.write(body)
    do_GET = do_PUT = do_HEAD = do_DELETE = do_PROPFIND = do_MKCOL = do_MOVE = refuse
    def log_message(self, *_):
        pass
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
open("port.new", "w").write(str(server.server_address[1]))
import os
os.rename("port.new", "port")
server.serve_forever()
PY
python3 server.py >server.log 2>&1 &
server=$!
trap 'kill $server 2>/dev/null || true' EXIT
until [[ -s port ]]; do kill -0 $server || fail "no server: $(<server.log)"; read -rt 0.1 <> <(:) || true; done
url=http://127.0.0.1:$(<port)

export HOME=$TMPDIR AWS_ACCESS_KEY_ID=a AWS_SECRET_ACCESS_KEY=b AWS_REGION=us-east-1 AZURE_STORAGE_KEY=a2V5
for store in "s3://bucket/p?endpoint=$url" "s3://elsewhere/p?endpoint=$url" "azblob://account/container/p?endpoint=$url" "$url/p"; do
  for command in ls stat verify cat doctor; do
    run 1 "$runlog" "$command" "$store"
    [[ -s $out || -s $err ]] || fail "$command says nothing"
    is_clean "$out"
    is_clean "$err"
  done
  # The job ends at once: only the owner of the store can help. Its last line says so.
  rm -rf runs
  run 0 env RUNLOG_STORE="$store" "$writer" runs sample
  [[ -s $err ]] || fail "the job says nothing of $store"
  is_clean "$err"
  run 4 "$recover" --timeout 20 runs
  [[ -s $err ]] || fail 'recover says nothing'
  is_clean "$err"
done

# A foreign meta.json, in a journal and in a store.
rm -rf runs
RUNLOG_STORE=$PWD/store "$writer" runs sample
cat >spoil.py <<'PY'
import json, pathlib
EVIL = "x\x1b[2J\u009b2J\u202ey\u2066z\u200f\x07\n"
KEYS = "runlog experiment name group host command_line store project parent_run follows session reason".split()
for path in [*pathlib.Path("runs").rglob("*.json"), *pathlib.Path("store").rglob("*.json")]:
    old = json.loads(path.read_text())
    path.write_text(json.dumps({k: "s3://" + EVIL if k in KEYS else v for k, v in old.items()}, separators=(",", ":")))
PY
python3 spoil.py
grep -q '202e' "$(find runs -name meta.json)" || fail 'meta.json is as it was'
for path in runs store; do
  for command in ls stat verify; do
    run 0 "$runlog" "$command" $path
    is_clean "$out"
    is_clean "$err"
  done
done
run 0 "$recover" --verbose runs
is_clean "$err"
run 4 "$runlog" clean runs
is_clean "$out"
is_clean "$err"
run 4 "$recover" --again runs
is_clean "$err"
