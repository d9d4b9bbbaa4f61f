"""The reader: spans with exact offsets from any text, windows that leave nothing unread, and honest failure."""

from __future__ import annotations

import json
import math
import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from langchain_core.documents import Document

from rag.answer import Question
from rag.reader import STEPS, calibrate
from rag.reader.extractive import DOUBT, ENOUGH, SPAN, WINDOW, ExtractiveReader, best_span, joint, shared_reader
from rag.reader.runtime import FILES, WEIGHTS, WeightsMissing, bucket, check_files, log_scale, real_scale
from rag.span import surroundings

PAPER = (
    "The lighthouse drama Saltmark was shot in eleven weeks on the coast of Donegal. Its director, Nuala Breathnach, "
    "wrote the script with her brother Cormac. The music was recorded in a disused cannery by the composer Ivo Petrić."
)


@pytest.fixture(scope="module")
def reader() -> ExtractiveReader:
    return shared_reader()


def passage(text: str, title: str = "Saltmark, an article") -> Document:
    return Document(page_content=text, metadata={"title": title, "document": "a.txt"})


def said(reader: ExtractiveReader, question: str, *texts: str) -> str:
    best = reader.read(Question(text=question), [passage(text) for text in texts])[0]
    return best.passage.page_content[best.start : best.end]


def test_points_at_the_words_that_answer(reader: ExtractiveReader) -> None:
    assert "Nuala Breathnach" in said(reader, "Who directed Saltmark?", PAPER)
    assert "Ivo Petrić" in said(reader, "who wrote the music", PAPER)


def test_scores_what_is_there_above_what_is_not(reader: ExtractiveReader) -> None:
    there = reader.confidence(reader.read(Question(text="Who directed Saltmark?"), [passage(PAPER)]))
    silent = reader.confidence(reader.read(Question(text="What did the costumes cost?"), [passage(PAPER)]))
    assert there > silent


def test_reads_a_question_with_its_history(reader: ExtractiveReader) -> None:
    alone = reader.read(Question(text="And the music?"), [passage(PAPER)])[0]
    after = reader.read(Question(text="And the music?", history=["Who directed it?"]), [passage(PAPER)])[0]
    assert alone.score != after.score


def test_no_passages_no_readings(reader: ExtractiveReader) -> None:
    assert reader.read(Question(text="Who directed it?"), []) == []
    assert reader.confidence([]) == 0.0


def test_a_long_passage_is_read_to_its_end(reader: ExtractiveReader) -> None:
    filler = "Rain fell on the harbour and nobody on the quay had anything to say about it. " * 60
    text = filler + PAPER
    best = reader.read(Question(text="Who directed Saltmark?"), [passage(text)])[0]
    assert len(text.split()) > 2 * WINDOW
    assert best.start >= len(filler)
    assert "Nuala Breathnach" in text[best.start : best.end]


def test_a_passage_scores_the_same_whatever_is_read_beside_it(reader: ExtractiveReader) -> None:
    question = Question(text="Who directed Saltmark?")
    alone = reader.read(question, [passage(PAPER)])[0].score
    beside = reader.read(question, [passage(PAPER), passage("A cat slept in the window of the cannery.")])
    assert max(r.score for r in beside if r.passage.page_content == PAPER) == alone


def test_kept_halves_change_nothing(reader: ExtractiveReader) -> None:
    fresh = ExtractiveReader()
    question = Question(text="Where was it shot?")
    first = [(r.start, r.end, r.score) for r in fresh.read(question, [passage(PAPER)])]
    assert [(r.start, r.end, r.score) for r in fresh.read(question, [passage(PAPER)])] == first


def test_questions_of_any_length(reader: ExtractiveReader) -> None:
    long = " ".join(["who directed the film about the lighthouse"] * 72)
    assert reader.read(Question(text=long), [passage(PAPER)])


@pytest.mark.parametrize(
    "text",
    ["🎬🎥🍿 🎞️", "ខ្មែរ ភាពយន្ត ភ្នំពេញ", "1 | 22 | 333\n4 | 55 | 666\n" * 40, "\u200b", "a\ud800b", "x" * 5000, "\t\n "],
)
def test_any_text_is_read_without_a_word_of_complaint(reader: ExtractiveReader, text: str) -> None:
    for reading in reader.read(Question(text="Who directed it?"), [passage(text)]):
        assert 0 <= reading.start < reading.end <= len(text)
        assert 0.0 <= reading.probability <= 1.0


@settings(max_examples=25, deadline=None)
@given(st.text(max_size=400), st.text(max_size=80))
def test_spans_lie_in_the_passage(text: str, question: str) -> None:
    for reading in shared_reader().read(Question(text=question), [passage(text)]):
        assert 0 <= reading.start < reading.end <= len(text)


@given(st.integers(1, 60), st.integers(0, 12), st.randoms(use_true_random=False))
def test_the_best_span_is_the_best_of_all_spans(tokens: int, asked: int, random: object) -> None:
    rng = np.random.default_rng(tokens * 31 + asked)
    logits = rng.normal(size=(asked + 1 + tokens, 2)).astype(np.float32)
    offsets = [(place * 2, place * 2 + 1) for place in range(tokens)]
    found = best_span(logits, asked + 1, offsets)
    assert found is not None
    spans = [
        (float(logits[asked + 1 + s, 0] + logits[asked + 1 + e, 1] - logits[0].sum()), offsets[s][0], offsets[e][1])
        for s in range(tokens)
        for e in range(s, min(s + SPAN, tokens))
    ]
    best = max(spans)
    assert found[2] == pytest.approx(np.logaddexp.reduce([score for score, *_ in spans]), abs=1e-3)
    assert (found[0], found[1]) == best[1:]
    assert found[3] == pytest.approx(1 / sum(np.exp(score - best[0]) for score, *_ in spans), rel=1e-3)


@pytest.mark.parametrize("share", [0.97, DOUBT + 0.05, DOUBT - 0.05, 0.51])
def test_another_sentence_is_heard_where_the_first_one_wavers(share: float) -> None:
    text, offsets = "One two. Six ten.", [(0, 3), (4, 8), (9, 12), (13, 17)]
    logits = np.full((1 + 4, 2), -20.0, np.float32)
    # One token each: a hundredth begins with "One", so that hardly any span runs from there into the other sentence.
    logits[1], logits[3] = (np.log(0.01), np.log(100 * share / (1 - share))), (0, 0)
    found = best_span(logits, 1, offsets, text)
    assert found is not None and (found.start, found.end) == (0, 3)
    assert found.share == pytest.approx(share, abs=0.01)
    assert found.other == ((9, 12) if share < DOUBT else None)
    assert best_span(logits, 1, offsets, "One two, six ten.") == found._replace(other=None)


def test_the_title_is_not_read_twice(reader: ExtractiveReader) -> None:
    text = "Its director is Nuala Breathnach."
    ((ids, offsets),) = reader._windows("Saltmark, an article", text)
    places = joint(offsets)
    whole, alone = reader._runtime.encode(text)
    assert [ids[place] for place in places] == whole
    assert [offsets[place] for place in places[1:-1]] == alone[1:-1]


def test_thresholds_grow_with_caution(reader: ExtractiveReader) -> None:
    assert reader.threshold("careful") > reader.threshold("balanced") > reader.threshold("bold")


@given(st.lists(st.floats(1e-4, 1.0), min_size=1, max_size=40))
def test_scales_survive_their_byte(scales: list[float]) -> None:
    kept = real_scale(log_scale(np.array(scales, np.float32)))
    assert np.all(np.abs(kept / np.array(scales, np.float32) - 1) < 0.023)


def test_relative_positions_fall_into_the_model_s_buckets() -> None:
    found = bucket(np.array([-200, -9, -1, 0, 1, 9, 200]))
    assert found.tolist() == [15, 8, 1, 0, 17, 24, 31]


@pytest.mark.parametrize("name", FILES)
def test_a_damaged_file_is_named_with_its_mending(tmp_path: Path, name: str) -> None:
    folder = shutil.copytree(WEIGHTS, tmp_path / "weights")
    (folder / name).write_bytes(b"something else")
    with pytest.raises(WeightsMissing, match=rf"{name}.*git checkout"):
        check_files(folder)
    (folder / name).unlink()
    with pytest.raises(WeightsMissing, match=rf"{name}.*git checkout"):
        check_files(folder)


def test_without_weights_the_chain_has_best_sentences_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    from index.settings import Settings
    from rag import reader as package
    from rag.reader import extractive

    def missing() -> ExtractiveReader:
        raise WeightsMissing("weights.npz cannot be read; git checkout -- weights")

    monkeypatch.setattr(extractive, "shared_reader", missing)
    fallback = package.load_reader(Settings())
    assert fallback.name == "best sentences"
    assert fallback.warning and "git checkout -- weights" in fallback.warning


def test_the_weights_say_what_they_are() -> None:
    about = json.loads((WEIGHTS / "reader.json").read_text("utf-8"))
    assert about["calibration"]["error"] <= 0.05
    assert sum((WEIGHTS / name).stat().st_size for name in FILES) < 60e6


def test_what_the_nearest_passages_answer_is_looked_for_no_further(reader: ExtractiveReader) -> None:
    question = Question(text="Who directed Saltmark?")
    others = [passage(f"A cat slept in window {n} of the cannery, and nobody minded.") for n in range(7)]
    found = reader.read(question, [passage(PAPER), *others], STEPS)
    assert reader.confidence(found) >= ENOUGH and len(found) == STEPS[0]
    assert len(reader.read(question, [passage(PAPER), *others])) == len(others) + 1


def test_a_doubt_has_every_passage_with_some_hope_read(reader: ExtractiveReader) -> None:
    question = Question(text="Who directed Saltmark?")
    others = [passage(f"A cat slept in window {n} of the cannery, and nobody minded.") for n in range(7)]
    late = reader.read(question, [*others, passage(PAPER)], STEPS)
    assert STEPS[0] < len(late) < len(others) + 1 and late[0].passage.page_content == PAPER
    assert late[0] == reader.read(question, [*others, passage(PAPER)])[0]
    assert reader.read(question, [], STEPS) == []


def test_the_glance_is_what_hope_is_held_against(reader: ExtractiveReader, monkeypatch: pytest.MonkeyPatch) -> None:
    question = Question(text="Who directed Saltmark?")
    others = [passage(f"A cat slept in window {n} of the cannery, and nobody minded.") for n in range(7)]
    here = reader.glance(question, passage(PAPER))
    assert here > reader.hope > reader.glance(question, others[0])
    monkeypatch.setattr(reader, "hope", here + 1)
    assert len(reader.read(question, [*others, passage(PAPER)], STEPS)) == STEPS[0]
    monkeypatch.setattr(reader, "hope", -math.inf)
    assert len(reader.read(question, [*others, passage(PAPER)], STEPS)) == len(others) + 1


def test_the_glances_limit_is_fitted_on_readings_of_everything(tmp_path: Path) -> None:
    shutil.copy(WEIGHTS / "reader.json", tmp_path)
    before = json.loads((tmp_path / "reader.json").read_text("utf-8"))["calibration"]
    rows = [
        {
            "film": f"film-{n % 7}",
            "score": n % 10 - 4.0 * (n % 3 == 0),
            "said": float(n % 3 > 0),
            "answerable": n % 4 > 0,
        }
        for n in range(400)
    ]
    glances = [{**row, "glance": -30.0 + n / 10 if row["said"] else -99.0} for n, row in enumerate(rows)]
    for named, outcomes, hope in (
        ("product", rows, before["hope"]),
        ("whole", glances, pytest.approx(-29.85, abs=0.06)),
    ):
        (tmp_path / named).write_text("".join(json.dumps(row) + "\n" for row in outcomes), "utf-8")
        assert calibrate.main([str(tmp_path / named), "--weights", str(tmp_path)]) == 0
        after = json.loads((tmp_path / "reader.json").read_text("utf-8"))["calibration"]
        assert after["hope"] == hope and after["questions"] == len(rows)


def test_a_doubt_is_read_again_with_its_neighbours_alone(
    reader: ExtractiveReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    rain = "Rain fell on the harbour and nobody on the quay had anything to say about it. "
    long = passage(rain + PAPER + " " + rain)
    question = Question(text="Who paid for the cannery?")
    [found] = reader.read(question, [long])
    assert reader.confidence([found]) < ENOUGH
    cut = slice(*surroundings(long.page_content, found.start, found.end))
    assert len(long.page_content[cut]) < len(long.page_content)
    monkeypatch.setattr("rag.reader.extractive.AGAIN", 0)
    once = [reader.read(question, [one])[0].score for one in (long, passage(long.page_content[cut]))]
    assert found.score == pytest.approx(sum(once) / 2) != once[0]
    assert found.probability == reader.confidence([found])
