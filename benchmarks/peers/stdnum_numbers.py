"""Valid and spoilt numbers by python-stdnum, in an environment of its own.

    python stdnum_numbers.py < request.json > answer.json     (needs python-stdnum)

Request: ``{"kinds": {NAME: [MODULE, CLAIMED], ...}, "n": 1000, "seed": 1}``; a module is the part
after ``stdnum.``, ``CLAIMED`` an expression for the forms that are wanted ("": all). Answer, for
each name: ``valid`` (up to n different numbers that the module accepts), ``changed`` (the same with
one character changed to another of its class) and ``accepts`` (whether the module accepts that
one). Numbers are pairs: compact, and as the module writes them.

Numbers are found by a walk: from a number in the module's own documentation, two to five
characters change at a time, and every number that the module accepts is kept and walked on from.
Nothing of the product decides what is valid.
"""

from __future__ import annotations

import importlib
import json
import random
import re
import string
import sys
from typing import Any

#: Steps without a new number after which a kind gives what it has.
PATIENCE = 200_000
#: Valid examples where a module's documentation shows none that can be read.
SEEDS = {"bitcoin": ["1NEDqZPvTWRaoho48qXuLLsrYomMXPABfD"]}


def accepts(module: Any, number: str) -> bool:
    try:
        return bool(module.is_valid(number))
    except (KeyError, ValueError):  # a gap in one of the module's own tables
        return False


def ibans(draw: random.Random) -> list[str]:
    """Return one number for each country of the module's table."""
    from stdnum import iban

    out = []
    for _, country, _, known, _ in iban._ibandb.prefixes:
        sizes = re.findall(r"(\d+)!([nac])", known.get("bban", ""))
        letters = {"n": string.digits, "a": string.ascii_uppercase, "c": string.digits}
        bban = "".join(draw.choice(letters[kind]) for size, kind in sizes for _ in range(int(size)))
        number = country + iban.calc_check_digits(f"{country}00{bban}") + bban
        if len(country) == 2 and iban.is_valid(number, check_country=False):
            out.append(number)
    return out


def examples(module: Any, draw: random.Random) -> list[str]:
    """Return the numbers that the module's documentation gives as valid."""
    name = module.__name__.removeprefix("stdnum.")
    if name == "iban":
        return ibans(draw)
    quoted = re.findall(r"['\"]([\w .,/+\-=#&:*]{4,40})['\"]", module.__doc__ or "")
    found = [module.compact(text) for text in quoted if accepts(module, text)]
    return found or SEEDS.get(name, [])


def other(char: str, draw: random.Random) -> str:
    for alphabet in (string.digits, string.ascii_uppercase, string.ascii_lowercase):
        if char in alphabet:
            return draw.choice(alphabet.replace(char, ""))
    return char


def spoilt(number: str, count: int, draw: random.Random) -> str:
    places = [i for i, char in enumerate(number) if char.isalnum()]
    chars = list(number)
    for place in draw.sample(places, min(count, len(places))):
        chars[place] = other(chars[place], draw)
    return "".join(chars)


def walk(module: Any, claimed: str, n: int, draw: random.Random) -> list[str]:
    seeds = examples(module, draw)
    if not seeds:
        raise LookupError(f"{module.__name__} documents no valid number")
    found = dict.fromkeys(seeds)
    trail, idle = list(seeds), 0
    while len(trail) < 3 * n + 50 and idle < PATIENCE:
        idle += 1
        tried = spoilt(draw.choice(trail[-60:]), draw.choice((2, 2, 2, 3, 4, 5)), draw)
        fits = tried not in found and (not claimed or re.fullmatch(claimed, tried))
        if fits and accepts(module, tried):
            found[tried] = None
            trail.append(tried)
            idle = 0
    fresh = trail[len(seeds) :]  # the documented ones may be in the product's own tests
    draw.shuffle(fresh)
    return fresh[:n]


def numbers(module: Any, claimed: str, n: int, draw: random.Random) -> dict[str, list[Any]]:
    valid = walk(module, claimed, n, draw)
    changed = [spoilt(number, 1, draw) for number in valid]
    write = getattr(module, "format", lambda number: number)
    return {
        "valid": [(number, write(number)) for number in valid],
        "changed": [(number, write(number)) for number in changed],
        "accepts": [accepts(module, number) for number in changed],
    }


def main() -> int:
    request = json.load(sys.stdin)
    answer = {}
    for name, (path, claimed) in request["kinds"].items():
        draw = random.Random(f"{request['seed']} {name}")
        module = importlib.import_module(f"stdnum.{path}")
        answer[name] = numbers(module, claimed, request["n"], draw)
    print(json.dumps(answer))
    return 0


if __name__ == "__main__":
    sys.exit(main())
