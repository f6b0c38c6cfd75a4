#!/usr/bin/env python3
"""Searches of NAS-Bench-201 by its table: accuracy by searcher, and accuracy against latency. Figures of docs/results.md.

usage: benchmarks/nb201_search.py DATA [--frontier PROGRAM] [--work DIR] [--repeat 200] [--devices raspi4 ...]
       benchmarks/nb201_search.py --db FILE ...                          a database that holds the table already

DATA is a folder with nb201.csv.gz and, for the second part, nb201_latency.csv.gz; they are imported into DIR once. Python's standard library only; seconds on two cores.

Searchers see the validation accuracy after 12 epochs; what is printed is the test accuracy after 200 epochs of the best they found by it. Seeds are --seed, --seed + 1, ...
"""
import argparse
import json
import math
import pathlib
import statistics
import time

from program import PROGRAM, ROOT, answer

MAPS = ROOT / "benchmarks/maps"
SEARCHERS = [("random", "top1:max"), ("local", "top1:max"), ("evolution", "top1:max"), ("nsga2", "top1:max,macs:min")]


class Frontier:
    def __init__(self, program, db, extra):
        self.program, self.db, self.extra = program, db, extra

    def __call__(self, *arguments):
        return answer(self.program, *arguments, "--db", self.db, "--quiet")

    def search(self, *arguments):
        return self("search", "--evaluator", "benchmark", "--space", "nas_bench_201", *self.extra, *arguments)


def import_tables(frontier, data):
    frontier("import", data / "nb201.csv.gz", "--space", "nas_bench_201", "--map", MAPS / "nb201.json")
    latency = data / "nb201_latency.csv.gz"
    if latency.exists():
        frontier("import", data / "nb201.csv.gz", "--join", latency, "--space", "nas_bench_201", "--map", MAPS / "nb201_latency.json")


def by_searcher(frontier, options):
    begun = time.monotonic()
    found = {}
    for searcher, objectives in SEARCHERS:
        found[searcher] = frontier.search("--dataset", options.dataset, "--split", "validation", "--fidelity", "12 epochs", "--report-split", "test", "--report-fidelity", "200 epochs",
                                          "--searcher", searcher, "--objectives", objectives, "--budget", 400, "--repeat", options.repeat, "--seed", options.seed)
    seconds = time.monotonic() - begun
    table = found["random"]["table"]
    print(f"{options.dataset}, {options.repeat} searches a searcher (seeds {options.seed} to {options.seed + options.repeat - 1}), {seconds:.1f} s in all. "
          f"Best of the table: {100 * table['best_reported']:.2f} %; best by validation accuracy: {100 * table['best']['report_metrics']['top1']:.2f} %.\n")
    print("| searcher | objectives | evaluations | test accuracy, mean | standard deviation | standard error | regret, mean |\n|---|---|---|---|---|---|---|")
    for searcher, objectives in SEARCHERS:
        for item in found[searcher]["results"]:
            test = item["report_best/top1"]
            print(f"| {searcher} | {objectives} | {item['evaluations']} | {100 * test['mean']:.3f} % | {100 * test['sd']:.3f} | {100 * test['standard_error']:.3f} | {100 * item['report_regret/top1']['mean']:.3f} |")
    print()
    for evolution, random in zip(found["evolution"]["results"], found["random"]["results"]):
        a, b = evolution["report_best/top1"], random["report_best/top1"]
        error = math.hypot(a["standard_error"], b["standard_error"])
        print(f"evolution ahead of random after {evolution['evaluations']}: {100 * (a['mean'] - b['mean']):+.3f} points, standard error {100 * error:.3f}")


def all_devices():
    metrics = json.loads((MAPS / "nb201_latency.json").read_text())["results"][0]["metrics"]
    return [name.removeprefix("latency_ms.") for name in metrics if name.startswith("latency_ms.")]


def by_device(frontier, options):
    final = {}
    print("\n| device | evaluations | hypervolume of the true front's, mean | standard deviation | standard error | 10 % quantile | reference point |\n|---|---|---|---|---|---|---|")
    for device in options.devices:
        metric = f"latency_ms.{device}"
        found = frontier.search("--dataset", "cifar10", "--split", "test", "--fidelity", "200 epochs", "--searcher", "nsga2", "--objectives", f"top1:max,{metric}:min", "--budget", 500,
                                "--repeat", options.front_repeat, "--seed", options.seed)
        reference = found["hypervolume_reference"]
        for item in found["results"]:
            volume = item["hypervolume/relative"]
            print(f"| {device} | {item['evaluations']} | {100 * volume['mean']:.2f} % | {100 * volume['sd']:.2f} | {100 * volume['standard_error']:.2f} | {100 * volume['q10']:.2f} % | "
                  f"{100 * reference['top1']:.2f} %, {reference[metric]:.3g} ms |")
        final[device] = found["results"][-1]["hypervolume/relative"]["mean"]
    least, most = min(final, key=final.get), max(final, key=final.get)
    print(f"\n{len(final)} devices after {found['results'][-1]['evaluations']} evaluations: {100 * final[least]:.2f} % ({least}) to {100 * final[most]:.2f} % ({most}), mean {100 * statistics.mean(final.values()):.2f} %")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=pathlib.Path, nargs="?")
    parser.add_argument("--db", type=pathlib.Path)
    parser.add_argument("--frontier", default=PROGRAM)
    parser.add_argument("--work", type=pathlib.Path, default=ROOT / "build/nb201_search")
    parser.add_argument("--dataset", default="cifar10")
    parser.add_argument("--repeat", type=int, default=200)
    parser.add_argument("--front-repeat", type=int, default=50)
    parser.add_argument("--devices", nargs="*", default=all_devices(), help="names in maps/nb201_latency.json; all by default")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--set", action="append", default=[], help="passed on to every search, e.g. searcher.population=10")
    options = parser.parse_args()
    if (options.data is None) == (options.db is None):
        parser.error("give DATA, or --db FILE")
    options.work.mkdir(parents=True, exist_ok=True)
    frontier = Frontier(options.frontier, options.db or options.work / "frontier.db", [f"--set={s}" for s in options.set])
    if options.data is not None:
        import_tables(frontier, options.data)
    by_searcher(frontier, options)
    if options.devices:
        by_device(frontier, options)


if __name__ == "__main__":
    main()
