"""Sentences for labelled texts in three parts that share none: rules were mended after looking at
``dev``, then at ``test``; ``final`` was read once, after both.

``{v}`` is the value, ``{t}`` what the number is called. Of the named sentences of either part one
in five has the name after the value.
"""

from __future__ import annotations

NAMED = {
    "dev": (
        "My {t} is {v}.",
        "{t}: {v}",
        "Please update the {t} {v} in your records before Friday.",
        "I was asked for my {t}, here it is: {v}, thank you.",
        "{v} is my {t}.",
    ),
    "test": (
        "{t} {v}",
        "The {t} on file is {v} and has not changed since 2019.",
        'Customer wrote: "{t} = {v}" and nothing else.',
        "{t} no. {v}, issued last year",
        "Could you check whether {v} is the right {t}?",
    ),
    "final": (
        "As for the {t}, we have {v} here.",
        "{t} - {v}",
        "he gave us his {t} ({v}) on the phone",
        "Form 7, field 3, {t}: {v}; field 4 is empty.",
        "{v} ({t})",
    ),
}
BARE = {
    "dev": (
        "Please look up {v} for me.",
        "It should be {v}, right?",
        "{v}",
        "We received {v} this morning.",
    ),
    "test": (
        "Here you go: {v}",
        "Can you find anything under {v}?",
        "I think {v} is wrong.",
        "{v} - thanks!",
    ),
    "final": (
        "Is {v} known to you?",
        "Then they sent {v} and nothing more.",
        "Subject: {v}",
        "{v} does not work",
    ),
}
#: For each language: how a phone, a card and a birthday are given, and a value without a word.
LOCAL = {
    "dev": {
        "en": ("My phone number is {v}.", "The card is {v}.", "I was born on {v}.", "It is {v}."),
        "de": (
            "Meine Telefonnummer ist {v}.",
            "Meine Kreditkarte: {v}.",
            "Ich bin am {v} geboren.",
            "Hier bitte: {v}.",
        ),
        "fr": (
            "Mon numéro de téléphone est le {v}.",
            "Ma carte bancaire : {v}.",
            "Date de naissance : {v}.",
            "Voici : {v}.",
        ),
        "es": (
            "Mi número de teléfono es {v}.",
            "Mi tarjeta de crédito es {v}.",
            "Fecha de nacimiento: {v}.",
            "Aquí está: {v}.",
        ),
        "pt": (
            "Meu telefone é {v}.",
            "Meu cartão de crédito é {v}.",
            "Data de nascimento: {v}.",
            "Aqui está: {v}.",
        ),
        "nl": (
            "Mijn telefoonnummer is {v}.",
            "Mijn creditcard is {v}.",
            "Geboortedatum: {v}.",
            "Hier is het: {v}.",
        ),
        "pl": (
            "Mój numer telefonu to {v}.",
            "Numer karty: {v}.",
            "Data urodzenia: {v}.",
            "Proszę: {v}.",
        ),
        "sv": (
            "Mitt telefonnummer är {v}.",
            "Mitt kortnummer är {v}.",
            "Född {v}.",
            "Här är det: {v}.",
        ),
        "ja": ("電話番号は{v}です。", "カード番号は{v}です。", "生年月日: {v}", "これです: {v}"),
    },
    "test": {
        "en": ("Ring me on {v} after six.", "Charge it to {v}.", "Birthday: {v}.", "See {v}."),
        "de": (
            "Sie erreichen mich mobil unter {v}.",
            "Bitte belasten Sie die Karte {v}.",
            "geb. {v}",
            "Gemeint ist {v}.",
        ),
        "fr": ("Appelez-moi au {v}.", "La carte {v} est bloquée.", "Né le {v}.", "C'est {v}."),
        "it": (
            "Il mio numero di telefono è {v}.",
            "La mia carta di credito è {v}.",
            "Data di nascita: {v}.",
            "Eccolo: {v}.",
        ),
        "es": ("Llámame al {v}.", "La tarjeta {v} no funciona.", "Nací el {v}.", "Es {v}."),
        "pt": ("Ligue para {v}.", "O cartão {v} foi bloqueado.", "Nasci em {v}.", "É {v}."),
        "tr": (
            "Telefon numaram {v}.",
            "Kart numaram {v}.",
            "Doğum tarihi: {v}.",
            "İşte burada: {v}.",
        ),
        "ru": ("Мой номер телефона {v}.", "Номер карты: {v}.", "Дата рождения: {v}.", "Вот: {v}."),
        "uk": (
            "Мій номер телефону {v}.",
            "Номер картки: {v}.",
            "Дата народження: {v}.",
            "Ось: {v}.",
        ),
        "cs": ("Můj telefon je {v}.", "Číslo karty: {v}.", "Datum narození: {v}.", "Tady: {v}."),
        "da": ("Mit telefonnummer er {v}.", "Kortnummer: {v}.", "Fødselsdato: {v}.", "Her: {v}."),
        "no": ("Telefonnummeret mitt er {v}.", "Kortnummer: {v}.", "Født {v}.", "Her er det: {v}."),
        "fi": (
            "Puhelinnumeroni on {v}.",
            "Korttini numero on {v}.",
            "Syntynyt {v}.",
            "Tässä: {v}.",
        ),
        "hu": ("A telefonszámom {v}.", "Kártyaszám: {v}.", "Születési dátum: {v}.", "Tessék: {v}."),
        "ro": (
            "Numărul meu de telefon este {v}.",
            "Numărul cardului: {v}.",
            "Data nașterii: {v}.",
            "Poftim: {v}.",
        ),
        "el": (
            "Το τηλέφωνό μου είναι {v}.",
            "Αριθμός κάρτας: {v}.",
            "Ημερομηνία γέννησης: {v}.",
            "Ορίστε: {v}.",
        ),
        "ko": ("전화번호는 {v}입니다.", "카드 번호는 {v}입니다.", "생년월일: {v}", "여기: {v}"),
        "zh": ("我的电话是{v}。", "卡号是{v}。", "出生日期：{v}", "在这里：{v}"),
        "vi": ("Số điện thoại của tôi là {v}.", "Số thẻ: {v}.", "Ngày sinh: {v}.", "Đây: {v}."),
        "id": ("Nomor telepon saya {v}.", "Nomor kartu: {v}.", "Tanggal lahir: {v}.", "Ini: {v}."),
    },
    "final": {
        "en": (
            "You can get me at {v} during the day.",
            "Paid with {v} yesterday.",
            "He turned 40, born {v}.",
            "Take {v}.",
        ),
        "es": (
            "Mi celular: {v}.",
            "Pagué con la tarjeta {v}.",
            "Fecha de nac.: {v}.",
            "Tome {v}.",
        ),
        "nl": (
            "Bel mij op {v}.",
            "Betaald met kaart {v}.",
            "Ik ben geboren op {v}.",
            "Dit is {v}.",
        ),
        "sk": (
            "Moje telefónne číslo je {v}.",
            "Číslo karty: {v}.",
            "Dátum narodenia: {v}.",
            "Tu: {v}.",
        ),
        "hr": (
            "Moj broj telefona je {v}.",
            "Broj kartice: {v}.",
            "Datum rođenja: {v}.",
            "Evo: {v}.",
        ),
        "bg": ("Телефонът ми е {v}.", "Номер на карта: {v}.", "Роден на {v}.", "Ето: {v}."),
        "lt": (
            "Mano telefono numeris {v}.",
            "Kortelės numeris: {v}.",
            "Gimimo data: {v}.",
            "Štai: {v}.",
        ),
        "sl": (
            "Moja telefonska številka je {v}.",
            "Številka kartice: {v}.",
            "Datum rojstva: {v}.",
            "Tukaj: {v}.",
        ),
        "he": ("הטלפון שלי הוא {v}.", "מספר כרטיס: {v}.", "תאריך לידה: {v}.", "הנה: {v}."),
        "th": ("เบอร์โทรของฉันคือ {v}", "หมายเลขบัตร: {v}", "วันเกิด: {v}", "นี่: {v}"),
        "ar": ("رقم هاتفي {v}.", "رقم البطاقة: {v}.", "تاريخ الميلاد: {v}.", "تفضل: {v}."),
    },
}
#: Where phones come from: the region, Faker's locale, the language of the sentence.
PLACES = {
    "dev": (
        ("US", "en_US", "en"),
        ("IN", "en_IN", "en"),
        ("DE", "de_DE", "de"),
        ("FR", "fr_FR", "fr"),
        ("ES", "es_ES", "es"),
        ("BR", "pt_BR", "pt"),
        ("NL", "nl_NL", "nl"),
        ("PL", "pl_PL", "pl"),
        ("SE", "sv_SE", "sv"),
        ("JP", "ja_JP", "ja"),
    ),
    "test": (
        ("GB", "en_GB", "en"),
        ("CA", "en_CA", "en"),
        ("AU", "en_AU", "en"),
        ("AT", "de_AT", "de"),
        ("CH", "fr_CH", "fr"),
        ("IT", "it_IT", "it"),
        ("MX", "es_MX", "es"),
        ("PT", "pt_PT", "pt"),
        ("TR", "tr_TR", "tr"),
        ("RU", "ru_RU", "ru"),
        ("UA", "uk_UA", "uk"),
        ("CZ", "cs_CZ", "cs"),
        ("DK", "da_DK", "da"),
        ("NO", "no_NO", "no"),
        ("FI", "fi_FI", "fi"),
        ("HU", "hu_HU", "hu"),
        ("RO", "ro_RO", "ro"),
        ("GR", "el_GR", "el"),
        ("KR", "ko_KR", "ko"),
        ("CN", "zh_CN", "zh"),
        ("VN", "vi_VN", "vi"),
        ("ID", "id_ID", "id"),
    ),
    "final": (
        ("NZ", "en_NZ", "en"),
        ("PH", "en_PH", "en"),
        ("AR", "es_AR", "es"),
        ("CL", "es_CL", "es"),
        ("CO", "es_CO", "es"),
        ("BE", "nl_BE", "nl"),
        ("SK", "sk_SK", "sk"),
        ("HR", "hr_HR", "hr"),
        ("BG", "bg_BG", "bg"),
        ("LT", "lt_LT", "lt"),
        ("SI", "sl_SI", "sl"),
        ("IL", "he_IL", "he"),
        ("TH", "th_TH", "th"),
        ("AE", "ar_AE", "ar"),
    ),
}
