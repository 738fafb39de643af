"""YAML: the data, the places, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from railwright.system import ManifestError, load_yaml, parse_yaml

TEXT = """\
a: 1
list:
  - x
  - {k: v}
deep:
  key: [one, two]
"""


def only(text: str) -> tuple[str, int, int]:
    with pytest.raises(ManifestError) as caught:
        parse_yaml(text, "f.yaml")
    problem = caught.value.problems[0]
    return problem.code, problem.line, problem.column


def test_every_node_has_its_place() -> None:
    data, positions = parse_yaml(TEXT, "f.yaml")
    assert data == {"a": 1, "list": ["x", {"k": "v"}], "deep": {"key": ["one", "two"]}}
    assert positions.keys[("deep", "key")] == (6, 3)
    assert positions.values[("deep", "key", 1)] == (6, 14)
    assert positions.values[("list", 1, "k")] == (4, 9)
    assert positions.locate(("list", 0)) == (3, 5)


def test_a_place_that_is_missing_falls_back_to_its_nearest_ancestor() -> None:
    _, positions = parse_yaml(TEXT, "f.yaml")
    assert positions.locate(("deep", "absent")) == (5, 1)
    assert positions.locate(("deep", "<union tag>", "key")) == (6, 3)
    assert positions.locate(("nothing",)) == (1, 1)
    assert positions.locate_value(("a",)) == (1, 4)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("no", "no"),
        ("yes", "yes"),
        ("on", "on"),
        ("2026-10-01", "2026-10-01"),
        ("12:30", "12:30"),
        ("true", True),
        ("0o17", 15),
        ("0x1F", 31),
        ("1e3", 1000.0),
        ("1.5", 1.5),
        ("~", None),
        ("''", ""),
        ("0777", 777),
        ("1_000", "1_000"),
    ],
)
def test_plain_scalars_follow_yaml_1_2(text: str, value: object) -> None:
    data, _ = parse_yaml(f"k: {text}", "f.yaml")
    assert data["k"] == value
    assert type(data["k"]) is type(value)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: 1\nb: 2\na: 3\n", ("duplicate-key", 3, 1)),
        ("x:\n  p: 1\n  p: 2\n", ("duplicate-key", 3, 3)),
        ("a: &x 1\nb: *x\n", ("alias", 1, 4)),
        ("1: a\n", ("key", 1, 1)),
        ("[a]: b\n", ("key", 1, 1)),
        ("a:\n\t- b\n", ("yaml", 2, 1)),
        ("a: b: c\n", ("yaml", 1, 5)),
        ("a: 1\n---\nb: 2\n", ("yaml", 2, 1)),
        ("a: [1\n", ("yaml", 2, 1)),
    ],
)
def test_surprises_are_refused_at_their_place(text: str, expected: tuple[str, int, int]) -> None:
    assert only(text) == expected


@pytest.mark.parametrize(
    "text",
    ["a: !!python/object/apply:os.system ['true']", "a: !!python/name:os.system x", "a: !x y"],
)
def test_tags_make_no_objects(text: str) -> None:
    assert only(text)[0] == "yaml"


def test_deep_nesting_and_alias_bombs_end_in_a_problem() -> None:
    assert only("a: " + "[" * 5_000)[0] == "yaml"
    bomb = "a: &a [x,x]\n" + "".join(
        f"{chr(98 + i)}: &{chr(98 + i)} [*{chr(97 + i)},*{chr(97 + i)}]\n" for i in range(20)
    )
    assert only(bomb)[0] == "alias"


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    cases = {"missing.yaml": "missing-file", "latin.yaml": "encoding", "big.yaml": "too-large"}
    (tmp_path / "latin.yaml").write_bytes(b"a: 1\nb: caf\xe9\n")
    (tmp_path / "big.yaml").write_bytes(b"#" * (1 << 20) + b"#")
    for name, code in cases.items():
        with pytest.raises(ManifestError) as caught:
            load_yaml(tmp_path / name)
        assert caught.value.problems[0].code == code
        assert caught.value.problems[0].file == str(tmp_path / name)
    with pytest.raises(ManifestError) as caught:
        load_yaml(tmp_path / "latin.yaml")
    assert caught.value.problems[0].line == 2
    with pytest.raises(ManifestError) as caught:
        load_yaml(tmp_path)
    assert caught.value.problems[0].code == "unreadable"


def test_byte_order_mark_is_accepted(tmp_path: Path) -> None:
    path = tmp_path / "bom.yaml"
    path.write_bytes(b"\xef\xbb\xbfa: 1\r\nb: 2\r\n")
    assert load_yaml(path)[0] == {"a": 1, "b": 2}


keys = st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "Zs")), min_size=1)
trees = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.floats(allow_nan=False),
    lambda below: st.lists(below, max_size=4) | st.dictionaries(keys, below, max_size=4),
    max_leaves=12,
)


@settings(deadline=None)
@given(st.dictionaries(keys, trees, max_size=4))
def test_what_pyyaml_writes_is_read_back_the_same(tree: dict[str, object]) -> None:
    # Everything in quotes: plain scalars differ between YAML 1.1 and 1.2 on purpose.
    text = yaml.safe_dump(tree, default_style='"', allow_unicode=True)
    data, positions = parse_yaml(text, "f.yaml")
    assert data == tree
    if tree:
        assert set(tree) == {path[0] for path in positions.keys if len(path) == 1}


@settings(deadline=None)
@given(st.text(max_size=200))
def test_any_text_is_read_or_refused_with_a_problem(text: str) -> None:
    messages = ["read"]
    try:
        parse_yaml(text, "f.yaml")
    except ManifestError as error:
        messages = [problem.message for problem in error.problems]
    assert messages
    assert all(messages)
