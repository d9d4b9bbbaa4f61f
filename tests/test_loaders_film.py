"""A folder with papers of every kind: each is found, and cited by the place that film people say."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from index.build import build
from index.film import read_film
from index.load import load_folder
from index.settings import Settings
from index.split import split
from rag.answer import Question
from rag.compose import cite
from rag.evaluation.case import Case
from rag.retrieve import FilmRetriever, load_retriever

DATA = Path(__file__).parent / "data"
CASES = [Case.model_validate_json(line) for line in (DATA / "questions.jsonl").read_text(encoding="utf-8").splitlines()]
# place and speaker by question
PLACES = {
    "txt": ("paragraph 1", None),
    "md": ("Festivals, paragraph 1", None),
    "html": ("The verdict, paragraph 1", None),
    "interview": ("Interview, answer to ‘What did the producers fear most?’", "Mira Kessel"),
    "pdf": ("p. vi", None),
    "pdf-hyphen": ("p. vi", None),
    "pdf-spoiler": ("p. vii", None),
    "docx": ("The winter, paragraph 1", None),
    "docx-table": ("Equipment, paragraph 1", None),
    "docx-spoiler": ("The last night, paragraph 1", None),
    "srt": ("00:01:04", "ILSE"),
    "srt-dash": ("00:12:31", None),
    "srt-spoiler": ("01:31:10", "ILSE"),
    "vtt": ("01:00:10", "Narrator"),
    "fountain": ("Scene 8, EXT. PIER – DAWN", None),
    "fountain-speech": ("Scene 8, EXT. PIER – DAWN", "ILSE"),
    "fdx": ("Scene 31A, INT. CANNERY – NIGHT, p. 40", None),
    "fdx-speech": ("Scene 31A, INT. CANNERY – NIGHT, p. 40", "HARBOUR MASTER"),
    "csv": ("Credits: cast", None),
    "json": ("Credits: music", None),
}
GIVEN_AWAY = re.compile(r"grandmother|daughter's son|put(s)? out|blew out", re.IGNORECASE)


@pytest.fixture(scope="module")
def retriever(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FilmRetriever]:
    settings = Settings(documents=DATA / "film", index=tmp_path_factory.mktemp("every") / "chroma")
    build(settings)
    made = load_retriever(settings)
    yield made
    made.index.close()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_every_kind_is_found_and_cited_by_its_place(case: Case, retriever: FilmRetriever) -> None:
    ((words,),) = case.evidence
    found = retriever.retrieve(Question(text=case.question, spoilers=case.spoilers))
    passage = next(one for one in found if words in " ".join(one.page_content.split()))
    start = passage.page_content.index(words)
    citation = cite(retriever.index, passage, start, start + len(words), 1)
    assert citation.document == case.document
    assert (citation.place, citation.speaker) == PLACES[case.id]
    assert words in citation.quote
    assert retriever.index.text(citation.document)[citation.start : citation.end] == citation.quote
    clock = re.fullmatch(r"(\d\d):(\d\d):(\d\d)", citation.place)
    if clock:
        hours, minutes, seconds = map(int, clock.groups())
        assert citation.seconds == hours * 3600 + minutes * 60 + seconds


def test_every_kind_has_a_question() -> None:
    papers = {path.name for path in (DATA / "film").iterdir()} - {"film.toml"}
    assert {case.document for case in CASES} == papers
    assert {case.id for case in CASES} == set(PLACES)


def test_what_gives_the_story_away_is_in_marked_passages_alone() -> None:
    papers, skipped = load_folder(DATA / "film", read_film(DATA / "film"))
    assert not skipped and not any(paper.warnings for paper in papers)
    passages = [passage for paper in papers for passage in split(paper)]
    for passage in passages:
        assert passage.metadata["spoiler"] or not GIVEN_AWAY.search(passage.page_content)
    assert {one.metadata["document"] for one in passages if one.metadata["spoiler"]} == {
        "press-kit.pdf",
        "notes.docx",
        "dialogue.srt",
        "screenplay.fountain",
    }
