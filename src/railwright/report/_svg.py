"""Charts as inline SVG pictures, so that a report is one file that opens anywhere."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from html import escape
from math import sqrt
from typing import NamedTuple

_LEFT, _RIGHT, _ROW, _TOP = 190, 90, 26, 30
_TICKS = (0.0, 0.01, 0.05, 0.1, 0.2, 0.5, 1.0)


class Interval(NamedTuple):
    """One row of an interval chart; ``limit`` is the gate's threshold, where it has one."""

    label: str
    low: float
    high: float
    estimate: float | None
    limit: float | None
    outcome: str
    note: str
    href: str = ""


def interval_chart(rows: Sequence[Interval], title: str, width: int = 1000) -> str:
    """Return a forest plot: a bar from low to high, a dot at the estimate, a tick at the limit.

    The axis is the square root of the rate, so that the small rates that gates are about can be
    told apart while 100 % still fits.
    """
    height = _TOP + _ROW * len(rows) + 10
    span = width - _LEFT - _RIGHT

    def x(rate: float) -> float:
        return _LEFT + span * sqrt(min(1.0, max(0.0, rate)))

    parts = [
        f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="{escape(title)}">',
        f"<title>{escape(title)}</title>",
    ]
    for tick in _TICKS:
        parts.append(
            f'<line class="grid" x1="{x(tick):.1f}" y1="{_TOP - 6}" x2="{x(tick):.1f}" '
            f'y2="{height - 8}"/><text class="soft" x="{x(tick):.1f}" y="{_TOP - 12}" '
            f'text-anchor="middle">{tick:.0%}</text>'
        )
    parts += [
        _interval_row(row, _TOP + _ROW * i + _ROW / 2, x, width) for i, row in enumerate(rows)
    ]
    return "".join([*parts, "</svg>"])


def _interval_row(row: Interval, y: float, x: Callable[[float], float], width: int) -> str:
    label = f'<text x="0" y="{y + 4:.1f}">{escape(row.label)}</text>'
    if row.href:
        label = f'<a href="{escape(row.href)}">{label}</a>'
    parts = [label, f'<text class="soft" x="{width}" y="{y + 4:.1f}" text-anchor="end">']
    parts.append(f"{escape(row.note)}</text>")
    if row.estimate is not None:
        parts.append(
            f'<line class="{row.outcome}" x1="{x(row.low):.1f}" x2="{x(row.high):.1f}" '
            f'y1="{y:.1f}" y2="{y:.1f}" stroke-width="5" stroke-linecap="round" opacity=".55"/>'
            f'<circle class="{row.outcome}" cx="{x(row.estimate):.1f}" cy="{y:.1f}" r="5"/>'
        )
    if row.limit is not None:
        parts.append(
            f'<line class="limit" x1="{x(row.limit):.1f}" x2="{x(row.limit):.1f}" '
            f'y1="{y - 10:.1f}" y2="{y + 10:.1f}"><title>limit {row.limit:.2%}</title></line>'
        )
    return "".join(parts)


def path_chart(
    failures: Sequence[int],
    looks: Sequence[int],
    pass_at: Sequence[int],
    fail_at: Sequence[int],
    title: str,
    width: int = 1000,
) -> str:
    """Return the failures counted along the registered order between the two boundaries.

    ``failures[i]`` is the count after i + 1 sources; the pass boundary lies below, the fail
    boundary above; the path ends where it crossed one of them.
    """
    n_max = max([len(failures), *looks]) or 1
    top = max([1, *failures, *(f for f in fail_at if f >= 0), *pass_at]) + 1
    height, left, bottom = 220, 40, 30

    def point(n: float, k: float) -> str:
        px = left + (width - left - 10) * n / n_max
        py = 10 + (height - bottom - 10) * (1 - k / top)
        return f"{px:.1f},{py:.1f}"

    def line(points: list[str], style: str, dash: str = "") -> str:
        if len(points) < 2:
            return ""
        return (
            f'<polyline class="{style}" points="{" ".join(points)}" style="fill:none" '
            f'stroke-width="2" stroke-dasharray="{dash}"/>'
        )

    passing = [point(n, k) for n, k in zip(looks, pass_at, strict=True) if k >= 0]
    failing = [point(n, k) for n, k in zip(looks, fail_at, strict=True) if 0 <= k <= n]
    walk = [point(0, 0), *(point(i + 1, k) for i, k in enumerate(failures))]
    floor = height - bottom
    axis = f'<line class="grid" x1="{left}" y1="{floor}" x2="{width}" y2="{floor}"/>'
    labels = (
        f'<text class="soft" x="{left}" y="{height - 8}">0 sources</text>'
        f'<text class="soft" x="{width}" y="{height - 8}" text-anchor="end">{n_max}</text>'
        f'<text class="soft" x="0" y="20">{top} failing</text>'
    )
    return (
        f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="{escape(title)}">'
        f"<title>{escape(title)}</title>{axis}{labels}"
        f"{line(failing, 'fail', '5 4')}{line(passing, 'pass', '5 4')}"
        f"{line(walk, 'inconclusive')}</svg>"
    )
