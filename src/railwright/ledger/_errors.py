"""Errors of the ledger; each message names the file or key concerned and how to mend it."""

from __future__ import annotations


class LedgerError(Exception):
    """Something about the ledger, its files or its keys is wrong.

    Attributes:
        mend: one sentence that says what the user can do.
    """

    def __init__(self, message: str, *, mend: str = "") -> None:
        super().__init__(f"{message}. {mend}" if mend else message)
        self.mend = mend


class LedgerKeyError(LedgerError):
    """A key is missing, unreadable, unsafe, or not allowed to sign what it was asked to sign."""


class LedgerMissingError(LedgerError):
    """There is no ledger at the given place."""


class LedgerFullError(LedgerError):
    """The disk or a file size limit refused an append; nothing acknowledged was lost."""


class LedgerBrokenError(LedgerError):
    """The log contradicts its checkpoints or itself; nothing more is built on it."""


class MalformedError(LedgerError):
    """A line is not a record of this format; the message gives the reason, not the place."""
