"""CPU of starting the command line and of importing the guard, against their limits.

Prints the median of interleaved runs of ``railwright --help``, of ``from railwright.guard import
Guard``, of an empty Python and of importing click alone; each in a process of its own, with
bytecode as an installed package has it. Exit code 1 when the start is over its limit of 0.3
CPU-seconds, or the import over 0.15.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile

LIMITS = {"railwright --help": 0.3, "import Guard": 0.15}
RUNS = 9
COMMANDS = {
    "python -c pass": [sys.executable, "-c", "pass"],
    "python -c 'import click'": [sys.executable, "-c", "import click"],
    "railwright --help": [sys.executable, "-m", "railwright", "--help"],
    "import Guard": [sys.executable, "-c", "from railwright.guard import Guard"],
}


def cpu_of(command: list[str], bytecode: str) -> float:
    """CPU seconds (user and system) of one run of a command."""
    environment = {**os.environ, "PYTHONPYCACHEPREFIX": bytecode}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, env=environment)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} ended with {process.returncode}")
    return usage.ru_utime + usage.ru_stime


def main() -> int:
    """Print the figures."""
    times: dict[str, list[float]] = {name: [] for name in COMMANDS}
    with tempfile.TemporaryDirectory() as bytecode:
        for command in COMMANDS.values():
            cpu_of(command, bytecode)
        for _ in range(RUNS):
            for name, command in COMMANDS.items():
                times[name].append(cpu_of(command, bytecode))
    median = {name: statistics.median(values) for name, values in times.items()}
    for name, value in median.items():
        print(f"{name:<26} {value:.3f} CPU-s")
    bare = median["python -c pass"]
    for name, limit in LIMITS.items():
        ratio = median[name] / limit
        print(f"{name}: {median[name] / bare:.1f} times an empty Python, {ratio:.2f} of {limit} s")
    return int(any(median[name] > limit for name, limit in LIMITS.items()))


if __name__ == "__main__":
    raise SystemExit(main())
