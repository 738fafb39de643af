"""Tables of the HTML report that a narrow screen shows as lists."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape


def table_of(names: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table; ``names`` are the columns, cells are HTML.

    Each cell carries its column's name, which the style sheet shows before it where the columns do
    not fit beside each other.
    """
    head = "".join(f"<th>{escape(name)}</th>" for name in names)
    body = "".join(f"<tr>{_cells(names, row)}</tr>" for row in rows)
    return f'<table class="gates"><tr class="names">{head}</tr>{body}</table>'


def _cells(names: Sequence[str], row: Sequence[str]) -> str:
    pairs = zip(names, row, strict=True)
    return "".join(f'<td data-name="{escape(name)}"><div>{cell}</div></td>' for name, cell in pairs)
