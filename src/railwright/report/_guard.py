"""The part of the HTML report that shows a system without and with its guard, side by side."""

from __future__ import annotations

from html import escape

from railwright.gate import Bounds, GateChange, GateVerdict, Verdict
from railwright.report._svg import Interval, interval_chart
from railwright.report._table import table_of
from railwright.report._text import MARKS, guard_sentences, points, rate

_COLUMNS = (
    "gate",
    "without the guard",
    "with the guard",
    "same sources",
    "mended",
    "broken",
    "stopped or changed",
    "of them mended",
    "points (interval)",
)


def guard_section(verdict: Verdict, bare: str = "") -> str:
    """Return the section; empty where the system was not tested behind a guard.

    ``bare`` is the file of the report on the system without it, to link to.
    """
    effect = verdict.guard
    if effect is None:
        return ""
    turned = [change for change in effect.gates if change.turned]
    words = "; ".join(f"{c.gate} from {MARKS[c.before]} to {MARKS[c.after]}" for c in turned)
    link = f' See <a href="{escape(bare)}">the report without the guard</a>.' if bare else ""
    sentences = "".join(f"<li>{escape(text)}</li>" for text in guard_sentences(effect))
    table = table_of(_COLUMNS, [_row(change, verdict.gate(change.gate)) for change in effect.gates])
    return (
        '<h2 id="guard">Without and with the guard</h2><div class="card">'
        f"<p><b>{len(turned)} of {len(effect.gates)} gates turned</b>"
        f"{': ' + escape(words) if words else ''}.{link}</p>"
        f'<ul class="tight">{sentences}</ul></div>'
        f'<div class="card scroll">{_chart(verdict, effect.gates)}'
        '<p class="soft small">Two rows a gate: failing sources without the guard, below it with '
        "the guard. Dashed: the limit. The two runs may have stopped at different counts.</p></div>"
        f'<div class="card">{table}'
        '<p class="soft small">Same sources: scored in both runs. Mended: failed only without the '
        "guard; broken: failed only with it. Stopped or changed: of all sources of the suite, "
        "reached or not, those with a question that the guard stops or changes; of them mended: "
        "failed only without the guard, of those asked both ways. Points: failure "
        "rate with less without, on the same sources, each end of the interval one-sided at "
        "95%.</p></div>"
    )


def _row(change: GateChange, after: GateVerdict) -> list[str]:
    mark = '<div class="small"><b>turned</b></div>' if change.turned else ""
    return [
        f'<a href="#gate-{escape(change.gate)}">{escape(change.gate)}</a>',
        _side(change.before, change.bounds),
        _side(change.after, after.bounds) + mark,
        str(change.n),
        str(change.better),
        str(change.worse),
        f"{change.screened.k} of {change.screened.n}",
        _mended(change),
        escape(points(change)),
    ]


def _mended(change: GateChange) -> str:
    if not change.touched:
        return "-"
    worse = f", {change.broken} broken" if change.broken else ""
    return f"{change.mended} of {change.touched}{worse}"


def _side(outcome: str, bounds: Bounds | None) -> str:
    return (
        f'<span class="badge {outcome}">{MARKS[outcome]}</span>'
        f'<div class="soft small">{escape(rate(bounds))}</div>'
    )


def _chart(verdict: Verdict, changes: tuple[GateChange, ...]) -> str:
    rows: list[Interval] = []
    for change in changes:
        gate = verdict.gate(change.gate)
        rows.append(_interval(change.gate, change.bounds, change.before, gate.threshold, ""))
        href = f"#gate-{change.gate}"
        rows.append(
            _interval("\u2003with the guard", gate.bounds, change.after, gate.threshold, href)
        )
    return interval_chart(rows, "Failure rate of each gate without and with the guard")


def _interval(label: str, bounds: Bounds | None, outcome: str, limit: float, href: str) -> Interval:
    there = bounds is not None and bounds.n > 0
    return Interval(
        label=label,
        low=bounds.low if bounds else 0.0,
        high=bounds.high if bounds else 1.0,
        estimate=bounds.estimate if bounds else None,
        limit=limit,
        outcome=outcome,
        note=f"n = {bounds.n}" if bounds and there else "no evidence",
        href=href,
    )
