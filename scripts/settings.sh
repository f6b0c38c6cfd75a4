#!/usr/bin/env bash
# settings.sh [preset]: writes docs/settings.md from what the program (release by default) reads.
set -euo pipefail
cd "$(dirname "$0")/.."
page=$("build/${1:-release}/frontier" settings --markdown)
printf '%s\n' "$page" >docs/settings.md
