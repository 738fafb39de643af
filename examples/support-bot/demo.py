"""Run a command against the example: start the assistant, wait for it, run, stop it.

    python demo.py                          railwright check on this folder
    python demo.py -- railwright gate plan .
    python demo.py --smoke -- COMMAND...    with the smallest model

The exit code is the command's. 2 also means that the assistant could not start.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import FrameType

HERE = Path(__file__).resolve().parent
READY = "support-bot ready"


class StartError(Exception):
    """The assistant did not come up; its own message has been printed."""


@contextlib.contextmanager
def running(options: Sequence[str], key: str, timeout: float = 180.0) -> Iterator[str]:
    """Run the assistant with these options of ``python -m app``; yield its base URL.

    It is stopped at the end of the block, and ends by itself if this process is killed.

    Raises:
        StartError: it ended, or was not ready within ``timeout`` seconds.
    """
    process = subprocess.Popen(
        [sys.executable, "-m", "app", "--with-parent", *options],
        cwd=HERE,
        env=os.environ | {"SUPPORT_BOT_KEY": key},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,  # Ctrl-C reaches the command first; the assistant is stopped after
    )
    try:
        yield _wait_ready(process, timeout)
    finally:
        _stop(process)


def _wait_ready(process: subprocess.Popen[str], timeout: float) -> str:
    end = time.monotonic() + timeout
    if process.stdout is None:
        raise StartError("no output to wait for")
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while selector.select(max(0.0, end - time.monotonic())):
            line = process.stdout.readline()
            if not line:
                raise StartError(f"the assistant ended with exit code {process.wait()}")
            if line.startswith(READY):
                print(line.rstrip(), file=sys.stderr, flush=True)
                return line.split()[2]
    raise StartError(f"the assistant was not ready after {timeout:.0f} s")


def _stop(process: subprocess.Popen[str], grace: float = 10.0) -> None:
    process.terminate()
    try:
        process.wait(grace)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            pipe.close()


def _exit(number: int, _: FrameType | None) -> None:
    sys.exit(128 + number)


def main(arguments: Sequence[str]) -> int:
    """Run the command after ``--`` (default: ``railwright check``) with the assistant up."""
    if "-h" in arguments or "--help" in arguments:
        print(__doc__)
        return 0
    options, command = list(arguments), [str(Path(sys.executable).with_name("railwright"))]
    command += ["check", str(HERE)]
    if "--" in options:
        at = options.index("--")
        options, command = options[:at], options[at + 1 :]
    key = os.environ.get("SUPPORT_BOT_KEY") or secrets.token_urlsafe(12)
    signal.signal(signal.SIGTERM, _exit)
    try:
        with running(options, key) as url:
            environment = os.environ | {"SUPPORT_BOT_KEY": key, "SUPPORT_BOT_URL": url}
            child = subprocess.Popen(command, env=environment)
            signal.signal(signal.SIGINT, lambda *_: None)  # the command decides what Ctrl-C means
            try:
                return child.wait()
            finally:
                if child.poll() is None:
                    child.terminate()
                    child.wait()
    except (StartError, FileNotFoundError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
