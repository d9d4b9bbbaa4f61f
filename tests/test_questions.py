"""The question set that ships is well formed, and true to the paper it asks about."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parent.parent
SET = ROOT / "rag" / "evaluation" / "questions" / "karmalink.jsonl"
PAPER = (ROOT / "documents" / "karmalink-premiere-kiripost.txt").read_text(encoding="utf-8")
ROWS = [json.loads(line) for line in SET.read_text(encoding="utf-8").splitlines()]

KEYS = ["id", "question", "history", "answers", "evidence", "type", "answerable"]
ANSWERED = {
    *("fact", "credit", "date", "place", "number", "reason", "list", "quote", "plot", "opinion", "keyword"),
    *("yes-no", "follow-up"),
}
REFUSED = {"unanswerable", "false-premise", "off-topic", "follow-up"}

answerable = [row for row in ROWS if row["answerable"]]
unanswerable = [row for row in ROWS if not row["answerable"]]


def test_every_row_has_its_fields():
    for row in ROWS:
        assert list(row) == KEYS, row["id"]
        assert row["question"].strip() == row["question"] != "", row["id"]
        assert all(isinstance(asked, str) and asked for asked in row["history"]), row["id"]
        assert (row["type"] == "follow-up") == bool(row["history"]), row["id"]
        assert row["type"] in (ANSWERED if row["answerable"] else REFUSED), row["id"]


def test_answers_stand_in_the_evidence_and_the_evidence_in_the_paper():
    for row in answerable:
        assert row["answers"] and row["evidence"], row["id"]
        assert len(set(row["answers"])) == len(row["answers"]), row["id"]
        for evidence in row["evidence"]:
            # Over a paragraph's end, it could not stand in one passage.
            assert evidence in PAPER and "\n" not in evidence, (row["id"], evidence)
            assert any(answer in evidence for answer in row["answers"]), (row["id"], evidence)
        for answer in row["answers"]:
            assert any(answer in evidence for evidence in row["evidence"]), (row["id"], answer)


def test_no_question_gives_its_answer_away():
    told = [row["id"] for row in answerable if any(a.casefold() in row["question"].casefold() for a in row["answers"])]
    assert told == []


def test_unanswerable_rows_claim_nothing():
    assert all(row["answers"] == row["evidence"] == [] for row in unanswerable)


def test_no_question_stands_twice():
    assert len({row["id"] for row in ROWS}) == len(ROWS)
    asked = Counter((row["question"].casefold().strip("?! ."), *row["history"]) for row in ROWS)
    assert [key for key, times in asked.items() if times > 1] == []


def test_there_are_enough_of_each_kind():
    refused = Counter(row["type"] for row in unanswerable)
    assert len(answerable) >= 70 and len(unanswerable) >= 36
    assert refused["unanswerable"] >= 20 and refused["false-premise"] >= 6 and refused["off-topic"] >= 5
    assert sum(row["type"] == "follow-up" for row in ROWS) >= 12 and refused["follow-up"] >= 3
    assert {row["type"] for row in answerable} >= ANSWERED


def test_every_paragraph_of_the_paper_is_asked_about():
    asked = [evidence.casefold() for row in answerable for evidence in row["evidence"]]
    silent = [line for line in PAPER.splitlines() if line and not any(text in line.casefold() for text in asked)]
    assert silent == []


def test_visitors_write_as_they_please():
    questions = [row["question"] for row in ROWS]
    assert sum(not question.endswith("?") for question in questions) >= len(questions) / 6
    assert sum(question == question.lower() for question in questions) >= len(questions) / 8
