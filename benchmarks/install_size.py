"""Size of the base install before bytecode, and of what the guard adds, against their limits.

Walks the requirements of the running environment from their metadata (no second install), sums the
files each distribution recorded, and prints the largest. Exit code 1 when the base is over 300 MB,
or what the extra ``guard`` adds to it (rule packs and models are in the base) over 60 MB.
"""

from __future__ import annotations

import re
from importlib import metadata
from pathlib import Path

LIMIT_MB = 300
GUARD_MB = 60


def requirements(name: str, extra: str = "") -> list[str]:
    """Names that a distribution requires here, with those of one extra."""
    from packaging.requirements import Requirement

    found = []
    for text in metadata.requires(name) or []:
        requirement = Requirement(text)
        if requirement.marker is None or requirement.marker.evaluate({"extra": extra}):
            found.append(requirement.name)
    return found


def closure(root: str, extra: str = "") -> list[str]:
    """Every distribution that the root needs, itself included."""
    seen: dict[str, None] = {}
    queue = [root]
    while queue:
        name = re.sub(r"[-_.]+", "-", queue.pop()).lower()
        if name in seen:
            continue
        seen[name] = None
        queue += requirements(name, extra if name == root else "")
    return list(seen)


def size_of(name: str) -> int:
    """Bytes of a distribution's recorded files, bytecode left out."""
    total = 0
    for file in metadata.files(name) or []:
        path = Path(str(file.locate()))
        if path.suffix != ".pyc" and path.is_file():
            total += path.stat().st_size
    if name == "railwright":
        import railwright

        package = Path(railwright.__file__).parent
        files = [p for p in package.rglob("*") if p.is_file() and p.suffix != ".pyc"]
        total = sum(p.stat().st_size for p in files)
    return total


def main() -> int:
    """Print the figures."""
    sizes = {name: size_of(name) for name in closure("railwright")}
    total = sum(sizes.values()) / 1e6
    for name, size in sorted(sizes.items(), key=lambda item: -item[1])[:12]:
        print(f"{name:<22} {size / 1e6:8.1f} MB")
    print(f"{len(sizes)} distributions   {total:8.1f} MB")
    print(f"ratio to the limit of {LIMIT_MB} MB {total / LIMIT_MB:.2f}")
    added = {
        name: size_of(name) / 1e6 for name in closure("railwright", "guard") if name not in sizes
    }
    guard = sum(added.values())
    parts = ", ".join(f"{name} {size:.1f}" for name, size in sorted(added.items()))
    print(f"the extra guard adds {guard:.1f} MB ({parts})")
    print(f"ratio to its limit of {GUARD_MB} MB {guard / GUARD_MB:.2f}")
    return int(total > LIMIT_MB or guard > GUARD_MB)


if __name__ == "__main__":
    raise SystemExit(main())
