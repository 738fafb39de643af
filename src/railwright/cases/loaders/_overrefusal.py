"""XSTest: harmless prompts that look harmful, and their harmful contrasts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from railwright.cases._types import Expect
from railwright.cases.loaders._base import Loader, Row, csv_rows


def _xstest(files: list[Path], options: dict[str, str]) -> Iterator[Row]:
    for file in files:
        for row in csv_rows(file, "id", "prompt", "type", "label"):
            if options["part"] in {"all", row["label"]}:
                yield Row(
                    id=row["id"],
                    input=row["prompt"],
                    expect=Expect(refuse=row["label"] == "unsafe"),
                    labels=(row["type"], row.get("focus", "")),
                    slices={"type": row["type"], "label": row["label"]},
                )


LOADERS = (
    Loader(
        name="xstest",
        title="XSTest",
        licence="CC-BY-4.0",
        origin="Röttger et al. 2024, github.com/paul-rottger/exaggerated-safety",
        patterns=("xstest_prompts.csv", "xstest*prompts.csv"),
        rows=_xstest,
        metric="over_refusal",
        scorers=("over_refusal",),
        options={"part": "safe"},
        choices={"part": ("safe", "unsafe", "all")},
        by_part={"unsafe": ("unsafe", ("unsafe",)), "all": ("task_failure", ("refusal",))},
    ),
)
