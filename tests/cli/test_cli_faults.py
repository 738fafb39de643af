"""What goes wrong ends in a clear message, the right exit code, and loses nothing."""

from __future__ import annotations

import json
import resource
import signal
import time
from pathlib import Path

from tests.cli.conftest import REFUSAL, ChatServer, Cli, Reply, completion, kill, wait_until

from railwright.evaluate import read_seal


def slow(body: dict[str, object], number: int) -> Reply:
    time.sleep(0.03)
    return completion(REFUSAL)


def verdict_of(cli: Cli, name: str = "v.json") -> dict[str, object]:
    found: dict[str, object] = json.loads((cli.cwd / name).read_text())
    return found


def gate_of(cli: Cli, gate_id: str = "secrets") -> dict[str, object]:
    gates = verdict_of(cli)["gates"]
    assert isinstance(gates, list)
    return next(g for g in gates if g["id"] == gate_id)


def digest_of(system: Path) -> str:
    runs = sorted((system / "rai" / "runs").iterdir())
    seal = read_seal(runs[-1])
    assert seal is not None
    return seal.digest


def test_kill_and_resume_pays_nothing_twice_and_ends_the_same(
    cli: Cli, chat: ChatServer, system: Path
) -> None:
    chat.answer = slow
    args = ("check", "bot", "--gate", "secrets", "--concurrency", "1")
    for more in (5, 12):
        process = cli.start(*args, "--resume")
        start = len(chat.asked)
        wait_until(lambda: len(chat.asked) >= start + more, process)  # noqa: B023
        kill(process)
    cli(*args, "--resume", "--json", "v.json", code=0)
    asked = list(chat.asked)
    interrupted = digest_of(system)
    # One call is in flight at each kill; everything acknowledged is kept.
    assert len(asked) - len(set(asked)) <= 2
    chat.asked.clear()
    for path in (system / "rai" / "cache.sqlite", system / "rai" / "ledger"):
        path.rename(path.with_name(path.name + ".old"))
    for run in (system / "rai" / "runs").iterdir():
        run.rename(system / "rai" / ("old-" + run.name))
    cli(*args, code=0)
    assert digest_of(system) == interrupted
    assert set(chat.asked) == set(asked)


def test_ctrl_c_saves_and_resumes(cli: Cli, chat: ChatServer, system: Path) -> None:
    chat.answer = slow
    process = cli.start("check", "bot", "--gate", "secrets")
    wait_until(lambda: len(chat.asked) >= 6, process)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, (out, err)
    assert "--resume" in err
    before = len(chat.asked)
    cli("check", "bot", "--gate", "secrets", "--resume", "--json", "v.json", code=0)
    assert gate_of(cli)["outcome"] == "pass"
    assert len(chat.asked) - len(set(chat.asked)) == 0
    assert len(chat.asked) > before


def test_a_wrong_key_is_exit_2_and_the_key_is_not_printed(
    cli: Cli, chat: ChatServer, system: Path
) -> None:
    chat.key = "right"
    file = system / "system.yaml"
    file.write_text(file.read_text().replace("target:\n", "target:\n  key_env: BOT_KEY\n"))
    missing = cli("check", "bot", "--gate", "secrets", code=2)
    assert "BOT_KEY" in missing.stderr
    wrong = cli("check", "bot", "--gate", "secrets", code=2, BOT_KEY="sesame-9941")
    assert "BOT_KEY" in wrong.stderr
    assert "sesame-9941" not in wrong.stderr + wrong.stdout
    cli("check", "bot", "--gate", "secrets", "--json", "v.json", code=0, BOT_KEY="right")
    assert gate_of(cli)["attempt"] == 1


def test_an_endpoint_that_is_down_is_exit_2(cli: Cli, chat: ChatServer, system: Path) -> None:
    file = system / "system.yaml"
    file.write_text(file.read_text().replace(f":{chat.port}/", ":9/"))
    done = cli("check", "bot", "--gate", "secrets", code=2)
    assert "127.0.0.1:9" in done.stderr


def test_a_storm_of_429_is_waited_out(cli: Cli, chat: ChatServer, system: Path) -> None:
    def stormy(body: dict[str, object], number: int) -> Reply:
        if number % 3 or number < 8:
            return 429, {"Retry-After": "0.05"}, b'{"error": {"message": "slow down"}}'
        return completion(REFUSAL)

    chat.answer = stormy
    cli("check", "bot", "--gate", "secrets", "--json", "v.json", code=0)
    gate = gate_of(cli)
    assert gate["outcome"] == "pass"
    coverage = gate["coverage"]
    assert isinstance(coverage, dict)
    assert coverage["missing"] == 0


def test_malformed_answers_are_missing_never_pass(cli: Cli, chat: ChatServer, system: Path) -> None:
    file = system / "system.yaml"
    file.write_text(file.read_text().replace("tier: 3", "tier: 2"))
    chat.answer = lambda body, number: (200, {}, b'{"choices": [{"message": ')
    cli("check", "bot", "--gate", "secrets", "--budget-calls", "60", "--json", "v.json", code=3)
    gate = gate_of(cli)
    assert gate["outcome"] == "inconclusive"
    coverage = gate["coverage"]
    assert isinstance(coverage, dict)
    assert coverage["ratio"] == 0
    assert "coverage" in str(gate["reasons"])


def test_an_empty_suite_is_exit_2_with_its_place(cli: Cli, chat: ChatServer, system: Path) -> None:
    (system / "cases").mkdir()
    (system / "cases" / "none.jsonl").write_text("")
    file = system / "system.yaml"
    file.write_text(file.read_text() + "\nsuites: {quality: cases/none.jsonl}\n")
    done = cli("check", "bot", code=2)
    assert "none.jsonl" in done.stderr
    assert chat.asked == []


def test_a_broken_case_line_is_named(cli: Cli, chat: ChatServer, system: Path) -> None:
    (system / "own.jsonl").write_text('{"id": "a", "input": "hi", "expect": "hi"}\n{"id": "b"}\n')
    file = system / "system.yaml"
    file.write_text(file.read_text() + "\nsuites: {quality: own.jsonl}\n")
    done = cli("lint", "bot", code=2)
    assert "own.jsonl:2" in done.stdout


def test_a_full_disk_keeps_what_was_acknowledged(cli: Cli, chat: ChatServer, system: Path) -> None:
    def no_room() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (6_000, 6_000))

    cli("check", "bot", "--gate", "secrets", "--budget-calls", "0", code=None)
    process = cli.start("check", "bot", "--gate", "secrets", "--resume", preexec=no_room)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 2, (out, err)
    assert "Traceback" not in err
    assert "space" in err or "large" in err or "room" in err, err
    paid = len(chat.asked)
    cli("check", "bot", "--gate", "secrets", "--resume", "--json", "v.json", code=0)
    assert gate_of(cli)["outcome"] == "pass"
    assert len(chat.asked) > 0
    assert paid == 0 or len(set(chat.asked)) <= len(chat.asked)
    cli("ledger", "verify", "bot")


def test_unknown_files_and_words_are_usage_errors(cli: Cli, chat: ChatServer) -> None:
    assert "no-such" in cli("check", "no-such", code=2).stderr
    cli("gate", "plan", code=2)
    cli("no-such-verb", code=2)
    (cli.cwd / "c.jsonl").write_text('{"id": "a", "input": "hi", "expect": "hi"}\n')
    unknown = cli("eval", "run", "c.jsonl", "--target", chat.target, "--scorer", "exakt", code=2)
    assert "exakt" in unknown.stderr
    bad = cli("eval", "run", "c.jsonl", "--target", "ftp:x", "--scorer", "exact", code=2)
    assert "ftp" in bad.stderr
    metric = cli("eval", "run", "c.jsonl", "--target", chat.target, "--metric", "nope", code=2)
    assert "task_failure" in metric.stderr
    trusted = cli("ledger", "verify", "--trusted", ".", code=2)
    assert "*.pub" in trusted.stderr


def test_an_output_that_cannot_be_written_is_said_before_any_call(
    cli: Cli, chat: ChatServer, system: Path
) -> None:
    (cli.cwd / "file").write_text("")
    found = cli("check", str(system), "--html", "new/r.html", "--json", "file/v.json", code=2)
    assert "file" in found.stderr
    assert (chat.asked, (cli.cwd / "new" / "r.html").exists()) == ([], False)


def test_eval_run_counts_slices_and_names_why_nothing_was_scored(
    cli: Cli, chat: ChatServer
) -> None:
    case = {"id": "a", "input": "hi", "expect": "no", "slices": {"kind": "odd"}}
    (cli.cwd / "c.jsonl").write_text(json.dumps(case) + "\n")
    args = ("eval", "run", "c.jsonl", "--target", chat.target, "--slice", "kind", "--slice", "nix")
    found = cli(*args, "--out", "r")
    assert "kind odd" in found.stdout
    assert "nix" in found.stderr
    chat.answer = lambda body, number: (400, {}, b'{"error": {"message": "too odd"}}')
    broken = cli(*args, "--out", "r2", code=3)
    assert "too odd" in broken.stdout


def test_eval_run_prints_n_interval_and_resumes(cli: Cli, chat: ChatServer) -> None:
    lines = [
        json.dumps({"id": f"c{i}", "input": f"say {i}", "expect": "a" if i < 30 else "b"})
        for i in range(40)
    ]
    (cli.cwd / "c.jsonl").write_text("\n".join(lines) + "\n")
    chat.answer = lambda body, number: completion("a")
    args = ("eval", "run", "c.jsonl", "--target", chat.target, "--scorer", "exact", "--out", "r")
    found = cli.json(*args, "--json")
    assert (found["n"], found["failures"], found["calls"]) == (40, 10, 40)
    assert found["interval"][0] < 0.25 < found["interval"][1]
    again = cli.json(*args, "--json")
    assert (again["n"], again["calls"], again["digest"]) == (40, 0, found["digest"])
