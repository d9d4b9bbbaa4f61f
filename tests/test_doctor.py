"""The doctor: every state, and the command that mends it."""

from __future__ import annotations

import shutil
from collections import namedtuple
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import pytest

from index.settings import Settings
from rag import reader as readers
from ui import doctor
from ui.cli import main
from ui.doctor import Finding
from ui.terminal import show_findings

Usage = namedtuple("Usage", "total used free")


def found(findings: Iterator[Finding]) -> dict[str, Finding]:
    return {finding.what: finding for finding in findings}


def test_python() -> None:
    assert found(doctor._python(Settings()))["Python"].state == "ok"


def test_packages_as_pinned(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pins = tmp_path / "constraints.txt"
    pins.write_text(f"# pinned\npydantic=={metadata.version('pydantic')}\n")
    monkeypatch.setattr(doctor, "PINS", pins)
    monkeypatch.setattr(doctor.metadata, "requires", lambda name: ["pydantic>=2", 'nothing-here ; extra == "far"'])
    assert found(doctor._packages(Settings()))["packages"].state == "ok"

    pins.write_text("pydantic==0.0.1\n")
    finding = found(doctor._packages(Settings()))["packages"]
    assert (finding.state, finding.mend) == ("warn", "make setup")
    assert "pinned: 0.0.1" in finding.found

    monkeypatch.setattr(doctor.metadata, "requires", lambda name: ["no-such-package-at-all>=1"])
    finding = found(doctor._packages(Settings()))["packages"]
    assert (finding.state, finding.mend) == ("bad", "make setup")
    assert "no-such-package-at-all" in finding.found


def test_documents(tmp_path: Path) -> None:
    assert found(doctor._papers(Settings(documents=tmp_path / "none")))["documents"].state == "bad"
    (tmp_path / "film.toml").write_text("colour = 7\n")
    finding = found(doctor._papers(Settings(documents=tmp_path)))["film.toml"]
    assert finding.state == "bad" and "colour" in finding.found


def test_an_index_as_it_should_be(built_settings: Settings) -> None:
    findings = list(doctor._index(built_settings))
    assert [finding.state for finding in findings] == ["ok"]
    assert "passages" in findings[0].found


def test_a_missing_index(tmp_path: Path) -> None:
    finding = found(doctor._index(Settings(index=tmp_path / "none")))["index"]
    assert finding.state == "bad" and "karmalink build" in finding.found


def test_documents_newer_than_the_index(index_copy: Settings) -> None:
    (index_copy.documents / "notes.txt").write_text("Something else.")
    (index_copy.documents / "press.md").unlink()
    (index_copy.documents / "new.txt").write_text("A new paper.")
    film = index_copy.documents / "film.toml"
    film.write_text(film.read_text().replace("Ask me about", "Ask"))
    finding = list(doctor._index(index_copy))[-1]
    assert (finding.state, finding.mend) == ("warn", "karmalink build")
    assert all(name in finding.found for name in ("notes.txt", "press.md", "new.txt", "film.toml"))


def test_the_models(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert found(doctor._embedding(Settings()))["embedding model"].state == "ok"
    empty = tmp_path / "model"
    empty.mkdir()
    assert found(doctor._embedding(Settings(embedding=str(empty))))["embedding model"].state == "bad"

    class Poor:
        name, warning = "best sentences", "the weights are missing; get them back: git checkout -- weights"

    monkeypatch.setattr(readers, "load_reader", lambda settings: Poor())
    finding = found(doctor._reader(Settings()))["reader"]
    assert finding.state == "bad" and "git checkout" in finding.found


def test_a_language_model_is_tried(built_settings: Settings) -> None:
    finding = found(doctor._model(built_settings))["language model"]
    assert finding.state == "ok" and "none set" in finding.found
    for name in ("nobody-knows:this", "openai:small@http://127.0.0.1:9/v1"):
        changed = built_settings.model_copy(update={"model": name, "deadline": 5.0})
        finding = found(doctor._model(changed))["language model"]
        assert finding.state == "bad" and finding.found


@pytest.mark.parametrize(("free", "state"), [(5 * 2**30, "ok"), (500 * 2**20, "warn"), (2**20, "bad")])
def test_disk(free: int, state: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: Usage(2**40, 0, free))
    assert found(doctor._disk(Settings(index=tmp_path / "a" / "b")))["disk"].state == state


def test_the_exit_status_is_0_only_when_all_is_well(capsys: pytest.CaptureFixture[str]) -> None:
    well, odd = Finding("ok", "Python", "3.11"), Finding("warn", "disk", "300 MB free", "free some space")
    assert show_findings([well, well]) == 0
    assert show_findings([well, odd]) == 1
    assert "free some space" in capsys.readouterr().out


def test_the_command(built_settings: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    argv = ["doctor", "--documents", str(built_settings.documents), "--index", str(tmp_path / "none")]
    assert main(argv) == 1
    shown = capsys.readouterr().out
    assert "karmalink build" in shown
    assert all(what in shown for what in ("Python", "packages", "disk", "embedding model", "reader", "index"))
