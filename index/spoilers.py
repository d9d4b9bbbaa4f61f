"""Spoiler marks: which blocks of a paper give the story away."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from index.paper import Block

TAG = re.compile(r"\[(/?)spoiler\]", re.IGNORECASE)
CLOCK = re.compile(r"(?:(\d+):)?(\d{1,2}):(\d{2})(?:[.,](\d{1,3}))?")
DASH = r"\s*(?:-|–|—|\bto\b)\s*"
CLOCK_RULE = re.compile(rf"(?P<first>[\d:.,]*\d)?(?P<range>{DASH})?(?P<last>[\d:.,]*\d)?")
NUMBER = r"\d+[A-Za-z]?|[ivxlcdm]+"
NUMBER_RULE = re.compile(
    rf"(?P<label>[^\W\d_]+\.?)\s*(?P<first>{NUMBER})?(?P<range>{DASH})?(?P<last>{NUMBER})?", re.IGNORECASE
)
PLACE_NUMBER = re.compile(
    rf"(?P<label>[^\W\d_]+\.?)\s*(?P<first>{NUMBER})\b(?:{DASH}(?P<last>{NUMBER})\b)?", re.IGNORECASE
)
LABELS = {"pages": "page", "p": "page", "pp": "page", "scenes": "scene", "sc": "scene", "paragraphs": "paragraph"}
LABELS |= {"para": "paragraph", "chapters": "chapter", "rows": "row"}

Number = tuple[int, str]


def mark(text: str, blocks: Sequence[Block], rules: bool | Sequence[str]) -> tuple[tuple[Block, ...], tuple[str, ...]]:
    """The blocks with their spoiler flags, and the rules that no block answers to.

    `rules` is what film.toml says: all of the paper, nothing, or places such as "Scene 84", "Scenes 84-90",
    "01:12:00-", "p. 12-14", "paragraph 3" or a heading. `[spoiler]…[/spoiler]` in the text counts always; the marks
    themselves belong to no block, and a mark that is never closed runs to the end.
    """
    cut = _cut_at_tags(text, blocks)
    if isinstance(rules, bool):
        return tuple(replace(block, spoiler=True) if rules else block for block in cut), ()
    flags = [block.spoiler for block in cut]
    idle = []
    for rule in rules:
        hits = _hits(rule.strip(), cut)
        if not any(hits):
            idle.append(rule)
        flags = [flag or hit for flag, hit in zip(flags, hits, strict=True)]
    return tuple(replace(block, spoiler=flag) for block, flag in zip(cut, flags, strict=True)), tuple(idle)


def _cut_at_tags(text: str, blocks: Sequence[Block]) -> list[Block]:
    tags = list(TAG.finditer(text))
    if not tags:
        return list(blocks)
    edges = [0, *(edge for tag in tags for edge in tag.span()), len(text)]
    inside = False
    spans: list[tuple[int, int, bool]] = []
    for number, (start, end) in enumerate(pairwise(edges)):
        if number % 2:
            inside = not tags[number // 2].group(1)
        else:
            spans.append((start, end, inside))
    pieces = []
    for block in blocks:
        for start, end, hidden in spans:
            left, right = max(start, block.start), min(end, block.end)
            piece = text[left:right]
            if left < right and piece.strip():
                left += len(piece) - len(piece.lstrip())
                right -= len(piece) - len(piece.rstrip())
                pieces.append(replace(block, start=left, end=right, spoiler=block.spoiler or hidden))
    return pieces


def _hits(rule: str, blocks: Sequence[Block]) -> list[bool]:
    clock = CLOCK_RULE.fullmatch(rule)
    if clock and ":" in rule and any(block.seconds is not None for block in blocks):
        return _hits_clock(clock, blocks)
    number = NUMBER_RULE.fullmatch(rule)
    if number and (number["first"] or number["last"]):
        return [_in_numbers(number, block.place) or _named(rule, block) for block in blocks]
    return [_named(rule, block) for block in blocks]


def _hits_clock(rule: re.Match[str], blocks: Sequence[Block]) -> list[bool]:
    first = _seconds(rule["first"]) if rule["first"] else 0.0
    last = _seconds(rule["last"]) if rule["last"] else (float("inf") if rule["range"] else first)
    hits = []
    for number, block in enumerate(blocks):
        if block.seconds is None:
            hits.append(False)
            continue
        later = (other.seconds for other in blocks[number + 1 :] if other.seconds is not None)
        until = next((seconds for seconds in later if seconds > block.seconds), float("inf"))
        hits.append(block.seconds <= last and until > first)
    return hits


def _in_numbers(rule: re.Match[str], place: str) -> bool:
    label = _label(rule["label"])
    low = _number(rule["first"]) if rule["first"] else (-1, "")
    high = _number(rule["last"]) if rule["last"] else ((10**9, "") if rule["range"] else low)
    # "Scene 84" takes 84A with it: a team that names the scene means all of it
    if not high[1]:
        high = (high[0], "\uffff")
    for found in PLACE_NUMBER.finditer(place):
        if _label(found["label"]) == label:
            first = _number(found["first"])
            last = _number(found["last"]) if found["last"] else first
            if first <= high and last >= low:
                return True
    return False


def _named(rule: str, block: Block) -> bool:
    wanted = _folded(rule)
    for name in (block.place, block.heading):
        if name is not None and wanted:
            folded = _folded(name)
            if folded == wanted or (folded.startswith(wanted) and not folded[len(wanted)].isalnum()):
                return True
    return False


def _folded(name: str) -> str:
    return " ".join(name.casefold().replace("–", "-").replace("—", "-").split())


def _label(label: str) -> str:
    label = label.casefold().rstrip(".")
    return LABELS.get(label, label)


def _number(value: str) -> Number:
    digits = re.match(r"\d+", value)
    if digits:
        return int(digits.group()), value[digits.end() :].upper()
    return -1, value.casefold()


def _seconds(clock: str) -> float:
    found = CLOCK.fullmatch(clock)
    if not found:
        return float("inf")
    hours, minutes, seconds, fraction = found.groups()
    return int(hours or 0) * 3600 + int(minutes) * 60 + int(seconds) + float(f"0.{fraction or 0}")
