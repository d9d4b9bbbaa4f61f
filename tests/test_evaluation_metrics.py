"""The measures, against their sources and by hand."""

from __future__ import annotations

import re
import string
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rag.evaluation import metrics
from rag.evaluation.bootstrap import difference, interval


def official_normalise(text: str) -> str:
    """normalize_answer of the official SQuAD 2.0 script."""
    bare = "".join(character for character in text.lower() if character not in set(string.punctuation))
    return " ".join(re.sub(r"\b(a|an|the)\b", " ", bare).split())


def official_f1(gold: str, said: str) -> float:
    """compute_f1 of the official SQuAD 2.0 script."""
    wanted, given_ = official_normalise(gold).split(), official_normalise(said).split()
    same = sum((Counter(wanted) & Counter(given_)).values())
    if not wanted or not given_:
        return float(wanted == given_)
    if same == 0:
        return 0.0
    precision, recall = same / len(given_), same / len(wanted)
    return 2 * precision * recall / (precision + recall)


ASCII = st.text(st.sampled_from("abthe an'THE.,-0 \n"), max_size=40)


@settings(deadline=None)
@given(ASCII, ASCII)
def test_exact_match_and_f1_are_the_official_ones_on_ascii(gold, said):
    assert metrics.normalise(gold) == official_normalise(gold)
    assert metrics.exact_match(said, [gold]) == float(official_normalise(gold) == official_normalise(said))
    assert metrics.token_f1(said, [gold]) == pytest.approx(official_f1(gold, said))


def test_punctuation_of_other_scripts_goes_too():
    assert metrics.normalise("“It’s the sea…”") == "its sea"
    assert metrics.normalise("ភ្នំពេញ។") == "ភ្នំពេញ"


@pytest.mark.parametrize(
    ("said", "accepted", "expected"),
    [
        ("It was directed by Mira Kessel.", "Mira Kessel", 1),
        ("mira kessel", "The Mira Kessel!", 1),
        ("the", "the chimney of the old butter factory", 0),
        ("of the", "the chimney of the old butter factory", 0),
        ("the old butter factory", "the chimney of the old butter factory", 1),
        ("October", "17 October", 0),
        ("17 October 2022", "17 October", 1),
        ("Kessel", "Mira Kessel", 0),
        ("a stage adaptation of it in Ghent", "a stage adaptation", 1),
        ("three", "thirty-three", 0),
        ("the 33", "33", 1),
        ("", "anything", 0),
        ("!?", "anything", 0),
        ("is dated the day before she died and", "dated the day before she died", 1),
        ("of the to", "of the to be", 0),
    ],
)
def test_a_hit_is_inside_the_answer_or_covers_it_by_more_than_a_fragment(said, accepted, expected):
    assert metrics.hit(said, ["something else", accepted]) == expected


def test_rouge_l_is_that_of_the_library():
    # 4 words in common, in order, of 5 and 6: 2 * 4 / 11
    assert metrics.rouge_l("the keeper lights the lamp", ["the old keeper lights a lamp"]) == pytest.approx(8 / 11)


@pytest.mark.parametrize(
    ("evidence", "text", "same", "expected"),
    [
        ("1958", "It was last above water in 1958.", True, True),
        ("1958", "She was born in 1958.", False, False),
        ("Oskar Thiele", "Production design: Oskar Thiele", False, True),
        (
            "We slept badly. The cannery had one stove and no hot water.",
            "The cannery had one stove and no hot water.",
            True,
            True,
        ),
        ("We slept badly. The cannery had one stove and no hot water.", "The cannery", True, False),
        ("one two three four five six seven eight nine ten", "zero one two three four five six", True, True),
        ("one two three four five six seven eight nine ten", "four five six seven zero", True, False),
        ("the", "", True, False),
    ],
)
def test_what_holds_the_evidence(evidence, text, same, expected):
    assert metrics.holds(evidence, text, same_paper=same) is expected


def test_retrieval_measures_by_hand():
    [scores] = metrics.rankings([([[], [0], [], [0, 1]], 2)])
    assert scores["recall@1"] == 0
    assert scores["recall@3"] == 0.5
    assert scores["recall@5"] == 1
    assert scores["mrr"] == 0.5
    ideal = 1 + 1 / np.log2(3)
    assert scores["ndcg@8"] == pytest.approx((1 / np.log2(3) + 1 / np.log2(5)) / ideal)


def test_nothing_retrieved_is_nothing_found():
    assert set(metrics.rankings([([], 1)])[0].values()) == {0.0}
    assert set(metrics.rankings([([], 1)])[0]) == set(metrics.RETRIEVAL)


def test_citations():
    assert metrics.citation_precision([[0], [], [0, 1]]) == pytest.approx(2 / 3)
    assert metrics.citation_recall([[0], [], [0]], 2) == 0.5
    assert metrics.quote_valid("one two", "two", 4, 7, (4, 7))
    assert not metrics.quote_valid("one two", "two", 3, 6, (4, 6))
    assert not metrics.quote_valid("one two", "two", 4, 7, (3, 7))


def test_refusals():
    refused, answerable = [1, 1, 0, 0, 1], [0, 1, 0, 1, 0]
    assert metrics.refusal_precision(refused, answerable) == pytest.approx(2 / 3)
    assert metrics.refusal_recall(refused, answerable) == pytest.approx(2 / 3)
    assert metrics.refusal_f1(refused, answerable) == pytest.approx(2 / 3)
    assert metrics.false_answer_rate([0, 0, 1, 1, 0], answerable) == pytest.approx(1 / 3)


def test_refusals_without_anything_to_refuse_have_no_score():
    for measure in (metrics.refusal_recall, metrics.refusal_f1, metrics.false_answer_rate):
        assert np.isnan(measure([0, 1], [1, 1]))
    assert np.isnan(metrics.refusal_precision([0, 0], [0, 1]))


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from([0.0, 0.2, 0.5, 0.9]), st.booleans()), min_size=2, max_size=30))
def test_auc_is_the_share_of_pairs_in_order(pairs):
    yes = [sure for sure, right in pairs if right]
    no = [sure for sure, right in pairs if not right]
    value = metrics.auc(*zip(*pairs, strict=True))
    if not yes or not no:
        assert np.isnan(value)
        return
    expected = np.mean([(a > b) + 0.5 * (a == b) for a in yes for b in no])
    assert value == pytest.approx(expected)


def test_risk_coverage_by_hand():
    curve = metrics.risk_coverage([0.9, 0.5, 0.7], [1, 0, 1], asked=6)
    assert curve.coverage == pytest.approx([1 / 6, 2 / 6, 3 / 6])
    assert curve.risk == pytest.approx([0, 0, 1 / 3])
    assert metrics.aurc([0.9, 0.5, 0.7], [1, 0, 1]) == pytest.approx(1 / 9)


def test_calibration_by_hand():
    sure, right = [0.95, 0.85, 0.15, 0.12, 1.0], [1, 0, 0, 1, 1]
    assert [(found.size, found.right) for found in metrics.calibration(sure, right)] == [(2, 0.5), (1, 0.0), (2, 1.0)]
    expected = (abs(0.135 - 0.5) * 2 + 0.85 + abs(0.975 - 1) * 2) / 5
    assert metrics.ece(sure, right) == pytest.approx(expected)


def test_measures_of_a_set_take_many_resamples_at_once():
    rng = np.random.default_rng(0)
    sure, right = rng.random((3, 40)), rng.integers(0, 2, (3, 40))
    measures = (metrics.auc, metrics.aurc, metrics.ece, metrics.refusal_f1, metrics.refusal_precision)
    for measure in measures:
        first = np.round(sure) if measure in (metrics.refusal_f1, metrics.refusal_precision) else sure
        rows = [float(measure(a, b)) for a, b in zip(first, right, strict=True)]
        assert measure(first, right) == pytest.approx(rows)


def test_percentiles():
    assert metrics.percentile([1, 2, 3, 4, 5], 50) == 3
    assert metrics.percentile([10, 20], 95) == pytest.approx(19.5)


def mean(values):
    return np.asarray(values).mean(-1)


def test_intervals_hold_the_value_and_shrink_with_more_cases():
    few = interval([np.array([1.0, 0.0] * 10)], mean)
    many = interval([np.array([1.0, 0.0] * 500)], mean)
    assert few.low < few.value < few.high and many.low < many.value < many.high
    assert many.high - many.low < (few.high - few.low) / 3
    # The textbook's interval of a share
    assert many.high - many.low == pytest.approx(2 * 1.96 * np.sqrt(0.25 / 1000), rel=0.15)


def test_intervals_are_the_same_every_time_and_leave_missing_cases_out():
    column = np.array([1.0, np.nan, 0.0, 1.0, np.nan, 1.0])
    assert interval([column], mean) == interval([column], mean)
    assert interval([column], mean).n == 4
    assert interval([np.array([np.nan])], mean).n == 0
    one = interval([np.array([1.0])], mean)
    assert (one.value, one.low, one.high) == (1.0, None, None)


def test_differences_are_paired():
    rng = np.random.default_rng(1)
    old = rng.integers(0, 2, 400).astype(float)
    new = old.copy()
    new[np.flatnonzero(old == 0)[:12]] = 1
    change = difference([new], [old], mean)
    assert change.value == pytest.approx(12 / 400)
    # Unpaired, this interval would be three times as wide and hold zero.
    assert change.low > 0
    assert difference([old], [old], mean)[:3] == (0, 0, 0)
