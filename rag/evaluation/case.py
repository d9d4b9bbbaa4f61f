"""One question of a set, and what its author knows about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PrivateAttr, ValidationError, model_validator

TYPES: Final[Mapping[str, str]] = {
    "fact": "something the papers state: what, which, how",
    "credit": "who did or played something",
    "date": "when",
    "place": "where",
    "number": "how many, how long, how much",
    "reason": "why",
    "list": "several things, all of them",
    "quote": "what somebody said, in their words",
    "plot": "what happens in the film",
    "opinion": "what somebody thinks of it, and whose opinion that is",
    "keyword": "words typed as into a search box",
    "follow-up": "leans on the questions before it",
    "yes-no": "is it so",
    "unanswerable": "about the film, but the papers are silent",
    "false premise": "takes something for granted that is not so",
    "off topic": "not about the film at all",
    "spoiler": "gives the ending away",
}
"""The types of question that a film's site meets. Sets may use others; these are the ones to write for."""

UNTYPED: Final = "untyped"
NO_ANSWER_TYPES: Final = frozenset({"unanswerable", "false premise", "off topic"})

_YES: Final = frozenset({"true", "yes", "y", "1", "1.0"})
_NO: Final = frozenset({"false", "no", "n", "0", "0.0"})
_KINDS: Final = (
    (type(None), "nothing"),
    (bool, "true or false"),
    ((int, float), "a number"),
    (str, "text"),
    (Mapping, "a table"),
    (list, "a list"),
    (object, "something else"),
)


def _kind(value: Any) -> str:
    return next(name for kind, name in _KINDS if isinstance(value, kind))


def _said(value: Any) -> str:
    text = repr(value) if isinstance(value, str) else str(value)
    return f"{text[:60]}{'…' if len(text) > 60 else ''} ({_kind(value)})"


def _text(value: Any) -> Any:
    if not isinstance(value, str):
        raise ValueError(f"expected text, got {_said(value)}")
    return value.strip()


def _texts(value: Any) -> Any:
    """Text or a list of texts; empty ones go."""
    items = [value] if isinstance(value, str) else () if value is None else value
    if not isinstance(items, list | tuple):
        raise ValueError(f"expected text or a list of texts, got {_said(value)}")
    return tuple(text for text in map(_text, items) if text)


def _evidence(value: Any) -> Any:
    """Pieces of evidence: a text, or a list of texts that prove the same in other words."""
    if value is None:
        return ()
    pieces = [value] if isinstance(value, str) else value
    if not isinstance(pieces, list | tuple):
        raise ValueError(f"expected text or a list of texts, got {_said(value)}")
    return tuple(piece for piece in (_texts(piece) for piece in pieces) if piece)


def _flag(value: Any) -> Any:
    if isinstance(value, bool) or value is None:
        return value
    word = str(value).strip().casefold()
    if word in _YES or word in _NO:
        return word in _YES
    raise ValueError(f"expected true or false, got {_said(value)}")


def named_type(value: Any) -> str:
    """A type's name as the set of names writes it: 'False_Premise' and 'false-premise' are 'false premise'."""
    words = _text(value).casefold().replace("_", " ")
    by_letters = {name.replace("-", " "): name for name in TYPES}
    return by_letters.get(words.replace("-", " "), words) or UNTYPED


Line = Annotated[str, BeforeValidator(_text)]
Lines = Annotated[tuple[str, ...], BeforeValidator(_texts)]


class Case(BaseModel):
    """One question with its acceptable answers.

    `answers` are all acceptable, in other words or lengths. `evidence` holds the pieces of the papers' text that
    prove the answer; each piece is a tuple of texts of which any one will do. `document` names the paper they were
    taken from. A question is `answerable` unless it says otherwise or its type does; the answers of one that is not
    are what must stay unsaid.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: Line
    question: Annotated[Line, Field(min_length=1)]
    history: Lines = ()
    answers: Lines = ()
    evidence: Annotated[tuple[tuple[str, ...], ...], BeforeValidator(_evidence)] = ()
    type: Annotated[str, BeforeValidator(named_type)] = UNTYPED
    answerable: Annotated[bool, BeforeValidator(_flag)] = True
    document: str | None = None
    spoilers: Annotated[bool, BeforeValidator(_flag)] = False
    _line: int | None = PrivateAttr(None)

    @property
    def line(self) -> int | None:
        """The line of the file that the case was read from, where there is one."""
        return self._line

    @model_validator(mode="before")
    @classmethod
    def _answerable_by_default(cls, row: Any) -> Any:
        if not isinstance(row, dict) or row.get("answerable") is not None:
            return row
        known = {key: value for key, value in row.items() if key != "answerable"}
        kind = row.get("type")
        silent = isinstance(kind, str) and named_type(kind) in NO_ANSWER_TYPES
        return known | {"answerable": bool(not silent and (row.get("answers") or row.get("evidence")))}


@dataclass(frozen=True)
class Problem:
    """Something wrong in a set: where, and what. `dropped` when the row could not be asked."""

    file: str
    what: str
    line: int | None = None
    column: str | None = None
    dropped: bool = True

    def __str__(self) -> str:
        place = [self.file]
        if self.line is not None:
            place.append(f"line {self.line}")
        if self.column is not None:
            place.append(f"column {self.column}")
        return f"{', '.join(place)}: {self.what}"


def case_of(row: Mapping[str, Any], file: str, line: int | None) -> Case | Problem:
    """The case a row holds, or what is wrong with the row."""
    try:
        case = Case.model_validate(dict(row))
        case._line = line
        return case
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        what = str(first["msg"]).removeprefix("Value error, ")
        if first["type"] == "missing":
            what = "is missing"
        elif first["type"] in ("string_too_short", "too_short"):
            what = "is empty"
        return Problem(file, what, line, str(first["loc"][0]) if first["loc"] else None)
