#!/usr/bin/env bash
# Frontier's main job on real images: installs what is missing, builds, trains a supernet of mobile_cnn on Fashion-MNIST, searches it under
# three budgets, prints the Pareto front and writes report.html. Run again, it skips what is done.
set -euo pipefail
cd "$(dirname "$0")/.."

./scripts/build.sh release frontier
frontier=build/release/frontier
db=frontier.db
checkpoint=quickstart/supernet
mkdir -p quickstart

$frontier train --config examples/quickstart.json --out "$checkpoint" --db "$db" --resume
$frontier search --checkpoint "$checkpoint" --searcher nsga2 --max-macs 400k,1M,3M --budget 600 --generation 25 --db "$db" --resume

echo
echo "Pareto front of what the search measured (on images held out from training):"
$frontier pareto --objectives top1:max,macs:min --space mobile_cnn --split search --evaluator supernet --db "$db"
$frontier report --db "$db" --out report.html --title "mobile_cnn on Fashion-MNIST"
echo "Everything measured is in $db; open report.html to see it."
