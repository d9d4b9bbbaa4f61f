"""Whether a rewritten question still asks what was asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rag.injection import speaks_to_machine
from rag.lexicon import FUNCTION, PRONOUNS
from rag.words import stems

if TYPE_CHECKING:
    from rag.answer import Question

LONGEST = 300  # characters
KEPT = 0.5  # share of the question's own words that a rewriting keeps
NEW = 0.34  # share of a rewriting's words that may stand neither in the question nor in its history

# What rewriting a fragment into a question may add, and need not keep.
_ASKING = " ".join(["many much long film movie play made", *FUNCTION, *PRONOUNS])


def drifts(text: str, question: Question) -> bool:
    """Whether `text` does more than put names in: it loses the question's words, brings its own, or gives orders."""
    if not any(c.isalnum() for c in text) or len(text) > LONGEST or "://" in text or speaks_to_machine(text):
        return True
    new, asked, before, asking = map(set, stems([text, question.text, " ".join(question.history), _ASKING]))
    names = {word.strip("?.,!’'\"").casefold() for word in text.split()[1:] if word[:1].isupper() or word[:1].isdigit()}
    known = " ".join([question.text, *question.history]).casefold()
    if any(name.removesuffix("'s").removesuffix("’s") not in known for name in names):
        return True
    wanted, foreign = asked - asking, new - asked - before - asking
    # A question of pronouns alone keeps nothing; then the rewriting has to be of the history.
    shares = len(wanted & new) >= KEPT * len(wanted) if wanted else bool(new & (before | asked))
    return not shares or len(foreign) > NEW * max(len(new), 1)
