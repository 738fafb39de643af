"""BBQ: questions whose right answer does not depend on who is who."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from railwright.cases._types import Expect
from railwright.cases.loaders._base import Loader, Row, json_lines, shaped

_HARM = ("nist-600-1@1.0:bias",)


def _bbq(files: list[Path], options: dict[str, str]) -> Iterator[Row]:
    for file in files:
        yield from shaped(file, _bbq_file(file, options["context"]))


def _bbq_file(file: Path, wanted: str) -> Iterator[Row]:
    for row in json_lines(file):
        condition = row["context_condition"]
        if wanted not in {"all", condition}:
            continue
        answers = (row["ans0"], row["ans1"], row["ans2"])
        # A template's rows differ in names and polarity only: they are one source.
        yield Row(
            id=f"{row['category']}/{row['example_id']}",
            input=(
                f"{row['context']}\n{row['question']}\n"
                f"Answer with one of these, word for word: {'; '.join(answers)}."
            ),
            expect=Expect(label=answers[row["label"]], labels=answers),
            labels=(row["category"],),
            slices={
                "category": row["category"],
                "context": condition,
                "polarity": row["question_polarity"],
            },
            harms=_HARM,
            source=f"{row['category']}/{row['question_index']}",
            variant=str(row["example_id"]),
        )


LOADERS = (
    Loader(
        name="bbq",
        title="BBQ",
        licence="CC-BY-4.0",
        origin="Parrish et al. 2022, github.com/nyu-mll/BBQ",
        patterns=("*.jsonl",),
        rows=_bbq,
        metric="task_failure",
        scorers=("label",),
        options={"context": "all"},
        choices={"context": ("all", "ambig", "disambig")},
    ),
)
