"""The system prompt in an answer: word for word, nearly so, or behind an encoding.

Prompt and answer are compared by their letters and digits, without case, accents, look-alikes and
separators. Stretches of the prompt that stand in the answer are found from windows of it (as
Rabin-Karp does, with a table in the place of the rolling hash) and stretches near each other are
one finding, so that a changed word here and there does not hide the rest.
"""

from __future__ import annotations

import codecs
import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from functools import cached_property, lru_cache
from typing import Any, NamedTuple

from railwright.detectors._base import DetectorBase
from railwright.detectors._leak import LeakDetector
from railwright.detectors._options import OwnOptions, digest, read_own, texts_of
from railwright.detectors._text import Folded, Span, fold
from railwright.detectors._views import decodings, views
from railwright.detectors.interface import Context, Detection

_SEPARATORS = re.compile(r"[\W_]+")
_PLACES = 8
"""Places of one window in a prompt that are tried."""


class _Scale(NamedTuple):
    """Sizes in letters: a window, the shortest stretch, the widest gap, the least that tells."""

    window: int
    stretch: int
    gap: int
    least: int


# 60 letters are some twelve words: more than courtesy and set phrases share, even where eleven
# letters in a row (some two words) count towards them. A sign of Chinese or Japanese says about as
# much as three letters. Chosen by ``benchmarks/prompt_leak_quality.py``.
_LETTERS = _Scale(8, 11, 14, 60)
_SIGNS = _Scale(4, 6, 5, 20)


class _Stretch(NamedTuple):
    """A stretch and how many of its letters tell."""

    span: Span
    letters: int


class _Prompt:
    """A prompt prepared for the search."""

    def __init__(self, prompt: str, *, short: bool = False) -> None:
        """Prepare it; ``short`` prompts too, which say nothing that anybody could give away."""
        self.letters = _letters(fold(prompt).text)
        signs = sum("\u2e80" <= c <= "\ud7ff" for c in self.letters)
        self.scale = _SIGNS if 3 * signs > len(self.letters) else _LETTERS
        tells = 2 * self.scale.least // 3
        self.least = min(self.scale.least, max(tells, 3 * len(self.letters) // 5))
        self._windows: dict[str, list[int]] = {}
        size = self.scale.window
        used = self.letters if short or len(self.letters) >= tells else ""
        for at in range(len(used) - size + 1):
            places = self._windows.setdefault(self.letters[at : at + size], [])
            if len(places) < _PLACES:
                places.append(at)

    def stretches(self, text: str) -> list[Span]:
        """Return where stretches of the prompt stand in ``text``, in order and apart."""
        known, window, shortest = self._windows, self.scale.window, self.scale.stretch
        step = shortest - window + 1  # a stretch holds a window at one of these places at least
        out: list[Span] = []
        at = done = 0
        while at + window <= len(text):
            places = known.get(text[at : at + window])
            if places is None:
                at += step
                continue
            spans = [self._extended(text, at, place, done) for place in places]
            longest = max(spans, key=lambda span: span.end - span.start)
            if longest.end - longest.start >= shortest:
                out.append(longest)
                at = done = longest.end
            else:
                at += step
        return out

    def _extended(self, text: str, at: int, place: int, done: int) -> Span:
        """Return the stretch around a window that both have."""
        prompt = self.letters
        back = 0
        while (
            at - back > done
            and place - back > 0
            and text[at - back - 1] == prompt[place - back - 1]
        ):
            back += 1
        size = self.scale.window
        most = min(len(text) - at, len(prompt) - place)
        while size < most and text[at + size] == prompt[place + size]:
            size += 1
        return Span(at - back, at + size)

    def groups(self, stretches: Sequence[_Stretch]) -> Iterator[tuple[Span, int]]:
        """Yield stretches near each other as one, with the letters that tell."""
        group: list[_Stretch] = []
        for one in [*stretches, _Stretch(Span(1 << 60, 1 << 60), 0)]:
            if group and one.span.start - group[-1].span.end > self.scale.gap:
                place = Span(group[0].span.start, group[-1].span.end)
                yield place, sum(item.letters for item in group)
                group = []
            group.append(one)


def _telling(stretches: Sequence[Span], allowed: Sequence[Span]) -> list[_Stretch]:
    """Return stretches with the letters that stand in none of ``allowed`` (in order, apart)."""
    out = []
    first = 0
    for span in stretches:
        while first < len(allowed) and allowed[first].end <= span.start:
            first += 1
        left, at = span.end - span.start, first
        while at < len(allowed) and allowed[at].start < span.end:
            left -= min(span.end, allowed[at].end) - max(span.start, allowed[at].start)
            at += 1
        if left > 0:
            out.append(_Stretch(span, left))
    return out


@lru_cache(maxsize=64)
def _prepared(prompt: str) -> _Prompt:
    return _Prompt(prompt)


class _Letters:
    """Letters and digits of a text; where they stood in the source is found when asked for."""

    def __init__(self, text: str, source: Folded | Span, *, backwards: bool = False) -> None:
        self.text = text
        self._source, self._backwards = source, backwards

    @cached_property
    def _places(self) -> list[int]:
        assert isinstance(self._source, Folded)
        text, offsets = self._source
        return [offsets[i] for i, char in enumerate(text) if char.isalnum()]

    def place(self, span: Span) -> Span:
        """Return where letters stood; what was decoded stands for its whole run."""
        if isinstance(self._source, Span):
            return self._source
        start, end = span
        if self._backwards:
            start, end = len(self.text) - end, len(self.text) - start
        return Span(self._places[start], self._places[end - 1] + 1)


def _letters(text: str) -> str:
    return _SEPARATORS.sub("", text)


class PromptLeakOptions(OwnOptions, frozen=True, kw_only=True):
    """What the detector is told.

    Attributes:
        prompts: system prompts that must stay inside.
        prompt_files: files of such; names may hold ``*``.
        canaries: values that stand in a prompt and nowhere else.
        public: texts that prompts hold and answers may quote.
    """

    prompts: tuple[str, ...] = ()
    prompt_files: tuple[str, ...] = ()
    canaries: tuple[str, ...] = ()
    public: tuple[str, ...] = ()


class _Hit(NamedTuple):
    span: Span
    letters: int
    rule: str


class PromptLeakDetector(DetectorBase):
    """Find the declared system prompts, and that of ``context.system``, in a text.

    Labels: ``prompt_leak`` and ``canary``. A stretch tells from 60 letters on (three fifths of a
    shorter prompt, but at least 40; 20 signs of Chinese or Japanese), with score 0.5; the score is
    1 from twice that or half of the prompt on. What the user has written himself
    (``context.prompt``), what stands in ``context.passages`` and what is ``public`` does not
    count. ``rule`` says how it stood there: ``plain``, ``escaped``, ``respelled``, ``reversed``,
    ``rot13``, or the encoding. Translations and retellings are not found.

    Raises:
        DetectorConfigError: an option is wrong or a file cannot be read.
    """

    path_options = ("prompt_files",)
    secret_options = ("prompts", "canaries")

    def __init__(self, **options: Any) -> None:
        told = read_own(PromptLeakOptions, "system_prompt_leak", options)
        self.name = told.name or "system_prompt_leak"
        files = texts_of(told.prompt_files, "system_prompt_leak")
        self._prompts = tuple(text for text in (*told.prompts, *files) if text.strip())
        self._canaries = told.canaries
        self._public = told.public
        self._leaks = LeakDetector()
        parts = (self._prompts, self._canaries, self._public)
        self.version = f"2:{self._leaks.version}:{digest(*parts)}"

    def detect(self, text: str, context: Context | None = None) -> list[Detection]:
        """Return stretches of the prompts and canaries, in order of place."""
        known = context or Context()
        found: list[Detection] = []
        if self._canaries:
            found += (
                Detection(d.start, d.end, "canary", d.score, d.rule, self.name)
                for d in self._leaks.detect(text, Context(known.prompt, plants=self._canaries))
                if d.label != "echo"
            )
        declared = (*self._prompts, known.system) if known.system.strip() else self._prompts
        prompts = [_prepared(prompt) for prompt in dict.fromkeys(declared)]
        if prompts and text:
            found += self._leaked(text, prompts, (known.prompt, *known.passages))
        return sorted(found, key=lambda d: (d.start, d.end))

    def _leaked(self, text: str, prompts: list[_Prompt], shown: tuple[str, ...]) -> list[Detection]:
        ways = list(_ways(text))
        found: list[Detection] = []
        for prompt in prompts:
            hits = [hit for rule, view in ways for hit in self._hits(prompt, view, rule, shown)]
            for hit in _apart(hits):
                half = 2 * hit.letters >= len(prompt.letters)
                score = 1.0 if half else min(1.0, round(hit.letters / (2 * prompt.least), 4))
                found.append(Detection(*hit.span, "prompt_leak", score, hit.rule, self.name))
        return found

    def _hits(
        self, prompt: _Prompt, view: _Letters, rule: str, shown: tuple[str, ...]
    ) -> Iterator[_Hit]:
        stretches = prompt.stretches(view.text)
        if sum(b - a for a, b in stretches) < prompt.least:
            return
        # What may be said is prepared only where something is said at all.
        allowed = _Prompt("\n".join((*self._public, *shown)), short=True)
        told = _telling(stretches, allowed.stretches(view.text))
        for span, letters in prompt.groups(told):
            if letters >= prompt.least:
                yield _Hit(view.place(span), letters, rule)


def _ways(text: str) -> Iterator[tuple[str, _Letters]]:
    """Yield (rule, letters) of the text itself and of what it may hide."""
    for rule, view in views(fold(text)):
        plain = _letters(view.text)
        yield rule or "plain", _Letters(plain, view)
        if not rule:
            yield "reversed", _Letters(plain[::-1], view, backwards=True)
            yield "rot13", _Letters(codecs.encode(plain, "rot13"), view)
    for decoded in decodings(text):
        if len(decoded.text) >= _SIGNS.stretch:
            inner = _letters(fold(_as_utf8(decoded.text)).text)
            yield decoded.rule, _Letters(inner, decoded.span)


def _as_utf8(text: str) -> str:
    """Return text that was read as Latin-1 as the UTF-8 that it may be."""
    return text.encode("latin-1", "ignore").decode("utf-8", "ignore")


def _apart(hits: list[_Hit]) -> list[_Hit]:
    """Return hits that do not overlap, those with most letters first, the plainest of equals."""
    kept: list[_Hit] = []
    starts: list[int] = []
    for hit in sorted(hits, key=lambda hit: -hit.letters):
        at = bisect_right(starts, hit.span.start)
        free = at == 0 or kept[at - 1].span.end <= hit.span.start
        if free and (at == len(kept) or hit.span.end <= kept[at].span.start):
            kept.insert(at, hit)
            starts.insert(at, hit.span.start)
    return kept
