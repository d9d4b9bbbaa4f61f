"""An opened index: what it finds, what it never finds, and what it says when it is broken."""

from __future__ import annotations

import datetime
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from langchain_core.documents import Document

from index import version
from index.build import build
from index.embed import load_embeddings
from index.errors import IndexDamaged, IndexMissing, IndexStale, KarmalinkError
from index.settings import Settings
from index.store import PROBED, Index, Store, open_index

TODAY = datetime.date(2026, 11, 22)
LATER = datetime.date(2999, 1, 1)


@pytest.fixture(scope="module")
def index(built_settings: Settings) -> Index:
    return open_index(built_settings)


def found(index: Index, question: str, **limits: object) -> list[Document]:
    vector = load_embeddings(Settings()).embed_query(question)
    values = {"spoilers": False, "today": TODAY, **limits}
    return [index.passages[ordinal] for ordinal, _ in index.search(vector, 8, **values)]


def test_the_passage_that_answers_comes_first(index: Index) -> None:
    assert "Ada Lindqvist" in found(index, "Who composed the score?")[0].page_content
    assert "four hundred" in found(index, "How many people saw it at the festival?")[0].page_content


def test_similarities_are_cosines_best_first(index: Index, built_settings: Settings) -> None:
    embeddings = load_embeddings(Settings())
    vector = embeddings.embed_query("Who composed the score?")
    pairs = index.search(vector, 5, spoilers=True, today=LATER)
    assert [score for _, score in pairs] == sorted((score for _, score in pairs), reverse=True)
    rows = np.load(next(built_settings.index.rglob(version.VECTORS)))
    for ordinal, score in pairs:
        assert abs(float(rows[ordinal] @ vector) - score) < 1e-4
        # papers are embedded with 16-bit products
        assert rows[ordinal] @ embeddings.embed_query(index.passages[ordinal].page_content) > 0.9998


def test_spoilers_and_embargo_are_hard(index: Index) -> None:
    questions = ("Who is the keeper in the end?", "What is the sequel called?", "Does the lamp go out?")
    for question in questions:
        for passage in found(index, question):
            assert not passage.metadata["spoiler"] and not passage.metadata["embargo"]
    assert any("grandmother" in p.page_content for p in found(index, questions[0], spoilers=True))
    assert not any("Glass Harbour" in p.page_content for p in found(index, questions[1], spoilers=True))
    assert any("Glass Harbour" in p.page_content for p in found(index, questions[1], today=LATER))


def test_what_an_index_knows(index: Index, film_folder: Path) -> None:
    assert index.film.title == "The Salt Lantern"
    assert index.film.papers["secret.txt"].embargo == LATER
    assert [paper.name for paper in index.papers] == ["notes.txt", "press.md", "secret.txt", "web/page.html"]
    assert sum(paper.passages for paper in index.papers) == len(index.passages)
    assert index.papers[1].hidden == 1
    assert [passage.metadata["ordinal"] for passage in index.passages] == list(range(len(index.passages)))
    for passage in index.passages:
        text = index.text(passage.metadata["document"])
        assert text[passage.metadata["start"] : passage.metadata["end"]] == passage.page_content
    assert index.text("notes.txt") == (film_folder / "notes.txt").read_text(encoding="utf-8")


def test_a_place_inside_a_passage(index: Index) -> None:
    text = index.text("notes.txt")
    start = text.index("It was recorded in one night")
    place = index.place("notes.txt", start)
    assert place is not None and place.place == "paragraph 6"
    assert index.place("notes.txt", len(text) + 5) is None
    assert index.place("no such paper", 0) is None


def test_filters_do_not_lose_passages_among_thousands(tmp_path: Path) -> None:
    rng = np.random.default_rng(7)
    vectors = rng.normal(size=(3000, 32)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    marks = [{"spoiler": n % 10 == 0, "embargo": 20270101 if n % 7 == 0 else 0} for n in range(3000)]
    store = Store(tmp_path / "v")
    assert list(store.create(vectors, [Document(page_content="", metadata=mark) for mark in marks]))[-1] == 3000
    store.open()
    for spoilers, today in ((False, TODAY), (True, TODAY), (False, LATER), (True, LATER)):
        fit = [
            n
            for n, mark in enumerate(marks)
            if (spoilers or not mark["spoiler"]) and mark["embargo"] <= int(today.strftime("%Y%m%d"))
        ]
        hits = total = 0
        for query in rng.normal(size=(20, 32)):
            rows = [row for row, _ in store.search(list(query), 8, spoilers=spoilers, today=today)]
            assert len(rows) == 8 and set(rows) <= set(fit)
            hits += len(set(rows) & {fit[n] for n in np.argsort(-(vectors[fit] @ query))[:8]})
            total += 8
        assert hits / total > 0.97
    store.close()


@pytest.mark.parametrize("count", [1, 2])
def test_the_smallest_indexes_are_written_out(tmp_path: Path, count: int) -> None:
    store = Store(tmp_path / "v")
    passages = [Document(page_content="", metadata={"spoiler": False, "embargo": 0})] * count
    assert list(store.create(np.eye(count, 4, dtype=np.float32), passages))[-1] == count
    store.close()
    assert list((tmp_path / "v").rglob("index_metadata.pickle"))


def test_no_index(settings: Callable[..., Settings], tmp_path: Path) -> None:
    with pytest.raises(IndexMissing, match="Build it: karmalink build --documents"):
        open_index(settings())
    (tmp_path / "chroma").write_text("a file")
    with pytest.raises(IndexMissing):
        open_index(settings())


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"passage_words": 80}, "passage size: 110 words -> 80 words"),
        ({"chroma": "http://localhost:1"}, "store: embedded -> http://localhost:1"),
    ],
)
def test_an_index_of_other_settings_is_refused(built_settings: Settings, changed: dict[str, object], said: str) -> None:
    with pytest.raises(IndexStale) as error:
        open_index(built_settings.model_copy(update=changed))
    assert said in str(error.value) and "Build it again: karmalink build" in str(error.value)


def test_an_index_of_another_model_or_layout_is_refused(index_copy: Settings) -> None:
    stands = version.current(index_copy.index, "karmalink build")
    for key, value, said in (
        ("model", {"name": "other", "fingerprint": "x"}, "embedding model: other -> all-MiniLM-L6-v2"),
        ("model", {**stands.manifest["model"], "fingerprint": "x"}, "x -> "),
        ("schema", 0, f"layout: 0 -> {version.SCHEMA}"),
    ):
        version.write(stands.path / version.MANIFEST, version.dump({**stands.manifest, key: value}))
        with pytest.raises(IndexStale, match=said):
            open_index(index_copy)


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:10])


def scribble(path: Path) -> None:
    path.write_bytes(b"\xff" * path.stat().st_size)


def scribble_inside(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 3 : len(data) // 2] = b"\xa5" * (len(data) // 2 - len(data) // 3)
    path.write_bytes(bytes(data))


@pytest.mark.parametrize(
    ("pattern", "damage"),
    [
        ("current", truncate),
        ("current", scribble),
        ("manifest.json", truncate),
        ("manifest.json", Path.unlink),
        ("papers.json", truncate),
        ("papers.json", scribble_inside),
        ("papers.json", Path.unlink),
        ("chroma.sqlite3", truncate),
        ("chroma.sqlite3", scribble),
        ("chroma.sqlite3", Path.unlink),
        ("chroma.sqlite3", scribble_inside),
        ("data_level0.bin", truncate),
        ("data_level0.bin", scribble),
        ("header.bin", scribble),
        ("length.bin", scribble),
        ("data_level0.bin", scribble_inside),
        ("data_level0.bin", Path.unlink),
        ("index_metadata.pickle", scribble),
        ("store", shutil.rmtree),
    ],
)
def test_damage_is_said(index_copy: Settings, pattern: str, damage: Callable[[Path], None]) -> None:
    for path in list(index_copy.index.rglob(pattern)):
        damage(path)
    with pytest.raises(IndexDamaged, match="karmalink build"):
        open_index(index_copy)


def test_damage_is_mended_by_a_build(index_copy: Settings) -> None:
    for path in index_copy.index.rglob("data_level0.bin"):
        scribble(path)
    report = build(index_copy)
    assert report.changed and report.embedded == 0
    assert len(open_index(index_copy).passages) == report.passages


def test_a_version_that_works_is_probed_once(index_copy: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    probes: list[str] = []
    real = subprocess.run
    monkeypatch.setattr(subprocess, "run", lambda *args, **options: probes.append("probe") or real(*args, **options))
    for _ in range(2):
        open_index(index_copy).close()
    assert not probes
    next(index_copy.index.rglob(PROBED)).unlink()
    for _ in range(2):
        open_index(index_copy).close()
    assert probes == ["probe"]


def test_opening_and_asking_needs_no_torch(built_settings: Settings) -> None:
    code = (
        "import sys, datetime\n"
        "from index import Settings, load_embeddings, open_index\n"
        "settings = Settings(documents=sys.argv[1], index=sys.argv[2]); index = open_index(settings)\n"
        "vector = load_embeddings(settings).embed_query('Who composed the score?')\n"
        "assert index.search(vector, 8, spoilers=False, today=datetime.date.today())\n"
        "print(sorted({'torch', 'transformers', 'sentence_transformers'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(built_settings.documents), str(built_settings.index)],
        capture_output=True,
        text=True,
    )
    assert done.stdout.strip() == "[]", done.stderr


def test_a_server_that_is_not_there(settings: Callable[..., Settings], film_copy: Path) -> None:
    with pytest.raises(KarmalinkError, match=r"No Chroma server answers at http://127.0.0.1:9.*chroma run"):
        build(settings(chroma="http://127.0.0.1:9"))
