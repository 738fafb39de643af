"""Errors for what is not installed."""

from __future__ import annotations


class MissingExtraError(RuntimeError):
    """A capability was asked for whose packages or model files are not there."""

    def __init__(self, extra: str, what: str, detail: str = "") -> None:
        mend = f'install it with: pip install "railwright[{extra}]"'
        super().__init__(f"{what} needs the extra {extra!r}; {detail or mend}")
        self.extra = extra
