"""The loaded system: the manifest, where it lies and what it is made of."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from railwright.system._yaml import Path_, Positions

if TYPE_CHECKING:
    from railwright.system._models import Manifest

MANIFEST = "system.yaml"
KNOWN_PARTS = ("model", "prompts", "tools", "retrieval", "guardrails", "data", "code")

_BY_NAME = ("tools", "data")
"""Parts whose keys are names that the user chose, except for ``path`` with text."""

PartKind = Literal["files", "index", "model", "declared"]


class Part(msgspec.Struct, frozen=True):
    """One part of a system.

    Attributes:
        name: its key under ``parts:``.
        kind: files (hashed here), index (lives elsewhere), model, or declared (values only).
        path: file or folder as written, relative to the system folder; None without files.
        expected: the digest that the manifest states, ``sha256:...``; None for ``auto``.
        values: the declared values that enter the digest (not ``path``, not ``digest``).
    """

    name: str
    kind: PartKind
    path: str | None
    expected: str | None
    values: dict[str, Any]


class System(msgspec.Struct, frozen=True):
    """A system whose manifest is valid.

    Attributes:
        manifest: the pydantic model of ``system.yaml``.
        folder: the folder of the manifest, resolved.
        path: the manifest's file, resolved.
        root: the folder under which ``rai/`` lies.
        data: the manifest as read, before defaults.
        positions: where each key stands, for messages.
        file: how messages name the manifest (as the user gave it).
    """

    manifest: Manifest
    folder: Path
    path: Path
    root: Path
    data: dict[str, Any]
    positions: Positions
    file: str

    @property
    def id(self) -> str:
        """The system's id."""
        return self.manifest.id

    @property
    def tier(self) -> int:
        """1 high, 2 medium, 3 low risk."""
        return self.manifest.tier

    @property
    def parts(self) -> tuple[Part, ...]:
        """The parts in order of name."""
        return tuple(_part(name, value) for name, value in sorted(self.data["parts"].items()))

    @property
    def capabilities(self) -> frozenset[str]:
        """What gates and suites may need of a system: see ``capabilities``."""
        return capabilities(self.manifest)

    def line(self, *loc: str | int) -> int:
        """Return the line of a key in the manifest (of its nearest ancestor where absent)."""
        return self.positions.locate(tuple(loc))[0]

    def position(self, loc: Path_) -> tuple[int, int]:
        """Return line and column of a key in the manifest."""
        return self.positions.locate(loc)


def capabilities(manifest: Manifest) -> frozenset[str]:
    """Return the capabilities and plants that a manifest declares.

    ``retrieval``: a retrieval part, or a target that takes documents. ``tools``: at least one
    tool. ``tenants``: two or more tenants with facts. ``plants.secrets``,
    ``plants.personal_data``: at least one plant. ``suites.NAME``: own cases for a suite.
    ``judge``: a judge. ``vendor``: a vendor's model.
    """
    tenants = [tenant for tenant in manifest.plants.tenants if tenant.facts]
    takes_documents = manifest.target.documents not in (None, "none")
    present = {
        "retrieval": manifest.parts.retrieval is not None or takes_documents,
        "tools": bool(manifest.parts.tools),
        "tenants": len(tenants) > 1,
        "plants.secrets": bool(manifest.plants.secrets),
        "plants.personal_data": bool(manifest.plants.personal_data),
        "judge": manifest.judge is not None,
        "vendor": manifest.parts.model is not None and manifest.parts.model.kind == "vendor",
    }
    own = {f"suites.{name}" for name in manifest.suites}
    return frozenset({name for name, there in present.items() if there} | own)


def _part(name: str, value: dict[str, Any]) -> Part:
    path = value.get("path")
    path = path if isinstance(path, str) else None
    if name == "model":
        values = {key: item for key, item in value.items() if key not in ("path", "digest")}
        return Part(name=name, kind="model", path=path, expected=None, values=values)
    named = name not in _BY_NAME and "index" in value
    digest = value.get("digest") if path is not None or named else None
    expected = digest if isinstance(digest, str) and digest != "auto" else None
    if path is not None:
        return Part(name=name, kind="files", path=path, expected=expected, values={})
    if named:
        values = {key: item for key, item in value.items() if key != "digest"}
        return Part(name=name, kind="index", path=None, expected=expected, values=values)
    return Part(name=name, kind="declared", path=None, expected=None, values=dict(value))


def find_root(path: Path | str) -> Path:
    """Return the folder under which ``rai/`` lies for a system at ``path``.

    The nearest folder upward with ``rai/`` or ``org.yaml``; else the system folder itself. An
    ``org.yaml`` that lies in a folder named ``rai`` speaks for the folder above it.
    """
    start = Path(path).resolve()
    folder = start.parent if start.is_file() else start
    for candidate in (folder, *folder.parents):
        if (candidate / "rai").is_dir():
            return candidate
        if (candidate / "org.yaml").is_file():
            return candidate.parent if candidate.name == "rai" else candidate
    return folder
