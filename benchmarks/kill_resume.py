#!/usr/bin/env python3
"""Kills jobs with SIGKILL at random moments, goes on with them, compares the end with runs never stopped.

A training, of a supernet or of one network, must end with the same weights and the same optimiser state, byte for byte;
a search with the same evaluations (every metric to the last digit) and the same best subnet for every budget. A killed
export leaves the old file or the new one, whole, and nothing beside it once it is done again; a killed import leaves a
sound database, and is complete once it is done again. Needs only the Python standard library; exits 1 on any difference.

    benchmarks/kill_resume.py                        # 20 kills of each, about 8 minutes on 2 cores
    benchmarks/kill_resume.py --only train --kills 100 --seed 7
    benchmarks/kill_resume.py --space nas_bench_201 --kills 5 --steps 20
"""

import argparse
import itertools
import json
import os
import pathlib
import random
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time

from program import PROGRAM, answer

DATA = ["--data", "synthetic", "--set", "data.synthetic.train_size=1000", "--set", "data.synthetic.test_size=200",
        "--set", "evaluation.calibration_images=128", "--set", "evaluation.calibration_batch=64"]


class Failure(Exception):
    pass


def run_until(command, cwd, seconds=None):
    """Runs the command; kills it after `seconds`. Returns its output, or None if it was killed."""
    with open(cwd / "stdout", "w+") as out, open(cwd / "stderr", "w+") as err:
        process = subprocess.Popen(command, cwd=cwd, stdin=subprocess.DEVNULL, stdout=out, stderr=err)
        try:
            process.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            return None
        if process.returncode != 0:
            err.seek(0)
            raise Failure(f"{' '.join(command)} ended with {process.returncode}: {err.read().strip()}")
        out.seek(0)
        return out.read()


def check_database(path):
    with sqlite3.connect(path) as db:
        answer = db.execute("PRAGMA integrity_check").fetchone()[0]
    db.close()
    if answer != "ok":
        raise Failure(f"{path.name}: {answer}")


class Training:
    name = "train"
    job = ["train", "--sampler"]

    def __init__(self, args, sampler=None):
        self.command = [args.frontier, *self.job, sampler or args.sampler, "--quiet", "--json", "--db", "results.db",
                        "--out", "supernet", "--space", args.space, "--steps", str(args.steps), "--batch-size", "32",
                        "--set", "checkpoint_steps=5", "--seed", str(args.seed), "--threads", str(args.threads), *DATA]
        self.again = self.command + ["--resume"]

    def reached(self, folder):
        """What a killed process left, for the table."""
        for name in ("supernet", "supernet.old"):
            try:
                return "step %d" % json.loads((folder / name / "run.json").read_text())["trainer"]["step"]
            except OSError:
                continue
        return "nothing"

    def outcome(self, folder, output):
        check_database(folder / "results.db")
        supernet = folder / "supernet"
        run = json.loads((supernet / "run.json").read_text())
        left = sorted(p.name for p in folder.iterdir() if p.name.startswith("supernet"))
        return {"weights": (supernet / "weights.safetensors").read_bytes(),
                "state": (supernet / "state.safetensors").read_bytes(), "trainer": run["trainer"],
                "metrics": run["metrics"], "config": run["config"], "folders": left}


class Scratch(Training):
    """One network, from scratch."""
    name = "scratch"
    job = ["evaluate", "--evaluator", "scratch", "--arch"]

    def __init__(self, args):
        super().__init__(args, answer(args.frontier, "spaces", args.space, "--input", "1x28x28")["cheapest"])


class Search:
    name = "search"

    def __init__(self, args, supernet):
        self.supernet = supernet
        macs = answer(args.frontier, "spaces", args.space, "--input", "1x28x28")["macs"]
        least, most = macs["min"], macs["max"]
        budgets = ",".join(str(least + (most - least) * part // 10) for part in (1, 3, 6))
        self.command = [args.frontier, "search", "--quiet", "--json", "--db", "results.db", "--checkpoint",
                        str(supernet), "--budget", str(args.budget), "--generation", "8", "--max-macs", budgets,
                        "--set", "searcher.population=8", "--seed", str(args.seed), "--threads", str(args.threads)]
        self.again = self.command + ["--resume"]

    def reached(self, folder):
        try:
            with sqlite3.connect(folder / "results.db") as db:
                (count,) = db.execute("SELECT COUNT(*) FROM evaluations").fetchone()
            db.close()
            return f"{count} subnets"
        except sqlite3.Error:
            return "nothing"

    def outcome(self, folder, output):
        check_database(folder / "results.db")
        with sqlite3.connect(folder / "results.db") as db:
            evaluations = sorted(db.execute(
                "SELECT canonical, split, macs, params, checkpoint, dataset, fidelity, n.name, m.value FROM results r"
                " JOIN metrics m ON m.evaluation = r.evaluation JOIN metric_names n ON n.id = m.metric"))
            runs = db.execute("SELECT kind, state FROM runs").fetchall()
        db.close()
        return {"evaluations": evaluations, "best": json.loads(output)["results"], "runs": runs}


class Export:
    """Over a network that was exported before: a reader finds that one or the new one."""
    name = "export"

    def __init__(self, args, supernet):
        self.frontier = args.frontier
        space = answer(args.frontier, "spaces", args.space, "--input", "1x28x28")
        command = [args.frontier, "export", "--quiet", "--json", "--checkpoint", str(supernet), "--out", "network.onnx",
                   "--overwrite", "--threads", str(args.threads), "--arch"]
        self.before = command + [space["cheapest"]]
        self.command = self.again = command + [space["dearest"]]

    def reached(self, folder):
        found = answer(self.frontier, "check", folder / "network.onnx")  # ends the script where it is damaged
        return "%.2f M MACs" % (found["macs"] / 1e6)

    def outcome(self, folder, output):
        return {"file": (folder / "network.onnx").read_bytes(), "answer": json.loads(output),
                "left": sorted(p.name for p in folder.iterdir())}


class Import:
    """A table of every network of nas_bench_macro."""
    name = "import"

    def __init__(self, args, folder):
        table, names = folder / "table.csv", folder / "map.json"
        rng = random.Random(args.seed)
        choices = ["".join(str(choice) for choice in number) for number in itertools.product(range(3), repeat=8)]
        table.write_text("arch,top1\n" + "".join(f"{arch},{rng.random():.6f}\n" for arch in choices))
        names.write_text(json.dumps({"arch": "arch", "results": [
            {"dataset": "made up", "split": "test", "metrics": {"top1": "top1"}}]}))
        self.command = self.again = [args.frontier, "import", str(table), "--space", "nas_bench_macro", "--map",
                                     str(names), "--db", "results.db", "--quiet", "--json"]

    def reached(self, folder):
        if not (folder / "results.db").exists():
            return "nothing"
        check_database(folder / "results.db")
        try:
            with sqlite3.connect(folder / "results.db") as db:
                (count,) = db.execute("SELECT COUNT(*) FROM evaluations").fetchone()
            db.close()
            return f"{count} rows"
        except sqlite3.OperationalError:  # killed before its tables were there
            return "no tables"

    def outcome(self, folder, output):
        check_database(folder / "results.db")
        with sqlite3.connect(folder / "results.db") as db:
            rows = sorted(db.execute("SELECT canonical, split, macs, params, dataset, top1 FROM results"))
        db.close()
        return {"rows": rows}


def begin(job, folder):
    folder.mkdir()
    if hasattr(job, "before"):
        run_until(job.before, folder)


def attempt(job, folder, kills, seconds, rng):
    """One run, killed `kills` times at random moments, to its end. Returns its outcome and where it was killed."""
    begin(job, folder)
    killed = []
    command = job.command
    while len(killed) < kills:
        moment = rng.uniform(0, seconds)
        if run_until(command, folder, moment) is None:
            killed.append(f"{moment:.2f} s ({job.reached(folder)})")
        elif not killed:  # it was done before: begin anew, so that every row has a kill
            shutil.rmtree(folder)
            begin(job, folder)
            continue
        else:
            break  # done before a second kill
        command = job.again
    output = run_until(job.again, folder)
    return job.outcome(folder, output), killed


def check(job, folder, args, rng):
    reference_folder = folder / "reference"
    folder.mkdir(parents=True, exist_ok=True)
    begin(job, reference_folder)
    start = time.monotonic()
    output = run_until(job.command, reference_folder)
    seconds = time.monotonic() - start
    reference = job.outcome(reference_folder, output)
    print(f"\n{job.name}: never stopped, {seconds:.1f} s")
    print(f"{'run':>4} {'seconds':>8}  {'end':<12} killed after (what was on disk)")
    different = 0
    for number in range(1, args.kills + 1):
        start = time.monotonic()
        place = folder / f"run{number}"
        try:
            outcome, killed = attempt(job, place, 1 + (number % 3 == 0), seconds, rng)
            differences = [key for key in reference if outcome[key] != reference[key]]
        except Failure as failure:
            differences, killed = [str(failure)], []
        verdict = "equal" if not differences else "DIFFERS: " + ", ".join(differences)
        print(f"{number:>4} {time.monotonic() - start:>8.1f}  {verdict:<12} {', '.join(killed)}", flush=True)
        different += bool(differences)
        if not differences:
            shutil.rmtree(place)
    print(f"{job.name}: {args.kills - different} of {args.kills} killed runs ended exactly like the one never stopped")
    return different


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frontier", default=os.environ.get("FRONTIER_BINARY", PROGRAM),
                        help="the program")
    parser.add_argument("--space", default="mobile_cnn", help="a search space for images of 1x28x28")
    parser.add_argument("--sampler", default="uniform")
    parser.add_argument("--kills", type=int, default=20, help="runs that are killed, of each kind")
    parser.add_argument("--steps", type=int, default=60, help="training steps")
    parser.add_argument("--budget", type=int, default=96, help="subnets of a search")
    parser.add_argument("--seed", type=int, default=0, help="of training, search and kills")
    parser.add_argument("--threads", type=int, default=0, help="threads of the program; 0: one a core")
    parser.add_argument("--only", choices=["train", "search", "scratch", "export", "import"])
    parser.add_argument("--keep", metavar="FOLDER", help="work here and keep what differs")
    args = parser.parse_args()
    args.frontier = str(pathlib.Path(args.frontier).resolve())
    rng = random.Random(args.seed)
    folder = pathlib.Path(args.keep or tempfile.mkdtemp(prefix="frontier_kill_resume_")).resolve()
    different = 0
    start = time.monotonic()
    try:
        supernet = folder / "train" / "reference"
        if args.only in (None, "train"):
            different += check(Training(args), folder / "train", args, rng)
        elif args.only in ("search", "export"):
            supernet.mkdir(parents=True)
            run_until(Training(args).command, supernet)
        for job in (Search, Scratch, Export, Import):
            if args.only not in (None, job.name):
                continue
            (folder / job.name).mkdir(parents=True, exist_ok=True)
            inputs = {"search": [supernet / "supernet"], "export": [supernet / "supernet"], "import": [folder / "import"]}
            different += check(job(args, *inputs.get(job.name, [])), folder / job.name, args, rng)
    finally:
        if not args.keep:
            shutil.rmtree(folder, ignore_errors=True)
    print(f"\n{time.monotonic() - start:.0f} s in all; seed {args.seed}")
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main())
