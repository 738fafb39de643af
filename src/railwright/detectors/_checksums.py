"""Check digits of identifiers, from their published definitions.

Every function takes the identifier without separators and returns whether its check holds.
"""

from __future__ import annotations

import string
from itertools import cycle
from operator import mul


# Verhoeff (1969): multiplication in the dihedral group D5, and a permutation for each place.
def _dihedral(i: int, j: int) -> int:
    if i < 5:
        return (i + j) % 5 if j < 5 else 5 + (i + j - 5) % 5
    return 5 + (i - 5 - j) % 5 if j < 5 else (i - j) % 5


_P1 = (1, 5, 7, 6, 2, 8, 3, 0, 9, 4)


def _permute(place: int, digit: int) -> int:
    for _ in range(place):
        digit = _P1[digit]
    return digit


_DIHEDRAL = tuple(tuple(_dihedral(i, j) for j in range(10)) for i in range(10))
_PERMUTED = tuple(tuple(_permute(place, digit) for digit in range(10)) for place in range(8))


def verhoeff(digits: str) -> bool:
    """Check Verhoeff's scheme; used by India's Aadhaar number."""
    check = 0
    for value, permuted in zip(reversed(values(digits)), cycle(_PERMUTED)):
        check = _DIHEDRAL[check][permuted[value]]
    return check == 0


# What a doubled digit adds: the sum of the digits of its double.
_DOUBLED = bytes((0, 2, 4, 6, 8, 1, 3, 5, 7, 9, *range(10, 256)))
_VALUES = bytes(max(0, code - ord("0")) for code in range(256))


def values(digits: str) -> bytes:
    """Return the values of digits.

    Raises:
        ValueError: one is no digit.
    """
    if digits.isascii() and digits.isdigit():
        return digits.encode().translate(_VALUES)
    return bytes(map(int, digits))


_NO_DIGITS = bytes(code for code in range(256) if chr(code) not in string.digits)


def values_in(text: str) -> bytes:
    """Return the values of the ASCII digits of a text, whatever else it holds."""
    return text.encode().translate(_VALUES, _NO_DIGITS)


def luhn(digits: str) -> bool:
    """Check ISO/IEC 7812-1 annex B (modulus 10, double-add-double); used by payment cards."""
    return luhn_of(values(digits))


def luhn_of(found: bytes) -> bool:
    """Check as ``luhn`` does, given the values of the digits."""
    return (sum(found[-1::-2]) + sum(found[-2::-2].translate(_DOUBLED))) % 10 == 0


def is_varied(digits: str | bytes) -> bool:
    """Say whether digits are not all alike."""
    return digits.count(digits[:1]) < len(digits)  # type: ignore[arg-type]


# A letter to its number, from 10 for A.
_LETTERS = {ord("A") + place: str(10 + place) for place in range(26)}


def iban(text: str) -> bool:
    """Check ISO 7064 mod 97-10 as ISO 13616 applies it to an IBAN."""
    head, rest = text[:4].upper(), text[4:]
    # Numbers of an account are digits mostly, and a table is slow on what it does not hold.
    rest = rest if rest.isdecimal() else rest.upper().translate(_LETTERS)
    return int(rest + head.translate(_LETTERS)) % 97 == 1


def iso7064_11_10(digits: str) -> bool:
    """Check ISO 7064 mod 11,10; used by the German tax number (IdNr)."""
    product = 10
    for char in digits[:-1]:
        total = (int(char) + product) % 10 or 10
        product = total * 2 % 11
    return (11 - product) % 10 == int(digits[-1])


def weighted(digits: str, weights: tuple[int, ...]) -> int:
    """Return the sum of digit times weight."""
    if len(digits) != len(weights):
        raise ValueError(f"{len(digits)} digits, {len(weights)} weights")
    return sum(map(mul, values(digits), weights))


def german_tax_id(digits: str) -> bool:
    """Check an IdNr: not starting with 0, one digit two or three times in the first ten."""
    counts = sorted((digits[:10].count(d) for d in set(digits[:10])), reverse=True)
    return digits[0] != "0" and counts[0] in {2, 3} and counts[1] == 1 and iso7064_11_10(digits)


def nhs_number(digits: str) -> bool:
    """Check an NHS number of England: modulus 11, weights 10 to 2."""
    check = 11 - weighted(digits[:9], (10, 9, 8, 7, 6, 5, 4, 3, 2)) % 11
    return check != 10 and check % 11 == int(digits[9])


def dutch_bsn(digits: str) -> bool:
    """Check a Dutch BSN (the eleven test): weights 9 to 2, then -1."""
    return int(digits) != 0 and weighted(digits, (9, 8, 7, 6, 5, 4, 3, 2, -1)) % 11 == 0


def polish_pesel(digits: str) -> bool:
    """Check a PESEL: weights 1, 3, 7, 9 repeated, and a possible date of birth."""
    month = int(digits[2:4]) % 20
    valid_date = 1 <= month <= 12 and 1 <= int(digits[4:6]) <= 31
    return valid_date and weighted(digits, (1, 3, 7, 9, 1, 3, 7, 9, 1, 3, 1)) % 10 == 0


def french_nir(text: str) -> bool:
    """Check a French NIR: the last two digits are 97 minus the rest modulo 97 (Corsica: 2A, 2B)."""
    body = text[:13].upper().replace("2A", "19").replace("2B", "18")
    return body.isdigit() and 97 - int(body) % 97 == int(text[13:15])


def spanish_dni(text: str) -> bool:
    """Check a DNI or NIE: the letter at place number modulo 23 of the official table.

    K, L and M, of those without either, count as nothing.
    """
    first = {"X": "0", "Y": "1", "Z": "2", "K": "", "L": "", "M": ""}
    digits = first.get(text[0].upper(), text[0]) + text[1:-1]
    return "TRWAGMYFPDXBNJZSQVHLCKE"[int(digits) % 23] == text[-1].upper()


_ODD_PLACES = (
    1,
    0,
    5,
    7,
    9,
    13,
    15,
    17,
    19,
    21,
    2,
    4,
    18,
    20,
    11,
    3,
    6,
    8,
    12,
    14,
    16,
    10,
    22,
    25,
    24,
    23,
)


def italian_codice_fiscale(text: str) -> bool:
    """Check a codice fiscale: its own table for odd places, the letter modulo 26."""
    total = 0
    for index, char in enumerate(text[:15].upper()):
        rank = int(char) if char.isdigit() else ord(char) - 65
        total += rank if index % 2 else _ODD_PLACES[rank]
    return chr(65 + total % 26) == text[15].upper()


def brazilian_cpf(digits: str) -> bool:
    """Check a CPF: two check digits modulus 11; not all digits equal."""
    if len(set(digits)) == 1:
        return False
    for size in (9, 10):
        weights = tuple(range(size + 1, 1, -1))
        if weighted(digits[:size], weights) * 10 % 11 % 10 != int(digits[size]):
            return False
    return True


def chinese_id(text: str) -> bool:
    """Check a Chinese resident identity number: ISO 7064 mod 11-2 (GB 11643-1999)."""
    weights = tuple(pow(2, 17 - i, 11) for i in range(17))
    return "10X98765432"[weighted(text[:17], weights) % 11] == text[17].upper()


def belgian_national(digits: str) -> bool:
    """Check a Belgian national number: 97 minus the first nine modulo 97 (2 before, from 2000)."""
    check = int(digits[9:])
    return any(97 - int(prefix + digits[:9]) % 97 == check for prefix in ("", "2"))


def us_ssn(digits: str) -> bool:
    """Check the ranges that the US never issues; a social security number has no check digit."""
    area, group, serial = digits[:3], digits[3:5], digits[5:]
    return area not in {"000", "666"} and area < "900" and group != "00" and serial != "0000"
