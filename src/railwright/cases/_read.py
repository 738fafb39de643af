"""Reading case files: JSON Lines in, checked cases out, one at a time."""

from __future__ import annotations

import json
import re
from array import array
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import msgspec

from railwright.cases._errors import CaseError, did_you_mean, explain
from railwright.cases._types import (
    Attachment,
    Case,
    Document,
    Expect,
    Message,
    ToolCall,
    ToolExpectation,
)

FORMAT = "case/v1"
MAX_LINE = 16 * 1024 * 1024
"""Bytes in one line at most: a longer one is almost always a file that is not JSON Lines."""

_BOM = b"\xef\xbb\xbf"
_HARM = re.compile(r"^[a-z0-9][a-z0-9-]*@[^\s:@]+:[^\s:]+$")
_DATE = re.compile(r"^\d{4}-\d{2}-\d{2}")
_KNOWN: dict[str, tuple[str, ...]] = {
    "": Case.__struct_fields__,
    "expect": Expect.__struct_fields__,
    "expect.tools": ToolExpectation.__struct_fields__,
    "documents[]": Document.__struct_fields__,
    "attachments[]": Attachment.__struct_fields__,
    "input[]": Message.__struct_fields__,
    "input[].tool_calls[]": ToolCall.__struct_fields__,
}


class IdHashes:
    """A set of ids at about 16 bytes each: open addressing over their 64-bit hashes.

    ``add`` returns False when the hash was there already; 200,000 ids collide by chance about once
    in 10^9 files, so the caller confirms a hit before calling it a duplicate.
    """

    __slots__ = ("_mask", "_table", "_used")

    def __init__(self) -> None:
        self._table = array("Q", [0]) * 1024
        self._mask, self._used = 1023, 0

    def add(self, name: str) -> bool:
        key = (hash(name) & 0xFFFFFFFFFFFFFFFF) or 1
        table, mask = self._table, self._mask
        slot = key & mask
        while (seen := table[slot]) != 0:
            if seen == key:
                return False
            slot = (slot + 1) & mask
        table[slot] = key
        self._used += 1
        if self._used * 2 > mask:
            self._grow()
        return True

    def _grow(self) -> None:
        old, size = self._table, (self._mask + 1) * 2
        table, mask = array("Q", [0]) * size, size - 1
        for key in old:
            if key:
                slot = key & mask
                while table[slot]:
                    slot = (slot + 1) & mask
                table[slot] = key
        self._table, self._mask = table, mask


def iter_cases(path: str | Path, *, ids: IdHashes | None = None) -> Iterator[Case]:
    """Read a case file line by line; memory does not grow with the length of lines read.

    A byte order mark, CRLF line ends and blank lines are accepted. The first line may be the
    header ``{"schema": "case/v1"}``.

    Args:
        path: a JSON Lines file in UTF-8.
        ids: ids seen so far, shared between the files of one suite; a fresh set if left out.

    Raises:
        CaseError: for a file that is missing, empty, not UTF-8 or not JSON Lines, an unknown
            field, a value out of place, or an id that occurs twice; it names line, field and mend.
    """
    file = Path(path)
    seen = IdHashes() if ids is None else ids
    decode = msgspec.json.Decoder(Case).decode
    found = False
    with _open(file) as stream:
        for number, raw in enumerate(iter(lambda: stream.readline(MAX_LINE + 1), b""), start=1):
            line = raw.strip()
            if number == 1 and line.startswith(_BOM):
                line = line[len(_BOM) :].strip()
            if not line:
                continue
            if len(raw) > MAX_LINE:
                raise _too_long(file, number)
            try:
                case = decode(line)
            except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
                if not found and _is_header(file, number, line):
                    continue
                raise _not_a_case(file, number, line, error) from None
            found = True
            _check(file, number, line, case)
            if not seen.add(case.id) and (first := _earlier(file, number, case.id, ids)):
                raise CaseError(
                    file,
                    f"the id {case.id!r} was used before ({first})",
                    "give every case of a suite its own id",
                    line=number,
                    field="id",
                )
            yield case
    if not found:
        raise CaseError(file, "there is no case in this file", "add one case a line, as JSON")


def _open(file: Path) -> IO[bytes]:
    try:
        return file.open("rb")
    except FileNotFoundError:
        raise CaseError(file, "there is no such file", "check the path") from None
    except IsADirectoryError:
        raise CaseError(file, "this is a folder", "name a file of cases (.jsonl)") from None
    except OSError as error:
        raise CaseError(file, f"cannot be read ({error.strerror})", "check its rights") from None


def _too_long(file: Path, number: int) -> CaseError:
    return CaseError(
        file,
        f"the line is longer than {MAX_LINE // 1024 // 1024} MiB",
        "write one case a line (JSON Lines); keep large files as attachments",
        line=number,
    )


def _is_header(file: Path, number: int, line: bytes) -> bool:
    try:
        value = json.loads(line)
    except ValueError:
        return False
    if not isinstance(value, dict) or "schema" not in value or "id" in value:
        return False
    if value["schema"] != FORMAT:
        raise CaseError(
            file,
            f"the format is {value['schema']!r}, this version reads {FORMAT!r}",
            "convert the file or update railwright",
            line=number,
            field="schema",
        )
    return True


def _not_a_case(file: Path, number: int, line: bytes, error: Exception) -> CaseError:
    try:
        line.decode("utf-8")
    except UnicodeDecodeError as bad:
        return CaseError(
            file,
            f"byte {bad.start + 1} of the line is not UTF-8 (0x{line[bad.start]:02x})",
            "save the file as UTF-8",
            line=number,
        )
    if line in {b"[", b"{"} or (line[:1] == b"[" and number == 1):
        return CaseError(
            file, "this is one JSON document", "write one case a line (JSON Lines)", line=number
        )
    if isinstance(error, msgspec.ValidationError):
        field, problem, mend = explain(error, _KNOWN)
        if not field and line[:1] != b"{":
            problem, mend = "a case is a JSON object", "write one {...} a line (JSON Lines)"
        return CaseError(file, problem, mend, line=number, field=field)
    if re.search(rb"\\u[dD][89a-fA-F]", line):
        return CaseError(
            file,
            "half of a surrogate pair",
            "write the character itself or both halves",
            line=number,
        )
    reason = str(error)[:1].lower() + str(error)[1:]
    return CaseError(file, f"not valid JSON ({reason})", "mend the line", line=number)


def _earlier(file: Path, number: int, name: str, shared: IdHashes | None) -> str:
    """Where the id was used before; empty if only the hashes were alike."""
    with file.open("rb") as stream:
        for at, line in enumerate(stream, start=1):
            if at >= number:
                break
            try:
                value = msgspec.json.decode(line.strip().removeprefix(_BOM))
            except msgspec.MsgspecError:
                continue
            if isinstance(value, dict) and value.get("id") == name:
                return f"line {at}"
    return "in another file of the suite" if shared is not None else ""


def _check(file: Path, number: int, line: bytes, case: Case) -> None:
    """Check what types cannot say. The short form takes the first two branches only."""

    def fail(field: str, problem: str, mend: str) -> CaseError:
        return CaseError(file, problem, mend, line=number, field=field)

    if not case.id.strip():
        raise fail("id", "the id is empty", "give every case its own id")
    if isinstance(case.input, str):
        if not case.input.strip():
            raise fail("input", "the input is empty", "write what the user says")
    else:
        _check_messages(line, case.input, fail)
    if isinstance(case.expect, Expect):
        _check_expect(case.expect, fail)
    for harm in case.harms:
        if not _HARM.match(harm):
            raise fail(
                "harms",
                f"{harm!r} is not a harm id",
                "write scheme@version:id, such as owasp-llm@2025:LLM07",
            )
    if case.created and not _DATE.match(case.created):
        raise fail("created", f"{case.created!r} is not a date", "write YYYY-MM-DD")
    for attachment in case.attachments:
        parts = Path(attachment.path).parts
        if not parts or Path(attachment.path).is_absolute() or ".." in parts:
            raise fail(
                "attachments.path",
                f"{attachment.path!r} leaves the folder of the case file",
                "keep attachments beside the case file and write a relative path",
            )


def _check_messages(line: bytes, messages: tuple[Message, ...], fail: Any) -> None:
    if not messages:
        raise fail("input", "the list of messages is empty", "add at least one user message")
    for index, raw in enumerate(msgspec.json.decode(line)["input"]):
        for key in raw.keys() - set(Message.__struct_fields__):
            mend = did_you_mean(key, Message.__struct_fields__)
            raise fail(f"input[{index}].{key}", "unknown field", mend)
    for index, message in enumerate(messages):
        if not message.content.strip() and not message.tool_calls:
            raise fail(f"input[{index}].content", "the message is empty", "write its content")
        if message.role == "tool" and not message.tool_call_id:
            raise fail(
                f"input[{index}].tool_call_id",
                "a tool message answers no call",
                "name the id of the tool call that it answers",
            )
    if messages[-1].role not in {"user", "tool"}:
        raise fail(
            f"input[{len(messages) - 1}].role",
            f"the last message is the {messages[-1].role}'s",
            "end with the user's or a tool's message, which the system then answers",
        )


def _check_expect(expect: Expect, fail: Any) -> None:
    if expect.label is not None and not expect.labels:
        raise fail("expect.labels", "label needs the closed set it is taken from", "add labels")
    if expect.label is not None and expect.label not in expect.labels:
        raise fail(
            "expect.label",
            f"{expect.label!r} is not among labels",
            "write one of " + ", ".join(expect.labels),
        )
    if expect.labels and len({label.casefold() for label in expect.labels}) != len(expect.labels):
        raise fail("expect.labels", "a label occurs twice", "keep each label once")
    if any(not text.strip() for text in expect.must_not):
        raise fail("expect.must_not", "an empty string is in every answer", "remove it")
    if expect.pattern is not None:
        try:
            re.compile(expect.pattern)
        except (re.error, OverflowError, RecursionError) as error:
            raise fail(
                "expect.pattern", f"not a regular expression ({error})", "mend the pattern"
            ) from None
