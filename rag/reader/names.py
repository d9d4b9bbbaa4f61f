"""Films read again under other names: what was learnt by heart of a film is of no use the second time.

A name is a word that stands capitalised in a film, never in small letters in any, and in few films altogether: so
months, countries and languages stay what they are. It becomes a name of the same kind from another film, the same
throughout papers and questions, so that every answer stands verbatim as before.
"""

from __future__ import annotations

import random
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from rag.reader.data import Asked, Dossier

WORD = re.compile(r"[^\W\d_]{3,}")
FILMS = 4  # in more films than so many a capitalised word is no name, or one everybody knows

Kinds = dict[str, str]  # a name in small letters -> "first", "last" or "alone"


class Names:
    """The names of many films, as far as they can be told without a list of names."""

    def __init__(self, dossiers: Sequence[Dossier]) -> None:
        small: set[str] = set()
        capitals: list[set[str]] = []
        for dossier in dossiers:
            words = {word for text in _papers(dossier) for word in WORD.findall(text)}
            small |= {word for word in words if word.islower()}
            capitals.append({word.lower() for word in words if word.istitle()})
        films = Counter(name for names in capitals for name in names)
        self._names = {name for name, count in films.items() if count <= FILMS and name not in small}
        self._pools: dict[str, list[str]] = defaultdict(list)
        for dossier in dossiers:
            for name, kind in self.kinds(dossier).items():
                self._pools[kind].append(name)

    def kinds(self, dossier: Dossier) -> Kinds:
        """The film's names: first and last ones of persons, by standing before or behind another name, and others."""
        kinds: Kinds = {}
        for text in _papers(dossier):
            before: re.Match[str] | None = None
            for word in WORD.finditer(text):
                if not (word[0].istitle() and word[0].lower() in self._names):
                    continue
                name = word[0].lower()
                kinds.setdefault(name, "alone")
                if before and text[before.end() : word.start()] == " ":
                    kinds[name] = "last"
                    if kinds[before[0].lower()] == "alone":
                        kinds[before[0].lower()] = "first"
                before = word
        return kinds

    def renamed(self, dossier: Dossier, rng: random.Random) -> Dossier:
        """The film with every name changed for one of its kind that the film does not have."""
        kinds = self.kinds(dossier)
        changed: dict[str, str] = {}
        for kind, pool in sorted(self._pools.items()):
            mine = sorted(name for name, of in kinds.items() if of == kind)
            free = sorted(set(pool) - set(kinds) - set(changed.values()))
            changed |= zip(mine, rng.sample(free, min(len(free), len(mine))), strict=False)

        def other(text: str) -> str:
            return WORD.sub(lambda word: _cased(changed.get(word[0].lower(), word[0]), word[0]), text)

        return replace(
            dossier,
            title=other(dossier.title),
            papers=tuple(
                {**paper, "title": other(paper["title"]), "text": other(paper["text"])} for paper in dossier.papers
            ),
            questions=tuple(_asked(asked, other) for asked in dossier.questions),
        )


def _papers(dossier: Dossier) -> Iterator[str]:
    for paper in dossier.papers:
        yield paper["title"]
        yield paper["text"]


def _asked(asked: Asked, other: Callable[[str], str]) -> Asked:
    return replace(
        asked,
        text=other(asked.text),
        history=tuple(map(other, asked.history)),
        standalone=other(asked.standalone),
        answers=tuple(map(other, asked.answers)),
    )


def _cased(name: str, like: str) -> str:
    """The name in capitals, small letters or with one capital, as the word it stands for."""
    return name.upper() if like.isupper() else name.title() if like.istitle() else name if like.islower() else like
