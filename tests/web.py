"""What the tests of the web doors share: an invented film with traps in it, a scripted chain, a real server."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import uvicorn

from index.film import Film, parse_film
from index.load import load
from index.split import split
from rag.answer import Answer, Citation, Question

# Papers, titles and questions are strangers' words: these carry what must never run.
MARKUP = '<img src=x onerror="window.hacked=1"> ![pixel](https://evil.example/p.png) [click](javascript:hacked=1)'

FILM_TOML = """
title = "The Salt Road <b>"
greeting = "Ask me about The Salt Road."
starters = ["Who directed The Salt Road?", "Where was the film shot?"]
contact = "press@saltroad.example"
colour = "#8a4b2a"
["article.txt"]
title = "A Film of Salt <img src=x onerror=window.hacked=1>"
publisher = "The Harbour Post"
kind = "press article"
url = "https://harbour.example/salt"
["ending.txt"]
title = "Notes on the ending"
publisher = "The film team"
kind = "notes"
spoiler = true
["trailer.srt"]
title = "Trailer"
kind = "subtitles"
"""

PAPERS = {
    "article.txt": f"""The Salt Road opened in Lisbon on Friday to a full house.

The film was directed by Inês Carvalho, who grew up beside the salt pans of Aveiro. She wrote the screenplay with her
brother Tomás Carvalho over six winters.

Shooting took place in the salt pans of Aveiro during the summer of 2021. The crew lived in the workers' huts and rose
at four every morning for the light.

🎬 The lead role of Benedita is played by Lúcia Monteiro, a dancer in her first film. The old salt master Rui is played
by Artur Pires. The composer was Noor Haddad.

{MARKUP}

The budget was 900,000 euros, most of it from the Portuguese film institute.
""",
    "ending.txt": """In the last scene Benedita burns the salt house and leaves on the night train.

The old salt master Rui turns out to be her grandfather, which she learns from his letters.
""",
    "trailer.srt": """1
00:00:04,000 --> 00:00:08,000
Salt remembers every hand that lifted it.

2
00:01:02,500 --> 00:01:06,000
My grandmother walked the salt road before the war.
""",
}


def write_film(folder: Path) -> Path:
    """The invented film's documents folder."""
    documents = folder / "documents"
    documents.mkdir()
    for name, text in {"film.toml": FILM_TOML, **PAPERS}.items():
        (documents / name).write_text(text, encoding="utf-8")
    return documents


@dataclass
class PlainIndex:
    """Passages of a folder, split as the index splits them, without vectors."""

    film: Film
    passages: list[Any]
    texts: dict[str, str]
    version: str = "test"

    def text(self, document: str) -> str:
        return self.texts[document]

    @classmethod
    def of(cls, documents: Path) -> PlainIndex:
        import tomllib

        film = parse_film(tomllib.loads((documents / "film.toml").read_text(encoding="utf-8")))
        names = [path.name for path in sorted(documents.glob("*.txt"))]
        papers = [load(documents / name, name, film.meta(name)) for name in names]
        passages = [passage for paper in papers for passage in split(paper)]
        return cls(film, passages, {paper.name: paper.text for paper in papers})


Script = Callable[[Question], Iterator[str | Answer]]


@dataclass
class ScriptedChain:
    """A chain for faults, slow streams and busy hours: each question answered by its script, others refused."""

    index: PlainIndex
    scripts: dict[str, Script] = field(default_factory=dict)
    asked: list[Question] = field(default_factory=list)

    @property
    def film(self) -> Film:
        return self.index.film

    def stream(self, question: Question) -> Iterator[str | Answer]:
        self.asked.append(question)
        yield from self.scripts.get(question.text, self.refuse)(question)

    def refuse(self, question: Question) -> Iterator[str | Answer]:
        sentence = "The film's papers don't say."
        yield sentence
        yield answer(question, sentence, answered=False, refusal="not in the documents")

    def quoting(self, text: str, quote: str, document: str = "article.txt", **more: Any) -> Script:
        """A script that says `text`, word by word, and cites `quote`, highlighting `text`."""

        def script(question: Question) -> Iterator[str | Answer]:
            for at, word in enumerate(text.split(" ")):
                yield f" {word}" if at else word
            yield answer(question, text, citations=[self.cite(document, quote, text)], **more)

        return script

    def cite(self, document: str, quote: str, highlight: str, n: int = 1) -> Citation:
        start = self.index.text(document).index(quote)
        first = start + max(quote.find(highlight), 0)
        last = first + len(highlight) if highlight in quote else start + len(quote)
        passage = next(p.metadata for p in self.index.passages if p.metadata["document"] == document)
        return Citation(
            n=n,
            document=document,
            title=passage.get("title"),
            publisher=passage.get("publisher"),
            kind=passage.get("kind"),
            place="paragraph 2",
            quote=quote,
            start=start,
            end=start + len(quote),
            highlight=(first, last),
            url=passage.get("url"),
            spoiler=bool(passage.get("spoiler")),
        )


def answer(question: Question, text: str, *, answered: bool = True, **more: Any) -> Answer:
    """An Answer as a chain gives it."""
    values: dict[str, Any] = {"confidence": 0.9 if answered else 0.1, "answered_by": "script", **more}
    return Answer(question=question.text, standalone_question=question.text, answered=answered, answer=text, **values)


@contextmanager
def running(app: Any) -> Iterator[str]:
    """A real server on a free port of the loopback; yields its address without a slash at the end."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=1))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()


def wait(page: Any, condition: str) -> None:
    """Wait until a JavaScript expression holds. Playwright would compile it in the page, which the policy forbids."""
    page.evaluate(
        f"""async () => {{
            for (let left = 3000; !({condition}); left -= 1) {{
                if (!left) throw new Error("did not come about");
                await new Promise((go) => setTimeout(go, 20));
            }}
        }}"""
    )
