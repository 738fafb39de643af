"""Tables of the HTML report: whole on a wide screen, lists on a narrow one."""

from __future__ import annotations

import re

import pytest

from railwright.report._table import table_of


def test_every_cell_carries_the_name_of_its_column() -> None:
    page = table_of(("gate", "a < b"), [("<b>x</b>", "1"), ("y", "")])
    cells = re.findall(r'<td data-name="([^"]*)"><div>(.*?)</div></td>', page)
    assert cells == [("gate", "<b>x</b>"), ("a &lt; b", "1"), ("gate", "y"), ("a &lt; b", "")]
    assert page.count("<th>") == 2
    with pytest.raises(ValueError, match="zip"):
        table_of(("gate", "verdict"), [("one",)])
