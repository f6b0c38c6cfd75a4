#!/usr/bin/env python3
"""pytorch_check.py [FOLDER]: runs every FOLDER/*.py in PyTorch on one image and on seven, against FOLDER/*.expected, and its
own check. Differences up to 1e-5 are allowed, of the largest output where that is above 1.
Without a folder it says whether it could (exit code 77: what it needs is not installed)."""
import importlib.util
import pathlib
import sys

import cases

try:
    import numpy
    import torch
except ImportError as error:
    print(f"skipped: {error}; PyTorch for Python is not part of what scripts/setup.sh installs: pip install torch numpy")
    sys.exit(cases.MISSING)


def main():
    sys.dont_write_bytecode = True
    torch.set_num_threads(1)
    differences = cases.Differences(1e-5)
    for case in sorted(pathlib.Path(sys.argv[1]).glob("*.py")):
        spec = importlib.util.spec_from_file_location("network", case)
        program = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(program)
        net, images, output = program.load()
        expected = cases.read_safetensors(case.with_suffix(".expected"), numpy)
        with torch.inference_mode():
            for name, count in (("of_one", 1), ("of_seven", 7)):
                differences.add(case, net(torch.tensor(expected["images"][:count])).numpy(), expected[name])
            differences.add(case, net(images).numpy(), output.numpy())
        if program.check() != 0:
            differences.failed.append(f"{case.stem}: says itself that it differs")
    return differences.report()


if __name__ == "__main__":
    sys.exit(main() if len(sys.argv) > 1 else 0)
