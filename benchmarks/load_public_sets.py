"""Load every public set that is found under a folder and print what came of each.

Usage: python benchmarks/load_public_sets.py FOLDER

Each set is looked for in the folders below FOLDER that are named like its loader (for
``cyberseceval_injection`` also ``cyberseceval``). Exit code 1 when a set that is there fails.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from railwright.cases import CasesError, load_set, loaders


def find(folder: Path, name: str) -> Path | None:
    """The folder of a set: the nearest one that is named like its loader."""
    names = {name, name.removesuffix("_injection")}
    found = [p for p in folder.rglob("*") if p.is_dir() and p.name in names]
    return min(found, key=lambda p: (len(p.parts), p)) if found else None


def main(folder: Path) -> int:
    head = ("set", "rows", "cases", "sources", "minors", "repeated", "rows/s", "licence")
    print("{:<24}{:>8}{:>8}{:>9}{:>8}{:>10}{:>10}  {}".format(*head))
    failed = 0
    for name, loader in loaders().items():
        place = find(folder, name)
        if place is None:
            print(f"{name:<24}not found (wants {' or '.join(loader.patterns)})")
            continue
        options = {"part": "all"} if "part" in loader.options else {}
        started = time.process_time()
        try:
            loaded = load_set(name, place, options)
            for _ in loaded.cases:
                pass
        except CasesError as error:
            failed += 1
            print(f"{name:<24}{error}")
            continue
        spent = max(time.process_time() - started, 1e-9)
        r = loaded.report
        print(
            f"{name:<24}{r.rows:>8}{r.kept:>8}{r.sources:>9}{r.dropped_minors:>8}"
            f"{r.repeated:>10}{r.rows / spent:>10.0f}  {r.licence}"
        )
    return 1 if failed else 0


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    sys.exit(main(Path(sys.argv[1])))
