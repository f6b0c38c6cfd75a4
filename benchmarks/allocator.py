#!/usr/bin/env python3
"""What tcmalloc saves: time and memory of a training and of an evaluation with it and with glibc's malloc, in turns.

usage: cmake --preset release -B build/glibc -DFRONTIER_TCMALLOC=OFF && cmake --build build/glibc --target frontier
       benchmarks/allocator.py [--with build/release/frontier] [--without build/glibc/frontier] [--rounds 3] [--threads 2]

Images are made up; nas_bench_macro at 3x32x32. Python's standard library only.
"""
import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time

from program import PROGRAM, ROOT

DATA = ["--data", "synthetic"] + [word for setting in ("train_size=1000", "test_size=500", "channels=3", "height=32", "width=32") for word in ("--set", "data.synthetic." + setting)]
EVALUATION = ["--set", "evaluation.images=500", "--set", "evaluation.calibration_images=256", "--set", "evaluation.population=100"]


def measured(command):
    """Seconds and the largest resident memory in MiB of a command."""
    begun = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"{' '.join(command)} failed")
    return time.monotonic() - begun, usage.ru_maxrss / 1024


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--with", dest="tcmalloc", default=PROGRAM)
    parser.add_argument("--without", dest="glibc", default=str(ROOT / "build/glibc/frontier"))
    options = parser.parse_args()
    print("| work | malloc | seconds | memory | ratio of seconds | ratio of memory |\n|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        common = ["--threads", str(options.threads), "--quiet"]
        supernet = f"{folder}/supernet"
        train = ["train", "--space", "nas_bench_macro", *DATA, "--steps", "40", "--batch-size", "64", "--out", supernet, "--overwrite", "--db", f"{folder}/train.db", *common]
        archs = [f"{i % 3}{i // 3 % 3}{j % 3}{j // 3 % 3}1{i % 3}2{j % 3}" for i in range(9) for j in range(4)]
        evaluate = ["evaluate", "--checkpoint", supernet, *EVALUATION, *common] + [word for arch in archs for word in ("--arch", arch)]
        for name, arguments in (("train, 40 steps of 64 images", train), (f"evaluate {len(archs)} networks at a time", evaluate)):
            results = {"tcmalloc": [], "glibc": []}
            for turn in range(options.rounds):
                for malloc in results:
                    fresh = [] if arguments is train else ["--db", f"{folder}/{malloc}{turn}.db"]  # else it would find the numbers there
                    results[malloc].append(measured([getattr(options, malloc), *arguments, *fresh]))
            seconds, memory = ({malloc: statistics.median(run[k] for run in runs) for malloc, runs in results.items()} for k in (0, 1))
            for malloc in results:
                print(f"| {name} | {malloc} | {seconds[malloc]:.1f} | {memory[malloc]:.0f} MiB | {seconds[malloc] / seconds['glibc']:.2f} | {memory[malloc] / memory['glibc']:.2f} |", flush=True)


if __name__ == "__main__":
    main()
