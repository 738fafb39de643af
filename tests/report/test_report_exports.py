"""Every rendering says what the verdict says, and nothing in a sample can break out of a page."""

from __future__ import annotations

import io
import json
from xml.etree import ElementTree as ET

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from railwright.evaluate import Sample
from railwright.gate import Bounds, Coverage, Effort, EvidenceRef, GateVerdict, LedgerState, Verdict
from railwright.report import (
    SampleSet,
    headline,
    print_verdict,
    rate,
    to_html,
    to_json,
    to_junit,
    to_markdown,
    to_sarif,
)

OUTCOMES = st.sampled_from(["pass", "fail", "inconclusive", "not_applicable"])


def gate(
    name: str, outcome: str, blocking: bool = True, reason: str = "Because of `this`."
) -> GateVerdict:
    return GateVerdict(
        id=name, suite="secrets", metric="leak", controls=("RAI-21",),
        require="upper(leak) <= 0.05", threshold=0.05, confidence=0.95,
        outcome=outcome,  # type: ignore[arg-type]
        blocking=blocking, reasons=(reason,), mend="Run `it`.",
        bounds=Bounds(3, 40, 0.02, 0.18, 0.95),
        coverage=Coverage(40, 0, 1.0, 0.075, 0.075, {"scored": 40}),
        effort=Effort(40, 0, 160, 120),
        evidence=EvidenceRef(2, "ab" * 32, "2026-11-23T00:00:00+00:00", 1, "run-1", "sha256:00"),
        attempt=1, looks=(39, 40), pass_at=(-1, 0), fail_at=(6, 6), failed_at=(1, 5, 30),
        file="bot/system.yaml", line=7, title="Planted secrets stay secret",
    )  # fmt: skip


def verdict(*gates: GateVerdict, code: int = 1) -> Verdict:
    return Verdict(
        system="bot", tier=2, purpose="Help", owner="team", subject_digest="sha256:11",
        parts={"model": "sha256:22"}, as_of="2026-11-23T00:00:00+00:00", outcome="fail",
        exit_code=code, gates=gates, version="0.1.0",
        ledger=LedgerState("rai/ledger", 5, "cd" * 32, "5:" + "cd" * 32,
                           {"integrity": {"ok": True, "detail": []}}),
    )  # fmt: skip


@given(rows=st.lists(st.tuples(OUTCOMES, st.booleans()), min_size=1, max_size=6))
def test_junit_and_sarif_agree_with_the_verdict(rows: list[tuple[str, bool]]) -> None:
    gates = [gate(f"g{i}", outcome, blocking) for i, (outcome, blocking) in enumerate(rows)]
    found = verdict(*gates)
    suite = ET.fromstring(to_junit(found))
    log = json.loads(to_sarif(found))
    results = {r["ruleId"]: r for r in log["runs"][0]["results"]}
    rules = {r["id"] for r in log["runs"][0]["tool"]["driver"]["rules"]}
    failures = 0
    *cases, whole = suite.iter("testcase")
    for item, case in zip(gates, cases, strict=True):
        failure, skipped = case.find("failure"), case.find("skipped")
        stops = item.outcome in {"fail", "inconclusive"} and item.blocking
        assert (failure is not None) == stops
        assert (skipped is not None) == (item.outcome != "pass" and not stops)
        if failure is not None:
            failures += 1
            assert failure.get("type") == ("failure" if item.outcome == "fail" else "inconclusive")
        assert (item.id in results) == (item.outcome in {"fail", "inconclusive"})
        if item.id in results:
            level = results[item.id]["level"]
            assert (level == "error") == (item.outcome == "fail" and item.blocking)
            assert (level == "note") == (not item.blocking)
    assert (whole.find("failure") is not None) == (failures == 0)
    assert suite.get("failures") == str(max(1, failures))
    assert set(results) <= rules


def test_a_ledger_that_does_not_verify_is_red_in_junit() -> None:
    found = verdict(gate("secrets", "pass"), code=4)
    broken = msgspec.structs.replace(
        found, ledger=msgspec.structs.replace(found.ledger, ok=False), outcome="inconclusive"
    )
    failure = ET.fromstring(to_junit(broken)).find(".//failure")
    assert failure is not None
    assert failure.get("type") == "integrity"
    passing = msgspec.structs.replace(found, exit_code=0, outcome="pass")
    assert ET.fromstring(to_junit(passing)).find(".//failure") is None


def test_json_holds_the_whole_verdict() -> None:
    found = json.loads(to_json(verdict(gate("secrets", "fail"))))
    assert found["schema"] == "verdict/v1"
    assert found["gates"][0]["bounds"] == {
        "k": 3, "n": 40, "low": 0.02, "high": 0.18, "confidence": 0.95,
    }  # fmt: skip


def test_markdown_ends_with_the_checkpoint() -> None:
    text = to_markdown(verdict(gate("secrets", "fail"), gate("harm", "pass")))
    assert text.rstrip().endswith("`")
    assert "Checkpoint `5:" in text
    assert "3 of 40 (2% to 18%)" in text
    assert "**harm**" not in text


def test_rates_show_n_and_interval_and_differences_their_sign() -> None:
    assert rate(None) == "no evidence"
    assert rate(Bounds(0, 75, 0.0, 0.0392, 0.95)) == "0 of 75 (0% to 3.92%)"
    assert rate(Bounds(-1, 60, -0.05, 0.02, 0.95)) == "-1 of 60 (-5% to 2%)"


def test_the_headline_counts_gates() -> None:
    found = verdict(gate("a", "fail"), gate("b", "pass"), gate("c", "not_applicable"))
    assert headline(found) == "FAIL: bot (tier 2): 1 pass, 1 fail, 1 not applicable"


HOSTILE = '</pre><script>alert(1)</script>"&'


def sample(output: str, start: int, end: int) -> Sample:
    return Sample(
        suite="secrets", case_id=HOSTILE, source="s", order=0, status="scored", failed=True,
        why=HOSTILE, slices={"style": HOSTILE}, output=output,
        input=json.dumps([{"role": "user", "content": HOSTILE}]),
        evidence=json.dumps([{"start": start, "end": end, "label": "leak"}]),
    )  # fmt: skip


def test_hostile_samples_are_shown_as_text() -> None:
    item = sample("x" * 70 + HOSTILE, 70, 75)
    page = to_html(
        verdict(gate("secrets", "fail", reason=HOSTILE)),
        {"secrets": SampleSet("verified", (item,), "run")},
    )
    assert "<script>" not in page
    assert "<mark>&lt;/pre</mark>" in page
    assert page.count("<pre>") == page.count("</pre>")


def test_samples_that_do_not_match_the_ledger_are_not_shown() -> None:
    item = sample("the very secret answer", 4, 8)
    found = verdict(gate("secrets", "fail"))
    altered = to_html(found, {"secrets": SampleSet("altered", (item,), "run")})
    assert "do not match the digest" in altered
    assert "very secret answer" not in altered
    assert "not on this machine" in to_html(found)


def test_every_number_links_to_its_statement() -> None:
    page = to_html(verdict(gate("secrets", "fail")))
    assert 'href="#statement-2"' in page
    assert 'id="statement-2"' in page
    assert "RAI-21" in page
    assert "compliant" not in page


@settings(deadline=None, max_examples=40)
@given(
    width=st.sampled_from([80, 100, 120, 160]),
    reason=st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=60),
)
def test_a_terminal_breaks_no_name_and_reads_no_markup(width: int, reason: str) -> None:
    names = ["quality-vs-baseline", "personal-data", "tenants"]
    shown = [gate(name, "inconclusive", reason=f"[/] {reason}") for name in names]
    console = Console(width=width, record=True, file=io.StringIO())
    print_verdict(verdict(*shown, gate("grounding", "not_applicable")), console)
    text = console.export_text()
    assert all(name in text for name in [*names, "INCONCLUSIVE", "3 of 40", "2% to 18%", "[/]"])
    assert max(len(line) for line in text.splitlines() if "sha256" not in line) <= width
