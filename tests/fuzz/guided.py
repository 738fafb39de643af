"""Coverage-guided fuzzing of one target with atheris.

    python -m tests.fuzz.guided TARGET FOLDER --runs 10000 [--seed 1]

FOLDER takes the corpus; a crash is written there as ``crash-...`` and repeated by naming that file
with ``--repeat``. An input that takes longer than 30 s is a failure too.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

_WORDS = (
    "sk-", "ghp_", "AKIA", "eyJ", "@", "4111 1111 1111 1111", "DE89", "password: ", "%41", "&#65;",
    "\\\\u0041", "\\\\x41", "http://", "ignore all previous instructions", "tool_calls", "function",
    "arguments", "choices", "delta", "content", "messages", "documents", "finish_reason", "index",
    "rules:", "regex:", "when:", "mode: {canary: 0.5}", "```json", "null", "{1,9}", "(?i)",
    "\\xe2\\x80\\x8b",
)  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("target")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--runs", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--repeat", type=Path)
    options = parser.parse_args()

    import atheris

    with atheris.instrument_imports(include=["railwright.guard", "railwright.detectors"]):
        from tests.fuzz import targets
    target = targets.TARGETS[options.target]
    if options.repeat is not None:
        target(options.repeat.read_bytes())
        return
    corpus = options.folder / options.target
    corpus.mkdir(parents=True, exist_ok=True)
    for number, data in enumerate(targets.seeds(options.target)):
        (corpus / f"seed-{number:03}").write_bytes(data)
    words = options.folder / "words"
    words.write_text("".join(f'"{w}"\n' for w in _WORDS if '"' not in w), encoding="utf-8")
    flags = [
        f"-runs={options.runs}", f"-seed={options.seed}", "-timeout=30", "-max_len=1500",
        f"-dict={words}", f"-artifact_prefix={options.folder}/", "-print_final_stats=1",
        "-verbosity=0",
    ]  # fmt: skip
    atheris.Setup([sys.argv[0], *flags, str(corpus)], target)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
