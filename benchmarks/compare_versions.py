#!/usr/bin/env python3
"""compare_versions.py BASE [THIS]: two builds of the program side by side, in one run.

Milliseconds of a training step (from trainings of two lengths, so that the start does not count) of mobile_cnn at batches of 128
and 8 and of Once-for-All's width-1.2 bank at 64x64, one subnet a step, and seconds of an evaluation of 64 merged subnets. The
builds alternate; each figure is the median over the repeats, with the ratio's range. BASE and THIS are `frontier` programs; THIS
is this build by default.
"""
import argparse
import json
import pathlib
import random
import statistics
import tempfile

from program import PROGRAM, answer


def database(folder, program):
    """One of its own each: another version may have another schema."""
    return folder / f"{abs(hash(program))}.db"


def training(folder, program, steps, batch, settings):
    # What is measured at the end does not count: seconds are of the whole, so the difference of two lengths is taken.
    out = folder / f"run-{steps}"
    arguments = ["train", "--out", out, "--overwrite", "--db", database(folder, program), "--steps", steps, "--batch-size", batch,
                 "--set", "final_random_subnets=0", "--set", "evaluation.images=64", "--set", "evaluation.calibration_images=64",
                 "--set", "evaluation.calibration_batch=64", "--set", "checkpoint_seconds=100000", "--quiet"]
    for setting in settings:
        arguments += ["--set", setting]
    return answer(program, *arguments)["seconds"]


def step_milliseconds(folder, program, case):
    short, long = case["steps"]
    seconds = [training(folder, program, steps, case["batch"], case["settings"]) for steps in (short, long)]
    return 1000 * (seconds[1] - seconds[0]) / (long - short)


SYNTHETIC_64 = ["space=ofa_mobilenetv3_w1.2", "data.name=synthetic", "data.search_size=64", "data.synthetic.channels=3",
                "data.synthetic.height=64", "data.synthetic.width=64", "data.synthetic.train_size=640"]
CASES = {
    "training step, mobile_cnn, batch 128": {"steps": (10, 110), "batch": 128, "settings": []},
    "training step, mobile_cnn, batch 8": {"steps": (50, 550), "batch": 8, "settings": []},
    "training step, OFA w1.2, 64x64, batch 8": {"steps": (3, 13), "batch": 8, "settings": SYNTHETIC_64},
    "training step, OFA w1.2, 64x64, batch 32": {"steps": (2, 8), "batch": 32, "settings": SYNTHETIC_64},
}


def evaluation_seconds(folder, program, checkpoints):
    """Of 64 subnets: 8 random ones and 7 neighbours of each, merged into one run."""
    if program not in checkpoints:
        out = folder / f"evaluated-{len(checkpoints)}"
        answer(program, "train", "--out", out, "--db", database(folder, program), "--steps", 20, "--quiet", "--set", "final_random_subnets=0")
        checkpoints[program] = out
    db = folder / f"evaluate-{database(folder, program).name}"
    db.unlink(missing_ok=True)
    results = answer(program, "evaluate", "--checkpoint", checkpoints[program], "--archs", folder / "archs.txt", "--db", db,
                  "--set", "evaluation.images=2000", "--split", "test", "--quiet")["results"]
    return sum(item["seconds"] for item in results)


def neighbours(space):
    """64 architectures in JSON: 8 random ones, each with 7 that differ in one decision."""
    draws = random.Random(1)
    decisions = [(d["name"], d["options"]) for d in space["decisions"]]
    lines = []
    for _ in range(8):
        parent = {name: draws.choice(options) for name, options in decisions}
        lines.append(json.dumps(parent))
        for _ in range(7):
            name, options = draws.choice(decisions)
            lines.append(json.dumps({**parent, name: draws.choice(options)}))
    return lines


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("base")
    parser.add_argument("this", nargs="?", default=PROGRAM)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--only", default="", help="cases whose title holds this text")
    options = parser.parse_args()
    programs = [str(pathlib.Path(p).resolve()) for p in (options.base, options.this)]
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        space = answer(programs[1], "spaces", "mobile_cnn")
        (folder / "archs.txt").write_text("\n".join(neighbours(space)) + "\n")
        checkpoints = {}
        print(f"{'':45} {'base':>9} {'this':>9}  ratio (range over {options.repeats} repeats)")
        for title, case in {**CASES, "evaluation of 64 merged subnets, s": None}.items():
            if options.only not in title:
                continue
            figures = ([], [])
            for _ in range(options.repeats):
                for program, seen in zip(programs, figures):
                    seen.append(evaluation_seconds(folder, program, checkpoints) if case is None
                                else step_milliseconds(folder, program, case))
            ratios = [base / this for base, this in zip(*figures)]
            base, this = map(statistics.median, figures)
            print(f"{title:45} {base:9.2f} {this:9.2f}  {base / this:.2f} ({min(ratios):.2f} to {max(ratios):.2f})", flush=True)


if __name__ == "__main__":
    main()
