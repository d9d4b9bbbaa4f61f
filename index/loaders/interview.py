"""Interviews: who asks, who answers, and which answer is to which question."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from index.paper import Block, Loaded

LABEL = re.compile(r"(?P<name>[^\W\d_][^\W\d]*\.?(?:[ -][^\W\d_][\w.’'-]*){0,3}) ?:\s+(?=\S)")
ASKS = frozenset({"q", "question"})
ANSWERS = frozenset({"a", "answer"})
INITIALS = re.compile(r"[^\W\d_]{2,3}")
MOST_ASKED = 80
ENOUGH = 2

Voice = str | None


def marked(loaded: Loaded) -> Loaded:
    """The paper with speakers and questions as places, if it is an interview that names its voices; else as it is."""
    labels = [_label(loaded, block) for block in loaded.blocks]
    asking = _asking(loaded, labels)
    if not asking:
        return loaded
    said = {label for label, times in Counter(labels).items() if label and (times >= ENOUGH or label in ASKS | ANSWERS)}
    blocks: list[Block] = []
    voice: Voice = None
    question: str | None = None
    asked = False
    for block, label in zip(loaded.blocks, labels, strict=True):
        if label in said:
            if label in asking:
                question = loaded.text[block.start : block.end]
            asked, voice = label in asking, _name(loaded.text, block, label, asking)
        elif block.heading == loaded.text[block.start : block.end]:
            question = voice = None
        blocks.append(_placed(block, question, asked, voice) if question else block)
    return replace(loaded, blocks=tuple(blocks), kind=loaded.kind or "interview")


def _label(loaded: Loaded, block: Block) -> str | None:
    found = LABEL.match(loaded.text, block.start, block.end)
    return found["name"].casefold() if found else None


def _asking(loaded: Loaded, labels: Sequence[str | None]) -> frozenset[str]:
    """The labels of those who ask: Q, or who asks at least every second time and is answered; empty where none does."""
    spoken = Counter(label for label in labels if label)
    if spoken.keys() & ASKS and spoken.keys() - ASKS:
        return ASKS & spoken.keys()
    asks = Counter(
        label
        for block, label in zip(loaded.blocks, labels, strict=True)
        if label and "?" in loaded.text[block.start : block.end]
    )
    often = {label: times for label, times in spoken.items() if times >= ENOUGH}
    found = frozenset(label for label, times in often.items() if 2 * asks[label] > times)
    return found if found and often.keys() - found else frozenset()


def _name(text: str, block: Block, label: str, asking: frozenset[str]) -> Voice:
    """The speaker's name as the paper writes it; initials stand for the one name that they fit."""
    if label in ASKS | ANSWERS:
        return None
    found = LABEL.match(text, block.start, block.end)
    name = found["name"] if found else label
    if not INITIALS.fullmatch(name) or not name.isupper():
        return name
    pattern = " ".join(rf"{letter}[\w’'-]+" for letter in name)
    full = set(re.findall(rf"\b{pattern}\b", text))
    return full.pop() if len(full) == 1 else name


def _placed(block: Block, question: str, asked: bool, voice: Voice) -> Block:
    words = _short(question)
    place = f"Interview, question ‘{words}’" if asked else f"Interview, answer to ‘{words}’"
    return replace(block, place=place, heading=question, speaker=voice)


def _short(question: str) -> str:
    """The question without its label; of a long one the last sentence that asks."""
    from index.split import sentences

    found = LABEL.match(question)
    text = " ".join(question[found.end() :].split()) if found else " ".join(question.split())
    if len(text) <= MOST_ASKED:
        return text
    asked = [text[start:end].strip() for start, end in sentences(text)]
    last = next((sentence for sentence in reversed(asked) if sentence.endswith("?")), text)
    return last if len(last) <= MOST_ASKED else last[: MOST_ASKED - 1].rsplit(" ", 1)[0] + "…"
