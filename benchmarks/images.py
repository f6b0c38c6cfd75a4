#!/usr/bin/env python3
"""images.py FOLDER: images a second that Frontier's loader makes of a folder of pictures, beside torchvision's.

Both read the same folder (one folder a class; broken files are left out), shrink the short side to --resize, cut the middle --size, and hand out normalised
float batches with as many threads (worker processes there) as --threads says; every epoch decodes every file. Runs alternate; each
figure is the median over --repeats, with the range of the ratio. Frontier's figure for images kept in memory, which torchvision does
not do, stands apart. torchvision's ImageFolder and DataLoader run in --python, an interpreter with torch and torchvision
(a virtual environment is made in build/torchvision where none is given).
"""
import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent

TORCHVISION = """
import sys, time, torch
from torchvision import datasets, transforms
folder, size, resize, batch, threads = sys.argv[1], *map(int, sys.argv[2:])
torch.set_num_threads(1)

def whole(path):  # of 2,000 files one may be broken, which ends an epoch otherwise
    try:
        datasets.folder.default_loader(path)
        return True
    except OSError:
        return False

images = datasets.ImageFolder(folder, transforms.Compose([transforms.Resize(resize), transforms.CenterCrop(size), transforms.ToTensor(),
    transforms.Normalize([0.5] * 3, [0.25] * 3)]), is_valid_file=whole)
loader = torch.utils.data.DataLoader(images, batch, shuffle=True, num_workers=threads, drop_last=True, persistent_workers=True)
for epoch in range(2):  # the first starts the workers
    start, count = time.perf_counter(), 0
    for pictures, labels in loader:
        count += len(labels)
print(count / (time.perf_counter() - start))
"""


def torchvision_python(given):
    if given:
        return given
    folder = ROOT / "build" / "torchvision"
    python = folder / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        subprocess.run([python, "-m", "pip", "install", "-q", "--index-url", "https://download.pytorch.org/whl/cpu", "--extra-index-url",
                        "https://pypi.org/simple", "torch", "torchvision"], check=True)
    return python


def frontier(options):
    """{kept: figures}"""
    output = subprocess.run([options.program, options.folder, *map(str, (options.size, options.resize, options.batch, options.threads))],
                            check=True, stdout=subprocess.PIPE, text=True).stdout
    return {line["kept"]: line for line in map(json.loads, output.splitlines())}


def torchvision(options, python):
    command = [python, "-c", TORCHVISION, options.folder, *map(str, (options.size, options.resize, options.batch, options.threads))]
    return float(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder")
    parser.add_argument("--program", default=ROOT / "build/release/benchmarks/datasets/image_batches")
    parser.add_argument("--python")
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--resize", type=int, default=73)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    python = torchvision_python(options.python)
    ours, theirs = [], []
    for repeat in range(options.repeats):
        ours.append(frontier(options))
        theirs.append(torchvision(options, python))
        print(f"repeat {repeat + 1}: {ours[-1][False]['epoch']:.0f} and {theirs[-1]:.0f} images a second", file=sys.stderr)
    ratios = [our[False]["epoch"] / their for our, their in zip(ours, theirs)]
    print("| | images a second |\n| --- | ---: |")
    print(f"| torchvision, ImageFolder and DataLoader | {statistics.median(theirs):.0f} |")
    print(f"| Frontier, decoded for every batch | {statistics.median(our[False]['epoch'] for our in ours):.0f} |")
    print(f"| Frontier, kept in memory | {statistics.median(our[True]['epoch'] for our in ours):.0f} |")
    print(f"| Frontier, first reading (size, checks, statistics) | {statistics.median(our[False]['read'] for our in ours):.0f} |")
    print(f"\nRatio of decoding: {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f}), {options.threads} threads, "
          f"{options.size}x{options.size}.")


if __name__ == "__main__":
    main()
