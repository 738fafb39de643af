"""Frameworks as data: which identifiers exist, and what they are called."""

from __future__ import annotations

import re
from datetime import date
from functools import cache

import msgspec

from railwright.standard._data import DATA, read
from railwright.system import closest

_ID = re.compile(r"([a-z0-9-]+)@([A-Za-z0-9.-]+):(\S.*)")


class UnknownIdError(KeyError):
    """An identifier that no packaged framework knows; ``mend`` says what may have been meant."""

    def __init__(self, message: str, mend: str = "") -> None:
        """Keep message and mend."""
        super().__init__(message)
        self.message = message
        self.mend = mend

    def __str__(self) -> str:
        """Return the message with the mend, without the quotes of ``KeyError``."""
        return f"{self.message} -> {self.mend}" if self.mend else self.message


class Framework(msgspec.Struct, frozen=True):
    """One framework in one version.

    ``ids`` are the entries proper; the other groups hold what some frameworks also have.
    ``status`` is ``current`` or ``provisional``. Titles are ours where the text is copyrighted.
    """

    scheme: str
    version: str
    title: str
    status: str
    source: str
    verified_on: date
    ids: dict[str, str]
    clauses: dict[str, str] = {}
    annexes: dict[str, str] = {}
    tactics: dict[str, str] = {}
    mitigations: dict[str, str] = {}
    aliases: tuple[str, ...] = ()
    note: str = ""

    @property
    def name(self) -> str:
        """``scheme@version``."""
        return f"{self.scheme}@{self.version}"

    @property
    def titles(self) -> dict[str, str]:
        """Every identifier of every group with its title."""
        groups = (self.ids, self.clauses, self.annexes, self.tactics, self.mitigations)
        return {key: title for group in groups for key, title in group.items()}


@cache
def frameworks() -> tuple[Framework, ...]:
    """Return all packaged frameworks in order of name."""
    names = sorted(path.name for path in (DATA / "frameworks").glob("*.yaml"))
    found = (msgspec.convert(read(f"frameworks/{name}"), Framework) for name in names)
    return tuple(sorted(found, key=lambda item: item.name))


def framework(scheme: str, version: str) -> Framework:
    """Return one framework, for example ``framework("owasp-llm", "2025")``.

    Raises:
        UnknownIdError: there is none of that scheme and version.
    """
    for item in frameworks():
        if item.scheme == scheme and version in (item.version, *item.aliases):
            return item
    known = [item.name for item in frameworks() if item.status == "current"]
    guess = closest(f"{scheme}@{version}", known)
    mend = f"did you mean {guess}?" if guess else f"known are {', '.join(known)}"
    raise UnknownIdError(f"there is no framework {scheme}@{version}", mend)


def resolve(identifier: str) -> str:
    """Return the title behind ``scheme@version:id``, such as ``owasp-llm@2025:LLM01``.

    Raises:
        UnknownIdError: the text has another form, or the framework does not have the id.
    """
    match = _ID.fullmatch(identifier)
    if match is None:
        mend = "write scheme@version:id, such as owasp-llm@2025:LLM01"
        raise UnknownIdError(f"'{identifier}' is no identifier", mend)
    found = framework(match[1], match[2])
    titles = found.titles
    if match[3] not in titles:
        guess = closest(match[3], titles)
        mend = f"did you mean {found.name}:{guess}?" if guess else f"see the list of {found.name}"
        raise UnknownIdError(f"{found.name} has no '{match[3]}'", mend)
    return titles[match[3]]
