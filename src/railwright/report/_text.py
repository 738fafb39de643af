"""How numbers and outcomes read: one place, so that every rendering says the same."""

from __future__ import annotations

from railwright.gate import Bounds, Coverage, Effort, GateChange, GateVerdict, GuardEffect, Verdict

_NO_TIME_MS = 1.0
"""An answer quicker than this is no yardstick for a check."""
MARKS = {"pass": "PASS", "fail": "FAIL", "inconclusive": "INCONCLUSIVE", "not_applicable": "n/a"}


def percent(value: float) -> str:
    """Return a share as a percentage with as many digits as a gate needs (0.0495 as 4.95%)."""
    text = f"{100 * value:.2f}".rstrip("0").rstrip(".")
    return f"{text}%"


def coverage(cover: Coverage) -> str:
    """Return how much was scored, and what the rest could do to the rate."""
    if not cover.missing:
        return "every source scored"
    return (
        f"{percent(cover.ratio)} of sources scored, {cover.missing} missing: a failure rate of "
        f"{percent(cover.best)} if none of these failed, {percent(cover.worst)} if all did"
    )


def rate(bounds: Bounds | None) -> str:
    """Return ``k of n`` with its interval, or ``no evidence``; a difference with its sign."""
    if bounds is None or bounds.n == 0:
        return "no evidence"
    if bounds.low < 0:
        return f"{bounds.k:+} of {bounds.n} ({percent(bounds.low)} to {percent(bounds.high)})"
    return f"{bounds.k} of {bounds.n} ({percent(bounds.low)} to {percent(bounds.high)})"


def limit(gate: GateVerdict) -> str:
    """Return the limit of a requirement as people say it: ``<= 5%``, ``<= 2% more`` (baseline)."""
    sign = gate.require.rpartition(")")[2].split()[:1]
    if not sign or gate.require.startswith(("count", "max")):
        return gate.require
    return f"{sign[0]} {percent(gate.threshold)}{' more' if 'baseline' in gate.require else ''}"


def attempt(gate: GateVerdict) -> str:
    """Return ``attempt 2 of 2``, or an empty text where there is but one."""
    only = gate.attempts == 1 and gate.attempt <= 1
    return "" if only else f"attempt {gate.attempt} of {gate.attempts}"


def effort(spent: Effort | None) -> str:
    """Return calls, answers from the cache, and calls of the whole plan that were not needed."""
    if spent is None:
        return ""
    parts = [f"{spent.calls} calls"]
    if spent.cached:
        parts.append(f"{spent.cached} from the cache")
    if spent.saved_calls:
        parts.append(f"{spent.saved_calls} saved")
    return ", ".join(parts)


def milliseconds(value: float) -> str:
    """Return a time below and above a second as a person reads it: 0.4 ms, 35 ms, 1.7 s."""
    if value >= 1000:
        return f"{value / 1000:.1f} s"
    return f"{value:.0f} ms" if value >= 10 else f"{value:.2g} ms"


def points(change: GateChange) -> str:
    """Return the difference of two rates in percentage points, with its interval."""
    if not change.n:
        return "no pairs"
    found = (change.difference, change.low, change.high)
    middle, low, high = (f"{100 * value:+.1f}" for value in found)
    return f"{middle} ({low} to {high})"


_DOES = {
    "block": "block",
    "ask": "ask a person",
    "redact": "redact",
    "rewrite": "rewrite",
    "flag": "only flag",
    "allow": "only report",
    "shadow": "only watch",
}
"""What rules do, from the strictest on, as a report says it."""


def guard_sentences(effect: GuardEffect) -> list[str]:
    """Return what the guard did, what it cost and what was not asked again, in sentences."""
    harmless, wide = effect.harmless, effect.harmless_screened
    rules = ", ".join(f"{name} {count}" for name, count in list(effect.rules.items())[:6])
    return [
        f"Policy {effect.policy} at tier {effect.tier}, plan {effect.plan}.",
        *_actions(effect),
        f"Of {effect.samples} questions it stopped {effect.stopped} before the model and changed "
        f"{effect.questions_changed}; it stopped {effect.cut} answers and changed "
        f"{effect.answers_changed}; {effect.flagged} were only flagged. Rules: {rules or 'none'}.",
        _touched(effect),
        f"False refusals: {harmless.k} of {harmless.n} harmless sources stopped "
        f"({percent(harmless.low)} to {percent(harmless.high)}); of all {wide.n} in the suites, "
        f"asked or not, {wide.k} questions stopped ({percent(wide.low)} to {percent(wide.high)}).",
        _latency(effect),
        f"Calls: {effect.asked} made; {effect.reused} answers of the first run were used again, "
        f"{effect.stopped} questions cost none.",
    ]


def _actions(effect: GuardEffect) -> list[str]:
    """What the policy does where its rules find something: it may stop little at a low risk."""
    total = sum(map(len, effect.actions.values()))
    if not total:
        return []
    flags = len(effect.actions.get("flag", ()))
    most = f"{flags} of its {total} rules only flag" if flags else f"it has {total} rules"
    listed = [
        f"{verb}: {', '.join(effect.actions.get(action, ())) or 'none'}"
        for action, verb in _DOES.items()
        if action in effect.actions or action == "block"
    ]
    return [f"At tier {effect.tier}, {most}. Rules that {'; '.join(listed)}."]


def _latency(effect: GuardEffect) -> str:
    """What the checks took, beside an answer where that took any time to speak of."""
    middle, late = effect.guard_ms
    said = f"Latency: {milliseconds(middle)} a question (95th percentile {milliseconds(late)})"
    if effect.answer_ms < _NO_TIME_MS:
        return f"{said}."
    share = middle / effect.answer_ms
    return f"{said} beside {milliseconds(effect.answer_ms)} for an answer, {share:.2%}."


def _touched(effect: GuardEffect) -> str:
    """What became of the sources whose questions the guard stops or changes."""
    gates = effect.gates
    marked, whole = sum(g.screened.k for g in gates), sum(g.screened.n for g in gates)
    asked = sum(g.touched for g in gates)
    mended, broken = sum(g.mended for g in gates), sum(g.broken for g in gates)
    return (
        f"Over the suites it stops or changes questions of {marked} of {whole} sources; {asked} of "
        f"them were asked both ways: {mended} failed only without the guard, {broken} only with it."
    )


def duration(seconds: float) -> str:
    """Return a duration a person reads: 45 s, 12 min, 3 h, 5 d."""
    for size, unit in ((86400.0, "d"), (3600.0, "h"), (60.0, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"


def headline(verdict: Verdict) -> str:
    """Return the verdict in one sentence."""
    counts = tally(verdict)
    detail = ", ".join(
        f"{count} {name.replace('_', ' ')}" for name, count in counts.items() if count
    )
    word = {"pass": "PASS", "fail": "FAIL"}.get(verdict.outcome, "INCONCLUSIVE")
    return f"{word}: {verdict.system} (tier {verdict.tier}): {detail}"


def tally(verdict: Verdict) -> dict[str, int]:
    """Count gates by outcome, in the order pass, fail, inconclusive, not applicable."""
    counts = {"pass": 0, "fail": 0, "inconclusive": 0, "not_applicable": 0}
    for gate in verdict.gates:
        counts[gate.outcome] += 1
    return counts
