"""Refusals in languages other than English: a first set of phrases for each."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple

from railwright.detectors._refusal_rules import spaced


class LanguageRules(NamedTuple):
    """Patterns over one lower-cased sentence.

    ``refusing`` says no, ``cancel`` takes it back (idioms), ``apology`` and ``crisis`` count
    towards a deflection, ``turn`` announces that content follows after all.
    """

    refusing: re.Pattern[str]
    apology: re.Pattern[str]
    crisis: re.Pattern[str]
    turn: re.Pattern[str]
    cancel: re.Pattern[str]


def _rules(
    refusing: str, apology: str, crisis: str, turn: str, cancel: str = r"(?!)"
) -> LanguageRules:
    return LanguageRules(*map(spaced, (refusing, apology, crisis, turn, cancel)))


_GERMAN = _rules(
    refusing=(
        r"\b(?:kann|darf|werde|möchte|will|könnte|dürfte) (?:ich|wir) (?:\S+ ){0,4}?(?:nicht|"
        r"keine?[nrsm]?)\b|"
        r"\b(?:ich|wir) (?:kann|darf|werde|möchte|will|können|dürfen|werden|könnte) (?:\S+ ){0,6}?"
        r"(?:nicht|keine?[nrsm]?) (?:\S+ ){0,7}?(?:helfen|unterstützen|beantworten|geben|"
        r"bereitstellen|"
        r"mitteilen|sagen|verraten|nennen|weitergeben|erstellen|schreiben|anbieten|preisgeben|"
        r"teilen|"
        r"erfüllen|nachkommen|behilflich|weiterhelfen|dienen|machen|tun|auskunft|informationen|"
        r"anleitung\w*|"
        r"offenlegen|herausgeben|beihilfe|ausführen|entsprechen)\b|"
        r"\b(?:bin|sind) (?:ich |wir )?(?:leider )?nicht (?:in der lage|befugt|berechtigt|"
        r"bereit|dafür da)|"
        r"\b(?:ist es )?mir (?:leider )?(?:nicht (?:möglich|erlaubt|gestattet)|untersagt)|"
        r"\bverstößt gegen (?:meine|unsere|die) (?:\S+ )?(?:richtlinien|grundsätze|regeln|"
        r"vorgaben)|"
        r"\b(?:muss|müssen) (?:ich|wir) (?:\S+ ){0,3}?(?:ablehnen|verweigern)|\b(?:lehne|"
        r"weigere) ich\b|"
        r"\bich (?:lehne|weigere)\b|\bdabei kann ich (?:\S+ ){0,3}?nicht\b"
    ),
    apology=r"\b(?:tut mir (?:sehr )?leid|leider|entschuldig\w+|bedaure|bedauere|verzeihung)\b",
    crisis=(
        r"\b(?:telefonseelsorge|krisendienst|suizid\w*prävention|nicht allein|(?:psychologische|"
        r"professionelle) hilfe)\b"
    ),
    turn=r"\b(?:allerdings|jedoch|aber|trotzdem) (?:kann ich|hier|gern)",
    cancel=r"nicht genug|kaum erwarten|nicht umhin|nicht garantieren|nicht nur",
)
_FRENCH = _rules(
    refusing=(
        r"\b(?:je|nous) (?:suis |sommes )?(?:désolée?s?,? )?(?:mais )?(?:je )?(?:ne|n') ?(?:me |"
        r"vous |te |le |la |les |l')?"
        r"(?:peux|puis|pourrai|pouvons|suis|dois|veux|souhaite|saurais|vais|sais|dispose|ai) ?"
        r"(?:\S+ ){0,2}?(?:pas|en mesure|aucune?|plus|jamais)? ?(?:\S+ ){0,4}?"
        r"(?:aider|fournir|donner|répondre|partager|révéler|divulguer|communiquer|assister|dire|"
        r"écrire|"
        r"créer|expliquer|discuter|accéder|autorisée?|en mesure|habilitée?|satisfaire|"
        r"encourager|faire|transmettre)|"
        r"\bje (?:dois|préfère|me vois obligée? de|suis contrainte? de) (?:refuser|décliner)|"
        r"\bje refuse\b|"
        r"\b(?:il )?m'est (?:impossible|interdit)|\bcontraire à (?:mes|nos|ma|la) (?:\S+ "
        r")?(?:principes|directives|politique|règles)|"
        r"\b(?:va à l'encontre de|enfreint|viole) (?:mes|nos|ma|la|les) "
    ),
    apology=r"\b(?:désolée?|navrée?|malheureusement|regrette|excus\w+|pardon)",
    crisis=(
        r"\b(?:numéro national de prévention|prévention du suicide|3114|sos amitié|vous n'êtes "
        r"pas seule?|professionnel de (?:la )?santé)"
    ),
    turn=r"\b(?:cependant|toutefois|en revanche|mais) (?:je peux|voici)",
    cancel=r"assez (?:vous )?(?:recommander|remercier)|m'empêcher de|trop (?:vous )?recommander",
)
_SPANISH = _rules(
    refusing=(
        r"\b(?:no|tampoco) (?:me |te |le |les |os |lo |la )?(?:puedo|podemos|podría|debo|voy a|"
        r"quiero|"
        r"estoy (?:autorizad[oa]|en condiciones|capacitad[oa]|programad[oa])|tengo permitido|es "
        r"posible|sería apropiado|"
        r"es apropiado|me es posible|está permitido)(?: \S+){0,4}? ?"
        r"(?:ayud|proporcion|dar|ofrec|compart|revel|respond|contest|decir|escrib|cre|hac|brind|"
        r"facilit|"
        r"explic|divulg|mostrar|asist|cumpl|gener|discut|para)|"
        r"\b(?:debo|tengo que|prefiero) (?:rechazar|negarme|declinar)|\bme niego\b|\brechazo\b|"
        r"\bva en contra de (?:mis|nuestras|las|la) |\bviola (?:mis|nuestras|las|la) "
    ),
    apology=(
        r"\b(?:lo siento|lo lamento|lamento|lamentablemente|desafortunadamente|perdón|"
        r"disculp\w+)"
    ),
    crisis=(
        r"\b(?:línea de (?:crisis|ayuda|prevención)|teléfono de la esperanza|no estás sol[oa]|"
        r"prevención del suicidio|profesional de la salud)"
    ),
    turn=r"\b(?:sin embargo|no obstante|pero),? (?:puedo|aquí)",
    cancel=r"no puedo (?:dejar de|evitar|esperar)|suficiente|más que recomendar|sólo no|no solo",
)
_ITALIAN = _rules(
    refusing=(
        r"\bnon (?:mi |ti |le |vi |lo |la )?(?:posso|possiamo|potrei|devo|voglio|intendo|sono "
        r"(?:in grado|autorizzat[oa]|"
        r"abilitat[oa])|è possibile|mi è (?:possibile|consentito|permesso)|è appropriato)(?: "
        r"\S+){0,4}? ?"
        r"(?:aiutar|fornir|dar|offrir|condivider|rivelar|risponder|dir|scriver|crear|far|spiegar|"
        r"divulgar|mostrar|assister|soddisfar|generar|di |a |comunicar)|"
        r"\b(?:devo|preferisco) (?:rifiutar\w*|declinar\w*)|\bmi rifiuto\b|"
        r"\b(?:va contro|contrario a|viola) (?:le|i|alle|ai|mie|nostre|la) "
    ),
    apology=r"\b(?:mi dispiace|spiacente|purtroppo|mi scuso|scusa)",
    crisis=(
        r"\b(?:telefono amico|non sei sol[oa]|prevenzione del suicidio|professionista della "
        r"salute)"
    ),
    turn=r"\b(?:tuttavia|però|ma),? (?:posso|ecco)",
    cancel=r"abbastanza|non posso (?:fare a meno|che|non)|vedo l'ora",
)
_PORTUGUESE = _rules(
    refusing=(
        r"\bnão (?:te |lhe |o |a |me )?(?:posso|podemos|poderia|devo|vou|quero|consigo|estou "
        r"(?:autorizad[oa]|em condições)|"
        r"é possível|tenho permissão|é apropriado|sou capaz)(?: \S+){0,4}? ?"
        r"(?:ajud|fornec|dar|oferec|compartilh|partilh|revel|respond|dizer|escrev|cri|faz|"
        r"explic|divulg|"
        r"mostrar|auxili|atend|ger|discut|para)|"
        r"\b(?:devo|tenho que|prefiro) (?:recusar|declinar)|\bme recuso\b|\brecuso-me\b|"
        r"\b(?:vai contra|viola) (?:as|os|minhas|nossas|a) "
    ),
    apology=r"\b(?:desculp\w+|lamento|infelizmente|sinto muito|perdão)",
    crisis=(
        r"\b(?:centro de valorização da vida|cvv|você não está sozinh[oa]|prevenção (?:do|ao) "
        r"suicídio|profissional de saúde)"
    ),
    turn=r"\b(?:no entanto|contudo|porém|mas),? (?:posso|aqui)",
    cancel=r"o suficiente|não posso deixar de|mal posso esperar",
)
_DUTCH = _rules(
    refusing=(
        r"\b(?:ik|wij|we) (?:kan|mag|zal|wil|ga|kunnen|mogen) (?:\S+ ){0,6}?(?:niet|geen) "
        r"(?:\S+ ){0,7}?"
        r"(?:helpen|geven|verstrekken|delen|beantwoorden|zeggen|vertellen|schrijven|maken|"
        r"bieden|verklappen|"
        r"voldoen|meewerken|ondersteunen|doen|onthullen|noemen|prijsgeven)\b|"
        r"\b(?:kan|mag|zal|wil) ik (?:\S+ ){0,5}?(?:niet|geen)\b|"
        r"\bben (?:ik )?(?:helaas )?niet (?:in staat|bevoegd|gemachtigd|bereid)|\bmoet ik "
        r"weigeren\b|\bik (?:moet )?weiger\w*\b|"
        r"\btegen (?:mijn|onze|de) (?:\S+ )?(?:richtlijnen|regels|beleid|principes)"
    ),
    apology=r"\b(?:sorry|helaas|het spijt me|spijt mij|excuses)\b",
    crisis=r"\b(?:zelfmoordpreventie|113|je bent niet alleen|professionele hulp|huisarts)\b",
    turn=r"\b(?:echter|maar|wel) (?:kan ik|hier)",
    cancel=r"niet genoeg|niet wachten|niet garanderen",
)
_CHINESE = _rules(
    refusing=(
        r"(?:我|我们|本助手)(?:很抱歉|抱歉|真的|恐怕|目前|也|暂时){0,2}[,，]?(?:我)?(?:无法|不能|不会|不可以|没办法|没有办法|不便|拒绝|无权|"
        r"不方便|不允许)"
        r".{0,12}?(?:帮|提供|回答|协助|分享|透露|告诉|讨论|生成|支持|满足|给|写|创建|参与|说|执行|泄露|公开|请求|处理|访问)|"
        r"(?:抱歉|对不起|不好意思)[^。！？]{0,12}(?:无法|不能|不会|不可以|没办法|不便|无权)|"
        r"违反(?:了)?(?:我的|我们的|相关|使用)?[^。]{0,8}(?:政策|规定|准则|原则|指南)|这是不(?:合法|道德|合适|恰当)的"
    ),
    apology=r"抱歉|对不起|不好意思|遗憾",
    crisis=r"心理(?:援助|咨询)热线|自杀(?:预防|干预)|你并不孤单|您并不孤单|寻求专业(?:帮助|人士)",
    turn=r"(?:不过|但是|但|然而)[,，]?(?:我可以|以下|您可以|你可以)",
    cancel=r"(?:不能|无法)(?:不|再)|无法保证",
)
_JAPANESE = _rules(
    refusing=(
        r"(?:お手伝い|お答え|回答|提供|お教え|お伝え|ご案内|支援|サポート|対応|協力|お応え|説明|開示|共有|作成|生成|お話し?|公開|教える|助言|答える|手伝う|"
        r"伝える|話す)"
        r"(?:する|を|は|に|が|も|して|し|差し上げる)?(?:こと(?:は|が)?)?[^。]{0,6}?(?:できません|できかねます|いたしかねます|致しかねます|"
        r"できない|いたしません|しません|控え|差し控え|お断り|出来ません|かねます)|"
        r"(?:お断り|拒否)(?:します|いたします|させて)|応じ(?:る(?:こと(?:は|が))?)?(?:できません|かねます|られません)|"
        r"(?:ポリシー|ガイドライン|規約|方針)に(?:反|違反)"
    ),
    apology=r"申し訳(?:あり|ござい)|すみません|ごめんなさい|恐れ入りますが|残念ながら",
    crisis=r"いのちの電話|相談窓口|一人で(?:悩|抱え)|自殺(?:予防|防止)|専門家に(?:相談|ご相談)",
    turn=r"(?:ただし|しかし|ですが|代わりに)[、,]?.{0,8}(?:できます|以下)",
)
_POLISH = _rules(
    refusing=(
        r"\bnie (?:mogę|możemy|będę|wolno mi|jestem w stanie|zamierzam|chcę)(?: \S+){0,4}? ?"
        r"(?:pomóc|pomagać|podać|udostępni\w+|udzieli\w+|odpowiedzie\w+|ujawni\w+|zdradzi\w+|"
        r"stworzy\w+|napisa\w+|"
        r"powiedzie\w+|zrobi\w+|dostarczy\w+|wspiera\w+|spełni\w+)|\bmuszę odmówić\b|\bodmawiam\b"
    ),
    apology=r"\b(?:przykro mi|przepraszam|niestety)\b",
    crisis=r"\b(?:telefon zaufania|nie jesteś sam)",
    turn=r"\b(?:jednak|ale|natomiast),? (?:mogę|oto)",
    cancel=r"nie mogę się doczekać|wystarczająco",
)

LANGUAGES: dict[str, LanguageRules] = {
    "de": _GERMAN,
    "es": _SPANISH,
    "fr": _FRENCH,
    "it": _ITALIAN,
    "ja": _JAPANESE,
    "nl": _DUTCH,
    "pl": _POLISH,
    "pt": _PORTUGUESE,
    "zh": _CHINESE,
}

_KANA = re.compile(r"[\u3040-\u30ff]")
_HAN = re.compile(r"[\u4e00-\u9fff]")
_FUNCTION_WORDS = {
    "en": "the and is to of that you it for not with this are be your have can i an in on or as",
    "de": "der die das und ist nicht ich ein eine zu mit für auf sie es den dem kann wir bei",
    "es": "el la los las que y es no de en un una por con para lo se puedo su como",
    "fr": "le la les et est ne pas je vous de des un une pour que qui dans avec ce sur mais",
    "it": "il lo la gli che e è non di un una per con sono mi questo posso le da come",
    "nl": "de het een en is niet ik van je dat voor met op te kan zijn deze u maar wij",
    "pl": "nie i w na z się że do jest to jak mogę w tym dla ale o przez są",
    "pt": "o a os as que e é não de em um uma por com para posso seu isso como do da",
}
_WORDS = {tag: frozenset(words.split()) for tag, words in _FUNCTION_WORDS.items()}
# Word to the languages it belongs to: one look-up a word instead of one a word and language.
_LANGUAGES_OF = {
    word: tuple(tag for tag, words in _WORDS.items() if word in words)
    for word in frozenset().union(*_WORDS.values())
}
_TOKEN = re.compile(r"[^\W\d_]+")
# Scripts of languages that have no rules here: Cyrillic, Arabic, Devanagari, Hangul.
_OTHER_SCRIPT = re.compile(r"[\u0400-\u04ff\u0600-\u06ff\u0900-\u097f\uac00-\ud7a3]")


@lru_cache(maxsize=16)
def _function_words(head: str) -> Mapping[str, int]:
    counts = dict.fromkeys(_WORDS, 0)
    for token in _TOKEN.findall(head):
        for tag in _LANGUAGES_OF.get(token, ()):
            counts[tag] += 1
    return counts


def likely_languages(text: str) -> tuple[str, ...]:
    """Guess which of the supported languages a text may be in, from function words.

    Reads the first 600 characters only. A text with few such words may be in any language of its
    script; one that is surely English, in none.
    """
    head = text[:600].lower()
    if _KANA.search(head):
        return ("ja",)
    if _HAN.search(head):
        return ("zh",)
    if _OTHER_SCRIPT.search(head):
        return ()
    counts = dict(_function_words(head))
    english = counts.pop("en")
    ranked = sorted(counts, key=lambda tag: -counts[tag])
    lead = counts[ranked[0]] - max(counts[ranked[1]], english)
    if lead >= 2:
        return (ranked[0],)
    if english > counts[ranked[0]]:
        return ()
    return tuple(ranked)
