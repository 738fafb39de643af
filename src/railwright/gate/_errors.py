"""The error of this room."""

from __future__ import annotations

from collections.abc import Sequence


class GateError(Exception):
    """A gate cannot be planned, run or explained as asked; ``mend`` says what to do."""

    def __init__(self, message: str, mend: str = "") -> None:
        """Keep the message and the mend."""
        super().__init__(message)
        self.mend = mend


class BrokenLedgerError(Exception):
    """The ledger does not verify, so nothing is built on it."""

    exit_code = 4

    def __init__(self, folder: str, reasons: Sequence[str]) -> None:
        """Name the folder and every reason."""
        super().__init__(f"the ledger at {folder} does not verify: {'; '.join(reasons)}")
        self.mend = (
            "restore it from version control or a backup; "
            "`railwright ledger verify` says what is wrong"
        )
        if all("is not among the trusted keys" in reason for reason in reasons):
            self.mend = (
                "sign with the keys that began it (RAILWRIGHT_KEYS), or name the public keys that "
                "you trust under `ledger: {trusted_keys: [...]}` of org.yaml"
            )
