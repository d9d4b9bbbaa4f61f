"""karmalink, as it is called: exit statuses, clean output, no traceback."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from index.settings import Settings
from ui import cli, terminal

ROOT = Path(__file__).parent.parent
PATHS = ("documents", "index")


def paths(settings: Settings) -> list[str]:
    return [part for name in PATHS for part in (f"--{name}", str(getattr(settings, name)))]


def run(*argv: str, stdin: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "ui.cli", *argv],
        cwd=ROOT,
        env={**os.environ, **environment},
        input=stdin,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=300,
    )


def test_help_shows_each_setting_with_its_default(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(["--help"])
    shown = capsys.readouterr().out
    assert ended.value.code == 0
    for name, setting in Settings.model_fields.items():
        assert f"KARMALINK_{name.upper()}" in shown
        assert setting.default in (None, "") or str(setting.default) in shown
    assert all(command.name in shown for command in cli.COMMANDS)
    assert "Exit status" in shown


@pytest.mark.parametrize("name", [command.name for command in cli.COMMANDS])
def test_every_command_takes_the_folders(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main([name, "--help"])
    shown = capsys.readouterr().out
    assert ended.value.code == 0
    assert "--documents DIR" in shown and "--index DIR" in shown


@pytest.mark.parametrize("argv", [[], ["dance"], ["ask", "--loud"], ["serve", "--port", "x"], ["passages"]])
def test_wrong_arguments_are_status_2(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(argv)
    assert ended.value.code == 2
    assert "usage: karmalink" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "value"), [("KARMALINK_CAUTION", "reckless"), ("KARMALINK_DEADLINE", "soon"), ("KARMALINK_COLOR", "red")]
)
def test_a_wrong_setting_is_named(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(name, value)
    assert cli.main(["ask", "Who?"]) == 2
    shown = capsys.readouterr().err
    assert name in shown and value in shown


@pytest.mark.parametrize("argv", [["ask", "Who?"], ["ask", "--json", "Who?"], ["papers"], ["passages", "notes.txt"]])
def test_a_missing_index_names_the_command(argv: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([*argv, "--index", str(tmp_path / "none")]) == 1
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "karmalink build" in shown.err and len(shown.err.splitlines()) == 1


def test_json_is_all_there_is_on_stdout(built_settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    argv = ["ask", "How long is it?", "--json", "--history", "Who wrote the score?", "--history", "Where?"]
    assert cli.main([*argv, *paths(built_settings)]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["question"] == "How long is it?"
    assert answer["standalone_question"] == "Who wrote the score? Where? How long is it?"


def test_an_answer_for_people(built_settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["ask", "Who wrote the score for cellos and organ?", *paths(built_settings)]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "Ada Lindqvist" in shown
    assert "[1]" in shown and "Production notes" in shown and "paragraph 6" in shown


@pytest.mark.parametrize("text", ["", "  ", "\x00\x07", "…", "x" * 10_001])
def test_a_question_that_is_none_is_wrong_input(
    text: str, built_settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["ask", text, *paths(built_settings)]) == 2
    shown = capsys.readouterr()
    assert shown.out == "" and len(shown.err.splitlines()) == 1
    assert cli.main(["ask", text, "--json", *paths(built_settings)]) == 2
    assert json.loads(capsys.readouterr().out)["refusal"] == "off topic"


@pytest.mark.parametrize("text", ["من أخرج الفيلم؟", "\udcff\udcfe who?", "who\x1b]0;x\x07 directed it", "salt " * 999])
def test_odd_questions_are_answered(text: str, built_settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["ask", text, *paths(built_settings)]) == 0
    assert "\x1b]" not in capsys.readouterr().out


def test_a_chat_from_a_pipe(
    built_settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("Who wrote the score?\n\nAnd where was it recorded?\nexit\nnever\n"))
    assert cli.main(["ask", "--json", *paths(built_settings)]) == 0
    first, second = map(json.loads, capsys.readouterr().out.splitlines())
    assert first["standalone_question"] == "Who wrote the score?"
    assert second["standalone_question"].endswith("And where was it recorded?")


def test_ctrl_c_ends_a_chat_well(
    built_settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(prompt: str = "") -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr("builtins.input", interrupted)
    assert cli.main(["ask", *paths(built_settings)]) == 0


def test_build_says_what_it_took(index_copy: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    (index_copy.documents / "poster.xyz").write_bytes(b"\x00\x01")
    (index_copy.documents / "empty.txt").write_text("")
    film = index_copy.documents / "film.toml"
    film.write_text(film.read_text().replace('"Who directed it?"', '"What is the price of tin in Bolivia?"'))
    assert cli.main(["build", *paths(index_copy)]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "notes.txt" in shown and "Skipped poster.xyz" in shown and "Skipped empty.txt" in shown
    assert "price of tin" in shown and "gets no answer" in shown

    assert cli.main(["papers", *paths(index_copy)]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "press.md" in shown and "Skipped poster.xyz" in shown


def test_build_of_an_empty_folder_is_wrong_input(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "documents").mkdir()
    argv = ["build", "--documents", str(tmp_path / "documents"), "--index", str(tmp_path / "index")]
    assert cli.main(argv) == 2
    assert "no paper to read" in capsys.readouterr().err
    assert cli.main(["build", "--documents", str(tmp_path / "none"), "--index", str(tmp_path / "index")]) == 2


def test_passages_of_a_paper(built_settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["passages", "notes.txt", *paths(built_settings)]) == 0
    shown = capsys.readouterr().out
    assert "paragraph" in shown and "spoiler" in shown and "Ada Lindqvist" in shown
    assert cli.main(["passages", "notse.txt", *paths(built_settings)]) == 2
    assert "notes.txt" in capsys.readouterr().err


def test_a_terminal_without_the_characters(built_settings: Settings) -> None:
    ended = run("ask", "Who said “eleven days of snow”?", *paths(built_settings), PYTHONIOENCODING="ascii")
    assert (ended.returncode, "Traceback" in ended.stderr) == (0, False)
    ended = run("ask", "Où? “eleven days of snow”?", "--json", *paths(built_settings), PYTHONIOENCODING="latin-1")
    assert json.loads(ended.stdout)["question"] == "Où? “eleven days of snow”?"


def test_a_reader_that_goes_away(built_settings: Settings) -> None:
    command = [sys.executable, "-m", "ui.cli", "passages", "notes.txt", *paths(built_settings)]
    reading, writing = os.pipe()
    os.close(reading)
    ended = subprocess.run(command, cwd=ROOT, stdout=writing, stderr=subprocess.PIPE, timeout=300)
    os.close(writing)
    assert ended.stderr == b""
    assert ended.returncode == 1


def test_an_unexpected_error_is_one_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    try:
        raise ValueError("two\nlines")
    except ValueError as error:
        cli.unexpected(ValueError, error, error.__traceback__)
    shown = capsys.readouterr().err
    assert shown == "karmalink: unexpected ValueError: two lines. Run it again with --debug to see where.\n"


def test_what_a_paper_says_does_not_steer_the_terminal() -> None:
    assert terminal.readable("a\x1b[2Jb\x07\x9bc\nd") == "a [2Jb  c\nd"


def test_a_question_needs_no_training_libraries(built_settings: Settings) -> None:
    code = (
        "import sys; from ui.cli import main; status = main(sys.argv[1:]); "
        "heavy = {'torch', 'sentence_transformers', 'transformers', 'gradio'} & set(sys.modules); "
        "sys.exit(f'imported {heavy}' if heavy else status)"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code, "ask", "How long is it?", *paths(built_settings)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert ended.returncode == 0, ended.stderr
