"""95% intervals by resampling the cases."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

import numpy as np

from rag.evaluation.metrics import Floats

RESAMPLES: Final = 1000
SEED: Final = 20
LEVEL: Final = 95
AT_ONCE: Final = 2_000_000
"""Numbers held in memory while resampling."""

Measure = Callable[..., Any]


class Estimate(NamedTuple):
    """A measure with its 95% interval; without one where fewer than two cases were eligible. `n` counts those."""

    value: float
    low: float | None
    high: float | None
    n: int


def _resampled(columns: Sequence[Floats], statistic: Measure) -> Floats:
    from scipy.stats import bootstrap  # type: ignore[import-untyped]

    with warnings.catch_warnings():
        # Its own interval is not used: it is nan as soon as one resample has nothing to measure.
        warnings.simplefilter("ignore")
        result = bootstrap(
            tuple(columns),
            lambda *arrays, axis: statistic(*arrays),
            paired=True,
            vectorized=True,
            method="percentile",
            n_resamples=RESAMPLES,
            batch=max(1, AT_ONCE // columns[0].size),
            rng=np.random.default_rng(SEED),
        )
    return np.asarray(result.bootstrap_distribution)


def _estimate(columns: Sequence[Floats], statistic: Measure) -> Estimate:
    size = columns[0].size
    value = float(statistic(*columns)) if size else math.nan
    if size < 2 or math.isnan(value):
        return Estimate(value, None, None, size)
    drawn = _resampled(columns, statistic)
    drawn = drawn[~np.isnan(drawn)]
    tail = (100 - LEVEL) / 2
    low, high = np.percentile(drawn, [tail, 100 - tail]) if drawn.size else (math.nan, math.nan)
    return Estimate(value, float(low), float(high), size)


def eligible(columns: Sequence[Floats]) -> Floats:
    """The mask of the cases that have all of the columns."""
    return ~np.any(np.isnan(np.stack(columns)), axis=0)


def interval(columns: Sequence[Floats], statistic: Measure) -> Estimate:
    """A measure over the eligible cases, with its percentile bootstrap interval.

    `statistic` takes the columns with the cases on the last axis. Source: Efron and Tibshirani 1993, An Introduction to
    the Bootstrap, chapter 13; `scipy.stats.bootstrap`.
    """
    mask = eligible(columns)
    return _estimate([column[mask] for column in columns], statistic)


def difference(new: Sequence[Floats], old: Sequence[Floats], statistic: Measure) -> Estimate:
    """New minus old over the cases eligible in both, which are resampled in pairs.

    Source: Efron and Tibshirani 1993, chapter 16; Berg-Kirkpatrick et al. 2012, An Empirical Investigation of
    Statistical Significance in NLP.
    """
    columns = [*new, *old]
    mask = eligible(columns)
    count = len(new)

    def change(*arrays: Floats) -> Any:
        return statistic(*arrays[:count]) - statistic(*arrays[count:])

    return _estimate([column[mask] for column in columns], change)
