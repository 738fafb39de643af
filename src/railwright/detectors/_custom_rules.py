"""Rule packs of one's own as a detector."""

from __future__ import annotations

from typing import Any

from railwright.detectors._base import DetectorBase
from railwright.detectors._engine import RuleEngine
from railwright.detectors._options import OwnOptions, read_own
from railwright.detectors._pack_lint import pack_files
from railwright.detectors._packs import REVISION
from railwright.detectors._resolve import resolve
from railwright.detectors._rules import PackError, load_packs
from railwright.detectors.hosted import DetectorConfigError
from railwright.detectors.interface import Context, Detection


class RulesOptions(OwnOptions, frozen=True, kw_only=True):
    """``packs``: pack files, folders of them, and names of built-in packs."""

    packs: tuple[str, ...] = ()


class RulesDetector(DetectorBase):
    """Packs as one detector, in a stream as well; its version is the digest of their rules.

    Raises:
        DetectorConfigError: no pack is named, or one cannot be used.
        MissingExtraError: google-re2 is not installed.
    """

    path_options = ("packs",)

    def __init__(self, **options: Any) -> None:
        told = read_own(RulesOptions, "rules", options)
        if not told.packs:
            raise DetectorConfigError("rules: no pack is named; give packs: [my-rules.yaml]")
        try:
            packs = load_packs(pack_files(told.packs))
        except PackError as error:
            raise DetectorConfigError(f"rules: {error}") from None
        self.name = told.name or "rules"
        self.engine = RuleEngine(packs)
        self.version = f"{REVISION}:{self.engine.digest}"

    def detect(self, text: str, context: Context | None = None) -> list[Detection]:  # noqa: ARG002
        """Return the findings in order, those that overlap as one."""
        return resolve(self.engine.scan(text))
