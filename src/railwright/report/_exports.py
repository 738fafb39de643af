"""JSON, JUnit, SARIF and Markdown: renderings of a verdict that other tools read."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any
from xml.etree import ElementTree as ET

import msgspec

from railwright.gate import GateVerdict, Verdict
from railwright.report._text import (
    MARKS,
    attempt,
    coverage,
    duration,
    effort,
    headline,
    rate,
)

_SARIF_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
_INFORMATION = "https://railwright.dev"


def to_json(verdict: Verdict) -> bytes:
    """Return the verdict as indented JSON (schema ``verdict/v1``)."""
    return msgspec.json.format(msgspec.json.encode(verdict, order="sorted"), indent=2) + b"\n"


def to_junit(verdict: Verdict) -> bytes:
    """Return JUnit XML: a gate is a test case.

    ``fail`` is a failure; a blocking inconclusive is a failure of type ``inconclusive``; what does
    not block or does not apply is skipped.
    """
    cases = [_junit_case(verdict, gate) for gate in verdict.gates]
    cases.append(_junit_whole(verdict, cases))
    failures = sum(case.find("failure") is not None for case in cases)
    skipped = sum(case.find("skipped") is not None for case in cases)
    counts = {
        "name": f"railwright {verdict.system}",
        "tests": str(len(cases)),
        "failures": str(failures),
        "errors": "0",
        "skipped": str(skipped),
        "time": f"{verdict.seconds:.3f}",
    }
    suites = ET.Element("testsuites", counts)
    suite = ET.SubElement(suites, "testsuite", {**counts, "timestamp": verdict.as_of})
    properties = ET.SubElement(suite, "properties")
    for name, value in (
        ("subject", verdict.subject_digest),
        ("checkpoint", verdict.ledger.checkpoint),
        ("exit_code", str(verdict.exit_code)),
    ):
        ET.SubElement(properties, "property", {"name": name, "value": value})
    suite.extend(cases)
    ET.indent(suites)
    return bytes(ET.tostring(suites, encoding="utf-8", xml_declaration=True)) + b"\n"


def _junit_whole(verdict: Verdict, cases: Sequence[ET.Element]) -> ET.Element:
    """The verdict itself as a case: red where it stops the release and no gate says so."""
    name = {"classname": f"{verdict.system}.verdict", "name": "ledger and verdict", "time": "0"}
    whole = ET.Element("testcase", name)
    said = any(case.find("failure") is not None for case in cases)
    if verdict.exit_code and (not said or not verdict.ledger.ok):
        kind = "integrity" if not verdict.ledger.ok else verdict.outcome
        message = f"exit code {verdict.exit_code}: {headline(verdict)}"
        ET.SubElement(whole, "failure", {"type": kind, "message": message})
    return whole


def _junit_case(verdict: Verdict, gate: GateVerdict) -> ET.Element:
    seconds = gate.effort.seconds if gate.effort else 0.0
    case = ET.Element(
        "testcase",
        {
            "classname": f"{verdict.system}.{gate.suite}",
            "name": f"{gate.id}: {gate.require}",
            "time": f"{seconds:.3f}",
        },
    )
    text = _gate_sentence(gate)
    if gate.outcome == "pass":
        ET.SubElement(case, "system-out").text = text
    elif gate.outcome == "not_applicable" or not gate.blocking:
        ET.SubElement(case, "skipped", {"message": f"{MARKS[gate.outcome]}: {text}"})
    else:
        kind = "failure" if gate.outcome == "fail" else "inconclusive"
        ET.SubElement(case, "failure", {"type": kind, "message": text}).text = gate.mend
    return case


def _gate_sentence(gate: GateVerdict) -> str:
    parts = [f"{gate.metric} {rate(gate.bounds)}", *gate.reasons, attempt(gate)]
    return "; ".join(part.rstrip(".") for part in parts if part)


def to_sarif(verdict: Verdict) -> bytes:
    """Return SARIF 2.1.0: one result a gate that does not pass, at the gate's line."""
    gates = [gate for gate in verdict.gates if gate.outcome != "not_applicable"]
    log: dict[str, Any] = {
        "$schema": _SARIF_SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {
                        "name": "railwright",
                        "version": verdict.version,
                        "informationUri": _INFORMATION,
                        "rules": [_sarif_rule(gate) for gate in gates],
                    }
                },
                "results": [
                    _sarif_result(verdict, gate) for gate in gates if gate.outcome != "pass"
                ],
                "properties": {
                    "subject": verdict.subject_digest,
                    "checkpoint": verdict.ledger.checkpoint,
                },
            }
        ],
    }
    return msgspec.json.format(msgspec.json.encode(log), indent=2) + b"\n"


def _sarif_rule(gate: GateVerdict) -> dict[str, Any]:
    return {
        "id": gate.id,
        "name": gate.title or gate.id,
        "shortDescription": {"text": f"{gate.title or gate.id}: {gate.require}"},
        "properties": {"controls": list(gate.controls), "suite": gate.suite},
    }


def _sarif_result(verdict: Verdict, gate: GateVerdict) -> dict[str, Any]:
    level = "error" if gate.outcome == "fail" and gate.blocking else "warning"
    if not gate.blocking:
        level = "note"
    fingerprint = hashlib.sha256(f"{gate.id}\0{verdict.subject_digest}".encode()).hexdigest()
    return {
        "ruleId": gate.id,
        "level": level,
        "message": {"text": f"{MARKS[gate.outcome]}: {_gate_sentence(gate)}. {gate.mend}".strip()},
        "locations": [
            {
                "physicalLocation": {
                    "artifactLocation": {"uri": gate.file or "system.yaml"},
                    "region": {"startLine": max(1, gate.line)},
                }
            }
        ],
        "partialFingerprints": {"gateAndSubject/v1": fingerprint},
    }


def to_markdown(verdict: Verdict) -> str:
    """Return a step summary: the table, what would change each verdict, and the checkpoint."""
    lines = [
        f"## {headline(verdict)}",
        "",
        "| gate | verdict | requirement | failing sources (interval) | effort | controls |",
        "|---|---|---|---|---|---|",
    ]
    for gate in verdict.gates:
        open_gate = gate.outcome in {"fail", "inconclusive"}
        warn = " (warns)" if open_gate and not gate.blocking else ""
        lines.append(
            f"| {gate.id} | {MARKS[gate.outcome]}{warn} | `{gate.require}` | {rate(gate.bounds)} "
            f"| {effort(gate.effort)} | {', '.join(gate.controls)} |"
        )
    open_gates = [g for g in verdict.gates if g.outcome in {"fail", "inconclusive"}]
    if open_gates:
        lines += ["", "### What would change it", ""]
        lines += [_open_item(gate) for gate in open_gates]
    lines += ["", f"Subject `{verdict.subject_digest}`"]
    lines += [f"Checkpoint `{verdict.ledger.checkpoint}`", ""]
    return "\n".join(lines)


def _open_item(gate: GateVerdict) -> str:
    missing = gate.coverage is not None and gate.coverage.missing > 0
    cover = f" Coverage: {coverage(gate.coverage)}." if gate.coverage and missing else ""
    age = ""
    if gate.evidence and gate.evidence.age_seconds > 60:
        age = f" Evidence is {duration(gate.evidence.age_seconds)} old."
    reasons = " ".join(gate.reasons)
    return f"- **{gate.id}**: {reasons}{cover}{age} {gate.mend}".rstrip()
