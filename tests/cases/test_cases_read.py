"""Case files: what is read, what is refused and with which words."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from railwright.cases import (
    Case,
    CaseError,
    Document,
    Expect,
    Message,
    ToolExpectation,
    iter_cases,
)
from railwright.cases._read import IdHashes

TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30).filter(
    lambda text: bool(text.strip())
)
EXPECT = st.builds(
    Expect,
    text=st.lists(TEXT, max_size=2).map(tuple),
    must_not=st.lists(TEXT, max_size=2).map(tuple),
    refuse=st.none() | st.booleans(),
    tools=st.none() | st.builds(ToolExpectation, called=st.lists(TEXT, max_size=2).map(tuple)),
    judge=st.none() | TEXT,
)
MESSAGES = st.lists(
    st.builds(Message, role=st.sampled_from(["system", "user", "assistant"]), content=TEXT),
    max_size=3,
).map(lambda some: (*some, Message(role="user", content="and now?")))
CASES = st.builds(
    Case,
    id=TEXT,
    input=TEXT | MESSAGES,
    expect=st.none() | TEXT | st.lists(TEXT, max_size=3).map(tuple) | EXPECT,
    documents=st.lists(st.builds(Document, text=TEXT), max_size=2).map(tuple),
    variables=st.dictionaries(TEXT, TEXT, max_size=2),
    slices=st.dictionaries(TEXT, TEXT, max_size=2),
    harms=st.lists(st.just("owasp-llm@2025:LLM07"), max_size=1).map(tuple),
    source=st.just("") | TEXT,
    created=st.sampled_from(["", "2026-11-23"]),
    split=st.sampled_from(["test", "dev", "held_out"]),
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cases")


def put(folder: Path, data: bytes | str, name: str = "c.jsonl") -> Path:
    path = folder / name
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return path


def refused(path: Path) -> CaseError:
    with pytest.raises(CaseError) as caught:
        list(iter_cases(path))
    return caught.value


def outcomes(path: Path) -> Iterator[Case | CaseError]:
    try:
        yield from iter_cases(path)
    except CaseError as error:
        yield error


@settings(max_examples=60, deadline=None)
@given(st.lists(CASES, min_size=1, max_size=6, unique_by=lambda case: case.id))
def test_what_is_written_is_read(folder: Path, cases: list[Case]) -> None:
    path = put(folder, b"\n".join(msgspec.json.encode(case) for case in cases))
    assert list(iter_cases(path)) == cases


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200) | st.text(max_size=200).map(lambda t: t.encode("utf-8", "replace")))
def test_no_bytes_raise_anything_but_a_case_error(folder: Path, data: bytes) -> None:
    path = put(folder, data, "noise.jsonl")
    for outcome in outcomes(path):
        if isinstance(outcome, CaseError):
            assert outcome.mend
            assert outcome.file == str(path)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from([*Case.__struct_fields__, "role", "content", "text", "x"]), inner
        )
    ),
    max_leaves=12,
)


@settings(max_examples=200, deadline=None)
@given(JSON)
def test_no_json_raises_anything_but_a_case_error(folder: Path, value: Any) -> None:
    path = put(folder, json.dumps(value), "json.jsonl")
    for outcome in outcomes(path):
        assert isinstance(outcome, Case) or outcome.mend


def test_shortest_form(tmp_path: Path) -> None:
    (case,) = iter_cases(put(tmp_path, '{"id": "c1", "input": "text", "expect": "answer"}'))
    assert case.messages == (Message(role="user", content="text"),)
    assert case.expectation == Expect(text=("answer",))
    assert case.cluster == "c1"
    assert case.split == "test"


def test_byte_order_mark_crlf_blank_lines_and_header(tmp_path: Path) -> None:
    lines = [
        '{"schema": "case/v1"}',
        "",
        '{"id": "a", "input": "x"}',
        "  ",
        '{"id":"b","input":"y"}',
    ]
    path = put(tmp_path, b"\xef\xbb\xbf" + "\r\n".join(lines).encode() + b"\r\n\r\n")
    assert [case.id for case in iter_cases(path)] == ["a", "b"]


def test_reading_is_lazy(tmp_path: Path) -> None:
    stream = iter_cases(put(tmp_path, '{"id":"a","input":"x"}\nbroken\n'))
    assert next(stream).id == "a"
    with pytest.raises(CaseError, match=r"c\.jsonl:2: not valid JSON"):
        next(stream)


@pytest.mark.parametrize(
    ("line", "field", "words"),
    [
        ('{"id": 1, "input": "x"}', "id", "expected `str`, got `int`"),
        ('{"id": "a"}', "input", "required field is missing"),
        ('{"id": "a", "input": "x", "expct": "y"}', "expct", "did you mean `expect`?"),
        ('{"id": "a", "input": "x", "qqq": 1}', "qqq", "known names: attachments"),
        ('{"id": "a", "input": "x", "expect": {"txt": []}}', "expect.txt", "`text`"),
        (
            '{"id":"a","input":"x","expect":{"tools":{"caled":[]}}}',
            "expect.tools.caled",
            "`called`",
        ),
        ('{"id":"a","input":"x","documents":[{"txt":"y"}]}', "documents[0].txt", "`text`"),
        ('{"id":"a","input":[{"role":"usr","content":"x"}]}', "input[0].role", "'usr'"),
        ('{"id":"a","input":[{"role":"user","contnt":"x"}]}', "input[0].contnt", "`content`"),
        ('{"id":"a","input":[{"role":"user","content":""}]}', "input[0].content", "empty"),
        ('{"id":"a","input":[{"role":"tool","content":"x"}]}', "input[0].tool_call_id", "no call"),
        ('{"id":"a","input":[{"role":"assistant","content":"x"}]}', "input[0].role", "assistant's"),
        ('{"id":"a","input":[]}', "input", "list of messages is empty"),
        ('{"id":"a","input":"  "}', "input", "the input is empty"),
        ('{"id":" ","input":"x"}', "id", "the id is empty"),
        ('{"id":"a","input":"x","split":"tset"}', "split", "'tset'"),
        ('{"id":"a","input":"x","harms":["LLM07"]}', "harms", "scheme@version:id"),
        ('{"id":"a","input":"x","created":"May"}', "created", "YYYY-MM-DD"),
        ('{"id":"a","input":"x","attachments":[{"path":"../p"}]}', "attachments.path", "leaves"),
        ('{"id":"a","input":"x","attachments":[{"path":"/p"}]}', "attachments.path", "leaves"),
        ('{"id":"a","input":"x","expect":{"label":"b","labels":["a"]}}', "expect.label", "among"),
        ('{"id":"a","input":"x","expect":{"label":"b"}}', "expect.labels", "closed set"),
        ('{"id":"a","input":"x","expect":{"labels":["A","a"]}}', "expect.labels", "twice"),
        ('{"id":"a","input":"x","expect":{"pattern":"("}}', "expect.pattern", "regular expression"),
        ('{"id":"a","input":"x","expect":{"must_not":[""]}}', "expect.must_not", "every answer"),
        ("[1, 2]", "", "a case is a JSON object"),
        ('"x"', "", "a case is a JSON object"),
        ('{"id":"a","input":"\\ud800"}', "", "surrogate"),
        ('{"id":"a","input":"x"', "", "not valid JSON"),
    ],
)
def test_refused_with_line_field_and_mend(
    tmp_path: Path, line: str, field: str, words: str
) -> None:
    error = refused(put(tmp_path, '{"id": "ok", "input": "fine"}\n\n' + line + "\n"))
    assert (error.line, error.field) == (3, field)
    assert words in str(error)
    assert f"c.jsonl:3: {field}" in str(error)
    assert error.mend


def test_one_json_document_is_told_apart(tmp_path: Path) -> None:
    assert "one JSON document" in str(refused(put(tmp_path, '[\n {"id": "a"}\n]')))


def test_invalid_utf8_names_the_byte(tmp_path: Path) -> None:
    error = refused(put(tmp_path, b'{"id":"a","input":"x\xffy"}'))
    assert "byte 21 of the line is not UTF-8 (0xff)" in str(error)


def test_duplicate_id_names_both_lines(tmp_path: Path) -> None:
    lines = ['{"id":"a","input":"x"}', "", '{"id":"b","input":"x"}', '{"id":"a","input":"y"}']
    error = refused(put(tmp_path, "\n".join(lines)))
    assert error.line == 4
    assert "'a' was used before (line 1)" in str(error)


@pytest.mark.parametrize("data", ["", "\n\n", "\ufeff", '{"schema": "case/v1"}\n'])
def test_empty_file(tmp_path: Path, data: str) -> None:
    assert "there is no case in this file" in str(refused(put(tmp_path, data)))


def test_missing_file_folder_and_foreign_version(tmp_path: Path) -> None:
    assert "no such file" in str(refused(tmp_path / "none.jsonl"))
    assert "this is a folder" in str(refused(tmp_path))
    assert "'case/v2'" in str(refused(put(tmp_path, '{"schema": "case/v2"}\n')))


def test_endless_line_is_refused_without_reading_it_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("railwright.cases._read.MAX_LINE", 1024 * 1024)
    path = put(tmp_path, b'{"id":"a","input":"' + b"x" * 8_000_000)
    tracemalloc.start()
    error = refused(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert "longer than 1 MiB" in str(error)
    assert peak < 4_000_000


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    def peak(count: int) -> int:
        path = tmp_path / f"{count}.jsonl"
        with path.open("w") as stream:
            stream.writelines(f'{{"id":"c{i}","input":"{"word " * 40}"}}\n' for i in range(count))
        tracemalloc.start()
        assert sum(1 for _ in iter_cases(path)) == count
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return found

    # Only the table of ids grows: 16 bytes a case after doubling, half of it old while it grows.
    assert peak(20_000) - peak(500) < 20_000 * 50


@given(st.lists(st.text(max_size=6), max_size=300))
def test_id_hashes_are_a_set(names: list[str]) -> None:
    hashes, plain = IdHashes(), set[str]()
    for name in names:
        assert hashes.add(name) == (name not in plain)
        plain.add(name)


def test_id_hashes_grow() -> None:
    hashes = IdHashes()
    assert all(hashes.add(f"n{i}") for i in range(5_000))
    assert not any(hashes.add(f"n{i}") for i in range(5_000))


def test_equal_hashes_are_not_called_duplicates(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Colliding(IdHashes):
        def add(self, name: str) -> bool:
            return super().add(name[:1])

    monkeypatch.setattr("railwright.cases._read.IdHashes", Colliding)
    path = put(tmp_path, '{"id":"a1","input":"x"}\n{"id":"a2","input":"y"}\n')

    def ids(cases: Iterator[Case]) -> list[str]:
        return [case.id for case in cases]

    assert ids(iter_cases(path)) == ["a1", "a2"]
