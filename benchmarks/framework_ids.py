"""Check every framework identifier of the packaged standard against independent lists.

    python benchmarks/framework_ids.py FOLDER

FOLDER holds JSON files with ``scheme``, ``version`` and identifiers: as ``ids`` (list or mapping),
``annex_a`` and ``clauses``, ``articles`` and ``paragraphs``, or ``techniques``, ``tactics`` and
``mitigations``. Prints what was compared, and ends with 1 when an identifier that the standard
uses or packages is not in the list, or when nothing could be compared.
"""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from railwright.standard import (
    calendar,
    controls,
    framework,
    frameworks,
    harm_ids,
    hazards,
    suite_harms,
    tier,
)

GROUPS = (
    "ids",
    "annex_a",
    "clauses",
    "articles",
    "paragraphs",
    "techniques",
    "tactics",
    "mitigations",
    "categories",
)


def read_lists(folder: Path) -> dict[str, dict[str, str]]:
    """Return, by ``scheme@version``, every identifier with its name ("" where none is given)."""
    lists: dict[str, dict[str, str]] = {}
    for path in sorted(folder.glob("*.json")):
        data: dict[str, Any] = json.loads(path.read_text("utf-8"))
        known: dict[str, str] = {}
        for group in GROUPS:
            entries = data.get(group, [])
            pairs = (
                entries.items() if isinstance(entries, dict) else ((item, "") for item in entries)
            )
            known.update({str(key): str(name) for key, name in pairs})
        lists[f"{data['scheme']}@{data['version']}"] = known
    return lists


def used_ids() -> set[str]:
    """Return every identifier that controls, hazards, suites and the calendar use."""
    today = datetime.now(UTC).date()
    used = {identifier for item in controls() for identifier in item.mapped_ids}
    used |= {identifier for item in hazards() for identifier in (item.id, *item.maps)}
    used |= {identifier for item in calendar(today) for identifier in item.refs}
    used |= {identifier for gate in tier(1).gates for identifier in suite_harms(gate.id)}
    return used


def main(folder: Path) -> int:
    """Compare and print; return the exit code."""
    lists = read_lists(folder)
    bad: list[str] = []
    compared = 0
    for item in frameworks():
        names = [f"{item.scheme}@{version}" for version in (item.version, *item.aliases)]
        known = next((lists[name] for name in names if name in lists), None)
        if known is None:
            print(f"{item.name:24} no list in {folder}; not compared")
            continue
        apart = set(item.annexes)  # the lists hold articles only
        missing = sorted(set(item.titles) - set(known) - apart)
        bad += [f"{item.name}:{name} is packaged but not in the list" for name in missing]
        compared += len(item.titles) - len(apart)
        note = f", {len(apart)} annexes not in the list" if apart else ""
        print(f"{item.name:24} {len(item.titles) - len(apart)} packaged, {len(known)} listed{note}")
    used = used_ids()
    for identifier in sorted(used):
        name, _, key = identifier.partition(":")
        if key not in framework(*name.split("@")).titles:
            bad.append(f"{identifier} is used but not packaged")
    print(f"used by the standard: {len(used)} identifiers; names for harms: {len(harm_ids())}")
    print(f"compared: {compared}; invalid: {len(bad)}")
    for line in bad:
        print(f"  {line}")
    return 1 if bad or not compared else 0


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(str(__doc__))
    sys.exit(main(Path(sys.argv[1])))
