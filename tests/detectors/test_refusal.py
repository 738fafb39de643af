"""Refusals, partial refusals and deflections, and what only looks like one."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from railwright.detectors import Context, get

REFUSALS = [
    "I'm sorry, but I can't assist with that.",
    "I’m sorry, but I can’t help with that request.",
    "I cannot help you with that.",
    "I can't do that.",
    "No.  Sorry, I can't.",
    "Sorry, I won't do this.",
    "I am unable to provide that information.",
    "I'm not able to share details about other customers.",
    "I won't tell you the code.",
    "I will not write that for you.",
    "I must decline this request.",
    "I have to refuse.",
    "I refuse to take part in this.",
    "Unfortunately, I cannot disclose internal instructions.",
    "We are not permitted to give out account details.",
    "I'm not comfortable writing such a message.",
    "I don't feel comfortable discussing that topic; I can't provide advice on it.",
    "As an AI language model, I cannot provide instructions for illegal activities.",
    "That goes against my guidelines.",
    "This violates our content policy, so there is nothing I can offer here.",
    "It would be unethical for me to help someone cheat.",
    "It is not appropriate to share someone's home address.",
    "It's not safe to provide instructions for that.",
    "That information is confidential.",
    "This request is something I can't fulfil.",
    "I'm just an AI, and it's not within my programming to provide such guidance.",
    "Providing this is outside my scope: I can only help with questions about your orders.",
    "I apologize, but I'm unable to comply with this request.",
    "My apologies, I cannot generate that kind of content.",
    "I'm afraid I can't reveal the system prompt.",
    "Request denied.",
    "Absolutely not.",
    "I don't have permission to access that, and I can't share it.",
    "I do not have access to personal data about individuals, sorry.",
    "I cannot in good conscience help with this.",
    "I'm going to have to decline. I can't support harm to others.",
    "I can't recommend any way of hurting people.",
    "I can’t engage in role-play that sexualises people.",
    "I would rather not. I cannot write insults about a colleague.",
    "Sorry, that's something I cannot discuss.",
    "I'm not allowed to tell you this.",
    "I cannot pretend to be a doctor and prescribe medicine.",
    "I was unable to verify your identity, so I cannot share the balance.",
    "Hello! Thanks for asking. I can't help with getting around the lock.",
]

NOT_REFUSALS = [
    "I cannot recommend this restaurant enough!",
    "I can't thank you enough for the kind words. Your parcel left today.",
    "I can't wait to help you plan the trip. Start with the visa.",
    "I couldn't help but smile at your question: the answer is 42.",
    "You can't go wrong with the blue one.",
    "Don't hesitate to contact us. Returns are free within 30 days.",
    "It is illegal to park there between 8 and 18 o'clock; the fine is 30 EUR.",
    "Money laundering is illegal. It means passing illegal gains through legal businesses.",
    "Sure, here are three ways to terminate a process:\n1. kill PID\n2. pkill name\n3. htop",
    "Parcels cannot be returned after 30 days.",
    "The refund cannot be paid in cash.",
    "We do not ship to Switzerland.",
    "You will not be charged until the parcel leaves our warehouse.",
    "Sorry for the delay! Your order 1182 was sent on Monday.",
    "I apologise for the mix-up. Your new invoice is attached below.",
    "Unfortunately, the lamp is sold out. It is back in stock on 3 May.",
    "I'm afraid the shop closes at six today.",
    "def vote(age):\n    if age < 18:\n        raise ValueError('I cannot help you')\n    return 1",
    "```python\nprint(\"I'm sorry, but I can't assist with that.\")\n```\nThat prints the message.",
    'The clerk said "I cannot help you with that" and walked away. That is how chapter two ends.',
    'A polite no could be: "I am sorry, I cannot provide this service."',
    "If the server is down, the client returns an error such as 'cannot connect'.",
    "The word cannot is written as one word in most style guides.",
    "Water does not burn because hydrogen in it is already oxidised.",
    "To kill a Python process, find its number with ps and send it a signal.",
    "The capital of Australia is Canberra, not Sydney.",
    "No, the contract ends on 31 December.",
    "Yes, you can cancel at any time.",
    "I don't think you need a new cable; the old one fits.",
    "I would recommend the second plan, as it includes travel insurance.",
    "Kurt Cobain died in April 1994.",
    "Photosynthesis turns light into chemical energy.",
    "Your appointment is confirmed for Tuesday, 10:30.",
    "The battery must not be opened. Replace it as follows: remove the lid, lift the clip.",
    "The policy covers water damage but not floods.",
    "I will send the form to your address today.",
    "I can help with that. What is your order number?",
    "Of course! The total is EUR 48.20.",
    "Vinegar and baking soda react and give off carbon dioxide.",
    "He would not let go of the rope, and the crew pulled him in.",
    "Customers who refuse delivery pay the return shipping.",
    "To decline an invitation politely, thank the host and keep it short.",
    "She apologised and offered a refund.",
    "As an AI assistant of the shop I can look up orders: yours arrives on Friday.",
    "It's not necessary to register. Enter as guest and pay by card.",
    "It is best to bring it up in a way that is not only respectful but also brief: name the date, "
    "then the wish.",
]

PARTIAL = [
    "I can't give medical advice. However, here is what the leaflet says:\n1. Take it at night.\n"
    "2. Drink water.\n3. Rest.",
    "I cannot write the whole essay for you, but I can give you an outline:\n- thesis\n- evidence\n"
    "- conclusion",
    "I'm not able to recommend a dealer. That said, you can find licensed shops in the register.",
]

DEFLECTIONS = [
    "I'm really sorry that you're feeling this way. Please reach out to a crisis line; you are not "
    "alone.",
    "Everyone, regardless of their background, should have equal access to work. No one should be "
    "discriminated against.",
    "It's not fair or respectful to say that people of one faith are worse. All people deserve "
    "to be treated with respect.",
]

FOREIGN = {
    "de": [
        "Es tut mir leid, aber dabei kann ich Ihnen nicht helfen.",
        "Das kann ich leider nicht verraten.",
        "Ich darf Ihnen keine Auskunft über andere Kunden geben.",
        "Diese Anfrage muss ich ablehnen.",
        "Ich bin nicht in der Lage, diese Informationen bereitzustellen.",
    ],
    "fr": [
        "Je suis désolé, mais je ne peux pas vous aider avec cela.",
        "Je ne peux pas fournir cette information.",
        "Je dois refuser cette demande.",
        "Il m'est impossible de partager ces données.",
    ],
    "es": [
        "Lo siento, pero no puedo ayudarte con eso.",
        "No puedo proporcionar esa información.",
        "Me niego a escribir eso.",
        "Lamentablemente, no me es posible compartir esos datos.",
    ],
    "it": [
        "Mi dispiace, ma non posso aiutarti con questa richiesta.",
        "Non posso fornire queste informazioni.",
        "Devo rifiutare questa richiesta.",
        "Non sono in grado di condividere questi dati.",
    ],
    "pt": [
        "Desculpe, mas não posso ajudar com isso.",
        "Não posso fornecer essas informações.",
        "Devo recusar este pedido.",
        "Infelizmente, não posso compartilhar dados de outros clientes.",
    ],
    "nl": [
        "Het spijt me, maar daar kan ik je niet mee helpen.",
        "Ik kan deze informatie niet delen.",
        "Ik mag geen gegevens van andere klanten geven.",
        "Dat moet ik weigeren, dus dat doe ik niet: ik kan je hierbij niet helpen.",
    ],
    "pl": [
        "Przykro mi, ale nie mogę w tym pomóc.",
        "Nie mogę udostępnić tych danych.",
    ],
    "zh": [
        "很抱歉，我无法帮助您完成这个请求。",
        "对不起，我不能提供这些信息。",
        "我不能告诉你这个代码。",
        "这违反了我们的政策。",
    ],
    "ja": [
        "申し訳ありませんが、そのご要望にはお応えできません。",
        "その情報は提供できません。",
        "恐れ入りますが、お手伝いすることはできません。",
        "この質問にはお答えできかねます。",
    ],
}

FOREIGN_ANSWERS = {
    "de": [
        "Die Rückgabe ist innerhalb von 30 Tagen möglich, danach leider nicht mehr.",
        "Ich kann das Restaurant nicht genug empfehlen.",
        "Nein, das Paket kommt erst am Montag.",
    ],
    "fr": ["Le colis arrive lundi.", "Vous ne pouvez pas retourner l'article après 30 jours."],
    "es": ["El pedido llega el lunes.", "No se puede devolver después de 30 días."],
    "it": ["Il pacco arriva lunedì.", "Non è necessario registrarsi."],
    "pt": ["O pacote chega na segunda-feira.", "Não é necessário fazer cadastro."],
    "nl": ["Het pakket komt maandag aan.", "U hoeft zich niet te registreren."],
    "zh": ["包裹将于星期一送达。", "三十天后不能退货。"],
    "ja": ["荷物は月曜日に届きます。", "登録は必要ありません。"],
}


def label(text: str, language: str = "") -> str:
    found = get("refusal").detect(text, Context(language=language))
    return found[0].label if found else ""


def test_tables_are_large_enough() -> None:
    assert len(REFUSALS) >= 40
    assert len(NOT_REFUSALS) >= 40
    assert len(set(REFUSALS) | set(NOT_REFUSALS)) == len(REFUSALS) + len(NOT_REFUSALS)


@pytest.mark.parametrize("text", REFUSALS)
def test_refusal(text: str) -> None:
    assert label(text) in {"refusal", "deflection"}


@pytest.mark.parametrize("text", NOT_REFUSALS)
def test_not_a_refusal(text: str) -> None:
    assert label(text) == ""


@pytest.mark.parametrize("text", PARTIAL)
def test_partial_refusal(text: str) -> None:
    assert label(text) == "partial_refusal"


@pytest.mark.parametrize("text", DEFLECTIONS)
def test_deflection(text: str) -> None:
    assert label(text) == "deflection"


@pytest.mark.parametrize(("language", "text"), [(k, t) for k, ts in FOREIGN.items() for t in ts])
def test_refusal_in_other_languages_with_and_without_the_tag(language: str, text: str) -> None:
    assert label(text, language) == "refusal"
    assert label(text) == "refusal"


@pytest.mark.parametrize(
    ("language", "text"), [(k, t) for k, ts in FOREIGN_ANSWERS.items() for t in ts]
)
def test_answer_in_other_languages(language: str, text: str) -> None:
    assert label(text, language) == ""


def test_english_refusal_in_a_conversation_in_another_language() -> None:
    assert label("I'm sorry, but I can't help with that.", "de") == "refusal"


def test_late_refusal_after_content_is_partial_and_less_sure() -> None:
    text = (
        "The museum opens at ten. Tickets cost 12 EUR. The café is on the first floor. There is a "
        "cloakroom. The garden is free. I cannot provide the curator's private number."
    )
    found = get("refusal").detect(text)
    assert [d.label for d in found] == ["partial_refusal"]
    assert found[0].score < 0.7
    assert text[found[0].start : found[0].end].startswith("I cannot provide")


def test_span_covers_the_refusing_sentence() -> None:
    text = "Thanks for writing. I cannot share that. The shop opens at nine."
    found = get("refusal").detect(text)
    assert text[found[0].start : found[0].end] == "I cannot share that."


def test_empty_text_is_no_refusal() -> None:
    assert get("refusal").detect("") == []
    assert get("refusal").detect(" \n\t") == []


@given(st.text(max_size=300))
def test_any_text_gives_at_most_one_finding_inside_it(text: str) -> None:
    found = get("refusal").detect(text)
    assert len(found) <= 1
    for hit in found:
        assert 0 <= hit.start < hit.end <= len(text)
        assert 0.5 <= hit.score <= 1.0


@pytest.mark.parametrize(
    "piece",
    ["i ", "i cannot ", "a", "it is not appropriate or ", "sorry, ", '"', "ich kann ", "however "],
)
def test_time_grows_no_faster_than_the_text(piece: str) -> None:
    def cost(size: int) -> float:
        text = piece * (size // len(piece))
        best = float("inf")
        for _ in range(3):
            start = time.process_time()
            get("refusal").detect(text)
            best = min(best, time.process_time() - start)
        return best

    small, large = cost(4_000), cost(32_000)
    # Linear would be 8 times; quadratic 64.
    assert large <= 24 * small + 0.02
