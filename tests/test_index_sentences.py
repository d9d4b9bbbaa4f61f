"""The vectors of single sentences: kept per passage, read back as written, told when damaged."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from index import version
from index.errors import IndexDamaged
from index.sentences import Sentences, sentence_texts, sentences
from index.settings import Settings
from index.store import open_index
from rag import Question, load_retriever


@given(st.text(max_size=300))
def test_sentences_stand_in_order_and_leave_only_blanks_out(text: str) -> None:
    spans = sentences(text)
    assert all(start < end and text[start:end].strip() == text[start:end] for start, end in spans)
    assert all(one[1] <= two[0] for one, two in zip(spans, spans[1:], strict=False))
    assert "".join("".join(text[start:end].split()) for start, end in spans) == "".join(text.split())
    assert sentence_texts(text)


@given(st.lists(st.integers(1, 5), min_size=1, max_size=8))
def test_the_nearest_sentence_is_the_best_of_the_passage(counts: list[int]) -> None:
    random = np.random.default_rng(sum(counts))
    rows = random.normal(size=(sum(counts), 6)).astype(np.float32)
    vector = random.normal(size=6).astype(np.float32)
    rows, vector = rows / np.linalg.norm(rows, axis=1, keepdims=True), vector / np.linalg.norm(vector)
    told = Sentences.of(rows, counts)
    ends = np.cumsum(counts)
    expected = [max(rows[end - count : end] @ vector) for count, end in zip(counts, ends, strict=True)]
    assert told.nearest(vector, range(len(counts))) == pytest.approx(expected, abs=0.002)
    assert len(told) == len(counts)


def test_they_are_read_back_as_written(tmp_path: Path) -> None:
    Sentences.of(np.eye(5, dtype=np.float32), [2, 3]).save(tmp_path / "s.npz")
    told = Sentences.load(tmp_path / "s.npz")
    assert told.nearest(np.eye(5, dtype=np.float32)[4], [0, 1]) == [0.0, 1.0]


@pytest.mark.parametrize("damage", ["gone", "cut", "flipped", "other"])
def test_a_damaged_file_is_told_with_the_command(index_copy: Settings, damage: str) -> None:
    file = version.current(index_copy.index, "").path / version.SENTENCES
    data = bytearray(file.read_bytes())
    if damage == "gone":
        file.unlink()
    elif damage == "cut":
        file.write_bytes(data[: len(data) // 2])
    elif damage == "flipped":
        data[len(data) // 2] ^= 0xFF
        file.write_bytes(data)
    else:
        Sentences.of(np.eye(3, dtype=np.float32), [3]).save(file)
    with pytest.raises(IndexDamaged, match=r"sentences\.npz.*Build it again: karmalink build"):
        open_index(index_copy)


def test_a_passage_is_found_by_one_sentence_of_it(built_settings: Settings) -> None:
    retriever = load_retriever(built_settings)
    best = retriever.retrieve(Question(text="Did the crew have hot water where they slept?"))[0]
    assert "no hot water" in best.page_content
    assert best.metadata["sentence"] > best.metadata["similarity"]
    retriever.index.close()
