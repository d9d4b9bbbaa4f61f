"""The gate for a language model's words: a sentence passes when a passage it cites carries all that it says.

Nothing here asks a model. A sentence is held against its *core*: the fewest neighbouring sentences of a cited passage
that hold its words. Quotations, numbers and names have to stand there, every other word too unless it says nothing of
its own; a negation on one side only, a link, a text that gives orders are never carried.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING

from index.sentences import sentences
from rag.injection import speaks_to_machine
from rag.lexicon import FUNCTION, NEGATIONS, NUMBERS, PRONOUNS, SAME, TELLING
from rag.words import stems

if TYPE_CHECKING:
    from langchain_core.documents import Document

Similar = Callable[[str, Sequence[str]], Sequence[float]]

REACH = 3  # neighbouring sentences that may carry one sentence together
FREE = 0.25  # share of a sentence's words that may be its own, if they only tell
NEAR = 0.35  # cosine of a sentence and what carries it; below, the same words say something else
LONGEST = 600  # characters of one sentence
QUOTED = 2  # words from which quotation marks hold a quotation, not a name

_IDS = re.compile(r"\s*\[\s*(p\d+(?:\s*[,;]\s*p\d+)*)\s*\]", re.IGNORECASE)
_BRACKETED = re.compile(r"\s*\[[^\[\]]{0,40}\]")
_BULLET = re.compile(r"^\s*(?:[-*•–]\s+|\d{1,2}[.)]\s+|#+\s+)?")
_WORD = re.compile(r"\w+(?:[’'.,:]\w+)*")
_QUOTE = re.compile(r"“([^“”]+)”|\"([^\"]+)\"|«([^«»]+)»|„([^„“”]+)[“”]")
_LINK = re.compile(r"https?:|www\.|\]\(|[<>{}`|\\]|\S@\S|\b\w+\.(com|org|net|io|example|info|co)\b", re.IGNORECASE)
_MARKS = str.maketrans("‘’‛`“”„«»–—\u00a0", '\'\'\'\'"""""-- ')


@dataclass(frozen=True)
class Carrier:
    """page_content[start:end] of a passage: one to three sentences that carry what was said."""

    passage: Document
    start: int
    end: int


@dataclass(frozen=True)
class Passed:
    """A sentence without its ids, and what carries it; `quotes` says whether it holds a passage's words in marks."""

    text: str
    carriers: tuple[Carrier, ...]
    quotes: bool


@dataclass(frozen=True)
class Cut:
    """A sentence that may not leave, and why."""

    text: str
    reason: str


@dataclass(frozen=True)
class _Words:
    """What a text says, by kind. Names are runs of capitalised words, lower case; content is stems."""

    content: frozenset[str]
    numbers: frozenset[str]
    names: tuple[tuple[str, ...], ...]
    row: tuple[str, ...]
    negated: bool

    @property
    def facts(self) -> frozenset[str]:
        return self.content | self.numbers


@dataclass(frozen=True)
class _Window:
    carrier: Carrier
    words: _Words

    @cached_property
    def known(self) -> frozenset[str]:
        return frozenset(stem for stems_ in _stems(self.words.row) for stem in stems_) | self.words.numbers


class Gate:
    """Judges sentences that cite passages by the ids in `passages`; `title` is the film's, which needs no passage."""

    def __init__(self, passages: Mapping[str, Document], title: str, similar: Similar) -> None:
        self.passages = passages
        self._similar = similar
        self._title = re.compile(rf"\b{re.escape(title)}\b", re.IGNORECASE) if _is_plain(title) else None

    def judge(self, sentence: str) -> Passed | Cut:
        """The sentence as it may be shown, or why it may not."""
        ids = cited_ids(sentence)
        text, raw = readable(sentence), _IDS.sub("", sentence)
        cited = [self.passages[key] for key in ids if key in self.passages]
        for reason, holds in (
            ("too long", len(text) > LONGEST),
            ("gives orders or hides what it says", speaks_to_machine(raw)),
            ("holds a link or markup", bool(_LINK.search(raw))),
            ("cites nothing", not ids),
            (f"cites what was not given: {', '.join(ids)}", not cited),
        ):
            if holds:
                return Cut(text, reason)
        return self._held(text, cited)

    def _held(self, text: str, cited: Sequence[Document]) -> Passed | Cut:
        cited = [passage for passage in cited if not speaks_to_machine(passage.page_content)]
        if not cited:
            return Cut(text, "cites a passage that gives orders")
        quotes = [quote for found in _QUOTE.findall(text) for quote in found if len(quote.split()) >= QUOTED]
        for quote in quotes:
            if not any(_plain(quote.rstrip(".,;!?")) in _plain(passage.page_content) for passage in cited):
                return Cut(text, f"quotes what stands in no cited passage: {quote}")
        told = self._title.sub("film", text) if self._title else text
        words = _words(told, _lower(cited))
        if not words.facts and not words.names:
            return Cut(text, "says nothing")
        core = _core(words, cited)
        reason = self._lacks(words, core, cited)
        if reason is None and max(self._similar(told, [_text(window.carrier) for window in core])) < NEAR:
            reason = "says something else with the same words"
        return Cut(text, reason) if reason else Passed(text, tuple(window.carrier for window in core), bool(quotes))

    def _lacks(self, words: _Words, core: Sequence[_Window], cited: Sequence[Document]) -> str | None:
        """What of the sentence the core does not carry."""
        known = frozenset().union(*(window.known for window in core))
        missing = words.numbers - known
        if missing:
            return f"a number that does not stand there: {', '.join(sorted(missing))}"
        for name in words.names:
            if not any(_holds(window.words.row, name) for window in core) and not _meant(name, words, core, cited):
                return f"a name that does not stand there: {' '.join(name)}"
        own = {word for word in words.content - known if not _same(word) & known}
        if own - _telling():
            return f"words that do not stand there: {', '.join(sorted(own - _telling()))}"
        if len(own) > max(1, FREE * (len(words.facts) + len(words.names))):
            return "more words of its own than of the papers"
        if words.negated != any(_negates(window, words) for window in core):
            return "turns what stands there round"
        return None


def cited_ids(text: str) -> list[str]:
    """The ids that a model's text cites, each once, lower case, in order; whether they were given is not asked."""
    ids = [key.strip().lower() for found in _IDS.findall(text) for key in re.split("[,;]", found)]
    return list(dict.fromkeys(ids))


def readable(sentence: str) -> str:
    """A model's sentence on one line, without ids, bullets and marks of emphasis."""
    text = _BULLET.sub("", _BRACKETED.sub("", _IDS.sub("", sentence)))
    text = re.sub(r"\*\*|__|(?<!\w)[*_]|[*_](?!\w)", "", text)
    return re.sub(r"\s+([.,;:!?])", r"\1", " ".join(text.split()))


def _core(words: _Words, cited: Sequence[Document]) -> list[_Window]:
    """The windows that carry most of the words: the smallest of one passage, then of others that add to it."""
    best = [min(_windows(passage), key=lambda window: _weight(words, window)) for passage in cited]
    best.sort(key=lambda window: _weight(words, window))
    core, missing = best[:1], words.facts - best[0].known
    for window in best[1:]:
        if missing & window.known:
            core.append(window)
            missing -= window.known
    return core


def _weight(words: _Words, window: _Window) -> tuple[int, int, int]:
    # Size before names: a sentence that says the same of somebody else must not be helped by its neighbour's name.
    lost = sum(1 for word in words.facts - window.known if not _same(word) & window.known and word not in _telling())
    size = len(sentences(_text(window.carrier)))
    return lost, size, sum(not _holds(window.words.row, name) for name in words.names)


def _negates(window: _Window, words: _Words) -> bool:
    """Whether the window negates what the words say; what comes behind the last of them is another matter."""
    shared = words.facts | {part for run in words.names for part in run}
    row = window.words.row
    told = [at for at, (word, found) in enumerate(zip(row, _stems(row), strict=True)) if shared & {word, *found}]
    return any(_is_negation(word) for word in row[: max(told, default=0)])


def _is_negation(word: str) -> bool:
    return word in NEGATIONS or word.endswith("n't")


def _meant(name: tuple[str, ...], words: _Words, core: Sequence[_Window], cited: Sequence[Document]) -> bool:
    """Whether a core without the name may still speak of it: it says "she" or names nobody else."""
    if not any(_holds(_row(passage), name) for passage in cited):
        return False
    said = {part for run in words.names for part in run}
    return any(
        PRONOUNS & set(window.words.row) or all(set(run) <= said for run in window.words.names) for window in core
    )


@lru_cache(maxsize=1024)
def _sentence_words(text: str, lower: frozenset[str]) -> _Words:
    return _words(text, lower)


def _windows(passage: Document) -> list[_Window]:
    text = passage.page_content
    spans = sentences(text) or ((0, len(text)),)
    lower = _lower([passage])
    runs = [
        (spans[at][0], spans[last][1]) for at in range(len(spans)) for last in range(at, min(at + REACH, len(spans)))
    ]
    return [_Window(Carrier(passage, *run), _sentence_words(text[slice(*run)], lower)) for run in runs]


def _words(text: str, lower: Iterable[str]) -> _Words:
    """`lower` holds words known to be written small: a sentence's first word that is one of them is no name."""
    content: list[str] = []
    numbers: set[str] = set()
    names: list[list[str]] = []
    row: list[str] = []
    negated, end = False, 0
    for found in _WORD.finditer(text):
        between, word, plain = text[end : found.start()], found.group(), _fold(found.group())
        fresh = end == 0 or bool(re.search(r"[.!?:“\"«(\[\n]", between))
        end = found.end()
        negated |= _is_negation(plain)
        goes_on = bool(names) and bool(row) and names[-1][-1] == row[-1] and not re.search(r"[^\s\-]", between)
        row.append(plain)
        if any(c.isdigit() for c in plain) or plain in NUMBERS:
            numbers.add(NUMBERS.get(plain, plain))
        elif plain in FUNCTION or _is_negation(plain):
            continue
        elif _is_name(word, plain, fresh, lower):
            if goes_on:
                names[-1].append(plain)
            else:
                names.append([plain])
        else:
            content.append(plain)
    found_stems = [stem for stems_ in _stems(tuple(content)) for stem in stems_]
    return _Words(frozenset(found_stems), frozenset(numbers), tuple(map(tuple, names)), tuple(row), negated)


def _is_name(word: str, plain: str, fresh: bool, lower: Iterable[str]) -> bool:
    capitals = sum(c.isupper() for c in word)
    if not fresh or capitals > 1:
        return capitals > 0
    return capitals == 1 and plain not in lower and plain not in TELLING and not any(plain in group for group in SAME)


@lru_cache(maxsize=4096)
def _stems(words: tuple[str, ...]) -> tuple[tuple[str, ...], ...]:
    # A word of one character has no stem; it counts as itself.
    return tuple(tuple(found) or (word,) for word, found in zip(words, stems(words), strict=True)) if words else ()


@lru_cache(maxsize=1)
def _groups() -> tuple[frozenset[str], ...]:
    return tuple(frozenset(stem for stems_ in _stems(tuple(group)) for stem in stems_) for group in SAME)


@lru_cache(maxsize=1)
def _telling() -> frozenset[str]:
    return frozenset(stem for stems_ in _stems(tuple(TELLING)) for stem in stems_)


@lru_cache(maxsize=4096)
def _same(stem: str) -> frozenset[str]:
    """The stems that say the same."""
    return frozenset().union(*(group for group in _groups() if stem in group))


def _row(passage: Document) -> tuple[str, ...]:
    heading = " ".join(str(passage.metadata.get(key) or "") for key in ("heading", "speaker"))
    return tuple(_fold(word) for word in _WORD.findall(f"{heading}\n{passage.page_content}"))


def _lower(passages: Sequence[Document]) -> frozenset[str]:
    return frozenset(_fold(word) for p in passages for word in _WORD.findall(p.page_content) if word[0].islower())


def _holds(row: Sequence[str], run: Sequence[str]) -> bool:
    width = len(run)
    return any(tuple(row[at : at + width]) == tuple(run) for at in range(len(row) - width + 1))


def _fold(word: str) -> str:
    """Lower case, straight apostrophe, without a possessive."""
    plain = unicodedata.normalize("NFKC", word).casefold().replace("’", "'")
    return plain.removesuffix("'s")


def _plain(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).translate(_MARKS).casefold().split())


def _text(carrier: Carrier) -> str:
    return carrier.passage.page_content[carrier.start : carrier.end]


def _is_plain(title: str) -> bool:
    """Whether the film's title may be said without a passage: no sentence hides in it."""
    return bool(title.strip()) and len(title.split()) <= 8 and not speaks_to_machine(title)
