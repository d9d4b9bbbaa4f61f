"""Train the reader: `python -m rag.reader.train` (or `make reader`).

From the dossiers and all-mpnet-base-v2's weights to a checkpoint that `python -m rag.reader.export` turns into the
shipped files. `--start` goes on from an earlier one, and ends with the mean of both (Wortsman et al. 2022, "Robust
fine-tuning of zero-shot models"): what a round alone learns of its own films is a little too much. Seeded; a checkpoint
is written every few minutes and picked up again by the same command.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn, track
from tokenizers import Tokenizer
from torch import Tensor

from rag.reader.base import base_tensors, base_tokenizer
from rag.reader.data import (
    DOSSIERS,
    Asked,
    Dossier,
    Example,
    Window,
    question_text,
    read_dossiers,
    spans_in,
    spoken,
    windows,
    without,
)
from rag.reader.export import unpacked
from rag.reader.extractive import joint
from rag.reader.mine import mined
from rag.reader.names import Names
from rag.reader.network import BITS, Network, Shape, load_base, quantise
from rag.reader.premise import changed, people
from rag.reader.runtime import Runtime, check_files

SEED = 20260101
TRAINED = ("upper_layers", "head", "glance")
LONGEST = 320  # tokens of question and passage together
CUTS = ((45, 75), (75, 115))  # window sizes in words, drawn once a film and cut
SHARES = (0.55, 0.45)  # of the questions asked of each cut: short windows cost half
RIVALS = 3  # windows without an answer beside the one that answers: at run time seven compete with it
TAKEN = 0.3  # of the questions, so many meet their own window without the sentence that answers as one of them
FOLLOWS = 0.25  # of the questions that need no history, so many are asked behind one that was answered
CHANGED = 0.6  # of the questions whose premise can be changed (a fifth), so many are asked changed as well
KEPT = 0.5  # of the way a further round has gone; tried: 0.4, 0.5, 0.6, 1
PAIR = 0.5  # the weight of a question's windows compared, beside each read for itself
QUICK = 25  # times the rate for the glance, a linear layer that begins with nothing
AGAIN = 0.1  # of the films that an earlier round has read, so many in one that begins with later films

Encoded = tuple[list[int], list[tuple[int, int]]]  # a window's token ids, and their offsets in its text


class Films:
    """The training films' windows with their lower states, and for each question its windows, hardest first."""

    def __init__(
        self,
        network: Network,
        tokenizer: Tokenizer,
        dossiers: list[Dossier],
        device: str,
        kept: Path,
        shipped: Path | None = None,
    ) -> None:
        self.network, self.tokenizer, self.device, self.dossiers = network, tokenizer, device, dossiers
        rng = random.Random(SEED)
        self.windows: list[Window] = []
        self.pools: dict[str, range] = {}  # "film/cut" -> its windows
        for film, dossier in enumerate(dossiers):
            for cut, (least, most) in enumerate(CUTS):
                begin = len(self.windows)
                self.windows += windows(dossier, rng.randint(least, most))
                self.pools[f"{film}/{cut}"] = range(begin, len(self.windows))
        # Mining takes its time: a question is mined in one cut alone, and then asked of that one.
        self.cuts = [[rng.choices(range(len(CUTS)), SHARES)[0] for _ in dossier.questions] for dossier in dossiers]
        self.mines = shipped is not None
        names = Names(dossiers)
        self.people = [people([paper["text"] for paper in film.papers], names.kinds(film)) for film in dossiers]
        encoded = [encode_window(tokenizer, window) for window in self.windows]
        kept_places = [joint(offsets) for _, offsets in encoded]
        states = self._states([ids for ids, _ in encoded])
        self.states = [state[places] for state, places in zip(states, kept_places, strict=True)]
        self.offsets = [
            [offsets[place] for place in places] for (_, offsets), places in zip(encoded, kept_places, strict=True)
        ]
        self.ranking = self._ranked(kept, encoded, shipped)

    def _ranked(self, kept: Path, encoded: list[Encoded], shipped: Path | None) -> dict[str, list[list[int]]]:
        """What `rank` says of these windows, and what `mined` makes of it where there are shipped weights to begin
        with: minutes of work that a resumed run need not do again."""
        asked = [question.text for dossier in self.dossiers for question in dossier.questions]
        told = check_files(shipped)["sha256"] if shipped else {}
        texts = json.dumps([asked, [window.text for window in self.windows], told])
        of = hashlib.sha256(texts.encode()).hexdigest()
        try:
            known: dict[str, Any] = json.loads(kept.read_text("utf-8"))
        except (OSError, ValueError):
            known = {}
        if known.get("of") != of:
            known = {"of": of, "ranking": rank(self.windows, self.pools, self.dossiers)}
            if shipped:
                self._mine(known["ranking"], encoded, Runtime(shipped))
            kept.write_text(json.dumps(known), "utf-8")
        ranking: dict[str, list[list[int]]] = known["ranking"]
        return ranking

    def _mine(self, ranking: dict[str, list[list[int]]], encoded: list[Encoded], runtime: Runtime) -> None:
        """Put first, for every question in its cut, the windows in which the reader sees most."""
        for film, dossier in enumerate(track(self.dossiers, description="mining")):
            for cut in range(len(CUTS)):
                key = f"{film}/{cut}"
                mine = [number for number, own in enumerate(self.cuts[film]) if own == cut]
                asked = [dossier.questions[number] for number in mine]
                texts = [question_text(question.text, question.history) for question in asked]
                order = [ranking[key][number] for number in mine]
                pool = [encoded[window] for window in self.pools[key]]
                for number, places in zip(mine, mined(runtime, texts, order, pool), strict=True):
                    ranking[key][number] = places

    @torch.no_grad()
    def _states(self, ids: list[list[int]], batch: int = 32) -> list[Tensor]:
        order = sorted(range(len(ids)), key=lambda place: len(ids[place]))
        states: list[Tensor] = [torch.empty(0)] * len(ids)
        for begin in range(0, len(order), batch):
            places = order[begin : begin + batch]
            padded, mask = pad([ids[place] for place in places], self.device)
            out = self.network.lower(padded, mask)
            for row, place in enumerate(places):
                states[place] = out[row, : len(ids[place])].clone()
        return states

    def epoch(self, rng: random.Random) -> Iterator[list[Example]]:
        """The examples of one pass over all questions: a window with the answer and `RIVALS` without, or two where no
        paper answers."""
        for film, dossier in enumerate(self.dossiers):
            for number, asked in enumerate(dossier.questions):
                cut = self.cuts[film][number] if self.mines else rng.choices(range(len(CUTS)), SHARES)[0]
                key = f"{film}/{cut}"
                right: list[tuple[int, list[tuple[int, int]]]] = []
                wrong: list[int] = []
                for place in self.ranking[key][number]:
                    window = self.pools[key][place]
                    spans = self._answers(asked, window)
                    if spans:
                        right.append((window, spans))
                    elif not spans_in(self.windows[window].text, asked.answers):
                        wrong.append(window)
                before = self._before(asked, dossier, rng)
                text = spoken(asked, before, rng)
                group = []
                if right:
                    window, spans = right[0] if rng.random() < 0.9 else rng.choice(right)
                    group.append(Example(text, film, window, spans))
                    left = without(self.windows[window].text, spans) if rng.random() < TAKEN else None
                    if left and not spans_in(left, asked.answers):
                        group.append(Example(text, film, window, left=left))
                    other = self._changed(asked, film, window, rng)
                    if other:
                        group.append(Example(other, film, window))
                wanted = 1 + RIVALS if right else 2
                # Twice the draws: those from the ranking's head often fall on one window.
                hard = [min(int(rng.expovariate(0.6)), len(wrong) - 1) for _ in range(2 * wanted)] if wrong else []
                # What answers the question before is the first that must not be taken for this one's answer.
                told = [place for place, window in enumerate(wrong) if before and self._answers(before, window)]
                for place in list(dict.fromkeys(told[:1] + hard))[: wanted - len(group)]:
                    group.append(Example(text, film, wrong[place]))
                for example in group:
                    # One window answers and the others together weigh as much as it, however many they are.
                    example.weight = 1.0 if example.spans or not right else 1 / (len(group) - 1)
                if group:
                    yield group

    def _answers(self, asked: Asked, window: int) -> list[tuple[int, int]]:
        """Where in the window the question's answers stand."""
        here = self.windows[window]
        return spans_in(here.text, asked.answers) if here.document == asked.document else []

    def _before(self, asked: Asked, dossier: Dossier, rng: random.Random) -> Asked | None:
        """At times the question that a visitor had asked before, one that a paper answers."""
        if asked.history or rng.random() >= FOLLOWS:
            return None
        known = [other for other in dossier.questions if other.answers and other is not asked]
        return rng.choice(known) if known else None

    def _changed(self, asked: Asked, film: int, window: int, rng: random.Random) -> str | None:
        """At times the question for something else, which its window does not answer."""
        if asked.history or rng.random() >= CHANGED:
            return None
        other = changed(asked.text, self.windows[window].text, self.people[film], rng)
        return spoken(replace(asked, text=other, standalone=other), None, rng) if other else None

    def read(self, example: Example) -> tuple[Tensor, list[tuple[int, int]]]:
        """The states and offsets of the example's window, of what is left of it where a sentence is taken out."""
        if example.left is None:
            return self.states[example.window], self.offsets[example.window]
        whole = self.windows[example.window]
        ids, offsets = encode_window(self.tokenizer, Window(whole.document, whole.title, example.left))
        places = joint(offsets)
        return self._states([ids])[0][places], [offsets[place] for place in places]


def encode_window(tokenizer: Tokenizer, window: Window) -> tuple[list[int], list[tuple[int, int]]]:
    """Token ids of `title: text` and each token's offsets in the text ((-1, -1) outside it)."""
    head = f"{window.title}: "
    encoding = tokenizer.encode(head + window.text)
    offsets = [(s - len(head), e - len(head)) if s >= len(head) and e > s else (-1, -1) for s, e in encoding.offsets]
    return encoding.ids, offsets


def pad(rows: list[list[int]], device: str) -> tuple[Tensor, Tensor]:
    longest = max(map(len, rows))
    ids = torch.ones(len(rows), longest, dtype=torch.long)
    mask = torch.zeros(len(rows), longest, dtype=torch.long)
    for row, tokens in enumerate(rows):
        ids[row, : len(tokens)] = torch.tensor(tokens)
        mask[row, : len(tokens)] = 1
    return ids.to(device), mask.to(device)


def rank(found: list[Window], pools: dict[str, range], dossiers: list[Dossier]) -> dict[str, list[list[int]]]:
    """For each film, cut and question the pool's windows by meaning and words, nearest first (places in the pool)."""
    import bm25s  # type: ignore[import-untyped]
    import Stemmer  # type: ignore[import-not-found]
    from sentence_transformers import SentenceTransformer

    from rag.reader.base import minilm_folder

    model = SentenceTransformer(str(minilm_folder()))
    stemmer = Stemmer.Stemmer("english")
    with torch.autocast(model.device.type, torch.bfloat16):
        vectors = model.encode([window.text for window in found], normalize_embeddings=True, batch_size=64)
        asked_vectors = model.encode(
            [question_text(question.text, question.history) for dossier in dossiers for question in dossier.questions],
            normalize_embeddings=True,
            batch_size=128,
        )
    begin = 0
    ranking: dict[str, list[list[int]]] = {}
    for film, dossier in enumerate(dossiers):
        asked = [question_text(question.text, question.history) for question in dossier.questions]
        queries, begin = asked_vectors[begin : begin + len(asked)], begin + len(asked)
        tokens = bm25s.tokenize(asked, stemmer=stemmer, stopwords="en", show_progress=False, return_ids=False)
        for cut in range(len(CUTS)):
            pool = pools[f"{film}/{cut}"]
            index = bm25s.BM25()
            corpus = bm25s.tokenize(
                [found[window].text for window in pool], stemmer=stemmer, stopwords="en", show_progress=False
            )
            index.index(corpus, show_progress=False)
            words = np.stack([index.get_scores(row) if row else np.zeros(len(pool)) for row in tokens])
            near = queries @ vectors[pool.start : pool.stop].T + 0.04 * words
            ranking[f"{film}/{cut}"] = np.argsort(-near, axis=1).tolist()
    return ranking


def targets(example: Example, offsets: list[tuple[int, int]], shift: int, tokens: int) -> tuple[Tensor, Tensor]:
    """Which tokens may begin and end the answer, as (tokens,) masks; the question's first token when none does."""
    first, last = torch.zeros(tokens, dtype=torch.bool), torch.zeros(tokens, dtype=torch.bool)
    if not example.spans:
        first[0] = last[0] = True
        return first, last
    for start, end in example.spans:
        inside = [place for place, (s, e) in enumerate(offsets) if s >= 0 and s < end and e > start]
        if inside and shift + inside[-1] < tokens:
            first[shift + inside[0]] = True
            last[shift + inside[-1]] = True
    if not first.any():
        first[0] = last[0] = True
    return first, last


def batch_losses(network: Network, films: Films, batch: list[Example]) -> tuple[Tensor, Tensor]:
    """`span_loss` of the head and of the glance."""
    questions, mask = pad([films.tokenizer.encode(example.question).ids[:96] for example in batch], films.device)
    with torch.no_grad():
        asked = network.lower(questions, mask)
    rows, firsts, lasts = [], [], []
    for row, example in enumerate(batch):
        length = int(mask[row].sum())
        state, offsets = films.read(example)
        rows.append(torch.cat([asked[row, :length], state])[:LONGEST])
        first, last = targets(example, offsets, length, len(rows[-1]))
        firsts.append(first)
        lasts.append(last)
    states = torch.nn.utils.rnn.pad_sequence(rows, batch_first=True)
    ones = [torch.ones(len(row), device=films.device) for row in rows]
    seen = torch.nn.utils.rnn.pad_sequence(ones, batch_first=True)
    starts, ends = [int(tokens) for tokens in mask.sum(1)], [len(state) for state in rows]
    pad_sequence = torch.nn.utils.rnn.pad_sequence
    first, last = (pad_sequence(wanted, batch_first=True).to(films.device) for wanted in (firsts, lasts))
    read, glanced = (span_loss(raw, first, last, starts, ends, batch) for raw in network.upper(states, seen))
    return read, glanced


def span_loss(
    raw: Tensor, first: Tensor, last: Tensor, starts: list[int], ends: list[int], batch: list[Example]
) -> Tensor:
    """Weighted mean over the batch of -log p(first token) - log p(last token), over all accepted places; and half of
    `rivals_loss`.

    raw (windows, tokens, 2), first and last (windows, tokens) masks."""
    loss = PAIR * rivals_loss(raw, starts, ends, batch)
    weights = torch.tensor([example.weight for example in batch], device=raw.device)
    logits = raw.log_softmax(1)
    for column, wanted in ((0, first), (1, last)):
        each = -logits[:, :, column].masked_fill(~wanted, -1e4).logsumexp(1)
        loss = loss + (weights * each).sum() / weights.sum()
    return loss


def rivals_loss(logits: Tensor, starts: list[int], ends: list[int], batch: list[Example]) -> Tensor:
    """Mean over the batch's questions that have an answer of -log p(its window scores highest of the question's).

    At run time the passages of a question compete by their scores, which a window read for itself never compares
    (Clark and Gardner 2018, section 3.2). logits: (windows, tokens, 2); starts, ends: each window's tokens, after
    the question's; the windows of a question stand together, the answering one first."""
    # First and last token are summed apart: spans that end before they begin are few once the reader has learnt.
    scores = [
        (logits[row, start:end].logsumexp(0) - logits[row, 0]).sum()
        for row, (start, end) in enumerate(zip(starts, ends, strict=True))
    ]
    losses = []
    for row, example in enumerate(batch):
        if example.spans:
            rows = [other for other in range(row, len(batch)) if batch[other].question is example.question]
            together = torch.stack([scores[other] for other in rows])
            losses.append(together.logsumexp(0) - scores[row])
    return torch.stack(losses).mean() if losses else logits.new_zeros(())


class Masters:
    """The trained weights in 32 bits beside the network's 16, and AdamW over them.

    Once `rounded`, the network computes with the matrices as they will be shipped, while the steps go to the masters
    (straight-through estimator, Bengio et al. 2013)."""

    def __init__(self, network: Network, rate: float) -> None:
        self.used = {name: parameter for name, parameter in network.named_parameters() if parameter.requires_grad}
        self.masters = {name: parameter.detach().float().clone() for name, parameter in self.used.items()}
        quick = [master for name, master in self.masters.items() if name.startswith("glance")]
        slow = [master for name, master in self.masters.items() if not name.startswith("glance")]
        matrices, vectors = [m for m in slow if m.ndim > 1], [m for m in slow if m.ndim == 1]
        groups = [{"params": matrices, "weight_decay": 0.01}, {"params": vectors, "weight_decay": 0.0}]
        groups.append({"params": quick, "weight_decay": 0.0})
        self.optimiser = torch.optim.AdamW(groups, lr=rate, fused=True)

    def step(self, rate: float, rounded: bool) -> None:
        *slow, quick = self.optimiser.param_groups
        for group in slow:
            group["lr"] = rate
        quick["lr"] = QUICK * rate
        for name, parameter in self.used.items():
            self.masters[name].grad = parameter.grad.float() if parameter.grad is not None else None
            parameter.grad = None
        for groups in (slow, [quick]):
            torch.nn.utils.clip_grad_norm_([weight for group in groups for weight in group["params"]], 1.0)
        self.optimiser.step()
        self.share(rounded)

    @torch.no_grad()
    def share(self, rounded: bool) -> None:
        """Copy the masters into the network."""
        for name, parameter in self.used.items():
            master = self.masters[name]
            shipped = rounded and name.startswith("upper_layers") and master.ndim > 1
            parameter.copy_(quantise(master, BITS["upper_layers"]) if shipped else master)

    def state_dict(self) -> dict[str, Any]:
        return {"weights": self.masters, "optimiser": self.optimiser.state_dict()}

    @torch.no_grad()
    def begin(self, weights: dict[str, Tensor]) -> None:
        for name, weight in weights.items():
            self.masters[name].copy_(weight)
        self.share(rounded=False)

    @torch.no_grad()
    def back(self, weights: dict[str, Tensor]) -> None:
        """Go back towards the weights that the round began with, so that KEPT of the way is left."""
        for name, weight in weights.items():
            self.masters[name].lerp_(weight, 1 - KEPT)

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.begin(state["weights"])
        self.optimiser.load_state_dict(state["optimiser"])


def round_films(dossiers: list[Dossier], first: int, rng: random.Random) -> list[Dossier]:
    """The train films that a round reads: those from number `first` on, and some of the others under other names."""
    train = [dossier for dossier in dossiers if not dossier.dev]
    names = Names(train)
    again = [film for film in train if film.number < first and rng.random() < AGAIN]
    return [*(names.renamed(film, rng) for film in again), *(film for film in train if film.number >= first)]


def earlier(start: Path, device: str) -> tuple[dict[str, Tensor], int]:
    """The trained weights of a checkpoint, or of a folder of shipped ones, by name, and the steps behind them."""
    if start.is_dir():
        told = check_files(start)
        with np.load(start / "weights.npz") as arrays:
            weights = unpacked({name: arrays[name] for name in arrays.files if name.startswith(TRAINED)})
        return {name: weight.to(device) for name, weight in weights.items()}, told["steps"]
    saved: dict[str, Any] = torch.load(start, map_location=device, weights_only=True)
    return saved["masters"]["weights"], saved["step"] + saved.get("before", 0)


def batches(films: Films, rng: random.Random, size: int) -> Iterator[list[Example]]:
    """Endless batches of whole questions, of about one length and up to `size` windows, in random order."""
    while True:
        groups = list(films.epoch(rng))
        rng.shuffle(groups)
        for begin in range(0, len(groups), size * 16):
            pool = groups[begin : begin + size * 16]
            pool.sort(key=lambda group: max(length(films, example) for example in group))
            cut: list[list[Example]] = [[]]
            for group in pool:
                if len(cut[-1]) + len(group) > size:
                    cut.append([])
                cut[-1] += group
            rng.shuffle(cut)
            yield from cut


def length(films: Films, example: Example) -> int:
    """Tokens of window and question, about."""
    return len(films.states[example.window]) + len(example.question) // 5


def main(argv: list[str] | None = None) -> int:
    """Train until `--steps`, writing `--out` as it goes; a second call goes on where the first stopped."""
    parser = argparse.ArgumentParser(prog="python -m rag.reader.train", description=__doc__)
    parser.add_argument("--dossiers", type=Path, default=DOSSIERS)
    parser.add_argument("--out", type=Path, default=Path("build/reader/checkpoint.pt"))
    parser.add_argument("--start", type=Path, help="a checkpoint, or the shipped weights' folder, to go on from")
    parser.add_argument("--first", type=int, default=0, help="a tenth of the films before this is read, renamed")
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--rate", type=float, default=6e-5)
    parser.add_argument("--rounded-from", type=float, default=0.85, help="part of the steps before 4-bit rounding")
    options = parser.parse_args(argv)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    torch.manual_seed(SEED)
    options.out.parent.mkdir(parents=True, exist_ok=True)

    network = Network(Shape())
    load_base(network, base_tensors())
    network.to(device, torch.bfloat16).head.float()
    network.glance.float()
    for name, parameter in network.named_parameters():
        parameter.requires_grad_(name.startswith(TRAINED))
    masters = Masters(network, options.rate)
    step = before = 0
    begun: dict[str, Tensor] = {}
    if options.start:
        begun, before = earlier(options.start, device)
        masters.begin(begun)
    if options.out.exists():
        saved: dict[str, Any] = torch.load(options.out, map_location=device, weights_only=True)
        masters.load_state_dict(saved["masters"])
        step = saved["step"]
    seen = round_films(read_dossiers(options.dossiers), options.first, random.Random(SEED + before))
    shipped = options.start if options.start and options.start.is_dir() else None
    kept = options.out.with_name("ranking.json")
    films = Films(network.eval(), base_tokenizer(), seen, device, kept, shipped)
    stream = batches(films, random.Random(SEED + before + step), options.batch)
    network.upper_layers.train()  # the lower layers stay as they were when the windows' states were kept
    columns = (BarColumn(), MofNCompleteColumn(), TextColumn("loss {task.fields[loss]:.3f}"), TimeRemainingColumn())
    mean, began, written = 0.0, time.monotonic(), time.monotonic()
    with Progress(*columns) as progress:
        bar = progress.add_task("", total=options.steps, completed=step, loss=0.0)
        while step < options.steps:
            done = step / options.steps
            rate = options.rate * min(1.0, step / (0.05 * options.steps) + 0.01) * max(0.02, 1.0 - done)
            loss, glanced = batch_losses(network, films, next(stream))
            (loss + glanced).backward()
            # What is learnt beyond shipped weights is shipped beside their codes, not in 4 bits.
            masters.step(rate, rounded=done >= options.rounded_from and not shipped)
            step += 1
            mean = loss.item() if not mean else 0.98 * mean + 0.02 * loss.item()
            progress.update(bar, completed=step, loss=mean)
            if step % 20 == 0:
                print(f"step {step} loss {mean:.3f} seconds {time.monotonic() - began:.0f}", flush=True)
            if step == options.steps:
                masters.back(begun)
            if time.monotonic() - written > 300 or step == options.steps:
                save(options.out, masters, step, before, shipped)
                written = time.monotonic()
    return 0


def save(out: Path, masters: Masters, step: int, before: int, base: Path | None = None) -> None:
    """Write the checkpoint beside the old one, then put it in its place. `before`: the steps of earlier rounds; `base`:
    the shipped weights it began with."""
    part = out.with_suffix(".part")
    told = {"masters": masters.state_dict(), "step": step, "before": before, "base": str(base) if base else ""}
    torch.save(told, part)
    part.replace(out)


if __name__ == "__main__":
    raise SystemExit(main())
