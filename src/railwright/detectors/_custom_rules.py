"""Rule packs of one's own as a detector."""

from __future__ import annotations

from typing import Any

from railwright.detectors._options import OwnOptions, read_own
from railwright.detectors._pack_lint import pack_files
from railwright.detectors._packs import PackDetector
from railwright.detectors._rules import PackError, load_packs
from railwright.detectors.hosted import DetectorConfigError


class RulesOptions(OwnOptions, frozen=True, kw_only=True):
    """``packs``: pack files, folders of them, and names of built-in packs."""

    packs: tuple[str, ...] = ()


class RulesDetector(PackDetector):
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
        super().__init__(told.name or "rules", packs)
