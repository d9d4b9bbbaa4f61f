"""The gate: no quote leaves that does not stand, word for word, in the papers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rag.answer import Answer, Citation

if TYPE_CHECKING:
    from index.store import Index

SMALL_TALK = "small talk"  # answers that say nothing about the film
NOTHING_LEFT = "The film's papers don't say."


def verbatim(citation: Citation, index: Index) -> bool:
    """Whether the citation's quote stands in its document at its offsets, with the highlight inside it."""
    try:
        text = index.text(citation.document)
    except KeyError:
        return False
    first, last = citation.highlight
    stands = text[citation.start : citation.end] == citation.quote != ""
    return stands and citation.start <= first < last <= citation.end


def check(answer: Answer, index: Index) -> Answer:
    """The answer with only those citations that are verbatim in the index.

    What was dropped is named in `cut`. An answer about the film that is left without a citation becomes a refusal;
    small talk says nothing about the film and needs none.
    """
    kept = [citation for citation in answer.citations if verbatim(citation, index)]
    differing = [citation for citation in answer.differing if verbatim(citation, index)]
    gone = [c for c in (*answer.citations, *answer.differing) if c not in kept and c not in differing]
    grounded = kept or not answer.answered or answer.answered_by == SMALL_TALK
    if not gone and grounded:
        return answer
    changes = {
        "citations": kept,
        "differing": differing,
        "cut": [*answer.cut, *(f"quote not found in {citation.document}: {citation.quote}" for citation in gone)],
    }
    if not grounded:
        changes |= {"answered": False, "answer": NOTHING_LEFT, "refusal": "not in the documents", "differing": []}
    return answer.model_copy(update=changes)
