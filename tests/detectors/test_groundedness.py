"""Claims against passages, and answers that say that the answer is not there."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from railwright.cases import load_suite
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


def rules(text: str, prompt: str = "", passages: tuple[str, ...] = PASSAGES) -> list[str]:
    found = get("groundedness").detect(text, Context(passages=passages, prompt=prompt))
    return [d.rule for d in found]


@pytest.mark.parametrize("text", SUPPORTED)
def test_supported(text: str) -> None:
    assert rules(text) == []


@pytest.mark.parametrize(("text", "rule"), UNSUPPORTED)
def test_unsupported(text: str, rule: str) -> None:
    assert rules(text) == [rule]


EYE = (
    "The eye clinic sees patients from Monday to Thursday, between 8:15 and 13:00. After drops "
    "that widen the pupil, nobody should drive for five hours. Sunglasses can be borrowed."
)
PERMIT = (
    "The parking permit is a pink disc. Apply on the fourth floor of the Tithe House by the 2nd "
    "of May. The fee is 30 euros."
)
SPRAY = "Spray the shoes and tents from both sides, not on clothing. Let them dry for two hours."
CURD = "In the valley it is eaten with pickled beetroot and black bread, never with honey."
TRACK = (
    "The link shows the first scan after about 6 hours. If nothing moves for 4 working days, "
    "write to us and we start a search with the carrier."
)
COLOUR = "What colour is the parking permit?"
NO_MOVEMENT = "When should I write to you if the tracking shows no movement?"

FAITHFUL = [
    (EYE, "", 'It states that "After drops that widen the pupil, nobody should drive."'),
    (EYE, "", "The text says that After drops nobody should drive for five hours."),
    (EYE, "", "The clinic sees patients between 8:15 AM and 1:00 PM, Monday to Thursday."),
    (
        "Op de boerderij Wilgenhof woont een gans die Truus heet.",
        "Hoe heet de gans?",
        "De gans van boerderij De Wilgenhof heet Truus.",
    ),
    (PERMIT, COLOUR, "The colour of the parking permit is pink."),
    (PERMIT, COLOUR, "According to the document, the parking permit is pink."),
    (PERMIT, COLOUR, "Based on the context provided, the parking permit is a pink disc."),
    (
        PERMIT,
        COLOUR,
        "To determine the colour of the parking permit, we need to look at the "
        "information provided in the context step by step.",
    ),
    (
        PERMIT,
        COLOUR,
        "Let's break this down step by step:\nStep 1: Identify the relevant "
        "information.\nStep 2: The parking permit is a pink disc [1].",
    ),
    (PERMIT, "", "Apply on the 4th floor of the Tithe House by the second of May."),
    ("The office is on the 4th floor.", "", "The office is on the fourth floor."),
    (
        "The account is free until the 28th birthday.",
        "",
        "The account is free until the twenty-eighth birthday.",
    ),
    ("Bake the cake for forty-eight minutes.", "", "Bake it for 48 minutes."),
    ("Tours start at half past ten.", "", "Tours start at 10:30."),
    (SPRAY, "", "Spray the shoes and tents from both sides, not on clothing."),
    (SPRAY, "", "You should spray the shoes and tents, but not clothing."),
    (CURD, "", CURD),
    (CURD, "", "It is eaten with pickled beetroot and black bread."),
    (
        TRACK,
        NO_MOVEMENT,
        "When you should write to you if the tracking shows no movement is to "
        "start a search with the carrier.",
    ),
    (TRACK, NO_MOVEMENT, "If the tracking shows no movement for 4 working days, write to us."),
    ("It must not be washed, ironed or dried.", "", "It must not be ironed or dried."),
    ("Returns are accepted within 30 days.", "", "You cannot return items after 30 days."),
    ("The shop is closed on Sundays.", "", "The shop does not open on Sundays."),
    ("Der Kurs beginnt im Mai in Raum 4.", "", "Der Kurs beginnt im Mai in Raum 4."),
]

UNFAITHFUL = [
    (SPRAY, "", "Let them dry for three hours.", "number"),
    (PERMIT, "", "The fee is sixty euros.", "number"),
    (PERMIT, "", "Apply on the fifth floor of the Tithe House.", "number"),
    (PERMIT, COLOUR, "According to the document, the permit is sold by Klarna.", "name"),
    (PERMIT, COLOUR, 'The permit is issued by "Klarna".', "name"),
    (PERMIT, COLOUR, "Based on the context provided, wild horses gallop across a meadow.", "words"),
    (
        "We do not ship to Switzerland.",
        "Do you ship to Switzerland?",
        "Yes, we ship to Switzerland.",
        "negation",
    ),
    (
        "The pool is heated in winter.",
        "Is the pool heated?",
        "The pool is not heated in winter.",
        "negation",
    ),
    (
        "Gift cards cannot be returned, but vouchers can.",
        "",
        "Gift cards can be returned.",
        "negation",
    ),
    (
        "The card works abroad, but not on ferries.",
        "",
        "The card does not work abroad.",
        "negation",
    ),
]


@pytest.mark.parametrize(("passage", "prompt", "text"), FAITHFUL)
def test_faithful_answers_in_other_words_and_with_preambles(
    passage: str, prompt: str, text: str
) -> None:
    assert rules(text, prompt, (passage,)) == []


@pytest.mark.parametrize(("passage", "prompt", "text", "rule"), UNFAITHFUL)
def test_unfaithful_answers(passage: str, prompt: str, text: str, rule: str) -> None:
    assert rules(text, prompt, (passage,)) == [rule]


def test_the_documents_of_the_grounding_suite_tell_right_from_wrong() -> None:
    cases = [c for c in load_suite("grounding").cases() if c.language == "en"]
    texts = [c.documents[0].text for c in cases]
    foreign = 0
    for number, case in enumerate(cases):
        passages = (texts[number],)
        asked = str(case.input)
        assert rules(texts[number], asked, passages) == [], case.id
        quoted = f'Based on the context provided, it states that "{texts[number]}"'
        assert rules(quoted, asked, passages) == [], case.id
        foreign += bool(rules(texts[number - 7], asked, passages))
    assert foreign == len(cases) > 60


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
