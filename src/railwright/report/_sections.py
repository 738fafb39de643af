"""The longer sections of the HTML report: samples, parts, controls, ledger."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from html import escape
from typing import Literal

import msgspec

from railwright.evaluate import Sample
from railwright.gate import GateVerdict, Verdict
from railwright.standard import control, resolve

SamplesState = Literal["verified", "altered", "missing"]
SHOWN = 12


class SampleSet(msgspec.Struct, frozen=True):
    """The failing samples of a gate and whether the run folder matches the ledger's digest."""

    state: SamplesState
    failing: tuple[Sample, ...] = ()
    run: str = ""


def prose(text: str) -> str:
    """Escape a sentence and show what stands in backticks as code."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text))


def evidence_link(gate: GateVerdict, run: bool = True) -> str:
    """Return the statement that a gate's numbers come from, linked to the ledger section."""
    if gate.evidence is None:
        return "none"
    ref = gate.evidence
    link = f'<a href="#statement-{ref.index}">statement {ref.index}</a>'
    if not run or not ref.run_id:
        return link
    return f'{link}, run <span class="mono">{escape(ref.run_id)}</span>'


def samples_section(gate: GateVerdict, samples: SampleSet | None) -> str:
    """Return the failing samples, or why they are not shown."""
    if gate.evidence is None:
        return ""
    if samples is None or samples.state == "missing":
        return '<p class="soft small">The samples of this run are not on this machine.</p>'
    if samples.state == "altered":
        return (
            "<p><b>The samples in the run folder do not match the digest in the ledger, so none is "
            f'shown.</b> <span class="soft small">{escape(samples.run)}</span></p>'
        )
    if not samples.failing:
        return '<p class="soft small">No sample failed.</p>'
    items = "".join(_sample(sample) for sample in samples.failing[:SHOWN])
    more = len(samples.failing) - SHOWN
    rest = f'<p class="soft small">{more} more in {escape(samples.run)}.</p>' if more > 0 else ""
    return (
        f"<h3>Failing samples ({len(samples.failing)})</h3>"
        f'<p class="soft small">Checked against the digest in the ledger.</p>{items}{rest}'
    )


def _sample(sample: Sample) -> str:
    tags = ", ".join(f"{key} {value}" for key, value in sorted(sample.slices.items()))
    turns = "".join(
        f'<div class="turn"><span>{escape(role)}</span><pre>{escape(text)}</pre></div>'
        for role, text in _input_turns(sample.input)
    )
    calls = ""
    if sample.tool_calls and sample.tool_calls != "[]":
        calls = (
            f'<div class="turn"><span>tool calls</span><pre>{escape(sample.tool_calls)}</pre></div>'
        )
    return (
        f'<details><summary><span class="mono">{escape(sample.case_id)}</span> '
        f'<span class="soft small">{escape(sample.why)}</span></summary>'
        f'<p class="soft small">{escape(tags)}</p>{turns}'
        f'<div class="turn"><span>answer</span><pre>{_marked(sample)}</pre></div>{calls}</details>'
    )


def _input_turns(text: str) -> list[tuple[str, str]]:
    try:
        messages = json.loads(text)
    except ValueError:
        return [("input", text)]
    if not isinstance(messages, list):
        return [("input", text)]
    turns: list[tuple[str, str]] = []
    for item in messages:
        if isinstance(item, dict):
            turns.append((str(item.get("role", "input")), str(item.get("content", ""))))
    return turns or [("input", text)]


def _marked(sample: Sample) -> str:
    """Mark the spans that the evidence points at, so that a reader sees why it failed."""
    spans = sorted(_spans(sample.evidence, len(sample.output)))
    parts, at = [], 0
    for start, end in spans:
        if start < at:
            continue
        parts.append(escape(sample.output[at:start]))
        parts.append(f"<mark>{escape(sample.output[start:end])}</mark>")
        at = end
    return "".join([*parts, escape(sample.output[at:])])


def _spans(evidence: str, length: int) -> list[tuple[int, int]]:
    try:
        items = json.loads(evidence) if evidence else []
    except ValueError:
        return []
    spans = []
    for item in items if isinstance(items, list) else []:
        start, end = (
            (item.get("start"), item.get("end")) if isinstance(item, dict) else (None, None)
        )
        # A span over the whole answer marks nothing worth seeing.
        if not isinstance(start, int) or not isinstance(end, int):
            continue
        if 0 <= start < end <= length and (end - start < length or length < 60):
            spans.append((start, end))
    return spans


def parts_section(verdict: Verdict) -> str:
    """Return the parts of the subject with their digests."""
    rows = "".join(
        f"<tr><td>{escape(name)}</td><td><code>{escape(digest)}</code></td></tr>"
        for name, digest in sorted(verdict.parts.items())
    )
    return (
        '<h2>The subject and its parts</h2><div class="card scroll"><table>'
        f"<tr><th>part</th><th>digest</th></tr>{rows}"
        f"<tr><td><b>subject</b></td><td><code>{escape(verdict.subject_digest)}</code></td></tr>"
        '</table><p class="soft small">Evidence binds to the parts it names; change a part and '
        "exactly what bound to it goes stale.</p></div>"
    )


def controls_section(verdict: Verdict) -> str:
    """Return which controls the gates are evidence for, with the frameworks they map to."""
    by_control: dict[str, list[GateVerdict]] = {}
    for gate in verdict.gates:
        for item in gate.controls:
            by_control.setdefault(item, []).append(gate)
    rows = "".join(_control_row(name, gates) for name, gates in sorted(by_control.items()))
    return (
        '<h2>Evidence for controls</h2><div class="card scroll"><table>'
        "<tr><th>control</th><th>gates</th><th>maps to</th></tr>"
        f"{rows}</table></div>"
    )


def _control_row(name: str, gates: Sequence[GateVerdict]) -> str:
    entry = control(name)
    links = ", ".join(
        f'<a href="#gate-{escape(gate.id)}">{escape(gate.id)}</a> '
        f'<span class="soft small">{escape(gate.outcome.replace("_", " "))}</span>'
        for gate in gates
    )
    maps = ", ".join(
        f'<span title="{escape(resolve(item))}">{escape(item)}</span>' for item in entry.mapped_ids
    )
    return (
        f"<tr><td><b>{escape(name)}</b> {escape(entry.name)}</td><td>{links}</td>"
        f'<td class="soft small">{maps}</td></tr>'
    )


def ledger_section(verdict: Verdict) -> str:
    """Return the ledger's separate verdicts and the statements the numbers rest on."""
    state = verdict.ledger
    checks = "".join(
        f"<tr><td>{escape(name)}</td><td>{_check(value)}</td></tr>"
        for name, value in state.verdicts.items()
    )
    statements = "".join(_statement(gate) for gate in verdict.gates if gate.evidence)
    return (
        f'<h2 id="ledger">Ledger</h2><div class="card scroll"><p class="small"><code>'
        f"{escape(state.path)}</code>, {state.size} statements, root <code>{escape(state.root)}"
        f"</code></p><table>{checks}</table><table><tr><th>statement</th><th>leaf</th>"
        f"<th>registered before in</th><th>suite</th></tr>{statements}</table></div>"
    )


def _check(value: object) -> str:
    if not isinstance(value, dict):
        return escape(str(value))
    mark = {True: "holds", False: "does not hold", None: "not asked"}.get(
        value.get("ok"), "unknown"
    )
    detail = value.get("detail") or []
    text = "; ".join(str(item) for item in detail) if isinstance(detail, list) else str(detail)
    return f'<b>{mark}</b> <span class="soft small">{escape(text)}</span>'


def _statement(gate: GateVerdict) -> str:
    ref = gate.evidence
    if ref is None:
        return ""
    prereg = "" if ref.prereg_index is None else f"statement {ref.prereg_index}"
    return (
        f'<tr id="statement-{ref.index}"><td>{ref.index} '
        f'(<a href="#gate-{escape(gate.id)}">{escape(gate.id)}</a>, {escape(ref.assurance)})</td>'
        f"<td><code>{escape(ref.leaf)}</code></td><td>{prereg}</td>"
        f"<td>{escape(ref.suite)} <code>{escape(ref.suite_digest[:19])}</code></td></tr>"
    )
