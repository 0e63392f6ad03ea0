#!/usr/bin/env bash
# All tests from fresh clones of the last commit, with cold caches: tests/repeat.sh [RUNS] [BUSY_LOOPS]
# Prints a line per run: pytest's closing line, seconds of wall time, seconds of CPU, load before and after.
# The environment is made before the clock starts. Ends with 1 if any run failed.
set -euo pipefail
runs=${1:-3} busy=${2:-0}
root=$(cd "$(dirname "$0")/.." && pwd)
folder=$(mktemp -d)
loops=()
finish() {
    for loop in ${loops[@]+"${loops[@]}"}; do kill "$loop" 2>/dev/null || true; done
    rm -rf "$folder"
}
trap finish EXIT
for _ in $(seq "$busy"); do
    (while :; do :; done) &
    loops+=($!)
done
load() { cut -d' ' -f1 /proc/loadavg; }
failed=0
TIMEFORMAT='%R %U %S'
for run in $(seq "$runs"); do
    clone=$folder/$run
    git clone --quiet "$root" "$clone"
    make --directory="$clone" --silent setup >"$folder/log" 2>&1 || { tail -n 20 "$folder/log"; exit 1; }
    before=$(load)
    status=0
    { time make --directory="$clone" --silent test >"$folder/log" 2>&1 || status=$?; } 2>"$folder/seconds" || true
    read -r wall user system < <(tail -n 1 "$folder/seconds")
    closing=$(grep -E '(passed|failed|error).* in ' "$folder/log" | tail -n 1 || true)
    cpu=$(awk "BEGIN { print $user + $system }")
    echo "run $run: $closing; wall $wall s, CPU $cpu s, busy loops $busy, load $before to $(load)"
    if [ "$status" -ne 0 ]; then
        failed=1
        grep -E '^(FAILED|ERROR)' "$folder/log" || tail -n 20 "$folder/log"
    fi
    rm -rf "$clone"
done
exit "$failed"
