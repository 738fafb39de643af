"""What loaders share: rows in, filtered and deduplicated cases out, and a report."""

from __future__ import annotations

import csv
import hashlib
import json
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from railwright.cases._errors import CaseError, SuiteError, did_you_mean
from railwright.cases._minors import about_minors
from railwright.cases._types import Case, Document, Expect, Message, Split

_GAP = re.compile(r"\W+", re.UNICODE)


@dataclass(frozen=True)
class Row:
    """One row of a set, before the filter.

    Attributes:
        id: unique within the set.
        input: what is put to the system.
        expect: what a good answer looks like.
        labels: the set's own categories; read by the filter.
        source: the seed that the row was derived from; the row's own id if empty.
    """

    id: str
    input: str | tuple[Message, ...]
    expect: Expect = field(default_factory=Expect)
    labels: tuple[str, ...] = ()
    slices: Mapping[str, str] = field(default_factory=dict)
    harms: tuple[str, ...] = ()
    documents: tuple[Document, ...] = ()
    source: str = ""
    variant: str = ""
    language: str = "en"
    split: Split = "test"

    @property
    def text(self) -> str:
        """All text of the row that a system would see, and the answers expected of it."""
        said = self.input if isinstance(self.input, str) else "\n".join(_contents(self.input))
        return "\n".join([said, *(d.text for d in self.documents)])


Rows = Callable[[list[Path], dict[str, str]], Iterable[Row]]


@dataclass(frozen=True)
class Loader:
    """How one public set becomes cases.

    Attributes:
        name: registry name.
        title: the set's own name.
        licence: of the data, recorded in every case.
        origin: who made it and where it is published.
        patterns: files that are looked for; the first pattern that matches wins.
        rows: reads the files found.
        metric: the failure rate that the set measures.
        scorers: that read it.
        options: allowed options with their defaults; ``choices`` lists their values.
        by_part: (metric, scorers) by value of the option ``part``, where they differ.
    """

    name: str
    title: str
    licence: str
    origin: str
    patterns: tuple[str, ...]
    rows: Rows
    metric: str
    scorers: tuple[str, ...]
    options: Mapping[str, str] = field(default_factory=dict)
    choices: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    by_part: Mapping[str, tuple[str, tuple[str, ...]]] = field(default_factory=dict)

    def files(self, path: Path) -> list[Path]:
        """Files of the user's copy, sorted.

        Raises:
            CaseError: when none is there.
        """
        if path.is_file():
            return [path]
        for pattern in self.patterns:
            if found := sorted(p for p in path.glob(pattern) if p.is_file()):
                return found
        wanted = " or ".join(self.patterns)
        raise CaseError(path, f"no file of {self.title} is here", f"put {wanted} there")

    def metric_of(self, options: Mapping[str, str]) -> Any:
        """The metric under these options."""
        return self.by_part.get(options.get("part", ""), (self.metric, ()))[0]

    def scorers_of(self, options: Mapping[str, str]) -> tuple[str, ...]:
        """The scorers under these options."""
        return self.by_part.get(options.get("part", ""), ("", self.scorers))[1]


@dataclass
class Report:
    """What became of a set's rows. Complete once its cases were read to the end."""

    name: str
    licence: str
    rows: int = 0
    kept: int = 0
    sources: int = 0
    dropped_minors: int = 0
    repeated: int = 0


@dataclass(frozen=True)
class LoadedSet:
    """The cases of a set (a stream, to be read once) and its report."""

    cases: Iterator[Case]
    report: Report


def load(loader: Loader, path: Path, options: dict[str, str]) -> LoadedSet:
    """Read a set through the filter and the removal of repeated texts."""
    for key, value in options.items():
        if key not in loader.options:
            mend = did_you_mean(key, loader.options) if loader.options else "it takes none"
            raise SuiteError(path, f"{loader.name} has no option {key!r}", mend)
        allowed = loader.choices.get(key, ())
        if allowed and value not in allowed:
            raise SuiteError(
                path, f"{key} cannot be {value!r}", f"write one of {', '.join(allowed)}"
            )
    files = loader.files(path)
    report = Report(loader.name, loader.licence)
    rows = loader.rows(files, {**loader.options, **options})
    return LoadedSet(_stream(loader, rows, report), report)


def _stream(loader: Loader, rows: Iterable[Row], report: Report) -> Iterator[Case]:
    texts: set[bytes] = set()
    sources: set[str] = set()
    for row in rows:
        report.rows += 1
        if about_minors(row.text, *row.labels):
            report.dropped_minors += 1
            continue
        key = hashlib.sha256(_normal(row).encode()).digest()[:16]
        if key in texts:
            report.repeated += 1
            continue
        texts.add(key)
        report.kept += 1
        source = f"{loader.name}:{row.source or row.id}"
        sources.add(source)
        report.sources = len(sources)
        yield _case(loader, row, source)


def _case(loader: Loader, row: Row, source: str) -> Case:
    return Case(
        id=f"{loader.name}:{row.id}",
        input=row.input,
        expect=row.expect,
        documents=row.documents,
        slices={"set": loader.name, **row.slices},
        harms=row.harms,
        source=source,
        variant=row.variant,
        language=row.language,
        licence=loader.licence,
        author=loader.origin,
        split=row.split,
    )


def _contents(messages: tuple[Message, ...]) -> Iterator[str]:
    return (message.content for message in messages)


def _normal(row: Row) -> str:
    plain = unicodedata.normalize("NFKC", row.text).casefold()
    return _GAP.sub(" ", plain).strip() or plain


def csv_rows(file: Path, *needed: str) -> Iterator[dict[str, str]]:
    """Rows of a CSV file with a header.

    Raises:
        CaseError: when a column is missing.
    """
    with file.open(encoding="utf-8-sig", newline="") as stream:
        reader = csv.DictReader(stream)
        names = reader.fieldnames or ()
        for name in needed:
            if name not in names:
                raise CaseError(
                    file, f"the column {name!r} is missing", "use the published file", line=1
                )
        for row in reader:
            yield {key: value or "" for key, value in row.items() if key is not None}


def json_value(file: Path) -> Any:
    """The value of a JSON file."""
    try:
        return json.loads(file.read_text(encoding="utf-8-sig"))
    except ValueError as error:
        raise CaseError(file, f"not valid JSON ({error})", "use the published file") from None


def json_lines(file: Path) -> Iterator[dict[str, Any]]:
    """Objects of a JSON Lines file."""
    with file.open(encoding="utf-8-sig") as stream:
        for number, line in enumerate(stream, start=1):
            if line.strip():
                try:
                    yield json.loads(line)
                except ValueError as error:
                    raise CaseError(
                        file, f"not valid JSON ({error})", "use the published file", line=number
                    ) from None


def shaped(file: Path, rows: Iterable[Row]) -> Iterator[Row]:
    """Turn a key or type that is missing from a set's file into an error that names the file."""
    try:
        yield from rows
    except (KeyError, TypeError, AttributeError, IndexError) as error:
        raise CaseError(
            file, f"not in the shape of the set ({error})", "use the published file"
        ) from None
