#!/usr/bin/env python3
"""Supernets of the field's spaces on Fashion-MNIST: trained, killed half way, resumed, searched. Figures of docs/results.md.

usage: benchmarks/train_spaces.py [SPACE:SAMPLER:OPTIMIZER:STEPS ...] [--work DIR]

By default nas_bench_201 with one uniform subnet a step and SGD, autoformer_28 and elastic_vit_28 with the sandwich rule and AdamW. Each training gets SIGKILL once a checkpoint holds half of its steps, goes on
with --resume, and NSGA-II searches the supernet for top1 against multiply-accumulates. One seed. Python's standard library only; what is already in DIR is not done again.
"""
import argparse
import json
import pathlib
import subprocess
import sys
import time

from program import PROGRAM, ROOT, answer

JOBS = ["nas_bench_201:uniform:sgd:2000", "autoformer_28:sandwich:adamw:2000", "elastic_vit_28:sandwich:adamw:2000"]
OPTIMIZERS = {
    "sgd": ["trainer.lr=0.1"],
    "adamw": ["trainer.optimizer.name=adamw", "trainer.lr=0.001", "trainer.optimizer.weight_decay=0.05"],
}


def step_of(checkpoint):
    try:
        return json.loads((checkpoint / "run.json").read_text())["trainer"]["step"]
    except (OSError, ValueError):
        return 0


def kill_half_way(command, checkpoint, steps):
    """Starts the training and kills it; gives the step that its checkpoint holds."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    while process.poll() is None:
        if step_of(checkpoint) >= steps // 2:
            process.kill()
            process.wait()
            return step_of(checkpoint)
        time.sleep(0.2)
    sys.exit(f"{' '.join(command)} ended before it could be killed")


def work_on(options, space, sampler, optimizer, steps):
    folder = options.work / f"{space}-{sampler}-{optimizer}-{steps}"
    folder.mkdir(parents=True, exist_ok=True)
    common = ["--db", str(folder / "frontier.db"), "--quiet"]
    checkpoint = folder / "supernet"
    train = ["train", "--space", space, "--sampler", sampler, "--data", "fashion_mnist", "--steps", str(steps), "--batch-size", "64", "--seed", "0",
               "--out", str(checkpoint), "--resume", *common]
    for setting in [*OPTIMIZERS[optimizer], "trainer.warmup_steps=100", f"checkpoint_steps={max(1, steps // 20)}"]:
        train += ["--set", setting]
    note = folder / "killed.json"
    if not note.exists():
        note.write_text(json.dumps(kill_half_way([options.frontier, *train], checkpoint, steps)))
    trained = answer(options.frontier, *train)
    found = answer(options.frontier, "search", "--checkpoint", checkpoint, "--searcher", "nsga2", "--budget", options.budget, "--set", "evaluation.images=1000",
                   "--set", "evaluation.calibration_images=512", "--resume", *common)
    best = found["results"][0]["best"]
    print(f"| `{space}` | {sampler} | {steps} | {json.loads(note.read_text())} | {trained['seconds']:.0f} s | {best['macs'] / 1e6:.2f} M | {100 * best['metrics']['top1']:.2f} % | "
          f"{100 * best['test_metrics']['top1']:.2f} % |", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("jobs", nargs="*", default=JOBS, metavar="SPACE:SAMPLER:OPTIMIZER:STEPS")
    parser.add_argument("--budget", type=int, default=64, help="subnets of each search")
    parser.add_argument("--frontier", default=PROGRAM)
    parser.add_argument("--work", type=pathlib.Path, default=ROOT / "build/train_spaces")
    options = parser.parse_args()
    print("| space | sampler | steps of 64 images | killed at step | training | best subnet | top1, search split | top1, test |\n|---|---|---|---|---|---|---|---|", flush=True)
    for job in options.jobs:
        space, sampler, optimizer, steps = job.split(":")
        work_on(options, space, sampler, optimizer, int(steps))


if __name__ == "__main__":
    main()
