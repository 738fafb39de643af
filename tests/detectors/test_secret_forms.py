"""Credentials in the forms in which people and programs write them."""

from __future__ import annotations

import json
from functools import lru_cache

import pytest
from tests.fuzz.growth import MOST
from tests.fuzz.work import rule_growth

from railwright.detectors import Detection, RuleEngine, get, load_packs
from railwright.detectors._rules import Examples, Rule, examples_of
from railwright.guard import Guard, StreamRedactor, redact_whole

pytest.importorskip("re2", reason="the rule engine needs google-re2")

FORMS = {
    "netrc-password": "machine git.example.org\n  login anna\n  password [[{{alnum:12}}]]\n",
    "curl-user": "$ curl -X POST --proxy-user=anna:[[Tr0ub4dor&3]] https://api.example.org",
    "flag-password": "tool push --registry-token '[[{{lower:24}}]]' image",
    "client-password": "mysqldump --all-databases -p[[S3cretpw]] > all.sql",
    "client-password-apart": "sshpass -p '[[S3cret pw]]' ssh root@host".replace("t p", "tp"),
    "element-password": "<server><id>x</id><password>[[k3strel]]</password></server>",
    "attribute-password": "<setting name='db.secret' value='[[k3strel!47]]'/>",
    "authorization": "Authorization: token [[{{hex:40}}]]",
    "basic-auth": "Authorization: Basic [[dXNlcjpwYXNzd29yZA==]]",
    "assigned": "X-Api-Key: [[{{hex:32}}]]",
    "named-key": "Ocp-Apim-Subscription-Key: [[{{hex:32}}]]",
    "session-cookie": "Cookie: theme=dark; sessionid=[[{{lower:32}}]]; lang=en",
    "session-id": "curl -b PHPSESSID=[[{{lower:26}}]] shop",
    "otpauth-secret": "otpauth://totp/Shop:anna@example.org?issuer=Shop&secret=[[{{base32:32}}]]",
    "private-key-lines": "[[Private-Lines: 2\n{{alnum:64}}\n{{alnum:40}}=]]\n\nThanks",
    "private-key-xml": "<DP>[[{{alnum:86}}==]]</DP>",
    "private-key-jwk": '{"kty": "OKP", "crv": "Ed25519", "d": "[[{{alnum:43}}]]"}',
    "dsn-password": "dsn: app:[[s3cr3tpw]]@tcp(10.0.0.7:3306)/shop",
    "gitlab-token": "[[glpat-{{alnum:44}}.01.{{lower:9}}]]",
    "password-hash": "anna:[[$2y$10${{alnum:53}}]]:1001",
    "password-hash-of-framework": "[[pbkdf2_sha256$600000${{alnum:22}}${{alnum:43}}=]]",
}


def drawn(form: str) -> tuple[str, str]:
    """Return a form's text and the part of it that is to be found."""
    rule = Rule(id="x", label="x", regex="x", examples=Examples(match=(form,)))
    ((text, span),) = examples_of(rule)
    assert span is not None
    return text, text[span[0] : span[1]]


@lru_cache
def engine() -> RuleEngine:
    return RuleEngine(load_packs(["pii", "secrets"]))


def found(text: str) -> list[Detection]:
    return get("secrets").detect(text)


@pytest.mark.parametrize("rule", FORMS)
def test_a_form_is_found_and_nothing_beside_it(rule: str) -> None:
    text, secret = drawn(FORMS[rule])
    assert [(text[d.start : d.end], d.rule) for d in found(text)] == [(secret, rule)]


@pytest.mark.parametrize("rule", FORMS)
def test_a_form_in_a_string_of_json_is_found(rule: str) -> None:
    text, secret = drawn(FORMS[rule])
    for shown in (json.dumps({"text": text}), json.dumps(json.dumps({"text": text}))):
        redacted = redact_whole(engine(), shown).text
        inner = secret.replace('"', "")
        assert inner not in redacted
        assert inner.split("\n")[-1] not in redacted


@pytest.mark.parametrize("rule", FORMS)
def test_a_form_is_redacted_in_a_stream_as_in_a_whole_text(rule: str) -> None:
    text = f"Here it is:\n{drawn(FORMS[rule])[0]}\nThat is all of it."
    whole = redact_whole(engine(), text).text
    for size in (1, 5, 40):
        stream = StreamRedactor(engine())
        parts = [stream.feed(text[at : at + size]) for at in range(0, len(text), size)]
        assert "".join(parts) + stream.close() == whole


@pytest.mark.parametrize(
    "before",
    ["My password is\n\n**Password:** ", "on password:\\t**Password:** ", "pwd: password: "],
)
def test_a_name_before_a_name_hides_no_password(before: str) -> None:
    text = f"{before}Tr0ub4dor&3\n\nThanks"
    shown = f"{before}[SECRET]\n\nThanks"
    assert redact_whole(engine(), text).text == shown
    stream = StreamRedactor(engine())
    assert "".join(map(stream.feed, text)) + stream.close() == shown


def test_a_password_in_a_section_of_xml_is_covered_and_the_section_stays() -> None:
    text = "<password><![CDATA[k3strel!]]></password> <id>x</id>"
    shown = "<password><![CDATA[[SECRET]]]></password> <id>x</id>"
    assert redact_whole(engine(), text).text == shown
    stream = StreamRedactor(engine())
    assert "".join(map(stream.feed, text)) + stream.close() == shown


TOKENS = ("ghp_{{alnum:36}}", "github_pat_{{alnum:22}}_{{alnum:59}}", "sk_live_{{alnum:24}}")


@pytest.mark.parametrize("form", TOKENS)
def test_a_token_whose_underscores_markdown_escapes_is_covered_with_them(form: str) -> None:
    token = drawn(f"[[{form}]]")[0].replace("_", "\\_")
    text = f"- use {token} for now"
    (only,) = found(text)
    assert text[only.start : only.end] == token
    stream = StreamRedactor(engine())
    assert "".join(map(stream.feed, text)) + stream.close() == "- use [SECRET] for now"


@pytest.mark.parametrize(
    "text",
    [
        "Use --token TOKEN or --password PASSWORD to sign in; --password-stdin reads it.",
        "docker run --name mysql -p3306:3306 -u 1000:1000 -d mysql:8",
        "curl -u $USER:$PASS https://api.example.org and curl -u '<user>:<pass>'",
        "<token>2031</token><password>${db.password1}</password><secretName>a-1</secretName>",
        "The session=2031-05-01T10:00:00Z was long. Cookies: session=none; theme=dark",
        "It costs $5$ or $1$, not $2 million; the machine login needs a password first.",
        '{"kty": "RSA", "n": "' + "aB3x" * 85 + '", "e": "AQAB", "d": "see the vault"}',
        "Authorization: token expired-or-missing, so sign in again.",
        '<input name="password" value="" placeholder="Password1"> <option value="token-2">',
        "account key: savings, master_key: config-master-key-name-for-all-of-2031",
        "deploy --api-key API_KEY_1 and docker build --secret id=token2,src=.npmrc .",
        "<secret>projects/1/secrets/2</secret><secret>env/prod/db-password/2</secret>",
        '<data name="error_password" value="Must have at least 8 characters!" />',
        "pat-na1-00000000-0000-0000-0000-000000000000 stands for a token",
        "re_compile_pattern2, fw_update_v2, key_value_2, cio and fc-barcelona-2031, 1//0 and sl.s",
    ],
)
def test_what_only_looks_like_a_form_is_left_alone(text: str) -> None:
    assert found(text) == []


def test_a_password_hash_is_redacted_and_stops_no_tool_call() -> None:
    text = drawn(FORMS["password-hash"])[0]
    guard = Guard.default(tier=1)
    shown = guard.check("output", text)
    assert (shown.action, shown.text) == ("redact", "anna:[PASSWORD_HASH]:1001")
    assert not guard.check("tool_call", text).blocked


UNITS = {
    "netrc": "machine a login b password ",
    "curl": "curl -u a:",
    "flags": "--password ",
    "flags and values": "--token aB3$x9Zk ",
    "elements": "<password>",
    "element values": "<password>a1",
    "element sections": "<password><![CDATA[a1]]>",
    "attributes": "name='password' value='",
    "cookies": "cookie: session=",
    "hashes": "$2b$12$",
    "crypt": "$6$a",
    "otpauth": "otpauth://a?b ",
    "keys": "Private-Lines: 1\n",
    "Markdown": "a\\_",
    "JSON": '{\\"name\\": \\"' + "the value goes on and on " * 5 + '\\", ',
}


@pytest.mark.parametrize("name", UNITS)
def test_time_grows_with_the_length_alone(name: str) -> None:
    assert rule_growth(engine(), UNITS[name]) <= MOST
