"""The JSON every door speaks."""

from __future__ import annotations

import json

import pytest
from pydantic import ValidationError

from rag import Answer, Citation, Question

QUOTE = "Leng Heng and Srey Leak, played by Srey Leak Chhith."
CITED = {
    "n": 1,
    "document": "premiere.txt",
    "title": "A premiere",
    "publisher": "A paper",
    "kind": "press article",
    "place": "paragraph 13",
    "quote": QUOTE,
    "start": 100,
    "end": 100 + len(QUOTE),
    "highlight": [135, 151],
    "url": None,
    "spoiler": False,
}


def answer(**changes: object) -> Answer:
    values = {
        "question": "Who plays her?",
        "standalone_question": "Who plays her?",
        "answered": True,
        "answer": "Srey Leak Chhith",
        "confidence": 0.97,
        "citations": [CITED],
        "answered_by": "reader",
    }
    return Answer.model_validate(values | changes)


def test_json_names_and_order() -> None:
    stated = ["question", "standalone_question", "answered", "answer", "confidence", "citations", "answered_by"]
    stated += ["refusal", "timings_ms"]
    data = json.loads(answer().model_dump_json())
    assert list(data)[: len(stated)] == stated
    assert list(data["citations"][0])[: len(CITED)] == list(CITED)
    assert data["citations"][0] == CITED | {"seconds": None, "speaker": None}


def test_passage_is_in_the_json_only_when_known() -> None:
    assert "passage" not in Citation.model_validate(CITED).model_dump()
    assert Citation.model_validate(CITED | {"passage": "p7"}).model_dump()["passage"] == "p7"


def test_round_trip() -> None:
    said = answer(warnings=["slow"], differing=[CITED])
    assert Answer.model_validate_json(said.model_dump_json()) == said


def test_highlighted_words() -> None:
    said = answer()
    assert said.highlighted == ["Srey Leak Chhith"]
    assert said.documents == ["premiere.txt"]


@pytest.mark.parametrize("change", [{"end": 120}, {"highlight": [90, 110]}, {"highlight": [151, 135]}, {"n": 0}])
def test_offsets_that_cannot_hold_are_refused(change: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Citation.model_validate(CITED | change)


def test_lone_surrogates_are_made_sendable() -> None:
    question = Question(text="Who\ud800?", history=["\udfffWhy?"])
    assert question.text == "Who\ufffd?"
    assert json.loads(question.model_dump_json())["history"] == ["\ufffdWhy?"]
    assert Question(text="🎬 ok").text == "🎬 ok"


@pytest.mark.parametrize("wrong", [{"text": 3}, {}, {"text": "a", "history": "b"}, {"text": "a", "colour": "red"}])
def test_a_question_of_the_wrong_shape_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Question.model_validate(wrong)
