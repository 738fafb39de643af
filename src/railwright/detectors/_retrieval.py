"""Retrieved passages against what a system may rest its answers on."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from typing import Any
from urllib.parse import unquote, urlsplit

import msgspec

from railwright.detectors._base import DetectorBase
from railwright.detectors._nearness import Method, nearness, settled
from railwright.detectors._options import OwnOptions, digest, read_own
from railwright.detectors._registry import get
from railwright.detectors.hosted import DetectorConfigError
from railwright.detectors.interface import Context, Detection, Detector

_LINK = re.compile(r"https?://[^\s<>\"'`\])}]{1,2000}", re.IGNORECASE)
_TRIMMED = ".,;:!?*_"
# What browsers and parsers read in different ways: such an address names no place surely.
_AMBIGUOUS = re.compile(r"[\\\s\x00-\x1f\x7f]|%(?:25|2e|2f|5c|00)", re.IGNORECASE)
_DAY_S = 86_400.0


class RetrievalOptions(OwnOptions, frozen=True, kw_only=True):
    """What the detector is told; what is left out is not looked at.

    Attributes:
        sources: where passages may come from: ``kb.example.org`` (and what is below it),
            ``https://kb.example.org/public/`` (what begins so), or an id such as ``articles/*``.
        links: domains that addresses inside a passage may name.
        max_age_days: days since ``context.updated``.
        as_of: the day that ages are counted from; default: now.
        tenants: a passage must belong to the tenant of the request, or to one of ``shared``.
        shared: owners whose passages everybody may see.
        min_similarity: least nearness of the question to the passage, in [0, 1].
        method: how nearness is found: ``embed``, ``lexical``, or ``auto``.
        instructions: look for orders to the model (rule pack ``injection``, extra ``guard``).
    """

    sources: tuple[str, ...] | None = None
    links: tuple[str, ...] | None = None
    max_age_days: float | None = None
    as_of: str = ""
    tenants: bool = False
    shared: tuple[str, ...] = ()
    min_similarity: float | None = None
    method: Method = "auto"
    instructions: bool = True


class RetrievalDetector(DetectorBase):
    """Find what is wrong with one passage: ``text`` is the passage, the context says whence it is.

    Labels (all of score 1 and over the whole passage where nothing else is said):

    - ``source``: ``context.source`` is ``missing``, ``ambiguous`` or ``not-allowed``.
    - ``link``: an address in the passage is not allowed; over the address.
    - ``age``: ``context.updated`` is ``missing``, ``malformed``, ``future`` or ``too-old``.
    - ``tenant``: ``context.owner`` is ``missing``, or not ``context.tenant`` (``other``).
    - ``unrelated``: too far from the question in ``context.prompt``; the score is 1 less the
      nearness. Without a question nothing is compared.
    - ``instructions``: orders to the model; span, score and rule are those of ``injection``.

    Raises:
        DetectorConfigError: an option is wrong.
        MissingExtraError: ``instructions`` without the extra ``guard``, or ``embed`` without its.
    """

    def __init__(self, **options: Any) -> None:
        told = read_own(RetrievalOptions, "retrieval", options)
        self.name = told.name or "retrieval"
        self._told = told
        self._as_of = _moment(told.as_of) if told.as_of else None
        if told.as_of and self._as_of is None:
            raise DetectorConfigError(f"retrieval: as_of: {told.as_of!r} is no ISO 8601 date")
        compares = told.min_similarity is not None
        self._method = settled(told.method) if compares else "lexical"
        self._orders: Detector | None = get("injection") if told.instructions else None
        parts = [digest(msgspec.structs.replace(told, name=""))]
        if compares:
            parts.append(nearness(["x"], self._method).version)
        if self._orders is not None:
            parts.append(self._orders.version)
        self.version = ":".join(["1", *parts])

    def detect(self, text: str, context: Context | None = None) -> list[Detection]:
        """Return everything that is wrong with a passage, in order of place."""
        known = context or Context()
        whole = [*self._source(known), *self._age(known), *self._tenant(known)]
        found = [Detection(0, len(text), label, 1.0, rule, self.name) for label, rule in whole]
        found += self._links(text)
        found += self._unrelated(text, known.prompt)
        if self._orders is not None:
            found += (
                Detection(d.start, d.end, "instructions", d.score, d.rule, self.name)
                for d in self._orders.detect(text)
            )
        return sorted(found, key=lambda d: (d.start, d.end))

    def _source(self, known: Context) -> Iterator[tuple[str, str]]:
        allowed = self._told.sources
        if allowed is None:
            return
        if not known.source:
            yield "source", "missing"
        elif _is_ambiguous(known.source):
            yield "source", "ambiguous"
        elif not any(_may_come_from(known.source, entry) for entry in allowed):
            yield "source", "not-allowed"

    def _links(self, text: str) -> Iterator[Detection]:
        allowed = self._told.links
        if allowed is None:
            return
        for match in _LINK.finditer(text):
            address = match.group().rstrip(_TRIMMED)
            if _is_ambiguous(address):
                rule = "ambiguous"
            elif not any(_is_below(_host(address), entry) for entry in allowed):
                rule = "not-allowed"
            else:
                continue
            end = match.start() + len(address)
            yield Detection(match.start(), end, "link", 1.0, rule, self.name)

    def _age(self, known: Context) -> Iterator[tuple[str, str]]:
        most = self._told.max_age_days
        if most is None:
            return
        if not known.updated:
            yield "age", "missing"
            return
        then = _moment(known.updated)
        if then is None:
            yield "age", "malformed"
            return
        days = ((self._as_of or datetime.now(UTC)) - then).total_seconds() / _DAY_S
        # A date of today may lie up to a day ahead by its time zone.
        if days < -1.0:
            yield "age", "future"
        elif days > most:
            yield "age", "too-old"

    def _tenant(self, known: Context) -> Iterator[tuple[str, str]]:
        if not self._told.tenants or (known.owner and known.owner in self._told.shared):
            return
        if not known.owner:
            yield "tenant", "missing"
        elif known.owner != known.tenant:
            yield "tenant", "other"

    def _unrelated(self, text: str, question: str) -> Iterator[Detection]:
        least = self._told.min_similarity
        if least is None or not question.strip():
            return
        near = nearness([text], self._method).of(question).score
        if near < least:
            score = round(1.0 - near, 6)
            yield Detection(0, len(text), "unrelated", score, self._method, self.name)


def _moment(text: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _is_ambiguous(source: str) -> bool:
    """Whether readers may differ on what an address or id names."""
    path = source.partition("?")[0]
    if _AMBIGUOUS.search(source) or ".." in path.split("/"):
        return True
    if "://" not in source:
        return False
    try:
        parts = urlsplit(source)
        _ = parts.port  # raises where it is no number
    except ValueError:
        return True
    return "@" in parts.netloc or not parts.hostname


def _host(address: str) -> str:
    return (urlsplit(address).hostname or "").rstrip(".")


def _is_below(host: str, domain: str) -> bool:
    """Whether a host is a domain or below it."""
    plain = domain.lower().removeprefix("*.").strip(".")
    return bool(plain) and (host == plain or host.endswith(f".{plain}"))


def _may_come_from(source: str, entry: str) -> bool:
    if "://" not in source:
        return "://" not in entry and fnmatchcase(source, entry)
    if "://" not in entry:
        return "/" not in entry and _is_below(_host(source), entry)
    given, wanted = urlsplit(source), urlsplit(entry)
    same = (given.scheme, _host(source), given.port) == (wanted.scheme, _host(entry), wanted.port)
    return same and _begins(unquote(given.path), unquote(wanted.path))


def _begins(path: str, start: str) -> bool:
    """Whether a path is ``start`` or lies below it, at the border of a segment."""
    head = start.rstrip("/")
    return path == head or path.startswith(f"{head}/")
