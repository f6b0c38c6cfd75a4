#!/usr/bin/env python3
"""How a supernet ranks the networks of NAS-Bench-Macro: by inherited weights, against the table's accuracies. Figures of docs/results.md.

usage: benchmarks/supernet_ranking.py TABLE.csv[.gz] [--data fashion_mnist] [--seeds 0 1 2] [--steps 3000] [--networks 500] [--work DIR]
       benchmarks/supernet_ranking.py TABLE.csv[.gz] --data cifar10 --data-path DIR --images 1000 ...

TABLE has the columns arch, acc_seed0, acc_seed1, acc_seed2, mean_acc, params and flops. A seed is one supernet (weights, sampling, order of the data); all are asked about the same
networks, drawn uniformly from the table, on the first test images, with batch norm recalibrated on training images. They are ranked by accuracy and by loss. Multiply-accumulates and parameters, which cost no training, rank them beside it, and
the table's own trainings each other. Half an hour a seed and core. Python's standard library only; what is already in DIR is not done again.
"""
import argparse
import concurrent.futures
import csv
import gzip
import os
import pathlib
import random
import statistics
import sys

from program import PROGRAM, ROOT, answer

PADDING = {"cifar10": 4, "fashion_mnist": 2}  # pixels that training images are shifted by at most


def kendall_tau(x, y):
    """Kendall's tau-b of two lists: pairs in the same order less pairs in the opposite one, over pairs, corrected for ties."""
    balance = in_x = in_y = 0
    for i in range(len(x)):
        for j in range(i):
            a = (x[i] > x[j]) - (x[i] < x[j])
            b = (y[i] > y[j]) - (y[i] < y[j])
            balance += a * b
            in_x += a != 0
            in_y += b != 0
    if in_x == 0 or in_y == 0:
        sys.exit("a ranking in which all are equal has no correlation")
    return balance / (in_x * in_y) ** 0.5


def read_table(path):
    opened = gzip.open(path, "rt") if path.suffix == ".gz" else open(path)
    with opened as file:
        return [{key: value if key == "arch" else float(value) for key, value in row.items()} for row in csv.DictReader(file)]


def frontier(options, *arguments):
    return answer(options.frontier, *arguments, "--threads", options.threads, "--db", options.work / "frontier.db", "--quiet")


def measure(options, seed, archs):
    """Trains one supernet; gives its networks' scores by top1 and by loss, higher is better."""
    checkpoint = options.work / f"{options.data}-{options.steps}-seed{seed}"
    arguments = ["--space", "nas_bench_macro", "--data", options.data, "--steps", options.steps, "--batch-size", options.batch_size, "--seed", seed]
    if options.data_path:
        arguments += ["--data-path", options.data_path]
    for setting in ("trainer.warmup_steps=100", "loader.flip=true", f"loader.pad={PADDING[options.data]}"):
        arguments += ["--set", setting]
    trained = frontier(options, "train", *arguments, "--out", checkpoint, "--resume")
    print(f"seed {seed}: trained {options.steps} steps in {trained['seconds']:.0f} s", flush=True)
    found = frontier(options, "evaluate", "--checkpoint", checkpoint, "--archs", options.work / "networks.txt", "--split", "test", "--set", f"evaluation.images={options.images}",
                     "--set", f"evaluation.calibration_images={options.calibration_images}", "--set", "evaluation.population=100")["results"]
    metrics = {item["arch"]: item["metrics"] for item in found}
    print(f"seed {seed}: measured {len(metrics)} networks", flush=True)
    return {"top1": [metrics[arch]["top1"] for arch in archs], "loss": [-metrics[arch]["loss"] for arch in archs]}


def spread(values):
    return f"{statistics.mean(values):.3f}" + (f" +- {statistics.stdev(values):.3f}" if len(values) > 1 else "")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("table", type=pathlib.Path)
    parser.add_argument("--data", default="fashion_mnist", choices=PADDING)
    parser.add_argument("--data-path", type=lambda path: pathlib.Path(path).resolve())
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--networks", type=int, default=500)
    parser.add_argument("--steps", type=int, default=3000)
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--images", type=int, default=2000, help="test images")
    parser.add_argument("--calibration-images", type=int, default=512)
    parser.add_argument("--jobs", type=int, default=len(os.sched_getaffinity(0)), help="seeds at a time")
    parser.add_argument("--threads", type=int, default=1, help="threads of each")
    parser.add_argument("--frontier", default=PROGRAM)
    parser.add_argument("--work", type=pathlib.Path, default=ROOT / "build/supernet_ranking")
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)

    rows = random.Random(0).sample(read_table(options.table), options.networks)
    archs = [row["arch"] for row in rows]
    truth = [row["mean_acc"] for row in rows]
    (options.work / "networks.txt").write_text("".join(arch + "\n" for arch in archs))
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        inherited = list(pool.map(lambda seed: measure(options, seed, archs), options.seeds))

    best = max(truth)

    hundred = sorted(range(len(truth)), key=lambda i: -truth[i])[:100]

    def taus_of(scores):
        """Over all networks, and over the hundred that are best by the table."""
        return kendall_tau(scores, truth), kendall_tau([scores[i] for i in hundred], [truth[i] for i in hundred])

    def of_best_ten(scores):
        order = sorted(range(len(scores)), key=lambda i: -scores[i])[:10]
        return statistics.mean(truth[i] for i in order)

    print(f"\n{options.networks} networks, {options.steps} steps of {options.batch_size} images of {options.data}, {options.images} test images. Accuracies of the table: {min(truth):.2f} to {best:.2f} %.\n")
    print("| ranked by | Kendall tau against the table | among the table's best 100 | table's accuracy of its best ten | worst to best |\n|---|---|---|---|---|")
    for metric in ("top1", "loss"):
        scores = [seed[metric] for seed in inherited]
        taus = [taus_of(score) for score in scores]
        for seed, score, (tau, tau_best) in zip(options.seeds, scores, taus):
            low, high = (f"{100 * value:.1f} %" if metric == "top1" else f"{abs(value):.2f}" for value in (min(score), max(score)))
            print(f"| inherited {metric}, seed {seed} | {tau:.3f} | {tau_best:.3f} | {of_best_ten(score):.2f} % | {low} to {high} |")
        print(f"| inherited {metric}, mean and standard deviation | {spread([tau for tau, _ in taus])} | {spread([tau for _, tau in taus])} | {spread([of_best_ten(score) for score in scores])} % | |")
        mean = [statistics.mean(values) for values in zip(*scores)]
        print(f"| inherited {metric}, mean of the supernets | {taus_of(mean)[0]:.3f} | {taus_of(mean)[1]:.3f} | {of_best_ten(mean):.2f} % | |")
        if len(scores) > 1:
            print(f"| inherited {metric}, one supernet against another | {spread([kendall_tau(scores[i], scores[j]) for i in range(len(scores)) for j in range(i)])} | | | |")
    for name, column in (("multiply-accumulates", "flops"), ("parameters", "params")):
        cost = [row[column] for row in rows]
        print(f"| {name} | {taus_of(cost)[0]:.3f} | {taus_of(cost)[1]:.3f} | {of_best_ten(cost):.2f} % | |")
    own = [[row[f"acc_seed{k}"] for row in rows] for k in range(3)]
    between = [kendall_tau(own[i], own[j]) for i in range(3) for j in range(i)]
    print(f"| one training of the table against another | {spread(between)} | | | |")


if __name__ == "__main__":
    main()
