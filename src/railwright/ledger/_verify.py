"""Five separate verdicts on a ledger, never one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

import msgspec

from ._audit import Audit, Newest
from ._checkpoint import Checkpoint
from ._places import Snapshot
from ._statement import predicate_uri, write_time

OK, BROKEN = 0, 4


class Verdict(msgspec.Struct, frozen=True):
    """One answer: True, False, or None where it was not asked; with reasons and notes."""

    ok: bool | None
    detail: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """JSON shape: ok, detail."""
        return {"ok": self.ok, "detail": list(self.detail)}


class Verification(msgspec.Struct, frozen=True):
    """What ``Ledger.verify`` found.

    Attributes:
        integrity: every line has the right form, the first is the genesis record, no record is
            repeated, the tree agrees with every checkpoint and with the remembered one.
        authenticity: every signature is by a key that was trusted at that place in the log.
        completeness: the required kinds are there and a checkpoint covers the end of the log.
        freshness: the newest evidence is not older than asked; nothing is dated in the future.
        binding: the newest evidence is about the expected subject.
        size: number of records.
        root: Merkle root over all of them, hex.
        checkpoint: the newest checkpoint that holds, or None.
        origin: name of the log.
        genesis_keys: ids of the keys in the genesis record.
    """

    integrity: Verdict
    authenticity: Verdict
    completeness: Verdict
    freshness: Verdict
    binding: Verdict
    size: int
    root: str
    checkpoint: Checkpoint | None
    origin: str
    genesis_keys: tuple[str, ...]

    @property
    def exit_code(self) -> int:
        """0 where integrity and authenticity hold, else 4."""
        return OK if self.integrity.ok and self.authenticity.ok else BROKEN

    def verdicts(self) -> Mapping[str, Verdict]:
        """The five verdicts by name, in their usual order."""
        return {
            "integrity": self.integrity,
            "authenticity": self.authenticity,
            "completeness": self.completeness,
            "freshness": self.freshness,
            "binding": self.binding,
        }

    def to_dict(self) -> dict[str, Any]:
        """Stable JSON shape, described in docs/reference/ledger.md."""
        return {
            **{name: verdict.to_dict() for name, verdict in self.verdicts().items()},
            "size": self.size,
            "root": self.root,
            "checkpoint": self.checkpoint.to_dict() if self.checkpoint else None,
            "origin": self.origin,
            "genesis_keys": list(self.genesis_keys),
            "exit_code": self.exit_code,
        }


class Question(msgspec.Struct, frozen=True):
    """What a caller asks of a ledger; see ``Ledger.verify``."""

    now: datetime
    at_least: Checkpoint | None = None
    about: str = ""
    expected: str | None = None
    required: tuple[str, ...] = ()
    max_age: timedelta | None = None
    trusted: frozenset[str] | None = None


def verify(snapshot: Snapshot, question: Question) -> Verification:
    """Read the log once and answer."""
    audit = Audit(snapshot, question.now, question.at_least, question.about).run()
    wanted = _wanted(audit, question.required)
    return Verification(
        integrity=Verdict(audit.integrity.count == 0, (*audit.integrity.texts(), *snapshot.torn)),
        authenticity=_authenticity(audit, question.trusted),
        completeness=_completeness(audit, question.required),
        freshness=_freshness(audit, wanted, question),
        binding=_binding(wanted, question.expected),
        size=audit.size,
        root=audit.root,
        checkpoint=audit.checkpoint,
        origin=audit.walker.origin,
        genesis_keys=tuple(sorted(audit.genesis_keyids)),
    )


def _find(audit: Audit, kind: str) -> Newest | None:
    if "://" in kind:
        return audit.newest.get(kind)
    own = audit.newest.get(predicate_uri(kind))
    others = [item for item in audit.newest.values() if item.kind == kind]
    found = others if own is None else [own, *others]
    return max(found, key=lambda item: item.index, default=None)


def _wanted(audit: Audit, required: Iterable[str]) -> list[Newest]:
    """The newest statement of each required kind; of all kinds where none is required."""
    if required:
        return [found for kind in required if (found := _find(audit, kind)) is not None]
    return list(audit.newest.values())


def _authenticity(audit: Audit, trusted: frozenset[str] | None) -> Verdict:
    detail = audit.authenticity.texts()
    if not audit.genesis_keyids:
        detail.append("no genesis record could be trusted, so no key is known")
        return Verdict(ok=False, detail=tuple(detail))
    if trusted is None:
        note = "note: the genesis keys were not compared with keys known from elsewhere"
        return Verdict(audit.authenticity.count == 0, (*detail, note))
    foreign = sorted(audit.genesis_keyids - trusted)
    detail += [f"genesis key {keyid} is not among the trusted keys" for keyid in foreign]
    return Verdict(audit.authenticity.count == 0 and not foreign, tuple(detail))


def _completeness(audit: Audit, required: Iterable[str]) -> Verdict:
    detail = [f"no statement of kind {kind}" for kind in required if _find(audit, kind) is None]
    covered = audit.checkpoint.size if audit.checkpoint else 0
    if covered < audit.size or audit.size == 0:
        detail.append(
            f"no checkpoint covers the last {audit.size - covered} of {audit.size} records; "
            "removing them would not be noticed"
        )
    return Verdict(not detail, tuple(detail))


def _freshness(audit: Audit, wanted: list[Newest], question: Question) -> Verdict:
    detail = audit.future.texts()
    if question.max_age is None:
        return Verdict(ok=False if detail else None, detail=tuple(detail))
    oldest = question.now - question.max_age
    if not question.required:
        # Without required kinds the question is about the newest evidence of all.
        wanted = sorted(wanted, key=lambda item: item.occurred)[-1:]
    if not wanted:
        detail.append("there is no evidence")
    detail += [
        f"the newest {item.kind} is of {write_time(item.occurred)}, older than {question.max_age}"
        for item in wanted
        if item.occurred < oldest
    ]
    return Verdict(not detail, tuple(detail))


def _binding(wanted: list[Newest], expected: str | None) -> Verdict:
    if expected is None:
        return Verdict(ok=None)
    detail = [
        f"the newest {item.kind} (log.jsonl:{item.index + 1}) is about another subject"
        for item in wanted
        if expected not in item.digests
    ]
    if not wanted:
        detail.append("there is no evidence")
    return Verdict(not detail, tuple(detail))
