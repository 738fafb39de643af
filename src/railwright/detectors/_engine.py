"""The rule engine: one pass that says which rules can match, then those rules alone.

The pass is RE2's Set, which reads the text once whatever the number of rules; a rule that needs a
keyword is represented in it by its keywords. RE2 has no backtracking: time is linear in the text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from typing import Any, NamedTuple

from railwright.detectors._extras import MissingExtraError
from railwright.detectors._horizon import Horizon
from railwright.detectors._normalise import Layer, encoded_tail, escape_tail, normalise
from railwright.detectors._regex import anchors
from railwright.detectors._rules import Rule, RulePack, digest_of, fold_pattern
from railwright.detectors.interface import Detection

#: Memory for the automaton of the Set, in bytes; states beyond it are built anew.
_SET_MEMORY = 128 << 20
#: The same for one rule; without enough of it RE2 goes on with a slower automaton.
_RULE_MEMORY = 32 << 20
#: How often a rule is looked for where its match does not count, and the longest such rule.
_LOOKS, _SHORT = 3, 64
# Ordinary text, to choose the part of a rule that is rare.
_COMMON = (
    "the of and to in is you that it he was for on are as with his they i at be this have from or "
    "one had by word but not what all were we when your can said there use an each which she do "
    "how their if will up other about out many then them these so some her would make like him "
    "into time has look two more write go see number no way could people my than first been call "
    "who its now find long down day did get come made may part over new sound take only little "
    "work know place year live me back give most very after thing our just name good man think "
    "say great where help through much before line right too mean old any same tell follow came "
    "want show also around form three small set put end does another well large must big even "
    "such because turn here why ask went read need different home us move try kind hand again "
    "change off play away house point page letter answer found study still learn should data "
    "text information message question example list user email start open always everything "
    "the process without nothing however possible important story game world without a problem"
)
# Says that a text may hold something encoded.
_ENCODED = (
    r"[A-Za-z0-9+/_-]{7}(?:[0-9]|[a-z][A-Z])|(?:[0-9]|[a-z][A-Z])[A-Za-z0-9+/_-]{7}",
    r"(?:[0-9A-Fa-f]{2}[ :,]){8}",
    r"%[0-9A-Fa-f]{2}|&#|&[a-z]{2,6};|\\[xu][0-9A-Fa-f]{2}",
)
# Matches every text: when it is missing from the answer the automaton ran out of memory.
_SENTINEL = r"\z"


class _Compiled(NamedTuple):
    rule: Rule
    find: Callable[..., Iterator[Any]]
    group: int
    confirm: Callable[[str], bool] | None
    near: Any
    before: re.Pattern[str] | None
    after: re.Pattern[str] | None


def _re2(rules: Sequence[Rule]) -> Any:
    try:
        import re2

        if any(rule.confirm.startswith("phone-") for rule in rules):
            import phonenumbers  # noqa: F401 - its checks import it when they run
    except ImportError:
        raise MissingExtraError("guard", "the rule engine") from None
    return re2


def _options(re2: Any, memory: int = 8 << 20) -> Any:
    options = re2.Options()
    options.max_mem = memory
    options.log_errors = False
    return options


class RuleEngine:
    """Packs of rules, compiled once; safe to share between threads.

    ``scan`` finds; ``safe_cut`` says how much of a text that still grows is settled.

    Raises:
        MissingExtraError: google-re2 is not installed, or phonenumberslite where a rule needs it.
    """

    def __init__(self, packs: Sequence[RulePack]) -> None:
        self.rules: tuple[Rule, ...] = tuple(rule for pack in packs for rule in pack.rules)
        #: Changes whenever what is found may change.
        self.digest = digest_of(self.rules)
        #: Plain characters before a match that may decide about it.
        self.lookbehind = max((rule.lookbehind for rule in self.rules), default=1)
        #: The longest match of any rule, in plain characters.
        self.max_length = max((rule.max_length for rule in self.rules), default=0)
        re2 = _re2(self.rules)
        self._re2 = re2
        self._compiled: list[_Compiled | None] = [None] * len(self.rules)
        self._set, self._needs, self._starts, self._encoded = _compile_set(re2, self.rules)
        self._sentinel = self._encoded[-1] + 1

    def scan(self, text: str, start: int = 0) -> list[Detection]:
        """Return every finding, overlaps included, in order of start, then of end.

        Only findings at or after ``start`` are sought; what stands before it is context.
        """
        normal = normalise(text)
        first = normal.plain_length(start) if start else 0
        found, encoded = self._read(normal.text, first)
        if not found and not encoded:
            return []
        out = [self._detection(normal.layer, rule, *span, score) for rule, span, score in found]
        if encoded:
            for view in normal.views(first):
                hits, _ = self._read(view.text, view.first, decoded=True)
                out.extend(self._detection(view, rule, *span, score) for rule, span, score in hits)
        if len(out) > 1:
            out = sorted(set(out), key=_order)
        return out

    def _detection(self, layer: Layer, rule: Rule, start: int, end: int, score: float) -> Detection:
        span = layer.span(start, end)
        return Detection(span.start, span.end, rule.label, score, rule.id, rule.pack)

    def _read(
        self, text: str, first: int, *, decoded: bool = False
    ) -> tuple[list[tuple[Rule, tuple[int, int], float]], bool]:
        data = text.encode()
        start = first if len(data) == len(text) else len(text[:first].encode())
        found: list[tuple[Rule, tuple[int, int], float]] = []
        indices, encoded = self._candidates(data)
        for index in indices:
            compiled = self._compiled[index] or self._compile(index)
            if not decoded or compiled.rule.decoded:
                found.extend(_apply(compiled, text, data, start))
        return found, encoded

    def _candidates(self, data: bytes) -> tuple[list[int], bool]:
        """Return the rules that can match, and whether something may be encoded."""
        hits = self._set.Match(data)
        if not hits or self._sentinel not in hits:
            return list(range(len(self.rules))), True  # nothing may be missed for want of memory
        if len(hits) == 1:
            return [], False
        seen = set(hits)
        indices = [
            index
            for hit in hits
            for index in self._starts.get(hit, ())
            if seen.issuperset(self._needs[index])
        ]
        return indices, not seen.isdisjoint(self._encoded)

    def _compile(self, index: int) -> _Compiled:
        compiled = _compile(self._re2, self.rules[index])
        self._compiled[index] = compiled
        return compiled

    def safe_cut(self, text: str, start: int = 0) -> int:
        """Return the largest position that no match can cross, whatever follows ``text``.

        What stands before it may be released once its findings are dealt with: scanning
        ``text[cut:]`` later, with ``lookbehind`` characters of context, finds the rest. ``start``
        is an earlier cut; the result is never smaller. Matches that are complete but could grow,
        or whose next characters decide about them, are held back, and so are the beginnings of
        encoded runs.
        """
        normal = normalise(text)
        cut = len(text)
        first = normal.plain_length(start) if start else 0
        spans: list[tuple[int, int]] = []
        layers = list(normal.growing(first))
        for layer in layers:
            least, found = self._open(layer.text, layer.first)
            if least < len(layer.text):
                cut = min(cut, layer.span(least, least + 1).start)
            spans.extend(layer.span(*span) for span in (*found, *layer.encoded_runs()))
        cut = _outside(layers, cut)
        for begin, end in sorted(spans, key=lambda span: span[1], reverse=True):
            if begin < cut < end:
                cut = _outside(layers, begin)
        return max(start, cut)

    def _open(self, text: str, first: int) -> tuple[int, list[tuple[int, int]]]:
        """Return where in a layer begins what may go on, and the spans of possible matches."""
        least, found = self._horizon.run(text, first)
        least = min(least, encoded_tail(text, first))
        begun = escape_tail(text, first)
        if begun < len(text):
            # The escape that begins here may turn into any character, one that goes on with what
            # stands before it as well.
            before = text[:begun]
            least = min(least, self._horizon.run(before, first)[0], encoded_tail(before, first))
        return least, found

    @cached_property
    def _horizon(self) -> Horizon:
        return Horizon((rule.parsed, max(0, rule.lookahead - 1)) for rule in self.rules)


def _outside(layers: Sequence[Layer], cut: int) -> int:
    """Return the cut, or the place before it that lies within no escape of any layer."""
    while (least := min(layer.begin(cut) for layer in layers)) < cut:
        cut = least
    return cut


def _order(found: Detection) -> tuple[int, int, str, float]:
    return (found.start, found.end, found.rule, -found.score)


def _compile(re2: Any, rule: Rule) -> _Compiled:
    from railwright.detectors import _confirm

    options = _options(re2, _RULE_MEMORY)
    options.never_capture = "(?P<value>" not in rule.regex  # captures cost a second pass
    compiled = re2.compile(fold_pattern(rule.regex).encode(), options)
    group = compiled.groupindex.get(b"value", 0) or compiled.groupindex.get("value", 0)
    near = None
    if rule.keywords:
        options.never_capture = True
        near = re2.compile(_keywords(rule).encode(), options)
    return _Compiled(
        rule,
        compiled.finditer,
        group,
        _confirm.get(rule.confirm) if rule.confirm else None,
        near,
        re.compile(rule.not_before, re.ASCII) if rule.not_before else None,
        re.compile(fold_pattern(rule.not_after), re.ASCII) if rule.not_after else None,
    )


def _keywords(rule: Rule) -> str:
    return f"(?i)(?:{'|'.join(fold_pattern(k) for k in rule.keywords)})"


def _triggers(re2: Any, rule: Rule) -> tuple[str, ...]:
    """Return expressions that must all match somewhere for the rule to report anything."""
    if rule.keywords and not rule.alone:
        return (_keywords(rule),)
    if rule.trigger:
        return (fold_pattern(rule.trigger),)
    found = anchors(rule.parsed)
    if len(found) < 2:
        return found or (fold_pattern(rule.regex),)
    # Those that common words do not contain tell most; all would only slow the pass.
    counted = sorted((sum(1 for _ in re2.finditer(a, _COMMON)), -len(a), a) for a in found)
    return tuple(a for count, _, a in counted[:3] if count <= max(1, counted[0][0]))


def _compile_set(
    re2: Any, rules: Sequence[Rule]
) -> tuple[Any, list[frozenset[int]], dict[int, list[int]], tuple[int, ...]]:
    """Return the Set, what each rule needs of it, the rules by their first need, the encodings."""
    numbers: dict[str, int] = {}
    needs: list[frozenset[int]] = []
    starts: dict[int, list[int]] = {}
    for index, rule in enumerate(rules):
        own = [numbers.setdefault(trigger, len(numbers)) for trigger in _triggers(re2, rule)]
        needs.append(frozenset(own))
        starts.setdefault(own[-1], []).append(index)
    encoded = tuple(range(len(numbers), len(numbers) + len(_ENCODED)))
    whole = re2.Set.SearchSet(_options(re2, _SET_MEMORY))
    for pattern in (*numbers, *_ENCODED, _SENTINEL):
        whole.Add(pattern.encode())
    whole.Compile()
    return whole, needs, starts, encoded


def _apply(
    compiled: _Compiled, text: str, data: bytes, start: int
) -> list[tuple[Rule, tuple[int, int], float]]:
    out: list[tuple[Rule, tuple[int, int], float]] = []
    matches = list(compiled.find(data, start))
    looks = _LOOKS if compiled.rule.max_length <= _SHORT else 1
    while matches:
        rejected = _accept(compiled, text, data, matches, out)
        looks -= 1
        if not looks:
            break
        # A match that does not count must not hide one that begins within it.
        reach = compiled.rule.max_length * 4 + _SHORT
        again = (next(compiled.find(data, m.start() + 1, m.end() + reach), m) for m in rejected)
        matches = [
            new for m, new in zip(rejected, again, strict=True) if m.start() < new.start() < m.end()
        ]
    return out


def _accept(
    compiled: _Compiled,
    text: str,
    data: bytes,
    matches: list[Any],
    out: list[tuple[Rule, tuple[int, int], float]],
) -> list[Any]:
    """Add the matches that count to ``out``; return the others."""
    rule = compiled.rule
    rejected = []
    wholes = _characters(text, data, [m.span() for m in matches])
    values = wholes
    if compiled.group:
        values = _characters(text, data, [m.span(compiled.group) for m in matches])
    for match, (begin, end), value in zip(matches, wholes, values, strict=True):
        rejected.append(match)
        if compiled.before and begin and compiled.before.match(text, begin - 1):
            continue
        if compiled.after and compiled.after.match(text, end):
            continue
        score = rule.score
        if compiled.near is not None and not _is_near(compiled, text, data, match.start(), begin):
            score = rule.alone
        if score and (compiled.confirm is None or compiled.confirm(text[value[0] : value[1]])):
            out.append((rule, value, score))
            rejected.pop()
    return rejected


def _is_near(compiled: _Compiled, text: str, data: bytes, at: int, begin: int) -> bool:
    window = compiled.rule.window
    low = (
        at - window
        if len(data) == len(text)
        else at - len(text[max(0, begin - window) : begin].encode())
    )
    return compiled.near.search(data, max(0, low), at) is not None


def _characters(text: str, data: bytes, spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return character offsets for byte offsets, which must be in order."""
    if len(data) == len(text):
        return spans
    out = []
    byte = char = 0
    for start, end in spans:
        char += len(data[byte:start].decode())
        first = char
        char += len(data[start:end].decode())
        byte = end
        out.append((first, char))
    return out
