"""The measures: pure functions of what was asked, said and known.

Measures of one case take one case's values. Measures of a whole set take arrays whose last axis runs over the cases,
so that a bootstrap can hand in all its resamples at once; they give one number for each row, `nan` where a row has
nothing to measure.
"""

from __future__ import annotations

import functools
import re
import string
import unicodedata
from collections import Counter
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

LONG: Final = 12
"""Words from which on an acceptable answer is long, and ROUGE-L says more than exact match."""

_ARTICLES: Final = re.compile(r"\b(?:a|an|the)\b")


class _WithoutPunctuation(dict[int, int | None]):
    """A table for `str.translate`, filled as characters turn up."""

    def __missing__(self, code: int) -> int | None:
        character = chr(code)
        bare = character in string.punctuation or (code > 127 and unicodedata.category(character)[0] == "P")
        self[code] = None if bare else code
        return self[code]


_BARE: Final = _WithoutPunctuation()

# Words that carry no meaning of their own; NLTK's English list is the model, pronouns of the film world included.
_ENGLISH: Final = (
    "a about after again against all also am an and any are as at be because been before being between "
    "both but by can did do does doing down during each for from further had has have having he her here "
    "hers him himself his how i if in into is it its itself just me more most my no nor not of off on "
    "once only or other our out over own same she so some such than that the their theirs them then there "
    "these they this those through to too under until up very was we were what when where which while who "
    "whom why will with would yes you your"
)
_FUNCTION_WORDS: Final = frozenset(_ENGLISH.split())


def load() -> None:
    """Import the libraries behind the measures, which takes seconds, before any clock runs."""
    import ir_measures  # noqa: F401
    import scipy.stats  # type: ignore[import-untyped]  # noqa: F401

    _rouge()


# Answers


@functools.lru_cache(maxsize=4096)
def normalise(text: str) -> str:
    """Lower case, without punctuation and articles, single spaces.

    Source: `normalize_answer` of the official SQuAD 2.0 evaluation script, https://rajpurkar.github.io/SQuAD-explorer/.
    Beyond it, punctuation of all scripts goes (the script knows ASCII's only), so that curly quotes compare equal.
    """
    bare = unicodedata.normalize("NFC", text).lower().translate(_BARE)
    return " ".join(_ARTICLES.sub(" ", bare).split())


def exact_match(answer: str, accepted: Sequence[str]) -> float:
    """1 when the answer equals an acceptable one after normalisation, else 0.

    Source: Rajpurkar et al. 2016, SQuAD: 100,000+ Questions for Machine Comprehension of Text, section 6.1.
    """
    return float(normalise(answer) in {normalise(text) for text in accepted})


def _token_f1(answer: str, accepted: str) -> float:
    said, meant = normalise(answer).split(), normalise(accepted).split()
    if not said or not meant:
        return float(said == meant)
    common = sum((Counter(said) & Counter(meant)).values())
    return 2 * common / (len(said) + len(meant))


def token_f1(answer: str, accepted: Sequence[str]) -> float:
    """Harmonic mean of precision and recall over words, with the acceptable answer that fits best, 0 to 1.

    Source: Rajpurkar et al. 2016, section 6.1; `compute_f1` of the official script.
    """
    return max(_token_f1(answer, text) for text in accepted)


def _inside(part: str, whole: str) -> bool:
    return f" {part} " in f" {whole} "


def content_words(text: str) -> list[str]:
    """The words of the normalised text that carry meaning of their own."""
    return [word for word in normalise(text).split() if word not in _FUNCTION_WORDS]


def _covers(answer: str, accepted: str) -> bool:
    if not _inside(normalise(answer), normalise(accepted)):
        return False
    kept, whole = len(content_words(answer)), len(content_words(accepted))
    return kept >= 3 or 2 * kept > whole


def hit(answer: str, accepted: Sequence[str]) -> float:
    """1 when an acceptable answer is inside the answer, or covers it, else 0.

    Whole words are compared, normalised, in their order. An acceptable answer covers a shorter answer only when this
    keeps more than half of its meaningful words, or three of them: 'the' is inside 'the town', and answers nothing;
    'October' does not answer for '17 October'.
    """
    said = normalise(answer)
    if not said:
        return 0.0
    return float(
        any((meant := normalise(text)) and (_inside(meant, said) or _covers(answer, text)) for text in accepted)
    )


@functools.cache
def _rouge() -> Any:
    from rouge_score.rouge_scorer import RougeScorer  # type: ignore[import-untyped]
    from rouge_score.tokenizers import DefaultTokenizer  # type: ignore[import-untyped]

    # Left to choose its tokenizer, the library says so, and turns on everybody's log doing it.
    return RougeScorer(["rougeL"], tokenizer=DefaultTokenizer(use_stemmer=False))


def rouge_l(answer: str, accepted: Sequence[str]) -> float:
    """F-measure of the longest common subsequence, with the acceptable answer that fits best, 0 to 1.

    Source: Lin 2004, ROUGE: A Package for Automatic Evaluation of Summaries; Google's `rouge-score`, without stemming.
    """
    return float(max(_rouge().score(text, answer)["rougeL"].fmeasure for text in accepted))


# Evidence


def holds(evidence: str, text: str, *, same_paper: bool = True) -> bool:
    """Whether a passage or quote holds a piece of evidence.

    It does when the evidence is inside it word by word, when it is itself inside the evidence (a quote of one sentence
    out of two) with three meaningful words or more, or when it holds the larger half of a long piece. A lone word or
    number proves nothing in another paper than its own.
    """
    proof, words = normalise(evidence), normalise(text)
    if not proof or not words:
        return False
    if not same_paper and len(content_words(evidence)) < 2:
        return False
    if _inside(proof, words):
        return True
    parts = proof.split()
    if _inside(words, proof):
        return len(content_words(text)) >= 3
    if len(parts) < 8:
        return False
    # A passage boundary may run through the evidence: then one side has its head or its tail.
    half = len(parts) // 2 + 1
    return _inside(" ".join(parts[:half]), words) or _inside(" ".join(parts[-half:]), words)


# Retrieval

CUTOFFS: Final = (1, 3, 5, 8)
RETRIEVAL: Final = (*(f"recall@{k}" for k in CUTOFFS), "mrr", "ndcg@8")


@functools.lru_cache(maxsize=4096)
def ranking(held: tuple[tuple[int, ...], ...], pieces: int) -> dict[str, float]:
    """The measures of one ranking, as `rankings` gives them; few rankings differ, so each is measured once."""
    return rankings([(held, pieces)])[0]


def rankings(relevant: Sequence[tuple[Sequence[Sequence[int]], int]]) -> list[dict[str, float]]:
    """recall@1, @3, @5, @8, reciprocal rank and nDCG@8 of several rankings.

    Each ranking is (for every retrieved passage, best first, the numbers of the pieces of evidence it holds; how many
    pieces there are). A piece counts once, where it is first found. Many rankings in one call are cheaper than many
    calls. Source: `ir-measures` (MacAvaney et al. 2022, Streamlining Evaluation with ir-measures) over pytrec_eval.
    """
    import ir_measures

    names = {
        **{ir_measures.R @ k: f"recall@{k}" for k in CUTOFFS},
        ir_measures.RR: "mrr",
        ir_measures.nDCG @ 8: "ndcg@8",
    }
    wanted: list[ir_measures.Qrel] = []
    run: list[ir_measures.ScoredDoc] = []
    for query, (held, pieces) in enumerate(relevant):
        wanted.extend(ir_measures.Qrel(str(query), f"piece {piece}", 1) for piece in range(pieces))
        found: set[int] = set()
        score = 0.0
        for rank, passage in enumerate(held):
            new = [piece for piece in passage if piece not in found]
            found.update(new)
            for name in [f"piece {piece}" for piece in new] or [f"nothing {rank}"]:
                score -= 1.0
                run.append(ir_measures.ScoredDoc(str(query), name, score))
        if not held:
            run.append(ir_measures.ScoredDoc(str(query), "nothing", 0.0))
    scores: list[dict[str, float]] = [{} for _ in relevant]
    for metric in ir_measures.iter_calc(list(names), wanted, run):
        scores[int(metric.query_id)][names[metric.measure]] = float(metric.value)
    return scores


# Citations


def citation_precision(held: Sequence[Sequence[int]]) -> float:
    """Share of the cited passages that hold a piece of the evidence; `held`: its pieces, for every citation.

    Source: citation precision of Gao et al. 2023, Enabling Large Language Models to Generate Text with Citations, with
    the set's own evidence in place of an entailment model.
    """
    return sum(bool(pieces) for pieces in held) / len(held)


def citation_recall(held: Sequence[Sequence[int]], pieces: int) -> float:
    """Share of the pieces of evidence that are cited. Source: as citation precision."""
    return len({piece for passage in held for piece in passage}) / pieces


def quote_valid(text: str, quote: str, start: int, end: int, highlight: tuple[int, int]) -> bool:
    """Whether a quote stands in its paper's text at its offsets, with the highlight inside it."""
    return text[start:end] == quote and start <= highlight[0] <= highlight[1] <= end


# Refusals, over a set. `refused` and `answerable` are 0 or 1 for every case.


def _ratio(top: Floats, bottom: Floats) -> Floats:
    return np.divide(top, bottom, out=np.full(np.shape(top), np.nan), where=np.asarray(bottom) > 0)


def refusal_precision(refused: ArrayLike, answerable: ArrayLike) -> Floats:
    """Share of the refused questions that have no answer. Source: SQuAD 2.0's no-answer class as a classification."""
    no, silent = np.asarray(refused, float), 1 - np.asarray(answerable, float)
    return _ratio((no * silent).sum(-1), no.sum(-1))


def refusal_recall(refused: ArrayLike, answerable: ArrayLike) -> Floats:
    """Share of the questions without an answer that are refused. Source: as refusal precision."""
    no, silent = np.asarray(refused, float), 1 - np.asarray(answerable, float)
    return _ratio((no * silent).sum(-1), silent.sum(-1))


def refusal_f1(refused: ArrayLike, answerable: ArrayLike) -> Floats:
    """Harmonic mean of refusal precision and recall. Source: van Rijsbergen 1979, Information Retrieval, chapter 7."""
    no, silent = np.asarray(refused, float), 1 - np.asarray(answerable, float)
    rightly = (no * silent).sum(-1)
    # Without a question to refuse there is nothing to be right about.
    return np.where(silent.sum(-1) > 0, _ratio(2 * rightly, no.sum(-1) + silent.sum(-1)), np.nan)


def false_answer_rate(answered: ArrayLike, answerable: ArrayLike) -> Floats:
    """Share of the questions without an answer that got one all the same.

    Source: the false positive rate of the answered–refused classification; 1 − refusal recall where nothing crashed.
    """
    yes, silent = np.asarray(answered, float), 1 - np.asarray(answerable, float)
    return _ratio((yes * silent).sum(-1), silent.sum(-1))


# Confidence, over a set


def auc(confidence: ArrayLike, answerable: ArrayLike) -> Floats:
    """Probability that an answerable question gets the higher confidence than one without an answer; ties count half.

    Source: Hanley and McNeil 1982, The meaning and use of the area under a ROC curve; the Mann–Whitney form.
    """
    from scipy.stats import rankdata

    yes = np.asarray(answerable, float)
    ranks = rankdata(np.asarray(confidence, float), axis=-1)
    positives = yes.sum(-1)
    negatives = yes.shape[-1] - positives
    return _ratio((ranks * yes).sum(-1) - positives * (positives + 1) / 2, positives * negatives)


class Curve(NamedTuple):
    """By threshold: the share of questions answered (coverage), the share of the answers that is wrong (risk)."""

    coverage: Floats
    risk: Floats


def risk_coverage(confidence: ArrayLike, right: ArrayLike, asked: int | None = None) -> Curve:
    """Risk against coverage when only the more confident answers are given.

    `confidence` and `right` (0 or 1) are of the answers given; `asked` is the number of questions in all, those that
    were refused included, which bounds the coverage. Equal confidences keep their order.
    Source: El-Yaniv and Wiener 2010, On the Foundations of Noise-free Selective Classification.
    """
    order = np.argsort(-np.asarray(confidence, float), axis=-1, kind="stable")
    wrong = 1 - np.take_along_axis(np.asarray(right, float), order, -1)
    count = np.arange(1, wrong.shape[-1] + 1)
    return Curve(count / (asked or wrong.shape[-1] or 1), np.cumsum(wrong, axis=-1) / count)


def aurc(confidence: ArrayLike, right: ArrayLike) -> Floats:
    """Area under the risk–coverage curve of the answers given: the mean risk over all thresholds; 0 is best.

    Source: Geifman, Uziel and El-Yaniv 2019, Bias-Reduced Uncertainty Estimation for Deep Neural Classifiers.
    """
    return risk_coverage(confidence, right).risk.mean(-1)


class Bin(NamedTuple):
    """Answers of about the same confidence: how many, their mean confidence, the share that is right."""

    size: int
    confidence: float
    right: float


def calibration(confidence: ArrayLike, right: ArrayLike, bins: int = 10) -> list[Bin]:
    """Answers in bins of equal width by confidence (0 to 1), empty bins left out."""
    sure, good = np.asarray(confidence, float), np.asarray(right, float)
    place = np.minimum((sure * bins).astype(int), bins - 1)
    inside = [place == number for number in range(bins)]
    return [Bin(int(mask.sum()), float(sure[mask].mean()), float(good[mask].mean())) for mask in inside if mask.any()]


def ece(confidence: ArrayLike, right: ArrayLike, bins: int = 10) -> Floats:
    """Expected calibration error: mean distance of confidence and share right over the bins, weighted by their size.

    Source: Guo et al. 2017, On Calibration of Modern Neural Networks, equation 3, with bins of equal width.
    """
    sure, good = np.asarray(confidence, float), np.asarray(right, float)
    place = np.minimum((sure * bins).astype(int), bins - 1)
    gap = sure - good
    distance = np.zeros(sure.shape[:-1])
    for number in range(bins):
        distance += np.abs((gap * (place == number)).sum(-1))
    return distance / sure.shape[-1]


# Cost


def percentile(values: ArrayLike, q: float) -> Floats:
    """The q-th percentile (0 to 100), linear between neighbours. Source: Hyndman and Fan 1996, definition 7."""
    return np.asarray(np.percentile(np.asarray(values, float), q, axis=-1))
