"""Sets of harmful requests: the right answer is to decline or to deflect."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from railwright.cases._types import Expect
from railwright.cases.loaders._base import Loader, Row, csv_rows, json_value, shaped

DECLINE = Expect(refuse=True)
_SCORERS = ("unsafe",)

# The sets' own categories as AILuminate hazards, where they mean the same.
_HAZARDS = {
    "chemical_biological": "iwp",
    "copyright": "ipv",
    "cybercrime_intrusion": "ncr",
    "illegal": "ncr",
    "harassment_bullying": "hte",
    "Fraud/Deception": "ncr",
    "Malware/Hacking": "ncr",
    "Malware Viruses": "ncr",
    "Illegal Activity": "ncr",
    "Economic harm": "ncr",
    "Economic Harm": "ncr",
    "Privacy": "prv",
    "Privacy Violation Activity": "prv",
    "Physical harm": "vcr",
    "Physical Harm": "vcr",
    "Sexual/Adult content": "sxc_prn",
    "Adult Content": "sxc_prn",
    "Tailored Financial Advice": "spc_fin",
    "Suicide, Self-Harm, and Eating Disorders": "ssh",
    "Physical harm and Violence": "vcr",
    "Illegal and Highly Regulated items": "ncr",
    "Scams and fraud": "ncr",
}


def harms_of(category: str) -> tuple[str, ...]:
    """AILuminate hazard of a set's category, where they mean the same."""
    hazard = _HAZARDS.get(category, "")
    return (f"ailuminate@1:{hazard}",) if hazard else ()


def _behaviours(file: Path) -> Iterator[Row]:
    for row in csv_rows(file, "Behavior", "BehaviorID"):
        context, category = row.get("ContextString", ""), row.get("SemanticCategory", "")
        category = category or row.get("Category", "")
        yield Row(
            id=row["BehaviorID"],
            input=f"{context}\n\n{row['Behavior']}" if context else row["Behavior"],
            expect=DECLINE,
            labels=(category, row.get("Tags", "")),
            slices=_slices(category=category, kind=row.get("FunctionalCategory", "")),
            harms=harms_of(category),
        )


def _advbench(files: list[Path], options: dict[str, str]) -> Iterator[Row]:
    del options
    for file in files:
        if "goal" in file.open(encoding="utf-8-sig").readline().split(","):
            for index, row in enumerate(csv_rows(file, "goal")):
                yield Row(id=f"{index:04d}", input=row["goal"], expect=DECLINE)
        else:
            yield from _behaviours(file)


def _harmbench(files: list[Path], options: dict[str, str]) -> Iterator[Row]:
    del options
    for file in files:
        yield from _behaviours(file)


def _jbb(files: list[Path], options: dict[str, str]) -> Iterator[Row]:
    del options
    for file in files:
        for row in csv_rows(file, "Index", "Goal", "Category"):
            yield Row(
                id=row["Index"],
                input=row["Goal"],
                expect=DECLINE,
                labels=(row["Category"], row.get("Behavior", "")),
                slices=_slices(category=row["Category"]),
                harms=harms_of(row["Category"]),
            )


def _simple(files: list[Path], options: dict[str, str]) -> Iterator[Row]:
    del options
    for file in files:
        for row in csv_rows(file, "id", "harm_area", "prompts_final"):
            area = row["harm_area"].strip()
            yield Row(
                id=row["id"],
                input=row["prompts_final"],
                expect=DECLINE,
                labels=(area, row.get("category", "")),
                slices=_slices(category=area),
                harms=harms_of(area),
            )


_LANGUAGES = {"english": "en", "chinese": "zh", "vietnamese": "vi"}


def _catqa(files: list[Path], options: dict[str, str]) -> Iterator[Row]:
    for file in files:
        name = next((key for key in _LANGUAGES if key in file.stem), "english")
        if options["language"] in {"all", _LANGUAGES[name]}:
            yield from shaped(file, _catqa_file(file, _LANGUAGES[name]))


def _catqa_file(file: Path, language: str) -> Iterator[Row]:
    for category, groups in json_value(file).items():
        for group, questions in groups.items():
            for index, question in enumerate(questions):
                # The files are translations of one another, row by row.
                seed = f"{category}/{group.strip(' :')}/{index}"
                yield Row(
                    id=f"{seed}/{language}",
                    input=question,
                    expect=DECLINE,
                    labels=(category, group),
                    slices=_slices(category=category, language=language),
                    harms=harms_of(category),
                    source=seed,
                    variant=language,
                    language=language,
                )


def _ailuminate(files: list[Path], options: dict[str, str]) -> Iterator[Row]:
    del options
    for file in files:
        for row in csv_rows(file, "release_prompt_id", "prompt_text", "hazard"):
            hazard = row["hazard"].strip()
            yield Row(
                id=row["release_prompt_id"],
                input=row["prompt_text"],
                expect=DECLINE,
                labels=(hazard,),
                slices=_slices(category=hazard, persona=row.get("persona", "")),
                harms=(f"ailuminate@1:{hazard}",),
                language=row.get("locale", "en_US")[:2].lower() or "en",
            )


def _slices(**values: str) -> dict[str, str]:
    return {key: value for key, value in values.items() if value}


LOADERS = (
    Loader(
        name="advbench",
        title="AdvBench",
        licence="MIT",
        origin="Zou et al. 2023, github.com/llm-attacks/llm-attacks",
        patterns=("advbench_behaviors.csv", "harmful_behaviors.csv"),
        rows=_advbench,
        metric="unsafe",
        scorers=_SCORERS,
    ),
    Loader(
        name="harmbench",
        title="HarmBench",
        licence="MIT",
        origin="Mazeika et al. 2024, github.com/centerforaisafety/HarmBench",
        patterns=("harmbench_behaviors_text_all.csv", "harmbench_behaviors_text_*.csv"),
        rows=_harmbench,
        metric="unsafe",
        scorers=_SCORERS,
    ),
    Loader(
        name="jbb_behaviors",
        title="JBB-Behaviors",
        licence="MIT",
        origin="Chao et al. 2024, github.com/JailbreakBench/jailbreakbench",
        patterns=("jbb-harmful-behaviors.csv", "harmful-behaviors.csv"),
        rows=_jbb,
        metric="unsafe",
        scorers=_SCORERS,
    ),
    Loader(
        name="simplesafetytests",
        title="SimpleSafetyTests",
        licence="CC-BY-4.0",
        origin="Vidgen et al. 2023, github.com/bertiev/SimpleSafetyTests",
        patterns=("simplesafetytests*.csv", "SimpleSafetyTests*.csv"),
        rows=_simple,
        metric="unsafe",
        scorers=_SCORERS,
    ),
    Loader(
        name="catqa",
        title="CatQA",
        licence="Apache-2.0",
        origin="Bhardwaj et al. 2024, github.com/declare-lab/red-instruct",
        patterns=("catqa_*.json",),
        rows=_catqa,
        metric="unsafe",
        scorers=_SCORERS,
        options={"language": "all"},
        choices={"language": ("all", *_LANGUAGES.values())},
    ),
    Loader(
        name="ailuminate_demo",
        title="AILuminate demo prompts",
        licence="CC-BY-4.0",
        origin="MLCommons, github.com/mlcommons/ailuminate",
        patterns=("ailuminate_demo_en_us*.csv", "airr_official_1.0_demo_en_us*.csv"),
        rows=_ailuminate,
        metric="unsafe",
        scorers=_SCORERS,
    ),
)
