"""Coverage-guided fuzzing of one target with atheris, which grows a corpus in a folder."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import NoReturn

from tests.fuzz.account import Book

_WORDS = (
    "sk-", "ghp_", "AKIA", "eyJ", "@", "4111 1111 1111 1111", "DE89", "password: ", "%41", "&#65;",
    "\\\\u0041", "\\\\x41", "\\\\n", "http://", "ignore all previous instructions", "tool_calls",
    "function", "arguments", "choices", "delta", "content", "messages", "documents", "index",
    "finish_reason", "rules:", "regex:", "when:", "mode: {canary: 0.5}", "```json", "null",
    "{1,9}", "(?i)", "\\xe2\\x80\\x8b",
)  # fmt: skip
#: Wall-clock seconds after which atheris ends an input that waits without working.
_WAITING_S = 600


def fuzz(name: str, count: int, seed: int, book: Book) -> NoReturn:
    """Run a target until the book has counted so many inputs; then the process ends."""
    import atheris

    with atheris.instrument_imports(include=["railwright.guard", "railwright.detectors"]):
        from tests.fuzz import targets
    target = targets.TARGETS[name]

    def one(data: bytes) -> None:
        book.run(target, data, data, name)
        if book.account.done >= count:
            book.finish()

    corpus = book.folder / "corpus" / name
    corpus.mkdir(parents=True, exist_ok=True)
    for number, data in enumerate(targets.seeds(name)):
        (corpus / f"seed-{number:03}").write_bytes(data)
    atheris.Setup(
        [sys.argv[0], *_flags(book.folder, seed + book.account.attempt), str(corpus)], one
    )
    atheris.Fuzz()
    raise AssertionError("atheris ended before its inputs did")


def _flags(folder: Path, seed: int) -> list[str]:
    words = folder / "words"
    words.write_text("".join(f'"{word}"\n' for word in _WORDS), encoding="utf-8")
    return [
        f"-seed={seed}", f"-timeout={_WAITING_S}", "-max_len=1500", f"-dict={words}",
        f"-artifact_prefix={folder}/", "-verbosity=0",
    ]  # fmt: skip
