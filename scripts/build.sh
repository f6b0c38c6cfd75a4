#!/usr/bin/env bash
# build.sh [preset [targets...]]: installs what is missing, configures and builds build/<preset> (release by default).
set -euo pipefail
cd "$(dirname "$0")/.."
preset=${1:-release}
targets=("${@:2}")
./scripts/setup.sh
[[ -e build/$preset/build.ninja ]] || cmake --preset "$preset" >&2
cmake --build --preset "$preset" -j"${FRONTIER_JOBS:-$(nproc)}" ${targets:+--target "${targets[@]}"} >&2
