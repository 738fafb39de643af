"""Suites: suite.yaml, digests, locks, a system's own cases."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from railwright.cases import (
    CaseError,
    LockError,
    SuiteError,
    check_lock,
    load_suite,
    make_lock,
    write_lock,
)

YAML = """\
schema: suite/v1
name: mini
metric: leak
scorers: [leak]
licence: CC0-1.0
author: Test
cases: [cases.jsonl, "more/*.jsonl"]
lock: suite.lock
"""


@pytest.fixture
def suite_folder(tmp_path: Path) -> Path:
    folder = tmp_path / "mini"
    (folder / "more").mkdir(parents=True)
    (folder / "suite.yaml").write_text(YAML)
    rows = [
        {"id": "a", "input": "one", "source": "s1"},
        {"id": "b", "input": "two", "source": "s1", "licence": "MIT"},
        {"id": "d", "input": "three", "split": "dev"},
    ]
    (folder / "cases.jsonl").write_text("\n".join(map(json.dumps, rows)))
    (folder / "more" / "x.jsonl").write_text('{"id": "c", "input": "four"}')
    return folder


def test_counts_splits_and_defaults(suite_folder: Path) -> None:
    suite = load_suite(suite_folder)
    assert [case.id for case in suite.cases()] == ["a", "b", "c"]
    assert [case.id for case in suite.cases("dev")] == ["d"]
    assert [case.id for case in suite.cases(None)] == ["a", "b", "d", "c"]
    assert (suite.size, suite.sources) == (3, 2)
    assert [case.licence for case in suite.cases()] == ["CC0-1.0", "MIT", "CC0-1.0"]
    assert {case.author for case in suite.cases()} == {"Test"}
    assert load_suite(suite_folder / "suite.yaml").spec == suite.spec


def test_digest_is_over_names_and_bytes(suite_folder: Path) -> None:
    suite = load_suite(suite_folder)
    names = ["cases.jsonl", "more/x.jsonl", "suite.yaml"]
    text = "".join(
        f"{name}\0sha256:{hashlib.sha256((suite_folder / name).read_bytes()).hexdigest()}\n"
        for name in names
    )
    assert suite.digest == "sha256:" + hashlib.sha256(text.encode()).hexdigest()
    moved = suite_folder.rename(suite_folder.with_name("elsewhere"))
    assert load_suite(moved).digest == suite.digest
    (moved / "cases.jsonl").write_text('{"id": "a", "input": "One"}')
    assert load_suite(moved).digest != suite.digest


def test_id_used_in_two_files(suite_folder: Path) -> None:
    (suite_folder / "more" / "x.jsonl").write_text('{"id": "a", "input": "four"}')
    with pytest.raises(CaseError, match=r"x\.jsonl:1: id: .*in another file of the suite"):
        list(load_suite(suite_folder).cases())


def test_lock_holds_until_a_byte_changes(suite_folder: Path) -> None:
    path = write_lock(load_suite(suite_folder))
    lock = check_lock(load_suite(suite_folder))
    assert lock == make_lock(load_suite(suite_folder))
    assert json.loads(path.read_text())["cases"] == 4
    assert json.loads(path.read_text())["sources"] == 3
    cases = suite_folder / "cases.jsonl"
    expected = "sha256:" + hashlib.sha256(cases.read_bytes()).hexdigest()
    cases.write_bytes(cases.read_bytes() + b"\n")
    actual = "sha256:" + hashlib.sha256(cases.read_bytes()).hexdigest()
    with pytest.raises(LockError) as caught:
        check_lock(load_suite(suite_folder))
    assert (caught.value.expected, caught.value.actual) == (expected, actual)
    assert str(cases) in str(caught.value)
    assert expected in str(caught.value)
    assert actual in str(caught.value)
    assert "railwright suite lock" in caught.value.mend


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda d: (d / "more" / "y.jsonl").write_text('{"id":"e","input":"x"}'), "not pinned"),
        (lambda d: (d / "suite.lock").unlink(), "lock file is missing"),
        (lambda d: (d / "suite.lock").write_text("{}"), "not a lock file"),
        (lambda d: (d / "suite.yaml").write_text(YAML.replace("leak]", "exact]")), "suite.yaml"),
        (
            lambda d: (d / "suite.yaml").write_text(YAML.replace(', "more/*.jsonl"', "")),
            "not part of the suite|content differs",
        ),
    ],
)
def test_lock_notices(suite_folder: Path, change, words: str) -> None:  # type: ignore[no-untyped-def]
    write_lock(load_suite(suite_folder))
    change(suite_folder)
    with pytest.raises(LockError, match=words):
        check_lock(load_suite(suite_folder))


def test_without_a_lock_there_is_nothing_to_check(suite_folder: Path) -> None:
    (suite_folder / "suite.yaml").write_text(YAML.replace("lock: suite.lock\n", ""))
    assert check_lock(load_suite(suite_folder)) is None


def test_own_cases_extend_and_replace(suite_folder: Path, tmp_path: Path) -> None:
    write_lock(load_suite(suite_folder))
    own = tmp_path / "own.jsonl"
    own.write_text('{"id": "mine", "input": "hello"}')
    suite = load_suite(suite_folder)
    longer, other = suite.with_cases(own, "extend"), suite.with_cases(own)
    assert [case.id for case in longer.cases()] == ["a", "b", "c", "mine"]
    assert [case.id for case in other.cases()] == ["mine"]
    assert next(other.cases()).licence == ""  # the suite's licence is not the user's
    assert len({suite.digest, longer.digest, other.digest}) == 3
    assert other.metric == "leak"
    assert check_lock(longer) == check_lock(other) == check_lock(suite)


def test_bare_file(tmp_path: Path) -> None:
    path = tmp_path / "My_cases.jsonl"
    path.write_text('{"id": "a", "input": "x", "expect": "y"}')
    suite = load_suite(path)
    assert (suite.name, suite.metric, suite.scorers) == ("my-cases", "task_failure", ("contains",))
    assert (suite.size, suite.lock_file) == (1, None)


@pytest.mark.parametrize(
    ("change", "line", "column", "words"),
    [
        (("metric: leak", "metric: leek"), 3, 1, "metric: invalid enum value 'leek'"),
        (("scorers: [leak]", "scorer: [leak]"), 4, 1, "did you mean `scorers`?"),
        (("scorers: [leak]", "scorers: []"), 4, 1, "no scorer is named"),
        (("name: mini", "name: Mini Suite"), 2, 1, "use a-z, digits and hyphens"),
        (("name: mini", "name: mini\nname: maxi"), 3, 1, "key 'name' stands twice"),
        (("suite/v1", "suite/v9"), 1, 1, "suite/v9"),
        (("metric: leak\n", ""), 1, 1, "metric: required field is missing"),
        (("cases.jsonl,", "cases.json,"), 7, 9, "no file matches 'cases.json'"),
        (("lock: suite.lock", "loader: {name: xstest, path: x}"), 7, 1, "either cases or a loader"),
        (("lock: suite.lock", "variants: {mins: 2}"), 8, 12, "did you mean `min`?"),
        (("author: Test", "author: [T"), 7, 6, "not valid YAML"),
        (("author: Test", "author: &a Test\ndescription: *a"), 6, 9, "aliases are not supported"),
    ],
)
def test_suite_yaml_errors_name_place_and_mend(
    suite_folder: Path, change: tuple[str, str], line: int, column: int, words: str
) -> None:
    file = suite_folder / "suite.yaml"
    file.write_text(YAML.replace(*change))
    with pytest.raises(SuiteError) as caught:
        load_suite(suite_folder)
    assert words in str(caught.value)
    assert (caught.value.line, caught.value.column) == (line, column)
    assert str(caught.value).startswith(f"{file}:{line}:{column}: ")
    assert caught.value.mend


def test_suite_yaml_that_is_no_text_names_file_and_mend(suite_folder: Path) -> None:
    file = suite_folder / "suite.yaml"
    file.write_bytes(YAML.replace("Test", "J\xf6rg").encode("latin-1"))
    with pytest.raises(SuiteError, match=r"suite\.yaml:6:1: .*save the file as UTF-8"):
        load_suite(suite_folder)
    file.write_bytes(b"# " + b"x" * (1 << 20))
    with pytest.raises(SuiteError, match=r"suite\.yaml: is larger than .*; mend the file"):
        load_suite(suite_folder)


def test_loader_errors_in_suite_yaml(suite_folder: Path) -> None:
    text = YAML.replace('cases: [cases.jsonl, "more/*.jsonl"]\nlock: suite.lock', "{}")
    file = suite_folder / "suite.yaml"
    file.write_text(text.replace("{}", "loader:\n  name: xtest\n  path: x"))
    with pytest.raises(SuiteError, match=r"suite.yaml:8:3: loader.name: .*did you mean `xstest`"):
        load_suite(suite_folder)
    file.write_text(text.replace("{}", "loader:\n  name: xstest\n  path: x"))
    with pytest.raises(SuiteError, match=r"suite.yaml:9:3: loader.path: no file of XSTest"):
        load_suite(suite_folder)


def test_unknown_suite_and_empty_folder(tmp_path: Path) -> None:
    with pytest.raises(SuiteError, match="did you mean `secrets`"):
        load_suite("secret")
    with pytest.raises(SuiteError, match="check the path"):
        load_suite(tmp_path / "none")
    with pytest.raises(SuiteError, match=r"has no suite\.yaml"):
        load_suite(tmp_path)
