#!/usr/bin/env python3
"""exported_accuracy.py [--work DIR] [--seeds 0 1 2]: right test images of exported networks, counted by ONNX Runtime.

Takes the three networks that each search of `benchmarks/main_job.py seeds` found, exports them with the normalisation of pixels inside, runs them on Fashion-MNIST's test images
(read here from the published files) and compares with the accuracy that the results database holds. Exits 1 where a count differs. Needs NumPy and onnxruntime:
`.venv/bin/python benchmarks/exported_accuracy.py`.
"""
import argparse
import gzip
import pathlib
import sys
import tempfile

import numpy
import onnxruntime

from program import PROGRAM, ROOT, answer


def idx(path, header):
    return numpy.frombuffer(gzip.decompress(path.read_bytes()), numpy.uint8, offset=header)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", default=PROGRAM)
    parser.add_argument("--work", type=pathlib.Path, default=ROOT / "build/main_job")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--data", type=pathlib.Path, default=pathlib.Path("/usr/share/datasets/fashion-mnist"))
    options = parser.parse_args()
    images = idx(options.data / "t10k-images-idx3-ubyte.gz", 16).reshape(-1, 1, 28, 28)
    labels = idx(options.data / "t10k-labels-idx1-ubyte.gz", 8)
    different = 0
    print("| seed | subnet | stored, test | right in ONNX Runtime | stored number |\n|---|---|---|---|---|")
    for seed in options.seeds:
        folder = options.work / f"seed{seed}"
        found = answer(options.program, "search", "--checkpoint", folder / "supernet", "--searcher", "nsga2", "--max-macs", "400k,1M,3M", "--budget", 600, "--generation", 25,
                       "--seed", seed, "--db", folder / "frontier.db", "--resume")
        for item in found["results"]:
            best = item["best"]
            with tempfile.TemporaryDirectory() as temporary:
                file = pathlib.Path(temporary) / "network.onnx"
                exported = answer(options.program, "export", "--checkpoint", folder / "supernet", "--arch", best["arch"], "--preprocess", "--db", folder / "frontier.db", "--out", file)
                assert exported["statistics"] == "stored", exported
                session = onnxruntime.InferenceSession(file)
                right = sum(int((session.run(["logits"], {"images": images[i:i + 500]})[0].argmax(1) == labels[i:i + 500]).sum()) for i in range(0, len(images), 500))
            stored = round(best["test_metrics"]["top1"] * len(images))
            different += right != stored
            print(f"| {seed} | `{best['arch']}` | {100 * best['test_metrics']['top1']:.2f} % | {right} | {stored} |", flush=True)
    print(f"\n{different} differ")
    sys.exit(different > 0)


if __name__ == "__main__":
    main()
