"""The windows that mislead the reader itself, for a further round to begin with.

What the retriever finds near is hard for a retriever; what costs answers are windows in which the reader sees one. They
are found by the weights that the round begins with (hard negatives from the last checkpoint, as in Xiong et al. 2021,
"Approximate Nearest Neighbor Negative Contrastive Learning for Dense Text Retrieval").
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from rag.reader.extractive import ASKED, above_null, joint
from rag.reader.runtime import Runtime

HEAD = 8  # windows read for a question, nearest first: as many as at run time
FAINT = -9.0  # the glance's score under which a window misleads nobody and is not read on

Window = tuple[list[int], list[tuple[int, int]]]  # token ids, and offsets in the text


def mined(
    runtime: Runtime, questions: Sequence[str], order: Sequence[Sequence[int]], pool: Sequence[Window]
) -> list[list[int]]:
    """Each question's order of the pool's windows, the first HEAD of them sorted by how much the reader sees in them.

    questions as they are read, order: for each of them places in the pool, nearest first."""
    states = [
        state[joint(offsets)] for state, (_, offsets) in zip(runtime.lower([ids for ids, _ in pool]), pool, strict=True)
    ]
    asked = runtime.lower([runtime.encode(question)[0][:ASKED] for question in questions])
    found = []
    for own, places in zip(asked, order, strict=True):
        head = list(places[:HEAD])
        begun = runtime.middle([np.concatenate([own, states[place]]) for place in head])
        seen = {place: above_null(logits, len(own)) for place, (_, logits) in zip(head, begun, strict=True)}
        read = [row for row, place in enumerate(head) if seen[place] >= FAINT]
        for row, logits in zip(read, runtime.upper([begun[row][0] for row in read]), strict=True):
            # What is read to the end goes before what is not.
            seen[head[row]] = above_null(logits, len(own)) + 100.0
        found.append([*sorted(head, key=lambda place: -seen[place]), *places[HEAD:]])
    return found
