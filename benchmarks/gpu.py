#!/usr/bin/env python3
"""Training steps of supernets on a GPU beside this machine's CPUs: images a second, from the difference between two lengths, so that loading and the first steps do not count. Figures of docs/benchmarks.md.

usage: benchmarks/gpu.py [--spaces mobile_cnn ...] [--batch 128] [--steps 40] [--cpu-threads N] [--frontier PROGRAM] [--work DIR]

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


def images_a_second(options, space, device, bf16, threads):
    few = max(4, options.steps // 4)
    rates = []
    for _ in range(options.rounds):
        short, long = (seconds(options, space, device, bf16, threads, steps) for steps in (few, few + options.steps))
        if short is None or long is None or long <= short:
            return None
        rates.append(options.steps * options.batch / (long - short))
    return statistics.median(rates)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--spaces", nargs="+", choices=SPACES, default=list(SPACES))
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--cpu-threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--no-cpu", action="store_true")
    parser.add_argument("--frontier", default=PROGRAM)
    parser.add_argument("--work", default=None)
    options = parser.parse_args()
    print(f"| space, {options.batch} images a step | GPU, float32 (TF32 convolutions) | GPU, bfloat16 | {options.cpu_threads} CPU threads |\n|---|---|---|---|", flush=True)
    for space in options.spaces:
        rates = [images_a_second(options, space, "cuda", bf16, 1) for bf16 in (False, True)]
        rates.append(None if options.no_cpu else images_a_second(options, space, "cpu", False, options.cpu_threads))
        print(f"| {space} | " + " | ".join("" if rate is None else f"{rate:,.0f} images/s" for rate in rates) + " |", flush=True)


if __name__ == "__main__":
    main()
