"""Whose keys may have started and signed a ledger."""

from __future__ import annotations

from pathlib import Path

from railwright.gate._errors import GateError
from railwright.ledger import load_trusted, trusted_keyid
from railwright.system import load_yaml


def trusted_keys(root: Path, folder: Path | None = None) -> frozenset[str] | None:
    """Key ids that a ledger under ``root`` is checked against; None pins nothing.

    In this order: the public keys in ``folder``; those under ``ledger: {trusted_keys: [...]}`` of
    ``org.yaml`` (base64 of the public key, or PEM); the user's own keys, from the environment or
    the key folder. A ledger that other keys began does not verify as authentic: who takes one over
    from somebody else names the keys instead of believing the ledger's own first record.

    Raises:
        GateError: ``org.yaml`` lists something that is no public key.
    """
    if folder is not None:
        return load_trusted(folder, environ={}) or None
    for file in (root / "org.yaml", root / "rai" / "org.yaml"):
        if file.is_file():
            data, positions = load_yaml(file)
            listed = ((data or {}).get("ledger") or {}).get("trusted_keys")
            if listed:
                line, _ = positions.locate(("ledger", "trusted_keys"))
                return _read(listed, f"{file}:{line}")
    return load_trusted() or None


def _read(listed: object, place: str) -> frozenset[str]:
    try:
        if not isinstance(listed, list):
            raise TypeError("not a list")
        return frozenset(trusted_keyid(str(item)) for item in listed)
    except Exception as error:
        raise GateError(
            f"{place}: ledger.trusted_keys holds something that is no public key ({error})",
            "list the content of the .pub files of the keys",
        ) from error
