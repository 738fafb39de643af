"""A pack that cannot be used is refused when it is read, whatever its bytes."""

from __future__ import annotations

from pathlib import Path

import pytest

from railwright.detectors import PackError, RulePack

RULE = "schema: rules/v1\npack: p\nrules:\n  - {id: r, label: l, "


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b"schema: \xb0", "byte 8 is not UTF-8"),
        (RULE.encode() + b"regex: 'abc', not_after: '[]'}", "unterminated character set"),
        (RULE.encode() + b"regex: 'abc', not_before: '[z-a]'}", "bad character range"),
        (RULE.encode() + b"regex: '[z-a]bc'}", "does not compile"),
        (RULE.encode() + b"regex: '(a{900}){9}'}", "does not compile"),
        (RULE.encode() + b"regex: '" + b"(" * 5000 + b"a" + b")" * 5000 + b"'}", "recursion"),
        (b"[" * 5000, ""),
    ],
)
def test_a_pack_that_cannot_be_used_is_refused(tmp_path: Path, raw: bytes, said: str) -> None:
    path = tmp_path / "pack.yaml"
    path.write_bytes(raw)
    with pytest.raises(PackError) as error:
        RulePack.load(path)
    assert said in str(error.value)
    assert str(path) in str(error.value)
