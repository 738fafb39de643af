"""What each safety model behind a chat server is asked, and what its words become."""

from __future__ import annotations

import math
from typing import Any

import pytest

from railwright.detectors import Context, Detection, DetectorUnavailable, get

# The server of conftest.py and what reached it; conftest modules cannot be imported from.
Wire = Any
Call = Any
KEY = "k-very-secret-0123456789"
TEXT = "I will hurt them 😀"


def told(found: list[Detection]) -> list[tuple[int, int, str, float, str]]:
    return [(d.start, d.end, d.label, round(d.score, 6), d.rule) for d in found]


def chat(content: Any, tokens: list[Any] | None = None, **more: Any) -> dict[str, Any]:
    message = {"role": "assistant", "content": content}
    choice = {"index": 0, "message": message, "finish_reason": "stop", **more}
    if tokens is not None:
        choice["logprobs"] = {
            "content": [
                {
                    "token": token,
                    "logprob": math.log(max(likely.values(), default=1.0)),
                    "bytes": None,
                    "top_logprobs": [
                        {"token": word, "logprob": math.log(p)} for word, p in likely.items()
                    ],
                }
                for token, likely in tokens
            ]
        }
    return {"id": "c", "object": "chat.completion", "model": "m", "choices": [choice]}


def test_llama_guard_on_a_prompt(wire: Wire) -> None:
    tokens = [("\n\n", {"\n\n": 1.0}), ("unsafe", {"unsafe": 0.8, "safe": 0.2}), ("\n", {})]
    wire.answer = lambda call: chat("\n\nunsafe\nS1,S10", tokens)
    options = {"url": f"{wire.url}/v1", "model": "llama-guard", "key_env": "GUARD_KEY"}
    found = get("llama_guard", **options, extra={"seed": 1}).detect(TEXT)
    assert wire.calls[0].path == "/v1/chat/completions"
    assert wire.calls[0].headers["authorization"] == f"Bearer {KEY}"
    assert wire.calls[0].body == {
        "model": "llama-guard",
        "messages": [{"role": "user", "content": TEXT}],
        "temperature": 0,
        "max_tokens": 64,
        "logprobs": True,
        "top_logprobs": 5,
        "seed": 1,
    }
    assert told(found) == [(0, 18, "hte", 0.8, "S10"), (0, 18, "vcr", 0.8, "S1")]
    assert get("llama_guard", **options, thresholds={"S1": 0.9}).detect(TEXT) == [
        Detection(0, 18, "hte", pytest.approx(0.8), "S10", "llama_guard")  # type: ignore[arg-type]
    ]


def test_llama_guard_on_an_answer_in_content_parts(wire: Wire) -> None:
    parts = [{"type": "text", "text": "unsafe"}, {"type": "text", "text": "\nS6"}]
    wire.answer = lambda call: chat(parts)
    found = get("llama_guard", url=wire.url).detect("Take 9 pills.", Context(prompt="How many?"))
    assert wire.calls[0].body["messages"] == [
        {"role": "user", "content": "How many?"},
        {"role": "assistant", "content": "Take 9 pills."},
    ]
    assert "authorization" not in wire.calls[0].headers
    assert told(found) == [(0, 13, "spc", 1.0, "S6")]


ORDER = (
    *("vcr", "ncr", "src", "cse", "dfm", "spc", "prv"),
    *("ipv", "iwp", "hte", "ssh", "sxc_prn", "spc_ele", "cyber"),
)


@pytest.mark.parametrize("hazard", range(1, 15))
def test_llama_guard_knows_every_hazard(wire: Wire, hazard: int) -> None:
    wire.answer = lambda call: chat(f"unsafe\nS{hazard}")
    found = get("llama_guard", url=wire.url).detect("x")
    assert told(found) == [(0, 1, ORDER[hazard - 1], 1.0, f"S{hazard}")]


def test_llama_guard_safe_and_nearly_safe(wire: Wire) -> None:
    wire.answer = lambda call: chat("safe", [("safe", {"safe": 0.7, "unsafe": 0.3})])
    assert get("llama_guard", url=wire.url).detect(TEXT) == []
    strict = get("llama_guard", url=wire.url, thresholds={"*": 0.25}).detect(TEXT)
    assert told(strict) == [(0, 18, "harm", 0.3, "unsafe")]


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("Safety: Safe\nCategories: None", []),
        ("Safety: Safe\nCategories: None\nRefusal: Yes", []),
        ("Safety: Unsafe\nCategories: Violent", [(0, 18, "vcr", 1.0, "Violent")]),
        (
            "Safety: Controversial\nCategories: PII, Suicide & Self-Harm\nRefusal: No",
            [(0, 18, "prv", 0.5, "PII"), (0, 18, "ssh", 0.5, "Suicide & Self-Harm")],
        ),
        (
            "Safety: Unsafe\nCategories: Sexual Content or Sexual Acts, Jailbreak",
            [
                (0, 18, "jailbreak", 1.0, "Jailbreak"),
                (0, 18, "sxc_prn", 1.0, "Sexual Content or Sexual Acts"),
            ],
        ),
        ("Safety: Unsafe", [(0, 18, "harm", 1.0, "None")]),
    ],
)
def test_qwen3guard(wire: Wire, answer: str, expected: list[Any]) -> None:
    wire.answer = lambda call: chat(answer)
    assert told(get("qwen3guard", url=wire.url, model="q").detect(TEXT)) == expected
    unsafe_only = get("qwen3guard", url=wire.url, thresholds={"*": 0.9}).detect(TEXT)
    assert told(unsafe_only) == [item for item in expected if item[3] == 1.0]
    assert wire.calls[0].body["max_tokens"] == 128
    assert "logprobs" not in wire.calls[0].body


def test_shieldgemma_asks_once_a_guideline(wire: Wire) -> None:
    def answer(call: Call) -> Any:
        guideline = call.body["chat_template_kwargs"]["guideline"]
        yes = 0.9 if "Dangerous" in guideline else 0.2
        said = "Yes" if yes > 0.5 else "No"
        return chat(said, [(said, {"Yes": yes * 0.99, "No": (1 - yes) * 0.99, "Maybe": 0.01})])

    wire.answer = answer
    found = get("shieldgemma", url=wire.url).detect(TEXT)
    assert len(wire.calls) == 4
    assert told(found) == [(0, 18, "harm", 0.9, "dangerous_content")]
    graded = get("shieldgemma", url=wire.url, thresholds={"*": 0.1}).detect(TEXT)
    assert [(d.label, round(d.score, 6)) for d in graded] == [
        ("harassment", 0.2),
        ("harm", 0.9),
        ("hte", 0.2),
        ("sxc_prn", 0.2),
    ]


def test_shieldgemma_with_own_guidelines_or_those_of_the_server(wire: Wire) -> None:
    wire.answer = lambda call: chat(" Yes, it does.")
    own = get("shieldgemma", url=wire.url, guidelines={"medical": "No doses."}, logprobs=False)
    assert told(own.detect("x", Context(prompt="p"))) == [(0, 1, "medical", 1.0, "medical")]
    body = wire.calls[0].body
    assert body["chat_template_kwargs"] == {"guideline": "No doses."}
    assert [m["role"] for m in body["messages"]] == ["user", "assistant"]
    served = get("shieldgemma", url=wire.url, guidelines={}).detect("x")
    assert told(served) == [(0, 1, "harm", 1.0, "any")]
    assert "chat_template_kwargs" not in wire.calls[1].body


SCORE = "<think>\n</think>\n\n<score> {} </score>"


def test_granite_guardian_by_criterion(wire: Wire) -> None:
    def answer(call: Call) -> Any:
        risk = call.body["chat_template_kwargs"]["guardian_config"]["criteria_id"]
        return chat(SCORE.format("yes" if risk == "jailbreak" else "no"))

    wire.answer = answer
    found = get("granite_guardian", url=wire.url, model="g").detect(TEXT)
    assert told(found) == [(0, 18, "jailbreak", 1.0, "jailbreak")]
    assert sorted(
        c.body["chat_template_kwargs"]["guardian_config"]["criteria_id"] for c in wire.calls
    ) == ["harm", "jailbreak"]
    assert wire.calls[0].body["chat_template_kwargs"]["think"] is False


def test_granite_guardian_checks_answers_against_passages(wire: Wire) -> None:
    tokens = [("<score>", {}), (" yes", {" yes": 0.6, " no": 0.4}), (" </score>", {})]
    wire.answer = lambda call: chat(SCORE.format("yes"), tokens)
    context = Context(prompt="Returns?", passages=("30 days.",))
    detector = get("granite_guardian", url=wire.url, risks=["groundedness"])
    assert told(detector.detect("90 days.", context)) == [
        (0, 8, "unsupported", 0.6, "groundedness")
    ]
    body = wire.calls[0].body
    assert body["documents"] == [{"doc_id": "0", "text": "30 days."}]
    assert [m["role"] for m in body["messages"]] == ["user", "assistant"]


def test_granite_guardian_formats(wire: Wire) -> None:
    wire.answer = lambda call: chat("Yes\n<confidence> Low </confidence>")
    context = Context(prompt="Returns?", passages=("30 days.",))

    def asked(form: str, **more: Any) -> dict[str, Any]:
        detector = get("granite_guardian", url=wire.url, format=form, **more)
        found = detector.detect("90 days.", context)
        assert [round(d.score, 6) for d in found] == [0.6]
        body: dict[str, Any] = wire.calls[-1].body
        return body

    named = asked("risk_name", risks=["harm"])
    assert named["chat_template_kwargs"]["guardian_config"] == {"risk_name": "harm"}
    assert [m["role"] for m in named["messages"]] == ["user", "context", "assistant"]
    own = asked("risk_name", criteria={"doses": "Names a dose."})
    assert own["chat_template_kwargs"]["guardian_config"] == {
        "risk_name": "doses",
        "risk_definition": "Names a dose.",
    }
    custom = asked("criteria_id", criteria={"doses": "Names a dose."})
    assert custom["chat_template_kwargs"]["guardian_config"] == {"custom_criteria": "Names a dose."}
    system = asked("system", risks=["harm"])
    assert system["messages"][0] == {"role": "system", "content": "harm"}
    block = asked("block", risks=["harm"])["messages"][-1]
    assert block["role"] == "user"
    assert block["content"].startswith("<guardian><no-think>")
    assert "\n\n### Criteria: " in block["content"]
    assert "\n\n### Scoring Schema: If the last assistant's text meets" in block["content"]


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("<think>no, yes, maybe</think><score> yes </score>", 1.0),
        ('{"score": "yes"}', 1.0),
        ("Yes\n<confidence> High </confidence>", 0.9),
        ("No\n<confidence> Low </confidence>", 0.4),
        ("no", 0.0),
    ],
)
def test_granite_guardian_reads_every_way_of_saying_it(
    wire: Wire, said: str, expected: float
) -> None:
    wire.answer = lambda call: chat(said)
    detector = get("granite_guardian", url=wire.url, risks=["harm"], thresholds={"*": 0.0})
    assert told(detector.detect("x")) == [(0, 1, "harm", expected, "harm")]


@pytest.mark.parametrize("name", ["llama_guard", "qwen3guard", "shieldgemma", "granite_guardian"])
@pytest.mark.parametrize("said", ["I cannot help with that.", "", None, "safely", "yesterday"])
def test_a_model_that_gives_no_verdict_did_not_check_the_text(
    wire: Wire, name: str, said: str | None
) -> None:
    wire.answer = lambda call: chat(said)
    with pytest.raises(DetectorUnavailable, match="gave no verdict") as caught:
        get(name, url=wire.url).detect(TEXT)
    assert caught.value.kind == "protocol"


def test_a_content_filter_in_place_of_the_model(wire: Wire) -> None:
    wire.answer = lambda call: chat("", finish_reason="content_filter")
    with pytest.raises(DetectorUnavailable, match="a content filter answered") as caught:
        get("llama_guard", url=wire.url).detect(TEXT)
    assert caught.value.kind == "application"


def test_an_error_with_status_200(wire: Wire) -> None:
    wire.answer = lambda call: {"error": {"message": f"no model for {TEXT}", "code": 429}}
    with pytest.raises(DetectorUnavailable, match="reports an error in its answer") as caught:
        get("llama_guard", url=wire.url).detect(TEXT)
    assert caught.value.kind == "rate_limit"
    assert TEXT not in str(caught.value)
