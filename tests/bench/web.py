"""What the doors cost: a page until it can be used, a question over the chain's own time, many visitors at once."""

from __future__ import annotations

import asyncio
import json
import os
import random
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

DOCUMENTS = Path("documents")
QUESTIONS = Path("rag/evaluation/questions/karmalink.jsonl")
VISITORS, EVERY, EACH = 50, 5.0, 4
STARTERS = 0.5  # share of the visitors' questions that are the starters the page offers
ROUNDS = 5


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """`karmalink serve` in a process of its own, without limits; its address."""
    command = Path(sys.executable).with_name("karmalink")
    index = ["--documents", str(DOCUMENTS), "--index", str(folder / "chroma")]
    subprocess.run([command, "build", *index], check=True, capture_output=True)
    server = subprocess.Popen(
        [command, "serve", *index, "--port", "0", "--no-browser"],
        env={**os.environ, "KARMALINK_LIMITS": "off", "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        line = server.stdout.readline() if server.stdout else ""
        found = re.search(r"http://\S+", line)
        if not found:
            raise SystemExit(f"karmalink serve did not say its address but {line!r}")
        yield found.group().rstrip("/")
    finally:
        server.terminate()
        server.wait()


def texts() -> list[str]:
    rows = [json.loads(line) for line in QUESTIONS.read_text("utf-8").splitlines()]
    return [row["question"] for row in rows if not row["history"]]


def bench_overhead(address: str) -> dict[str, float]:
    """Milliseconds between a client's wait and the chain's own time, one question after the other; wants 15 or less."""
    over = []
    with httpx.Client(base_url=address) as client:
        for text in texts()[:40]:
            started = time.perf_counter()
            answer = client.post("/api/ask", json={"question": text}).raise_for_status().json()
            over.append((time.perf_counter() - started) * 1000 - answer["timings_ms"]["total"])
    return {"server over chain, p50 ms": statistics.median(over), "server over chain, p95 ms": _p95(over)}


def bench_page(address: str) -> dict[str, float]:
    """Seconds from the address bar to a page that takes a question, in a browser that never saw it; wants 1.5."""
    from playwright.sync_api import sync_playwright

    path = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    times = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        for _ in range(ROUNDS):
            page = browser.new_context().new_page()
            started = time.perf_counter()
            page.goto(address)
            page.get_by_role("textbox").first.wait_for(state="visible")
            times.append(time.perf_counter() - started)
            page.context.close()
        browser.close()
    return {"page usable, s": statistics.median(times)}


def bench_crowd(address: str) -> dict[str, float]:
    """Seconds that visitors wait who each ask every few seconds; wants a p95 of 1.5 and none lost."""
    with httpx.Client(base_url=address) as client:
        starters = client.get("/api/film").json()["starters"]
    waits, lost = asyncio.run(_crowd(address, starters, texts()))
    return {
        f"{VISITORS} visitors, p50 s": statistics.median(waits),
        f"{VISITORS} visitors, p95 s": _p95(waits),
        f"{VISITORS} visitors, lost": lost,
    }


async def _crowd(address: str, starters: list[str], others: list[str]) -> tuple[list[float], int]:
    rng = random.Random(1)
    limits = httpx.Limits(max_connections=VISITORS)
    async with httpx.AsyncClient(base_url=address, timeout=60, limits=limits) as client:

        async def visitor(first: float, asked: list[str]) -> list[float | None]:
            waits: list[float | None] = []
            for number, text in enumerate(asked):
                await asyncio.sleep(max(0.0, begun + first + EVERY * number - time.perf_counter()))
                started = time.perf_counter()
                response = await client.post("/api/ask", json={"question": text})
                waits.append(time.perf_counter() - started if response.status_code == 200 else None)
            return waits

        plans = [
            [rng.choice(starters if rng.random() < STARTERS else others) for _ in range(EACH)] for _ in range(VISITORS)
        ]
        begun = time.perf_counter()
        found = await asyncio.gather(*(visitor(EVERY * rng.random(), plan) for plan in plans))
    waits = [wait for row in found for wait in row]
    return [wait for wait in waits if wait is not None], sum(wait is None for wait in waits)


def _p95(values: list[float]) -> float:
    return statistics.quantiles(values, n=20)[-1]


def main() -> None:
    """Print what was measured."""
    with tempfile.TemporaryDirectory() as folder, served(Path(folder)) as address:
        for bench in (bench_page, bench_crowd, bench_overhead):
            for name, value in bench(address).items():
                print(f"{name}: {value:.3f}")


if __name__ == "__main__":
    main()
