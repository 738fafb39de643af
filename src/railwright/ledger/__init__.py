"""The ledger: signed statements in an append-only Merkle log, and how to verify them.

A statement is an in-toto Statement in a DSSE envelope; the log is a text file, one envelope a
line; checkpoints sign the tree over it with another key. File formats: docs/reference/ledger.md.
"""

from ._blobs import SaltedDigest, excerpt, salted_digest
from ._canonical import canonical
from ._checkpoint import Checkpoint, remembered
from ._errors import (
    LedgerBrokenError,
    LedgerError,
    LedgerFullError,
    LedgerKeyError,
    LedgerMissingError,
    MalformedError,
)
from ._keys import KeyPair, Keys, create_keys, keys_folder, load_keys, load_trusted, trusted_keyid
from ._ledger import Ledger
from ._model import ConsistencyProof, Entry, InclusionProof, Receipt, Record
from ._places import ledger_folder
from ._statement import Statement, Subject, kind_of, predicate_uri, subject_ref
from ._trust import KeyGrant
from ._verify import Verdict, Verification

__all__ = [
    "Checkpoint",
    "ConsistencyProof",
    "Entry",
    "InclusionProof",
    "KeyGrant",
    "KeyPair",
    "Keys",
    "Ledger",
    "LedgerBrokenError",
    "LedgerError",
    "LedgerFullError",
    "LedgerKeyError",
    "LedgerMissingError",
    "MalformedError",
    "Receipt",
    "Record",
    "SaltedDigest",
    "Statement",
    "Subject",
    "Verdict",
    "Verification",
    "canonical",
    "create_keys",
    "excerpt",
    "keys_folder",
    "kind_of",
    "ledger_folder",
    "load_keys",
    "load_trusted",
    "predicate_uri",
    "remembered",
    "salted_digest",
    "subject_ref",
    "trusted_keyid",
]
