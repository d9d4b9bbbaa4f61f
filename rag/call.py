"""One call of a language model: in time, again where that helps, and its every trouble one kind of error."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator, Sequence
from queue import Empty, SimpleQueue
from time import monotonic
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel
    from langchain_core.messages import BaseMessage

TRIES = 4
PAUSE = 0.25  # seconds before the second try, twice as long before each one after it
LONGEST = 6000  # characters of one reply
BRIEF = frozenset({408, 409, 425, 429})  # beside 5xx: states that pass

_WHYS = {
    401: "refused the key",
    403: "refused the key",
    404: "does not know the model",
    429: "is asked too often",
}
_CUT_SHORT = frozenset({"length", "max_tokens", "max_output_tokens"})
_UNWILLING = frozenset({"content_filter", "refusal", "safety", "recitation", "prohibited_content", "blocklist"})

logger = logging.getLogger("karmalink")


class Trouble(Exception):
    """A language model gave no whole reply; the message says why, in words for a visitor."""


def talk(model: BaseChatModel, messages: Sequence[BaseMessage], until: float) -> Iterator[str]:
    """The pieces of the model's reply as they come, all of them before `until` (of time.monotonic).

    Raises Trouble. A state that passes (429, 5xx) is tried again, with pauses, as long as there is time and nothing has
    come. Who stops listening stops the model at its next word.
    """
    pause = PAUSE
    for attempt in range(1, TRIES + 1):
        begun = False
        try:
            for piece in _once(model, messages, until):
                begun = True
                yield piece
            return
        except _Failed as failed:
            status, wait = _status(failed.error), max(pause, _asked_pause(failed.error))
            logger.warning("the language model failed (try %d): %s: %s", attempt, type(failed.error).__name__, failed)
            again = not begun and status is not None and (status in BRIEF or status >= 500)
            if not again or attempt == TRIES or monotonic() + wait >= until:
                raise Trouble(_why(failed.error, status)) from failed.error
            threading.Event().wait(wait)
            pause *= 2


def whole(model: BaseChatModel, messages: Sequence[BaseMessage], until: float) -> str:
    """The whole reply; raises Trouble."""
    return "".join(talk(model, messages, until))


class _Failed(Exception):
    """What the model's client raised, brought over from its thread."""

    def __init__(self, error: Exception) -> None:
        super().__init__(str(error)[:300])
        self.error = error


def _once(model: BaseChatModel, messages: Sequence[BaseMessage], until: float) -> Iterator[str]:
    # A client's own timeouts are per read at best: only a thread of its own can be left behind in time.
    pieces: SimpleQueue[str | Exception | None] = SimpleQueue()
    left = threading.Event()
    threading.Thread(target=_listen, args=(model, messages, pieces, left), name="model", daemon=True).start()
    length = 0
    try:
        while True:
            try:
                piece = pieces.get(timeout=max(0.0, until - monotonic()))
            except Empty:
                raise Trouble("did not answer in time") from None
            if piece is None:
                return
            if isinstance(piece, Trouble):
                raise piece
            if isinstance(piece, Exception):
                raise _Failed(piece)
            length += len(piece)
            if length > LONGEST:
                raise Trouble("did not come to an end")
            if monotonic() >= until:
                raise Trouble("did not answer in time")
            yield piece
    finally:
        left.set()


def _listen(
    model: BaseChatModel,
    messages: Sequence[BaseMessage],
    pieces: SimpleQueue[str | Exception | None],
    left: threading.Event,
) -> None:
    try:
        stream = model.stream(list(messages))
        for chunk in stream:
            if left.is_set():
                getattr(stream, "close", lambda: None)()
                return
            pieces.put(str(chunk.text))
            trouble = _ended(chunk.response_metadata)
            if trouble:
                pieces.put(Trouble(trouble))
                return
        pieces.put(None)
    except Exception as error:  # noqa: BLE001 - another house's client raises what it likes; `talk` logs it
        pieces.put(error)


def _ended(metadata: dict[str, Any]) -> str | None:
    """Why a reply that ended is not a whole one."""
    reasons = {str(metadata.get(key, "")).lower() for key in ("finish_reason", "stop_reason", "done_reason")}
    if reasons & _CUT_SHORT:
        return "broke off in the middle"
    return "would not answer" if reasons & _UNWILLING else None


def _status(error: Exception) -> int | None:
    """The HTTP status that a client's error carries, by the names the clients give it."""
    for holder in (error, getattr(error, "response", None)):
        for name in ("status_code", "code", "status"):
            value = getattr(holder, name, None)
            if isinstance(value, int) and 100 <= value <= 599:
                return value
    return None


def _asked_pause(error: Exception) -> float:
    """The seconds that the server asked to wait, 0 where it didn't."""
    headers = getattr(getattr(error, "response", None), "headers", None) or {}
    try:
        return max(0.0, float(headers.get("retry-after", 0)))
    except ValueError:
        return 0.0


def _why(error: Exception, status: int | None) -> str:
    if status is not None:
        return _WHYS.get(status, f"has a fault of its own (status {status})")
    names = {kind.__name__ for kind in type(error).__mro__}
    if names & {"APITimeoutError", "TimeoutException", "TimeoutError"}:
        return "did not answer in time"
    if names & {"APIConnectionError", "ConnectError", "ConnectionError", "TransportError"}:
        return "cannot be reached"
    return "gave an answer that cannot be read"
