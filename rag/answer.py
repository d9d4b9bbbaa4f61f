"""Question, Answer and Citation: what every door speaks, in Python and as JSON."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

Refusal = Literal["not in the documents", "off topic", "spoiler"]


def _whole(value: Any) -> Any:
    """A string that UTF-8 can carry: a lone surrogate, which no encoder takes, becomes U+FFFD."""
    return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace") if isinstance(value, str) else value


Text = Annotated[str, BeforeValidator(_whole)]


class Question(BaseModel):
    """What a visitor asks.

    `history` holds the questions before this one, oldest first; `spoilers` lets passages in that give the ending away.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    text: Text
    history: list[Text] = []
    spoilers: bool = False


class Citation(BaseModel):
    """The words an answer rests on.

    `start`, `end` and `highlight` are character offsets into the document's text, and `text[start:end] == quote`;
    `highlight` lies within them. Offsets that cannot hold (a quote of another length, a highlight outside) are a
    ValueError. `seconds` is the moment in a film a subtitle stands at, `passage` the passage's id in the index.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    n: int = Field(ge=1)
    document: str
    title: str | None = None
    publisher: str | None = None
    kind: str | None = None
    place: str
    quote: str
    start: int = Field(ge=0)
    end: int = Field(ge=0)
    highlight: tuple[int, int]
    url: str | None = None
    spoiler: bool = False
    seconds: float | None = None
    speaker: str | None = None
    passage: str | None = Field(default=None, exclude_if=lambda passage: passage is None)

    @model_validator(mode="after")
    def _offsets_hold(self) -> Citation:
        first, last = self.highlight
        if self.end - self.start != len(self.quote) or not self.start <= first <= last <= self.end:
            raise ValueError(
                f"citation {self.n}: {self.start}..{self.end} with highlight {self.highlight} "
                f"does not hold a quote of {len(self.quote)} characters"
            )
        return self

    @property
    def highlighted(self) -> str:
        """The highlighted words of the quote."""
        return self.quote[self.highlight[0] - self.start : self.highlight[1] - self.start]


class Answer(BaseModel):
    """What the assistant says, and what it rests on.

    When `answered` is false, `answer` is the sentence to show, `refusal` its kind, `suggestions` hold questions to go
    on with and `citations` may hold the nearest passage. `confidence` is the probability (0 to 1) that the papers do.
    `timings_ms` holds milliseconds by step: retrieve, read, total. `differing` cites papers that say otherwise, `cut`
    holds what the gate removed, `warnings` what the visitor should know about the way this was answered.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    question: Text
    standalone_question: Text
    answered: bool
    answer: str
    confidence: float = Field(ge=0, le=1)
    citations: list[Citation] = []
    answered_by: str
    refusal: Refusal | None = None
    timings_ms: dict[str, float] = {}
    warnings: list[str] = []
    suggestions: list[str] = []
    differing: list[Citation] = []
    cut: list[str] = []

    @property
    def highlighted(self) -> list[str]:
        """The highlighted words of each citation."""
        return [citation.highlighted for citation in self.citations]

    @property
    def documents(self) -> list[str]:
        """The names of the cited papers, each once, in the order of their citations."""
        return list(dict.fromkeys(citation.document for citation in self.citations))
