"""What a question costs: warm against the bare model passes in it, cold from the command line, and in memory."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from threading import Lock
from typing import Any

from index.build import build
from index.settings import Settings
from rag import Question, build_chain

DOCUMENTS = Path("documents")
QUESTIONS = Path("rag/evaluation/questions/karmalink.jsonl")
WARM, COLD = 60, 5
MEMORY = """
import json, sys
from pathlib import Path
from index.settings import Settings
from rag import Question, build_chain
chain = build_chain(Settings(index=Path(sys.argv[1])))
for row in json.loads(sys.argv[2]):
    chain.invoke(Question(text=row))
status = Path("/proc/self/status").read_text()
print(next(line.split()[1] for line in status.splitlines() if line.startswith("VmRSS")))
"""


class Passes:
    """Seconds in which at least one pass through a model is under way: two at once, on two cores, count once."""

    def __init__(self) -> None:
        self.seconds, self._under_way, self._since, self._lock = 0.0, 0, 0.0, Lock()

    def begin(self) -> None:
        with self._lock:
            if not self._under_way:
                self._since = time.perf_counter()
            self._under_way += 1

    def end(self) -> None:
        with self._lock:
            self._under_way -= 1
            if not self._under_way:
                self.seconds += time.perf_counter() - self._since


class Timed:
    """An onnxruntime session whose passes are counted."""

    def __init__(self, session: Any, passes: Passes) -> None:
        self._session, self._passes = session, passes

    def run(self, *values: Any) -> Any:
        self._passes.begin()
        try:
            return self._session.run(*values)
        finally:
            self._passes.end()


def texts() -> list[str]:
    """Questions that stand alone, of the set that lies beside the evaluation."""
    rows = [json.loads(line) for line in QUESTIONS.read_text("utf-8").splitlines()]
    return [row["question"] for row in rows if not row["history"]]


def bench_warm(settings: Settings) -> dict[str, float]:
    """Milliseconds of a warm question, and their ratio to the time inside its model passes; wants 1.2 or less."""
    chain = build_chain(settings)
    encoder, runtime = chain.retriever.embeddings._encoder, chain.reader._runtime
    holders = ((encoder, "_session"), *((runtime, part) for part in ("_lower", "_middle", "_upper")))
    passes = Passes()
    for owner, name in holders:
        setattr(owner, name, Timed(getattr(owner, name), passes))
    asked = texts()
    for text in asked[:WARM]:  # every passage's lower half is kept after this, and every sentence's vector
        chain.invoke(Question(text=text))
    whole, ratios = [], []
    for text in asked[:WARM]:
        before = passes.seconds
        started = time.perf_counter()
        chain.invoke(Question(text=text))
        seconds = time.perf_counter() - started
        whole.append(seconds)
        ratios.append(seconds / (passes.seconds - before))
    chain.index.close()
    cuts = statistics.quantiles(whole, n=20)
    return {
        "warm question, p50 ms": statistics.median(whole) * 1000,
        "warm question, p95 ms": cuts[-1] * 1000,
        "warm question over its model passes": statistics.median(ratios),
    }


def bench_cold(settings: Settings) -> dict[str, float]:
    """Seconds of `karmalink ask` in a process of its own; wants 4 or less."""
    command = [str(Path(sys.executable).with_name("karmalink")), "ask", texts()[0], "--index", str(settings.index)]
    times = []
    for _ in range(COLD):
        started = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True)
        times.append(time.perf_counter() - started)
    return {"cold `karmalink ask`, s": statistics.median(times)}


def bench_memory(settings: Settings) -> dict[str, float]:
    """Resident megabytes of a process that has answered many questions; wants 800 or less."""
    command = [sys.executable, "-c", MEMORY, str(settings.index), json.dumps(texts()[:WARM])]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return {"resident after many questions, MB": int(done.stdout.split()[-1]) / 1024}


def main() -> None:
    """Print what was measured."""
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(documents=DOCUMENTS, index=Path(folder) / "chroma")
        build(settings)
        for bench in (bench_cold, bench_memory, bench_warm):
            for name, value in bench(settings).items():
                print(f"{name}: {value:.2f}")


if __name__ == "__main__":
    main()
