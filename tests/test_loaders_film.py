"""A folder with papers of every kind: each is found, and cited by the place that film people say."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from chains import chain_over
from models import PhraseReader

from index.film import read_film
from index.load import load_folder
from index.split import split
from rag.answer import Citation, Question
from rag.chain import FilmChain
from rag.compose import cite
from rag.evaluation.case import Case

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
    "epub": ("Chapter 3: The Harbour, paragraph 2", None),
    "epub-spoiler": ("Chapter 9: The Wick, paragraph 1", None),
    "rtf": ("paragraph 2", None),
    "rtf-table": ("paragraph 3", None),
    "rtf-spoiler": ("paragraph 4", None),
    "txt-spoiler": ("paragraph 2", None),
    "fountain-spoiler": ("Scene 84, INT. LIGHTHOUSE – NIGHT", "ILSE"),
}
GIVEN_AWAY = re.compile(r"grandmother|daughter's son|put(s)? out|blew out|veltrand|\burn\b|cradle", re.IGNORECASE)
# the reader as it stands points at the right words for so many of these short questions at least
FOUND = 0.25


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FilmChain]:
    with chain_over(DATA / "film", tmp_path_factory.mktemp("every")) as made:
        yield made


def check_place(citation: Citation, case: Case, chain: FilmChain) -> None:
    ((words,),) = case.evidence
    assert citation.document == case.document
    assert (citation.place, citation.speaker) == PLACES[case.id]
    assert words in citation.quote
    assert chain.index.text(citation.document)[citation.start : citation.end] == citation.quote
    clock = re.fullmatch(r"(\d\d):(\d\d):(\d\d)", citation.place)
    if clock:
        hours, minutes, seconds = map(int, clock.groups())
        assert citation.seconds == hours * 3600 + minutes * 60 + seconds


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_every_kind_is_found_and_cited_by_its_place(case: Case, chain: FilmChain) -> None:
    ((words,),) = case.evidence
    found = chain.retriever.retrieve(Question(text=case.question, spoilers=case.spoilers))
    passage = next(one for one in found if words in " ".join(one.page_content.split()))
    start = passage.page_content.index(words)
    check_place(cite(chain.index, passage, start, start + len(words), 1), case, chain)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_every_kind_is_answered_with_its_place(case: Case, chain: FilmChain) -> None:
    """Through the whole chain, with a reader that knows where to look; the rest is the chain's own."""
    ((words,),) = case.evidence
    sure = chain.model_copy(update={"reader": PhraseReader(words)})
    answer = sure.invoke(Question(text=case.question, spoilers=case.spoilers))
    assert answer.answered and case.answers[0] in answer.answer
    check_place(answer.citations[0], case, chain)


def test_what_the_reader_finds_has_its_place(chain: FilmChain) -> None:
    """The reader as it stands: how much it finds is measured elsewhere, where it stands is right whenever it does."""
    found = 0
    for case in CASES:
        answer = chain.invoke(Question(text=case.question, spoilers=case.spoilers))
        ((words,),) = case.evidence
        for citation in answer.citations if answer.answered else ():
            told = citation.highlighted
            if citation.document == case.document and (told in words or words in told):
                found += 1
                check_place(citation, case, chain)
    assert found >= FOUND * len(CASES)


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
        "diary.rtf",
        "ending.txt",
        "novel.epub",
    }
