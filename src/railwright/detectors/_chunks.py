"""What the MiniLM tier reads of a text: chunks of neighbouring sentences."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from railwright.detectors._ngrams import Piece

#: Characters of sentences that are read together: enough for a sentence and what it refers to,
#: few enough that an injected sentence is not averaged away.
CHUNK = 200


class Chunk(NamedTuple):
    """Part of a text, in characters; ``end`` is exclusive."""

    start: int
    end: int


def chunks(pieces: Sequence[Piece]) -> list[Chunk]:
    """Return chunks that cover all pieces, filled from the left.

    A chunk ends before the piece that would make it longer than ``CHUNK`` characters; one piece
    alone may be longer.
    """
    found: list[Chunk] = []
    for piece in pieces:
        if found and piece.end - found[-1].start <= CHUNK:
            found[-1] = Chunk(found[-1].start, piece.end)
        else:
            found.append(Chunk(piece.start, piece.end))
    return found
