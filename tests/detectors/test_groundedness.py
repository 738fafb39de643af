"""Claims against passages, and answers that say that the answer is not there."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from railwright.detectors import Context, get

PASSAGES = (
    "Parcels inside Germany arrive within 2 to 4 working days. Express delivery costs EUR 9.90 and "
    "arrives the next working day. We do not ship to Switzerland.",
    "Returns are accepted within 30 days of delivery. The refund is paid to the original payment "
    "method within five working days. Gift cards cannot be returned.",
    "The Aurora lamp has a warranty of 2 years. It was designed by Lena Brandt in 2019.",
)

SUPPORTED = [
    "Parcels within Germany take 2 to 4 working days.",
    "You can return items within 30 days of delivery.",
    "Express delivery costs 9,90 € and arrives on the next working day.",
    "We do not ship to Switzerland.",
    "Refunds are paid within 5 working days to your original payment method.",
    "The lamp was designed by Lena Brandt in 2019.",
    "Gift cards cannot be returned.",
    "Sure! Returns are accepted within 30 days. Let me know if you need anything else.",
    "1. Parcels inside Germany arrive within 2 to 4 working days.\n2. Express: the next day.",
    "The documents do not say whether gift wrapping is offered.",
]

UNSUPPORTED = [
    ("You can return items within 60 days of delivery.", "number"),
    ("The Aurora lamp has a warranty of 3 years.", "number"),
    ("It was designed in 2021.", "number"),
    ("Refunds are paid through Klarna.", "name"),
    ("The lamp was designed by Marco Bellini.", "name"),
    ("We ship to Switzerland.", "negation"),
    ("Gift cards can be returned.", "negation"),
    ("The refund is not paid to the original payment method.", "negation"),
    ("Our warehouse sits beside the river with solar panels.", "words"),
    ("Loyal members receive free gift wrapping every spring.", "words"),
]

ABSTAINS = [
    "The documents do not mention a warranty for this item.",
    "I don't know.",
    "I do not have that information.",
    "I couldn't find anything about that in the provided context.",
    "There is no information about this in the manual.",
    "That is not specified in the text.",
    "The answer cannot be determined from the passages.",
    "I'm not sure; the policy text doesn't say.",
    "Das steht leider nicht in den Unterlagen.",
    "Dazu habe ich keine Informationen.",
    "Je ne sais pas.",
    "Le document n'indique rien, il n'y a pas d'information à ce sujet.",
    "No se menciona en el documento.",
    "No tengo información sobre eso.",
    "Non lo so.",
    "Non è specificato nel testo.",
    "Não sei.",
    "Não há informações sobre isso.",
    "Dat weet ik niet.",
    "Daar is geen informatie over.",
    "文档中没有提到这一点。",
    "資料には記載がありません。",
]

ANSWERS = [
    "The price is 30 EUR.",
    "It is not possible to cancel after 14 days.",
    "There is no charge for returns.",
    "Orders are not shipped on Sundays.",
    "The policy does not cover flood damage.",
    "No, gift cards cannot be returned.",
    "Die Lieferung dauert zwei Tage.",
    "Le colis arrive lundi.",
    "El envío no es gratuito.",
]


def rules(text: str, prompt: str = "") -> list[str]:
    found = get("groundedness").detect(text, Context(passages=PASSAGES, prompt=prompt))
    return [d.rule for d in found]


@pytest.mark.parametrize("text", SUPPORTED)
def test_supported(text: str) -> None:
    assert rules(text) == []


@pytest.mark.parametrize(("text", "rule"), UNSUPPORTED)
def test_unsupported(text: str, rule: str) -> None:
    assert rules(text) == [rule]


def test_span_is_the_claim_and_not_its_neighbours() -> None:
    text = "Returns are accepted within 30 days. The lamp weighs 14 kilograms."
    found = get("groundedness").detect(text, Context(passages=PASSAGES))
    assert [text[d.start : d.end] for d in found] == ["The lamp weighs 14 kilograms."]


def test_names_of_the_question_are_given_but_its_numbers_are_not() -> None:
    asked = "Does Tobias get his refund of 75 EUR within five days?"
    assert rules("Hello Tobias, the refund is paid within five working days.") == ["name"]
    assert rules("Yes, Tobias, the refund is paid within five working days.", asked) == []
    assert rules("The refund of 75 EUR is paid within five working days.", asked) == ["number"]


def test_without_passages_every_claim_is_unsupported() -> None:
    assert [d.label for d in get("groundedness").detect("Parcels arrive on Monday morning.")] == [
        "unsupported"
    ]


@pytest.mark.parametrize("text", ABSTAINS)
def test_abstention(text: str) -> None:
    found = get("abstention").detect(text)
    assert found
    assert found[0].score == 0.9


@pytest.mark.parametrize("text", ANSWERS)
def test_no_abstention(text: str) -> None:
    assert get("abstention").detect(text) == []


def test_abstention_at_the_end_is_less_sure() -> None:
    text = (
        "Parcels take 2 days. Express takes one. Both are tracked. The text does not mention size."
    )
    assert [d.score for d in get("abstention").detect(text)] == [0.6]


@given(st.text(max_size=200), st.lists(st.text(max_size=80), max_size=2))
def test_offsets_lie_inside_any_text(text: str, passages: list[str]) -> None:
    for found in get("groundedness").detect(text, Context(passages=tuple(passages))):
        assert 0 <= found.start < found.end <= len(text)


@given(st.lists(st.sampled_from(" ".join(PASSAGES).split(". ")), min_size=1, max_size=4))
def test_a_sentence_copied_from_the_passages_is_supported(picked: list[str]) -> None:
    assert rules(". ".join(s.rstrip(".") for s in picked) + ".") == []
