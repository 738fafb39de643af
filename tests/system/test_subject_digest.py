"""The subject digest: equal on any machine, different after one byte, and never outside."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import stat
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from railwright.system import ManifestError, Subject, load_system, subject

BASE: dict[str, Any] = {
    "schema": "system/v1",
    "id": "bot",
    "purpose": "p",
    "owner": "o",
    "tier": 3,
    "parts": {
        "model": {"kind": "local", "id": "m", "pin": "r1"},
        "prompts": {"path": "prompts"},
        "tools": {"refund": {"effect": "write", "limit": "50 EUR"}},
    },
    "target": "python:a:b",
}
FILES = {
    "prompts/system.md": b"You are a bot.\n",
    "prompts/deep/few.txt": b"shot\r\n\x00\xff",
    "prompts/z": b"",
}


def build(folder: Path, files: dict[str, bytes] = FILES, **change: Any) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    (folder / "system.yaml").write_text(yaml.safe_dump({**BASE, **change}), "utf-8")
    return folder


def digest(folder: Path) -> Subject:
    return subject(load_system(folder))


def sized(data: bytes) -> bytes:
    return len(data).to_bytes(8, "big") + data


def by_hand(values: dict[str, Any], files: dict[str, bytes]) -> str:
    """The documented formula, written out anew."""
    text = json.dumps(values, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    out = b"railwright/part/v1\0" + sized(text) + len(files).to_bytes(8, "big")
    for name in sorted(files, key=str.encode):
        out += sized(name.encode()) + sized(files[name])
    return "sha256:" + hashlib.sha256(out).hexdigest()


def whole_by_hand(parts: dict[str, str]) -> str:
    out = b"railwright/subject/v1\0"
    for name in sorted(parts):
        out += sized(name.encode()) + bytes.fromhex(parts[name][7:])
    return "sha256:" + hashlib.sha256(out).hexdigest()


def test_the_documented_formula_gives_the_same_digests(tmp_path: Path) -> None:
    found = digest(build(tmp_path))
    assert found.parts == {
        "model": by_hand({"values": BASE["parts"]["model"]}, {}),
        "prompts": by_hand({"values": {}}, FILES),
        "tools": by_hand({"values": BASE["parts"]["tools"]}, {}),
    }
    assert found.digest == whole_by_hand(found.parts)


def test_the_digest_is_fixed_for_ever(tmp_path: Path) -> None:
    # If this fails, evidence of earlier releases of the product no longer binds.
    assert digest(build(tmp_path)).digest == (
        "sha256:507f21155844eecc7d52e06507df8515790f985ebf12c1ccc2e42ceaf57265f4"
    )


def test_place_time_mode_and_order_play_no_part(tmp_path: Path) -> None:
    first = build(tmp_path / "one")
    second = build(tmp_path / "two", dict(reversed(FILES.items())))
    (second / "prompts/system.md").chmod(0o777)
    os.utime(second / "prompts/system.md", (1, 1))
    keys = list(reversed(BASE.items()))
    (second / "system.yaml").write_text(
        "# comment\n" + yaml.safe_dump(dict(keys), sort_keys=False), "utf-8"
    )
    assert digest(first) == digest(second)
    shutil.copytree(first, tmp_path / "three")
    assert digest(tmp_path / "three") == digest(first)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("prompts/system.md", b"You are a bot!\n"),
        ("prompts/system.md", b"You are a bot.\r\n"),
        ("prompts/system.md", b""),
        ("prompts/new", b""),
        ("prompts/few2.txt", b"shot\r\n\x00\xff"),
    ],
)
def test_one_byte_changes_exactly_its_part(tmp_path: Path, name: str, content: bytes) -> None:
    before = digest(build(tmp_path))
    (tmp_path / name).write_bytes(content)
    after = digest(tmp_path)
    changed = {part for part in before.parts if before.parts[part] != after.parts[part]}
    assert changed == {"prompts"}
    assert before.digest != after.digest


def test_declared_values_count_and_the_rest_of_the_manifest_does_not(tmp_path: Path) -> None:
    before = digest(build(tmp_path))
    after = digest(build(tmp_path, purpose="another", owner="b", tier=1, target="python:c:d"))
    assert before == after
    tools = {"refund": {"effect": "write", "limit": "51 EUR"}}
    after = digest(build(tmp_path, parts={**BASE["parts"], "tools": tools}))
    assert {name for name in before.parts if before.parts[name] != after.parts[name]} == {"tools"}


def test_files_that_are_ignored_play_no_part(tmp_path: Path) -> None:
    before = digest(build(tmp_path, ignore=["*.log", "!keep.log", "/prompts/tmp/"]))
    for name in (
        "prompts/__pycache__/x.pyc", "prompts/.DS_Store", "prompts/.git/HEAD", "prompts/a.log",
        "prompts/tmp/x", "prompts/deep/b.log", "rai/runs/r/x",
    ):  # fmt: skip
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    assert digest(tmp_path) == before
    (tmp_path / "prompts/keep.log").write_bytes(b"x")
    assert digest(tmp_path) != before


def test_the_whole_folder_as_a_part_leaves_out_the_product_s_own_files(tmp_path: Path) -> None:
    build(tmp_path, parts={"code": {"path": "."}})
    assert digest(tmp_path).parts == {"code": by_hand({"values": {}}, FILES)}
    before = digest(tmp_path)
    (tmp_path / "gates.yaml").write_text("schema: gates/v1")
    assert digest(tmp_path) == before


def test_links_count_by_content(tmp_path: Path) -> None:
    build(tmp_path)
    plain = digest(tmp_path)
    (tmp_path / "store").mkdir()
    shutil.move(tmp_path / "prompts/deep", tmp_path / "store/deep")
    (tmp_path / "prompts/deep").symlink_to(tmp_path / "store/deep")
    shutil.move(tmp_path / "prompts/system.md", tmp_path / "store/s")
    (tmp_path / "prompts/system.md").symlink_to("../store/s")
    assert digest(tmp_path) == plain


def fault(folder: Path) -> str:
    with pytest.raises(ManifestError) as caught:
        digest(folder)
    (problem,) = caught.value.problems
    assert problem.mend
    assert problem.line > 1
    return problem.code


def test_links_must_not_leave_the_folder(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("x")
    folder = build(tmp_path / "system")
    (folder / "prompts/link").symlink_to(tmp_path / "secret")
    assert fault(folder) == "outside-folder"
    (folder / "prompts/link").unlink()
    (folder / "prompts/link").symlink_to(tmp_path, target_is_directory=True)
    assert fault(folder) == "outside-folder"


def test_the_part_itself_must_not_link_out(tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/x").write_text("x")
    folder = build(tmp_path / "system", {})
    (folder / "prompts").symlink_to(tmp_path / "outside")
    assert fault(folder) == "outside-folder"


def test_cycles_broken_links_and_special_files_are_refused(tmp_path: Path) -> None:
    build(tmp_path)
    link = tmp_path / "prompts/loop"
    link.symlink_to(tmp_path / "prompts", target_is_directory=True)
    assert fault(tmp_path) == "link-cycle"
    link.unlink()
    link.symlink_to("loop")
    assert fault(tmp_path) == "unreadable"
    link.unlink()
    link.symlink_to("nowhere")
    assert fault(tmp_path) == "unreadable"
    link.unlink()
    os.mkfifo(link)
    assert stat.S_ISFIFO(link.stat().st_mode)
    assert fault(tmp_path) == "special-file"


@pytest.mark.skipif(sys.platform == "darwin", reason="the file system normalises names itself")
def test_names_are_compared_in_normal_form(tmp_path: Path) -> None:
    composed, decomposed = "caf\u00e9", "cafe\u0301"
    one = digest(build(tmp_path / "1", {f"prompts/{composed}": b"x"}))
    two = digest(build(tmp_path / "2", {f"prompts/{decomposed}": b"x"}))
    assert one == two
    both = build(tmp_path / "3", {f"prompts/{composed}": b"x", f"prompts/{decomposed}": b"y"})
    assert fault(both) == "same-name"


def test_names_that_are_not_utf8_are_refused(tmp_path: Path) -> None:
    build(tmp_path)
    try:
        (tmp_path / "prompts" / os.fsdecode(b"bad\xff")).write_bytes(b"x")
    except OSError:
        pytest.skip("this file system takes UTF-8 names only")
    assert fault(tmp_path) == "file-name"


def test_a_stated_digest_must_fit(tmp_path: Path) -> None:
    stated = digest(build(tmp_path)).parts["prompts"]
    parts = {"prompts": {"path": "prompts", "digest": stated}}
    assert digest(build(tmp_path, parts=parts)).parts["prompts"] == stated
    (tmp_path / "prompts/system.md").write_bytes(b"other")
    assert fault(tmp_path) == "digest-mismatch"


def model(folder: Path, **keys: Any) -> Path:
    return build(folder, parts={"model": {"kind": "file", **keys}})


def test_a_model_with_a_stated_sha256_may_lie_anywhere(tmp_path: Path) -> None:
    weights = tmp_path / "weights.gguf"
    weights.write_bytes(b"w" * 100_000)
    sha = hashlib.sha256(b"w" * 100_000).hexdigest()
    one = digest(model(tmp_path / "1", path=str(weights), sha256=sha))
    two = digest(model(tmp_path / "2", path="../weights.gguf", sha256=f"sha256:{sha}"))
    absent = digest(model(tmp_path / "3", path="absent.gguf", sha256=sha))
    assert one == two == absent
    weights.write_bytes(b"w" * 99_999 + b"v")
    assert fault(tmp_path / "1") == "digest-mismatch"
    assert fault(model(tmp_path / "4", path=str(weights))) == "outside-folder"


def test_a_model_file_without_sha256_is_hashed(tmp_path: Path) -> None:
    model(tmp_path, path="m.gguf")
    (tmp_path / "m.gguf").write_bytes(b"w")
    values = {"values": {"kind": "file"}}
    assert digest(tmp_path).parts["model"] == by_hand(values, {"m.gguf": b"w"})


names = st.text(
    st.characters(
        codec="utf-8", exclude_characters="/\0", categories=("L", "M", "N", "P", "S", "Zs")
    ),
    min_size=1,
    max_size=8,
).filter(lambda name: name.strip(".") and not name.endswith("~") and len(name.encode()) < 100)
trees = st.dictionaries(names, st.binary(max_size=20), min_size=1, max_size=4)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(trees, trees)
def test_equal_digests_mean_equal_trees(
    tmp_path_factory: pytest.TempPathFactory, one: dict[str, bytes], two: dict[str, bytes]
) -> None:
    from unicodedata import normalize

    found = []
    for tree in (one, two):
        plain = {normalize("NFC", name): content for name, content in tree.items()}
        folder = tmp_path_factory.mktemp("tree")
        files = {f"prompts/{name}": content for name, content in plain.items()}
        files["prompts/always"] = b""
        found.append((digest(build(folder, files)).parts["prompts"], files))
    assert (found[0][0] == found[1][0]) == (found[0][1] == found[1][1])
    assert found[0][0] == by_hand({"values": {}}, found[0][1])
