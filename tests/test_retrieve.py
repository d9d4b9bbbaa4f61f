"""The retriever: both sides, hard filters, history."""

from __future__ import annotations

import datetime
from collections.abc import Iterator

import pytest
from langchain_core.retrievers import BaseRetriever

from index.settings import Settings
from rag import FilmRetriever, Question, load_retriever
from rag import retrieve as retrieval

ODD = ["", "?!", "\x00\x07", "🎬🎬", "Ποιος;", "من أخرج الفيلم؟", "តើអ្នកណា?", "the of and", "x" * 5000, "salt " * 900]


@pytest.fixture(scope="module")
def retriever(built_settings: Settings) -> Iterator[FilmRetriever]:
    made = load_retriever(built_settings)
    yield made
    made.index.close()


def test_it_is_a_langchain_retriever(retriever: FilmRetriever) -> None:
    assert isinstance(retriever, BaseRetriever)
    found = retriever.invoke("Who wrote the score?")
    assert "Ada Lindqvist" in found[0].page_content
    assert len(found) <= 8
    scores = [document.metadata["score"] for document in found]
    assert scores == sorted(scores, reverse=True)
    assert {"score", "similarity", "bm25"} <= found[0].metadata.keys()


def test_the_passages_of_the_index_are_left_as_they_are(retriever: FilmRetriever) -> None:
    retriever.invoke("Who wrote the score?")
    assert not any("score" in passage.metadata for passage in retriever.index.passages)


def test_a_rare_word_finds_its_passage(retriever: FilmRetriever) -> None:
    best = retriever.invoke("Bree")[0]
    assert "Jonas Bree" in best.page_content
    assert best.metadata["bm25"] > 0


def test_words_put_forward_what_meaning_leaves_out(retriever: FilmRetriever, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retrieval, "POOL", 1)
    assert any("cannery" in document.page_content for document in retriever.invoke("cannery stove water director"))


@pytest.mark.parametrize(
    "text", ["Who is the keeper in the last scene?", "the boy's grandmother", "Ilse forgives the sea", "lamp"]
)
def test_spoilers_come_only_when_asked_for(retriever: FilmRetriever, text: str) -> None:
    closed = retriever.retrieve(Question(text=text))
    open_ = retriever.retrieve(Question(text=text, spoilers=True))
    assert not any(document.metadata["spoiler"] for document in closed)
    assert any(document.metadata["spoiler"] for document in open_)
    assert not any("forgives" in document.page_content for document in retriever.invoke(text))


def test_embargoed_papers_wait_for_their_day(retriever: FilmRetriever, monkeypatch: pytest.MonkeyPatch) -> None:
    question = Question(text="What is the sequel called? The Glass Harbour with Vigdis Moen", spoilers=True)
    assert not any("Vigdis" in document.page_content for document in retriever.retrieve(question))

    class Later(datetime.date):
        @classmethod
        def today(cls) -> datetime.date:
            return datetime.date(2999, 1, 1)

    monkeypatch.setattr(retrieval.datetime, "date", Later)
    assert "Vigdis" in retriever.retrieve(question)[0].page_content


def test_a_follow_up_is_searched_with_the_questions_before_it(retriever: FilmRetriever) -> None:
    follow = Question(text="And where was it recorded?", history=["Who wrote the score for cellos and organ?"])
    assert "recorded in one night" in retriever.retrieve(follow, k=1)[0].page_content


@pytest.mark.parametrize("text", ODD)
def test_odd_questions_are_searched_all_the_same(retriever: FilmRetriever, text: str) -> None:
    assert len(retriever.invoke(text)) <= 8


def test_k_bounds_what_comes(retriever: FilmRetriever, built_settings: Settings) -> None:
    retriever = load_retriever(built_settings.model_copy(update={"k": 2}), retriever.index)
    assert len(retriever.invoke("Who wrote the score?")) == 2
    assert len(retriever.retrieve(Question(text="Who wrote the score?"), k=1)) == 1
