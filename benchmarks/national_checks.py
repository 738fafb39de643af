"""Compare the product's rules for numbers that have a check with python-stdnum.

    python benchmarks/national_checks.py --stdnum PYTHON [--n 1000] [--seed 1] [--only RULE ...]

PYTHON is the interpreter of an environment of its own that has python-stdnum (LGPL; nothing of it
is installed with the product). For every kind that both know: n numbers that stdnum accepts, and
each of them with one character changed. A rule accepts a number when its expression matches all of
it, compact or as stdnum writes it, and its check confirms. Prints the disagreements both ways, and
why those that stay are meant. Exit code 1 when there is one that is not meant.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from railwright.detectors import Rule, load_packs
from railwright.detectors._confirm import get as check_of
from railwright.detectors._rules import fold_pattern

PEER = Path(__file__).parent / "peers" / "stdnum_numbers.py"


class Kind(NamedTuple):
    """A kind of number that both know.

    Attributes:
        rules: ids of the rules that find it; one must accept.
        module: stdnum's module.
        claimed: the forms that the rules claim; "": all.
        stricter: why the rules reject what stdnum accepts; "": they must not.
        looser: why they accept what stdnum rejects; "": they must not.
    """

    rules: tuple[str, ...]
    module: str
    claimed: str = ""
    stricter: str = ""
    looser: str = ""


NO_DATE = "stdnum does not read the date of birth"
FUTURE = "stdnum rejects dates of birth that have not come"
DAY = "30 February is taken for a day"
CENTURY = "a date is taken without its century, so that 29 February may stand in a common year"
#: Stdnum takes months from 41 to 49 and from 91 to 99 too.
CZECH = r"\d\d(?:[05][1-9]|[16][0-2]|[27][1-9]|[38][0-2])\d{6}"
KINDS = (
    Kind(("ar-cuit", "ar-cuit-named"), "ar.cuit"),
    Kind(("at-svnr",), "at.vnr", r"\d{4}(?:0[1-9]|[12]\d|3[01])(?:0[1-9]|1[0-2])\d\d"),
    Kind(("au-abn",), "au.abn"),
    Kind(("au-tfn",), "au.tfn", r"\d{9}"),
    Kind(("ee-lt-code",), "ee.ik", "[1-6].*", looser=FUTURE),
    Kind(("ee-lt-code",), "lt.asmens", "[1-6].*", looser=FUTURE),
    Kind(("be-national", "be-national-named"), "be.nn", looser=NO_DATE),
    Kind(("bg-egn",), "bg.egn", looser=CENTURY),
    Kind(("br-cnpj", "br-cnpj-named"), "br.cnpj", r"\d{14}"),
    Kind(("br-cpf", "br-cpf-named"), "br.cpf"),
    Kind(("ca-sin", "ca-sin-named"), "ca.sin"),
    Kind(("ch-ahv",), "ch.ssn"),
    Kind(("cl-rut", "cl-rut-named"), "cl.rut"),
    Kind(("cn-id",), "cn.ric", r"[1-8]\d{5}(?:19|20).*"),
    Kind(("cz-sk-rc", "cz-sk-rc-named"), "cz.rc", CZECH),
    Kind(("cz-sk-rc", "cz-sk-rc-named"), "sk.rc", CZECH),
    Kind(("de-idnr",), "de.idnr"),
    Kind(("dk-cpr",), "dk.cpr", looser=FUTURE),
    Kind(("ec-cedula",), "ec.ci"),
    Kind(("es-dni",), "es.dni"),
    Kind(("es-dni",), "es.nie", "[XYZ].*"),
    Kind(("fi-hetu",), "fi.hetu"),
    Kind(("fr-nir",), "fr.nir", r"[1-478]\d\d(?:0[1-9]|1[0-2]|[2-9]\d).*"),
    Kind(("gr-amka",), "gr.amka"),
    Kind(("hr-oib",), "hr.oib"),
    Kind(("iban",), "iban"),
    Kind(
        ("id-nik",),
        "id.nik",
        r"\d{6}(?:[0-6]\d|7[01]).*",
        looser="the district is not looked up",
    ),
    Kind(("ie-pps",), "ie.pps", looser="second letters C to I are taken too"),
    Kind(("il-id",), "il.idnr"),
    Kind(("imei",), "imei", r"\d{15}"),
    Kind(("in-aadhaar",), "in_.aadhaar"),
    Kind(("in-pan",), "in_.pan"),
    Kind(
        ("is-kennitala",),
        "is_.kennitala",
        "[0-3].*",
        looser="the date alone is checked, beside the word that names it",
    ),
    Kind(("it-cf",), "it.codicefiscale", ".{16}"),
    Kind(("jmbg",), "si.emso"),
    Kind(("jp-my-number",), "jp.in_"),
    Kind(
        ("kr-rrn", "kr-rrn-named"),
        "kr.rrn",
        r"\d{6}[1-8].*",
        looser="numbers have no check digit since October 2020",
    ),
    Kind(
        ("lv-code", "lv-code-named"),
        "lv.pvn",
        "[0-3].*",
        looser="numbers that start with 32 need no check digit",
    ),
    Kind(("mx-curp",), "mx.curp", ".[AEIOUX].*", looser="the state is not looked up"),
    Kind(("mx-rfc",), "mx.rfc", ".{12,13}", looser=DAY),
    Kind(("my-nric", "my-nric-named"), "my.nric"),
    Kind(("nl-bsn",), "nl.bsn"),
    Kind(("no-fnr",), "no.fodselsnummer"),
    Kind(("nz-ird",), "nz.ird"),
    Kind(("pk-cnic", "pk-cnic-named"), "pk.cnic"),
    Kind(("pl-pesel",), "pl.pesel"),
    Kind(("pt-nif",), "pt.nif", "(?:[123568]|45|7[01245789]|9[0189]).*"),
    Kind(("ro-cnp",), "ro.cnp"),
    Kind(("ru-inn",), "ru.inn", r"\d{12}"),
    Kind(("se-personnummer",), "se.personnummer"),
    Kind(("th-id", "th-id-named"), "th.pin"),
    Kind(("tr-kimlik",), "tr.tckimlik"),
    Kind(("ua-tax",), "ua.rntrc"),
    Kind(("uk-nhs",), "gb.nhs"),
    Kind(
        ("us-routing",),
        "us.rtn",
        r"(?:0\d|1[0-2]|2[1-9]|3[0-2]|6[1-9]|7[0-2]|80).*",
    ),
    Kind(("us-ssn", "us-ssn-named"), "us.ssn"),
    Kind(("za-id",), "za.idnr"),
)


def acceptor(rules: list[Rule]) -> Callable[[list[str]], bool]:
    parts = [
        (re.compile(fold_pattern(r.regex), re.ASCII), check_of(r.confirm) if r.confirm else None)
        for r in rules
    ]
    return lambda forms: any(
        pattern.fullmatch(form) is not None and (check is None or check(form))
        for pattern, check in parts
        for form in forms
    )


def peer(python: str, kinds: list[Kind], n: int, seed: int) -> dict[str, Any]:
    wanted = {kind.module: [kind.module, kind.claimed] for kind in kinds}
    done = subprocess.run(
        [python, str(PEER)],
        input=json.dumps({"kinds": wanted, "n": n, "seed": seed}),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def compare(kind: Kind, accept: Callable[[list[str]], bool], got: dict[str, Any]) -> bool:
    """Print one kind; say whether every disagreement is meant."""
    numbers = [(forms, True) for forms in got["valid"]]
    numbers += list(zip(got["changed"], got["accepts"], strict=True))
    wanted = [(forms, theirs) for forms, theirs in numbers if claimed(kind, forms[0])]
    differ = [(forms[1], theirs) for forms, theirs in wanted if accept(forms) != theirs]
    rejected = [text for text, theirs in differ if theirs]
    accepted = [text for text, theirs in differ if not theirs]
    valid = sum(theirs for _, theirs in wanted)
    print(f"{kind.module:18} {valid:5} valid {len(wanted) - valid:5} not", end="")
    fine = True
    for what, texts, reason in (
        ("rejected", rejected, kind.stricter),
        ("accepted", accepted, kind.looser),
    ):
        if texts:
            print(
                f"; {len(texts)} {what} ({reason or 'NOT MEANT'}): {', '.join(texts[:3])}", end=""
            )
            fine = fine and bool(reason)
    print()
    return fine


def claimed(kind: Kind, number: str) -> bool:
    return not kind.claimed or re.fullmatch(kind.claimed, number) is not None


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--stdnum", required=True, metavar="PYTHON")
    parser.add_argument("--n", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", nargs="*", default=[])
    options = parser.parse_args()
    rules = {rule.id: rule for rule in load_packs(["pii"])[0].rules}
    kinds = [k for k in KINDS if not options.only or set(options.only) & {*k.rules, k.module}]
    got = peer(options.stdnum, kinds, options.n, options.seed)
    fine = [compare(k, acceptor([rules[r] for r in k.rules]), got[k.module]) for k in kinds]
    print(f"{sum(fine)} of {len(fine)} kinds without a disagreement that is not meant")
    return 0 if all(fine) else 1


if __name__ == "__main__":
    sys.exit(main())
