"""Words that a pattern of the refusal rules cannot match without: a cheap look before a dear one.

Derived from the patterns; a test compares what both ways find. Where a pattern changes, its words
change with it.
"""

# ruff: noqa: E501 - a line holds the words of one pattern
from __future__ import annotations

import re
from typing import NamedTuple


class Hinted(NamedTuple):
    """A pattern that is tried only on texts with one of some words; without words, on all."""

    pattern: re.Pattern[str]
    words: tuple[str, ...]

    def search(self, text: str) -> re.Match[str] | None:
        """Return the first match in ``text``, as the pattern alone would."""
        for word in self.words:
            if word in text:
                return self.pattern.search(text)
        return None if self.words else self.pattern.search(text)


#: Kind of rule to the words of each of its rules, in order, parted by "|".
WORDS: dict[str, tuple[str, ...]] = {
    "STRONG": (
        "can|could|decline|don't|forbidden|must|not|programmed|prohibited|refuse|shall|should|unable|uncomfortable|will|won't|wont|would",
        "decline|refuse",
        "sorry",
        "can't|cannot|will|won't",
        "absolutely|access|can|happening|request|way",
        "capabilit|conduct|guideline|polic|principles|programming|rules|scope|standards|terms|values",
        "it",
        "such|that|this|your",
        "condone|encourage|endorse|facilitate|promote|support|tolerate",
        "aren't|isn't|not",
        "n't|not|prefer|rather",
        "only",
    ),
    "SOFT": (
        "afraid|apologi|regret|sorry|unfortunately",
        "ability|access|authority|permission|personal",
        "is|it|that's|would",
        "believe|think",
        "should",
        "dignity|equally|fairly|kindness|regardless|respect",
        "acceptable|against|appropriate|consequences|harmful|illegal|immoral|morally|never|perpetuat|place|punishment|reprehensible|serious|suitable|unethical|violation|wrong",
        "advise|caution|discourage|encourage|recommend|urge|warn",
        "deserves|everyone|fundamental|human|individual|people|person|should",
        "means|never|not|way",
        "accurate|benefit|correct|evidence|excuse|inherently|innately|justification|merit|naturally|necessarily|reason|true|truth|upside",
        "ever|excuse|justification|ot|reason",
        "assumption|generali|judg|stereotype",
        "another|change|different|something|switch",
        "clear|crucial|emphasi|essential|important|must|stress",
        "an|as",
    ),
    "OFFER": (
        "988|alone|crisis|feeling|lifeline|professional|samaritans|struggling|suicide|telefonseelsorge|through",
        "instead",
        "anything|feel|glad|happy|know|other|please|something",
        "assistance|counsel|help|professional|someone|support|therapist",
    ),
    "TRIGGER": (
        "able|against|beyond|breach|cant|comf|confidential|conflict|contrary|declin|denied|disclosed|ethical|forbidden|illegal|impermissible|improper|inappropriate|irresponsible|limits|n't|never|no can|no way|not|only|outside|private|prohibit|refus|restricted|safe|shared|sorry|violat|willing|wont",
    ),
    "CANCEL": ("can|don't|forget|help|hesitate|mind|wait|won't|worry",),
    "REPORTED": ("answered|can|could|might|replied|respond|return|said|say|writes|wrote",),
    "CONTENT": ("below|example|first,|follow|here|step|such|to|you",),
    "EAGER": ("absolutely|certainly|course|glad|happy|here|ok|problem|question|sure|yes",),
    "TURN": ("being|but|however|nevertheless|nonetheless|still|that|with",),
    "signs": (
        "can't|couldn't|don't|mustn't|never|not|shouldn't|unable|won't|wouldn't",
        "can't|couldn't|don't|never|not|shouldn't|unable|won't|wouldn't",
        "abstain|answer|can|confidential|count|decline|doing|draw|happen|have|i'm|leave|myself|no|pass|prefer|private|question|rather|refuse|stay|table|that's|turn",
        "ability|access|beyond|don't|impossible|means|outside|something|tool|way",
        "against|allowed|authori|confidential|guidelines|law|licen|permitted|policies|policy|rule|terms|under",
        "not|only|wrong",
        "'m|am|as|just",
        "ask|contact|please|see|someone|speak|talk",
        "but|can|glad|happy|instead|let|like|want|what|would",
        "can't|couldn't|don't|doubt|enough|need|never|not|only|problem|regret|rush|why|won't|wonder|worries|wouldn't",
        "accountant|doctor|electrician|expert|lawyer|pharmacist|physician|tax|vet",
        "abuse|cheat|consent|crime|dangerous|explosive|fraud|harm|hurt|illegal|poison|privacy|scam|threat|toxic|unfair|violence",
        "elsewhere|lying|me|my|part|without|yourself",
        "are|been|blocked|can|could|declined|denied|disabled|filtered|got|is|may|must|refused|rejected|restricted|was|we|were|will|withheld|won't",
        "around|our|this|your",
        "beyond|boundary|call|can|decision|exceed|far|hands|line|mystery|off|out|past|where",
        "by|chance|forget|hard|here|me|nah|never|no|not|possible|today",
        "another|bow|clear|comment|end|hands|keep|kept|leave|leaving|nothing|remain|silent|sit|stay|steer|stop",
        "built|configured|confined|designed|exclusively|intended|just|limited|made|meant|my|nothing|only|programmed|restricted|set|solely|trained",
        "can|couldn't|didn't|do|forgot|found|had|haven't|i'm|i am|included|looked|meant|misread|mixed|thought|was|wouldn't",
        "best|dear|hello|hey|hi|kind|re|sincerely|subject|wish|yours",
        "add|bake|book|bring|check|choose|click|cut|enter|hold|install|keep|loosen|make|mix|open|pay|pick|plug|pour|press|put|read|remove|repeat|restart|return|review|rinse|run|select|set|start|store|swap|take|tap|turn|type|upload|use|wait|wear|write",
        "amount|be|crime|comfortable|dishonest|feel|make|mean|offen|okay|ok with|prepared|unethical|willing",
        "can|could|hardly|may not|must|never|not|unable|won't",
        "conscience|convictions|ethics|ethos|for|guidelines|integrity|morals|principle|standards|values",
        "about|happy|i'd|instead|let|shall|we",
    ),
}


#: An English answer refuses with one of these in its opening, or with a word of ``TRIGGER``.
CUES = frozenset(
    # ruff: noqa: SIM905
    "i i'm i'd i'll i've me my mine myself we we're we'd we'll we've us no nope nah none nobody "
    "request requests question questions prompt content policy policies rules guidelines terms "
    "blocked rejected disabled removed filtered withheld denied unavailable unsupported hidden "
    "secret sealed locked line limit limits limited restricted else elsewhere instead contact ask "
    "should deserve deserves everyone everybody wrong unfair harm harmful hurt hurtful stereotype "
    "stereotypes stereotyping dignity respect disrespect disrespectful crime serious immoral "
    "suicide crisis lifeline samaritans alone ai assistant bot model cards table question pass "
    "stop forget away concerned worried reconsider".split()
)


def words_of(kind: str, index: int = 0) -> tuple[str, ...]:
    """Return the words of one pattern."""
    return tuple(filter(None, WORDS[kind][index].split("|")))
