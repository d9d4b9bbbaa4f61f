"""Spoiler marks: which places they hide, and that none is missed in silence."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from index.film import PaperMeta
from index.load import finish
from index.paper import Block, Loaded
from index.spoilers import mark

PLACES = (
    Block(0, 1, "paragraph 1"),
    Block(1, 2, "paragraph 12"),
    Block(2, 3, "Scene 8, INT. PIER – NIGHT", heading="INT. PIER – NIGHT"),
    Block(3, 4, "Scene 84, EXT. SEA – DAWN"),
    Block(4, 5, "Scene 84A, EXT. SEA – DAWN"),
    Block(5, 6, "Scene 85, EXT. SEA – DAY"),
    Block(6, 7, "p. 12"),
    Block(7, 8, "p. iv"),
    Block(8, 9, "The ending, paragraph 1", heading="The ending"),
    Block(9, 10, "pp. 13–14"),
)
TIMES = tuple(Block(n, n + 1, "", seconds=seconds) for n, seconds in enumerate((0.0, 60.0, 60.5, 3600.0, 4320.0)))


def hit(rules: list[str], blocks: tuple[Block, ...] = PLACES) -> list[int]:
    marked, idle = mark("x" * 20, blocks, rules)
    assert not idle
    return [block.start for block in marked if block.spoiler]


@pytest.mark.parametrize(
    ("rule", "found"),
    [
        ("paragraph 1", [0, 8]),
        ("Scene 8", [2]),
        ("scene 84", [3, 4]),
        ("Scene 84A", [4]),
        ("Scenes 84-90", [3, 4, 5]),
        ("Scene 84–", [3, 4, 5]),
        ("Scenes -8", [2]),
        ("scenes 8 to 84", [2, 3, 4]),
        ("p. 12", [6]),
        ("pages 12-13", [6, 9]),
        ("pp. 14-20", [9]),
        ("p. iv", [7]),
        ("The ending", [8]),
        ("the  ENDING", [8]),
        ("INT. PIER - NIGHT", [2]),
        ("Scene 84, EXT. SEA – DAWN", [3]),
    ],
)
def test_places(rule: str, found: list[int]) -> None:
    assert hit([rule]) == found


@pytest.mark.parametrize(
    ("rule", "found"),
    [
        ("01:12:00-", [4]),
        ("01:00:00-01:12:00", [3, 4]),
        ("1:00-59:59", [1, 2]),
        ("00:01:30", [2]),
        ("-00:00:30", [0]),
        ("00:01:00.500", [2]),
    ],
)
def test_timecodes(rule: str, found: list[int]) -> None:
    assert hit([rule], TIMES) == found


def test_all_of_a_paper_and_nothing_of_it() -> None:
    assert all(block.spoiler for block in mark("x" * 20, PLACES, True)[0])
    assert not any(block.spoiler for block in mark("x" * 20, PLACES, False)[0])


def test_a_rule_that_hides_nothing_is_said() -> None:
    loaded = Loaded("The keeper waits.", (Block(0, 17, "paragraph 1"),))
    paper = finish(loaded, "a.txt", PaperMeta(spoiler=["Scene 84", "paragraph 1"]), "")
    (warning,) = paper.warnings
    assert "'Scene 84'" in warning and "karmalink passages a.txt" in warning


@pytest.mark.parametrize(
    ("text", "shown", "hidden"),
    [
        ("a [spoiler]b[/spoiler] c", ["a", "c"], ["b"]),
        ("a [SPOILER] b", ["a"], ["b"]),
        ("a [/spoiler] b", ["a", "b"], []),
        ("[spoiler]a[spoiler]b[/spoiler]c", ["c"], ["a", "b"]),
        ("[spoiler][/spoiler]", [], []),
    ],
)
def test_marks_in_the_text(text: str, shown: list[str], hidden: list[str]) -> None:
    blocks, _ = mark(text, (Block(0, len(text), "all"),), False)
    assert [text[b.start : b.end] for b in blocks if not b.spoiler] == shown
    assert [text[b.start : b.end] for b in blocks if b.spoiler] == hidden


def test_a_mark_may_run_over_many_paragraphs() -> None:
    text = "One.\n[spoiler]\nTwo.\nThree.\n[/spoiler]\nFour."
    lines = []
    at = 0
    for line in text.split("\n"):
        lines.append(Block(at, at + len(line), f"paragraph {len(lines) + 1}"))
        at += len(line) + 1
    blocks, _ = mark(text, lines, False)
    assert [(text[b.start : b.end], b.spoiler) for b in blocks] == [
        ("One.", False),
        ("Two.", True),
        ("Three.", True),
        ("Four.", False),
    ]


@given(st.lists(st.text(max_size=12), max_size=4), st.text(max_size=40))
def test_any_rule_on_any_text(rules: list[str], text: str) -> None:
    blocks, idle = mark(text, (Block(0, len(text), "Scene 1", seconds=3.0),), rules)
    assert set(idle) <= set(rules)
    assert all(text[b.start : b.end].strip() or b.end == 0 or len(blocks) == 1 for b in blocks)


@given(st.lists(st.sampled_from(["[spoiler]", "[/spoiler]", "secret", "open", " ", "\n"]), max_size=30))
def test_what_is_marked_is_in_no_open_block(parts: list[str]) -> None:
    text = "".join(parts)
    inside, secret_at, at = False, set(), 0
    for part in parts:
        if part.startswith("["):
            inside = part == "[spoiler]"
        elif inside:
            secret_at |= set(range(at, at + len(part)))
        at += len(part)
    blocks, _ = mark(text, (Block(0, len(text), "all"),) if text else (), False)
    for block in blocks:
        covered = set(range(block.start, block.end))
        assert covered <= secret_at if block.spoiler else not covered & secret_at
