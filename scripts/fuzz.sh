#!/usr/bin/env bash
# fuzz.sh [seconds [harness...]]: fuzzes every reader of text (every space's notation, JSON, CSV, imports, ...) for so many
# seconds each (600 by default), one after the other, under AddressSanitizer and UBSan. Prints a table; exits with 1 if an
# input broke a promise. Such inputs are kept in build/fuzz/found/<harness>, what the runs learned in build/fuzz/corpus.
# Needs clang with libFuzzer (Debian: clang).
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=${1:-600}
(($#)) && shift
wanted=("$@")
[[ $seconds =~ ^[1-9][0-9]*$ ]] || { echo "fuzz: seconds = '$seconds'; allowed: a whole number of at least 1" >&2; exit 2; }
command -v clang++ >/dev/null || { echo "fuzz: clang++ is missing; on Debian: apt-get install clang" >&2; exit 2; }

build=build/fuzz
[[ -e $build/build.ninja ]] || cmake --preset fuzz >&2
cmake --build --preset fuzz -j"${FRONTIER_JOBS:-$(nproc)}" >&2
harnesses=$("$build/tests/fuzz/fuzz_seeds" "$build/start")

for name in "${wanted[@]}"; do
  grep -q "^$name " <<<"$harnesses" || { echo "fuzz: unknown harness '$name'; known: $(cut -d' ' -f1 <<<"$harnesses" | paste -sd' ')" >&2; exit 2; }
done

last() { sed -n "s/^.*$1[^0-9]*\([0-9][0-9]*\).*$/\1/p" "$2" | tail -1; }

failed=()
printf '%-36s %10s %12s %8s %8s %7s  %s\n' harness seconds executions branches inputs MiB result
while read -r name longest; do
  if ((${#wanted[@]})) && [[ " ${wanted[*]} " != *" $name "* ]]; then continue; fi
  mkdir -p "$build/corpus/$name" "$build/found/$name" "$build/log"
  log=$build/log/$name.txt
  result=ok
  start=$SECONDS
  # 2,048 MiB and 10 s for one input are far beyond what any text of this length may cost.
  FRONTIER_FUZZ_HARNESS=$name "$build/tests/fuzz/fuzz" -seed=1 -max_total_time="$seconds" -max_len="$longest" -timeout=10 \
    -rss_limit_mb=2048 -dict="$build/start/$name/tokens.dict" -artifact_prefix="$build/found/$name/" -print_final_stats=1 \
    "$build/corpus/$name" "$build/start/$name/seeds" >"$log" 2>&1 </dev/null || result=FAILED
  printf '%-36s %10s %12s %8s %8s %7s  %s\n' "$name" $((SECONDS - start)) "$(last number_of_executed_units: "$log")" \
    "$(last ' cov: ' "$log")" "$(find "$build/corpus/$name" -type f | wc -l)" "$(last peak_rss_mb: "$log")" "$result"
  [[ $result == ok ]] || failed+=("$name")
done <<<"$harnesses"
for name in "${failed[@]}"; do
  echo "fuzz: $name broke a promise (log: $build/log/$name.txt); try it again with FRONTIER_FUZZ_HARNESS=$name $build/tests/fuzz/fuzz FILE" >&2
  grep -E "what\(\):|ERROR:|runtime error:|Test unit written" "$build/log/$name.txt" | cut -c1-1000 >&2 || true
done
exit $((${#failed[@]} > 0))
