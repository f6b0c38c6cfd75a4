#!/usr/bin/env bash
# test.sh [preset] [ctest options]: builds the preset (release by default) and runs all its tests.
set -euo pipefail
cd "$(dirname "$0")/.."
preset=${1:-release}
(($#)) && shift
./scripts/build.sh "$preset"
exec ctest --preset "$preset" "$@"
