"""The system prompt in an answer: word for word, nearly so, or behind an encoding.

Prompt and answer are compared by their letters and digits, without case, accents, look-alikes and
separators. Stretches of the prompt that stand in the answer are found from windows of it (as
Rabin-Karp does, with a table in the place of the rolling hash) and stretches near each other are
one finding, so that a changed word here and there does not hide the rest.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from railwright.detectors._base import DetectorBase
from railwright.detectors._leak import LeakDetector
from railwright.detectors._options import OwnOptions, digest, read_own, texts_of
from railwright.detectors._text import Folded, Span, fold
from railwright.detectors._views import decodings, views
from railwright.detectors.interface import Context, Detection

_PLACES = 8
"""Places of one window in a prompt that are tried."""


class _Scale(NamedTuple):
    """Sizes in letters: a window, the shortest stretch, the widest gap, the least that tells."""

    window: int
    stretch: int
    gap: int
    least: int


# 24 letters are some five words, 60 some twelve: more than courtesy and set phrases share. A sign
# of Chinese or Japanese says about as much as three letters.
_LETTERS = _Scale(16, 24, 20, 60)
_SIGNS = _Scale(6, 8, 7, 20)


class _Prompt:
    """A prompt prepared for the search."""

    def __init__(self, prompt: str) -> None:
        self.letters = _squeezed(fold(prompt)).text
        signs = sum("\u2e80" <= c <= "\ud7ff" for c in self.letters)
        self.scale = _SIGNS if 3 * signs > len(self.letters) else _LETTERS
        self.least = min(self.scale.least, max(self.scale.stretch, 3 * len(self.letters) // 5))
        self._windows: dict[str, list[int]] = {}
        size = self.scale.window
        for at in range(len(self.letters) - size + 1):
            places = self._windows.setdefault(self.letters[at : at + size], [])
            if len(places) < _PLACES:
                places.append(at)

    def stretches(self, text: str) -> list[Span]:
        """Return where stretches of the prompt stand in ``text``, in order and apart."""
        window, shortest = self.scale.window, self.scale.stretch
        step = shortest - window + 1  # a stretch holds a window at one of these places at least
        out: list[Span] = []
        at = done = 0
        while at + window <= len(text):
            places = self._windows.get(text[at : at + window], ())
            spans = [self._extended(text, at, place, done) for place in places]
            longest = max(spans, key=lambda span: span.end - span.start, default=Span(0, 0))
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

    def groups(self, stretches: Sequence[Span]) -> Iterator[tuple[Span, int]]:
        """Yield stretches near each other as one, with the letters that agree."""
        group: list[Span] = []
        for span in [*stretches, Span(1 << 60, 1 << 60)]:
            if group and span.start - group[-1].end > self.scale.gap:
                yield Span(group[0].start, group[-1].end), sum(b - a for a, b in group)
                group = []
            group.append(span)


@lru_cache(maxsize=64)
def _prepared(prompt: str) -> _Prompt:
    return _Prompt(prompt)


def _squeezed(folded: Folded) -> Folded:
    """Return letters and digits alone."""
    places = [i for i, char in enumerate(folded.text) if char.isalnum()]
    text = "".join(folded.text[i] for i in places)
    return Folded(text, [folded.offsets[i] for i in places])


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
    shorter prompt; 20 signs of Chinese or Japanese), with score 0.5; the score is 1 from twice that
    or half of the prompt on. What the user has written himself (``context.prompt``) and what is
    ``public`` does not count. ``rule`` says how it stood there: ``plain``, ``escaped``,
    ``respelled``, ``reversed``, ``rot13``, or the encoding. Translations and retellings are not
    found.

    Raises:
        DetectorConfigError: an option is wrong or a file cannot be read.
    """

    path_options = ("prompt_files",)

    def __init__(self, **options: Any) -> None:
        told = read_own(PromptLeakOptions, "system_prompt_leak", options)
        self.name = told.name or "system_prompt_leak"
        files = texts_of(told.prompt_files, "system_prompt_leak")
        self._prompts = tuple(text for text in (*told.prompts, *files) if text.strip())
        self._canaries = told.canaries
        self._public = told.public
        self._leaks = LeakDetector()
        parts = (self._prompts, self._canaries, self._public)
        self.version = f"1:{self._leaks.version}:{digest(*parts)}"

    def detect(self, text: str, context: Context | None = None) -> list[Detection]:
        """Return stretches of the prompts and canaries, in order of place."""
        known = context or Context()
        found = [
            Detection(d.start, d.end, "canary", d.score, d.rule, self.name)
            for d in self._leaks.detect(text, Context(known.prompt, plants=self._canaries))
            if d.label != "echo"
        ]
        declared = (*self._prompts, known.system) if known.system.strip() else self._prompts
        prompts = [_prepared(prompt) for prompt in dict.fromkeys(declared)]
        if prompts and text:
            allowed = [_squeezed(fold(one)).text for one in (known.prompt, *self._public) if one]
            found += self._leaked(text, prompts, allowed)
        return sorted(found, key=lambda d: (d.start, d.end))

    def _leaked(self, text: str, prompts: list[_Prompt], allowed: list[str]) -> list[Detection]:
        ways = list(_ways(text))
        found: list[Detection] = []
        for prompt in prompts:
            hits = [hit for rule, view in ways for hit in _hits(prompt, view, rule, allowed)]
            for hit in _apart(hits):
                half = 2 * hit.letters >= len(prompt.letters)
                score = 1.0 if half else min(1.0, round(hit.letters / (2 * prompt.least), 4))
                found.append(Detection(*hit.span, "prompt_leak", score, hit.rule, self.name))
        return found


def _ways(text: str) -> Iterator[tuple[str, Folded]]:
    """Yield (rule, letters) of the text itself and of what it may hide."""
    for rule, view in views(fold(text)):
        plain = _squeezed(view)
        yield rule or "plain", plain
        if not rule:
            backwards = Folded(plain.text[::-1], plain.offsets[::-1])
            yield "reversed", backwards
            yield "rot13", Folded(codecs.encode(plain.text, "rot13"), plain.offsets)
    for decoded in decodings(text):
        if len(decoded.text) >= _SIGNS.stretch:
            inner = _squeezed(fold(_as_utf8(decoded.text))).text
            # The run as a whole stands for what is in it.
            yield decoded.rule, Folded(inner, [decoded.span.start, decoded.span.end])


def _as_utf8(text: str) -> str:
    """Return text that was read as Latin-1 as the UTF-8 that it may be."""
    return text.encode("latin-1", "ignore").decode("utf-8", "ignore")


def _hits(prompt: _Prompt, view: Folded, rule: str, allowed: list[str]) -> Iterator[_Hit]:
    stretches = [
        span
        for span in prompt.stretches(view.text)
        if not any(view.text[span.start : span.end] in text for text in allowed)
    ]
    for span, letters in prompt.groups(stretches):
        if letters >= prompt.least:
            yield _Hit(_place(view, span), letters, rule)


def _place(view: Folded, span: Span) -> Span:
    """Return where a stretch stands in the text as given."""
    if len(view.offsets) != len(view.text):
        return Span(view.offsets[0], view.offsets[1])
    ends = view.offsets[span.start], view.offsets[span.end - 1]
    return Span(min(ends), max(ends) + 1)


def _apart(hits: list[_Hit]) -> list[_Hit]:
    """Return hits that do not overlap, those with most letters first, the plainest of equals."""
    kept: list[_Hit] = []
    for hit in sorted(hits, key=lambda hit: -hit.letters):
        if all(hit.span.end <= one.span.start or one.span.end <= hit.span.start for one in kept):
            kept.append(hit)
    return kept
