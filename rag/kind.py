"""What kind of answer a question wants: a few words, the best sentences, the parts of a list, somebody's opinion."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

Name = Literal["plain", "broad", "list", "opinion"]


@dataclass(frozen=True)
class Kind:
    """`probe` is what a broad answer's sentences are compared with, `subject` the words they must speak of."""

    name: Name
    probe: str = ""
    subject: str = ""


@dataclass(frozen=True)
class _Shape:
    """A whole question by its pattern (lower case, no marks). `alone`: only where no question came before."""

    name: Name
    pattern: str
    probe: str = ""
    alone: bool = False


_FILM = r"(it|this|that|(the|this|that|your) (film|movie|picture|documentary|story|work)|<title>)"
_ASK = r"(please |so |and |hi |hello )*(((can|could|would|will) (you|u) )?(please )?|i (want|would like|d like) to )"
_SOME = r"( (a bit|a little|something|anything|everything|more|all|briefly|a bit more|a little more))?"
_PLOT = "The film tells the story of its main characters: it follows them, what they want and what they are up against."

# <title> stands for the film's own title. The probes are looked for, never shown.
_SHAPES = (
    _Shape("broad", rf"(so )?what( is| s|s)? {_FILM} (all )?about( really)?", _PLOT, alone=True),
    _Shape(
        "broad",
        rf"({_ASK}(tell|give) me |what( is| s|s) |describe )?(me )?(the |a )?(basic |short |main )?"
        rf"(plot|storyline|story line|synopsis|premise|summary|logline)( (of|for) {_FILM})?( please)?",
        _PLOT,
    ),
    _Shape("broad", rf"what( is| s|s) the story (of {_FILM})?( please)?|what kind of (a )?story is {_FILM}", _PLOT),
    _Shape("broad", rf"what happens in {_FILM}|{_ASK}(summari[sz]e|sum up|describe) {_FILM}", _PLOT),
    _Shape("broad", rf"{_ASK}tell me{_SOME} about {_FILM}", _PLOT),
    _Shape(
        "broad",
        rf"how did {_FILM} (come (about|into being|to be|together)|originate|get (made|started|off the ground))|"
        rf"(how|where) did the (idea|project|film|movie|story) (for {_FILM} )?(first )?"
        r"(come (about|from|into being|to be)|originate|start)|how did (it|the film|the movie) all (start|begin)",
        "The idea for the film came up when the project began and its maker first had it.",
        alone=True,
    ),
    _Shape("broad", rf"{_ASK}(tell|give|show) me{_SOME}( information| details| facts)? (about|on) (?P<subject>.+)"),
    _Shape("broad", rf"{_ASK}(describe|introduce|present) (?P<subject>(?!how |what |why |when ).+)"),
    _Shape("broad", rf"what (do|can|could) you (know|tell me|say){_SOME} (about|on) (?P<subject>.+)"),
    _Shape("broad", r"(anything|something|more|information|info|details|facts) (about|on) (?P<subject>.+)"),
    _Shape(
        "list",
        r".*\b(which|what) (?!.*\b(does|is|was|has)\b)(\w+ ){0,2}\w+[^s]s\b.*|(who|what|which) (are|were) .*|"
        r".*\b(list|name) (all|the|some|every|three|two|four|both)\b.*|.*\b(who all|all the|both)\b.*",
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
            return Kind(shape.name, shape.probe or subject, subject)
    return Kind("plain")


def _plain(text: str) -> str:
    kept = "".join(c if c.isalnum() or c == "'" else " " for c in text.casefold().replace("’", "'"))
    return " ".join(kept.replace("'", " ").split())
