"""What the two scripts beside it share: the cases of a folder, and what is said of them."""
import collections
import json
import pathlib

MISSING = 77  # exit code: what the networks are run with is not installed


def read_safetensors(path, numpy):
    """Tensors by name, as arrays."""
    data = pathlib.Path(path).read_bytes()
    begin = 8 + int.from_bytes(data[:8], "little")
    tensors = {}
    for name, entry in json.loads(data[8:begin]).items():
        if name != "__metadata__":
            first, last = entry["data_offsets"]
            dtype = {"F32": numpy.float32, "U8": numpy.uint8}[entry["dtype"]]
            tensors[name] = numpy.frombuffer(data[begin + first:begin + last], dtype).reshape(entry["shape"])
    return tensors


class Differences:
    """The largest difference of each space's networks, absolute and as a part of the largest output."""

    def __init__(self, allowed):
        self.allowed = allowed
        self.largest = collections.defaultdict(lambda: [0, 0.0, 0.0])
        self.failed = []

    def add(self, case, output, expected):
        space = case.stem.rsplit("-", 1)[0]
        difference = float(abs(output - expected).max()) if output.shape == expected.shape else float("inf")
        scale = max(1.0, float(abs(expected).max()))
        entry = self.largest[space]
        entry[0] += 1
        entry[1] = max(entry[1], difference)
        entry[2] = max(entry[2], difference / scale)
        if not difference <= self.allowed * scale:
            self.failed.append(f"{case.stem}: differs by {difference:.3g} where outputs are up to {scale:.3g}")

    def report(self):
        """Prints a line a space. @returns the exit code."""
        for space, (count, absolute, relative) in sorted(self.largest.items()):
            print(f"{space:32} {count:4} runs, largest difference {absolute:.2e}, of the largest output {relative:.2e}")
        for line in self.failed:
            print("FAILED " + line)
        return 1 if self.failed or not self.largest else 0
