"""What the scripts of this folder share: where the program is, and its answers."""
import json
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]
PROGRAM = str(ROOT / "build/release/frontier")


def answer(program, *arguments):
    """What a command answers with --json. Ends the script where the command fails; its own message is on stderr then."""
    command = [str(program), *map(str, arguments), "--json"]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    if done.returncode:
        sys.exit(f"{sys.argv[0]}: {' '.join(command)} failed")
    return json.loads(done.stdout)
