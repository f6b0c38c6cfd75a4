#!/bin/sh
# Installs a build into a temporary folder, builds examples/linked and a file that includes every installed header
# against it, runs it twice: the second time it resumes.
# Then exports a network of its checkpoint, and lets the other example run it.
# Usage: linked.sh BUILD SOURCE CMAKE [cmake arguments]
set -eu
build=$1 source=$2 cmake=$3
shift 3
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$cmake" --install "$build" --prefix "$work/installed" > "$work/log" 2>&1 || { cat "$work/log"; exit 1; }
cp -r "$source/examples/linked" "$work/source"
headers=$work/installed/include/frontier
(cd "$headers" && find . -name '*.h' | sed 's#^\./##' | sort -r) > "$work/headers"
grep -rho '^#include "[^"]*"' "$headers" | sort -u | sed 's/.*"\(.*\)"/\1/' | while read -r header; do
  [ -e "$headers/$header" ] || { echo "an installed header includes $header, which is not installed"; exit 1; }
done
# Each alone brings all that it needs, where that is not LibTorch (which takes seconds a header).
cat > "$work/alone.sh" <<'ALONE'
header=$1
why=$(${CXX:-c++} -std=c++20 -fsyntax-only -x c++ -I . "$header" 2>&1) && exit 0
case "$why" in *"fatal error: ATen/"* | *"fatal error: c10/"* | *"fatal error: torch/"*) exit 0 ;; esac
echo "$header does not compile alone: $why"
exit 1
ALONE
(cd "$headers" && xargs -n 1 -P 2 sh "$work/alone.sh" < "$work/headers") || exit 1
sed 's/.*/#include "&"/' "$work/headers" > "$work/source/every_header.cpp"
echo 'target_sources(linked PRIVATE every_header.cpp)' >> "$work/source/CMakeLists.txt"
"$cmake" -S "$work/source" -B "$work/build" -DCMAKE_PREFIX_PATH="$work/installed" "$@" > "$work/log" 2>&1 || { cat "$work/log"; exit 1; }
"$cmake" --build "$work/build" > "$work/log" 2>&1 || { cat "$work/log"; exit 1; }
mkdir "$work/run"
first=$("$work/build/linked" "$work/run")
again=$("$work/build/linked" "$work/run")
echo "$first"
case "$first" in "12 steps; best "*" on the test split") ;; *) echo "unexpected: $first"; exit 1 ;; esac
[ "$first" = "$again" ] || { echo "resumed, but not to the same: $again"; exit 1; }
"$work/installed/bin/frontier" runs --db "$work/run/frontier.db" --quiet
{ printf 'P5\n# grey\n28 28\n255\n'; head -c 784 /dev/zero | tr '\0' '\200'; } > "$work/grey.pgm"
for format in safetensors onnx; do
  "$work/installed/bin/frontier" export --checkpoint "$work/run/supernet" --arch '8 | 8: k3e2 | 16: k3e2 | 32: k3e2' \
    --format "$format" --out "$work/network.$format" --quiet > "$work/log" 2>&1 || { cat "$work/log"; exit 1; }
  "$work/build/run_exported" "$work/network.$format" "$work/grey.pgm" | tee "$work/out"
  grep -q 'reference: largest difference' "$work/out"
  grep -q 'grey.pgm:  [0-9] [0-9.]* %' "$work/out"
done
