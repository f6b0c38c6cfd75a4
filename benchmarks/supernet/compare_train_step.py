#!/usr/bin/env python3
"""Training step of mobile_cnn subnets: Frontier against plain PyTorch, side by side.

usage: python3 benchmarks/supernet/compare_train_step.py [--rounds 5] [--steps 20] [--threads 2] [ARCH ...]

Writes the same network in plain eager PyTorch (contiguous and channels-last), with the same batch size, optimiser, clipping and label smoothing, and
alternates short runs of the three in one process tree. Prints the medians and ratios as a Markdown table. Needs build/release/benchmarks/supernet/train_step.
The project's .venv holds only the part of torch 2.11.0 that C++ needs; this script makes build/bench-venv with the whole of the same wheel (4.6 GB)
and runs itself there.
"""
import argparse
import os
import pathlib
import statistics
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
LARGEST = "16 | 16: k7e4s k7e4s | 32: k7e4s k7e4s k7e4s | 64: k7e4s k7e4s k7e4s"
RANDOM = ["8 | 16: k5e4s | 24: k5e2s k3e4s k3e3s | 48: k3e2 k3e4s", "12 | 12: k7e3 k5e4 | 32: k3e3s k7e2 k5e4 | 64: k5e2s k3e3"]

VENV = ROOT / "build/bench-venv"
if pathlib.Path(sys.prefix) != VENV:
    if not (VENV / "done").exists():
        subprocess.check_call([sys.executable, "-m", "venv", str(VENV)])
        subprocess.check_call([str(VENV / "bin/pip"), "install", "-q", "--disable-pip-version-check", "torch==2.11.0"])
        (VENV / "done").touch()
    os.execv(str(VENV / "bin/python"), [str(VENV / "bin/python"), *sys.argv])

import torch
from torch import nn


def divisible(value, divisor):
    rounded = max(divisor, int(value + divisor / 2) // divisor * divisor)
    return rounded + divisor if rounded < 0.9 * value else rounded


class SqueezeExcite(nn.Module):
    def __init__(self, channels):
        super().__init__()
        hidden = divisible(channels // 4, 4)
        self.gate = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Conv2d(channels, hidden, 1), nn.ReLU(), nn.Conv2d(hidden, channels, 1), nn.Hardsigmoid())

    def forward(self, x):
        return x * self.gate(x)


class Block(nn.Module):
    def __init__(self, cin, cout, kernel, expansion, se, stride):
        super().__init__()
        hidden = cin * expansion
        layers = [nn.Conv2d(cin, hidden, 1, bias=False), nn.BatchNorm2d(hidden), nn.ReLU(inplace=True),
                  nn.Conv2d(hidden, hidden, kernel, stride, kernel // 2, groups=hidden, bias=False), nn.BatchNorm2d(hidden), nn.ReLU(inplace=True)]
        if se:
            layers.append(SqueezeExcite(hidden))
        layers += [nn.Conv2d(hidden, cout, 1, bias=False), nn.BatchNorm2d(cout)]
        self.layers = nn.Sequential(*layers)
        self.residual = stride == 1 and cin == cout

    def forward(self, x):
        return x + self.layers(x) if self.residual else self.layers(x)


def network(arch):
    stem, *stages = arch.split("|")
    channels = int(stem)
    layers = [nn.Conv2d(1, channels, 3, 2, 1, bias=False), nn.BatchNorm2d(channels), nn.ReLU(inplace=True)]
    for index, stage in enumerate(stages):
        width, blocks = stage.split(":")
        for i, block in enumerate(blocks.split()):
            kernel, expansion = block[1:].rstrip("s").split("e")
            layers.append(Block(channels, int(width), int(kernel), int(expansion), block.endswith("s"), 2 if i == 0 and index > 0 else 1))
            channels = int(width)
    layers += [nn.Conv2d(channels, 128, 1, bias=False), nn.BatchNorm2d(128), nn.ReLU(inplace=True), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(128, 10)]
    return nn.Sequential(*layers)


def pytorch_step(arch, steps, batch, channels_last):
    torch.manual_seed(0)
    net, images, labels = network(arch).train(), torch.randn(batch, 1, 28, 28), torch.randint(0, 10, (batch,))
    if channels_last:
        net, images = net.to(memory_format=torch.channels_last), images.to(memory_format=torch.channels_last)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.01, momentum=0.9, nesterov=True, weight_decay=5e-5)
    times = []
    for step in range(steps + 5):
        start = time.perf_counter()
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(net(images), labels, label_smoothing=0.1)
        loss.item()
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 5)
        optimizer.step()
        if step >= 5:
            times.append(1e3 * (time.perf_counter() - start))
    return statistics.median(times)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--program", default=str(ROOT / "build/release/benchmarks/supernet/train_step"))
    parser.add_argument("archs", nargs="*")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    print("| subnet | Frontier ms | PyTorch contiguous ms | ratio | PyTorch channels-last ms | ratio |\n|---|---|---|---|---|---|")
    for arch in options.archs or [LARGEST] + RANDOM:
        ours, contiguous, last = [], [], []
        for _ in range(options.rounds):
            command = [options.program, arch, str(options.steps), str(options.threads), str(options.batch)]
            ours.append(float(subprocess.run(command, check=True, capture_output=True, text=True).stdout))
            contiguous.append(pytorch_step(arch, options.steps, options.batch, False))
            last.append(pytorch_step(arch, options.steps, options.batch, True))
        ratios = [sorted(b / a for a, b in zip(ours, other)) for other in (contiguous, last)]
        middle = [f"{r[len(r) // 2]:.2f} ({r[0]:.2f} to {r[-1]:.2f})" for r in ratios]
        print(f"| `{arch}` | {statistics.median(ours):.1f} | {statistics.median(contiguous):.1f} | {middle[0]} | {statistics.median(last):.1f} | {middle[1]} |", flush=True)


if __name__ == "__main__":
    main()
