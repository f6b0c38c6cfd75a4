#!/usr/bin/env python3
"""What ShiftNAS' generator is worth when a supernet is deployed: the subnet that it gives for a cost, without a search, beside what searches of the same supernet find. Figures of docs/results.md.

usage: benchmarks/deployment.py [--space mobile_cnn] [--data fashion_mnist] [--budgets 400000 1000000 ...] [--steps 6000] [--seeds 0 1 2] [--set NAME=VALUE ...] [--work DIR]

A seed is a supernet trained by the sampler shiftnas, its searches have the same seed. Under each budget: the subnet that the generator takes for likeliest (one evaluation, which tells its accuracy and chooses nothing),
the best of 20 of its draws, the best of 20 uniform draws, and what NSGA-II finds in 500 evaluations. Subnets are chosen on the search split and reported on the test images. What sampling the right subnet costs in milliseconds is
what build/release/benchmarks/supernet/deploy_bench measures. Python's standard library only; what is already in DIR is not done again.
"""
import argparse
import pathlib
import statistics

from program import PROGRAM, ROOT, answer

ARMS = {"generator": ("shiftnas", 1), "generator, best of 20": ("shiftnas", 20), "random, best of 20": ("random", 20), "NSGA-II, 500": ("nsga2", 500)}


def train(options, seed, out):
    given = ["sampler.cost_weight=30", "held_out_fraction=0.05", "final_random_subnets=0", *options.set]
    arguments = [argument for setting in given for argument in ("--set", setting)]
    answer(options.frontier, "train", "--space", options.space, "--data", options.data, "--sampler", "shiftnas", "--steps", options.steps, "--batch-size", options.batch_size, "--seed", seed, *arguments,
           "--out", out, "--db", options.work / "frontier.db", "--threads", options.threads, "--device", options.device, "--resume")


def search(options, seed, supernet, budget, searcher, evaluations):
    objectives = ["--objectives", "top1:max"] if searcher != "nsga2" else []
    found = answer(options.frontier, "search", "--checkpoint", supernet, "--searcher", searcher, "--max-macs", budget, "--budget", evaluations, "--generation", min(evaluations, 25), "--seed", seed, *objectives,
                   "--db", options.work / "frontier.db", "--threads", options.threads, "--device", options.device, "--quiet", "--resume")
    return found["results"][0]["best"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--space", default="mobile_cnn")
    parser.add_argument("--data", default="fashion_mnist")
    parser.add_argument("--budgets", type=int, nargs="+", default=[400_000, 1_000_000, 2_000_000, 3_000_000, 5_000_000])
    parser.add_argument("--steps", type=int, default=6000)
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--set", action="append", default=[], help="a setting of every training, e.g. sampler.shifts=50")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--frontier", default=PROGRAM)
    parser.add_argument("--work", type=pathlib.Path, default=ROOT / "build/deployment")
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    tops = {(budget, arm): [] for budget in options.budgets for arm in ARMS}
    costs = {key: [] for key in tops}
    for seed in options.seeds:
        supernet = options.work / f"seed{seed}"
        train(options, seed, supernet)
        for budget, arm in tops:
            best = search(options, seed, supernet, budget, *ARMS[arm])
            tops[budget, arm].append(100 * best["test_metrics"]["top1"])
            costs[budget, arm].append(best["macs"] / budget)
        print(f"seed {seed} is done", flush=True)
    print(f"\n{options.space} on {options.data}, shiftnas, {options.steps} steps of {options.batch_size} images, seeds {' '.join(map(str, options.seeds))}; test accuracy, mean and standard deviation, and how much of the budget is used.\n")
    print("| budget, MACs | " + " | ".join(ARMS) + " | generator less NSGA-II |")
    print("|---" * (len(ARMS) + 2) + "|")
    for budget in options.budgets:
        cells = [f"{statistics.mean(tops[budget, arm]):.2f} +- {statistics.stdev(tops[budget, arm]) if len(options.seeds) > 1 else 0:.2f} % ({100 * statistics.mean(costs[budget, arm]):.0f} %)" for arm in ARMS]
        less = [one - other for one, other in zip(tops[budget, "generator"], tops[budget, "NSGA-II, 500"])]
        error = statistics.stdev(less) / len(less) ** 0.5 if len(less) > 1 else float("nan")
        print(f"| {budget / 1e6:g} M | " + " | ".join(cells) + f" | {statistics.mean(less):+.2f} (standard error {error:.2f}) |")


if __name__ == "__main__":
    main()
