"""Files to papers: every charset, every bad file, and the child process that reads them."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from index import load
from index.errors import InputError, PaperError
from index.film import Film, PaperMeta, read_film
from index.loaders.charset import decode
from index.loaders.text import paragraphs
from index.paper import Paper
from index.worker import Worker, loaded_from, loaded_to

ENGLISH = "The café’s owner said “it was naïve” — and then the harbour master laughed for a long time.\n" * 4
RUSSIAN = "Смотритель зажёг фонарь, и буря улеглась над морем до самого утра. Мальчик ничего не вспомнил.\n" * 4

LONG = "A long line of its own. " * 7 + "And one sentence more."
WRAPPED = "It was the winter of the great storm, when the\nkeeper came down from the lamp the first\ntime and spoke."


def parsed(text: str | bytes, name: str = "a.txt") -> list[str]:
    loaded = load.parse(text.encode() if isinstance(text, str) else text, name)
    return [loaded.text[block.start : block.end] for block in loaded.blocks]


@pytest.mark.parametrize(
    ("text", "charset"),
    [
        (ENGLISH, "utf-8"),
        (ENGLISH, "utf-8-sig"),
        (ENGLISH, "utf-16"),
        (ENGLISH, "utf-32"),
        (ENGLISH, "cp1252"),
        (RUSSIAN, "koi8-r"),
        (RUSSIAN, "cp1251"),
        ("ខ្ញុំស្រលាញ់កម្ពុជា។", "utf-8"),
    ],
)
def test_any_charset(text: str, charset: str) -> None:
    assert decode(text.encode(charset)) == text


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("One.\n\nTwo.", ["One.", "Two."]),
        ("One.\r\n\r\n\r\n  Two.  \r\n", ["One.", "Two."]),
        (f"{LONG}\nA short one.", [LONG, "A short one."]),
        ("Cast\nRuna Dahl\nPeder Holm", ["Cast", "Runa Dahl", "Peder Holm"]),
        (f"{WRAPPED}\n\nNobody heard.", [WRAPPED, "Nobody heard."]),
        (f"{WRAPPED}\nNobody heard.", [WRAPPED, "Nobody heard."]),
    ],
)
def test_paragraphs_of_plain_text(text: str, found: list[str]) -> None:
    assert parsed(text) == found


@given(st.text(max_size=400))
def test_paragraphs_of_any_text_lose_nothing(text: str) -> None:
    spans = list(paragraphs(text))
    rest = list(text)
    at = 0
    for start, end in spans:
        assert at <= start < end
        rest[start:end] = " " * (end - start)
        at = end
    assert not "".join(rest).strip()


def test_the_paragraph_that_people_would_count() -> None:
    text = Path("documents/karmalink-premiere-kiripost.txt")
    paper = load.load(Path(__file__).parent.parent / text, text.name, PaperMeta())
    assert paper.text == (Path(__file__).parent.parent / text).read_text(encoding="utf-8")
    (place,) = [block.place for block in paper.blocks if block.start <= 2786 < block.end]
    assert place == "paragraph 13"


def test_markdown_is_read_without_its_marks() -> None:
    source = "---\nlayout: x\n---\n# The *Film*\n\nA **bold**\nword, a [link](https://x.example) and ![a boat](b.png)."
    source += "\n\n- One\n- Two\n\n> Said.\n\n| Role | Actor |\n|---|---|\n| Ilse | Runa |\n\n```\ncode\n```\n"
    loaded = load.parse(source.encode(), "a.md")
    assert loaded.title == "The Film"
    assert parsed(source, "a.md") == [
        "The Film",
        "A bold word, a link and a boat.",
        "One",
        "Two",
        "Said.",
        "Role — Actor",
        "Ilse — Runa",
        "code",
    ]
    places = [block.place for block in loaded.blocks]
    assert places[:3] == ["The Film", "The Film, paragraph 1", "The Film, paragraph 2"]


def test_html_of_an_article(film_folder: Path) -> None:
    loaded = load.parse((film_folder / "web/page.html").read_bytes(), "page.html")
    texts = [loaded.text[block.start : block.end] for block in loaded.blocks]
    assert loaded.title == "The Salt Lantern at the Orrin Festival"
    assert texts[0] == "A lamp against the sea"
    assert "Critic Jonas Bree called it “a film with salt on its lips”. He gave it five stars out of six." in texts
    assert not any("Tickets" in text or "Copyright" in text for text in texts)
    assert loaded.blocks[-1].heading == "What the critics said"


def test_html_that_is_no_article() -> None:
    page = "<table><tr><th>Role</th><th>Actor</th></tr><tr><td>Ilse</td><td>Runa <b>Dahl</b></td></tr></table>"
    page += "<script>alert('no')</script>Loose words<br>in two lines<div>and a <i>box</i></div><h2>Crew</h2><p>Ada</p>"
    texts = parsed(page, "a.html")
    assert "Ilse — Runa Dahl" in texts and "and a box" in texts and texts[-2:] == ["Crew", "Ada"]
    assert not any("alert" in text for text in texts)


def test_content_tells_more_than_the_suffix() -> None:
    assert parsed("<!DOCTYPE html><p>Words on a page.", "a.txt") == ["Words on a page."]
    with pytest.raises(PaperError, match=r"no loader for \.xyz.*\.html.*\.md.*\.txt"):
        load.parse(b"words", "a.xyz")
    with pytest.raises(PaperError, match="without a suffix"):
        load.parse(b"words", "README")


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty"),
        (b" \n\t ", "empty"),
        (bytes(range(256)) * 40, "binary"),
        (b"\x7fELF\x00\x00" * 500, "binary"),
        (b"word " * 900_000, "4,500,000 characters"),
        (b"word\n" * 10_000_000, "48 MB of text"),
    ],
)
def test_files_that_are_no_papers(data: bytes, reason: str) -> None:
    with pytest.raises(PaperError, match=reason):
        load.parse(data, "a.txt")


@settings(max_examples=80, deadline=None)
@given(st.binary(max_size=300), st.sampled_from(["a.txt", "a.md", "a.html"]))
def test_any_bytes_are_a_paper_or_a_reason(data: bytes, name: str) -> None:
    try:
        loaded = load.parse(data, name)
    except PaperError as reason:
        assert str(reason)
    else:
        at = 0
        for block in loaded.blocks:
            assert at <= block.start < block.end <= len(loaded.text)
            at = block.end
        assert loaded_from(loaded_to(loaded)) == loaded


def test_a_folder(film_folder: Path) -> None:
    papers, skipped = load.load_folder(film_folder, read_film(film_folder))
    assert [paper.name for paper in papers] == ["notes.txt", "press.md", "secret.txt", "web/page.html"]
    assert not skipped
    by_name: dict[str, Paper] = {paper.name: paper for paper in papers}
    assert by_name["notes.txt"].meta.kind == "production notes"
    assert by_name["press.md"].meta.title == "The Salt Lantern: press kit"
    assert by_name["web/page.html"].meta.kind == "paper"
    assert any(block.spoiler for block in by_name["press.md"].blocks)


def test_one_bad_paper_stops_no_other(tmp_path: Path) -> None:
    folder = tmp_path / "documents"
    folder.mkdir()
    (tmp_path / "outside.txt").write_text("Not for this film.")
    (folder / "good.txt").write_text("The keeper waits.")
    (folder / "empty.txt").touch()
    (folder / "binary.txt").write_bytes(os.urandom(5000))
    (folder / "song.mp3").write_bytes(b"ID3")
    (folder / "link.txt").symlink_to(tmp_path / "outside.txt")
    (folder / "nowhere.txt").symlink_to(tmp_path / "gone.txt")
    (folder / "up").symlink_to(tmp_path)
    (folder / "bell\a\n.txt").write_text("words")
    (folder / os.fsdecode(b"\xff.txt")).write_text("words")
    (folder / ".hidden.txt").write_text("words")
    os.mkfifo(folder / "pipe.txt")
    papers, skipped = load.load_folder(folder, Film())
    assert [paper.name for paper in papers] == ["good.txt"]
    reasons = {left.name: left.reason for left in skipped}
    odd = {r"bell\x07\n.txt", r"\udcff.txt"}
    assert set(reasons) == {"empty.txt", "binary.txt", "song.mp3", "link.txt", "nowhere.txt", "up", "pipe.txt"} | odd
    assert "empty" in reasons["empty.txt"] and "binary" in reasons["binary.txt"] and ".mp3" in reasons["song.mp3"]
    assert "link out of the folder" in reasons["link.txt"] and "link out of the folder" in reasons["up"]
    assert "link to nothing" in reasons["nowhere.txt"] and "not a file" in reasons["pipe.txt"]
    assert "cannot be printed" in reasons[r"bell\x07\n.txt"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_paper_that_may_not_be_read(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("words")
    (tmp_path / "a.txt").chmod(0)
    with pytest.raises(PaperError, match="Permission denied"):
        load.read_bytes(tmp_path / "a.txt")


def test_a_paper_that_goes_away_and_one_that_is_too_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(PaperError, match="No such file"):
        load.read_bytes(tmp_path / "a.txt")
    with (tmp_path / "a.txt").open("wb") as file:
        file.truncate(load.LARGEST_FILE + 1)
    with pytest.raises(PaperError, match="256 MB"):
        load.read_bytes(tmp_path / "a.txt")


def test_no_folder(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="--documents"):
        load.load_folder(tmp_path / "none", Film())


def test_the_child_is_bound_in_time_and_memory_and_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # a loader that hangs, eats or dies stands in for a library that does; it is only there in this test's children
    hostile = tmp_path / "sitecustomize.py"
    hostile.write_text(
        "import os\n"
        "from index.loaders import text\n"
        "real = text.load\n"
        "def load(data, name):\n"
        "    if name == 'spin.txt':\n"
        "        while True: pass\n"
        "    if name == 'eat.txt':\n"
        "        return bytearray(2**33)\n"
        "    if name == 'die.txt':\n"
        "        os.abort()\n"
        "    if name == 'raise.txt':\n"
        "        raise ZeroDivisionError('no')\n"
        "    print('noise on the standard output')\n"
        "    return real(data, name)\n"
        "text.load = load\n"
    )
    root = str(Path(load.__file__).parent.parent)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), root]))
    paper = tmp_path / "paper.txt"
    paper.write_text("The keeper waits.")
    with Worker(seconds=2, megabytes=400) as worker:
        reasons = {}
        for name in ("spin.txt", "eat.txt", "die.txt", "raise.txt"):
            with pytest.raises(PaperError) as error:
                worker.parse(paper, name)
            reasons[name] = str(error.value)
            assert worker.parse(paper, "good.txt").text == "The keeper waits."
    assert "longer than 2 seconds" in reasons["spin.txt"]
    assert "more memory than 400 MB" in reasons["eat.txt"]
    assert "ended the reading process" in reasons["die.txt"]
    assert "ZeroDivisionError" in reasons["raise.txt"]


def test_one_child_for_many_papers(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("One.")
    (tmp_path / "b.md").write_text("# Two")
    with Worker() as worker:
        worker.parse(tmp_path / "a.txt", "a.txt")
        first = worker._child
        worker.parse(tmp_path / "b.md", "b.md")
        assert worker._child is first
    assert first is not None and first.poll() is not None


def test_heavy_libraries_stay_in_the_child(film_folder: Path) -> None:
    import subprocess

    code = (
        "import sys; from pathlib import Path; from index.load import load_folder; from index.film import Film\n"
        "papers, _ = load_folder(Path(sys.argv[1]), Film()); assert len(papers) == 4\n"
        "print([name for name in ('trafilatura', 'lxml', 'markdown_it', 'torch') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code, str(film_folder)], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
