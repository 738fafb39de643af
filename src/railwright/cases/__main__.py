"""Keep the generated files of suites up to date.

``python -m railwright.cases lock FOLDER...`` writes the lock of each suite folder (all starter
suites if none is named); ``python -m railwright.cases schemas FOLDER`` writes the JSON Schemas.
"""

from __future__ import annotations

import sys
from pathlib import Path

import msgspec

from railwright.cases import CasesError, json_schemas, load_suite, starter_suites, write_lock

_USAGE = "usage: python -m railwright.cases lock [FOLDER...] | schemas FOLDER\n"


def main(arguments: list[str]) -> int:
    """Run one of the two commands; return the exit code."""
    match arguments:
        case ["lock", *folders]:
            for folder in folders or starter_suites():
                suite = load_suite(folder)
                path = write_lock(suite)
                sys.stdout.write(f"{path}: {suite.size} cases, {suite.sources} sources\n")
        case ["schemas", folder]:
            for name, schema in json_schemas().items():
                text = msgspec.json.format(msgspec.json.encode(schema), indent=2)
                (Path(folder) / name).write_bytes(text + b"\n")
        case _:
            sys.stderr.write(_USAGE)
            return 2
    return 0


if __name__ == "__main__":
    try:
        code = main(sys.argv[1:])
    except CasesError as error:
        sys.stderr.write(f"{error}\n")
        code = 2
    sys.exit(code)
