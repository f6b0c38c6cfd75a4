#!/usr/bin/env python3
"""Draws which folder includes which into docs/architecture.md, from the sources.

scripts/architecture.py          writes the page
scripts/architecture.py --check  fails where a folder includes upwards or beside itself, a folder without LibTorch includes
                                 it, two headers define the same name, or the page is not what would be written
"""
import argparse
import collections
import pathlib
import re
import sys

LEVELS = [["common"], ["search_spaces"], ["datasets", "supernet", "proxies"], ["evaluators", "exports", "searchers", "db"],
          ["jobs", "report", "tables"], ["apps"]]
LEVEL_OF = {folder: level for level, folders in enumerate(LEVELS) for folder in folders}
WITH_TORCH = {"datasets", "supernet", "proxies", "evaluators", "exports", "jobs/torch"}
INCLUDE = re.compile(r'^\s*#\s*include\s*(["<])([^">]+)[">]', re.MULTILINE)
TORCH = ("torch/", "ATen/", "c10/", "supernet/", "datasets/", "exports/", "jobs/torch/")
PAGE = "docs/architecture.md"
NAMESPACE = re.compile(r"^namespace ([\w:]*)\s*\{|^\}\s*// namespace", re.MULTILINE)
TYPE = re.compile(r"^(?:class|struct|enum class)\s+(?:\[\[\w+\]\]\s*)?(\w+)[^;{(]*\{", re.MULTILINE)


def room(path):
    """The folder that `path` belongs to: jobs/torch apart, as it alone of jobs needs LibTorch."""
    return "jobs/torch" if path.startswith("jobs/torch/") else path.split("/")[0]


def read_includes(root):
    """(including file, included path) of every include in the sources."""
    for folder in LEVEL_OF:
        for file in sorted((root / folder).rglob("*")):
            if file.suffix in (".h", ".cpp", ".cu"):
                for _, included in INCLUDE.findall(file.read_text()):
                    yield file.relative_to(root).as_posix(), included


def wrong_include(file, included):
    """Why `file` may not include `included`; None where it may."""
    here, there = room(file), room(included)
    if here not in WITH_TORCH and here != "searchers" and included.startswith(TORCH):
        return f"{here} is built without LibTorch"
    if "/" not in included or included.split("/")[0] not in LEVEL_OF:
        return None
    here, there = file.split("/")[0], included.split("/")[0]
    if here == there or LEVEL_OF[there] < LEVEL_OF[here]:
        return None
    return f"{there} is {'above' if LEVEL_OF[there] > LEVEL_OF[here] else 'beside'} {here}"


def types_of(text):
    """The types that a header defines in its namespaces, with these."""
    inside, places = [], []
    for match in NAMESPACE.finditer(text):
        if match.group(0).startswith("}"):
            inside = inside[:-1]
        else:
            inside = [*inside, match.group(1)]
        places.append((match.start(), "::".join(inside)))
    for match in TYPE.finditer(text):
        around = [name for start, name in places if start < match.start()]
        yield (around[-1] + "::" if around and around[-1] else "") + match.group(1)


def defined_twice(root):
    """What is wrong where two headers define one name: the linker would take either for both."""
    first = {}
    for folder in LEVEL_OF:
        for file in sorted((root / folder).rglob("*.h")):
            name = file.relative_to(root).as_posix()
            for defined in types_of(file.read_text()):
                if first.setdefault(defined, name) != name:
                    yield f"{first[defined]} and {name} both define {defined}"


def find_arrows(includes):
    """{including folder: folders included}"""
    arrows = collections.defaultdict(set)
    for file, included in includes:
        here, there = room(file), room(included)
        if there.split("/")[0] in LEVEL_OF and "/" in included and here != there:
            arrows[here].add(there)
    return arrows


def node(folder):
    return folder.replace("/", "_")


def draw(arrows):
    """A mermaid picture: a row a level."""
    present = set(arrows).union(*arrows.values())
    lines = ["```mermaid", "flowchart TD"]
    for level in reversed(range(len(LEVELS))):
        folders = [f for f in LEVELS[level] if f in present]
        if "jobs" in folders:
            folders.append("jobs/torch")
        lines.append(f"  subgraph level{level}[ ]")
        lines += [f"    {node(f)}[{f}]" for f in folders]
        lines.append("  end")
    for here in sorted(arrows):
        lines.append(f"  {node(here)} --> " + " & ".join(node(there) for there in sorted(arrows[here])))
    return lines + ["```"]


def tabulate(arrows):
    lines = ["| folder | includes from |", "| --- | --- |"]
    for here in sorted(arrows, key=lambda f: (LEVEL_OF[f.split("/")[0]], f)):
        lines.append(f"| `{here}` | " + ", ".join(f"`{there}`" for there in sorted(arrows[here])) + " |")
    return lines


def write_page(arrows):
    order = " < ".join(", ".join(f"`{f}`" for f in folders) for folders in LEVELS)
    return "\n".join([
        "# Which folder includes which", "",
        "Drawn from the sources by `scripts/architecture.py`; the test `architecture` fails where this page is stale or an",
        "include breaks a rule:", "",
        f"- A folder includes from lower ones only, never from one beside it: {order}.",
        "- " + ", ".join(f"`{f}`" for f in sorted(WITH_TORCH)) + " may need LibTorch (`searchers` in its `.cpp` files); the rest is "
        "built without it.",
        "", *draw(arrows), "", *tabulate(arrows), ""
    ])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--root", type=pathlib.Path, default=pathlib.Path(__file__).resolve().parent.parent)
    options = parser.parse_args()
    includes = list(read_includes(options.root))
    wrong = [f"{file} includes {included}: {why}" for file, included in includes
             if (why := wrong_include(file, included))] + list(defined_twice(options.root))
    text = write_page(find_arrows(includes))
    page = options.root / PAGE
    if options.check:
        if not page.exists() or page.read_text() != text:
            wrong.append(f"{PAGE} is not what the sources say; run scripts/architecture.py")
    else:
        page.write_text(text)
    for line in wrong:
        print(line, file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
