#!/usr/bin/env python3
"""The main job over several seeds, and inherited against own weights. Figures of docs/results.md.

usage: benchmarks/main_job.py seeds   [--seeds 0 1 2] [--config FILE] [--work DIR]   accuracy under the three budgets, mean and spread
       benchmarks/main_job.py subnets [--seeds 0 1 2] [--work DIR]       90 random subnets, the same for every supernet of `seeds`, on the test images
       benchmarks/main_job.py tune    [--seeds 0 1 2] [--work DIR]       the three networks that each search of `seeds` found: inherited, fine-tuned, and trained from scratch
       benchmarks/main_job.py scratch [--checkpoint DIR] [--work DIR]    five subnets across the range: inherited, and trained from scratch for as many images

Python's standard library only; needs build/release/frontier, or another version's with --program. `seeds` repeats scripts/quickstart.sh's training and search with other seeds (7 minutes each on two
cores), `scratch` trains five networks for as many steps as the supernet took. What is already in DIR is not done again.
"""
import argparse
import concurrent.futures
import json
import os
import pathlib
import sqlite3
import statistics

from program import PROGRAM, ROOT, answer

BUDGETS = "400k,1M,3M"


program = PROGRAM


def frontier(*arguments):
    return answer(program, *arguments)


def seeds(options):
    tops = {}
    for seed in options.seeds:
        folder = options.work / f"seed{seed}"
        folder.mkdir(parents=True, exist_ok=True)
        trained = frontier("train", "--config", options.config, "--seed", seed, "--out", folder / "supernet", "--db", folder / "frontier.db", "--resume")
        found = frontier("search", "--checkpoint", folder / "supernet", "--searcher", "nsga2", "--max-macs", BUDGETS, "--budget", 600, "--generation", 25, "--seed", seed,
                         "--db", folder / "frontier.db", "--resume")
        print(f"seed {seed}: {trained['steps']} steps in {trained['seconds']:.0f} s", flush=True)
        for item in found["results"]:
            best = item["best"]
            tops.setdefault(item["max_macs"], []).append((best["metrics"]["top1"], best["test_metrics"]["top1"], best["macs"]))
    print("\n| budget, MACs | " + " | ".join(f"seed {s}, test" for s in options.seeds) + " | mean | standard deviation | search split, mean |")
    print("|---" * (len(options.seeds) + 4) + "|")
    for budget, values in tops.items():
        test = [100 * t for _, t, _ in values]
        cells = [f"{100 * t:.2f} % ({m / 1e6:.2f} M)" for _, t, m in values]
        spread = f"{statistics.stdev(test):.2f}" if len(test) > 1 else "-"
        print(f"| {budget / 1e6:g} M | " + " | ".join(cells) + f" | {statistics.mean(test):.2f} % | {spread} | {100 * statistics.mean(s for s, _, _ in values):.2f} % |")


def subnets(options):
    archs = options.archs or options.work / "subnets.txt"
    if not archs.exists():
        drawn = frontier("search", "--checkpoint", options.work / f"seed{options.seeds[0]}/supernet", "--searcher", "random", "--max-macs", BUDGETS, "--budget", 90,
                         "--seed", 77, "--db", options.work / "subnets.db")
        stored = sqlite3.connect(options.work / "subnets.db").execute("SELECT DISTINCT macs, arch FROM results WHERE split = 'search' AND run = ? ORDER BY macs", [drawn["run"]])
        archs.write_text("".join(f"{arch}\n" for _, arch in stored))
    limits = [400e3, 1e6, 3e6]
    means = [[] for _ in limits]
    for seed in options.seeds:
        found = frontier("evaluate", "--checkpoint", options.work / f"seed{seed}/supernet", "--archs", archs, "--split", "test", "--db", options.work / "subnets.db")["results"]
        for limit, below, mean in zip(limits, [0, *limits], means):
            mean.append(statistics.mean(100 * item["metrics"]["top1"] for item in found if below < item["macs"] <= limit))
    print("| MACs up to | " + " | ".join(f"seed {s}" for s in options.seeds) + " | mean |")
    print("|---" * (len(options.seeds) + 2) + "|")
    for limit, mean in zip(limits, means):
        print(f"| {limit / 1e6:g} M | " + " | ".join(f"{m:.2f} %" for m in mean) + f" | {statistics.mean(mean):.2f} % |")


def alone_config(checkpoint, path):
    """The settings of a supernet's training, but for what draws subnets."""
    config = json.loads((checkpoint / "run.json").read_text())["config"]
    path.write_text(json.dumps({key: value for key, value in config.items() if key not in ("sampler", "start")}))
    return config["trainer"]["steps"]


def tune(options):
    """Fine-tuning for a tenth of the supernet's steps, its settings but for --set; all chosen on the search split, shown on the test split."""
    rows = []

    def top1(folder, name, arch, seed, *arguments):
        stored = folder / f"{name}-{arch.replace(' ', '').replace('|', '_').replace(':', '-')}.json"
        if not stored.exists():
            stored.write_text(json.dumps(frontier("evaluate", "--evaluator", "scratch", "--config", folder / "alone.json", "--arch", arch, "--seed", seed, "--threads", 1,
                                                  "--db", folder / "frontier.db", *arguments)))
        return {item["split"]: item["metrics"]["top1"] for item in json.loads(stored.read_text())["results"]}

    def measure(task):
        seed, folder, steps, budget, best = task
        arch = best["arch"]
        inherited = {"search": best["metrics"]["top1"], "test": best["test_metrics"]["top1"]}
        settings = [part for setting in options.set for part in ("--set", setting)]
        tuned = top1(folder, options.name, arch, seed, "--from", folder / "supernet", "--steps", max(1, steps // 10), *settings)
        own = top1(folder, "own", arch, seed) if options.own else tuned
        rows.append((budget, seed, best["macs"], inherited, tuned, own))
        print(f"seed {seed}, {arch}: {inherited} {tuned} {own}", flush=True)

    tasks = []
    for seed in options.seeds:
        folder = options.work / f"seed{seed}"
        steps = alone_config(folder / "supernet", folder / "alone.json")
        found = frontier("search", "--checkpoint", folder / "supernet", "--searcher", "nsga2", "--max-macs", BUDGETS, "--budget", 600, "--generation", 25, "--seed", seed,
                         "--db", folder / "frontier.db", "--resume")
        tasks += [(seed, folder, steps, item["max_macs"], item["best"]) for item in found["results"]]
    with concurrent.futures.ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:  # one network a core
        list(pool.map(measure, tasks))
    print("\n| budget | seed | MACs | inherited, test | fine-tuned | from scratch | share of the gap closed | search split: inherited, fine-tuned |\n|---|---|---|---|---|---|---|---|")
    for budget, seed, macs, inherited, tuned, own in sorted(rows, key=lambda row: row[:2]):
        gap = own["test"] - inherited["test"]
        closed = f"{(tuned['test'] - inherited['test']) / gap:.2f}" if gap else "-"
        print(f"| {budget / 1e6:g} M | {seed} | {macs / 1e6:.2f} M | {100 * inherited['test']:.2f} % | {100 * tuned['test']:.2f} % | {100 * own['test']:.2f} % | {closed} | "
              f"{100 * inherited['search']:.2f} %, {100 * tuned['search']:.2f} % |")
    for budget in sorted({row[0] for row in rows}) + [None]:
        chosen = [row for row in rows if budget is None or row[0] == budget]
        means = [statistics.mean(row[k]["test"] for row in chosen) for k in (3, 4, 5)]
        share = (means[1] - means[0]) / (means[2] - means[0]) if means[2] != means[0] else float("nan")
        print(f"| {'all' if budget is None else f'{budget / 1e6:g} M'} | mean | | {100 * means[0]:.2f} % | {100 * means[1]:.2f} % | {100 * means[2]:.2f} % | {share:.2f} | |")


def scratch(options):
    options.work.mkdir(parents=True, exist_ok=True)
    alone = options.work / "config.json"
    steps = alone_config(options.checkpoint, alone)
    run = json.loads((options.checkpoint / "run.json").read_text())
    db = options.work / "frontier.db"
    space = frontier("spaces", run["config"]["space"])
    archs = [space["cheapest"]]
    for quarter in (1, 2, 3):
        limit = space["macs"]["min"] + (space["macs"]["max"] - space["macs"]["min"]) * quarter // 5
        drawn = frontier("search", "--checkpoint", options.checkpoint, "--searcher", "random", "--max-macs", limit, "--budget", 1, "--seed", quarter, "--db", db, "--resume")
        archs.append(drawn["results"][0]["best"]["arch"])
    archs.append(space["dearest"])
    def measure(arch):
        inherited = frontier("evaluate", "--checkpoint", options.checkpoint, "--arch", arch, "--split", "test", "--db", db, "--threads", 1)["results"][0]
        stored = options.work / (arch.replace(" ", "").replace("|", "_").replace(":", "-") + ".json")
        if not stored.exists():
            stored.write_text(json.dumps(frontier("evaluate", "--evaluator", "scratch", "--config", alone, "--arch", arch, "--db", db, "--threads", 1)))
        own = next(item for item in json.loads(stored.read_text())["results"] if item["split"] == "test")
        print(f"trained {arch}", flush=True)
        return f"| `{arch}` | {inherited['macs'] / 1e6:.2f} M | {100 * inherited['metrics']['top1']:.2f} % | {100 * own['metrics']['top1']:.2f} % |"

    with concurrent.futures.ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:  # one network a core; the longest first
        rows = list(pool.map(measure, reversed(archs)))
    print(f"\n{steps} steps each\n\n| subnet | MACs | inherited, test | from scratch, test |\n|---|---|---|---|")
    print(*reversed(rows), sep="\n")


def main():
    parser = argparse.ArgumentParser()
    commands = parser.add_subparsers(required=True)
    several = commands.add_parser("seeds")
    several.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    several.add_argument("--config", type=pathlib.Path, default=ROOT / "examples/quickstart.json", help="another training, in a DIR of its own")
    several.set_defaults(run=seeds)
    fixed = commands.add_parser("subnets")
    fixed.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    fixed.add_argument("--archs", type=pathlib.Path, help="a file with one subnet a line (default: drawn once, into DIR/subnets.txt)")
    fixed.set_defaults(run=subnets)
    tuned = commands.add_parser("tune")
    tuned.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    tuned.add_argument("--set", nargs="*", default=["trainer.lr=0.2"], help="settings of the fine-tuning")
    tuned.add_argument("--name", default="tuned", help="of what is kept, so that other settings are tried beside it")
    tuned.add_argument("--own", action=argparse.BooleanOptionalAction, default=True, help="train the networks from scratch, too")
    tuned.set_defaults(run=tune)
    own = commands.add_parser("scratch")
    own.add_argument("--checkpoint", type=pathlib.Path, default=ROOT / "quickstart/supernet")
    own.set_defaults(run=scratch)
    for command in (several, fixed, tuned, own):
        command.add_argument("--program", default=PROGRAM)
        command.add_argument("--work", type=pathlib.Path, default=ROOT / "build/main_job")
    options = parser.parse_args()
    global program
    program = options.program
    options.run(options)


if __name__ == "__main__":
    main()
