"""What the runner costs: CPU and memory for each thousand samples, over HTTP and in process.

Every figure is the CPU time and peak memory of a child process of its own, start-up included, so
that a crowded machine does not change it. The mock endpoint answers after 20 ms.

    python benchmarks/runner_speed.py              # one to two minutes
    python benchmarks/runner_speed.py --full       # 200,000 samples over HTTP as well
    python benchmarks/runner_speed.py --inspect V  # the same cases by Inspect AI from venv V
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

CONCURRENCY = 100
LATENCY_S = 0.02
START_UP = 20
CPU_LIMIT = 0.5
RSS_LIMIT_MB = 250
RATE_LIMIT = 10_000
INSPECT_RATIO = 10
HERE = Path(__file__).resolve()
_WORDS = "amber birch cedar delta ember fjord grove heath islet jetty knoll larch marsh"
_VOCABULARY = _WORDS.split()


class Used(NamedTuple):
    """What a child process took."""

    cpu_s: float
    rss_mb: float
    said: dict[str, Any]


# -- the mock endpoint, in a process of its own ----------------------------------------------------


class Mock(asyncio.Protocol):
    """Answers every POST with the same chat completion after ``LATENCY_S``."""

    BODY = json.dumps(
        {
            "id": "mock-1",
            "object": "chat.completion",
            "model": "mock",
            "choices": [
                {
                    "index": 0,
                    "finish_reason": "stop",
                    "message": {"role": "assistant", "content": "The answer is 42."},
                }
            ],
            "usage": {"prompt_tokens": 40, "completion_tokens": 6, "total_tokens": 46},
        }
    ).encode()
    REPLY = (
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
        % len(BODY)
    ) + BODY

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.buffer = b""

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        while (end := self.buffer.find(b"\r\n\r\n")) >= 0:
            head = self.buffer[:end].lower()
            at = head.find(b"content-length:")
            length = int(head[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
            if len(self.buffer) < end + 4 + length:
                return
            self.buffer = self.buffer[end + 4 + length :]
            asyncio.get_running_loop().call_later(LATENCY_S, self.transport.write, self.REPLY)


async def serve() -> None:
    server = await asyncio.get_running_loop().create_server(Mock, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


# -- what is measured, each in a child -------------------------------------------------------------


def answer(messages: list[dict[str, str]]) -> str:
    """The in-process target."""
    return "The answer is 42." if messages else ""


def railwright_run(cases: str, out: str, target: str) -> dict[str, Any]:
    from railwright.evaluate import Limits, evaluate_file

    sys.path.insert(0, str(HERE.parent))
    limits = Limits(concurrency=CONCURRENCY)
    summary = evaluate_file(cases, target, "contains", out, limits=limits)
    return {"samples": summary.samples, "failures": summary.failures, "reason": summary.reason}


def cached_run(cases: str, out: str, cache_path: str) -> dict[str, Any]:
    from railwright.evaluate import Cache, evaluate_file

    sys.path.insert(0, str(HERE.parent))
    with Cache(cache_path) as cache:
        summary = evaluate_file(cases, "python:runner_speed:answer", "contains", out, cache=cache)
    return {"samples": summary.samples, "calls": summary.calls, "cached": summary.cached}


def rescoring(run: str, out: str, scorer: str) -> dict[str, Any]:
    from railwright.evaluate import make_scorer, rescore

    return {"samples": rescore(run, make_scorer(scorer), out).samples}


def bare_loop(cases: str, out: str, base: str) -> dict[str, Any]:
    """The least that a program can do: aiohttp, match, one line to a file."""
    import aiohttp

    failures = samples = 0

    async def work() -> None:
        nonlocal failures, samples
        with Path(cases).open() as source, Path(out).open("w") as sink:
            lines = iter(source)

            async def worker(session: aiohttp.ClientSession) -> None:
                nonlocal failures, samples
                for line in lines:
                    case = json.loads(line)
                    body = {"messages": [{"role": "user", "content": case["input"]}]}
                    async with session.post(f"{base}/chat/completions", json=body) as response:
                        reply = await response.json()
                    text = reply["choices"][0]["message"]["content"]
                    samples += 1
                    failures += case["expect"] not in text
                    sink.write(json.dumps({"id": case["id"], "output": text}) + "\n")

            connector = aiohttp.TCPConnector(limit=CONCURRENCY)
            async with aiohttp.ClientSession(connector=connector) as session:
                await asyncio.gather(*(worker(session) for _ in range(CONCURRENCY)))

    asyncio.run(work())
    return {"samples": samples, "failures": failures}


CHILDREN: dict[str, Callable[[str, str, str], dict[str, Any]]] = {
    "railwright": railwright_run,
    "cached": cached_run,
    "rescore": rescoring,
    "bare": bare_loop,
}

# Runs under the other tool's interpreter: only the standard library and Inspect AI are there.
INSPECT = """
import json, sys
from inspect_ai import Task, eval
from inspect_ai.dataset import Sample
from inspect_ai.scorer import includes
from inspect_ai.solver import generate
cases, out, base = sys.argv[1:4]
data = [Sample(id=c["id"], input=c["input"], target=c["expect"])
        for c in map(json.loads, open(cases))]
logs = eval(Task(dataset=data, solver=generate(), scorer=includes()), model="openai-api/mock/mock",
            model_base_url=base, model_args={"api_key": "none"}, max_connections=CONCURRENCY,
            max_samples=CONCURRENCY, log_dir=out, display="none")
print(json.dumps({"samples": len(data), "status": logs[0].status}))
""".replace("CONCURRENCY", str(CONCURRENCY))


# -- measuring -------------------------------------------------------------------------------------


def measure(command: list[str]) -> Used:
    """Run a command and read what it used from its ``rusage``."""
    child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    output = child.stdout.read()
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        sys.exit(f"{command[:4]} ended with {child.returncode}")
    said = json.loads(output.strip().splitlines()[-1])
    return Used(usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, said)


def measure_child(kind: str, first: object, second: object, third: object) -> Used:
    arguments = ["--child", kind, str(first), str(second), str(third)]
    return measure([sys.executable, str(HERE), *arguments])


def write_cases(path: Path, count: int) -> Path:
    """Prompts of about 185 characters; 70 of 100 expect what the mock answers."""
    draw = random.Random(7)
    with path.open("w") as stream:
        for number in range(count):
            text = " ".join(draw.choice(_VOCABULARY) for _ in range(31))
            expect = "42" if draw.random() < 0.7 else "43"
            stream.write(json.dumps({"id": f"c{number}", "input": text, "expect": expect}) + "\n")
    return path


def line(name: str, used: Used, count: int, *, note: str = "") -> float:
    """Print one row and return CPU seconds for each 1,000 samples."""
    assert used.said["samples"] == count, used.said
    per = used.cpu_s * 1000 / count
    print(
        f"{name:<34} {count:>8,} {per:>10.3f} {count / used.cpu_s:>12,.0f} "
        f"{used.rss_mb:>8.0f}  {note}"
    )
    return per


def over_http(folder: Path, base: str, counts: list[int], inspect: str) -> list[str]:
    misses = []
    few = write_cases(folder / "cases-few.jsonl", START_UP)
    start = measure_child("railwright", few, folder / "http-few", f"openai:{base}#mock").cpu_s
    bare_start = measure_child("bare", few, folder / "bare-few.jsonl", base).cpu_s
    print(f"start-up and {START_UP} samples: {start:.2f} CPU-s (bare loop {bare_start:.2f})")
    for count in counts:
        cases = write_cases(folder / f"cases-{count}.jsonl", count)
        ours = measure_child("railwright", cases, folder / f"http-{count}", f"openai:{base}#mock")
        bare = measure_child("bare", cases, folder / f"bare-{count}.jsonl", base)
        # Start-up is shown above; a run of 1,000 samples is mostly that, for the bare loop too.
        per = (ours.cpu_s - start) * 1000 / (count - START_UP)
        ratio = (ours.cpu_s - start) / (bare.cpu_s - bare_start)
        line("bare aiohttp loop", bare, count)
        note = f"after start-up {per:.3f}: {per / CPU_LIMIT:.2f} of the limit, {ratio:.2f} x bare"
        line("railwright over HTTP", ours, count, note=note)
        if per > CPU_LIMIT:
            misses.append(f"HTTP {count}: {per:.3f} CPU-s per 1,000 samples, limit {CPU_LIMIT}")
        if ours.rss_mb > RSS_LIMIT_MB:
            misses.append(f"HTTP {count}: {ours.rss_mb:.0f} MB, limit {RSS_LIMIT_MB}")
        if inspect and count == counts[0]:
            script = folder / "inspect_run.py"
            script.write_text(INSPECT)
            command = [f"{inspect}/bin/python", str(script), str(cases), str(folder / "logs"), base]
            theirs = measure(command)
            ratio = theirs.cpu_s / ours.cpu_s
            line("inspect over HTTP", theirs, count, note=f"{ratio:.1f} x ours")
            if ratio < INSPECT_RATIO:
                misses.append(
                    f"Inspect AI takes only {ratio:.1f} x our CPU, wanted {INSPECT_RATIO}"
                )
    return misses


def in_process(folder: Path, count: int) -> list[str]:
    cases = write_cases(folder / "cases-local.jsonl", count)
    target, cache = "python:runner_speed:answer", folder / "cache.sqlite"
    rows = {
        "python target in process": ("railwright", cases, folder / "local", target),
        "first run with a cache": ("cached", cases, folder / "filling", cache),
        "answered from the cache": ("cached", cases, folder / "cached", cache),
        "re-scored from the run": ("rescore", folder / "local", folder / "again", "exact"),
    }
    misses = []
    for name, row in rows.items():
        per = line(name, measure_child(*row), count)
        if 1000 / per < RATE_LIMIT and "first run" not in name:
            misses.append(f"{name}: {1000 / per:,.0f} samples/s, wanted {RATE_LIMIT:,}")
    return misses


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--full", action="store_true", help="200,000 samples over HTTP as well")
    parser.add_argument("--inspect", default="", metavar="VENV", help="a venv with Inspect AI")
    parser.add_argument("--child", nargs=4, help=argparse.SUPPRESS)
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.serve:
        asyncio.run(serve())
        return 0
    if chosen.child:
        kind, *arguments = chosen.child
        print(json.dumps(CHILDREN[kind](*arguments)))
        return 0
    header = ("", "samples", "CPU-s/1000", "samples/CPU-s", "peak MB")
    print("{:<34} {:>8} {:>10} {:>12} {:>8}".format(*header))
    server = subprocess.Popen(
        [sys.executable, str(HERE), "--serve"], stdout=subprocess.PIPE, text=True
    )
    try:
        assert server.stdout is not None
        base = f"http://127.0.0.1:{int(server.stdout.readline())}/v1"
        with tempfile.TemporaryDirectory() as name:
            counts = [1_000, 20_000, *([200_000] if chosen.full else [])]
            misses = over_http(Path(name), base, counts, chosen.inspect)
            misses += in_process(Path(name), 50_000)
    finally:
        server.terminate()
        server.wait()
    for miss in misses:
        print("MISSED:", miss)
    return 1 if misses else 0


if __name__ == "__main__":
    sys.exit(main())
