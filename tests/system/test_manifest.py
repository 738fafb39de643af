"""Reading and linting a manifest: every problem, at its place, with a mend."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from railwright.system import (
    ManifestError,
    Problem,
    errors,
    find_root,
    format_problem,
    lint_system,
    load_system,
)

GOOD: dict[str, Any] = {
    "schema": "system/v1",
    "id": "bot",
    "purpose": "Answer billing questions",
    "owner": "team",
    "tier": 2,
    "parts": {"model": {"kind": "local", "id": "m", "pin": "r1"}},
    "target": "python:app:answer",
}
FULL = """\
schema: system/v1
id: support-bot
purpose: Answer billing questions and issue refunds up to 50 EUR
out_of_scope: [legal advice]
owner: team-payments
tier: 1
people: {users: consumers, affected: [customers, agents], jurisdictions: [EU, US-NY]}
parts:
  model:      {kind: vendor, vendor: acme-llm, id: acme-4, pin: 2026-10-01}
  prompts:    {path: prompts/, digest: auto}
  tools:
    refund: {effect: write, limit: 50 EUR, approval: human-over-20}
    kb_search: {effect: read}
  retrieval:  {index: kb, digest: sha256:%s}
  guardrails: {path: guard.yaml, digest: auto}
  data:       {logs: {pii: true, retention: 30d}}
  code:       {path: app/}
  flags:      {beta: true, share: 0.5}
endpoints: [POST /chat]
target: {spec: "openai:http://127.0.0.1:8731/v1#bot", key_env: BOT_KEY, tenant_header: X-Tenant,
         documents: "field:docs", timeout: 60s, concurrency: 2, max_tokens: 80, temperature: 0,
         seed: 7, headers: {X-Env: test},
         price: {input_per_mtok: 1, output_per_mtok: 2, currency: EUR}}
plants:
  secrets: [{id: code, about: the manager code, value: MAPLE-7731, where: system prompt}]
  tenants:
    - {id: acme, name: Acme GmbH, facts: [{id: fee, about: the renewal fee, value: "EUR 48,200"}]}
    - {id: borg, name: Borg AG, facts: [{id: fee, about: the renewal fee, value: "EUR 51,900"}]}
  personal_data:
    - {id: phone, person: Ines Falk, about: phone number, value: "+49 151 2345", tenant: acme}
suites: {quality: cases/quality.jsonl}
gates: [{id: harm, require: "upper(unsafe) <= 0.01"}]
budget: {calls: 300, tokens: 200000, money: 2 EUR, minutes: 20}
judge: "openai:http://127.0.0.1:1/v1#judge"
baseline: run:abc
ignore: ["*.log"]
""" % ("a" * 64)


def write(folder: Path, change: dict[str, Any] | None = None) -> Path:
    data = {**GOOD, **(change or {})}
    data = {key: value for key, value in data.items() if value is not ...}
    path = folder / "system.yaml"
    path.write_text(yaml.safe_dump(data, sort_keys=False), "utf-8")
    return path


def write_full(folder: Path, text: str = FULL) -> Path:
    for name, content in {
        "prompts/system.md": "The manager code is MAPLE-7731.",
        "guard.yaml": "stages: []",
        "app/main.py": "FEES = ['EUR 48,200', 'EUR 51,900', '+49 151 2345']",
        "cases/quality.jsonl": "",
    }.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content, "utf-8")
    path = folder / "system.yaml"
    path.write_text(text, "utf-8")
    return path


def codes(problems: list[Problem]) -> list[str]:
    return [problem.code for problem in problems]


def test_the_full_manifest_is_clean(tmp_path: Path) -> None:
    path = write_full(tmp_path)
    assert lint_system(tmp_path) == []
    system = load_system(path)
    manifest = system.manifest
    assert (system.id, system.tier, system.folder) == ("support-bot", 1, tmp_path.resolve())
    assert manifest.people.users == ("consumers",)
    assert manifest.target.timeout.total_seconds() == 60
    assert manifest.judge is not None
    assert manifest.suites["quality"].mode == "replace"
    assert str(manifest.budget.money) == "2 EUR"
    assert [part.name for part in system.parts] == [
        "code", "data", "flags", "guardrails", "model", "prompts", "retrieval", "tools",
    ]  # fmt: skip
    assert system.capabilities == {
        "retrieval", "tools", "tenants", "plants.secrets", "plants.personal_data", "judge",
        "vendor", "suites.quality",
    }  # fmt: skip


def test_the_smallest_manifest_has_no_capabilities(tmp_path: Path) -> None:
    write(tmp_path)
    assert load_system(tmp_path).capabilities == frozenset()
    assert lint_system(tmp_path) == []


@pytest.mark.parametrize("key", ["schema", "id", "purpose", "owner", "tier", "parts", "target"])
def test_each_missing_key_is_named_with_its_mend(tmp_path: Path, key: str) -> None:
    write(tmp_path, {key: ...})
    found = errors(lint_system(tmp_path))
    assert codes(found) == ["missing-key"]
    assert f"`{key}`" in found[0].message
    assert f"`{key}:" in found[0].mend
    with pytest.raises(ManifestError):
        load_system(tmp_path)


SHA = "sha256:" + "0" * 64
PHONE = {"id": "a", "person": "P", "about": "b", "value": "12345", "tenant": "acme"}
TWINS = [{"id": "a", "name": "A"}, {"id": "a", "name": "B"}]


def target(**keys: Any) -> dict[str, Any]:
    return {"target": {"spec": "http:http://h/", **keys}}


def parts(**named: Any) -> dict[str, Any]:
    return {"parts": named}


def secrets(*plants: tuple[str, str, Any]) -> dict[str, Any]:
    keys = ("id", "about", "value")
    return {"plants": {"secrets": [dict(zip(keys, plant, strict=True)) for plant in plants]}}


BAD: list[tuple[dict[str, Any], str, str]] = [
    ({"porpose": "x"}, "unknown-key", "did you mean `purpose`"),
    ({"tier": 4}, "bad-value", "1, 2 or 3"),
    ({"id": "Bad Id"}, "bad-value", "lower-case"),
    ({"owner": ""}, "bad-value", "fill it in"),
    ({"owner": 7}, "bad-value", "quotes"),
    ({"parts": {}}, "no-parts", "model"),
    ({"parts": {"model": {"kind": "vendr", "id": "m"}}}, "bad-value", "vendor"),
    ({"parts": {"model": {"kind": "local"}}}, "bad-value", ""),
    ({"parts": {"model": {"kind": "vendor", "id": "m"}}}, "bad-value", ""),
    ({"parts": {"model": {"kind": "file"}}}, "bad-value", ""),
    (parts(prompts={"path": "none/"}), "missing-path", "create"),
    (parts(prompts={"path": "../x"}), "outside-folder", "below"),
    (parts(prompts={"path": "/etc"}), "outside-folder", "below"),
    (parts(prompts={"path": "p.txt", "digest": "md5:1"}), "bad-value", "sha256"),
    (parts(prompts={"path": "p.txt", "digest": SHA}), "digest-mismatch", "digest: sha256:"),
    (parts(prompts={"path": "empty"}), "empty-part", "files"),
    ({"parts": {"tools": {"refund": {}}}}, "missing-key", "effect"),
    ({"parts": {"tools": {"refund": {"effect": "wirte"}}}}, "bad-value", "write"),
    ({"parts": {"flags": {"n": 2**60}}}, "no-canonical-form", "quotes"),
    ({"target": "gpt-5"}, "bad-value", "openai:"),
    (target(api_key="x"), "unknown-key", "key_env"),
    (target(key_env="sk-abc"), "bad-value", "NAME"),
    (target(key_env="abcd" * 10), "secret-in-file", "NAME"),
    (target(timeout="soon"), "bad-value", ""),
    (target(concurrency=0), "bad-value", ""),
    (target(documents="somehow"), "bad-value", "inline"),
    ({"owner": "sk-" + "a1" * 12}, "secret-in-file", "key_env"),
    (target(headers={"Authorization": "Bearer abcdefgh"}), "secret-in-file", "key_env"),
    (target(headers={"X-Api-Key": "abc"}), "secret-in-file", "key_env"),
    (secrets(("a", "b", "x-1")), "short-plant", "4"),
    (secrets(("a", "the MAPLE 7731 code", "maple-7731")), "telling-plant", "about"),
    (secrets(("a", "b", 12345)), "bad-value", "quotes"),
    (secrets(("a", "b", "long one"), ("a", "b", "long two")), "duplicate-id", "own id"),
    (secrets(("a", "b", "long-one"), ("c", "b", "LONG ONE")), "same-plant", "own value"),
    ({"plants": {"personal_data": [PHONE]}}, "unknown-tenant", "tenants"),
    ({"plants": {"tenants": TWINS}}, "duplicate-id", "tenant"),
    ({"suites": {"quality": "none.jsonl"}}, "missing-path", "create"),
    ({"suites": {"quality": {"path": "p.txt", "mode": "both"}}}, "bad-value", "extend"),
    ({"budget": {"money": 2}}, "bad-value", ""),
    ({"budget": {"calls": True}}, "bad-value", "whole number"),
    ({"baseline": "yesterday"}, "bad-value", "run:"),
    ({"ignore": ["[a"]}, "bad-pattern", "gitignore"),
    ({"people": {"user": "x"}}, "unknown-key", "users"),
]


@pytest.mark.parametrize(("change", "code", "mend"), BAD)
def test_each_fault_is_one_error_with_place_and_mend(
    tmp_path: Path, change: dict[str, Any], code: str, mend: str
) -> None:
    (tmp_path / "p.txt").write_text("x")
    (tmp_path / "empty").mkdir()
    write(tmp_path, change)
    found = errors(lint_system(tmp_path))
    assert code in codes(found)
    problem = next(item for item in found if item.code == code)
    assert mend in problem.mend
    text = (tmp_path / "system.yaml").read_text("utf-8").splitlines()
    assert 1 <= problem.line <= len(text)
    assert problem.column >= 1
    first = text.index(next(line for line in text if line.startswith(f"{next(iter(change))}:")))
    assert problem.line > first, "the place lies in the section that was broken"
    assert format_problem(problem).startswith(f"{tmp_path}/system.yaml:{problem.line}:")


def test_all_faults_of_one_file_come_at_once(tmp_path: Path) -> None:
    (tmp_path / "system.yaml").write_text(
        "schema: system/v1\n"
        "id: Bot\n"
        "porpose: x\n"
        "owner: o\n"
        "tier: 9\n"
        "parts:\n"
        "  prompts: {path: nowhere/, digst: auto}\n"
        "  tools: {a: {effct: read}, b: {effect: none}}\n"
        "  guardrails: {path: ../guard.yaml}\n"
        "target: {spec: nonsense, timeout: never}\n"
        "plants: {secrets: [{id: s, about: a, value: ab}]}\n"
    )
    found = {(item.code, item.line) for item in errors(lint_system(tmp_path))}
    assert found == {
        ("missing-key", 1),  # purpose
        ("bad-value", 2),
        ("unknown-key", 3),
        ("bad-value", 5),
        ("missing-path", 7),
        ("unknown-key", 7),
        ("missing-key", 8),
        ("unknown-key", 8),
        ("bad-value", 8),
        ("outside-folder", 9),
        ("bad-value", 10),
        ("short-plant", 11),
    }


@pytest.mark.parametrize(
    ("said", "place", "code", "message", "mend"),
    [
        ("gaurd: default", (9, 1), "unknown-key", "unknown key `gaurd`", "did you mean `guard`?"),
        ("guard:\n  polcy: default", (10, 3), "unknown-key", "unknown key `guard.polcy`",
         "did you mean `policy`?"),
        ("guard:\n  policy: default\n  target: {spce: a}", (11, 12), "unknown-key",
         "unknown key `guard.target.spce`", "did you mean `spec`?"),
        ("guard: defalt", (9, 1), "missing-path", "guard: there is no policy 'defalt'",
         "did you mean default?"),
        ("guard:\n  policy: gaurd.yaml", (10, 3), "missing-path",
         "guard: there is no policy 'gaurd.yaml'", "did you mean guard.yaml?"),
        ("guard: elsewhere/p.txt", (9, 1), "missing-path",
         "guard: there is no policy 'elsewhere/p.txt'", "mend the path, or write `guard: default`"),
        ("guard:", (9, 1), "no-policy", "`guard` names no policy, so the system is tested without "
         "one", "write `guard: default` or a policy file, or remove the key"),
    ],
)  # fmt: skip
def test_a_misspelt_guard_is_guessed(
    tmp_path: Path, said: str, place: tuple[int, int], code: str, message: str, mend: str
) -> None:
    (tmp_path / "guard.yaml").write_text("schema: guard/v1\nextends: default\n")
    (tmp_path / "system.yaml").write_text(
        "schema: system/v1\nid: bot\npurpose: p\nowner: o\ntier: 2\n"
        'parts:\n  model: {kind: endpoint, id: m, pin: "1"}\n'
        f'target: {{spec: "python:a:b"}}\n{said}\n'
    )
    found = [(p.line, p.column, p.code, p.message, p.mend) for p in lint_system(tmp_path)]
    assert (*place, code, message, mend) in found
    assert len([item for item in found if item[0] >= place[0]]) <= 2  # a spec is missing there too


def test_secrets_are_never_repeated_in_messages(tmp_path: Path) -> None:
    secret = "sk-" + "Zz9" * 10
    write(tmp_path, {"target": {"spec": "python:a:b", "key_env": secret}, "owner": f"x {secret}"})
    assert all(secret not in format_problem(item) for item in lint_system(tmp_path))


def test_notes_do_not_stop_a_system(tmp_path: Path) -> None:
    (tmp_path / "p.txt").write_text("no plant here")
    write(
        tmp_path,
        {
            "owner": "unassigned",
            "parts": {
                "model": {"kind": "local", "id": "m"},
                "promts": {"path": "p.txt"},
                "kb": {"index": "x"},
            },
            "plants": {"secrets": [{"id": "s", "about": "a", "value": "MAPLE-7731"}]},
        },
    )
    found = lint_system(tmp_path)
    assert sorted(codes(found)) == [
        "blind-part", "part-name", "placeholder", "unpinned-model", "unseen-plant",
    ]  # fmt: skip
    assert errors(found) == []
    load_system(tmp_path)


def tenants(*facts: str) -> dict[str, Any]:
    """One tenant for each text; an empty one holds no fact."""
    rows = [
        {
            "id": f"t{n}",
            "name": f"T{n}",
            "facts": [{"id": "fee", "about": "the fee", "value": fact}] if fact else [],
        }
        for n, fact in enumerate(facts)
    ]
    return {"plants": {"tenants": rows}}


TWO = ("EUR 48,200", "EUR 51,900")
OPENAI = "openai:http://h/v1#m"


@pytest.mark.parametrize(
    ("facts", "keys", "warned"),
    [
        (TWO, {"spec": OPENAI}, True),
        (TWO, {"spec": "http:http://h/"}, True),
        (TWO, {"spec": "https://h/", "template": {"q": "{{input}}", "t": "tenant"}}, True),
        (TWO, {"spec": OPENAI, "template": {"t": "{{tenant}}"}}, True),  # not read by this kind
        (TWO, {"spec": OPENAI, "tenant_header": "X-Tenant"}, False),
        (TWO, {"spec": "http:http://h/", "template": {"a": [{"t": "of {{ tenant }}"}]}}, False),
        (TWO, {"spec": "http:http://h/", "template": "{{tenant}}: {{input}}"}, False),
        (TWO, {"spec": "python:app:answer"}, False),
        (TWO, {"spec": "scripted:leaks-tenants"}, False),
        (TWO[:1], {"spec": OPENAI}, False),
        ((TWO[0], ""), {"spec": OPENAI}, False),
    ],
)
def test_a_target_that_is_not_told_the_tenant_is_warned_of(
    tmp_path: Path, facts: tuple[str, ...], keys: dict[str, Any], warned: bool
) -> None:
    write(tmp_path, {**tenants(*facts), "target": keys})
    found = [item for item in lint_system(tmp_path) if item.code == "tenant-not-sent"]
    assert len(found) == warned
    lines = (tmp_path / "system.yaml").read_text("utf-8").splitlines()
    for item in found:
        assert item.severity == "warning"
        assert lines[item.line - 1].startswith("target:")
        assert "tenant_header" in item.mend
    load_system(tmp_path)


@pytest.mark.parametrize("text", ["", "- a\n- b\n", "just text\n"])
def test_what_is_no_manifest(tmp_path: Path, text: str) -> None:
    (tmp_path / "system.yaml").write_text(text)
    assert codes(lint_system(tmp_path)) == ["not-a-manifest"]


def test_a_missing_manifest_points_to_init(tmp_path: Path) -> None:
    (problem,) = lint_system(tmp_path)
    assert problem.code == "missing-file"
    assert "railwright init" in problem.mend


def test_a_tool_may_be_named_path_or_index(tmp_path: Path) -> None:
    tools = {"path": {"effect": "read"}, "index": {"effect": "write"}, "digest": {"effect": "read"}}
    write(tmp_path, {"parts": {"tools": tools}})
    (part,) = load_system(tmp_path).parts
    assert part.kind == "declared"
    assert part.values == tools


def test_root_is_the_nearest_folder_with_rai_or_org(tmp_path: Path) -> None:
    system = tmp_path / "repo" / "services" / "bot"
    system.mkdir(parents=True)
    assert find_root(system) == system.resolve()
    (tmp_path / "repo" / "org.yaml").write_text("")
    assert find_root(system) == (tmp_path / "repo").resolve()
    (system.parent / "rai").mkdir()
    assert find_root(system) == system.parent.resolve()
    (system / "rai").mkdir()
    path = write(system)
    assert find_root(path) == system.resolve()


def test_an_org_file_inside_rai_speaks_for_the_folder_above(tmp_path: Path) -> None:
    system = tmp_path / "rai" / "systems" / "bot"
    system.mkdir(parents=True)
    (tmp_path / "rai" / "org.yaml").write_text("")
    assert find_root(system) == tmp_path.resolve()
