"""Builds: what is taken over, what is refused, and that the old index answers whatever happens to the new one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from index import version
from index.build import BuildReport, build
from index.embed import SentenceEmbeddings
from index.errors import IndexLocked, InputError
from index.settings import Settings
from index.store import Index, open_index

ROOT = Path(__file__).parent.parent


class Checked:
    """A check that notes how it is called."""

    def __init__(self, look: Callable[[Index], list[str]]) -> None:
        self.look, self.prepared = look, 0

    def prepare(self) -> None:
        self.prepared += 1

    def __call__(self, index: Index) -> list[str]:
        return self.look(index)


@pytest.fixture
def no_embedding(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fail where the model for documents would be loaded."""

    def refuse(self: SentenceEmbeddings) -> None:
        raise AssertionError("nothing was to be embedded")

    monkeypatch.setattr(SentenceEmbeddings, "_load_model", refuse)


def names(report: BuildReport) -> list[str]:
    return [paper.name for paper in report.papers]


def versions(settings: Settings) -> list[str]:
    return sorted(path.name for path in settings.index.iterdir() if path.is_dir())


def test_a_first_build(settings: Callable[..., Settings], film_copy: Path) -> None:
    told: list[tuple[str, int, int]] = []
    check = Checked(lambda index: [])
    report = build(settings(), progress=lambda *step: told.append(step), check=check)
    assert check.prepared == 1
    assert report.changed and report.embedded == report.passages > 5 and report.reused == 0
    assert names(report) == ["notes.txt", "press.md", "secret.txt", "web/page.html"]
    assert list(dict.fromkeys(step for step, _, _ in told)) == ["read", "embed", "write", "check"]
    assert all(0 <= done <= total for _, done, total in told)
    assert len(open_index(settings()).passages) == report.passages
    assert not list(settings().index.glob("builder.json"))


def test_nothing_changed(index_copy: Settings, no_embedding: None) -> None:
    before = versions(index_copy)
    check = Checked(lambda index: [])
    report = build(index_copy, check=check)
    assert not check.prepared
    assert (report.changed, report.embedded, report.reused) == (False, 0, report.passages)
    assert versions(index_copy) == before and report.seconds < 30


def test_only_what_changed_is_embedded(index_copy: Settings) -> None:
    (index_copy.documents / "press.md").unlink()
    (index_copy.documents / "new.txt").write_text("The negative was developed in Bergen by Ulla Strand.")
    report = build(index_copy)
    assert report.embedded == 1 and report.reused == report.passages - 1
    assert names(report) == ["new.txt", "notes.txt", "secret.txt", "web/page.html"]
    index = open_index(index_copy)
    assert not any(passage.metadata["document"] == "press.md" for passage in index.passages)
    assert report.warnings == ["film.toml: ['press.md'] is no paper in the folder"]


def test_words_on_a_paper_need_no_embedding(index_copy: Settings, no_embedding: None) -> None:
    film = index_copy.documents / "film.toml"
    said = film.read_text().replace("Orrin Press", "The Orrin Gazette")
    film.write_text(said.replace('"The ending"', '"The director"'))
    report = build(index_copy)
    assert report.changed and report.embedded == 0
    index = open_index(index_copy)
    assert index.papers[0].publisher == "The Orrin Gazette"
    press = [passage.metadata for passage in index.passages if passage.metadata["document"] == "press.md"]
    assert [values["heading"] for values in press if values["spoiler"]] == ["The director"]


def test_a_spoiler_place_that_is_nowhere_is_warned_of(index_copy: Settings, no_embedding: None) -> None:
    film = index_copy.documents / "film.toml"
    film.write_text(film.read_text().replace('"The ending"', '"The ennding"'))
    (warning,) = build(index_copy).warnings
    assert "'The ennding'" in warning and "press.md" in warning


def test_skipped_papers_are_reported_and_kept(index_copy: Settings, no_embedding: None) -> None:
    (index_copy.documents / "empty.txt").touch()
    report = build(index_copy)
    assert [(left.name, left.reason) for left in report.skipped] == [("empty.txt", "it is empty")]
    assert open_index(index_copy).skipped == report.skipped


def test_the_check_warns_before_the_index_answers(index_copy: Settings, no_embedding: None) -> None:
    (index_copy.documents / "empty.txt").touch()
    before = version.current(index_copy.index, "").name

    def check(index: Index) -> list[str]:
        assert version.current(index_copy.index, "").name == before != index.version
        return ["starter 'Who?' gets no answer"]

    assert build(index_copy, check=Checked(check)).warnings == ["starter 'Who?' gets no answer"]
    assert open_index(index_copy).warnings == build(index_copy).warnings == ["starter 'Who?' gets no answer"]


def test_a_check_that_fails_leaves_the_old_index(index_copy: Settings, no_embedding: None) -> None:
    before = versions(index_copy)
    (index_copy.documents / "empty.txt").touch()

    def check(index: Index) -> list[str]:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build(index_copy, check=Checked(check))
    assert versions(index_copy) == before
    assert not open_index(index_copy).skipped


def test_an_empty_folder_leaves_the_old_index(index_copy: Settings) -> None:
    for path in list(index_copy.documents.rglob("*.*")):
        if path.name != "film.toml":
            path.unlink()
    (index_copy.documents / "song.mp3").write_bytes(b"ID3")
    with pytest.raises(InputError, match=r"(?s)no paper to read.*karmalink build.*song\.mp3: no loader"):
        build(index_copy)
    assert open_index(index_copy).passages


def test_a_wrong_film_toml_leaves_the_old_index(index_copy: Settings) -> None:
    (index_copy.documents / "film.toml").write_text("title = 3")
    with pytest.raises(InputError, match="title"):
        build(index_copy)
    assert open_index(index_copy).film.title == "The Salt Lantern"


def test_a_reader_keeps_its_version(index_copy: Settings, no_embedding: None) -> None:
    reader = open_index(index_copy)
    row = reader.search([0.05] * 384, 3, spoilers=True, today=date.max)
    for number in range(3):
        (index_copy.documents / f"{number}.txt").touch()
        build(index_copy)
    assert reader.search([0.05] * 384, 3, spoilers=True, today=date.max) == row
    assert reader.version in versions(index_copy) and len(versions(index_copy)) == 3
    del reader
    (index_copy.documents / "last.txt").touch()
    build(index_copy)
    assert len(versions(index_copy)) == 2


def test_a_second_builder_is_told_who_holds_the_lock(index_copy: Settings) -> None:
    with version.locked(index_copy.index, "karmalink build"), pytest.raises(IndexLocked) as error:
        build(index_copy)
    assert f"process {os.getpid()} on " in str(error.value) and "since 20" in str(error.value)
    build(index_copy)


def test_an_index_that_cannot_be_written(settings: Callable[..., Settings], film_copy: Path, tmp_path: Path) -> None:
    (tmp_path / "chroma").write_text("a file in the way")
    with pytest.raises(InputError, match="--index"):
        build(settings())


def run(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, cwd=ROOT)


@pytest.mark.parametrize("size", [1_000, 40_000, 150_000])
def test_a_full_disk_leaves_the_old_index(index_copy: Settings, size: int) -> None:
    # no file may grow beyond `size`: what a full disk does, to our files at first, then to Chroma's
    (index_copy.documents / "empty.txt").touch()
    code = (
        "import resource, sys\n"
        "from index.settings import Settings; from index.build import build; from index.errors import KarmalinkError\n"
        "import chromadb\n"
        "settings = Settings(documents=sys.argv[1], index=sys.argv[2])\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[3]),) * 2)\n"
        "try: build(settings)\n"
        "except KarmalinkError as error: print(error)\n"
    )
    done = run(code, str(index_copy.documents), str(index_copy.index), str(size))
    assert "could not be written" in done.stdout and "karmalink build" in done.stdout, done.stderr
    assert len(versions(index_copy)) == 1
    assert not open_index(index_copy).skipped
    assert build(index_copy).changed


KILLED = """
import datetime, json, os, random, signal, sys
import chromadb, numpy
from index.build import build
from index.settings import Settings
from index.store import open_index

settings = Settings(documents=sys.argv[1], index=sys.argv[2])
note = settings.index.parent / "note"

def forked(work):
    pid = os.fork()
    if not pid:
        note.write_text(str(work()))
        os._exit(0)
    return os.waitpid(pid, 0)[1]

def counted_build(kill_at):
    seen = 0
    def hook(event, arguments):
        nonlocal seen
        if event in ("open", "os.rename", "os.mkdir", "os.remove", "subprocess.Popen", "step"):
            seen += 1
            if seen == kill_at:
                os.kill(os.getpid(), signal.SIGKILL)
    sys.addaudithook(hook)
    build(settings, progress=lambda *step: hook("step", step))
    return seen

def asked():
    index = open_index(settings)
    return index.film.title, len(index.search([0.05] * 384, 3, spoilers=True, today=datetime.date.max))

def build_as(number, kill_at=0):
    (settings.documents / "film.toml").write_text(f'title = "Number {number}"')
    return forked(lambda: counted_build(kill_at))

assert build_as(0) == 0
moments = sorted(random.Random(8).sample(range(1, int(note.read_text()) + 1), 10))
for number, moment in enumerate(moments, 1):
    killed = build_as(number, moment)
    status = forked(asked)
    print(json.dumps([number, killed, status, note.read_text()]), flush=True)
"""


def test_a_killed_build_leaves_an_index_that_answers(index_copy: Settings) -> None:
    done = run(KILLED, str(index_copy.documents), str(index_copy.index))
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(lines) == 10, done.stderr
    stands = 0
    for number, killed, status, answer in lines:
        assert (killed, status) == (9, 0), done.stderr
        stands = number if f"Number {number}" in answer else stands
        assert answer == str((f"Number {stands}", 3))
    build(index_copy)
    assert len(versions(index_copy)) == 2
