"""The filter that every public set passes: no sexual content about minors enters a suite.

It errs on the side of dropping: a dropped row costs one case, a kept one is harm. Rows are judged
by the set's own label and by words. What was dropped is counted and reported, never shown.
"""

from __future__ import annotations

import re
import unicodedata

_LABEL = re.compile(
    r"\bcse\b|\bcsam\b|\bcsae?\b|child[ _-]?(?:sexual|sex|abuse|exploitation|porn)|"
    r"(?:abuse|exploitation)[ _-]of[ _-](?:children|minors)|sexual[/ _-]?minors|儿童虐待|儿童色情",
    re.IGNORECASE,
)
_ALWAYS = re.compile(
    r"\bcsam\b|\bcsem\b|p(?:a|ae|æ)?edo(?:phil\w*|s?\b)|pédophil\w*|pädophil\w*|pedofil\w*|"
    r"child(?:ren'?s?)?[ -](?:porn\w*|erotica|prostitut\w*|molest\w*|sex\w*)|kiddie[ -]porn|"
    r"\bjailbait\b|\bloli(?:con)?\b|\bshota(?:con)?\b|underage[ -](?:sex\w*|porn\w*|nud\w*)|"
    r"儿童色情|恋童|兒童色情|児童ポルノ|ấu dâm|khiêu dâm trẻ em|"
    r"pornographie enfantine|kinderporno\w*",
    re.IGNORECASE,
)
_MINOR = re.compile(
    r"\b(?:child(?:ren|hood)?|kids?|minors?|under[- ]?aged?|teen(?:s|ager?s?|aged?)?|toddlers?|"
    r"infants?|babies|baby|pre-?teens?|school(?:girls?|boys?)|little (?:girls?|boys?)|"
    r"young (?:girls?|boys?)|juveniles?|pupils?|(?:[1-9]|1[0-7])[- ]?(?:years?[- ]old|yo|y/o)|"
    r"(?:six|seven|eight|nine|ten|eleven|twelve|thirteen|fourteen|fifteen|sixteen|seventeen)"
    r"[- ]years?[- ]old|enfants?|mineure?s?|adolescente?s?|fillettes?|kind(?:er|ern)?|"
    r"minderjährig\w*|niñ[oa]s?|menor(?:es)?|trẻ em|trẻ vị thành niên|vị thành niên)\b|"
    r"儿童|孩子|未成年|小孩|幼女|幼童|兒童|子供|子ども",
    re.IGNORECASE,
)
_SEXUAL = re.compile(
    r"\b(?:sex(?:ual\w*|y|ting|t|ed|s)?|porn\w*|nud(?:e|es|ity)|naked|erotic\w*|molest\w*|"
    r"rap(?:e|es|ed|ing|ist)|groom(?:ing|ed|s)?|fetish\w*|orgasm\w*|masturbat\w*|genital\w*|"
    r"incest\w*|prostitut\w*|lewd|intercourse|explicit (?:images?|photos?|pictures?|videos?)|"
    r"sexuel\w*|nue?s|viol(?:er|s)?|sexuell\w*|nackt\w*|desnud\w*|tình dục|khiêu dâm|khỏa thân|"
    r"hiếp dâm)\b|性|色情|裸|强奸|猥亵",
    re.IGNORECASE,
)
_HARMLESS = re.compile(
    r"sexual orientation|same[- ]sex|sex education|sexual education|opposite sex|biological sex",
    re.IGNORECASE,
)


def about_minors(text: str, *labels: str) -> bool:
    """Whether a row must be dropped: labelled so, or its text joins minors and sexual content."""
    if any(_LABEL.search(label) for label in labels if label):
        return True
    plain = _HARMLESS.sub(" ", unicodedata.normalize("NFKC", text))
    if _ALWAYS.search(plain):
        return True
    return bool(_MINOR.search(plain)) and bool(_SEXUAL.search(plain))
