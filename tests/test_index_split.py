"""Passages: whole sentences, exact offsets, nothing lost, nothing twice."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from index.film import PaperMeta
from index.load import finish, parse
from index.paper import Block, Loaded, Paper
from index.split import join_places, sentences, size, split

TALK = st.text(st.sampled_from(list("ab é“”\"'’.!?…។。 \n\r\t\u2028\x00\x85😀\u200dខ្ញ\ud800()[]")), max_size=400)
PROSE = st.lists(
    st.sampled_from(
        [
            "The keeper lit the lamp. ",
            "Dr. Kessel came at 5 p.m. to see it! ",
            "“Why?” she asked. ",
            "\n",
            "\n\n",
            "A caption. ",
            "one two three four five six seven eight nine ten ",
            "Ende… ",
            "ខ្ញុំស្រលាញ់កម្ពុជា។ ",
            "x" * 90 + " ",
        ]
    ),
    max_size=120,
).map("".join)


def paper(text: str, meta: PaperMeta | None = None) -> Paper:
    return finish(parse(text.encode("utf-8"), "a.txt"), "a.txt", meta or PaperMeta(), "")


def blocks_of(text: str, *cuts: int, **values: object) -> tuple[Block, ...]:
    edges = [0, *cuts, len(text)]
    return tuple(Block(start, end, f"p. {n}", **values) for n, (start, end) in enumerate(pairwise(edges), 1))


@given(st.one_of(TALK, st.text(max_size=300)))
def test_sentences_tile_any_text(text: str) -> None:
    spans = sentences(text)
    assert "".join(text[start:end] for start, end in spans) == text
    assert all(start < end for start, end in spans)


def test_a_mark_that_opens_a_speech_stands_with_its_sentence() -> None:
    text = "It hit,” Jake recalls. “This is its final stop. It is special.\n\n“We walked on. « Mais non."
    parts = [text[start:end].strip() for start, end in sentences(text)]
    assert parts[:3] == ["It hit,” Jake recalls.", "“This is its final stop.", "It is special."]
    assert not any(part.endswith(("“", "«")) for part in parts)


@settings(max_examples=60)
@given(PROSE, st.integers(20, 130))
def test_offsets_are_exact_and_nothing_is_lost(text: str, words: int) -> None:
    if not text.strip():
        return
    whole = paper(text)
    passages = split(whole, words)
    at = 0
    kept = []
    for passage in passages:
        start, end = passage.metadata["start"], passage.metadata["end"]
        assert at <= start < end
        assert whole.text[start:end] == passage.page_content
        at = end
        kept.append(" ".join(passage.page_content.split()))
    for block in whole.blocks:
        for word in whole.text[block.start : block.end].split():
            assert any(word in passage for passage in kept)


@settings(max_examples=60)
@given(st.text(min_size=1, max_size=3000), st.integers(20, 130))
def test_any_text_at_all(text: str, words: int) -> None:
    loaded = Loaded(text, (Block(0, len(text), "all"),))
    whole = finish(loaded, "a.txt", PaperMeta(), "")
    passages = split(whole, words)
    assert all(whole.text[p.metadata["start"] : p.metadata["end"]] == p.page_content for p in passages)
    rest = list(text)
    for passage in passages:
        rest[passage.metadata["start"] : passage.metadata["end"]] = " " * len(passage.page_content)
    lost = "".join(rest)
    for passage in sorted(passages, key=lambda passage: -len(passage.page_content)):
        lost = lost.replace(passage.page_content, "")
    assert not lost.strip()


@settings(max_examples=40)
@given(st.lists(st.integers(3, 30), min_size=1, max_size=60), st.integers(40, 130))
def test_no_sentence_is_parted(lengths: list[int], words: int) -> None:
    said = [f"Sentence {n} has {' '.join(['word'] * length)} here." for n, length in enumerate(lengths)]
    passages = split(paper(" ".join(said)), words)
    assert [s for p in passages for s in p.page_content.replace(". ", ".\n").split("\n")] == said
    assert all(size(p.page_content) <= words * 1.1 + 1 for p in passages)


def test_short_paragraphs_share_a_passage_and_say_so() -> None:
    text = "One is short.\n\nTwo is short as well.\n\n" + "Three goes on and on for long. " * 17
    passages = split(paper(text))
    assert [p.metadata["place"] for p in passages] == ["paragraphs 1–2", "paragraph 3"]


def test_a_caption_printed_twice_is_one_passage() -> None:
    caption = "A lighthouse keeper poses on the pier. Photo: Orrin Press"
    passages = split(paper(f"{'First words here. ' * 12}\n\n{caption}\n{caption}\n\n{'Last words there. ' * 12}"))
    assert sum(passage.page_content.count(caption) for passage in passages) == 1


def test_a_line_said_twice_in_a_film_stays_twice() -> None:
    text = "I never saw that boat before.\nNo.\nI never saw that boat before."
    lines = (Block(0, 29, "00:01:00", seconds=60.0), Block(30, 33, "00:01:02", seconds=62.0))
    lines += (Block(34, 63, "00:40:00", seconds=2400.0),)
    (passage,) = split(finish(Loaded(text, lines), "a.srt", PaperMeta(), ""))
    assert passage.page_content == text
    assert passage.metadata["place"] == "00:01:00–00:40:00"
    assert passage.metadata["seconds"] == 60.0


def test_a_heading_belongs_to_what_follows() -> None:
    source = b"# Film\n\nAbout it.\n\n## Cast\n\n### Leads\n\nRuna Dahl plays Ilse."
    whole = finish(parse(source, "a.md"), "a.md", PaperMeta(), "")
    passages = split(whole)
    assert [p.page_content for p in passages] == ["Film\n\nAbout it.", "Cast\n\nLeads\n\nRuna Dahl plays Ilse."]
    assert [p.metadata["heading"] for p in passages] == ["Film", "Leads"]
    assert passages[1].metadata["place"] == "Leads, paragraph 1"


def test_spoilers_never_share_a_passage_with_the_rest() -> None:
    text = "The keeper waits. [spoiler]She is his grandmother.[/spoiler] The sea is cold."
    passages = split(paper(text))
    assert [(p.page_content, p.metadata["spoiler"]) for p in passages] == [
        ("The keeper waits.", False),
        ("She is his grandmother.", True),
        ("The sea is cold.", False),
    ]


def test_atomic_blocks_stay_alone() -> None:
    text = "Runa Dahl — Ilse.Peder Holm — the boy."
    whole = finish(Loaded(text, blocks_of(text, 17, atomic=True)), "a.csv", PaperMeta(), "")
    assert [p.page_content for p in split(whole)] == ["Runa Dahl — Ilse.", "Peder Holm — the boy."]


def test_a_speech_in_one_pair_of_quotes_is_parted_between_its_sentences() -> None:
    text = "“" + " ".join(f"We waited {n} days for the snow to come over the hill." for n in range(60)) + "”"
    passages = split(paper(text))
    assert len(passages) > 3
    assert all(p.page_content.rstrip("”").rstrip().endswith(".") for p in passages)


def test_text_without_a_stop_is_parted_all_the_same() -> None:
    passages = split(paper("word " * 5000))
    assert all(size(p.page_content) <= 4 * 110 + 1 for p in passages)
    assert max(size(p.page_content) for p in split(paper("x" * 50_000))) <= 4 * 110


def test_metadata_is_scalar_and_complete() -> None:
    meta = PaperMeta(publisher="Orrin Press", url="https://orrin.example", language="en", embargo="2026-12-01")
    (passage,) = split(paper("The keeper waits.", meta))
    assert passage.metadata == {
        "id": "a.txt:0-17",
        "document": "a.txt",
        "title": "a",
        "publisher": "Orrin Press",
        "kind": "paper",
        "place": "paragraph 1",
        "url": "https://orrin.example",
        "language": "en",
        "start": 0,
        "end": 17,
        "spoiler": False,
        "embargo": 20261201,
        "ordinal": 0,
    }


@pytest.mark.parametrize(
    ("first", "last", "joined"),
    [
        ("paragraph 3", "paragraph 3", "paragraph 3"),
        ("paragraph 13", "paragraph 14", "paragraphs 13–14"),
        ("Cast, paragraph 1", "Cast, paragraph 4", "Cast, paragraphs 1–4"),
        ("p. 3", "p. 4", "pp. 3–4"),
        ("pp. iii–iv", "p. v", "pp. iii–v"),
        ("pp. 3–4", "p. 4", "pp. 3–4"),
        ("00:01:00", "00:01:09", "00:01:00–00:01:09"),
        ("Scene 84, INT. PIER – NIGHT", "Scene 84, INT. PIER – NIGHT", "Scene 84, INT. PIER – NIGHT"),
        ("Cast", "Crew", "Cast – Crew"),
        ("Cast", "Cast, paragraph 2", "Cast"),
    ],
)
def test_places_join(first: str, last: str, joined: str) -> None:
    assert join_places(first, last) == joined
