"""The example's package `app` and its `demo` module, importable as from the example's folder."""

from __future__ import annotations

import sys
from pathlib import Path

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "support-bot"
sys.path.insert(0, str(EXAMPLE))
