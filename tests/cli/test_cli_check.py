"""From an empty folder to a signed verdict, through the real command line and a real endpoint."""

from __future__ import annotations

import json
import re
from pathlib import Path
from xml.etree import ElementTree as ET

from tests.cli.conftest import REFUSAL, SECRET, ChatServer, Cli, completion, question


def leaks(body: dict[str, object], number: int) -> tuple[int, dict[str, str], bytes]:
    return completion(f"Sure, it is {SECRET}.")


def test_a_leaking_system_fails_and_every_output_says_the_same(
    cli: Cli, chat: ChatServer, system: Path
) -> None:
    chat.answer = leaks
    done = cli(
        "check",
        "bot",
        "--gate",
        "secrets",
        "--json",
        "v.json",
        "--junit",
        "v.xml",
        "--sarif",
        "v.sarif",
        "--html",
        "v.html",
        "--summary",
        "v.md",
        code=1,
    )
    verdict = json.loads((cli.cwd / "v.json").read_text())
    gate = next(g for g in verdict["gates"] if g["id"] == "secrets")
    assert (verdict["outcome"], verdict["exit_code"], gate["outcome"]) == ("fail", 1, "fail")
    assert gate["bounds"]["low"] > gate["threshold"]
    assert "FAIL" in done.stdout
    case = next(
        c
        for c in ET.parse(cli.cwd / "v.xml").iter("testcase")
        if c.get("name", "").startswith("secrets")
    )
    failure = case.find("failure")
    assert failure is not None
    assert failure.get("type") == "failure"
    sarif = json.loads((cli.cwd / "v.sarif").read_text())
    assert [r["level"] for r in sarif["runs"][0]["results"] if r["ruleId"] == "secrets"] == [
        "error"
    ]
    page = (cli.cwd / "v.html").read_text()
    assert f"<mark>{SECRET}</mark>" in page
    assert not re.search(r'(src|href)="https?://', page)
    summary = (cli.cwd / "v.md").read_text()
    assert verdict["ledger"]["checkpoint"] in summary
    assert SECRET not in (system / "rai" / "ledger" / "log.jsonl").read_text()


def test_a_tight_system_passes_stops_early_and_answers_again_from_the_cache(
    cli: Cli, chat: ChatServer, system: Path
) -> None:
    cli("check", "bot", "--gate", "secrets", "--json", "one.json", code=0)
    first = json.loads((cli.cwd / "one.json").read_text())
    gate = next(g for g in first["gates"] if g["id"] == "secrets")
    assert gate["outcome"] == "pass"
    assert gate["bounds"]["high"] <= gate["threshold"]
    assert gate["effort"]["saved_calls"] > 0
    calls = len(chat.asked)
    assert calls == gate["effort"]["calls"]
    cli("check", "bot", "--gate", "secrets", "--json", "two.json", code=0)
    again = json.loads((cli.cwd / "two.json").read_text())
    same = next(g for g in again["gates"] if g["id"] == "secrets")
    assert len(chat.asked) == calls
    assert same["evidence"]["index"] == gate["evidence"]["index"]
    assert same["attempt"] == 1


def test_a_fail_is_decided_again_from_the_cache_as_the_same_attempt(
    cli: Cli, chat: ChatServer, system: Path
) -> None:
    file = system / "system.yaml"
    # The ledger writes 0.0 as 0: what identifies an attempt must not depend on that.
    file.write_text(file.read_text().replace("target:\n", "target:\n  temperature: 0\n"))
    chat.answer = leaks
    found = []
    for name in ("one.json", "two.json"):
        cli("check", "bot", "--gate", "secrets", "--concurrency", "1", "--json", name, code=1)
        gates = json.loads((cli.cwd / name).read_text())["gates"]
        found.append(next(g for g in gates if g["id"] == "secrets"))
    assert [gate["attempt"] for gate in found] == [1, 1]
    assert found[0]["evidence"]["index"] == found[1]["evidence"]["index"]


def test_a_changed_prompt_makes_the_evidence_stale_and_the_next_run_an_attempt(
    cli: Cli, chat: ChatServer, system: Path
) -> None:
    chat.answer = leaks
    cli("check", "bot", "--gate", "secrets", code=1)
    before = cli.json("subject", "bot", "--json")
    (system / "prompts" / "system.txt").write_text("Be helpful!\n")
    after = cli.json("subject", "bot", "--json")
    assert before["digest"] != after["digest"]
    assert {n for n in after["parts"] if before["parts"][n] != after["parts"][n]} == {"prompts"}
    explained = cli("gate", "explain", "bot", "secrets", code=None)
    assert "prompts changed" in explained.stdout
    chat.answer = lambda body, number: completion(REFUSAL)
    cli("check", "bot", "--gate", "secrets", "--json", "v.json", code=0)
    gate = next(
        g for g in json.loads((cli.cwd / "v.json").read_text())["gates"] if g["id"] == "secrets"
    )
    assert gate["outcome"] == "inconclusive"
    assert (gate["attempt"], gate["attempts"]) == (2, 1)
    file = system / "system.yaml"
    file.write_text(file.read_text() + "\ngates:\n  - {id: secrets, attempts: 2}\n")
    cli("check", "bot", "--gate", "secrets", "--json", "v.json", code=0)
    gate = next(
        g for g in json.loads((cli.cwd / "v.json").read_text())["gates"] if g["id"] == "secrets"
    )
    assert (gate["attempt"], gate["attempts"]) == (3, 2)
    assert gate["outcome"] == "inconclusive"


def test_the_plan_names_price_and_errors_before_any_call(
    cli: Cli, chat: ChatServer, system: Path
) -> None:
    plan = cli.json("gate", "plan", "bot", "--json")
    secrets = next(g for g in plan["gates"] if g["gate"] == "secrets")
    assert secrets["single_look"]["0"] == 29
    assert secrets["false_pass"] <= 0.05
    assert secrets["earliest_pass"] <= secrets["calls_max"]
    assert "cross" not in json.dumps(plan["not_applicable"].get("secrets", ""))
    assert chat.asked == []
    table = cli.json("gate", "plan", "--threshold", "0.02", "--errors", "0,1,2,3,5", "--json")
    assert table["n"] == {"0": 149, "1": 236, "2": 313, "3": 386, "5": 523}


def test_an_exhausted_budget_is_inconclusive_and_a_larger_one_goes_on(
    cli: Cli, chat: ChatServer, system: Path
) -> None:
    file = system / "system.yaml"
    file.write_text(file.read_text().replace("tier: 3", "tier: 2"))
    cli("check", "bot", "--gate", "secrets", "--budget-calls", "20", "--json", "v.json", code=3)
    assert len(chat.asked) == 20
    gate = next(
        g for g in json.loads((cli.cwd / "v.json").read_text())["gates"] if g["id"] == "secrets"
    )
    assert gate["outcome"] == "inconclusive"
    assert "budget" in gate["reasons"][0]
    assert gate["needed"]["0"] > gate["bounds"]["n"]
    cli(
        "check",
        "bot",
        "--gate",
        "secrets",
        "--resume",
        "--budget-calls",
        "400",
        "--json",
        "v.json",
        code=None,
    )
    gate = next(
        g for g in json.loads((cli.cwd / "v.json").read_text())["gates"] if g["id"] == "secrets"
    )
    assert gate["outcome"] == "pass"
    assert gate["attempt"] == 1
    assert len(chat.asked) == len(set(chat.asked))


def test_the_ledger_verifies_and_tampering_is_exit_4(
    cli: Cli, chat: ChatServer, system: Path
) -> None:
    cli("check", "bot", "--gate", "secrets", code=0)
    found = cli.json("ledger", "verify", "bot", "--json")
    names = ("integrity", "authenticity", "completeness", "freshness", "binding")
    assert [found[name]["ok"] for name in names] == [True, True, True, None, True]
    head = found["checkpoint"]
    short = f"{head['size']}:{head['root']}"
    cli("ledger", "verify", "bot", "--at-least", short)
    log = system / "rai" / "ledger" / "log.jsonl"
    lines = log.read_text().splitlines(keepends=True)
    log.write_text("".join(lines[:-1]))
    broken = cli.json("ledger", "verify", "bot", "--json", code=4)
    assert broken["integrity"]["ok"] is False
    heads = system / "rai" / "ledger" / "checkpoints.jsonl"
    heads.write_text("".join(heads.read_text().splitlines(keepends=True)[:-1]))
    cli("ledger", "verify", "bot", "--at-least", short, code=4)
    stopped = cli("check", "bot", "--gate", "secrets", code=None)
    assert stopped.returncode in {0, 4}
    log.write_text("".join(lines).replace('"payload":"', '"payload":"A', 1))
    refused = cli("check", "bot", "--gate", "secrets", code=4)
    assert "does not verify" in refused.stderr


def test_aa_reports_flips_and_feeds_no_gate(cli: Cli, chat: ChatServer, system: Path) -> None:
    chat.answer = lambda body, number: completion(REFUSAL if number % 3 else SECRET)
    found = cli.json("gate", "aa", "bot", "--gate", "secrets", "--budget-calls", "15", "--json")
    result = found["results"][0]
    assert result["gate"] == "secrets"
    assert 0 < result["n"] <= 15
    assert result["low"] <= result["outcome_flips"] / result["n"] <= result["high"]
    explained = cli("gate", "explain", "bot", "secrets", code=None)
    assert "no evidence" in explained.stdout


def test_questions_reach_the_endpoint_as_written(cli: Cli, chat: ChatServer, system: Path) -> None:
    seen: list[str] = []

    def answer(body: dict[str, object], number: int) -> tuple[int, dict[str, str], bytes]:
        seen.append(question(body))
        return completion(REFUSAL)

    chat.answer = answer
    cli("check", "bot", "--gate", "secrets", "--budget-calls", "10", code=None)
    assert any("the manager code" in text for text in seen)
    assert not any("{{" in text for text in seen)
