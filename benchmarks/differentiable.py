#!/usr/bin/env python3
"""Searches by gradient in DARTS' cells and in NAS-Bench-201: what each method derives, and what it is worth. Figures of docs/results.md.

usage: benchmarks/differentiable.py search   [--sets regular no_skip single nas_bench_201] [--arms darts pc_darts ...] [--seeds 0 1 2] [--work DIR]
       benchmarks/differentiable.py retrain  [--sets ...] [--random 20] [--work DIR]       what `search` derived, and random cells of equal cost, trained alike with each recipe
       benchmarks/differentiable.py table    --nb201 nb201.csv.gz [--work DIR]             the places of NAS-Bench-201's derived cells in its table
       benchmarks/differentiable.py report   [--work DIR]                                  everything that is there, as tables

Sets are the operation sets of DARTS-Bench-Suite in small: regular (8 operations), no_skip (without skip_connect), single (one reduction cell of eight nodes). Recipes are its second, fifth and eighth: learning rate 0.025, 0.1, 0.01 at a weight decay of 3e-4.
Searches and trainings are independent of each other: --jobs of them run at a time, --threads each. What is in DIR is not done again. Python's standard library only.
"""
import argparse
import concurrent.futures
import csv
import gzip
import json
import os
import pathlib
import re
import sqlite3
import statistics
import struct
import subprocess
import sys

from program import PROGRAM, ROOT, answer

SETS = ("regular", "no_skip", "single", "nas_bench_201")
# Sampler, its settings, and the K of the space's partial channels.
ARMS = {
    "darts": ("darts", {}, 1),
    "pc_darts": ("pc_darts", {}, 4),
    "pc_darts, no warm-up": ("pc_darts", {"warmup_share": 0}, 4),
    "pc_darts, no edge weights": ("pc_darts", {"edge_normalisation": "false"}, 4),
    "pc_darts, all channels": ("pc_darts", {}, 1),
    "gdas": ("gdas", {}, 1),
    "drnas": ("drnas", {"warmup_share": 0.2}, 1),
}
RECIPES = {"lr 0.025": 0.025, "lr 0.1": 0.1, "lr 0.01": 0.01}
FREE = ("skip_connect", "max_pool_3x3", "avg_pool_3x3", "none")  # operations without weights


def space_of(options, name, searched, partial=1):
    if name == "nas_bench_201":
        space, arguments = name, [f"cells={options.nb201_cells}"]
    else:
        cells, channels = (1, 2 * options.channels) if name == "single" else (options.cells, options.channels)
        space, arguments = "darts", [f"cells={cells}", f"channels={channels}", "search=true" if searched else "auxiliary_weight=0"]
    arguments += {"no_skip": ["operations=no_skip"], "single": ["nodes=8"]}.get(name, [])
    if searched and partial > 1:
        arguments.append(f"partial={partial}")
    return f"{space}({','.join(arguments)})"


def halved(options):
    """A folder with the images of Fashion-MNIST at half their side, means of two by two pixels: a quarter of the cost."""
    folder = options.work / "half"
    if (folder / "complete").exists():
        return folder
    folder.mkdir(exist_ok=True)
    source = pathlib.Path(options.data_path or "/usr/share/datasets/fashion-mnist")
    for name in ("train", "t10k"):
        images = gzip.decompress((source / f"{name}-images-idx3-ubyte.gz").read_bytes())
        magic, count, height, width = struct.unpack(">IIII", images[:16])
        side = width // 2
        across = [left + right for left, right in zip(images[16::2], images[17::2])]
        rows = [across[at : at + side] for at in range(0, len(across), side)]
        small = bytes((above + below + 2) // 4 for upper, lower in zip(rows[0::2], rows[1::2]) for above, below in zip(upper, lower))
        (folder / f"{name}-images-idx3-ubyte").write_bytes(struct.pack(">IIII", magic, count, height // 2, side) + small)
        (folder / f"{name}-labels-idx1-ubyte").write_bytes(gzip.decompress((source / f"{name}-labels-idx1-ubyte.gz").read_bytes()))
    (folder / "complete").touch()
    return folder


def data_of(options, group):
    if group == "nas_bench_201" and options.cifar10:
        chosen = ["cifar10", "--data-path", options.cifar10]
    elif options.half:
        chosen = [halved(options)]
    else:
        chosen = [options.data] + (["--data-path", options.data_path] if options.data_path else [])
    return ["--data", *chosen] + [x for s in options.data_settings for x in ("--set", s)]


def run(options, job):
    """One job: a name and the arguments of the program; its answer is kept in a file."""
    name, arguments = job
    path = options.work / (re.sub(r"[^a-z0-9_.]+", "-", name.lower()) + ".json")
    if path.exists():
        return json.loads(path.read_text())
    command = [str(options.frontier), *map(str, arguments), "--threads", str(options.threads), "--device", options.device, "--quiet", "--json"]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if done.returncode:
        print(f"{name} failed: {done.stderr.strip()[-500:]}", file=sys.stderr, flush=True)
        return None
    found = json.loads(done.stdout)
    path.write_text(json.dumps(found))
    print(f"{name}: done", flush=True)
    return found


def run_all(options, jobs):
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        return list(pool.map(lambda job: run(options, job), jobs))


def curve_of(database, name):
    """A curve of the only run of a database, as [step, value] pairs."""
    rows = sqlite3.connect(database).execute("SELECT step, value FROM curves WHERE name = ? ORDER BY step", [name]).fetchall()
    return [list(row) for row in rows]


def search_jobs(options):
    for group in options.sets:
        for arm in options.arms:
            sampler, settings, partial = ARMS[arm]
            for seed in options.seeds:
                name = f"search {group} {arm} {seed}"
                folder = options.work / re.sub(r"[^a-z0-9_]+", "-", name)
                arguments = ["train", "--space", space_of(options, group, True, partial), "--sampler", sampler, *data_of(options, group), "--steps", options.steps,
                             "--batch-size", options.batch_size, "--seed", seed, "--out", folder, "--db", f"{folder}.db", "--overwrite"]
                rate = 0.3 if sampler == "gdas" else 1  # one draw a step: its logits' gradients are large
                wanted = {"arch_fraction": 0.5, "trainer.lr": options.lr, "trainer.optimizer.nesterov": "false", "trainer.optimizer.weight_decay": 3e-4, "trainer.label_smoothing": 0,
                          "trainer.clip_norm": 5, "final_random_subnets": 0, "sampler.lr": options.arch_lr * rate, "checkpoint_seconds": 100000}
                wanted |= {f"sampler.{key}": value for key, value in settings.items()}
                for key, value in wanted.items():
                    arguments += ["--set", f"{key}={value}"]
                yield group, arm, seed, f"{folder}.db", (name, arguments)


def search(options):
    planned = list(search_jobs(options))
    found = run_all(options, [job for *_, job in planned])
    summary = []
    for (group, arm, seed, database, _), document in zip(planned, found):
        if document is None:
            continue
        skips = curve_of(database, "sampler/share/skip_connect") if pathlib.Path(database).exists() else []
        summary.append({"set": group, "arm": arm, "seed": seed, "derived": document["derived"], "seconds": document["seconds"], "skip_share": skips,
                        "entropy": curve_of(database, "sampler/entropy") if pathlib.Path(database).exists() else []})
    (options.work / "searches.json").write_text(json.dumps({"steps": options.steps, "batch": options.batch_size, "device": options.device, "searches": summary}))


def read_searches(options):
    return json.loads((options.work / "searches.json").read_text())["searches"]


def retrain(options):
    """Derived cells of DARTS' sets and random cells within 10 % of the mean of their multiply-accumulates."""
    jobs, cells = [], []
    for group in options.sets:
        if group == "nas_bench_201":
            continue
        space = space_of(options, group, False)
        derived = [(s["arm"], s["seed"], s["derived"]) for s in read_searches(options) if s["set"] == group and s["arm"] in options.arms]
        if not derived:
            continue
        priced = answer(options.frontier, "cost", *dict.fromkeys(arch for _, _, arch in derived), "--space", space, "--input", options.input)["results"]
        middle = statistics.mean(item["macs"] for item in priced)
        drawn = answer(options.frontier, "spaces", space, "--input", options.input, "--draw", options.random, "--min-macs", int(0.9 * middle), "--max-macs", int(1.1 * middle), "--seed", 7)["results"]
        cells += [(group, space, arm, seed, arch) for arm, seed, arch in derived] + [(group, space, "random", i, item["arch"]) for i, item in enumerate(drawn)]
    for group, space, arm, seed, arch in cells:
        for recipe in options.recipes:
            folder = options.work / re.sub(r"[^a-z0-9_]+", "-", f"train {group} {arm} {seed} {recipe}")
            arguments = ["evaluate", arch, "--evaluator", "scratch", "--space", space, *data_of(options, group), "--steps", options.retrain_steps, "--batch-size", options.batch_size, "--seed", 0,
                         "--split", "test", "--db", f"{folder}.db"]
            wanted = {"trainer.lr": RECIPES[recipe], "trainer.optimizer.nesterov": "false", "trainer.optimizer.weight_decay": 3e-4, "trainer.label_smoothing": 0, "trainer.clip_norm": 5,
                      "trainer.drop_path": options.drop_path}
            for key, value in wanted.items():
                arguments += ["--set", f"{key}={value}"]
            jobs.append((f"train {group} {arm} {seed} {recipe}", arguments))
    found = run_all(options, jobs)
    rows, at = [], 0
    for group, _, arm, seed, arch in cells:
        for recipe in options.recipes:
            document, at = found[at], at + 1
            if document is None:
                continue
            metrics = {item["split"]: item["metrics"]["top1"] for item in document["results"]}
            rows.append({"set": group, "arm": arm, "seed": seed, "recipe": recipe, "arch": arch, "top1": metrics.get("test", next(iter(metrics.values())))})
    (options.work / "trainings.json").write_text(json.dumps({"steps": options.retrain_steps, "rows": rows}))


def mean_text(values, digits=2, scale=100):
    if not values:
        return ""
    spread = f" ({scale * statistics.stdev(values):.{digits}f})" if len(values) > 1 else ""
    return f"{scale * statistics.mean(values):.{digits}f}{spread}"


def operations_of(arch):
    return re.findall(r"[a-z_]+_\dx\d|skip_connect|none", arch)


def report(options):
    searches = read_searches(options)
    trainings = json.loads((options.work / "trainings.json").read_text())["rows"] if (options.work / "trainings.json").exists() else []
    print("| set | arm | seeds | skip connections in the derived cells | without weights | share of skip_connect: start, middle, end | seconds |")
    print("|---|---|---|---|---|---|---|")
    for group in SETS:
        for arm in ARMS:
            own = [s for s in searches if s["set"] == group and s["arm"] == arm]
            if not own:
                continue
            skips = [operations_of(s["derived"]).count("skip_connect") for s in own]
            free = [sum(op in FREE for op in operations_of(s["derived"])) for s in own]
            curves = [s["skip_share"] for s in own if s["skip_share"]]
            shares = ", ".join(f"{statistics.mean(c[at][1] for c in curves):.3f}" for at in (0, len(curves[0]) // 2, -1)) if curves else ""
            print(f"| {group} | {arm} | {len(own)} | {', '.join(map(str, skips))} | {', '.join(map(str, free))} of {len(operations_of(own[0]['derived']))} | {shares} | "
                  f"{statistics.mean(s['seconds'] for s in own):.0f} |")
    if trainings:
        recipes = list(dict.fromkeys(row["recipe"] for row in trainings))
        print("\n| set | arm | cells | " + " | ".join(recipes) + " | mean | best | rank of its mean among random cells |\n" + "|---" * (len(recipes) + 6) + "|")
        for group in SETS:
            by_cell = {}
            for row in trainings:
                if row["set"] == group:
                    by_cell.setdefault((row["arm"], row["seed"]), {})[row["recipe"]] = row["top1"]
            means = {cell: statistics.mean(values.values()) for cell, values in by_cell.items()}
            of_random = sorted((mean for (arm, _), mean in means.items() if arm == "random"), reverse=True)
            for arm in [*ARMS, "random"]:
                cells = [cell for cell in by_cell if cell[0] == arm]
                if not cells:
                    continue
                columns = [mean_text([by_cell[cell][recipe] for cell in cells if recipe in by_cell[cell]]) for recipe in recipes]
                ranks = ", ".join(str(1 + sum(other > means[cell] for other in of_random)) for cell in cells) if arm != "random" else ""
                best = max(max(by_cell[cell].values()) for cell in cells)
                print(f"| {group} | {arm} | {len(cells)} | {' | '.join(columns)} | {mean_text([means[cell] for cell in cells])} | {100 * best:.2f} | {ranks + (f' of {len(of_random) + 1}' if ranks else '')} |")


def table(options):
    """Where the derived cells of NAS-Bench-201 stand among all 15,625 by test accuracy after 200 epochs."""
    with gzip.open(options.nb201, "rt") as file:
        rows = {row["arch"]: row for row in csv.DictReader(file)}
    column = "c10_test_200"
    ranked = sorted(float(row[column]) for row in rows.values())
    searches = [s for s in read_searches(options) if s["set"] == "nas_bench_201"]
    print("| arm | test accuracy of the derived cells, CIFAR-10 | better than so many of all cells | skip connections |\n|---|---|---|---|")
    for arm in ARMS:
        own = [s for s in searches if s["arm"] == arm]
        if not own:
            continue
        values = [float(rows[s["derived"]][column]) for s in own]
        places = [sum(v < value for v in ranked) / len(ranked) for value in values]
        skips = [operations_of(s["derived"].replace("nor_conv_", "conv_")).count("skip_connect") for s in own]
        print(f"| {arm} | {', '.join(f'{v:.2f} %' for v in values)}: {statistics.mean(values):.2f} % | {', '.join(f'{100 * p:.1f} %' for p in places)} | {', '.join(map(str, skips))} |")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["search", "retrain", "table", "report"])
    parser.add_argument("--sets", nargs="+", choices=SETS, default=list(SETS))
    parser.add_argument("--arms", nargs="+", choices=ARMS, default=list(ARMS))
    parser.add_argument("--recipes", nargs="+", choices=RECIPES, default=list(RECIPES))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--data", default="fashion_mnist")
    parser.add_argument("--data-path")
    parser.add_argument("--data-settings", nargs="*", default=[], help="further settings, such as data.train_size=20000")
    parser.add_argument("--half", action="store_true", help="Fashion-MNIST at 14x14, a quarter of the cost")
    parser.add_argument("--cifar10", type=lambda path: pathlib.Path(path).resolve(), help="folder with CIFAR-10's files, on which the set nas_bench_201 searches")
    parser.add_argument("--cells", type=int, default=4, help="of the sets regular and no_skip")
    parser.add_argument("--channels", type=int, default=8, help="of the same; single has twice as many")
    parser.add_argument("--nb201-cells", type=int, default=5, help="of a stage, while nas_bench_201 is searched")
    parser.add_argument("--input", default="1x28x28", help="of the data, for costs")
    parser.add_argument("--steps", type=int, default=600)
    parser.add_argument("--retrain-steps", type=int, default=600)
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--lr", type=float, default=0.05, help="of the weights in a search")
    parser.add_argument("--arch-lr", type=float, default=6e-3, help="of the logits")
    parser.add_argument("--drop-path", type=float, default=0.1, help="of the trainings")
    parser.add_argument("--random", type=int, default=20)
    parser.add_argument("--nb201", type=pathlib.Path)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--jobs", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--frontier", default=PROGRAM)
    parser.add_argument("--work", type=pathlib.Path, default=ROOT / "build/differentiable")
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    if options.half:
        options.input = "1x14x14"
    {"search": search, "retrain": retrain, "table": table, "report": report}[options.what](options)


if __name__ == "__main__":
    main()
