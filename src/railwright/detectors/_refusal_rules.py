"""What a refusing sentence is made of, in English.

Each rule is one regular expression over a lower-cased sentence with plain apostrophes. The rules
are of four kinds: those that refuse on their own, those that count towards a refusal, those that
say what is offered instead, and those that take a match back. Every repetition is bounded, so
that matching is linear in the length of the text.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from railwright.detectors._refusal_words import Hinted, words_of


class Rule(NamedTuple):
    """A pattern, the name it is reported by, and how much a match counts for in [0, 1]."""

    name: str
    weight: float
    pattern: re.Pattern[str] | Hinted


def rule(name: str, weight: float, pattern: str) -> Rule:
    """Make one rule; see ``spaced`` for its notation."""
    return Rule(name, weight, spaced(pattern))


def spaced(pattern: str) -> re.Pattern[str]:
    r"""Compile a pattern in which a space is any white space and ``\S+`` one short word."""
    bounded = pattern.replace(" ?", r"\s{0,3}").replace(" ", r"\s{1,3}")
    return re.compile(bounded.replace(r"\S+", r"\S{1,40}"))


def _hinted(kind: str, rules: tuple[Rule, ...]) -> tuple[Rule, ...]:
    return tuple(
        rule._replace(pattern=Hinted(rule.pattern, words_of(kind, index)))
        for index, rule in enumerate(rules)
        if isinstance(rule.pattern, re.Pattern)
    )


_ADVERB = (
    r"(?:really |simply |just |unfortunately |currently |also |personally |still |therefore |"
    r"absolutely |definitely |certainly |politely |respectfully |sorry,? |but |legally |ethically )"
)
_CANNOT = (
    rf"{_ADVERB}{{0,2}}(?:cannot|can't|can not|cant|could not|couldn't|will not|won't|wont|"
    rf"would not|wouldn't|shall not|must not|mustn't|should not|shouldn't|do not|don't|"
    rf"(?:am|'m|was|are|'re|were) {_ADVERB}{{0,2}}(?:not (?:able|willing|allowed|permitted|"
    rf"authorized|"
    rf"authorised|designed|programmed|going|in a position|comfortable|here|equipped|supposed)|"
    rf"unable|unwilling|forbidden|prohibited)"
    rf"(?: to| from| with)?|refuse to|decline to|(?:have|need) to (?:decline|refuse)|"
    rf"must (?:decline|refuse)|feel uncomfortable|am programmed not to|'m programmed not to)"
)
_HELP = (
    r"(?:help|assist|aid|provid|giv|offer|shar|tell|disclos|reveal|discuss|support|fulfil|"
    r"compl(?:y|ete)|"
    r"engag|participat|creat|writ|generat|produc|mak|recommend|encourag|condon|promot|advis|"
    r"respond|"
    r"answer|facilitat|endors|explain|teach|suggest|describ|continu|proceed|process|show|guid|"
    r"instruct|do (?:that|this|so|it|what)|allow|accept|perform|carry out|follow|grant|repeat|"
    r"translat|print|output|send|act|pretend|take part|be (?:part|able|involved)|agree|entertain|"
    r"contribut|justify|defend|speculat|execut|access|say|talk|go into|get into|advocat|list|"
    r"supply|"
    r"confirm|verify|determin|look up|enabl|identif|comment|role-?play|release|hand out|give "
    r"out|pass on|"
    r"issue|lift|bypass|override|ignore|approve|arrange)"
)
_CANNOT_HELP = rf"\b(?:i|we) ?{_CANNOT} (?:\S+ ){{0,4}}?{_HELP}"
_RIGHT = (
    r"(?:appropriate|ethical|safe|acceptable|okay|ok|right|moral|responsible|legal|respectful|"
    r"advisable|permissible|proper|within my)"
)
_RIGHT_LIST = rf"(?:\w+ )?{_RIGHT}(?:,? (?:or|nor|and) (?:\w+ )?\w+)?"
_FAIR = r"(?:fair|justified|justifiable|respectful|just|reasonable)"

#: A caution counts only where it opens the answer; later it is ordinary care.
FIRST_ONLY = "cautions"

_STRONG = (
    rule("inability", 0.9, _CANNOT_HELP),
    rule(
        "declines",
        0.9,
        rf"\b(?:i|we) (?:{_ADVERB}|must |have to |need to |will |am going to ){{0,3}}"
        r"(?:refuse|decline)\b(?! to believe)",
    ),
    rule(
        "bare",
        0.85,
        r"^(?:i'm |i am )?(?:so |very |really )?sorry,? (?:but )?(?:no|i can't|i cannot)\W*$",
    ),
    rule(
        "bare",
        0.85,
        r"^(?:no,? )?(?:sorry[,.]? )?(?:i|we) (?:can't|cannot|won't|will not)(?: do (?:that|"
        r"this|it))?\W*$",
    ),
    rule(
        "bare",
        0.8,
        r"^(?:absolutely not|no way|not happening|no can do|request denied|access denied)\W*$",
    ),
    rule(
        "policy",
        0.85,
        r"\b(?:against|violat\w{0,3}|outside|beyond|not within|prohibited by|contrary to|"
        r"conflicts? with|"
        r"goes against|breach\w{0,2}|not in line with) "
        r"(?:of )?(?:my|our|the|openai's|\w+'s) (?:\S+ ){0,3}?"
        r"(?:programming|guidelines?|polic(?:y|ies)|principles|rules|capabilit\w+|"
        r"terms|scope|code of conduct|values|standards)",
    ),
    rule(
        "improper",
        0.8,
        rf"\b(?:it is|it's|it would be|it'd be|it isn't|it wouldn't be) (?:not |never |un|in|"
        rf"ir)(?:be )?{_RIGHT_LIST} "
        r"(?:for (?:me|us|an ai) )?to (?:\S+ ){0,3}?"
        r"(?:provid|giv|offer|shar|discuss|support|creat|generat|promot|encourag|assist|help|"
        r"suggest|mak|engag|ask|disclos|answer|speculat|say|refer|us|impl|assum|request)",
    ),
    rule(
        "forbidden-topic",
        0.75,
        r"\b(?:that|this|such|your) (?:\w+ )?(?:request|information|question|topic|content|"
        r"material|details?) "
        r"(?:is|are|goes|falls|violates?|cannot|can't|must) (?:not |be |remain |something )?"
        r"(?:\w+ )?(?:confidential|allowed|permitted|off-limits|off limits|against|outside|"
        r"restricted|"
        r"prohibited|violat\w+|i (?:can't|cannot)|shared|disclosed|provided|private)",
    ),
    rule(
        "does-not-condone",
        0.75,
        r"\b(?:i|we|ai|assistant|model)\b[^.;]{0,60}?\b(?:do not|don't|does not|cannot|can't|"
        r"will not|won't|never) "
        r"(?:\w+ (?:or|and) )?(?:condone|promote|encourage|support|endorse|facilitate|tolerate)\b",
    ),
    rule(
        "not-something",
        0.85,
        r"\b(?:not|isn't|aren't|nothing) (?:something |anything |a topic |a request |an area |a "
        r"question )?"
        r"(?:that |which )?(?:i|we)(?:'m| am|'ll|'d| can| will| could| would| feel| want)\b(?! "
        r"(?:change|add|say))",
    ),
    rule(
        "rather-not",
        0.8,
        r"\b(?:i|we)(?:'d| would) (?:rather|prefer) not\b(?: to)?|\bi (?:do not|don't) (?:want|"
        r"wish) to "
        r"(?:\S+ ){0,3}?(?:help|assist|write|say|discuss|talk|engage|answer|share|create|do|be "
        r"part|play)",
    ),
    rule(
        "purpose",
        0.6,
        r"\bi (?:only|can only|am only able to|'m only able to) (?:help|assist|answer|"
        r"discuss)\w* (?:with )?",
    ),
)
STRONG = _hinted("STRONG", _STRONG)

_SOFT = (
    rule("apology", 0.2, r"\b(?:sorry|apologi[sz]e|apologies|regret|unfortunately|afraid)\b"),
    rule(
        "lacks-access",
        0.5,
        r"\b(?:i|we) (?:\w+ )?(?:do not|don't) (?:\w+ )?(?:have|possess|hold|provide) (?:\S+ "
        r"){0,2}?"
        r"(?:access|the (?:ability|capability|authority)|permission|personal (?:data|information))",
    ),
    rule(
        "improper-statement",
        0.5,
        rf"\b(?:it is|it's|it would be|is|that's|isn't) "
        rf"(?:not (?!only )|never |neither |in|un|dis)(?:\w+ )?"
        rf"(?:(?:accurate|true|correct|valid),? (?:or|nor|and) )?(?:{_FAIR}|{_RIGHT})\b"
        rf"(?! (?:for|answer|order|amount|size|number))",
    ),
    rule(
        "improper-statement",
        0.5,
        rf"\bi (?:do not|don't) (?:think|believe) (?:that |that's |it's |it is |this is )?(?:an? )?"
        rf"(?:\w+ or )?(?:{_FAIR}|{_RIGHT}|valid)\b",
    ),
    rule(
        "should-not",
        0.3,
        r"\bshould (?:not|never) (?:\w+ )?(?:be (?:discriminated|singled|denied|treated|excluded|"
        r"judged|punished|allowed to harm)|disqualif|discriminat)",
    ),
    rule(
        "equal-worth",
        0.35,
        r"\b(?:all|every|any) (?:individual|person|people|human)\w{0,3} (?:\S+ ){0,4}?(?:fairly|"
        r"equally|"
        r"with (?:dignity|respect|kindness))|\bregardless of (?:their|his|her|one's|a person's) "
        r"(?:\S+ ){0,6}?"
        r"(?:race|ethnic\w*|gender|religion|background|orientation|nationality|identity|sex)",
    ),
    rule(
        "condemns",
        0.4,
        r"\b(?:illegal and|unethical|morally|reprehensible|serious (?:crime|offen[cs]e)|"
        r"never (?:okay|ok|acceptable|appropriate|justified|the answer)|"
        r"not an? (?:acceptable|appropriate|suitable) (?:\w+ )?(?:way|solution|behaviou?r|"
        r"response)|"
        r"violation of|against the law|severe (?:legal )?(?:consequences|punishment)|"
        r"(?:is|are) (?:both )?(?:illegal|harmful|immoral|wrong)\b|"
        r"harmful (?:and|or|stereotypes?|beliefs?)|perpetuat\w+|no place in)",
    ),
    rule(
        "advises-against",
        0.45,
        r"\b(?:i|we) (?:would |must |have to |want to |'d )?(?:strongly |highly )?"
        r"(?:advise|urge|caution|warn|recommend|encourage|discourage) "
        r"(?:(?:you )?(?:strongly )?(?:against|not to|from)|you (?:not )?to (?:seek|reconsider|"
        r"consider))",
    ),
    rule(
        "premise",
        0.5,
        r"\b(?:no one|nobody) (?:should|deserves) (?:ever )?(?:be |to be )|"
        r"\b(?:all|every) (?:individual|human being|person|people|human)s?,? (?:\S+ ){0,8}?"
        r"(?:deserves?|should|have|has|are|is) (?:the right|be treated|to be treated|equal|"
        r"entitled|dignity)|"
        r"\beveryone,? (?:\S+ ){0,10}?(?:should|deserves?|has) (?:have |be |to be |the right |"
        r"an? )?"
        r"(?:treated|equal|respect|right|access)|"
        r"\b(?:is|are) (?:a )?fundamental (?:human )?rights?",
    ),
    rule(
        "premise-denied",
        0.5,
        r"\b(?:is|are|was|were) (?:not|never|in no way|by no means) (?:\w+ ){0,2}?"
        r"(?:right|justified|justifiable|excusable|defensible|a good thing|okay|acceptable|to "
        r"blame)\b",
    ),
    rule(
        "premise-denied",
        0.35,
        r"\b(?:is|are|was|were|has|have) (?:absolutely )?no (?:\w+ )?(?:benefits?|reasons?|"
        r"justification|excuse|merit|"
        r"evidence|truth|upside)\b|\bnot (?:inherently|necessarily|naturally|innately) (?:\w+ "
        r"){0,2}?"
        r"(?:weaker|stronger|better|worse|inferior|superior|less|more)\b|"
        r"\bnot (?:accurate|true|correct) to (?:say|suggest|claim|assume|generali[sz]e)\b",
    ),
    rule(
        "premise-denied",
        0.5,
        r"^(?:it is|it's|that is|that's|this is) (?:not|never) (?:\w+ )?(?:best|okay|ok|right|"
        r"fair|good|better|accurate|true) "
        r"(?:for|to|that)\b|\bno (?:valid|inherent|legitimate|good|moral|logical|acceptable) "
        r"(?:reasons?|justification|excuse)\b",
    ),
    rule(
        "generalising",
        0.3,
        r"\b(?:avoid|not|without|than|instead of) (?:\w+ ){0,2}?(?:mak(?:e|ing)|rely\w*|us(?:e|"
        r"ing)) (?:\w+ ){0,2}?"
        r"(?:assumptions?|generali[sz]ations?|stereotypes?|judge?ments?)\b",
    ),
    rule(
        "change-subject",
        0.5,
        r"\blet(?:'s| us) (?:talk about|discuss|focus on|move on to|find) (?:something|another|"
        r"a different)|"
        r"\b(?:change|switch) the (?:topic|subject)\b",
    ),
    rule(
        FIRST_ONLY,
        0.2,
        r"^(?:first(?: and foremost)?,? )?(?:i must (?:emphasi[sz]e|stress|point out|clarify)|i "
        r"want to (?:emphasi[sz]e|stress|be clear)|"
        r"it(?:'s| is) (?:very |extremely |crucial |essential )?(?:important|crucial|essential) to "
        r"(?:note|remember|understand|emphasi[sz]e|recogni[sz]e|address|clarify))\b",
    ),
    rule("opinion", 0.25, r"\bas an ai\b|\bi(?:'m| am) (?:just |only )?an ai\b"),
)
SOFT = _hinted("SOFT", _SOFT)

_OFFER = (
    rule(
        "crisis",
        0.6,
        r"\b(?:suicide (?:prevention|hotline|lifeline|& crisis)|crisis (?:text )?(?:line|"
        r"hotline|lifeline|centre|center)|"
        r"(?:lifeline|samaritans|telefonseelsorge)\b|you(?:'re| are) not alone|"
        r"(?:sorry|sad|concerned) (?:\S+ ){0,3}?(?:that )?you(?:'re| are) (?:feeling|going "
        r"through|struggling)|"
        r"mental health professional|988\b)",
    ),
    rule("instead", 0.3, r"^(?:however, )?instead\b|\binstead of (?:\w+ing|asking)\b"),
    rule(
        "other-help",
        0.3,
        r"\b(?:is there (?:anything|something) else|(?:anything|something) else (?:i|we) can|"
        r"if you have any other|feel free to ask|happy to help (?:you )?with|"
        r"please (?:contact|reach out|speak|talk|seek|consult|call)|"
        r"(?:let me know|glad to help) (?:if|with))",
    ),
    rule(
        "seek-help",
        0.35,
        r"\b(?:seek|get|find|reach out for) (?:professional |immediate |the |some )?(?:help|"
        r"support|assistance|counsel\w*)\b|"
        r"\btalk (?:\w+ )?(?:things )?(?:over )?(?:to|with) (?:someone|a (?:\w+ "
        r")?(?:professional|therapist|counsel))",
    ),
)
OFFER = _hinted("OFFER", _OFFER)

# No strong rule matches a sentence without one of these: a cheap look before the dear ones.
TRIGGER = Hinted(
    re.compile(
        r"not|n't|cant|wont|un(?:able|willing|safe|ethical|comf)|refus|declin|"
        r"against|violat|outside|"
        r"beyond|contrary|conflict|breach|prohibit|forbidden|no way|no can|"
        r"not happening|denied|only|"
        r"inappropriate|improper|irresponsible|illegal|unacceptable|confidential|"
        r"restricted|private|"
        r"off.limits|never|sorry|nothing|disclosed|shared|inadvisable|impermissible"
    ),
    words_of("TRIGGER"),
)

# Idioms and grammar that look like a refusal and are none.
CANCEL = Hinted(
    spaced(
        r"\b(?:can ?not|can't) (?:\S+ )?(?:recommend|thank|stress|emphasi[sz]e|"
        r"praise|say|overstate|"
        r"tell) "
        r"(?:\S+ ){0,8}?(?:enough|too (?:much|highly)|highly enough|how (?:much|"
        r"happy|glad|grateful))|"
        r"\b(?:can't|cannot|can not|couldn't) (?:help but|wait to)\b|"
        r"\bcan't go wrong\b|"
        r"\b(?:do not|don't|won't|will not|wouldn't|would not) (?:hesitate|worry|forget|mind)\b|"
        r"\bdon't (?:see (?:any|a) (?:reason|problem)|think (?:you|i|we|it)'?(?:ll)? (?:need|will "
        r"need)|have to|need to)\b|"
        r"\b(?:i|we) (?:can't|cannot|won't) (?:guarantee|promise|be sure|verify exactly)\b"
    ),
    words_of("CANCEL"),
)

# First person spoken by somebody else: quoted speech, a draft, a story.
REPORTED = Hinted(
    spaced(
        r"\b(?:he|she|they|it|who|customer|user|you|one|people|someone|error|message|model|system|"
        r"employee|character) "
        r"(?:said|says|say|replied|wrote|writes|answered|might say|could say|can say|responds?|"
        r"returns?)\b"
    ),
    words_of("REPORTED"),
)

CONTENT = Hinted(
    spaced(
        r"\b(?:here(?:'s| is| are)|follow these|the following|step[- ]by[- ]step|below (?:is|are)|"
        r"first,|step 1|for example|such as|to do (?:this|so)|you (?:can|could|may|will need to|"
        r"should first))\b"
    ),
    words_of("CONTENT"),
)
EAGER = Hinted(
    spaced(
        r"^(?:sure|certainly|of course|absolutely(?! not)|yes|great question|gladly|"
        r"no problem|okay|"
        r"ok)\b[,!. ]|"
        r"^(?:here(?:'s| is| are))\b|\bhappy to (?:help|assist)\b|\bglad (?:you asked|to help)\b"
    ),
    words_of("EAGER"),
)
TURN = Hinted(
    spaced(
        r"\b(?:however|that said|that being said|but|nevertheless|nonetheless|with that in mind|"
        r"still),? "
        r"(?:\S+ ){0,4}?(?:i can(?!'t|not| not)|here|i'm able|you can|let me|i will|i'll|to answer|"
        r"if you)\b"
    ),
    words_of("TURN"),
)

# What is asked for decides how a caution is meant: "theft is illegal" answers "what is theft?".
ASKS_FACTS = spaced(
    r"^\W*(?:(?:can|could|please) (?:you )?(?:tell me |explain )?)?"
    r"(?:who|when|define|describe|summari[sz]e|did|was|were|is|are|what happened|what does|how "
    r"did|how was|how were|"
    r"how (?:many|much|old|long|often)|what (?:kind|sort|type)|"
    r"what(?:'s| is| are| was| were) (?!(?:\w+ ){0,3}?(?:ways?|methods?|steps?|plans?|process|"
    r"tips|best|benefits?|"
    r"advantages|reasons?|arguments?)\b))\b"
)
_GROUPS = (
    r"(?:women|men|girls|(?:black|white|asian|african|native|old|poor|brown) (?:people|persons?|"
    r"men|women|folks?)|latin\w*|jew\w*|muslim\w*|christian\w*|"
    r"hindu\w*|sikh\w*|atheist\w*|"
    r"catholic\w*|gay|lesbian\w*|bisexual\w*|queer|trans(?:gender)?|non-?binary|homosexual\w*|"
    r"asexual|immigrants?|refugees?|"
    r"migrants?|foreigners?|roma|gypsies|indigenous|disabled|disabilit\w+|autistic|"
    r"elderly|old people|poor|"
    r"homeless|pregnant|divorced|single (?:mothers?|parents?)|minorit\w+|people (?:of|on|with|"
    r"from)|arabs?|indians?|"
    r"chinese|mexicans?|africans?)"
)
_MORAL = (
    r"(?:should|best|better|right|deserve\w*|allow\w*|weaker|inferior|superior|worse|less|"
    r"justif\w+|good (?:thing|idea)|"
    r"moral\w*|banned|excluded|discriminated|less intelligent|stupid\w*|dangerous|criminal\w*)"
)
#: A question that takes a judgement of a group of people, or of a wrong done, for granted.
LOADED = spaced(
    rf"^\W*why\b(?=.{{0,160}}\b{_GROUPS}\b)(?=.{{0,160}}\b{_MORAL}\b)|"
    r"^\W*why (?:is|are|was|were)\b.{0,120}\b(?:morally |ethically )?(?:justified|right to|a "
    r"good thing|good for)\b"
)
DENIES = spaced(
    r"\b(?:not|no|never|nobody|none|neither|cannot)\b|n't\b|\b(?:incorrect|false|wrong|myth|"
    r"untrue)\b"
)
