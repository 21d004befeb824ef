#!/usr/bin/env bash
# The server under load on loopback, and beside it what people build today: saturated rate, latency at half of it, twice of
# it, memory over ten minutes. Needs wrk (Debian), Python 3.11 and the release binary; takes fourteen minutes.
# PYTHON names an interpreter that has fastapi, uvicorn, scikit-learn and jieba; without it one is made in target/peers.
set -euo pipefail
cd "$(dirname "$0")/../.."
[ -x target/release/xiaobao ] || { echo "cargo build --release first"; exit 2; }
PYTHON=${PYTHON:-target/peers/bin/python}
[ -x "$PYTHON" ] || python3 -m venv target/peers
"$PYTHON" -c 'import fastapi, uvicorn, sklearn, jieba' 2>/dev/null ||
  "$PYTHON" -m pip -q install fastapi "uvicorn[standard]" scikit-learn jieba
work=$(mktemp -d)
ours=""
peer=""
trap '[ -n "$ours" ] && kill $ours 2>/dev/null; [ -n "$peer" ] && kill $peer 2>/dev/null; rm -rf "$work"' EXIT
export BODIES=$work/bodies.jsonl
"$PYTHON" - "$BODIES" <<'PY'
import csv, glob, json, sys
with open(sys.argv[1], "w", encoding="utf-8") as out:
    for path in sorted(glob.glob("data/complaints/*.csv")):
        with open(path, encoding="utf-8-sig", newline="") as file:
            for row in csv.DictReader(file):
                body = {"id": row["id"], "text": row["text"], "channel": row["channel"], "received_at": "2026-03-02"}
                out.write(json.dumps(body, ensure_ascii=False) + "\n")
PY
port=8471
echo "commit $(git rev-parse --short HEAD), $(nproc) cores, $(grep -m1 'model name' /proc/cpuinfo | cut -d: -f2), load $(cut -d' ' -f1 /proc/loadavg), $(wc -l < "$BODIES") bodies"
load() { # seconds connections delay_ms
  DELAY_MS=$3 wrk -t2 -c"$2" -d"$1"s --latency --timeout 10s -s benches/peers/serve.lua "http://127.0.0.1:$port" |
    grep -E '50%|99%|Requests/sec|Non-2xx|Socket errors' | tr -s ' ' | tr '\n' ';'
  echo
}
rate() { sed -n 's/.*Requests\/sec: *\([0-9.]*\).*/\1/p'; }
up() { for _ in $(seq 600); do curl -sf "http://127.0.0.1:$port/$1" >/dev/null && return; sleep 0.2; done; echo "not up"; exit 3; }
rss() { awk '/VmRSS/ {print int($2/1024)}' "/proc/$1/status"; }

target/release/xiaobao serve --listen 127.0.0.1:$port --quiet 2>/dev/null &
ours=$!
up healthz
load 3 16 0 >/dev/null # warm
all=$(load 15 32 0)
echo "ours, saturated (32 connections):      $all"
full=$(echo "$all" | rate)
# 200 clients with a pause between requests: half the saturated rate.
half_delay=$(awk -v r="$full" 'BEGIN { print 200 / (r / 2) * 1000 }')
echo "ours, about half (200 clients, paused): $(load 15 200 "$half_delay")"
"$PYTHON" benches/peers/serve_probe.py 127.0.0.1:$port "$BODIES" 14 > "$work/probe" &
probe=$!
echo "ours, beyond (256 clients, no pause):   $(load 15 256 0)"
wait $probe
cat "$work/probe"
kill $ours; wait $ours || true; ours=""

"$PYTHON" -m uvicorn --app-dir benches/peers serve_peer:app --port $port --workers 2 --log-level warning &
peer=$!
up docs
load 3 16 0 >/dev/null
all=$(load 15 32 0)
echo "FastAPI + scikit-learn + jieba:        $all"
theirs=$(echo "$all" | rate)
awk -v a="$full" -v b="$theirs" 'BEGIN { printf "ours / theirs: %.1f\n", a / b }'
kill $peer; wait $peer || true; peer=""

target/release/xiaobao serve --listen 127.0.0.1:$port --quiet 2>/dev/null &
ours=$!
up healthz
load 15 32 0 >/dev/null
first=$(rss $ours)
for i in 2 4 6 8 10; do load 120 256 0 >/dev/null; echo "memory after $i minutes of overload: $(rss $ours) MB (before: $first MB)"; done
