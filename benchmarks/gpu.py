#!/usr/bin/env python3
"""Training steps of supernets on a GPU beside this machine's CPUs: images a second, from the difference between two lengths, so that loading and the first steps do not count; and what those first steps take, in which a GPU's libraries prepare for sizes that they have not seen. Figures of docs/benchmarks.md.

usage: benchmarks/gpu.py [--spaces mobile_cnn ...] [--batch 128] [--first 100] [--steps 200] [--cpu-threads N] [--frontier PROGRAM] [--work DIR]

One random subnet a step (sampler uniform) on made-up images of the size that a space is for; every figure is the median of --rounds. Python's standard library only.
"""
import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile

from program import PROGRAM

SPACES = {"mobile_cnn": (1, 28), "elastic_vit_28": (1, 28), "autoformer_28": (1, 28), "nas_bench_201": (3, 32), "ofa_mobilenetv3": (3, 224), "elastic_vit": (3, 224), "autoformer_tiny": (3, 224)}


def seconds(options, space, device, bf16, threads, steps):
    channels, side = SPACES[space]
    with tempfile.TemporaryDirectory(dir=options.work) as folder:
        wanted = {"data.synthetic.channels": channels, "data.synthetic.height": side, "data.synthetic.width": side, "data.synthetic.train_size": 2 * options.batch, "data.synthetic.test_size": 20,
                  "data.search_size": 20, "evaluation.calibration_images": 32, "evaluation.calibration_batch": 16, "final_random_subnets": 0, "checkpoint_seconds": 100000, "trainer.lr": 0.001,
                  "trainer.bf16": str(bf16).lower()}
        command = [options.frontier, "train", "--space", space, "--data", "synthetic", "--steps", steps, "--batch-size", options.batch, "--device", device, "--threads", threads,
                   "--out", f"{folder}/out", "--db", f"{folder}/db", "--quiet", "--json"]
        for key, value in wanted.items():
            command += ["--set", f"{key}={value}"]
        done = subprocess.run(list(map(str, command)), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        if done.returncode:
            print(f"{space} on {device}: {done.stderr.strip()[-300:]}", file=sys.stderr, flush=True)
            return None
        return json.loads(done.stdout)["seconds"]


def measured(options, space, device, bf16, threads):
    """Images a second, and seconds of the first steps; nothing where it does not run."""
    rates, firsts = [], []
    for _ in range(options.rounds):
        short, long = (seconds(options, space, device, bf16, threads, steps) for steps in (options.first, options.first + options.steps))
        if short is None or long is None or long <= short:
            return ""
        rates.append(options.steps * options.batch / (long - short))
        firsts.append(short)
    return f"{statistics.median(rates):,.0f} images/s, {statistics.median(firsts):.1f} s"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--spaces", nargs="+", choices=SPACES, default=list(SPACES))
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--first", type=int, default=100)
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--cpu-threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--no-cpu", action="store_true")
    parser.add_argument("--frontier", default=PROGRAM)
    parser.add_argument("--work", default=None)
    options = parser.parse_args()
    print(f"| space, {options.batch} images a step; and the first {options.first} steps | GPU, float32 (TF32 convolutions) | GPU, bfloat16 | {options.cpu_threads} CPU threads |\n|---|---|---|---|", flush=True)
    for space in options.spaces:
        cells = [measured(options, space, "cuda", bf16, 1) for bf16 in (False, True)]
        cells.append("" if options.no_cpu else measured(options, space, "cpu", False, options.cpu_threads))
        print(f"| {space} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
