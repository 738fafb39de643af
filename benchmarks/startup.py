"""CPU of starting the command line, against its limit and against Python itself.

Prints the median of interleaved runs of ``railwright --help``, of an empty Python and of importing
click alone. Exit code 1 when the start is over its limit of 0.3 CPU-seconds.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys

LIMIT_CPU_S = 0.3
RUNS = 9
COMMANDS = {
    "python -c pass": [sys.executable, "-c", "pass"],
    "python -c 'import click'": [sys.executable, "-c", "import click"],
    "railwright --help": [sys.executable, "-m", "railwright", "--help"],
}


def cpu_of(command: list[str]) -> float:
    """CPU seconds (user and system) of one run of a command."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} ended with {process.returncode}")
    return usage.ru_utime + usage.ru_stime


def main() -> int:
    """Print the figures."""
    times: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for _ in range(RUNS):
        for name, command in COMMANDS.items():
            times[name].append(cpu_of(command))
    median = {name: statistics.median(values) for name, values in times.items()}
    for name, value in median.items():
        print(f"{name:<26} {value:.3f} CPU-s")
    start, bare = median["railwright --help"], median["python -c pass"]
    print(f"ratio to an empty Python   {start / bare:.1f}")
    print(f"ratio to the limit of {LIMIT_CPU_S} s {start / LIMIT_CPU_S:.2f}")
    return int(start > LIMIT_CPU_S)


if __name__ == "__main__":
    raise SystemExit(main())
