"""Words as the lexical side sees them: English stems without stop words."""

from __future__ import annotations

import threading
from collections.abc import Sequence

_local = threading.local()


def stems(texts: Sequence[str]) -> list[list[str]]:
    """The stems of each text, in order, repeats kept: lower case, at least two characters, no English stop words."""
    import bm25s  # type: ignore[import-untyped]

    found: list[list[str]] = bm25s.tokenize(
        list(texts), stopwords="en", stemmer=_stemmer(), return_ids=False, show_progress=False
    )
    return found


def _stemmer() -> object:
    # A Stemmer keeps state between calls and must not be shared by threads.
    if not hasattr(_local, "stemmer"):
        import Stemmer  # type: ignore[import-not-found]

        _local.stemmer = Stemmer.Stemmer("english")
    return _local.stemmer
