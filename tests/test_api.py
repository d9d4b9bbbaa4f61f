"""The HTTP API and its OpenAI-shaped twin, asked over real connections."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any, cast

import httpx
import openai
import pytest
from fastapi import HTTPException
from langchain_core.documents import Document
from web import ScriptedChain, answer

from rag.answer import Answer, Question
from ui.service import Service

pytest_plugins = ["web_fixtures"]

LEAD = "🎬 The lead role of Benedita is played by Lúcia Monteiro, a dancer in her first film."
ASKED = "Who plays Benedita?"


@pytest.fixture(autouse=True)
def _script(scripted: ScriptedChain) -> None:
    scripted.scripts[ASKED] = scripted.quoting("Lúcia Monteiro", LEAD)


@pytest.fixture
def openai_client(shared: Any) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{shared.address}/v1", api_key="none", max_retries=0)


def events(text: str) -> list[tuple[str, Any]]:
    pairs = [block.split("\n") for block in text.strip().split("\n\n")]
    return [(name.removeprefix("event: "), json.loads(data.removeprefix("data: "))) for name, data in pairs]


def test_ask_gives_the_answer_as_the_chain_gave_it(client: httpx.Client) -> None:
    response = client.post("/api/ask", json={"question": ASKED})
    given = Answer.model_validate(response.json())
    assert response.status_code == 200
    assert given.answer == "Lúcia Monteiro"
    assert given.citations[0].quote == LEAD
    assert given.citations[0].highlighted == "Lúcia Monteiro"


def test_question_history_and_spoilers_reach_the_chain(client: httpx.Client, scripted: ScriptedChain) -> None:
    client.post("/api/ask", json={"text": " And Rui? ", "history": [ASKED, "  "], "spoilers": True})
    assert scripted.asked == [Question(text="And Rui?", history=[ASKED], spoilers=True)]


def test_stream_gives_pieces_then_the_answer(client: httpx.Client) -> None:
    response = client.post("/api/ask/stream", json={"question": ASKED})
    *pieces, (last, whole) = events(response.text)
    assert response.headers["content-type"].startswith("text/event-stream")
    assert [name for name, _ in pieces] == ["text", "text"]
    assert "".join(piece for _, piece in pieces) == "Lúcia Monteiro" == whole["answer"]
    assert last == "answer"


def test_pieces_with_line_breaks_stay_one_piece(client: httpx.Client, scripted: ScriptedChain) -> None:
    def script(question: Question) -> Iterator[str | Answer]:
        yield "one\n\nevent: answer\ndata: {}\n\n"
        yield answer(question, "one")

    scripted.scripts["Lines?"] = script
    found = events(client.post("/api/ask/stream", json={"question": "Lines?"}).text)
    assert found[0] == ("text", "one\n\nevent: answer\ndata: {}\n\n")
    assert found[1][0] == "answer"


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"question": "x" * 501}, "501 characters"),
        ({"question": "   "}, "the question is empty"),
        ({}, "question"),
        ({"question": ["a"]}, "question"),
        ({"question": "a", "spoilers": "perhaps"}, "spoilers"),
    ],
)
@pytest.mark.parametrize("path", ["/api/ask", "/api/ask/stream"])
def test_what_is_no_question_is_refused_before_the_chain(
    client: httpx.Client, scripted: ScriptedChain, path: str, body: dict[str, Any], words: str
) -> None:
    response = client.post(path, json=body)
    assert response.status_code == 422
    assert words in response.json()["detail"]
    assert scripted.asked == []


@pytest.mark.parametrize("path", ["/api/ask", "/api/ask/stream", "/v1/chat/completions", "/api/feedback"])
@pytest.mark.parametrize("chunked", [False, True])
def test_large_bodies_are_refused(client: httpx.Client, scripted: ScriptedChain, path: str, chunked: bool) -> None:
    body = json.dumps({"question": "a", "history": ["x" * 70_000]}).encode()
    content = iter([body[:40_000], body[40_000:]]) if chunked else body
    response = client.post(path, content=content, headers={"content-type": "application/json"})
    assert response.status_code == 413
    assert scripted.asked == []


@pytest.mark.parametrize("text", ["\ud800 who?", "مَن أخرج الفيلم؟", "who\x00 \x1b[31m directed?", "🎬" * 500])
def test_strange_questions_get_an_answer(client: httpx.Client, text: str) -> None:
    raw = json.dumps({"question": text}).encode()
    response = client.post("/api/ask", content=raw, headers={"content-type": "application/json"})
    assert response.status_code == 200
    assert response.json()["answered"] is False


def test_film_tells_what_a_chat_needs(client: httpx.Client) -> None:
    facts = client.get("/api/film").json()
    assert facts["title"] == "The Salt Road <b>"
    assert facts["starters"] == ["Who directed The Salt Road?", "Where was the film shot?"]
    assert facts["spoilers"] is True
    assert facts["papers"][0]["publisher"] == "The Harbour Post"


def test_a_paper_that_is_all_secret_is_not_listed(client: httpx.Client) -> None:
    names = {paper["name"] for paper in client.get("/api/film").json()["papers"]}
    assert "article.txt" in names and "ending.txt" not in names
    assert "Notes on the ending" not in client.get("/demo").text


def test_passage_shows_the_quote_in_its_surroundings(client: httpx.Client, scripted: ScriptedChain) -> None:
    cited = scripted.cite("article.txt", LEAD, "Lúcia Monteiro")
    query = {"document": cited.document, "start": cited.start, "end": cited.end}
    around = client.get("/api/passage", params=query).json()
    text = scripted.index.text("article.txt")
    assert around["quote"] == LEAD
    assert around["before"] + around["quote"] + around["after"] in text
    assert "Shooting took place" in around["before"]
    assert "Artur Pires" in around["after"]


@pytest.mark.parametrize(
    "query",
    [
        {"document": "ending.txt", "start": 0, "end": 20},
        {"document": "ending.txt", "start": 0, "end": 20, "spoilers": False},
        {"document": "../film.toml", "start": 0, "end": 20},
        {"document": "article.txt", "start": 0, "end": 10**9},
        {"document": "article.txt", "start": 20, "end": 10},
    ],
)
def test_passage_gives_nothing_that_may_not_be_read(client: httpx.Client, query: dict[str, Any]) -> None:
    assert client.get("/api/passage", params=query).status_code == 404


def test_passage_gives_nothing_from_between_two_open_passages() -> None:
    text = "The keeper waits. The lamp goes out. The boat leaves."
    spans = ((0, 17, False), (18, 36, True), (37, 53, False))
    passages = [
        Document(text[start:end], metadata={"document": "a.txt", "start": start, "end": end, "spoiler": spoiler})
        for start, end, spoiler in spans
    ]
    index = SimpleNamespace(passages=passages, text={"a.txt": text}.__getitem__)
    chain = SimpleNamespace(index=index)
    service = cast(Service, SimpleNamespace(passages=passages, desk=SimpleNamespace(chain=chain)))
    for start, end in ((0, 53), (10, 40)):
        with pytest.raises(HTTPException):
            Service.surroundings(service, "a.txt", start, end, spoilers=False)
        assert Service.surroundings(service, "a.txt", start, end, spoilers=True)["quote"] == text[start:end]
    assert Service.surroundings(service, "a.txt", 4, 10, spoilers=False)["after"].endswith("…\n\nThe boat leaves.")


def test_passage_gives_the_ending_to_who_has_seen_the_film(client: httpx.Client) -> None:
    query = {"document": "ending.txt", "start": 0, "end": 17, "spoilers": True}
    assert client.get("/api/passage", params=query).json()["quote"] == "In the last scene"


def test_health_and_readiness(client: httpx.Client) -> None:
    assert client.get("/healthz").json() == {"status": "ok"}
    assert client.get("/readyz").json() == {"status": "ready", "film": "The Salt Road <b>", "version": "test"}


def test_docs_describe_every_path_without_other_hosts(client: httpx.Client) -> None:
    page = client.get("/api/docs").text
    described = client.get("/api/openapi.json").json()["paths"]
    assert {"/api/ask", "/api/ask/stream", "/api/film", "/healthz", "/readyz", "/v1/chat/completions"} <= set(described)
    assert "//" not in page.replace("<!doctype html>", "")


def test_openai_client_asks(openai_client: openai.OpenAI) -> None:
    completion = openai_client.chat.completions.create(
        model=openai_client.models.list().data[0].id, messages=[{"role": "user", "content": ASKED}]
    )
    assert completion.choices[0].message.content == "Lúcia Monteiro"
    assert completion.choices[0].finish_reason == "stop"
    assert completion.model_extra is not None
    assert completion.model_extra["citations"][0]["quote"] == LEAD


def test_openai_client_streams(openai_client: openai.OpenAI) -> None:
    chunks = list(
        openai_client.chat.completions.create(model="any", messages=[{"role": "user", "content": ASKED}], stream=True)
    )
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == "Lúcia Monteiro"
    assert chunks[-1].choices[0].finish_reason == "stop"
    assert chunks[-1].model_extra is not None
    assert chunks[-1].model_extra["citations"][0]["quote"] == LEAD


def test_openai_conversation_becomes_question_and_history(client: httpx.Client, scripted: ScriptedChain) -> None:
    messages = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": ASKED},
        {"role": "assistant", "content": "Lúcia Monteiro"},
        {"role": "user", "content": [{"type": "text", "text": "And Rui?"}, {"type": "image_url", "image_url": {}}]},
    ]
    client.post("/v1/chat/completions", json={"model": "x", "messages": messages, "temperature": 0.2})
    assert scripted.asked == [Question(text="And Rui?", history=[ASKED])]


@pytest.mark.parametrize(
    "messages", [[], [{"role": "user", "content": "x" * 501}], [{"role": "system", "content": "a"}]]
)
def test_openai_errors_have_openais_shape(openai_client: openai.OpenAI, messages: Any) -> None:
    with pytest.raises(openai.UnprocessableEntityError) as caught:
        openai_client.chat.completions.create(model="x", messages=messages)
    assert caught.value.type == "invalid_request_error"


def test_a_failing_chain_is_an_apology_not_a_traceback(client: httpx.Client, scripted: ScriptedChain) -> None:
    def broken(question: Question) -> Iterator[str | Answer]:
        raise OSError("/secret/path is gone")
        yield ""

    scripted.scripts["Broken?"] = broken
    response = client.post("/api/ask", json={"question": "Broken?"})
    assert response.status_code == 500
    assert "secret" not in response.text
    streamed = client.post("/api/ask/stream", json={"question": "Broken?"})
    assert events(streamed.text)[-1][0] == "error"
    assert "secret" not in streamed.text
    assert client.post("/api/ask", json={"question": ASKED}).json()["answered"] is True


def test_twenty_visitors_at_once_get_each_their_own_answer(shared: Any, scripted: ScriptedChain) -> None:
    def echo(question: Question) -> Iterator[str | Answer]:
        yield question.text
        yield answer(question, question.text)

    questions = [f"Question {number}?" for number in range(20)]
    scripted.scripts.update(dict.fromkeys(questions, echo))
    found: dict[str, str] = {}

    def visit(question: str) -> None:
        response = httpx.post(f"{shared.address}/api/ask", json={"question": question}, timeout=60)
        found[question] = response.json()["answer"]

    visitors = [threading.Thread(target=visit, args=(question,)) for question in questions]
    for visitor in visitors:
        visitor.start()
    for visitor in visitors:
        visitor.join()
    assert found == {question: question for question in questions}
