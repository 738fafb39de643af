"""Finding records: only what matches is parsed in full and has its signatures checked."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

from ._dsse import STATEMENT_TYPE, read_envelope
from ._errors import LedgerError, MalformedError
from ._model import Record
from ._places import snapshot
from ._state import broken
from ._statement import IMPORT, Statement, predicate_uri, sha256_hex
from ._store import read_lines
from ._walk import Step, Walker, may_change_keys

_PLAIN = re.compile(r"[A-Za-z0-9:/._-]+")
_IMPORT_MARK = predicate_uri(IMPORT).encode()


def _matcher(kind: str | None, subject: str | None) -> Callable[[Statement], bool]:
    digest = None
    if subject is not None:
        try:
            digest = sha256_hex(subject)
        except LedgerError:
            digest = None

    def matches(statement: Statement) -> bool:
        if kind is not None and kind not in (statement.kind, statement.predicate_type):
            return False
        if subject is None:
            return True
        if digest is not None and digest in statement.digests:
            return True
        return any(item.name == subject for item in statement.subject)

    return matches


def _may_match(kind: str | None) -> Callable[[bytes], bool]:
    """A cheap test of a line that is false only where no statement of the kind can be in it."""
    if kind is None or not _PLAIN.fullmatch(kind):
        return lambda _line: True
    mark = kind.encode()

    def possible(line: bytes) -> bool:
        payload = read_envelope(line, STATEMENT_TYPE).payload
        return mark in payload or _IMPORT_MARK in payload

    return possible


def records(folder: Path, kind: str | None, subject: str | None) -> Iterator[Record]:
    """See ``Ledger.statements``."""
    log = folder / "log.jsonl"
    wanted, possible, walker = _matcher(kind, subject), _may_match(kind), Walker()
    for index, line in enumerate(read_lines(log, 0, snapshot(folder).log_bytes)):
        changes = index == 0 or may_change_keys(line)
        try:
            if not changes and not possible(line):
                continue
            step = walker.read(index, line)
        except MalformedError as error:
            raise broken(f"{log}:{index + 1}: {error}") from error
        matches = wanted(step.statement)
        if not (matches or changes):
            continue
        problems = walker.admit(step)
        if problems:
            raise broken(f"{log}:{index + 1}: {problems[0]}")
        if matches:
            yield _record(step)


def _record(step: Step) -> Record:
    source = step.imported.parsed if step.imported else step.parsed
    keyid = source.envelope.signatures[0].keyid
    imported = step.imported is not None
    return Record(step.index, step.statement, keyid, step.identity.hex(), imported)
