"""The command line: one module a verb, imported only when its verb is called."""

from __future__ import annotations

from railwright.cli._main import main

__all__ = ["main"]
