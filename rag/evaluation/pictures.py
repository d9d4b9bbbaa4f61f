"""The report's pictures, as SVG that takes its colours and its font from the page."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from typing import Any, Final

# Colours that stand for the page's own, whichever it has, light or dark.
INK, FAINT, ACCENT, WARM = "#010203", "#010204", "#010205", "#010206"
PAGE: Final = {INK: "var(--ink)", FAINT: "var(--line)", ACCENT: "var(--accent)", WARM: "var(--warm)"}
WIDTH: Final = 4.9  # inches, about what a phone shows without shrinking the letters
STYLE: Final[dict[Any, Any]] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "evaluation",
    "text.parse_math": False,
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "text.color": INK,
    "axes.edgecolor": FAINT,
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.color": INK,
    "ytick.color": INK,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "grid.color": FAINT,
    "legend.frameon": False,
}

Summary = dict[str, Any]


def _svg(draw: Callable[[Any, Any], None], height: float) -> str:
    import matplotlib
    from matplotlib.figure import Figure

    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH, height), layout="constrained")
        figure.patch.set_alpha(0)
        axes = figure.subplots()
        axes.patch.set_alpha(0)
        draw(figure, axes)
        out = io.StringIO()
        figure.savefig(out, format="svg", metadata={"Date": None, "Creator": None})
    text = out.getvalue()
    for colour, variable in PAGE.items():
        text = text.replace(colour, variable)
    text = re.sub(r"'DejaVu Sans'[^;\"]*", "var(--font)", text)
    text = re.sub(
        r'<svg [^>]*?viewBox="([^"]+)"[^>]*>', r'<svg viewBox="\1" role="img">', text[text.index("<svg") :], count=1
    )
    # What a page needs no namespace or metadata for.
    return re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL).strip()


def _percent(axis: Any) -> None:
    from matplotlib.ticker import PercentFormatter

    axis.set_major_formatter(PercentFormatter(1, decimals=0))


def risk_coverage(summary: Summary) -> str | None:
    """Share of wrong answers against the share of questions answered, as the threshold falls."""
    points = summary["risk_coverage"]
    if len(points) < 2:
        return None

    def draw(_: Any, axes: Any) -> None:
        coverage, risk = zip(*points, strict=True)
        axes.fill_between(coverage, risk, color=ACCENT, alpha=0.15, linewidth=0)
        axes.plot(coverage, risk, color=ACCENT, linewidth=2)
        axes.set(
            xlabel="questions answered", ylabel="of these, wrong", xlim=(0, 1), ylim=(0, max(0.1, 1.15 * max(risk)))
        )
        axes.grid(axis="y", linewidth=0.6)
        _percent(axes.xaxis)
        _percent(axes.yaxis)

    return _svg(draw, 2.9)


def calibration(summary: Summary) -> str | None:
    """How often answers of a confidence are right."""
    bins = summary["calibration"]
    if not bins:
        return None

    def draw(_: Any, axes: Any) -> None:
        most = max(found["size"] for found in bins)
        axes.plot([0, 1], [0, 1], color=INK, linewidth=0.8, linestyle=(0, (3, 3)), alpha=0.6)
        axes.plot([b["confidence"] for b in bins], [b["right"] for b in bins], color=ACCENT, linewidth=1.2, alpha=0.5)
        sizes = [20 + 160 * found["size"] / most for found in bins]
        axes.scatter([b["confidence"] for b in bins], [b["right"] for b in bins], s=sizes, color=ACCENT, zorder=3)
        axes.set(xlabel="confidence of the answer", ylabel="of these, right", xlim=(0, 1.03), ylim=(0, 1.05))
        axes.grid(linewidth=0.6)
        _percent(axes.xaxis)
        _percent(axes.yaxis)

    return _svg(draw, 2.9)


def latency(summary: Summary) -> str | None:
    """Median and 95th percentile of every stage."""
    stages = summary["latency_ms"]
    if not stages:
        return None

    def draw(_: Any, axes: Any) -> None:
        names = sorted(stages, key=lambda name: (name == "total", stages[name]["p50"]))
        for row, name in enumerate(names):
            half, most = stages[name]["p50"], stages[name]["p95"]
            axes.barh(row, most, color=ACCENT, alpha=0.25, height=0.55)
            axes.barh(row, half, color=ACCENT, height=0.55)
            axes.annotate(f"{half:,.0f} · {most:,.0f}", (most, row), (4, 0), textcoords="offset points", va="center")
        axes.set_yticks(range(len(names)), names)
        axes.margins(x=0.22)
        axes.set(xlabel="milliseconds: half of the answers · 95 in 100")
        axes.spines["left"].set_visible(False)
        axes.tick_params(left=False)

    return _svg(draw, 1.0 + 0.38 * len(stages))


def by_type(summary: Summary) -> str | None:
    """Share handled rightly of every type of question, with its interval."""
    rows = [(name, found["correct"]) for name, found in summary["types"].items() if found["correct"] is not None]
    if not rows:
        return None

    def draw(_: Any, axes: Any) -> None:
        rows.sort(key=lambda row: row[1]["value"])
        for place, (_name, found) in enumerate(rows):
            if found["low"] is not None:
                axes.plot([found["low"], found["high"]], [place, place], color=ACCENT, linewidth=5, alpha=0.28)
            axes.scatter([found["value"]], [place], color=ACCENT, s=34, zorder=3)
        axes.set_yticks(range(len(rows)), [f"{name[:24]} ({found['n']})" for name, found in rows])
        axes.set(xlim=(-0.02, 1.03), ylim=(-0.7, len(rows) - 0.3), xlabel="right answers and right refusals")
        axes.grid(axis="x", linewidth=0.6)
        axes.spines["left"].set_visible(False)
        axes.tick_params(left=False)
        _percent(axes.xaxis)

    return _svg(draw, 0.9 + 0.27 * len(rows))
