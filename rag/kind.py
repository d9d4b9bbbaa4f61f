"""What kind of answer a question wants: a few words, the best sentences, the parts of a list, somebody's opinion."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

Name = Literal["plain", "broad", "list", "opinion"]


@dataclass(frozen=True)
class Kind:
    """Of a broad question: `probe` is what sentences are compared with, `subject` what they must speak of, `cues` words
    that sentences of this sort are told with."""

    name: Name
    probe: str = ""
    subject: str = ""
    cues: str = ""


@dataclass(frozen=True)
class _Shape:
    """A whole question by its pattern (lower case, no marks). `alone`: only where no question came before."""

    name: Name
    pattern: str
    probe: str = ""
    alone: bool = False
    cues: str = ""


_FILM = r"(it|this|that|(the|this|that|your) (film|movie|picture|documentary|story|work)|<title>)"
_ASK = r"(please |so |and |hi |hello )*(((can|could|would|will) (you|u) )?(please )?|i (want|would like|d like) to )"
_SOME = r"( (a bit|a little|something|anything|everything|more|all|briefly|a bit more|a little more))?"
_PLOT = "A story about people who must find a way: who they are, where they live, what happens to them, what they seek."
_TELLS = "story tale tells follows centres centers about set plot hero heroine must discovers journey"
_ORIGIN = "The idea came when its maker first saw, met or heard something, and began to write and to plan the film."
_BEGAN = "idea inspired inspiration seed planted began started dreaming dream origin originally first came born grew"

# "What happens", "whose", "what's": no nouns. A noun in the plural: "canvas", "boss" and "its" are none.
_NOUN = (
    r"(?!(?:s|is|was|are|were|be|do|does|did|has|have|had|can|could|will|would|should|must|may|might|the|an?|his|her|"
    r"its|their|this|that|these|those|it|he|she|they|you|we|i|else|to|of|in|on|at|for|happens|makes|becomes|means)\b)"
    r"\w+"
)
_MANY = rf"{_NOUN}(?<=[a-rt-z]s)"
_ASKS = r"(do|does|did|are|were|has|have|had|can|could|will|would|should|must|may|might)"
_OWN = r"(the|its|his|her|their|your)"

# <title> stands for the film's own title. The probes are looked for, never shown.
_SHAPES = (
    _Shape(
        "broad",
        rf"(so )?what( is| s|s)? {_FILM} (all )?about( really)?|"
        rf"({_ASK}tell me )?what {_FILM} is (all )?about( please)?",
        _PLOT,
        alone=True,
        cues=_TELLS,
    ),
    _Shape(
        "broad",
        rf"({_ASK}(tell|give) me |what( is| s|s) |describe )?(me )?(the |a )?(basic |short |main )?"
        rf"(plot|storyline|story line|synopsis|premise|summary|logline)( (of|for) {_FILM})?( please)?",
        _PLOT,
        cues=_TELLS,
    ),
    _Shape(
        "broad",
        rf"what( is| s|s) the story( of {_FILM})?( about)?( please)?|what kind of (a )?story is {_FILM}|"
        rf"what happens in {_FILM}|{_ASK}(summari[sz]e|sum up|describe) {_FILM}|{_ASK}tell me{_SOME} about {_FILM}",
        _PLOT,
        cues=_TELLS,
    ),
    _Shape(
        "broad",
        rf"how did {_FILM} (come (about|into being|to be|together)|originate|get (made|started|off the ground))|"
        rf"(how|where) did the (idea|project|film|movie|story) (for {_FILM} )?(first )?"
        r"(come (about|from|into being|to be)|originate|start)|how did (it|the film|the movie) all (start|begin)",
        _ORIGIN,
        alone=True,
        cues=_BEGAN,
    ),
    _Shape("broad", rf"{_ASK}(tell|give|show) me{_SOME}( information| details| facts)? (about|on) (?P<subject>.+)"),
    _Shape("broad", rf"{_ASK}(describe|introduce|present) (?P<subject>(?!how |what |why |when ).+)"),
    _Shape("broad", rf"what (do|can|could) you (know|tell me|say){_SOME} (about|on) (?P<subject>.+)"),
    _Shape("broad", r"(anything|something|more|information|info|details|facts) (about|on) (?P<subject>.+)"),
    _Shape(
        "list",
        rf".*\b(which|what) ({_NOUN} ){{0,2}}{_MANY} {_ASKS}\b.*|.*\bwhich {_MANY}\b.*|(.* )?what {_MANY}|"
        rf"(and )?who (are|were) {_MANY}.*|(and )?who (are|were) (\w+ ){{1,4}}{_MANY}\b.*|"
        rf"(and )?(what|which) (are|were) (all |both )?{_OWN} (\w+ )?{_MANY}( (of|in|on|for|that|which) .*)?|"
        rf"({_ASK})?(list|name) (me )?(all|the|some|every|three|two|four|both)\b.*|.*\bwho all\b.*|"
        rf"(and )?who( else)?( is| s)? (starring|acting|appearing|stars|acts|appears|plays)? ?in ({_FILM}|the cast)|"
        r"((the )?(main |full )?cast( list)?)( please)?",
    ),
    _Shape(
        "opinion",
        r".*\b(think|thinks|thought|feel|feels|felt|believe|believes|opinion|view of|say about|said about|says about|"
        r"like about|according to|make of|describe|described|call|called|compare|compared|promise|hope|hopes)\b.*",
    ),
)


def kind_of(text: str, title: str, *, alone: bool) -> Kind:
    """The kind of the question; `alone` says that none came before it, `title` is the film's."""
    plain = _plain(text)
    for shape in _SHAPES:
        if shape.alone and not alone:
            continue
        pattern = shape.pattern.replace("<title>", re.escape(_plain(title)) or "<>")
        found = re.fullmatch(pattern, plain)
        if found:
            subject = found.groupdict().get("subject") or ""
            return Kind(shape.name, shape.probe or subject, subject, shape.cues)
    return Kind("plain")


# A question that can't stand alone: it points at something said before, begins in the middle, or is a few words only.
_POINTS = re.compile(
    r"\b(he|she|it|they|him|her|his|hers|its|them|their|theirs|there|that|those|these|this|ones?|else|then|same|other|"
    r"another|too|both|either|also|so|such|former|latter)\b"
)
_BEGINS = re.compile(
    r"(and|but|or|so|then|also|what about|how about|why|how come|who else|any|anyone|anything|anybody|in what|by whom|"
    r"for|with|to|at|from|on|of)\b"
)
_FEW = 5


def leans(text: str) -> bool:
    """Whether a question may need the questions before it; one that says all itself is read without them.

    On the dossiers it finds 99% of the follow-ups, and half of the questions that stand alone are read alone.
    """
    plain = _plain(text)
    return bool(_POINTS.search(plain) or _BEGINS.match(plain)) or len(plain.split()) <= _FEW


def _plain(text: str) -> str:
    kept = "".join(c if c.isalnum() or c == "'" else " " for c in text.casefold().replace("’", "'"))
    return " ".join(kept.replace("'", " ").split())
