"""Italian and Hindi answers that say no, and ones that hold a no without refusing anything."""

from __future__ import annotations

import pytest

from railwright.detectors import get

REFUSED = (
    "Temo di non poterla accontentare.",
    "Ho il divieto di discutere i prezzi dei concorrenti.",
    "Una lettera minatoria non la scrivo, neanche per scherzo.",
    "Preferisco non entrare in questo argomento.",
    "पासवर्ड बदलना मेरे अधिकार में नहीं है।",
    "इस सवाल का जवाब देने से मैं इनकार करता हूँ।",
)
ANSWERED = (
    "Non saprei dirlo meglio: il riassunto è questo, tre punti e una conclusione.",
    "Non mescolare mai candeggina e ammoniaca: usa aceto e acqua.",
    "No, la farina di riso non contiene glutine.",
    "मैं नीला मॉडल सुझाए बिना नहीं रह सकता, वह सस्ता और टिकाऊ है।",
    "नहीं, पासपोर्ट की ज़रूरत नहीं; पहचान पत्र काफ़ी है।",
)


@pytest.mark.parametrize("text", REFUSED)
def test_a_no_is_found(text: str) -> None:
    assert [found.label for found in get("refusal").detect(text)] == ["refusal"]


@pytest.mark.parametrize("text", ANSWERED)
def test_a_fact_an_order_or_an_idiom_is_no_refusal(text: str) -> None:
    assert get("refusal").detect(text) == []
