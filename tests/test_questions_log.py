"""What is kept of visitors' questions, and how the film team reads it."""

from __future__ import annotations

import argparse
import csv
import io
import sqlite3
from pathlib import Path
from typing import Any

import httpx
import pytest
from web import ScriptedChain

from index.settings import Settings
from ui import questions
from ui.questions import Entry, QuestionLog, command, log_path

pytest_plugins = ["web_fixtures"]


def read(path: Path) -> list[tuple[str, str, str]]:
    return [(entry.question, entry.verdict, entry.word) for entry in QuestionLog(path).entries()]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(index=tmp_path / "chroma")


@pytest.fixture
def kept(shared: Any) -> QuestionLog:
    log: QuestionLog = shared.service.log
    if log.path.exists():
        with sqlite3.connect(log.path) as database:
            database.execute("DELETE FROM questions")
    return log


def test_newest_first_with_time_in_utc(settings: Settings) -> None:
    log = QuestionLog(log_path(settings))
    log.add("Who?", "no answer")
    log.add("When?", "down", "wrong year")
    assert read(log.path) == [("When?", "down", "wrong year"), ("Who?", "no answer", "")]
    assert all(entry.time.endswith("+00:00") for entry in log.entries())


def test_a_word_joins_the_thumb_it_followed(settings: Settings) -> None:
    log = QuestionLog(log_path(settings))
    log.add("Who?", "down")
    log.add("Who?", "down", "not her")
    log.add("Who?", "down", "really not")
    assert read(log.path) == [("Who?", "down", "really not"), ("Who?", "down", "not her")]


def test_control_characters_and_lines_do_not_reach_the_terminal(settings: Settings) -> None:
    log = QuestionLog(log_path(settings))
    log.add("Who\x1b[31m\n directed\x00?", "no answer")
    assert read(log.path) == [("Who [31m directed ?", "no answer", "")]


def test_the_oldest_go_when_there_are_many(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(questions, "KEPT", 3)
    log = QuestionLog(log_path(settings))
    for number in range(5):
        log.add(f"{number}?", "no answer")
    assert [question for question, _, _ in read(log.path)] == ["4?", "3?", "2?"]


def test_nothing_about_the_visitor_is_kept(settings: Settings) -> None:
    log = QuestionLog(log_path(settings))
    log.add("Who?", "no answer")
    with sqlite3.connect(log.path) as database:
        columns = [row[1] for row in database.execute("PRAGMA table_info(questions)")]
    assert columns == ["id", "time", "verdict", "question", "word"]


def test_command_shows_a_table(settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    QuestionLog(log_path(settings)).add("Who [bold]made[/bold] it?", "no answer")
    assert command(argparse.Namespace(settings=settings, csv=False)) == 0
    assert "Who [bold]made[/bold] it?" in capsys.readouterr().out


def test_command_says_where_questions_come_from(settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    assert command(argparse.Namespace(settings=settings, csv=False)) == 0
    assert "karmalink serve" in capsys.readouterr().out
    assert not log_path(settings).exists()


def test_csv_holds_no_formula(settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    QuestionLog(log_path(settings)).add('=HYPERLINK("http://evil.example")', "down", "+1, really")
    command(argparse.Namespace(settings=settings, csv=True))
    header, row = csv.reader(io.StringIO(capsys.readouterr().out))
    assert header == ["time", "verdict", "question", "word"]
    assert row[1:] == ["down", '\'=HYPERLINK("http://evil.example")', "'+1, really"]


def test_a_question_asked_in_vain_is_kept(client: httpx.Client, kept: QuestionLog, scripted: ScriptedChain) -> None:
    scripted.scripts["Who plays Rui?"] = scripted.quoting("Artur Pires", "Artur Pires")
    for question in ("Who plays Rui?", "What did it cost?"):
        client.post("/api/ask", json={"question": question})
    client.post("/api/ask/stream", json={"question": "And the music?"})
    assert read(kept.path) == [("And the music?", "no answer", ""), ("What did it cost?", "no answer", "")]


def test_thumbs_are_kept(client: httpx.Client, kept: QuestionLog) -> None:
    thumb = {"question": "Who plays Rui?", "verdict": "down"}
    assert client.post("/api/feedback", json=thumb).status_code == 204
    assert client.post("/api/feedback", json={**thumb, "word": "no"}).status_code == 204
    assert client.post("/api/feedback", json={**thumb, "verdict": "sideways"}).status_code == 422
    assert client.post("/api/feedback", json={**thumb, "word": "x" * 201}).status_code == 422
    assert read(kept.path) == [("Who plays Rui?", "down", "no")]


def test_entry_is_what_a_line_holds() -> None:
    assert Entry("2026-01-01T00:00:00+00:00", "up", "Who?").word == ""
