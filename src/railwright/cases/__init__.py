"""Cases and suites: what a system is tested with."""

from railwright.cases._bind import BoundSuite, Problem, bind
from railwright.cases._dupes import NearDuplicate, near_duplicates
from railwright.cases._errors import CaseError, CasesError, LockError, SuiteError
from railwright.cases._lock import Lock, check_lock, make_lock, write_lock
from railwright.cases._minors import about_minors
from railwright.cases._order import order_keys, registered_order, stratum_of
from railwright.cases._plants import Fact, PersonPlant, Plants, SecretPlant, TenantPlant
from railwright.cases._read import FORMAT, iter_cases
from railwright.cases._schema import json_schemas
from railwright.cases._suite import (
    Suite,
    SuiteFile,
    Variants,
    load_suite,
    public_suite,
    starter_suites,
)
from railwright.cases._types import (
    Attachment,
    Case,
    Channel,
    Document,
    Expect,
    Message,
    Role,
    Split,
    ToolCall,
    ToolExpectation,
)
from railwright.cases.loaders import LoadedSet, Loader, Report, Row, load_set, loaders

__all__ = [
    "FORMAT",
    "Attachment",
    "BoundSuite",
    "Case",
    "CaseError",
    "CasesError",
    "Channel",
    "Document",
    "Expect",
    "Fact",
    "LoadedSet",
    "Loader",
    "Lock",
    "LockError",
    "Message",
    "NearDuplicate",
    "PersonPlant",
    "Plants",
    "Problem",
    "Report",
    "Role",
    "Row",
    "SecretPlant",
    "Split",
    "Suite",
    "SuiteError",
    "SuiteFile",
    "TenantPlant",
    "ToolCall",
    "ToolExpectation",
    "Variants",
    "about_minors",
    "bind",
    "check_lock",
    "iter_cases",
    "json_schemas",
    "load_set",
    "load_suite",
    "loaders",
    "make_lock",
    "near_duplicates",
    "order_keys",
    "public_suite",
    "registered_order",
    "starter_suites",
    "stratum_of",
    "write_lock",
]
