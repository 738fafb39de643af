"""Check digits and structure of national numbers, from their published definitions.

Every function takes the number without separators, letters in any case, and returns whether it can
be one. Numbers without a check digit are tested for possible dates, regions and ranges.
"""

from __future__ import annotations

from railwright.detectors._checksums import is_varied, iso7064_11_10, luhn, weighted


def _date(year: int, month: int, day: int) -> bool:
    """Say whether month and day are possible; the year only decides about 29 February."""
    if not 1 <= month <= 12:
        return False
    long = (31, 29 if year % 4 == 0 else 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
    return 1 <= day <= long[month - 1]


def _ymd(digits: str) -> bool:
    return _date(int(digits[:2]), int(digits[2:4]), int(digits[4:6]))


def _dmy(digits: str) -> bool:
    return _date(int(digits[4:6]), int(digits[2:4]), int(digits[:2]))


def luhn_number(digits: str) -> bool:
    """Check Luhn on digits that are not all alike."""
    return digits.isdigit() and is_varied(digits) and luhn(digits)


def austrian_svnr(digits: str) -> bool:
    """Check an Austrian insurance number: weights modulus 11, check digit in fourth place."""
    body = digits[:3] + digits[4:]
    rest = weighted(body, (3, 7, 9, 5, 8, 4, 2, 1, 6)) % 11
    month = int(digits[6:8])
    date = 1 <= int(digits[4:6]) <= 31 and 1 <= month <= 15
    return digits[0] != "0" and date and rest == int(digits[3])


def ean13(digits: str) -> bool:
    """Check the modulus 10 with weights 1 and 3 that ends a GTIN-13 (Swiss AHV number)."""
    return weighted(digits, (1, 3) * 6 + (1,)) % 10 == 0


def swedish_personnummer(text: str) -> bool:
    """Check a personnummer or coordination number: date of birth and Luhn on ten digits."""
    digits = "".join(c for c in text if c.isdigit())[-10:]
    day = int(digits[4:6])
    return _date(int(digits[:2]), int(digits[2:4]), day - 60 if day > 60 else day) and luhn(digits)


def norwegian_fnr(digits: str) -> bool:
    """Check a birth number: date (D numbers add 40 to the day) and two check digits modulus 11."""
    day = int(digits[:2])
    if not _date(int(digits[4:6]), int(digits[2:4]) % 40, day - 40 if day > 40 else day):
        return False
    first = weighted(digits[:10], (3, 7, 6, 1, 8, 9, 4, 5, 2, 1)) % 11
    return first == 0 and weighted(digits, (5, 4, 3, 2, 7, 6, 5, 4, 3, 2, 1)) % 11 == 0


def danish_cpr(digits: str) -> bool:
    """Check the date of a CPR number; since 2007 its modulus 11 need not hold."""
    return _dmy(digits) and digits[6:] != "0000"


def finnish_hetu(text: str) -> bool:
    """Check a henkilotunnus: date, and the letter at the number modulo 31."""
    digits = text[:6] + text[-4:-1]
    letter = "0123456789ABCDEFHJKLMNPRSTUVWXY"[int(digits) % 31]
    return _dmy(text) and letter == text[-1].upper()


def portuguese_nif(digits: str) -> bool:
    """Check a NIF: weights 9 to 2 modulus 11, first digits in use (45: persons from abroad)."""
    check = 11 - weighted(digits[:8], (9, 8, 7, 6, 5, 4, 3, 2)) % 11
    pairs = {"45", "70", "71", "72", "74", "75", "77", "78", "79", "90", "91", "98", "99"}
    used = digits[0] in "123568" or digits[:2] in pairs
    return used and (0 if check > 9 else check) == int(digits[8])


def irish_pps(text: str) -> bool:
    """Check a PPS number: weights 8 to 2, a second letter A to I weighs 9; modulo 23.

    The second letters T, W and X of older numbers do not count.
    """
    second = text[8:].upper()
    extra = (ord(second) - 64) * 9 if second and second in "ABCDEFGHI" else 0
    rest = (weighted(text[:7], (8, 7, 6, 5, 4, 3, 2)) + extra) % 23
    return "WABCDEFGHIJKLMNOPQRSTUV"[rest] == text[7].upper()


def greek_amka(digits: str) -> bool:
    """Check an AMKA: date of birth and Luhn."""
    return _dmy(digits) and luhn(digits)


def romanian_cnp(digits: str) -> bool:
    """Check a CNP: sex and century, date, county, weights modulus 11."""
    check = weighted(digits[:12], (2, 7, 9, 1, 4, 6, 3, 5, 8, 2, 7, 9)) % 11
    county = int(digits[7:9])
    known = 1 <= county <= 48 or county in {51, 52, 70, 80, 81, 82, 83}
    date = digits[0] != "0" and _ymd(digits[1:])
    return known and date and (1 if check == 10 else check) == int(digits[12])


def bulgarian_egn(digits: str) -> bool:
    """Check an EGN: date (months plus 20 or 40 name the century), weights modulus 11."""
    check = weighted(digits[:9], (2, 4, 8, 5, 10, 9, 7, 3, 6)) % 11 % 10
    month = int(digits[2:4])
    date = month <= 52 and _date(int(digits[:2]), month % 20, int(digits[4:6]))
    return date and check == int(digits[9])


def czech_rc(digits: str) -> bool:
    """Check a rodne cislo of ten digits: date, divisible by 11.

    Women's months are 50 more; where a day's numbers ran out, 20 more again (since 2004).
    """
    if len(digits) != 10:
        return False
    month = int(digits[2:4]) % 50
    date = _date(int(digits[:2]), month - 20 if month > 20 else month, int(digits[4:6]))
    whole = int(digits) % 11 == 0 or (int(digits[:9]) % 11 == 10 and digits[9] == "0")
    return date and whole


def hungarian_taj(digits: str) -> bool:
    """Check a TAJ number: weights 3 and 7, modulus 10."""
    return is_varied(digits) and weighted(digits[:8], (3, 7) * 4) % 10 == int(digits[8])


def yugoslav_jmbg(digits: str) -> bool:
    """Check a JMBG or EMSO: date and weights modulus 11."""
    check = 11 - weighted(digits[:12], (7, 6, 5, 4, 3, 2) * 2) % 11
    date = _date(int(digits[4:7]), int(digits[2:4]), int(digits[:2]))
    return date and (0 if check > 9 else check) == int(digits[12])


def croatian_oib(digits: str) -> bool:
    """Check an OIB: ISO 7064 mod 11,10."""
    return is_varied(digits) and iso7064_11_10(digits)


def baltic_code(digits: str) -> bool:
    """Check an Estonian isikukood or Lithuanian asmens kodas: two rounds of weights modulus 11."""
    check = weighted(digits[:10], (1, 2, 3, 4, 5, 6, 7, 8, 9, 1)) % 11
    if check == 10:
        check = weighted(digits[:10], (3, 4, 5, 6, 7, 8, 9, 1, 2, 3)) % 11 % 10
    return digits[0] in "123456" and _ymd(digits[1:]) and check == int(digits[10])


def latvian_code(digits: str) -> bool:
    """Check a personas kods: weights modulus 11, or the form from 2017 that starts with 32."""
    check = (1101 - weighted(digits[:10], (1, 6, 3, 7, 9, 10, 5, 8, 4, 2))) % 11 % 10
    return digits.startswith("32") or (_dmy(digits) and check == int(digits[10]))


def turkish_kimlik(digits: str) -> bool:
    """Check a T.C. kimlik number: its tenth and eleventh digit."""
    d = [int(c) for c in digits]
    tenth = (7 * sum(d[0:9:2]) - sum(d[1:8:2])) % 10
    return d[0] != 0 and tenth == d[9] and sum(d[:10]) % 10 == d[10]


def south_african_id(digits: str) -> bool:
    """Check a South African identity number: date, citizenship, Luhn."""
    return _ymd(digits) and digits[10] in "012" and luhn(digits)


def korean_rrn(digits: str) -> bool:
    """Check a resident number: date and century; numbers since 2020 have no check digit."""
    return _ymd(digits) and digits[6] in "12345678"


def japanese_my_number(digits: str) -> bool:
    """Check an individual number: weights 6 to 2, 7 to 2, modulus 11."""
    rest = weighted(digits[:11], (6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2)) % 11
    return is_varied(digits) and (0 if rest <= 1 else 11 - rest) == int(digits[11])


def taiwanese_id(text: str) -> bool:
    """Check a Taiwanese identity number: the letter as two digits, weights, modulus 10."""
    code = "ABCDEFGHJKLMNPQRSTUVXYWZIO".index(text[0].upper()) + 10
    total = code // 10 + code % 10 * 9
    return (total + weighted(text[1:], (8, 7, 6, 5, 4, 3, 2, 1, 1))) % 10 == 0


def singapore_nric(text: str) -> bool:
    """Check an NRIC or FIN: weights modulus 11, letter tables by prefix."""
    first = text[0].upper()
    total = weighted(text[1:8], (2, 7, 6, 5, 4, 3, 2))
    total += {"T": 4, "G": 4, "M": 3}.get(first, 0)
    table = {"S": "JZIHGFEDCBA", "T": "JZIHGFEDCBA", "M": "XWUTRQPNJLK"}.get(first, "XWUTRQPNMLK")
    rest = total % 11
    if first == "M":
        rest = 10 - rest
        table = "KLJNPQRTUWX"
    return table[rest] == text[8].upper()


def hong_kong_id(text: str) -> bool:
    """Check an HKID: letters as 10 to 35, a missing first one as 36; modulus 11."""
    body, check = text[:-1].upper(), text[-1].upper()
    values = [36] * (8 - len(body)) + [int(c, 36) for c in body]
    total = sum(v * w for v, w in zip(values, range(9, 1, -1), strict=True))
    return (total + (10 if check == "A" else int(check, 16))) % 11 == 0 and check in "0123456789A"


def malaysian_nric(digits: str) -> bool:
    """Check the date and the place of birth of a MyKad number."""
    unused = {0, 17, 18, 19, 20, 69, 70, 73, 80, 81, 94, 95, 96, 97}
    return _ymd(digits) and int(digits[6:8]) not in unused


def thai_id(digits: str) -> bool:
    """Check a Thai citizen number: weights 13 to 2, modulus 11."""
    total = weighted(digits[:12], tuple(range(13, 1, -1)))
    return digits[0] in "12345678" and (11 - total % 11) % 10 == int(digits[12])


def indonesian_nik(digits: str) -> bool:
    """Check the province and the date of a NIK (women's days plus 40)."""
    day = int(digits[6:8])
    date = _date(int(digits[10:12]), int(digits[8:10]), day - 40 if day > 40 else day)
    return "11" <= digits[:2] <= "96" and date


def australian_tfn(digits: str) -> bool:
    """Check a tax file number: weights modulus 11."""
    return is_varied(digits) and weighted(digits, (1, 4, 3, 7, 5, 8, 6, 9, 10)) % 11 == 0


def australian_medicare(digits: str) -> bool:
    """Check a Medicare card number: weights modulus 10, first digit 2 to 6."""
    check = weighted(digits[:8], (1, 3, 7, 9, 1, 3, 7, 9)) % 10
    return digits[0] in "23456" and check == int(digits[8])


def australian_abn(digits: str) -> bool:
    """Check an ABN: first digit less one, weights modulus 89."""
    lowered = str(int(digits[0]) - 1) + digits[1:]
    weights = (10, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19)
    return digits[0] != "0" and weighted(lowered, weights) % 89 == 0


def new_zealand_ird(digits: str) -> bool:
    """Check an IRD number: weights modulus 11, a second round where the first gives 10."""
    number = digits.zfill(9)
    if not 10_000_000 < int(number) < 150_000_000:
        return False
    check = -weighted(number[:8], (3, 2, 7, 6, 5, 4, 3, 2)) % 11
    if check == 10:
        check = -weighted(number[:8], (7, 4, 3, 2, 5, 2, 7, 6)) % 11
    return check == int(number[8])


def canadian_sin(digits: str) -> bool:
    """Check a social insurance number: Luhn, first digit in use."""
    return digits[0] != "8" and is_varied(digits) and luhn(digits)


def mexican_curp(text: str) -> bool:
    """Check a CURP: date, and its check digit over an alphabet with N tilde (here unused)."""
    plain = text.upper()
    alphabet = "0123456789ABCDEFGHIJKLMN#OPQRSTUVWXYZ"
    total = sum(alphabet.index(c) * (18 - i) for i, c in enumerate(plain[:17]))
    return _ymd(plain[4:10]) and plain[17] == str(-total % 10)


def argentine_cuit(digits: str) -> bool:
    """Check a CUIT or CUIL: kind, weights modulus 11 (10 is written 9)."""
    check = -weighted(digits[:10], (5, 4, 3, 2, 7, 6, 5, 4, 3, 2)) % 11
    kinds = {"20", "23", "24", "25", "26", "27", "30", "33", "34", "50", "51", "55"}
    return digits[:2] in kinds and min(check, 9) == int(digits[10])


def chilean_rut(text: str) -> bool:
    """Check a RUT: weights 2 to 7 from the right, modulus 11, K for 10."""
    total = sum(int(c) * (2 + i % 6) for i, c in enumerate(reversed(text[:-1])))
    return "0123456789K0"[-total % 11] == text[-1].upper()


def ecuadorian_cedula(digits: str) -> bool:
    """Check a cedula: province (30 and 50: issued abroad), third digit, then Luhn."""
    province = "01" <= digits[:2] <= "24" or digits[:2] in {"30", "50"}
    return province and digits[2] in "0123456" and luhn(digits)


def brazilian_cnpj(digits: str) -> bool:
    """Check a CNPJ: two check digits modulus 11."""
    for size in (12, 13):
        weights = tuple((size - 1 - i) % 8 + 2 for i in range(size))
        rest = weighted(digits[:size], weights) % 11
        if (0 if rest < 2 else 11 - rest) != int(digits[size]):
            return False
    return is_varied(digits)


def russian_inn(digits: str) -> bool:
    """Check a personal INN of twelve digits: two check digits modulus 11."""
    first = weighted(digits[:10], (7, 2, 4, 10, 3, 5, 9, 4, 6, 8)) % 11 % 10
    second = weighted(digits[:11], (3, 7, 2, 4, 10, 3, 5, 9, 4, 6, 8)) % 11 % 10
    return is_varied(digits) and (first, second) == (int(digits[10]), int(digits[11]))


def russian_snils(digits: str) -> bool:
    """Check a SNILS: weights 9 to 1, modulus 101."""
    rest = weighted(digits[:9], (9, 8, 7, 6, 5, 4, 3, 2, 1)) % 101 % 100
    return is_varied(digits) and rest == int(digits[9:])


def ukrainian_tax(digits: str) -> bool:
    """Check an RNOKPP: weights modulus 11 modulus 10."""
    check = weighted(digits[:9], (-1, 5, 7, 9, 4, 6, 10, 5, 7)) % 11 % 10
    return is_varied(digits) and check == int(digits[9])


def israeli_id(digits: str) -> bool:
    """Check a teudat zehut: nine digits, Luhn."""
    return int(digits) > 0 and luhn(digits.zfill(9))


def german_pension(text: str) -> bool:
    """Check a Rentenversicherungsnummer: date, letter as two digits, cross sums, modulus 10."""
    plain = text.upper()
    digits = plain[:8] + f"{ord(plain[8]) - 64:02}" + plain[9:11]
    total = 0
    for digit, weight in zip(digits, (2, 1, 2, 5, 7, 1, 2, 1, 2, 1, 2, 1), strict=True):
        total += sum(map(int, str(int(digit) * weight)))
    month = int(plain[4:6])
    return 1 <= int(plain[2:4]) % 50 <= 31 and 1 <= month <= 12 and total % 10 == int(plain[11])


def german_health(text: str) -> bool:
    """Check a Krankenversichertennummer: letter as two digits, weights 1 and 2, cross sums."""
    digits = f"{ord(text[0].upper()) - 64:02}" + text[1:9]
    total = sum(sum(map(int, str(int(d) * w))) for d, w in zip(digits, (1, 2) * 5, strict=True))
    return total % 10 == int(text[9])


def mrz_number(text: str) -> bool:
    """Check the ICAO 9303 digit that ends a document number: weights 7, 3, 1 modulus 10."""
    values = (0 if c == "<" else int(c, 36) for c in text[:-1])
    return sum(v * (7, 3, 1)[i % 3] for i, v in enumerate(values)) % 10 == int(text[-1])


def mrz_line(text: str) -> bool:
    """Check the second line of a passport's machine-readable zone: number, birth, expiry."""
    return all(mrz_number(text[a:b]) for a, b in ((0, 10), (13, 20), (21, 28)))


def us_npi(digits: str) -> bool:
    """Check a US provider number: Luhn with the prefix 80840."""
    return luhn("80840" + digits)


def us_routing(digits: str) -> bool:
    """Check an ABA routing number: weights 3, 7, 1 modulus 10, first digits in use."""
    prefix = int(digits[:2])
    used = prefix <= 12 or 21 <= prefix <= 32 or 61 <= prefix <= 72 or prefix == 80
    return used and int(digits) > 0 and weighted(digits, (3, 7, 1) * 3) % 10 == 0


def us_dea(text: str) -> bool:
    """Check a DEA number: odd places plus twice the even ones end in the last digit."""
    d = [int(c) for c in text[2:]]
    return (d[0] + d[2] + d[4] + 2 * (d[1] + d[3] + d[5])) % 10 == d[6]


def vin(text: str) -> bool:
    """Check a vehicle identification number: transliteration and weights modulus 11 (ISO 3779)."""
    plain = text.upper()
    values = dict(zip("ABCDEFGHJKLMNPRSTUVWXYZ", "12345678123457923456789", strict=True))
    digits = "".join(values.get(c, c) for c in plain)
    weights = (8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2)
    has_both = any(c.isdigit() for c in plain) and any(c.isalpha() for c in plain)
    return has_both and "0123456789X"[weighted(digits, weights) % 11] == plain[8]
