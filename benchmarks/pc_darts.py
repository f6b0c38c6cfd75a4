#!/usr/bin/env python3
"""A search step of PC-DARTS, the logits' half and the weights' half: Frontier beside plain PyTorch, one in K channels through the operations and all of them.

usage: python3 benchmarks/pc_darts.py [--rounds 5] [--steps 10] [--threads 2] [--batch 64] [--cells 8] [--channels 16] [--side 32] [--partial 1 4]

The supernet is written here in eager PyTorch from the paper (Xu et al., arXiv 1907.05737) and DARTS' cells: the first of K groups of channels through all eight operations, the others past them, a shuffle, a softmax of edge
weights for every node. Both train 1,930,618 weights at K = 1 and 299,578 at K = 4 (8 cells, 16 channels) by SGD with momentum, decay and clipping, and logits by Adam, on equal batches. Every
measurement is a process of its own, in turns; times are medians. "Kept" are the bytes that a forward pass of the weights' half keeps for its backward pass: in PyTorch counted by hooks on saved tensors, every storage once,
in Frontier what tensors hold after the pass; "resident" is the most memory that a process had. Goals: at K = 4 at most 40 % of the bytes kept and 65 % of the time of K = 1, and a step 1.5 times as fast as PyTorch's.

Needs build/release/benchmarks/supernet/search_step, and a Python that has torch 2.11.0: where this one has none, build/bench-venv is made with the whole wheel and its libraries (4.6 GB; --python takes another that has it).
"""
import argparse
import json
import pathlib
import resource
import statistics
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
VENV = ROOT / "build/bench-venv"
NAMES = ("partial", "steps", "threads", "batch", "cells", "channels", "side")


def python_with_torch():
    """This Python where it has torch; else that of a virtual environment made for it."""
    try:
        import torch  # noqa: F401
        return sys.executable
    except ImportError:
        pass
    if not (VENV / "done").exists():
        subprocess.check_call([sys.executable, "-m", "venv", str(VENV)])
        subprocess.check_call([str(VENV / "bin/pip"), "install", "-q", "--disable-pip-version-check", "torch==2.11.0"])
        (VENV / "done").touch()
    return str(VENV / "bin/python")


def pytorch_step(partial, steps, threads, batch, cells, channels, side):
    """The measurement of one process: what search_step.cpp measures, of PyTorch."""
    import torch
    from torch import nn
    from torch.nn import functional

    torch.set_num_threads(threads)
    torch.manual_seed(0)

    def norm(width):
        return nn.BatchNorm2d(width, affine=False)

    def relu_conv_norm(width_in, width_out):
        return nn.Sequential(nn.ReLU(), nn.Conv2d(width_in, width_out, 1, bias=False), norm(width_out))

    class FactorizedReduce(nn.Module):
        """Half of the channels from the even pixels, half from the odd ones."""

        def __init__(self, width_in, width_out):
            super().__init__()
            self.even = nn.Conv2d(width_in, width_out // 2, 1, stride=2, bias=False)
            self.odd = nn.Conv2d(width_in, width_out // 2, 1, stride=2, bias=False)
            self.norm = norm(width_out)

        def forward(self, x):
            x = functional.relu(x)
            return self.norm(torch.cat([self.even(x), self.odd(x[:, :, 1:, 1:])], 1))

    class Zero(nn.Module):
        def __init__(self, stride):
            super().__init__()
            self.stride = stride

        def forward(self, x):
            return torch.zeros_like(x[:, :, ::self.stride, ::self.stride])

    def depthwise_pointwise(width, kernel, stride, padding, dilation=1):
        return [nn.ReLU(), nn.Conv2d(width, width, kernel, stride, padding, dilation, groups=width, bias=False),
                nn.Conv2d(width, width, 1, bias=False), norm(width)]

    def separable(width, kernel, stride):
        return nn.Sequential(*depthwise_pointwise(width, kernel, stride, kernel // 2), *depthwise_pointwise(width, kernel, 1, kernel // 2))

    def dilated(width, kernel, stride):
        return nn.Sequential(*depthwise_pointwise(width, kernel, stride, kernel - 1, 2))

    def operations(width, stride):
        skip = nn.Identity() if stride == 1 else FactorizedReduce(width, width)
        return nn.ModuleList([Zero(stride),
                              nn.Sequential(nn.MaxPool2d(3, stride, 1), norm(width)),
                              nn.Sequential(nn.AvgPool2d(3, stride, 1, count_include_pad=False), norm(width)),
                              skip,
                              separable(width, 3, stride), separable(width, 5, stride),
                              dilated(width, 3, stride), dilated(width, 5, stride)])

    class Edge(nn.Module):
        def __init__(self, width, stride):
            super().__init__()
            self.taken, self.stride = width // partial, stride
            self.operations = operations(self.taken, stride)

        def forward(self, x, weights):
            mixed = sum(weight * operation(x[:, :self.taken]) for weight, operation in zip(weights, self.operations))
            if partial == 1:
                return mixed
            rest = x[:, self.taken:]
            y = torch.cat([mixed, rest if self.stride == 1 else functional.max_pool2d(rest, 2, 2)], 1)
            n, c, h, w = y.shape
            return y.view(n, partial, c // partial, h, w).transpose(1, 2).reshape(n, c, h, w)

    class Cell(nn.Module):
        def __init__(self, before_last, last, width, reduces, last_reduced):
            super().__init__()
            self.first = FactorizedReduce(before_last, width) if last_reduced else relu_conv_norm(before_last, width)
            self.second = relu_conv_norm(last, width)
            self.edges = nn.ModuleList([Edge(width, 2 if reduces and source < 2 else 1) for node in range(4) for source in range(2 + node)])

        def forward(self, first, second, alphas, betas):
            states = [self.first(first), self.second(second)]
            weights, edge = functional.softmax(alphas, -1), 0
            for _ in range(4):
                gamma = functional.softmax(betas[edge:edge + len(states)], -1)
                states.append(sum(gamma[i] * self.edges[edge + i](state, weights[edge + i]) for i, state in enumerate(states)))
                edge += len(states) - 1
            return torch.cat(states[2:], 1)

    class Supernet(nn.Module):
        def __init__(self):
            super().__init__()
            self.stem = nn.Sequential(nn.Conv2d(3, 3 * channels, 3, padding=1, bias=False), nn.BatchNorm2d(3 * channels))
            before_last, last, width, last_reduced = 3 * channels, 3 * channels, channels, False
            self.cells, self.kinds = nn.ModuleList(), []
            for index in range(cells):
                reduces = index in (cells // 3, 2 * cells // 3)
                width *= 2 if reduces else 1
                self.cells.append(Cell(before_last, last, width, reduces, last_reduced))
                self.kinds.append(int(reduces))
                before_last, last, last_reduced = last, 4 * width, reduces
            self.classifier = nn.Linear(last, 10)

        def forward(self, x, alphas, betas):
            first = second = self.stem(x)
            for cell, kind in zip(self.cells, self.kinds):
                first, second = second, cell(first, second, alphas[kind], betas[kind])
            return self.classifier(second.mean((2, 3)))

    net = Supernet().train()
    alphas = [(1e-3 * torch.randn(14, 8)).requires_grad_() for _ in range(2)]
    betas = [(1e-3 * torch.randn(14)).requires_grad_() for _ in range(2)]
    weights = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9, weight_decay=3e-4)
    logits = torch.optim.Adam(alphas + betas, lr=6e-4, betas=(0.5, 0.999), weight_decay=1e-3)
    batches = [(torch.randn(batch, 3, side, side), torch.randint(0, 10, (batch,))) for _ in range(2)]

    def loss_of(images, labels):
        return functional.cross_entropy(net(images, alphas, betas), labels)

    def step():
        logits.zero_grad()
        loss_of(*batches[0]).backward()
        logits.step()
        weights.zero_grad()
        loss_of(*batches[1]).backward()
        nn.utils.clip_grad_norm_(net.parameters(), 5)
        weights.step()

    def kept():
        """Bytes of the storages that a forward pass saves; parameters are there anyway."""
        own = {p.untyped_storage().data_ptr() for p in net.parameters()}
        storages = {}

        def pack(tensor):
            storage = tensor.untyped_storage()
            if storage.data_ptr() not in own:
                storages[storage.data_ptr()] = storage
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
            loss = loss_of(*batches[1])
        images = batches[1][0].untyped_storage().data_ptr()
        return sum(storage.nbytes() for place, storage in storages.items() if place != images), loss

    for _ in range(3):
        step()
    times = []
    for _ in range(steps):
        start = time.perf_counter()
        step()
        times.append(1e3 * (time.perf_counter() - start))
    resident = 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(json.dumps({"ms": statistics.median(times), "kept": kept()[0], "resident": resident, "weights": sum(p.numel() for p in net.parameters())}))


def measure(command):
    done = subprocess.run([str(word) for word in command], stdout=subprocess.PIPE, text=True)
    if done.returncode:
        sys.exit(f"{sys.argv[0]}: {' '.join(map(str, command))} failed")
    return json.loads(done.stdout)


def medians(rounds):
    return {key: statistics.median(r[key] for r in rounds) for key in rounds[0]}


def ratio(above, below, key):
    """Median over the rounds, with its range."""
    found = sorted(a[key] / b[key] for a, b in zip(above, below))
    return f"{statistics.median(found):.2f} ({found[0]:.2f} to {found[-1]:.2f})"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=10, help="timed ones of every measurement, behind 3 others")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--cells", type=int, default=8)
    parser.add_argument("--channels", type=int, default=16)
    parser.add_argument("--side", type=int, default=32)
    parser.add_argument("--partial", type=int, nargs="+", default=[1, 4])
    parser.add_argument("--program", default=str(ROOT / "build/release/benchmarks/supernet/search_step"))
    parser.add_argument("--python", help="one that has torch 2.11.0")
    parser.add_argument("--pytorch", help=argparse.SUPPRESS)  # the settings of one measurement, by the process that makes it
    options = parser.parse_args()
    if options.pytorch:
        return pytorch_step(**json.loads(options.pytorch))
    python = options.python or python_with_torch()
    found = {(who, partial): [] for partial in options.partial for who in ("Frontier", "PyTorch")}
    for _ in range(options.rounds):
        for partial in options.partial:
            settings = {name: partial if name == "partial" else getattr(options, name) for name in NAMES}
            found["Frontier", partial].append(measure([options.program, *(settings[name] for name in NAMES)]))
            found["PyTorch", partial].append(measure([python, __file__, "--pytorch", json.dumps(settings)]))
    print(f"{options.cells} cells, {options.channels} channels, {options.side}x{options.side}, batch {options.batch}, {options.threads} threads, {options.rounds} rounds of {options.steps} steps.\n")
    print("| | K | search step, ms | kept for backward, MB | most that tensors hold in a step, MB | resident, MB |\n|---|---|---|---|---|---|")
    for (who, partial), rounds in found.items():
        middle = medians(rounds)
        peak = f"{middle['peak'] / 1e6:,.1f}" if "peak" in middle else ""
        print(f"| {who} | {partial} | {middle['ms']:,.1f} | {middle['kept'] / 1e6:,.1f} | {peak} | {middle['resident'] / 1e6:,.0f} |")
    print()
    first = options.partial[0]
    for partial in options.partial:
        ours, theirs = found["Frontier", partial], found["PyTorch", partial]
        print(f"K = {partial}: PyTorch's step over ours {ratio(theirs, ours, 'ms')}, bytes kept {ratio(theirs, ours, 'kept')}, resident {ratio(theirs, ours, 'resident')}.")
    for partial in options.partial[1:]:
        for who in ("Frontier", "PyTorch"):
            small, large = found[who, partial], found[who, first]
            peak = f", most in a step {ratio(small, large, 'peak')}" if who == "Frontier" else ""
            print(f"{who}, K = {partial} over K = {first}: time {ratio(small, large, 'ms')}, bytes kept {ratio(small, large, 'kept')}{peak}, resident {ratio(small, large, 'resident')}.")


if __name__ == "__main__":
    main()
