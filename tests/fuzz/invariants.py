"""What must hold for every input."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise

import msgspec
from tests.fuzz.inputs import Input, engine

from railwright.detectors import Detection, RuleEngine, normalise, resolve
from railwright.guard import (
    STAGES,
    ByteStream,
    Call,
    Guard,
    Stream,
    StreamRedactor,
    Verdict,
    parse_policy,
    redact_whole,
)
from railwright.guard._record import event_of

KEY = b"a key for hashes in tests"
#: Shorter values may stand in a text by chance.
_TELLING = 6
#: A row of numbers without an end is read in pieces: where they begin depends on its beginning.
_ROW = re.compile(r"[0-9 .:/-]*")
#: Characters that one character may be written with, escaped three times over.
_WRITTEN = 40
#: A stream costs as much as hundreds of checks: most look at no more than this of a text.
STREAMED = 150
_REDACT_ALL = """
schema: guard/v1
id: all
rules:
  - {id: pii, detector: pii, stage: [input, output, tool_call], action: redact}
  - {id: secrets, detector: secrets, stage: [input, output, tool_call], action: redact}
  - {id: code, detector: code, stage: output, action: flag}
  - {id: links, detector: exfiltration, stage: output, action: rewrite, with: "[link]"}
  - {id: orders, detector: injection, stage: input, action: block}
  - {id: refusals, detector: refusal, stage: input, action: flag}
  - {id: classes, detector: injection_classifier, stage: retrieved, action: flag}
  - {id: harms, detector: harm_classifier, stage: retrieved, action: flag}
  - {id: old-data, detector: personal_data, stage: memory, action: redact}
  - {id: leaks, detector: leak, stage: memory, action: flag}
  - {id: marks, detector: injection_marker, stage: tool_result, action: flag}
  - {id: ground, detector: groundedness, stage: tool_result, action: flag}
"""


@lru_cache
def guards() -> tuple[Guard, ...]:
    own = Guard(parse_policy(_REDACT_ALL), tier=1, key=KEY)
    return (own, *(Guard.default(tier=tier, key=KEY) for tier in (1, 2, 3)))


def check_normal(text: str) -> None:
    """The plain form maps back to the text, and is that of its parts."""
    normal = normalise(text)
    size = len(normal.text)
    last = 0
    for at in range(size):
        span = normal.span(at, at + 1)
        assert 0 <= span.start < span.end <= len(text), "an offset lies outside of the text"
        assert span.start >= last, "offsets run backwards"
        last = span.start
    normal.text.encode()  # never half of a pair
    half = len(text) // 2
    assert normalise(text[:half]).text + normalise(text[half:]).text == normal.text
    if text:
        assert normal.plain_length(len(text)) == size
    for view in normal.views():
        for at in range(0, len(view.text), max(1, len(view.text) // 8)):
            span = view.span(at, at + 1)
            assert 0 <= span.start < span.end <= len(text), "a view points outside of the text"


def check_findings(found: Sequence[Detection], text: str) -> list[Detection]:
    """Findings lie in the text and in order; resolved ones lie apart and cover the same."""
    assert list(found) == sorted(found, key=lambda d: (d.start, d.end, d.rule, -d.score))
    assert all(0 <= d.start < d.end <= len(text) for d in found), "a finding lies outside"
    assert all(0 < d.score <= 1 and d.label and d.rule for d in found)
    apart = resolve(found)
    assert all(a.end <= b.start for a, b in pairwise(apart)), "they overlap"
    for d in found:
        assert any(a.start <= d.start and d.end <= a.end for a in apart), "a finding got lost"
    return apart


def check_redaction(rules: RuleEngine, text: str, *, fully: bool) -> list[Detection]:
    """Redaction leaves what stands between findings, and nothing that a rule would redact."""
    whole = redact_whole(rules, text)
    if fully:
        apart = check_findings(rules.scan(text), text)
        assert whole.detections == apart or len(text) > 8192
    out, at = [], 0
    for d in whole.detections:
        out += [text[at : d.start], f"[{d.label.upper()}]"]
        at = d.end
    assert whole.text == "".join([*out, text[at:]]), "text beside findings changed"
    check_no_leak(rules, whole.text, whole.detections)
    return whole.detections


#: How far after a number its keyword may end, in plain characters.
_KEYWORD_AFTER = 48


def _joined(found: Sequence[Detection]) -> list[Detection]:
    """Return findings with those of one rule in neighbouring pieces of a long run as one."""
    out: list[Detection] = []
    for d in found:
        for index, before in enumerate(out):
            if (before.rule, before.end) == (d.rule, d.start):
                out[index] = msgspec.structs.replace(before, end=d.end)
                break
        else:
            out.append(d)
    return out


def check_no_leak(rules: RuleEngine, redacted: str, done: Sequence[Detection]) -> None:
    """A second look finds nothing that was there the first time."""
    again = rules.scan(redacted)
    if not again:
        return
    marks, shift = [], 0
    for d in done:
        size = len(d.label) + 2
        marks.append((d.start + shift, d.start + shift + size))
        shift += size - (d.end - d.start)
    for d in _joined(again):
        # A mark is a new neighbour: what now stands beside it, but for a space and what cannot be
        # seen, may have become a finding (two numbers that were read as one).
        assert any(
            is_little(redacted[d.end : a]) and is_little(redacted[b : d.start]) for a, b in marks
        ) or any(
            # A mark is shorter than what it stands for: a keyword before it reaches farther now.
            # And a keyword after a number ends at it, as it did not at what it stands for.
            (a <= d.start and plain_length(redacted[b : d.start]) <= rules.lookbehind + 64)
            or (d.end <= a and plain_length(redacted[d.end : a]) <= _KEYWORD_AFTER)
            for a, b in marks
        ), f"rule {d.rule} finds more after redaction"


def is_little(between: str) -> bool:
    """Say whether a text is no more than a separator, however written, or a row of numbers."""
    if _ROW.fullmatch(between):
        return True
    if len(between) > 4 * _WRITTEN:
        return False
    return plain_length(between) <= 4


def plain_length(text: str) -> int:
    """Return how long a text is without its escapes."""
    return min(len(layer.text) for layer in normalise(text).growing())


def check_gone(kept: Input, found: Sequence[Detection]) -> None:
    """What is redacted of a value that stands alone is redacted of it wherever it stands apart."""
    for planted in kept.values:
        size = len(planted.hidden)
        here = covered(found, planted.start, size)
        if len(planted.value.secret) < _TELLING or len(here) == size:
            continue
        whole = redact_whole(engine(), planted.alone).detections
        if planted.value.rule not in {d.rule for d in engine().scan(planted.alone)}:
            continue  # so disguised it is not found: what hides it is found for something else
        alone = covered(whole, planted.alone.index(planted.hidden), size)
        missed = "".join(planted.hidden[at] for at in alone - here)
        # Nobody sees what has no plain form.
        assert not normalise(missed).text, f"{planted.value.rule} stays, {planted.disguise}"


def covered(found: Sequence[Detection], start: int, size: int) -> set[int]:
    """Return which of so many characters from ``start`` on lie in a finding."""
    spans = ((d.start - start, d.end - start) for d in found if d.end > start)
    return {at for a, b in spans for at in range(max(0, a), min(size, b))}


def cuts(source: random.Random, size: int) -> list[int]:
    """Draw places to cut at; single characters at times."""
    if size <= 60 or source.random() < 0.05:
        return list(range(1, size))
    return sorted(source.sample(range(size + 1), min(size, source.randint(1, 8))))


def pieces(text: str, places: Sequence[int]) -> list[str]:
    ends = [0, *places, len(text)]
    return [text[a:b] for a, b in pairwise(ends)]


def check_streams(rules: RuleEngine, text: str, source: random.Random) -> None:
    """A stream gives what redaction of the whole gives, however it is cut, as text and bytes."""
    whole = redact_whole(rules, text)
    stream = StreamRedactor(rules)
    out = "".join([*map(stream.feed, pieces(text, cuts(source, len(text)))), stream.close()])
    assert out == whole.text, "a stream differs from the whole"
    assert stream.detections == whole.detections
    assert stream.held == 0
    if source.random() < 0.3:
        check_bytes(rules, text.encode("utf-8", "surrogatepass"), source)


def check_bytes(rules: RuleEngine, data: bytes, source: random.Random) -> None:
    """Any bytes, cut anywhere, give the redaction of what they decode to."""
    front = ByteStream(StreamRedactor(rules))
    at, out = 0, b""
    longest = source.choice((1, 3, 20))
    while at < len(data):
        step = source.randint(1, longest)
        out += front.feed(data[at : at + step])
        at += step
    out += front.close()
    assert out.decode() == redact_whole(rules, data.decode("utf-8", "replace")).text


def check_guard(
    guard: Guard, text: str, source: random.Random, secrets: Sequence[str], *, streamed: bool
) -> None:
    """A verdict is whole, holds no error of ours, says the same twice, and its event no text."""
    stage = source.choice(STAGES)
    call = Call(tenant=source.choice(("", "a", text[:9])), channel="web", prompt=text[:40])
    verdict = guard.check(stage, text, call)
    assert not verdict.failed, [r.detail for r in verdict.reasons]
    assert verdict.length == len(text)
    for finding in (*verdict.detections, *verdict.shadow):
        assert 0 <= finding.start <= finding.end <= len(text)
    assert verdict.action != "block" or (verdict.text == "" and verdict.message)
    assert verdict.action not in ("allow", "flag") or verdict.text == text
    event = msgspec.json.encode(event_of(verdict, text, call, KEY)).decode()
    for secret in secrets:
        assert len(secret) < _TELLING + 2 or secret not in event, "an event holds text"
    if streamed:
        check_guard_stream(guard.stream(stage, call), verdict, text, source)


def check_guard_stream(stream: Stream, verdict: Verdict, text: str, source: random.Random) -> None:
    """A guard's stream says in the end what its check says."""
    places = cuts(source, len(text))[:20]
    out = "".join([*map(stream.feed, pieces(text, places)), stream.close()])
    ended = stream.verdict
    assert ended is not None
    assert ended.blocked == verdict.blocked  # a stream stops at the first that blocks or asks
    if not verdict.blocked:
        assert ended.action == verdict.action
        assert out == verdict.text, "a guard's stream differs from its check"
        assert ended.detections == verdict.detections


def check_input(drawn: Input, source: random.Random) -> None:
    """All of it; the dear parts for a share of the inputs."""
    text = drawn.text
    draw = source.random()
    check_gone(drawn, check_redaction(engine(), text, fully=draw > 0.85))
    if drawn.kind == "run" and draw < 0.2:
        check_streams(engine(), text, source)
    elif draw < 0.01:
        at = source.randint(0, max(0, len(text) - STREAMED))
        check_streams(engine(), text[at : at + STREAMED], source)
    elif draw < 0.06:
        check_normal(text)
    elif draw < 0.25:
        secrets = [planted.hidden for planted in drawn.values]
        check_guard(source.choice(guards()), text, source, secrets, streamed=draw < 0.065)
