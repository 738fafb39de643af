"""Check digits of national numbers, reading of packs, and the linter."""

from pathlib import Path

import pytest

from railwright.detectors import PackError, RulePack, lint_packs, load_packs
from railwright.detectors import _national as national
from railwright.detectors._regex import RegexError, parse
from railwright.detectors._rules import BUILT_IN
from railwright.system import format_problem

# Specimens published by the issuing authorities or in the standards, and their digits.
VALID = {
    "argentine_cuit": "20267565393",
    "australian_abn": "51824753556",
    "australian_medicare": "2123456701",
    "australian_tfn": "123456782",
    "austrian_svnr": "1237010180",
    "baltic_code": "37605030299",
    "brazilian_cnpj": "11222333000181",
    "bulgarian_egn": "7523169263",
    "canadian_sin": "046454286",
    "chilean_rut": "760864285",
    "croatian_oib": "69435151530",
    "czech_rc": "7103192745",
    "ean13": "7569217076985",
    "ecuadorian_cedula": "1710034065",
    "finnish_hetu": "131052-308T",
    "german_health": "A123456780",
    "german_pension": "15070649C103",
    "greek_amka": "01013099997",
    "hong_kong_id": "A1234563",
    "irish_pps": "1234567T",
    "israeli_id": "123456782",
    "japanese_my_number": "123456789018",
    "latvian_code": "16117519997",
    "mexican_curp": "BOXW310820HNERXN09",
    "mrz_line": "L898902C36UTO7408122F1204159",
    "new_zealand_ird": "49091850",
    "norwegian_fnr": "01010750160",
    "portuguese_nif": "123456789",
    "romanian_cnp": "1800101221144",
    "russian_inn": "500100732259",
    "russian_snils": "11223344595",
    "singapore_nric": "S1234567D",
    "south_african_id": "8001015009087",
    "swedish_personnummer": "8112189876",
    "taiwanese_id": "A123456789",
    "thai_id": "1234567890121",
    "turkish_kimlik": "10000000146",
    "ukrainian_tax": "1759013776",
    "us_dea": "AB1234563",
    "us_npi": "1234567893",
    "us_routing": "021000021",
    "vin": "1M8GDM9AXKP042788",
    "yugoslav_jmbg": "0101006500006",
}


@pytest.mark.parametrize("name", VALID)
def test_check_digits_hold_and_notice_most_changed_digits(name: str) -> None:
    check = getattr(national, name)
    number = VALID[name]
    assert check(number)
    changed = [
        number[:i] + str((int(c) + step) % 10) + number[i + 1 :]
        for i, c in enumerate(number)
        if c.isdigit()
        for step in range(1, 10)
    ]
    missed = [text for text in changed if check(text)]
    # A modulus lets few through; a rest of 10 or 11 written as one digit lets through some more.
    assert len(missed) <= 0.2 * len(changed), missed


def test_every_built_in_pack_passes_the_linter() -> None:
    report = lint_packs(BUILT_IN, ["We sent the parcel on Monday; it weighs 2.5 kg."])
    assert report.faults == ()
    assert report.false_hits == ()
    assert report.rules == sum(len(pack.rules) for pack in load_packs())
    assert report.texts == 1


PACK = """schema: rules/v1
pack: custom
rules:
  - id: customer
    label: customer_number
    regex: '{regex}'
    examples: {{match: ['[[C-12345]] here'], no_match: ['C-1']}}
"""


def write(folder: Path, regex: str, extra: str = "") -> Path:
    path = folder / "custom.yaml"
    path.write_text(PACK.format(regex=regex) + extra, encoding="utf-8")
    return path


def test_an_own_pack_is_read_and_its_false_hits_are_shown(tmp_path: Path) -> None:
    path = write(tmp_path, r"\bC-\d{5}\b")
    assert load_packs([path])[0].rules[0].max_length == 7
    report = lint_packs([tmp_path], ["room C-54321", "nothing"])
    assert report.faults == ()
    assert [(h.rule, h.texts, h.of, h.shown) for h in report.false_hits] == [
        ("customer", 1, 2, ("C-54321",))
    ]
    path = write(tmp_path, r"C-\d{6}")
    assert [format_problem(fault) for fault in lint_packs([path]).faults] == [
        f"{path}:7:24: error [example] rule 'customer': does not find 'C-12345' in 'C-12345 here' "
        "-> mend the example or the rule"
    ]


FAULTY = r"""schema: rules/v1
pack: mine
rules:
  - id: open-end
    label: x
    regex: '\bA\d+'
  - id: no-example
    label: x
    regex: '\bB\d{4}\b'
  - id: card
    label: x
    regex: '\b\d{16}\b'
    confirm: luhnn
  - id: no-example
    labl: x
  - id: needs-words
    label: x
    regex: '\b\d{16}\b'
    keywords: ['card', '\bcredit card number of the customer is']
    window: 20
    confirm: luhn
  - id: worded
    label: x
    regex: '\b\d{16}\b'
    keywords: ['card']
    confirm: luhn
    examples:
      match: ['[[4111111111111112]]', 'card [[411111111111]]1111']
      no_match: ['card 4111111111111111', 'card']
  - {id: last, label: x, regex: 'x{3}', not_before: '(a)', alone: 2}
"""


def test_the_linter_names_every_fault_with_its_line_and_mend(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(FAULTY, encoding="utf-8")
    report = lint_packs([path])
    told = [(f.line, f.code, f.message, f.mend) for f in report.faults]
    assert told == [
        (6, "bad-rule", r"rule 'open-end': regex `\bA\d+`: '+' at character 5 has no upper limit",
         "write {m,n}"),
        (7, "missing-example", "rule 'no-example': has no example of what it finds",
         "add `examples: {match: ['... [[what it finds]] ...']}`"),
        (7, "missing-example", "rule 'no-example': has no example of a near miss",
         "add to `examples:` `no_match: ['what only looks like it']`"),
        (13, "bad-rule", "rule 'card': no check is named 'luhnn'", "did you mean luhn?"),
        (14, "duplicate-id", "rule 'no-example': the id stands twice (first on line 7)",
         "rename one of them"),
        (15, "bad-rule", "rule 'no-example': unknown key `labl`", "did you mean `label`?"),
        (19, "bad-rule",
         r"rule 'needs-words': the keyword `\bcredit card number of the customer is` does not fit "
         "in the window", "`window: 37` or more, or a shorter keyword"),
        (28, "example",
         "rule 'worded': does not find '4111111111111112' in '4111111111111112'",
         "mend the example or the rule; it also wants one of its keywords within 60 characters "
         "before it and a text that `luhn` accepts"),
        (28, "example",
         "rule 'worded': does not find '411111111111' in 'card 4111111111111111', but "
         "'4111111111111111'", "mark with [[...]] just what it finds, or mend the rule"),
        (29, "example",
         "rule 'worded': finds '4111111111111111' in 'card 4111111111111111', which is no match",
         "mend the rule, or take the example out of `no_match`"),
        (30, "bad-rule", "rule 'last': not_before must be one character class",
         "write one such as '[A-Za-z0-9]'"),
        (30, "bad-rule", "rule 'last': 0 <= alone <= score <= 1 must hold", "mend the two numbers"),
    ]  # fmt: skip
    assert {f.file for f in report.faults} == {str(path)}
    assert report.rules == 2  # that can be used
    with pytest.raises(
        PackError, match=r"mine.yaml:6:.*has no upper limit.*\(and 6 more\)"
    ) as caught:
        RulePack.load(path)
    assert len(caught.value.problems) == 7  # examples are for the linter alone


def test_an_id_may_stand_in_one_of_several_packs(tmp_path: Path) -> None:
    path = write(tmp_path, r"C-\d{5}")
    other = tmp_path / "other.yaml"
    other.write_text(path.read_text().replace("C-", "D-"), encoding="utf-8")
    (fault,) = lint_packs([path, other]).faults
    assert (fault.file, fault.line, fault.code) == (str(other), 4, "duplicate-id")
    assert fault.message == f"rule 'customer': a rule of {path} has the same id"


@pytest.mark.parametrize(
    ("text", "line", "message", "mend"),
    [
        ("", 1, "is no rule pack", "begin with `schema: rules/v1`, `pack: my-rules` and `rules:`"),
        ("schema: rules/v1\npack: a\n", 1, "`rules` is missing", "add `rules:` with `- id: ...`"),
        ("schema: rules/v2\npack: a\nrules: []\n", 1, "schema is 'rules/v2'", "write `schema:"),
        ("schema: rules/v1\npakc: a\nrules: []\n", 2, "unknown key `pakc`", "mean `pack`?"),
        ("schema: rules/v1\npack: a\nrules:\n  - a: b: c\n", 4, "is not valid YAML", "in quotes"),
        ("schema: rules/v1\npack: a\nrules:\n- {id: 1, label: a, regex: a}\n", 4,
         "rule '1': `id`: expected `str`, got `int`", ""),
    ],
)  # fmt: skip
def test_a_file_that_is_no_pack_says_where(
    tmp_path: Path, text: str, line: int, message: str, mend: str
) -> None:
    path = tmp_path / "p.yaml"
    path.write_text(text, encoding="utf-8")
    (fault,) = lint_packs([path]).faults
    assert (fault.file, fault.line) == (str(path), line)
    assert message in fault.message
    assert mend in fault.mend


def test_a_misspelt_pack_is_guessed() -> None:
    (fault,) = lint_packs(["secret"]).faults
    assert (fault.message, fault.mend) == (
        "there is no such file",
        "check the path; did you mean secrets?",
    )


@pytest.mark.parametrize(
    ("regex", "fault"),
    [
        (r"C-\d+", "has no upper limit"),
        (r"C-\d*", "has no upper limit"),
        (r"C-\d{2,}", "must end at 1000"),
        (r"(?=C)C-\d", "not supported"),
        (r"(C)-\1", "not read alike"),
        (r"C-\d{5}$", "depends on what follows"),
        (r"C?", "matches the empty text"),
        (r"(C-\d{5}", "not closed"),
    ],
)
def test_what_cannot_be_settled_in_a_stream_is_refused(
    tmp_path: Path, regex: str, fault: str
) -> None:
    path = write(tmp_path, regex)
    with pytest.raises(PackError, match=fault) as caught:
        RulePack.load(path)
    assert "rule 'customer'" in str(caught.value)
    assert str(path) in str(caught.value)


def test_ids_must_be_unique_and_keys_known(tmp_path: Path) -> None:
    path = write(tmp_path, r"C-\d{5}")
    with pytest.raises(PackError, match="rename one of them"):
        load_packs([path, path])
    with pytest.raises(PackError, match=r"rule 'customer'.*`scores`.*did you mean `score`"):
        RulePack.load(write(tmp_path, r"C-\d{5}", "    scores: 1\n"))


@pytest.mark.parametrize(
    ("tail", "fault"),
    [
        ("    tail: key-bodi\n", "no tail is named 'key-bodi' -> did you mean key-body?"),
        (
            "    tail: bodies\n",
            "no tail is named 'bodies' -> known: key-body, token-rest, value-rest",
        ),
        ("    tail: key-body\n    not_after: x\n", "a tail ends the finding: not_after"),
    ],
)
def test_a_tail_is_one_of_those_there_are(tmp_path: Path, tail: str, fault: str) -> None:
    with pytest.raises(PackError, match=fault):
        RulePack.load(write(tmp_path, r"C-\d{5}", tail))


def test_a_match_with_its_tail_is_no_longer_than_any_match(tmp_path: Path) -> None:
    tail = "    tail: key-body\n"
    with pytest.raises(PackError, match="it may match 8201 characters; the most is 8192"):
        RulePack.load(write(tmp_path, r"C-\d{199}", tail))
    rule = RulePack.load(write(tmp_path, r"C-\d{9}", tail)).rules[0]
    assert rule.max_length == 8011


def test_longest_and_shortest_match() -> None:
    parsed = parse(r"(?i)\bab{2,5}(?:c|de{0,3}f)?(?P<value>[^x]{3})\b")
    assert (parsed.min_length, parsed.max_length) == (6, 14)
    with pytest.raises(RegexError):
        parse("a{2000}")


def test_the_page_says_how_many_rules_there_are() -> None:
    page = Path(__file__).parents[2] / "docs" / "reference" / "rules.md"
    counts = {pack.pack: len(pack.rules) for pack in load_packs(BUILT_IN)}
    each = ", ".join(f"{count} in `{name}`" for name, count in counts.items())
    line = f"{sum(counts.values())} rules: {each}."
    assert line in page.read_text("utf-8"), f"write into {page.name}: {line}"
