"""The reader's losses: what they reward, and that the windows of a question count as one question."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest
import torch

from rag.reader.data import Example, read_dossiers, spans_in
from rag.reader.export import packed, unpacked
from rag.reader.mine import HEAD, mined
from rag.reader.network import Network, Shape, bits_of, quantise
from rag.reader.runtime import WEIGHTS, Runtime
from rag.reader.train import (
    AGAIN,
    FOLLOWS,
    KEPT,
    PAIR,
    TRAINED,
    Films,
    Masters,
    earlier,
    rivals_loss,
    round_films,
    span_loss,
)

QUESTIONS = ("Who wrote it?", "Where was it shot?")


def batch() -> list[Example]:
    """A question with an answering window and three others, and one that no window answers."""
    first = [Example(QUESTIONS[0], 0, 0, [(3, 5)]), *(Example(QUESTIONS[0], 0, n, weight=1 / 3) for n in (1, 2, 3))]
    return [*first, Example(QUESTIONS[1], 0, 1), Example(QUESTIONS[1], 0, 2)]


def masks(first: list[int]) -> torch.Tensor:
    """Masks (windows, 7 tokens) with one token each."""
    return torch.nn.functional.one_hot(torch.tensor(first), 7).bool()


STARTS, ENDS = [2] * 6, [7] * 6


def test_with_one_rival_the_loss_is_of_the_difference() -> None:
    logits = torch.randn(6, 7, 2, generator=torch.Generator().manual_seed(1))
    two = [0, 1]
    scores = [(logits[row, 2:7].logsumexp(0) - logits[row, 0]).sum() for row in two]
    wanted = torch.nn.functional.softplus(scores[1] - scores[0])
    assert rivals_loss(logits[:2], STARTS[:2], ENDS[:2], batch()[:2]).item() == pytest.approx(wanted.item(), abs=1e-5)


def test_an_unanswered_question_has_no_rivals() -> None:
    logits = torch.randn(2, 7, 2, generator=torch.Generator().manual_seed(2))
    assert rivals_loss(logits, STARTS[4:], ENDS[4:], batch()[4:]).item() == 0


def test_any_rival_that_scores_higher_costs() -> None:
    logits = torch.zeros(6, 7, 2)
    logits[0, 3] = 6.0
    calm = rivals_loss(logits, STARTS, ENDS, batch())
    for rival in (1, 2, 3):
        disturbed = logits.clone()
        disturbed[rival, 4] = 9.0
        assert rivals_loss(disturbed, STARTS, ENDS, batch()) > calm + 3
    disturbed = logits.clone()
    disturbed[4, 4] = 9.0  # another question's window
    assert rivals_loss(disturbed, STARTS, ENDS, batch()).item() == pytest.approx(calm.item())


def test_rivals_together_weigh_as_much_as_the_answer() -> None:
    """A null logit moved in the three rivals costs what it costs in the one window that answers."""
    examples, wanted = batch()[:4], masks([3, 0, 0, 0])
    logits = torch.zeros(4, 7, 2)
    whole = span_loss(logits, wanted, wanted, STARTS[:4], ENDS[:4], examples)
    spans = whole - PAIR * rivals_loss(logits, STARTS[:4], ENDS[:4], examples)
    assert spans.item() == pytest.approx(2 * torch.tensor(7.0).log().item(), abs=1e-5)
    right = logits.clone()
    right[0, 3] = 4.0
    rivals = logits.clone()
    rivals[1:, 0] = 4.0
    gains = [
        whole
        - span_loss(moved, wanted, wanted, STARTS[:4], ENDS[:4], examples)
        + PAIR
        * (rivals_loss(moved, STARTS[:4], ENDS[:4], examples) - rivals_loss(logits, STARTS[:4], ENDS[:4], examples))
        for moved in (right, rivals)
    ]
    assert gains[0].item() == pytest.approx(gains[1].item(), abs=1e-5)


def test_a_further_round_ends_between_its_begin_and_its_end() -> None:
    network = Network(Shape(upper=(3,), glance=1, hidden=64, heads=2), vocabulary=11)
    for name, parameter in network.named_parameters():
        parameter.requires_grad_(name.startswith(TRAINED))
    masters = Masters(network, 1e-3)
    begun = {name: weight.clone() for name, weight in masters.masters.items()}
    for weight in masters.masters.values():
        weight.add_(2.0)
    masters.back(begun)
    for name, weight in masters.masters.items():
        assert torch.allclose(weight, begun[name] + 2 * KEPT, atol=1e-5), name


def test_the_layers_learn_a_little_from_the_glance() -> None:
    network = Network(Shape(upper=(3, 4), glance=1, hidden=64, heads=2), vocabulary=11)
    torch.nn.init.normal_(network.glance.weight)
    torch.nn.init.zeros_(network.head.weight)
    states = torch.randn(1, 5, 64, generator=torch.Generator().manual_seed(3))
    _, glanced = network.upper(states, torch.ones(1, 5))
    glanced.logsumexp(1).sum().backward()
    first, second = (layer.up.weight.grad for layer in network.upper_layers)
    assert first is not None and first.abs().sum() > 0
    assert second is None or second.abs().sum() == 0


def test_shipped_weights_come_back_as_exact_as_their_codes() -> None:
    network = Network(Shape(lower=1, upper=(3,), glance=1, hidden=64, heads=2), vocabulary=600)
    back = unpacked(packed(network))
    for name, weight in network.state_dict().items():
        if name == "positions.weight":
            continue
        if weight.ndim == 2 and not name.startswith(("head", "glance", "relative")):
            coded = quantise(weight, bits_of(name))
            assert ((back[name] - coded).abs() <= 0.03 * coded.abs() + 1e-6).all(), name
        else:
            assert torch.equal(back[name], weight), name


def test_what_is_learnt_beyond_shipped_weights_stands_beside_their_codes() -> None:
    """A difference far smaller than a step of 4 bits comes back nearly whole, and once more when a round follows."""
    network = Network(Shape(lower=1, upper=(3,), glance=1, hidden=64, heads=2), vocabulary=600)
    base = packed(network)
    network.load_state_dict(unpacked(base), strict=False)
    before = {name: weight.clone() for name, weight in network.state_dict().items()}
    matrices = [name for name in before if name.startswith("upper_layers") and before[name].ndim == 2]
    random_numbers = torch.Generator().manual_seed(4)
    for _ in range(2):
        with torch.no_grad():
            for name in matrices:
                rows, columns = before[name].shape
                learnt = torch.randn(rows, 4, generator=random_numbers) @ torch.randn(
                    4, columns, generator=random_numbers
                )
                network.state_dict()[name].add_(learnt, alpha=1e-4)
        shipped = packed(network, base)
        back = unpacked(shipped)
        for name in matrices:
            wanted = network.state_dict()[name] - before[name]
            assert (back[name] - before[name] - wanted).norm() < 0.1 * wanted.norm(), name
            anew = quantise(network.state_dict()[name], 4) - network.state_dict()[name]
            assert anew.norm() > 5 * wanted.norm(), name
            stem = name.removesuffix(".weight")
            assert np.array_equal(shipped[f"{stem}.codes"], base[f"{stem}.codes"])
        base = shipped


def test_a_round_may_begin_with_the_shipped_weights() -> None:
    weights, steps = earlier(WEIGHTS, "cpu")
    trained = {name: weight.shape for name, weight in Network().named_parameters() if name.startswith(TRAINED)}
    assert {name: weight.shape for name, weight in weights.items()} == trained
    assert steps > 5000


def test_what_misleads_the_reader_is_mined_first() -> None:
    """The window that seems to answer comes before those that are nearer and say nothing; the others stay in order."""
    runtime = Runtime(WEIGHTS)
    texts = [f"A cat slept in window {n} of the cannery, and nobody minded." for n in range(HEAD + 2)]
    texts[5] = "Its director, Nuala Breathnach, wrote the script with her brother Cormac."
    pool = [runtime.encode(text) for text in texts]
    order = list(range(len(texts)))
    [found] = mined(runtime, ["Who directed Saltmark?"], [order], pool)
    assert found[0] == 5 and sorted(found) == order
    assert found[HEAD:] == order[HEAD:]
    assert mined(runtime, [], [], pool) == []


def test_a_round_reads_the_later_films_and_some_others_under_other_names() -> None:
    dossiers = read_dossiers()
    read = {film.number: film for film in round_films(dossiers, 900, random.Random(1))}
    train = {film.number: film for film in dossiers if not film.dev}
    before = [number for number in read if number < 900]
    assert {number for number in read if number >= 900} == {number for number in train if number >= 900}
    assert 0.5 < len(before) / (AGAIN * sum(number < 900 for number in train)) < 1.5
    for number, film in read.items():
        assert (film == train[number]) == (number >= 900)
    assert {film.number for film in round_films(dossiers, 0, random.Random(1))} == set(train)


def test_what_answers_the_question_before_is_no_answer_to_this_one(tmp_path: Path) -> None:
    dossiers = read_dossiers()[:1]
    network = Network(Shape(lower=1, upper=(1,), heads=2, hidden=16))
    films = Films(network, Runtime(WEIGHTS).tokenizer, dossiers, "cpu", tmp_path / "ranking.json")
    whole = {asked.text: asked for asked in dossiers[0].questions if not asked.history}
    followed = rivalled = 0
    for group in films.epoch(random.Random(6)):
        for asked in whole.values():
            first, _, _ = group[0].question.partition(f" {asked.text}")
            before = [one for one in dossiers[0].questions if one.standalone == first and one.answers]
            if not before or first == group[0].question:
                continue
            followed += 1
            nulls = [films.windows[example.window] for example in group if not example.spans]
            rivalled += any(
                spans_in(one.text, before[0].answers) for one in nulls if one.document == before[0].document
            )
            assert all(spans_in(films.windows[e.window].text, asked.answers) for e in group if e.spans)
    assert FOLLOWS * len(whole) / 2 < followed < FOLLOWS * len(whole) * 2
    # The others are answered by the window that answers this one as well, or by one too far away to be met.
    assert rivalled > followed / 2
