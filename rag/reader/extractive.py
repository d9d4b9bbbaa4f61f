"""The reader: points at the words of a passage that answer a question, or finds that none do."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from index.sentences import sentences
from rag.reader.runtime import WEIGHTS, Floats, Runtime
from rag.retrieve import standalone
from rag.span import surroundings

if TYPE_CHECKING:
    from langchain_core.documents import Document

    from rag.answer import Question
    from rag.reader import Reading

ASKED = 96  # tokens of the question, its end where it is longer
WINDOW, STRIDE = 300, 220  # tokens of a passage read at once, and from one window to the next
SPAN = 48  # tokens of the longest answer
RETRIEVED = 14.0  # weight of the retriever's score; dev films: right as said 0.737 -> 0.743, AUC unchanged
ENOUGH = 0.8  # confidence from which nothing more is read
AGAIN = 2  # passages whose words are read a second time where the confidence stays under ENOUGH
DOUBT = 0.7  # a sentence's share of all spans' probability under which another one of the passage is heard as well
KEPT = 400  # passages whose lower half is kept, about 0.2 MB each


@dataclass(frozen=True)
class Half:
    """The lower half of one window: states (tokens, hidden) and each token's offsets, (-1, -1) outside the passage."""

    states: Floats
    offsets: list[tuple[int, int]]


@dataclass(frozen=True)
class Begun:
    """A window read together with the question as far as the glance: states (tokens, hidden) of the question's `asked`
    tokens and its own, and by how much the glance holds it above "no answer here" (in logits)."""

    passage: Document
    offsets: list[tuple[int, int]]
    asked: int
    states: Floats
    score: float


class ExtractiveReader:
    """Reads passages for a question, each in a pass of its own. Safe to share between threads."""

    name = "reader"
    warning: str | None = None

    def __init__(self, folder: Path = WEIGHTS, threads: int | None = None) -> None:
        self._runtime = Runtime(folder, threads)
        self._calibration: dict[str, Any] = self._runtime.about["calibration"]
        self.hope = float(self._calibration["hope"])  # the glance under which a passage is not read to the end
        self._halves: OrderedDict[tuple[str, str], list[Half]] = OrderedDict()
        self._lock = Lock()

    def read(self, question: Question, passages: Sequence[Document], steps: Sequence[int] = ()) -> list[Reading]:
        """The likeliest words of the passages that have any, best passage first.

        With `steps`, so many passages are read at first, the nearest; where none of them answers as surely as ENOUGH
        says, the next ones up to the next step, and at last all. Those after the first step are begun, and only the
        ones with some `hope` read to the end. What is still in doubt then is read again."""
        if not passages:
            return []
        asked, done = self._asked(standalone(question)), 0
        readings: list[Reading] = []
        for upto in (*steps, len(passages)):
            begun = self._begin(asked, passages[done:upto])
            readings = _best([*readings, *self._finish([one for one in begun if not done or one.score >= self.hope])])
            done = upto
            if self.confidence(readings) >= ENOUGH:
                return readings
        return self._again(asked, readings)

    def _again(self, asked: Floats, readings: Sequence[Reading]) -> list[Reading]:
        """The readings, the likeliest ones' scores made the mean of two: the second is of the sentence and its
        neighbours alone. The two err apart, as do the members of an ensemble."""
        from langchain_core.documents import Document

        doubted = list(readings[:AGAIN])
        texts = [one.passage.page_content for one in doubted]
        cut = [surroundings(text, one.start, one.end) for text, one in zip(texts, doubted, strict=True)]
        near = [
            Document(page_content=text[start:end], metadata={"title": one.passage.metadata.get("title")})
            for text, one, (start, end) in zip(texts, doubted, cut, strict=True)
        ]
        second = {id(reading.passage): reading.score for reading in _best(self._finish(self._begin(asked, near)))}
        for place, passage in enumerate(near):
            if id(passage) in second:
                score = (doubted[place].score + second[id(passage)]) / 2
                doubted[place] = replace(doubted[place], score=score, probability=self._probability(score))
        return _best([*doubted, *readings[AGAIN:]])

    def _begin(self, asked: Floats, passages: Sequence[Document]) -> list[Begun]:
        """The passages' windows read together with the question as far as the glance."""
        rows = [
            (passage, half) for passage, parts in zip(passages, self._lower(passages), strict=True) for half in parts
        ]
        joined = [np.concatenate([asked, half.states.astype(np.float32)]) for _, half in rows]
        return [
            Begun(passage, half.offsets, len(asked), states, above_null(logits, len(asked)))
            for (passage, half), (states, logits) in zip(rows, self._runtime.middle(joined), strict=True)
        ]

    def _finish(self, begun: Sequence[Begun]) -> Iterator[Reading]:
        """What is begun read to the end: the likeliest words of each window that has any."""
        from rag.reader import Reading

        for one, logits in zip(begun, self._runtime.upper([one.states for one in begun]), strict=True):
            found = best_span(logits, one.asked, one.offsets, one.passage.page_content)
            if found is not None:
                start, end, score, share, other = found
                yield Reading(one.passage, start, end, score, self._probability(score), share, other)

    def confidence(self, readings: Sequence[Reading]) -> float:
        """The probability that the best reading answers, as calibrated on the dev films; 0 without readings."""
        return self._probability(readings[0].score) if readings else 0.0

    def glance(self, question: Question, passage: Document) -> float:
        """How far the glance holds the passage above "no answer here", in logits: the highest of its windows."""
        return max(one.score for one in self._begin(self._asked(standalone(question)), [passage]))

    def threshold(self, caution: str) -> float:
        """The confidence from which an answer is given: `careful`, `balanced` or `bold`."""
        return float(self._calibration["thresholds"][caution])

    def _probability(self, score: float) -> float:
        exponent = (score - self._calibration["middle"]) / self._calibration["temperature"]
        return 1 / (1 + math.exp(-max(-60.0, min(60.0, exponent))))

    def _asked(self, text: str) -> Floats:
        ids, _ = self._runtime.encode(readable(text))
        return self._runtime.lower([ids if len(ids) <= ASKED else [ids[0], *ids[1 - ASKED :]]])[0]

    def _lower(self, passages: Sequence[Document]) -> list[list[Half]]:
        """The lower halves of the passages' windows; what was read lately is not read again."""
        keys = [(str(p.metadata.get("title") or ""), p.page_content) for p in passages]
        with self._lock:
            known = {key: self._halves[key] for key in keys if key in self._halves}
        fresh = [key for key in dict.fromkeys(keys) if key not in known]
        windows = [(key, *window) for key in fresh for window in self._windows(*key)]
        for (key, _, offsets), states in zip(windows, self._runtime.lower([ids for _, ids, _ in windows]), strict=True):
            places = joint(offsets)
            half = Half(states[places].astype(np.float16), [offsets[place] for place in places])
            known.setdefault(key, []).append(half)
        with self._lock:
            for key in keys:
                self._halves[key] = known[key]
                self._halves.move_to_end(key)
            while len(self._halves) > KEPT:
                self._halves.popitem(last=False)
        return [known[key] for key in keys]

    def _windows(self, title: str, text: str) -> Iterable[tuple[list[int], list[tuple[int, int]]]]:
        """Token ids of `title: text`, and each token's offsets in the text; long passages in overlapping windows."""
        head, _ = self._runtime.encode(readable(f"{title}:")) if title else ([0, 2], [])
        ids, offsets = self._runtime.encode(readable(text))
        first, last, inner, places = head[:-1][:64], ids[-1], ids[1:-1], offsets[1:-1]
        for begin in range(0, max(1, len(inner) - (WINDOW - STRIDE)), STRIDE):
            part = slice(begin, begin + WINDOW)
            yield [*first, *inner[part], last], [*[(-1, -1)] * len(first), *places[part], (-1, -1)]


def joint(offsets: Sequence[tuple[int, int]]) -> list[int]:
    """Which tokens of `title: text` are read together with the question: the text's and the marks of begin and end.
    What the title has to say, it has told them in the lower layers."""
    return [0, *(place for place, (start, end) in enumerate(offsets) if end > start >= 0), len(offsets) - 1]


def rank(reading: Reading) -> float:
    """How well a passage answers: the reader's word, and a little of how near the retriever found it."""
    return reading.score + RETRIEVED * float(reading.passage.metadata.get("score") or 0.0)


def _best(readings: Iterable[Reading]) -> list[Reading]:
    """Each passage's best reading, the best first."""
    best: dict[int, Reading] = {}
    for reading in sorted(readings, key=rank, reverse=True):
        best.setdefault(id(reading.passage), reading)
    return list(best.values())


def above_null(logits: Floats, asked: int) -> float:
    """How far the passage's tokens are above "no answer here", first and last token apart; logits (tokens, 2) of the
    question's `asked` tokens and the passage's."""
    return float((np.logaddexp.reduce(logits[asked:], axis=0) - logits[0]).sum())


def readable(text: str) -> str:
    """The text as UTF-8 can carry it: a lone surrogate becomes "?", which takes as many characters."""
    return text.encode("utf-8", "replace").decode("utf-8")


class Span(NamedTuple):
    """Character offsets in the passage, how far all spans of the passage together are above "no answer here" (in
    logits), this one's probability among them; and the offsets of one in another sentence, where `DOUBT` is."""

    start: int
    end: int
    score: float
    share: float
    other: tuple[int, int] | None = None


def best_span(logits: Floats, asked: int, offsets: Sequence[tuple[int, int]], text: str = "") -> Span | None:
    """The likeliest span of a window of `text`; None where it has no words.

    logits (tokens, 2) for question and passage; the question's first token stands for no answer.
    """
    places = [place for place, (start, end) in enumerate(offsets) if end > start >= 0]
    if not places:
        return None
    first, last = places[0], places[-1] + 1
    starts, ends = logits[asked + first : asked + last, 0], logits[asked + first : asked + last, 1]
    sums = starts[:, None] + ends[None, :]
    length = np.arange(len(ends))[None, :] - np.arange(len(starts))[:, None]
    sums = np.where((length >= 0) & (length < SPAN), sums, -np.inf)
    begin, stop = divmod(int(sums.argmax()), sums.shape[1])
    most = float(sums[begin, stop])
    likely = np.exp(sums - most)
    share = 1 / float(likely.sum())
    score = most - math.log(share) - float(logits[0].sum())
    tokens = offsets[first:last]
    other = None if share >= DOUBT else _elsewhere(likely * share, tokens, begin, stop, text)
    return Span(tokens[begin][0], tokens[stop][1], score, share, other)


def _elsewhere(
    likely: Floats, tokens: Sequence[tuple[int, int]], begin: int, stop: int, text: str
) -> tuple[int, int] | None:
    """The likeliest span of the sentence that comes next, where that of tokens[begin..stop] has too little of all
    spans' probability; likely (tokens, tokens)."""
    own, others = 0.0, []
    for start, end in sentences(text):
        inside = [place for place, (s, e) in enumerate(tokens) if start <= s and e <= end]
        if not inside:
            continue
        part = slice(inside[0], inside[-1] + 1)
        mass = float(likely[part, part].sum())
        if inside[0] <= stop and inside[-1] >= begin:
            own += mass
        else:
            others.append((mass, part))
    if own >= DOUBT or not others:
        return None
    _, part = max(others, key=lambda other: other[0])
    spans = likely[part, part]
    one, two = divmod(int(spans.argmax()), len(spans))
    return tokens[part.start + one][0], tokens[part.start + two][1]


@lru_cache(maxsize=2)
def shared_reader(folder: Path = WEIGHTS) -> ExtractiveReader:
    """One reader for the process: weights are read once."""
    return ExtractiveReader(folder)
