#!/usr/bin/env python3
"""onnx_check.py [FOLDER]: runs every FOLDER/*.onnx in ONNX Runtime on one image and on seven, against FOLDER/*.expected, and
on the reference that the file carries. Differences up to 1e-4 are allowed, of the largest output where that is above 1.
Without a folder it says whether it could (exit code 77: what it needs is not installed)."""
import base64
import json
import pathlib
import sys

import cases

try:
    import numpy
    import onnxruntime
except ImportError as error:
    print(f"skipped: {error}; scripts/setup.sh installs onnxruntime")
    sys.exit(cases.MISSING)


def stored(text):
    tensor = json.loads(text)
    return numpy.frombuffer(base64.b64decode(tensor["data"]), tensor["dtype"]).reshape(tensor["shape"])


def main():
    differences = cases.Differences(1e-4)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    for case in sorted(pathlib.Path(sys.argv[1]).glob("*.onnx")):
        session = onnxruntime.InferenceSession(str(case), options, providers=["CPUExecutionProvider"])
        expected = cases.read_safetensors(case.with_suffix(".expected"), numpy)
        metadata = session.get_modelmeta().custom_metadata_map

        def run(images):
            return session.run(["logits"], {"images": images})[0]

        differences.add(case, run(expected["images"][:1]), expected["of_one"])
        differences.add(case, run(expected["images"]), expected["of_seven"])
        differences.add(case, run(stored(metadata["reference.input"])), stored(metadata["reference.output"]))
    return differences.report()


if __name__ == "__main__":
    sys.exit(main() if len(sys.argv) > 1 else 0)
