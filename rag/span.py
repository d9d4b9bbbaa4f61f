"""A span of a passage, made fit to be shown: whole words, no dangling marks, and the sentence it stands in."""

from __future__ import annotations

from index.sentences import sentences

_PAIRS = {"(": ")", "[": "]", "{": "}", "“": "”", "«": "»", "‘": "’"}
_CLOSERS = {closer: opener for opener, closer in _PAIRS.items()}
_LEADING = ",;:.!?–—-•*·|/\\…_ \t\r\n\u00a0"
_TRAILING = ",;:–—-•*·|/\\_ \t\r\n\u00a0"
_HYPHENS = frozenset("-\u2010\u2011")
_WORD = 30  # characters a cut word may be mended by; scripts without spaces would swallow the line
_REACH = 60  # characters within which a bracket's other half is taken in


def sentence_at(text: str, start: int, end: int) -> tuple[int, int]:
    """The sentence that holds text[start:end], or the run of sentences where the span crosses their borders."""
    touched = [(s, e) for s, e in sentences(text) if s < end and e > start]
    if not touched:
        return start, end
    return min(touched[0][0], start), max(touched[-1][1], end)


def surroundings(text: str, start: int, end: int) -> tuple[int, int]:
    """The sentence that holds text[start:end] with the one before it and the one behind it."""
    low, high = sentence_at(text, start, end)
    before = [s for s, e in sentences(text) if e <= low]
    behind = [e for s, e in sentences(text) if s >= high]
    return (before[-1] if before else low), (behind[0] if behind else high)


def clean(text: str, start: int, end: int) -> tuple[int, int]:
    """The span without dangling punctuation and unbalanced quotes or brackets, cut words made whole.

    Returns an empty span (start == end) when nothing worth saying is left.
    """
    low, high = sentence_at(text, start, end)
    start, end = _trim(text, *_whole_words(text, start, end))
    for _ in range(8):  # each round settles one mark; a span with more is beyond mending
        if start >= end:
            break
        loose = _loose_mark(text, start, end)
        if loose is None:
            break
        start, end = _trim(text, *_settle(text, loose, start, end, low, high))
    start, end = _without_brackets(text, start, end)
    return (start, end) if any(c.isalnum() for c in text[start:end]) else (start, start)


def said(text: str) -> str:
    """Text on one line, as it is shown."""
    return " ".join(text.split())


def _whole_words(text: str, start: int, end: int) -> tuple[int, int]:
    left, right = start, end
    while left > 0 and _joins(text, left):
        left -= 1
    while right < len(text) and _joins(text, right):
        right += 1
    return (left if start - left <= _WORD else start), (right if right - end <= _WORD else end)


def _joins(text: str, at: int) -> bool:
    """Whether a word runs on over the border before text[at]; the parts of "13-year-old" are one word."""
    before, after = text[at - 1 : at], text[at : at + 1]
    if before in _HYPHENS or after in _HYPHENS:
        outer = text[at - 2 : at - 1] + after if before in _HYPHENS else before + text[at + 1 : at + 2]
        return len(outer) == 2 and outer.isalnum()
    return before.isalnum() and after.isalnum()


def _trim(text: str, start: int, end: int) -> tuple[int, int]:
    while start < end and text[start] in _LEADING:
        start += 1
    while end > start and text[end - 1] in _TRAILING:
        end -= 1
    # A full stop belongs to a whole sentence or to an abbreviation, not to a phrase.
    if start < end and text[end - 1] == "." and not _ends_abbreviation(text[start:end]):
        first, last = sentence_at(text, start, end)
        if (start, end) != (first, last) and (end - start) < 0.6 * (last - first):
            end -= 1
    return start, end


def _ends_abbreviation(phrase: str) -> bool:
    word = phrase.split()[-1]
    return "." in word[:-1] or (len(word) <= 3 and word[:1].isupper())


def _loose_mark(text: str, start: int, end: int) -> tuple[int, bool] | None:
    """The first bracket or quotation mark without its other half: (offset, whether it opens)."""
    waiting: list[int] = []
    straight: int | None = None
    for at in range(start, end):
        mark = text[at]
        if mark == '"':
            straight = at if straight is None else None
        elif mark in _PAIRS:
            waiting.append(at)
        elif mark in _CLOSERS:
            if waiting and text[waiting[-1]] == _CLOSERS[mark]:
                waiting.pop()
            elif not (mark == "’" and _is_apostrophe(text, at, end)):
                return at, False
    if straight is not None:
        before = text[start:straight].strip()
        return straight, not before or text[straight - 1].isspace()
    return (waiting[0], True) if waiting else None


def _is_apostrophe(text: str, at: int, end: int) -> bool:
    return at + 1 < end or (at + 1 < len(text) and text[at + 1].isalnum())


def _settle(text: str, loose: tuple[int, bool], start: int, end: int, low: int, high: int) -> tuple[int, int]:
    """Take the mark's other half in where it is near, or leave the shorter side of it out."""
    at, opens = loose
    if opens and at == start:
        return start + 1, end
    if not opens and at == end - 1:
        return start, end - 1
    mark = text[at]
    if opens:
        other = text.find(_PAIRS.get(mark, mark), end, min(high, end + _REACH))
        if other >= 0:
            return start, other + 1
    else:
        other = text.rfind(_CLOSERS.get(mark, mark), max(low, start - _REACH), start)
        if other >= 0:
            return other, end
    return (start, at) if at - start >= end - at - 1 else (at + 1, end)


def _without_brackets(text: str, start: int, end: int) -> tuple[int, int]:
    while end - start > 2 and text[start] in "([{" and text[end - 1] == _PAIRS[text[start]]:
        start, end = _trim(text, start + 1, end - 1)
    return start, end
