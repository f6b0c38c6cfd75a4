#!/usr/bin/env python3
"""How supernets of NAS-Bench-201 rank its networks, by sampler: inherited accuracies against the table's.

usage: benchmarks/nb201_supernet.py DATA --images-path DIR [--samplers uniform fair ...] [--steps 2000] [--seeds 0 1 2] [--networks 500] [--work DIR]

DATA is a folder with nb201.csv.gz, which is imported into the working folder once; DIR holds images in CIFAR-10's binary layout (data_batch_*.bin with test_batch.bin, or one train*.bin and one test*.bin,
plain or gzip). A sampler may have settings: `uniform:subnets_per_step=4`, `sandwich:random_subnets=2,distill=inplace`; `--set` is passed on to every training.

All supernets see equally many images of the same training set and are asked about the same networks, drawn uniformly from the table's distinct ones, on all test images, with batch norm recalibrated on training images. Kendall's tau is against
the table's CIFAR-10 accuracies after 200 epochs, over all networks and among the hundred best; multiply-accumulates and parameters, which cost no training, rank them beside it. A seed is one supernet (weights, sampling, order of
the images). Python's standard library only; what is already in the working folder is not done again.
"""
import argparse
import concurrent.futures
import csv
import gzip
import json
import os
import pathlib
import random
import re
import statistics

from program import PROGRAM, ROOT, answer
from supernet_ranking import kendall_tau, spread

SAMPLERS = ["uniform", "uniform:subnets_per_step=4", "fair", "sandwich", "sandwich:distill=inplace", "cost_bins", "shiftnas", "pc_darts", "gdas"]
LEARNS_BRANCHES = {"darts", "pc_darts", "gdas", "drnas"}


class Measured:
    """Supernets of one sampler with its settings."""

    def __init__(self, text):
        self.text = text
        self.name, _, settings = text.partition(":")
        self.settings = [f"sampler.{setting}" for setting in settings.split(",") if setting]
        if self.name in LEARNS_BRANCHES:
            self.settings.append("arch_fraction=0.5")
        if self.name == "shiftnas":
            self.settings.append("held_out_fraction=0.1")
        self.folder = re.sub(r"[^A-Za-z0-9_]+", "-", text)
        self.found = []  # by seed: what measure() gives


def frontier(options, *arguments):
    return answer(options.frontier, *arguments, "--threads", options.threads, "--device", options.device, "--quiet")


def sample(options):
    """Networks of the table, one for each that is told apart from the others."""
    with gzip.open(options.data / "nb201.csv.gz", "rt") as file:
        first = {row["iso_class"]: row["arch"] for row in reversed(list(csv.DictReader(file)))}
    return random.Random(0).sample(sorted(first.values()), options.networks)


def table_of(options, networks):
    """What the table says of the networks."""
    db = options.work / "table.db"
    if not db.exists():
        answer(options.frontier, "import", options.data / "nb201.csv.gz", "--space", "nas_bench_201", "--map", ROOT / "benchmarks/maps/nb201.json", "--db", db, "--quiet")
    found = answer(options.frontier, "evaluate", "--evaluator", "benchmark", "--space", "nas_bench_201", "--dataset", "cifar10", "--split", "test", "--fidelity", "200 epochs", "--archs", networks, "--db", db, "--quiet")["results"]
    return {"top1": [item["metrics"]["top1"] for item in found], "macs": [item["macs"] for item in found], "params": [item["params"] for item in found]}


def measure(options, networks, measured, seed):
    """Trains one supernet; gives its networks' scores by top1 and by loss, higher is better, and the seconds of its training."""
    space = re.sub(r"[^A-Za-z0-9_]+", "-", options.space)
    folder = options.work / f"{space}-{measured.folder}-{options.steps}x{options.batch_size}-seed{seed}"
    folder.mkdir(parents=True, exist_ok=True)
    db = ["--db", folder / "frontier.db"]
    settings = ["trainer.warmup_steps=" + str(options.steps // 20), f"trainer.lr={options.lr}", "loader.flip=true", "loader.pad=4", "final_random_subnets=0", *measured.settings, *options.set]
    arguments = ["--space", options.space, "--sampler", measured.name, "--data", "cifar10", "--data-path", options.images_path, "--steps", options.steps, "--batch-size", options.batch_size, "--seed", seed]
    for setting in settings:
        arguments += ["--set", setting]
    trained = frontier(options, "train", *arguments, "--out", folder / "supernet", "--resume", *db)
    print(f"{measured.text}, seed {seed}: trained in {trained['seconds']:.0f} s", flush=True)
    scores = folder / f"scores-{options.networks}.json"
    if not scores.exists():
        found = frontier(options, "evaluate", "--checkpoint", folder / "supernet", "--archs", networks, "--split", "test", "--set", f"evaluation.images={options.test_images}",
                         "--set", f"evaluation.calibration_images={options.calibration_images}", "--set", "evaluation.population=100", *db)["results"]
        scores.write_text(json.dumps({"top1": [item["metrics"]["top1"] for item in found], "loss": [-item["metrics"]["loss"] for item in found]}))
        print(f"{measured.text}, seed {seed}: measured {len(found)} networks", flush=True)
    return {"seconds": trained["seconds"], **json.loads(scores.read_text())}


def tau(scores, truth):
    """Kendall's tau-b; 0 for scores that are all equal, which say nothing."""
    return kendall_tau(scores, truth) if len(set(scores)) > 1 else 0.0


def report(options, truth, all_measured):
    hundred = sorted(range(len(truth["top1"])), key=lambda i: -truth["top1"][i])[:100]

    def columns(scores):
        taus = [tau(score, truth["top1"]) for score in scores]
        best = [tau([score[i] for i in hundred], [truth["top1"][i] for i in hundred]) for score in scores]
        ten = [100 * statistics.mean(truth["top1"][i] for i in sorted(range(len(score)), key=lambda i: -score[i])[:10]) for score in scores]
        return f"{spread(taus)} | {spread(best)} | {spread(ten)} %"

    low, high = 100 * min(truth["top1"]), 100 * max(truth["top1"])
    print(f"\n{options.networks} networks, supernets of {options.space}, {options.steps} steps of {options.batch_size} images, {len(options.seeds)} seeds (mean +- standard deviation). Accuracies of the table: {low:.2f} to {high:.2f} %.\n")
    print("| ranked by | Kendall tau against the table | among the table's best 100 | table's accuracy of its best ten | worst to best | seconds a training |\n|---|---|---|---|---|---|")
    for measured in all_measured:
        for metric in ("top1", "loss"):
            scores = [found[metric] for found in measured.found]
            ends = [min(map(min, scores)), max(map(max, scores))]
            ends = f"{100 * ends[0]:.1f} % to {100 * ends[1]:.1f} %" if metric == "top1" else f"{-ends[0]:.2f} to {-ends[1]:.2f}"
            print(f"| `{measured.text}`, {metric} | {columns(scores)} | {ends} | {statistics.mean(found['seconds'] for found in measured.found):.0f} |")
    for name, text in (("macs", "multiply-accumulates"), ("params", "parameters")):
        print(f"| {text} | {columns([truth[name]])} | | |")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=pathlib.Path)
    parser.add_argument("--images-path", type=lambda path: pathlib.Path(path).resolve(), required=True)
    parser.add_argument("--samplers", nargs="+", default=SAMPLERS)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--networks", type=int, default=500)
    parser.add_argument("--space", default="nas_bench_201", help="the supernet's, e.g. 'nas_bench_201(cells=1)'; the table's networks have five cells a stage")
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--lr", type=float, default=0.05)
    parser.add_argument("--test-images", type=int, default=1000)
    parser.add_argument("--calibration-images", type=int, default=512)
    parser.add_argument("--set", action="append", default=[], help="a setting of every training, e.g. trainer.lr_end=0.001")
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    parser.add_argument("--jobs", type=int, default=len(os.sched_getaffinity(0)), help="trainings at a time")
    parser.add_argument("--threads", type=int, default=1, help="threads of each")
    parser.add_argument("--frontier", default=PROGRAM)
    parser.add_argument("--work", type=pathlib.Path, default=ROOT / "build/nb201_supernet")
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    networks = options.work / f"networks-{options.networks}.txt"
    networks.write_text("".join(arch + "\n" for arch in sample(options)))
    truth = table_of(options, networks)
    all_measured = [Measured(text) for text in options.samplers]
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        waiting = [[pool.submit(measure, options, networks, measured, seed) for seed in options.seeds] for measured in all_measured]
        for measured, results in zip(all_measured, waiting):
            measured.found = [result.result() for result in results]
    report(options, truth, all_measured)


if __name__ == "__main__":
    main()
