"""Make the reader's score a probability: `python -m rag.reader.calibrate OUTCOMES`, OUTCOMES from rag.reader.score.

The confidence is the probability that what is said is right, by logistic regression on the dev films (temperature
and middle: Guo et al. 2017, "On Calibration of Modern Neural Networks"). The thresholds are the least confidence at
which the asked-for share of unanswerable questions is refused. Where every passage was read to the end, the glance's
limit is fitted too: the rounds of training move its scores. All are written into `reader.json`; what is printed is
cross-fitted: fitted on half of the films, measured on the other half, both ways.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
from scipy.optimize import minimize  # type: ignore[import-untyped]

from rag.reader.runtime import WEIGHTS

REFUSED = {"careful": 0.95, "balanced": 0.90, "bold": 0.80}  # of the unanswerable, at each caution
GIVEN_UP = 0.002  # of the passages that answer rightly, so many may lie under the glance's limit
BINS = 10


def fit(score: np.ndarray, right: np.ndarray) -> tuple[float, float]:
    """(middle, temperature) of the likeliest logistic curve through right (0 or 1) by score."""

    def loss(at: np.ndarray) -> float:
        exponent = (score - at[0]) / np.exp(at[1])
        return float(np.mean(np.logaddexp(0, exponent) - right * exponent))

    best = minimize(loss, np.array([float(score.mean()), 1.0]), method="Nelder-Mead")
    return float(best.x[0]), float(np.exp(best.x[1]))


def probability(score: np.ndarray, curve: tuple[float, float]) -> np.ndarray:
    return np.asarray(1 / (1 + np.exp(-np.clip((score - curve[0]) / curve[1], -60, 60))))


def thresholds(confidence: np.ndarray, answerable: np.ndarray) -> dict[str, float]:
    """For each caution the confidence under which its share of the unanswerable lies."""
    return {caution: float(np.quantile(confidence[~answerable], share)) for caution, share in REFUSED.items()}


def limit(glance: np.ndarray) -> float:
    """The glance's score under which a passage is given up; `glance`: what it held of passages that answer rightly."""
    return float(np.quantile(glance, GIVEN_UP))


def calibration_error(confidence: np.ndarray, right: np.ndarray) -> float:
    """Expected calibration error over ten equally full bins (Naeini et al. 2015)."""
    order = np.array_split(np.argsort(confidence), BINS)
    gaps = [len(part) * abs(float(confidence[part].mean() - right[part].mean())) for part in order]
    return sum(gaps) / len(confidence)


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m rag.reader.calibrate", description=__doc__)
    parser.add_argument("outcomes", type=Path)
    parser.add_argument("--weights", type=Path, default=WEIGHTS)
    options = parser.parse_args(argv)
    rows = [json.loads(line) for line in options.outcomes.read_text("utf-8").splitlines()]
    score, right = (np.array([row[name] for row in rows], float) for name in ("score", "said"))
    answerable = np.array([row["answerable"] for row in rows], bool)
    films = sorted({row["film"] for row in rows})
    even = np.array([films.index(row["film"]) % 2 == 0 for row in rows], bool)

    crossed = np.empty(len(rows))
    told = {caution: [0.0, 0.0] for caution in REFUSED}
    for fitted in (even, ~even):
        curve = fit(score[fitted], right[fitted])
        bars = thresholds(probability(score[fitted], curve), answerable[fitted])
        crossed[~fitted] = probability(score[~fitted], curve)
        for caution, bar in bars.items():
            given = crossed[~fitted] >= bar
            told[caution][0] += float((right[~fitted] * given).sum())
            told[caution][1] += float((~given & ~answerable[~fitted]).sum())
    error = calibration_error(crossed, right)
    print(f"calibration error {error:.3f}, cross-fitted over {len(films)} films, {len(rows)} questions")
    for caution, (well, silent) in told.items():
        print(f"{caution:9} right {well / answerable.sum():.3f}  refused {silent / (~answerable).sum():.3f}")

    curve = fit(score, right)
    about = options.weights / "reader.json"
    numbers = json.loads(about.read_text("utf-8"))
    glance = np.array([row["glance"] for row in rows if row["said"] and row.get("glance") is not None])
    numbers["calibration"] = {
        "hope": round(limit(glance), 2) if len(glance) else numbers["calibration"]["hope"],
        "middle": round(curve[0], 4),
        "temperature": round(curve[1], 4),
        "thresholds": {name: round(at, 4) for name, at in thresholds(probability(score, curve), answerable).items()},
        "films": len(films),
        "questions": len(rows),
        "error": round(error, 4),
    }
    about.write_text(json.dumps(numbers, indent=2) + "\n", "utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
