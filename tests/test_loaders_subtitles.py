"""Subtitles: cues to whole sentences with their time and voice, whatever state the file is in."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from index.errors import PaperError
from index.film import PaperMeta
from index.load import finish, parse
from index.paper import Loaded
from index.split import split

Row = tuple[str, str | None, str]

SUBRIP = """1
00:00:01,000 --> 00:00:03,000
<i>Nobody</i> has lit the lamp

2
00:00:03,200 --> 00:00:05,000
{\\an8}since the storm of

3
00:00:05,100 --> 00:00:06,000
1962

4
01:12:31,500 --> 01:12:33,000
ILSE: Who is there?

5
01:12:34,000 --> 01:12:36,000
- The boy.
- And his dog!

6
01:12:50,000 --> 01:12:52,000
♪ Row, keeper, row ♪

7
01:12:52,000 --> 01:12:54,000
Remember: the sea takes
what it wants.
"""
WEB = """WEBVTT - The Salt Lantern

STYLE
::cue { color: yellow }

NOTE Not for the screen.
00 nor this

first words
00:01.000 --> 00:03.000 align:start position:10%
<v.loud Ilse>Salt &amp; light,
<c.green>every</c> night of

00:03.000 --> 00:04.000
1921

00:09.500 --> 00:11.000
<v Peder>And then?
"""
SUBSTATION = """[Script Info]
ScriptType: v4.00+

[Events]
Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text
Dialogue: 0,0:00:01.00,0:00:02.00,Default,Ilse,0,0,0,,{\\i1}Put it{\\i0}\\Nout.
Comment: 0,0:00:03.00,0:00:04.00,Default,,0,0,0,,not shown
"""


def rows(loaded: Loaded) -> list[Row]:
    return [(block.place, block.speaker, loaded.text[block.start : block.end]) for block in loaded.blocks]


def read(source: str, name: str = "film.srt") -> Loaded:
    return parse(source.encode(), name)


def subrip(*cues: tuple[float, float, str]) -> str:
    return "\n\n".join(f"{n}\n{at(start)} --> {at(end)}\n{text}" for n, (start, end, text) in enumerate(cues, start=1))


def at(seconds: float) -> str:
    whole, thousandths = divmod(round(seconds * 1000), 1000)
    return f"{whole // 3600:02}:{whole // 60 % 60:02}:{whole % 60:02},{thousandths:03}"


def test_subrip() -> None:
    loaded = read(SUBRIP)
    assert rows(loaded) == [
        ("00:00:01", None, "Nobody has lit the lamp since the storm of 1962"),
        ("01:12:31", "ILSE", "ILSE: Who is there?"),
        ("01:12:34", None, "The boy."),
        ("01:12:34", None, "And his dog!"),
        ("01:12:50", None, "Row, keeper, row"),
        ("01:12:52", None, "Remember: the sea takes what it wants."),
    ]
    assert loaded.blocks[1].seconds == 4351.5
    assert loaded.counts == {"cues": 8, "speakers": 1}
    assert loaded.kind == "subtitles"


def test_webvtt() -> None:
    assert rows(read(WEB, "film.vtt")) == [
        ("00:00:01", "Ilse", "Ilse: Salt & light, every night of 1921"),
        ("00:00:09", "Peder", "Peder: And then?"),
    ]


def test_substation() -> None:
    assert rows(read(SUBSTATION, "film.ass")) == [("00:00:01", "Ilse", "Put it out.")]


@pytest.mark.parametrize("source", [SUBRIP, WEB, SUBSTATION])
def test_content_tells_more_than_the_suffix(source: str) -> None:
    for name in ("film.txt", "film.srt", "film.vtt", "film"):
        assert rows(parse(f"\ufeff\r\n{source}".encode(), name)) == rows(parse(source.encode(), "film.srt"))


def test_a_pause_is_a_blank_line() -> None:
    text = read(subrip((0, 2, "One."), (3, 4, "Two."), (20, 21, "Three."))).text
    assert text == "One.\nTwo.\n\nThree."


def test_passages_end_at_pauses() -> None:
    cues = [(n * 3 + n // 8 * 20, n * 3 + n // 8 * 20 + 2, f"This is the cue number {n}.") for n in range(40)]
    found = split(finish(read(subrip(*cues)), "film.srt", PaperMeta(), ""))
    assert [one.metadata["place"] for one in found][:2] == ["00:00:00–00:00:21", "00:00:44–00:01:05"]
    assert [one.metadata["seconds"] for one in found][:2] == [0.0, 44.0]
    assert all(one.page_content.count("This is") == 8 for one in found)


def test_overlapping_and_backwards_cues_stand_in_order_of_time() -> None:
    source = subrip((10, 12, "Third."), (5, 11, "First."), (6, 2, "Second."), (99, 100, "Last."))
    assert [text for _, _, text in rows(read(source))] == ["First.", "Second.", "Third.", "Last."]


def test_a_rolling_caption_is_said_once() -> None:
    source = subrip((0, 2, "Nobody came"), (2, 4, "Nobody came\nto the pier"), (4, 6, "to the pier\nthat night."))
    assert [text for _, _, text in rows(read(source))] == ["Nobody came to the pier that night."]
    again = subrip((0, 2, "Come back!"), (4, 6, "Come back!"))
    assert len(rows(read(again))) == 2


@pytest.mark.parametrize(
    ("line", "speaker"),
    [
        ("HARBOUR MASTER: Stop.", "HARBOUR MASTER"),
        ("Ilse (whispering): Stop.", "Ilse"),
        ("[Ilse] Stop.", "Ilse"),
        ("[door slams] Stop.", None),
        ("[DOOR SLAMS] Stop.", None),
        ("Listen: stop.", None),
        ("It is 5:30 now.", None),
    ],
)
def test_labels(line: str, speaker: str | None) -> None:
    # a name that is not in capitals counts once it stands twice
    loaded = read(subrip((0, 1, line), (2, 3, "Ilse: Go.")))
    assert rows(loaded)[0] == ("00:00:00", speaker, line)


def test_words_without_any_stop_are_parted_between_cues() -> None:
    loaded = read(subrip(*((number, number + 1, f"and on and {number} on and on") for number in range(100))))
    assert len(loaded.blocks) > 5
    assert all(len(text.split()) < 100 for _, _, text in rows(loaded))


@pytest.mark.parametrize("source", ["WEBVTT", "No times at all.", "00:01 --> 00:02\nOne.", subrip((0, 1, "♪ ♪"))])
def test_no_cues(source: str) -> None:
    with pytest.raises(PaperError, match="no subtitle"):
        read(source)


def test_timecodes_hide_what_is_said_then() -> None:
    paper = finish(read(SUBRIP), "film.srt", PaperMeta(spoiler=["01:12:35-01:12:51"]), "")
    assert [block.place for block in paper.blocks if block.spoiler] == ["01:12:34", "01:12:34", "01:12:50"]
    assert not paper.warnings


TEXTS = st.lists(
    st.sampled_from(
        ["Who is there?", "the", "ILSE: No.", "- Yes", "<i>Ha</i>", "♪ la ♪", "1984", "{\\an8}", "", "…", "&lt;"]
    ),
    max_size=3,
).map("\n".join)
CUES = st.lists(st.tuples(st.floats(0, 9000), st.floats(0, 9000), TEXTS | st.text(max_size=20)), max_size=12)


@settings(max_examples=60, deadline=None)
@given(CUES)
def test_any_cues(cues: list[tuple[float, float, str]]) -> None:
    for source in (subrip(*cues), "WEBVTT\n\n" + subrip(*cues).replace(",", ".")):
        check(source.encode("utf-8", "replace"))


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.sampled_from([SUBRIP[:60], WEB[:40], "-->", "\n\n", "00:01.000", "00:00:01,000", "1\n", "<v", ">", "\r"])
    )
)
def test_any_pieces(pieces: list[str]) -> None:
    for start in ("", "WEBVTT\n", "[Script Info]\n[Events]\n"):
        check((start + "".join(pieces)).encode())


def check(data: bytes) -> None:
    try:
        loaded = parse(data, "film.srt")
    except PaperError as reason:
        assert str(reason)
        return
    where, when = 0, 0.0
    for block in loaded.blocks:
        assert where <= block.start < block.end <= len(loaded.text)
        assert not loaded.text[where : block.start].strip()
        assert block.seconds is not None and block.seconds >= when
        where, when = block.end, block.seconds
    assert where == len(loaded.text)
