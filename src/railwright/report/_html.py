"""The HTML report: one self-contained page that renders a verdict and decides nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from importlib.resources import files

from railwright.gate import GUARDED_SUFFIX, GateVerdict, SliceResult, Verdict
from railwright.report._guard import guard_section
from railwright.report._sections import (
    SampleSet,
    controls_section,
    evidence_link,
    ledger_section,
    parts_section,
    prose,
    samples_section,
)
from railwright.report._svg import Interval, interval_chart, path_chart
from railwright.report._table import table_of
from railwright.report._text import (
    MARKS,
    attempt,
    coverage,
    duration,
    effort,
    headline,
    percent,
    rate,
    tally,
)


def to_html(
    verdict: Verdict, samples: Mapping[str, SampleSet] | None = None, *, bare: str = ""
) -> str:
    """Return the report as one HTML page without scripts or outside references.

    ``samples`` maps a gate to its failing samples and to whether they match the ledger; a gate
    without an entry shows them as missing. ``bare`` names the file of the report on the system
    without its guard, beside this one.
    """
    shown = [gate for gate in verdict.gates if gate.outcome != "not_applicable"]
    sample_sets = samples or {}
    css = files("railwright.report").joinpath("data/report.css").read_text("utf-8")
    body = [
        _header(verdict),
        _tiles(verdict),
        guard_section(verdict, bare),
        _overview(shown),
        _table(shown),
        _not_applicable(verdict),
        *(_gate_section(gate, sample_sets.get(gate.id)) for gate in shown),
        parts_section(verdict),
        controls_section(verdict),
        ledger_section(verdict),
        _footer(verdict),
    ]
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(headline(verdict))}</title><style>{css}</style></head>"
        f"<body><main>{''.join(body)}</main></body></html>\n"
    )


def badge(outcome: str, big: bool = False) -> str:
    """Return an outcome as a coloured mark."""
    size = " big" if big else ""
    return f'<span class="badge {outcome}{size}">{MARKS[outcome]}</span>'


def _header(verdict: Verdict) -> str:
    return (
        f'<div class="head">{badge(verdict.outcome, big=True)}<div>'
        f"<h1>{escape(_name(verdict))}</h1>"
        f'<div class="soft">{escape(verdict.purpose)}</div></div></div>'
        f'<p class="soft small">Tier {verdict.tier}, owner {escape(verdict.owner)}, '
        f"as of {escape(verdict.as_of)}, exit code {verdict.exit_code}.<br>"
        f"Subject <code>{escape(verdict.subject_digest)}</code><br>"
        f'Checkpoint <a href="#ledger"><code>{escape(verdict.ledger.checkpoint)}</code></a></p>'
    )


def _name(verdict: Verdict) -> str:
    """The system's name for a heading; the guarded one is no other system."""
    bare = verdict.system.removesuffix(GUARDED_SUFFIX)
    return verdict.system if verdict.guard is None else f"{bare}, behind its guard"


def _tiles(verdict: Verdict) -> str:
    counts = tally(verdict)
    spent = [gate.effort for gate in verdict.gates if gate.effort]
    tiles = [
        (str(counts["pass"]), "gates pass"),
        (str(counts["fail"]), "gates fail"),
        (str(counts["inconclusive"]), "inconclusive"),
        (str(sum(e.calls for e in spent)), "calls made"),
        (str(sum(e.cached for e in spent)), "answers from the cache"),
        (str(sum(e.saved_calls for e in spent)), "calls saved by stopping early"),
    ]
    cells = "".join(f'<div class="tile"><b>{b}</b><span>{s}</span></div>' for b, s in tiles)
    return f'<div class="tiles">{cells}</div>'


def _overview(gates: Sequence[GateVerdict]) -> str:
    rows = [
        Interval(
            label=gate.id,
            low=gate.bounds.low if gate.bounds else 0.0,
            high=gate.bounds.high if gate.bounds else 1.0,
            estimate=gate.bounds.estimate if gate.bounds else None,
            limit=gate.threshold,
            outcome=gate.outcome,
            note=f"n = {gate.bounds.n}" if gate.bounds and gate.bounds.n else "no evidence",
            href=f"#gate-{gate.id}",
        )
        for gate in gates
    ]
    chart = interval_chart(rows, "Failure rate of each gate with its interval and limit")
    return (
        f'<h2>Failure rates against their limits</h2><div class="card scroll">{chart}'
        '<p class="soft small">Dot: share of failing independent sources. Bar: each end is a '
        "one-sided bound. Dashed: the limit. A gate passes when the whole bar lies left of its "
        "limit and fails when it lies right of it.</p></div>"
    )


def _table(gates: Sequence[GateVerdict]) -> str:
    names = ("gate", "verdict", "requirement", "failing sources", "effort", "evidence")
    return f'<div class="card">{table_of(names, map(_table_row, gates))}</div>'


def _table_row(gate: GateVerdict) -> list[str]:
    warns = "" if gate.blocking else '<div class="soft small">warns only</div>'
    return [
        f'<a href="#gate-{escape(gate.id)}">{escape(gate.id)}</a>',
        badge(gate.outcome) + warns,
        f"<code>{escape(gate.require)}</code>",
        _linked_rate(gate),
        escape(effort(gate.effort)),
        evidence_link(gate, run=False),
    ]


def _linked_rate(gate: GateVerdict) -> str:
    text = escape(rate(gate.bounds))
    if gate.evidence is None:
        return text
    return f'<a href="#statement-{gate.evidence.index}">{text}</a>'


def _not_applicable(verdict: Verdict) -> str:
    items = [gate for gate in verdict.gates if gate.outcome == "not_applicable"]
    if not items:
        return ""
    rows = "".join(
        f"<li><b>{escape(gate.id)}</b>: {prose(' '.join(gate.reasons))}</li>" for gate in items
    )
    return f'<div class="card"><b>Not applicable</b><ul class="tight">{rows}</ul></div>'


def _gate_section(gate: GateVerdict, samples: SampleSet | None) -> str:
    reasons = "".join(f"<li>{prose(reason)}</li>" for reason in gate.reasons)
    mend = f'<div class="mend">{prose(gate.mend)}</div>' if gate.mend else ""
    return (
        f'<h2 id="gate-{escape(gate.id)}">{badge(gate.outcome)} {escape(gate.id)}: '
        f'{escape(gate.title or gate.metric)}</h2><div class="card">'
        f'<ul class="tight">{reasons}</ul>{mend}{_facts(gate)}{_walk(gate)}{_slices(gate)}'
        f"{samples_section(gate, samples)}</div>"
    )


def _facts(gate: GateVerdict) -> str:
    facts = [
        ("requirement", f"{gate.require} at {percent(gate.confidence)} confidence"),
        ("failing sources", rate(gate.bounds)),
        ("attempt", attempt(gate)),
        ("effort", effort(gate.effort)),
    ]
    if gate.coverage:
        statuses = ", ".join(
            f"{count} {name.replace('_', ' ')}"
            for name, count in gate.coverage.statuses.items()
            if count
        )
        facts.append(("coverage", coverage(gate.coverage)))
        facts.append(("samples", statuses))
    if gate.evidence:
        age = duration(gate.evidence.age_seconds)
        facts.append(("age", f"recorded {gate.evidence.recorded}, {age} before this report"))
    rows = "".join(
        f"<tr><th>{escape(name)}</th><td>{escape(text)}</td></tr>" for name, text in facts if text
    )
    return (
        f'<table class="facts">{rows}<tr><th>evidence</th>'
        f"<td>{evidence_link(gate)}</td></tr></table>"
    )


def _walk(gate: GateVerdict) -> str:
    if not gate.bounds or not gate.bounds.n or not gate.looks:
        return ""
    failed = set(gate.failed_at)
    counts: list[int] = []
    for position in range(gate.bounds.n):
        counts.append((counts[-1] if counts else 0) + (position in failed))
    chart = path_chart(
        counts,
        gate.looks,
        gate.pass_at,
        gate.fail_at,
        f"Failing sources of {gate.id} along the registered order",
    )
    return (
        "<details><summary>How the decision was reached</summary>"
        f'<div class="scroll">{chart}</div><p class="soft small">Solid: failing sources counted in '
        "the registered order. Dashed below: at or under it the gate passes. Dashed above: at or "
        "over it the gate fails. Both were registered before the run.</p></details>"
    )


def _slices(gate: GateVerdict) -> str:
    groups: dict[str, list[SliceResult]] = {}
    for item in gate.slices:
        groups.setdefault(item.by, []).append(item)
    charts = []
    for by, items in sorted(groups.items()):
        rows = [
            Interval(
                label=item.value,
                low=item.bounds.low,
                high=item.bounds.high,
                estimate=item.bounds.estimate,
                limit=gate.threshold if item.require else None,
                outcome=item.outcome,
                note=f"{item.bounds.k} of {item.bounds.n}",
            )
            for item in items
        ]
        chart = interval_chart(rows, f"{gate.id} by {by}")
        charts.append(
            f"<details><summary>By {escape(by)}</summary>"
            f'<div class="scroll">{chart}</div></details>'
        )
    return "".join(charts)


def _footer(verdict: Verdict) -> str:
    return (
        f"<footer>railwright {escape(verdict.version)}. This report renders the verdict over the "
        f"files and the ledger as of {escape(verdict.as_of)}; it is evidence for the controls that "
        "it names. Recompute it with <code>railwright gate explain</code>, check the ledger with "
        "<code>railwright ledger verify --at-least CHECKPOINT</code>.</footer>"
    )
