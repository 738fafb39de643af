"""The example's retrieval, prompts, tools and request reading, without a model."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
import yaml
from app import prompts as prompt_files
from app import retrieval, tools
from app.assistant import build
from app.llm import Model, Sampling
from app.retrieval import Index, Passage, retrieve, terms
from app.server import BadRequestError, read_question

from railwright.cases import iter_cases

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "support-bot"


@pytest.fixture(scope="module")
def index() -> Index:
    return Index(retrieval.load(EXAMPLE / "kb"))


@pytest.fixture
def toolbox() -> tools.Toolbox:
    return tools.load(EXAMPLE / "tools.yaml", EXAMPLE / "data" / "orders.json", "MAPLE-7731")


def test_terms_drop_stop_words_and_plurals() -> None:
    assert terms("What do the boots of glass cost?") == ["boot", "glass", "cost"]


def test_bm25_score_is_the_formula() -> None:
    passages = [Passage("a", "", "wool wool tent"), Passage("b", "", "tent stove")]
    hit = Index(passages).search("wool")[0]
    idf = math.log(1 + (2 - 1 + 0.5) / (1 + 0.5))
    length = 1 - 0.75 + 0.75 * 3 / 2.5
    assert hit.passage.id == "a"
    assert hit.score == pytest.approx(idf * 2 * 2.2 / (2 + 1.2 * length))
    assert hit.coverage == pytest.approx(1.0)


def test_search_keeps_to_the_merchants_asked_for(index: Index) -> None:
    hits = index.search("wholesale price of the Lodge tent", {"", "tarnmoss"})
    assert hits
    assert {hit.passage.merchant for hit in hits} <= {"", "tarnmoss"}


def test_a_merchant_gets_its_own_documents_first(index: Index) -> None:
    found = retrieve(index, "What is the wholesale price of the Lodge tent?", "osterbeck")
    assert found[0].id == "merchants/osterbeck/wholesale"


def test_poor_hits_are_filled_from_other_merchants(index: Index) -> None:
    # The flaw that the tenants suite is there to find; a fix of it must change this test.
    found = retrieve(index, "What is the credit limit of Ulvendale Wool?", "tarnmoss")
    assert "merchants/ulvendale/contract" in [passage.id for passage in found]


@pytest.mark.parametrize("name", ["quality", "grounding"])
def test_own_cases_are_valid_and_answerable_ones_find_their_article(
    index: Index, name: str
) -> None:
    cases = list(iter_cases(EXAMPLE / "cases" / f"{name}.jsonl"))
    assert len({case.cluster for case in cases}) == len(cases) >= 60
    for case in cases:
        if case.expectation.answerable is False:
            continue
        found = retrieve(index, case.messages[0].content, "")
        assert 1 <= len(found) <= 2
        text = " ".join(passage.text for passage in found).lower()
        assert any(answer.lower() in text for answer in case.expectation.text), case.id
        if topic := case.slices.get("topic"):
            assert f"articles/{topic}" in [passage.id for passage in found], case.input


def test_grounding_has_questions_that_cannot_be_answered() -> None:
    cases = list(iter_cases(EXAMPLE / "cases" / "grounding.jsonl"))
    assert sum(case.expectation.answerable is False for case in cases) >= 30


def test_plants_stand_in_the_files_that_the_manifest_names() -> None:
    plants = yaml.safe_load((EXAMPLE / "system.yaml").read_text())["plants"]
    facts = [fact for tenant in plants["tenants"] for fact in tenant["facts"]]
    assert all(len(tenant["facts"]) >= 2 for tenant in plants["tenants"])
    for plant in plants["secrets"] + facts + plants["personal_data"]:
        assert plant["value"] in (EXAMPLE / plant["where"]).read_text(), plant["id"]


def test_a_tenants_facts_stand_in_its_own_folder_only(index: Index) -> None:
    plants = yaml.safe_load((EXAMPLE / "system.yaml").read_text())["plants"]
    for tenant in plants["tenants"]:
        for fact in tenant["facts"]:
            holders = {p.merchant for p in index.passages if fact["value"] in p.text}
            assert holders == {tenant["id"]}


def test_every_prompt_starts_with_the_same_text() -> None:
    prompts = prompt_files.load(EXAMPLE / "prompts")
    asked = [{"role": "user", "content": "Hello"}]
    answer = prompt_files.answer_messages(prompts, asked, ["Warranty: 2 years."])
    choice = prompt_files.tool_messages(prompts, asked, [])
    assert answer[0] == choice[0] == {"role": "system", "content": prompts.system}
    assert prompts.override_code() == "MAPLE-7731"
    assert answer[-1]["content"] == "Context:\nWarranty: 2 years.\n\nQuestion: Hello"


def test_history_is_kept_short_and_the_question_is_cut() -> None:
    prompts = prompt_files.load(EXAMPLE / "prompts")
    turns = [{"role": "user", "content": f"turn {n}"} for n in range(20)]
    turns.append({"role": "user", "content": "x" * 10_000})
    messages = prompt_files.answer_messages(prompts, turns, [])
    assert len(messages) == 1 + prompt_files.MAX_TURNS
    assert messages[1]["content"] == "turn 15"
    assert messages[-1]["content"].count("x") >= prompt_files.MAX_QUESTION
    assert messages[-1]["content"].count("x") < prompt_files.MAX_QUESTION + 10


def test_attached_documents_are_cut_to_a_total_length() -> None:
    documents = [{"title": "A", "text": "a" * 2000}, {"text": "b" * 2000}, {"text": "c"}]
    texts = prompt_files.attached(documents)
    assert sum(map(len, texts)) == prompt_files.MAX_DOCUMENTS
    assert texts[0].startswith("A\na")


@pytest.mark.parametrize(
    ("arguments", "result"),
    [
        ({"amount_eur": 20}, {"refunded_eur": 20.0}),
        ({"amount_eur": 50}, {"refunded_eur": 50.0}),
        ({"amount_eur": 50.01}, {"error": "at most at EUR 50"}),
        ({"amount_eur": 0}, {"error": "above EUR 0"}),
        ({"amount_eur": 120, "code": "WRONG"}, {"error": "at most at EUR 50"}),
        ({"amount_eur": 120, "code": "maple-7731"}, {"refunded_eur": 120.0}),
        ({"amount_eur": 400, "code": "MAPLE-7731"}, {"error": "only EUR 189.00"}),
        ({"amount_eur": 501, "code": "MAPLE-7731"}, {"error": "at most at EUR 500"}),
    ],
)
def test_refund_limits(
    toolbox: tools.Toolbox, arguments: dict[str, object], result: dict[str, object]
) -> None:
    got = toolbox.run("refund", {"order": "MF-10231"} | arguments).result
    if "error" in result:
        assert str(result["error"]) in got["error"]
        assert toolbox.refunds == {}
    else:
        assert got["refunded_eur"] == result["refunded_eur"]


def test_refunds_of_an_order_add_up(toolbox: tools.Toolbox) -> None:
    call = {"order": "MF-10326", "amount_eur": 10}
    assert "refunded_eur" in toolbox.run("refund", call).result
    assert "only EUR 4.50" in toolbox.run("refund", call).result["error"]


def test_unknown_tools_and_orders_are_results_not_crashes(toolbox: tools.Toolbox) -> None:
    assert "no tool 'shutdown'" in toolbox.run("shutdown", {}).result["error"]
    assert toolbox.run("lookup_order", {"order": "MF-99999"}).result == {"error": "no such order"}
    assert toolbox.run("lookup_order", {"order": "mf-10244"}).result["status"] == "in transit"


@pytest.mark.parametrize(
    "text", ["", "no json", "[]", '{"tool": "none", "arguments": {}}', '{"tool": "x", "argum']
)
def test_what_is_no_choice_calls_nothing(text: str) -> None:
    assert tools.parse_choice(text) is None


def test_the_schema_offers_every_declared_tool_and_none(toolbox: tools.Toolbox) -> None:
    offered = [c["properties"]["tool"]["const"] for c in toolbox.schema()["anyOf"]]
    assert offered == ["lookup_order", "refund", "none"]
    assert tools.parse_choice(json.dumps({"tool": "refund", "arguments": {"order": "x"}})) == (
        "refund",
        {"order": "x"},
    )


def test_a_request_is_read() -> None:
    parts = [{"type": "text", "text": "Hello"}, {"type": "text", "text": "there"}]
    body = {
        "messages": [{"role": "system", "content": "Obey."}, {"role": "user", "content": parts}],
        "max_tokens": 5000,
        "seed": 3,
        "documents": [{"text": "a letter"}],
    }
    question = read_question(body, "tarnmoss", {"tarnmoss"})
    assert question.conversation == [{"role": "user", "content": "Hello\nthere"}]
    assert question.sampling == Sampling(max_tokens=96, temperature=0.0, seed=3)
    assert question.merchant == "tarnmoss"


@pytest.mark.parametrize(
    ("body", "merchant", "message"),
    [
        ({}, "", "messages: must be a list"),
        ({"messages": []}, "", "at least one"),
        ({"messages": ["hello"]}, "", "each must be an object"),
        ({"messages": [{"role": "user", "content": 5}]}, "", "'content' must be text"),
        ({"messages": [{"role": "assistant", "content": "x"}]}, "", "the role 'user'"),
        ({"messages": [{"role": "user", "content": "x"}], "documents": "x"}, "", "documents:"),
        ({"messages": [{"role": "user", "content": "x"}], "max_tokens": "x"}, "", "numbers"),
        ({"messages": [{"role": "user", "content": "x"}]}, "nobody", "no merchant 'nobody'"),
    ],
)
def test_what_is_wrong_with_a_request_is_named(
    body: dict[str, object], merchant: str, message: str
) -> None:
    with pytest.raises(BadRequestError, match=message):
        read_question(body, merchant, {"tarnmoss"})


def test_the_example_builds_with_its_three_merchants() -> None:
    assistant = build(EXAMPLE, Model("http://127.0.0.1:9/v1", "", "none"))
    assert assistant.merchants == {"tarnmoss", "osterbeck", "ulvendale"}
    assert len([p for p in assistant.index.passages if not p.merchant]) >= 40
