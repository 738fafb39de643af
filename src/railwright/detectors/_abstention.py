"""Answers that say the answer is not there: "not in the documents", "I don't know"."""

from __future__ import annotations

from railwright.detectors._base import DetectorBase
from railwright.detectors._refusal_rules import spaced
from railwright.detectors._text import sentences
from railwright.detectors.interface import Context, Detection

_SOURCE = (
    r"(?:document|context|passage|text|article|source|information|material|knowledge base|"
    r"record|file|page|"
    r"excerpt|data|manual|polic(?:y|ies)|faq|content|section|notes?|search results?|snippets?)s?"
)
# "The policy does not cover floods" is a fact; "the text does not mention floods" is none.
_MATERIAL = (
    r"(?:document|context|passage|text|article|source|information|material|knowledge base|excerpt|"
    r"search result|snippet|faq)s?"
)
_ENGLISH = spaced(
    r"\b(?:i|we) (?:really |honestly |simply |unfortunately |currently )?(?:do not|don't|did "
    r"not|didn't|cannot|can't|"
    r"could not|couldn't|am not able to|'m not able to|am unable to|was unable to|were unable "
    r"to) ?(?:seem to )?"
    r"(?:know|find|see|locate|determine|answer|tell|say|have (?:\S+ ){0,4}?(?:information|"
    r"details|data|answer|access|"
    r"knowledge|record|mention))\b|"
    r"\bi(?:'m| am) (?:not (?:sure|certain|aware)|unsure|unable to (?:find|determine|answer|"
    r"locate|confirm|say))\b|"
    rf"\b(?:not|n't|no|nothing|nowhere|never|none|neither|without) (?:\S+ ){{0,7}}?(?:in|from|"
    rf"by|of) (?:the|this|these|any of|our|my|your) (?:\S+ ){{0,3}}?{_SOURCE}\b|"
    rf"\b{_MATERIAL} (?:\S+ ){{0,6}}?(?:do|does|did|is|are|was|were|has|have)(?: not|n't) "
    rf"(?:\S+ ){{0,3}}?"
    r"(?:mention|contain|include|say|state|specif|provid|giv|answer|cover|address|list|describ|"
    r"tell|indicat|discuss|"
    r"disclos|available|explain|know|have)|"
    rf"\b(?:there is|there's|there are|i have|i've|we have) (?:no|not any|not enough|"
    rf"insufficient) (?:\S+ ){{0,3}}?(?:{_SOURCE}|mention|details?|record|answer|reference)\b|"
    r"\b(?:is|are|was|were|been)(?: not|n't) (?:\S+ ){0,2}?(?:mentioned|specified|stated|"
    r"provided|given|listed|covered|disclosed|"
    r"documented|described|included|available|known|addressed|published|indicated)\b|"
    r"\b(?:unknown|unspecified|not (?:mentioned|specified|stated|provided|available|found|known|"
    r"documented))\b|"
    r"\b(?:cannot|can't|could not) be (?:determined|answered|found|confirmed|inferred)\b|^no "
    r"(?:information|answer|data|idea)\b|^n/a$"
)
_OTHERS = spaced(
    # German
    r"\bweiß (?:ich )?(?:es )?(?:leider )?nicht|\b(?:keine|nicht genügend|keinerlei) (?:\S+ "
    r")?(?:informationen?|angaben?|auskunft|hinweise?|daten)\b|"
    r"\bnicht (?:\S+ ){0,2}?(?:erwähnt|angegeben|enthalten|genannt|bekannt|aufgeführt|zu finden|"
    r"beantwort\w+)|\bsteht (?:\S+ ){0,4}?nicht\b|"
    # French
    r"\bne (?:sais|connais|trouve|dispose) pas|\bn'(?:est|ai|a|y a|sont) pas (?:\S+ "
    r"){0,3}?(?:mentionn|indiqu|précis|d'information|fourni|disponible|trouvé)|\baucune? "
    r"(?:information|mention|indication|donnée)|"
    # Spanish
    r"\bno (?:lo )?(?:sé|encuentro|tengo (?:\S+ ){0,2}?información|se (?:menciona|especifica|"
    r"indica|encuentra|proporciona)|"
    r"hay (?:\S+ ){0,2}?(?:información|datos|mención)|figura|consta|está (?:disponible|"
    r"especificad))|"
    # Italian
    r"\bnon (?:lo )?(?:so|trovo|ho (?:\S+ ){0,2}?informazioni|è (?:\S+ )?(?:menzionat|indicat|"
    r"specificat|presente|disponibile)|ci sono (?:\S+ ){0,2}?(?:informazioni|dati)|viene "
    r"(?:menzionat|indicat|specificat))|"
    # Portuguese
    r"\bnão (?:sei|encontr\w+|tenho (?:\S+ ){0,2}?informaç|há (?:\S+ ){0,2}?(?:informaç|menção|"
    r"dados)|consta|é (?:mencionad|especificad|informad)|está (?:disponível|especificad))|"
    # Dutch
    r"\bweet (?:ik )?(?:het )?niet|\bgeen (?:\S+ )?(?:informatie|gegevens|vermelding)\b|\bniet "
    r"(?:\S+ )?(?:vermeld|genoemd|bekend|gevonden|terug te vinden)|"
    # Polish
    r"\bnie (?:wiem|znalaz\w+|ma (?:\S+ )?informacji|podano|wspomniano)|"
    # Chinese, Japanese
    r"不知道|不清楚|没有(?:提到|提及|相关|说明|提供|找到|包含)|未(?:提及|提到|说明|提供|找到)|无法(?:确定|得知|从)|"
    r"わかりません|分かりません|記載(?:が|は)?(?:ありません|されていません)|見つかりません|情報(?:が|は)(?:ありません|ございません|含まれて)|言及(?:が|"
    r"は)?(?:ありません|されていません)"
)


class AbstentionDetector(DetectorBase):
    """Find sentences that say that the answer is unknown or not in the material.

    Label: ``abstention``; score 0.9 when it stands among the first two sentences, else 0.6,
    because a closing remark on what is missing does not take an answer back.
    """

    name = "abstention"
    version = "1"

    def detect(self, text: str, context: Context | None = None) -> list[Detection]:  # noqa: ARG002
        """Return every such sentence, in order."""
        found = []
        for index, span in enumerate(sentences(text)):
            sentence = text[span.start : span.end].replace("’", "'").lower()
            if _ENGLISH.search(sentence) or _OTHERS.search(sentence):
                score = 0.9 if index < 2 else 0.6
                found.append(Detection(*span, "abstention", score, "unknown", self.name))
        return found
