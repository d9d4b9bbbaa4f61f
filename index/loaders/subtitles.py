"""SubRip, WebVTT and SubStation subtitles, read by pysubs2: what is said, when, and by whom."""

from __future__ import annotations

import html
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from index.errors import PaperError
from index.loaders.charset import decode
from index.paper import Loaded, TextBuilder

PAUSE = 5.0
SENTENCE_ENDS_AFTER = 30.0
MOST_WORDS = 80
TAG = re.compile(r"<[^<>]*>")
VOICE = re.compile(r"<v(?:\.[^\s>]*)?\s+([^>]+)>", re.IGNORECASE)
MUSIC = re.compile(r"[♩♪♫♬]+|^#(?=\s)|(?<=\s)#$")
DASH = re.compile(r"^[-–—‐]\s*(?=\S)")
# a name before a colon or in brackets
NAME = r"[^\W\d_][\w.'’-]*(?: (?:[^\W\d_][\w.'’-]*|\d+)){0,3}"
LABEL = re.compile(rf"^(?:[\[(](?P<bracketed>{NAME})[\])]:?|(?P<plain>{NAME})(?: [\[(][^\])]*[\])])?:)\s+(?=\S)")


@dataclass(frozen=True)
class Cue:
    """One subtitle, or one speaker's part of it; `begins` where a dash, a label or a tag says that a voice begins."""

    start: float
    end: float
    text: str
    speaker: str | None = None
    begins: bool = False
    sung: bool = False


def load(data: bytes, name: str) -> Loaded:
    cues = list(_cues(decode(data)))
    if not cues:
        raise PaperError("there is no subtitle with its times in it")
    builder = TextBuilder()
    until = cues[0].start
    for group in _groups(cues):
        first = group[0]
        builder.add(
            " ".join(cue.text for cue in group),
            clock(first.start),
            speaker=first.speaker,
            seconds=first.start,
            # a blank line is a pause: the words before it and after it are no one passage
            between="\n\n" if first.start - until >= PAUSE else "\n",
        )
        until = max(until, *(cue.end for cue in group))
    counts = {"cues": len(cues), "speakers": len({cue.speaker for cue in cues if cue.speaker})}
    return Loaded(builder.text, tuple(builder.blocks), None, "subtitles", counts)


def clock(seconds: float) -> str:
    """Seconds as film people say them: 00:12:31."""
    minutes, second = divmod(int(seconds), 60)
    hour, minute = divmod(minutes, 60)
    return f"{hour:02}:{minute:02}:{second:02}"


def _cues(source: str) -> Iterator[Cue]:
    """The cues by time, cues of one time as they stand; lines that a rolling caption repeats are said once."""
    from pysubs2 import SSAFile
    from pysubs2.exceptions import Pysubs2Error

    source = source.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "\ufffd").strip("\ufeff\n ")
    kind, prepare = next((kind, prepare) for start, kind, prepare in FORMATS if source.startswith(start))
    try:
        subtitles = SSAFile.from_string(prepare(source), format_=kind, keep_html_tags=True)
    except (Pysubs2Error, ValueError) as error:
        raise PaperError(f"it cannot be read as subtitles ({' '.join(str(error).split())[:200]})") from None
    lines_of = [(event, event.plaintext.split("\n")) for event in subtitles.get_text_events()]
    names = _names(line for _, lines in lines_of for line in lines)
    before: list[str] = []
    until = 0.0
    for event, lines in sorted(lines_of, key=lambda pair: pair[0].start):
        start, end = max(event.start, 0) / 1000, max(event.start, event.end, 0) / 1000
        spoken = [line for line in lines if _bare(line)]
        shown = [_bare(line) for line in spoken]
        rolled = _rolled(before, shown) if start <= until else 0
        before, until = shown, max(until, end)
        yield from _voices(spoken[rolled:], names, start, end, event.name.strip() or None)


def _with_last_number(source: str) -> str:
    """pysubs2 drops a number that ends a cue as the number of the next cue: the last one gets a number to lose."""
    return f"{source}\n\n0\n"


def _without_notes(source: str) -> str:
    """Cues alone: pysubs2 takes the notes, styles and names of cues that WebVTT may have for words."""
    cues = []
    for block in re.split(r"\n\s*\n", source):
        lines = block.split("\n")
        timing = next((number for number, line in enumerate(lines) if "-->" in line), None)
        if timing is not None:
            cues.append(_with_last_number("\n".join(lines[timing:])))
    return "\n\n".join(["WEBVTT", *cues])


# first characters of the source, pysubs2's name of the format, what is done before pysubs2 reads it
FORMATS: tuple[tuple[str, str, Callable[[str], str]], ...] = (
    ("WEBVTT", "vtt", _without_notes),
    ("[Script Info]", "ass", str),
    ("", "srt", _with_last_number),
)


def _bare(line: str) -> str:
    """The words of a line: no tags, no signs for music."""
    text = html.unescape(TAG.sub("", line)).replace("\u200b", "").replace("\ufeff", "")
    return " ".join(MUSIC.sub(" ", " ".join(text.split())).split())


def _rolled(before: Sequence[str], lines: Sequence[str]) -> int:
    longest = min(len(before), len(lines))
    return next((size for size in range(longest, 0, -1) if list(before[-size:]) == list(lines[:size])), 0)


def _names(lines: Iterable[str]) -> frozenset[str]:
    """What stands before a colon and is a name: in capitals, or more than once; `Remember: …` is said, not a label."""
    labels = (LABEL.match(DASH.sub("", _bare(line))) for line in lines)
    found = Counter(label["plain"] for label in labels if label and label["plain"])
    return frozenset(name for name, times in found.items() if name.isupper() or (times > 1 and _capital(name)))


def _capital(name: str) -> bool:
    return all(word[0].isupper() or word[0].isdigit() for word in name.split())


def _voices(lines: Sequence[str], names: frozenset[str], start: float, end: float, actor: str | None) -> Iterator[Cue]:
    """The cue's lines joined; a dash, a label or a voice tag starts a part of its own."""
    sung = any(MUSIC.search(TAG.sub("", line).strip()) for line in lines)
    parts: list[tuple[str | None, bool, list[str]]] = []
    dashes = sum(bool(DASH.match(_bare(line))) for line in lines) > 1
    for line in lines:
        text, dash = _bare(line), 0
        if dashes or not parts:
            text, dash = DASH.subn("", text)
        voice = VOICE.search(line)
        speaker = _labelled(text, names)
        if voice and not speaker:
            speaker = _bare(voice.group(1))
            text = f"{speaker}: {text}"
        if dash or speaker or not parts:
            parts.append((speaker or actor, bool(dash or speaker), []))
        parts[-1][2].append(text)
    for speaker, begins, words in parts:
        yield Cue(start, end, " ".join(words), speaker, begins, sung)


def _labelled(text: str, names: frozenset[str]) -> str | None:
    label = LABEL.match(text)
    if not label:
        return None
    plain, bracketed = label["plain"], label["bracketed"]
    # in brackets sounds stand as well as names: [door slams], [DOOR SLAMS], [Ilse]
    named = plain in names or (bracketed and not bracketed.isupper() and _capital(bracketed))
    return (plain or bracketed) if named else None


def _groups(cues: Sequence[Cue]) -> Iterator[list[Cue]]:
    """Runs of cues that are whole sentences of one voice, as short as they can be."""
    from index.split import sentences

    edges = {end for _, end in sentences(" ".join(cue.text for cue in cues))}
    group: list[Cue] = []
    at = words = 0
    for cue in cues:
        if group and (at in edges or cue.begins or _apart(group[-1], cue) or words >= MOST_WORDS):
            yield group
            group, words = [], 0
        group.append(cue)
        at += len(cue.text) + 1
        words += len(cue.text.split())
    if group:
        yield group


def _apart(one: Cue, other: Cue) -> bool:
    """No sentence has two speakers, is half sung, or is held so long."""
    named = one.speaker is not None and other.speaker is not None and one.speaker != other.speaker
    longest = SENTENCE_ENDS_AFTER if other.text[0].islower() else PAUSE
    return named or one.sung != other.sung or other.start - one.end >= longest
