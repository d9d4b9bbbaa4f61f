"""What the ruler costs beside the chain it measures, in time and in memory, and what several jobs gain."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from langchain_core.runnables import Runnable, RunnableLambda

from index.build import build
from index.settings import Settings
from rag import Answer, Question, build_chain
from rag.evaluation import evaluate
from rag.evaluation.case import Case

DOCUMENTS = Path("documents")
QUESTIONS = Path("rag/evaluation/questions/karmalink.jsonl")
MANY, FEW = 5000, 1000
WAIT = 0.02
JOBS = 4


def bench_ruler() -> dict[str, float]:
    """The share of a run that measuring takes, summary and intervals among it; wants 0.05 or less."""
    cases = [Case.model_validate(json.loads(line)) for line in QUESTIONS.read_text("utf-8").splitlines()]
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(documents=DOCUMENTS, index=Path(folder) / "chroma")
        build(settings)
        chain = build_chain(settings)
        done = evaluate(chain, cases)
        chain.index.close()
    return {f"ruler's share of {len(cases)} questions": done.summary["ruler"]["share"]}


def bench_memory() -> dict[str, float]:
    """Megabytes that the process grows between so many questions and five times as many, for each thousand."""
    evaluate(_chain(0.0), _cases(FEW))
    before = _resident()
    evaluate(_chain(0.0), _cases(MANY))
    return {"growth for 1,000 questions, MB": (_resident() - before) / (MANY / 1000)}


def bench_jobs() -> dict[str, float]:
    """How many times faster several jobs are, with a chain that waits and does not compute; wants near their number."""
    one, many = _seconds(1), _seconds(JOBS)
    return {f"{JOBS} jobs over one": one / many}


def _seconds(jobs: int) -> float:
    started = time.perf_counter()
    evaluate(_chain(WAIT), _cases(200), jobs=jobs)
    return time.perf_counter() - started


def _cases(count: int) -> Iterator[Case]:
    return (Case(id=f"q{n}", question=f"Who lit lamp {n}?", answers=[f"keeper {n}"]) for n in range(count))


def _chain(wait: float) -> Runnable[Question, Answer]:
    def reply(question: Question) -> Answer:
        time.sleep(wait)
        text = question.text.replace("Who lit lamp", "keeper").rstrip("?")
        return Answer(
            question=question.text,
            standalone_question=question.text,
            answered=True,
            answer=text,
            confidence=0.9,
            answered_by="bench",
        )

    return RunnableLambda(reply)


def _resident() -> float:
    status = Path("/proc/self/status").read_text()
    return int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmRSS"))) / 1024


def main() -> None:
    """Print what was measured."""
    for bench in (bench_jobs, bench_memory, bench_ruler):
        for name, value in bench().items():
            print(f"{name}: {value:.4f}")


if __name__ == "__main__":
    main()
