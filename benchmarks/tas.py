#!/usr/bin/env python3
"""What TAS is worth: a pruned residual network against others of the same cost. Figures of docs/results.md.

usage: benchmarks/tas.py [--data fashion_mnist] [--space resnet_shape_20] [--target 0.5] [--seeds 0 1 2] [--epochs 10] [--search-epochs 12] [--set NAME=VALUE ...] [--device cuda] [--jobs N] [--work DIR]

For each seed `frontier prune` trains the whole network, searches, and trains what it found, taught by the whole one (TAS, taught). Beside it, for the same epochs and of the same multiply-accumulates:
the same network without a teacher; one whose layers keep all the same share of their channels, at full depth, taught; random shapes, taught. Reported: accuracy on the test images, mean and standard
deviation over the seeds, how far the search ends from its target, and how long it took. Up to --jobs trainings at a time, --threads each. Python's standard library only; what is already in DIR is not done again.
"""
import argparse
import concurrent.futures
import pathlib
import random
import statistics
import threading

from program import PROGRAM, ROOT, answer


class Shapes:
    """The networks of a shape space, as its notation writes them."""

    def __init__(self, decisions):
        self.stages = []  # (depths, [widths of the convolutions of every block])
        for decision in decisions:
            options = [int(option) for option in decision["options"]]
            name = decision["name"]
            if name == "stem.width":
                self.stem = options
            elif name.endswith(".depth"):
                self.stages.append((options, {}))
            else:
                self.stages[-1][1].setdefault(name.split(".")[1], []).append(options)

    def text(self, depths, choose):
        """@param choose gives one of a convolution's widths, asked in order."""
        widths = [choose(self.stem)]
        for (_, blocks), depth in zip(self.stages, depths):
            for number, convolutions in enumerate(blocks.values()):
                widths += [choose(options) if number < depth else 0 for options in convolutions]
        return f"depths={','.join(map(str, depths))} widths={','.join(map(str, widths))}"

    def uniform(self):
        """At full depth: all convolutions keep one share of their channels, and the first so many the next larger one."""
        depths = [options[-1] for options, _ in self.stages]
        count = 1 + sum(len(convolutions) for _, blocks in self.stages for convolutions in blocks.values())
        found = []
        for smaller in range(len(self.stem) - 1):
            for larger in range(count):
                asked = iter(range(count))
                found.append(self.text(depths, lambda options: options[smaller + (next(asked) < larger)]))
        return found

    def drawn(self, draws):
        return self.text([draws.choice(options) for options, _ in self.stages], draws.choice)


def frontier(options, *arguments):
    with options.slots:
        return answer(options.frontier, *arguments, "--threads", options.threads, "--device", options.device, "--db", options.work / "frontier.db", "--quiet")


def training(options, seed):
    arguments = ["--space", options.space, "--data", options.data, "--epochs", options.epochs, "--batch-size", options.batch_size, "--lr", options.lr, "--seed", seed]
    if options.data_path:
        arguments += ["--data-path", options.data_path]
    for setting in ["trainer.label_smoothing=0", "trainer.optimizer.weight_decay=5e-4", "loader.flip=true", "loader.pad=2", *options.set]:
        arguments += ["--set", setting]
    return arguments


def top1(results, split="test"):
    return next(item["metrics"]["top1"] for item in results if item["split"] == split)


def prune(options, seed):
    out = options.work / f"seed{seed}" / "prune"
    search = [f"search.epochs={options.search_epochs}", f"sampler.lr={options.arch_lr}"] + options.search_set
    given = [argument for setting in search for argument in ("--set", setting)]
    return frontier(options, "prune", *training(options, seed), *given, "--target", options.target, "--out", out, "--resume"), out


def train(options, seed, name, arch, teacher):
    taught = ["--set", f"teacher.checkpoint={teacher}", "--set", "teacher.share=0.9", "--set", "teacher.temperature=4"] if teacher else []
    return frontier(options, "evaluate", "--evaluator", "scratch", *training(options, seed), *taught, "--arch", arch, "--out", options.work / f"seed{seed}" / name, "--resume")["results"]


def nearest(options, built_for, archs, macs):
    """The architectures, those whose cost is nearest first, with it."""
    file = options.work / f"priced{threading.get_ident()}.txt"
    file.write_text("".join(arch + "\n" for arch in archs))
    priced = answer(options.frontier, "cost", "--space", options.space, "--archs", file, "--input", built_for[0], "--classes", built_for[1])["results"]
    return sorted(((item["arch"], item["macs"]) for item in priced), key=lambda item: abs(item[1] - macs))


def spread(values, scale=100, digits=2):
    mean = f"{scale * statistics.mean(values):.{digits}f}"
    return mean + (f" +- {scale * statistics.stdev(values):.{digits}f}" if len(values) > 1 else "")


def together(work, items):
    """What work gives for each, all at a time."""
    with concurrent.futures.ThreadPoolExecutor(max(1, len(items))) as pool:
        return list(pool.map(work, items))


def of_seed(options, shapes, seed):
    """How far the search ended from its target, and {arm: (accuracy, MACs)}."""
    pruned, out = prune(options, seed)
    results = {name: [item for item in pruned["results"] if item["network"] == name] for name in ("unpruned", "pruned")}
    whole, macs, arch = results["unpruned"][0]["macs"], results["pruned"][0]["macs"], pruned["derived"]
    miss = macs / (options.target * whole) - 1
    print(f"seed {seed}: found {macs} of {whole} MACs ({100 * miss:+.1f} % off the target): {arch}", flush=True)
    built_for, draws, teacher = (options.input, options.classes), random.Random(seed), out / "unpruned"
    uniform = nearest(options, built_for, shapes.uniform(), macs)[0]
    drawn = nearest(options, built_for, [shapes.drawn(draws) for _ in range(options.draws)], macs)[: options.random]
    others = [("untaught", (arch, macs), None), ("uniform", uniform, teacher)] + [(f"random{number}", one, teacher) for number, one in enumerate(drawn)]
    untaught, of_uniform, *of_drawn = together(lambda other: top1(train(options, seed, other[0], other[1][0], other[2])), others)
    accuracies = {"unpruned": (top1(results["unpruned"]), whole), "TAS, taught": (top1(results["pruned"]), macs), "TAS": (untaught, macs), "uniform width, taught": (of_uniform, uniform[1]),
                  "random shapes, taught": (statistics.mean(of_drawn), statistics.mean(price for _, price in drawn))}
    print(f"seed {seed}: " + ", ".join(f"{name} {100 * accuracy:.2f} %" for name, (accuracy, _) in accuracies.items()), flush=True)
    return miss, accuracies


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default="fashion_mnist")
    parser.add_argument("--data-path", type=lambda path: pathlib.Path(path).resolve())
    parser.add_argument("--input", default="1x28x28", help="what the data is")
    parser.add_argument("--classes", type=int, default=10)
    parser.add_argument("--space", default="resnet_shape_20")
    parser.add_argument("--target", type=float, default=0.5)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--epochs", type=int, default=10, help="of every network that is trained alone")
    parser.add_argument("--search-epochs", type=int, default=12)
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--lr", type=float, default=0.1)
    parser.add_argument("--arch-lr", type=float, default=0.02, help="of the logits; the paper's 1e-3 is for some 100,000 steps")
    parser.add_argument("--random", type=int, default=3, help="random shapes a seed")
    parser.add_argument("--draws", type=int, default=3000, help="from which those of the right cost are taken")
    parser.add_argument("--set", action="append", default=[], help="a setting of all trainings")
    parser.add_argument("--search-set", action="append", default=[], help="a setting of prune alone")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--frontier", default=PROGRAM)
    parser.add_argument("--work", type=pathlib.Path, default=ROOT / "build/tas")
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)

    options.slots = threading.Semaphore(options.jobs)
    shapes = Shapes(answer(options.frontier, "spaces", options.space)["decisions"])
    found = together(lambda seed: of_seed(options, shapes, seed), options.seeds)
    arms = {name: [accuracies[name][0] for _, accuracies in found] for name in found[0][1]}
    cost = {name: [accuracies[name][1] for _, accuracies in found] for name in arms}
    misses = [miss for miss, _ in found]
    print(f"\n{options.space} on {options.data}, target {100 * options.target:g} % of the MACs, {options.epochs} epochs, {options.search_epochs} of search, seeds {' '.join(map(str, options.seeds))}.\n")
    print("| network | test accuracy, % | million MACs | TAS, taught, is ahead by, points |\n|---|---|---|---|")
    for name, values in arms.items():
        ahead = [taught - value for taught, value in zip(arms["TAS, taught"], values)]
        print(f"| {name} | {spread(values)} | {spread(cost[name], 1e-6)} | {'' if name == 'TAS, taught' else spread(ahead)} |")
    print(f"\nOff the target by {spread(misses, 100, 1)} % ({'all' if all(abs(miss) <= 0.05 for miss in misses) else 'not all'} within 5 %).")


if __name__ == "__main__":
    main()
