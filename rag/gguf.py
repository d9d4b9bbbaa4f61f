"""A file of weights (GGUF) as a LangChain chat model, run in this process by llama.cpp."""

from __future__ import annotations

import hashlib
import importlib
import logging
import os
import secrets
import threading
from collections.abc import Iterator
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel
from langchain_core.language_models.chat_models import generate_from_stream
from langchain_core.messages import AIMessageChunk, BaseMessage
from langchain_core.messages.utils import convert_to_openai_messages
from langchain_core.outputs import ChatGenerationChunk, ChatResult

from index.errors import SettingsError

CONTEXT = 8192  # tokens of a prompt and its reply
BATCH = 16  # tokens of a prompt read at a time; between two of them the model can be stopped
MAGIC = b"GGUF"

logger = logging.getLogger("karmalink")


class GgufModel(BaseChatModel):
    """Streams from a llama.cpp server object; closing the stream stops the model.

    It stops at its next token, or while it reads the prompt, of which empty pieces tell, at the next batch of that.
    """

    server: Any
    tokens: int

    @property
    def _llm_type(self) -> str:
        return "gguf"

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        return generate_from_stream(self._stream(messages, stop, run_manager, **kwargs))

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        request = {
            "messages": convert_to_openai_messages(messages),
            "stream": True,
            "max_tokens": self.tokens,
            "temperature": 0,
            "cache_prompt": True,
            "return_progress": True,
            "stop": stop or [],
        }
        heard: SimpleQueue[list[Any] | None] = SimpleQueue()
        stops: SimpleQueue[bool] = SimpleQueue()

        def hear(piece: Any) -> bool:
            heard.put(piece if isinstance(piece, list) else [piece])
            # Whether to stop is for the listener to say, now that they have this piece; the next one would be late.
            return stops.get()

        def run() -> None:
            try:
                self.server.handle_chat_completions(request, hear)
            except Exception as error:  # noqa: BLE001 - brought over to the thread that listens, and raised there
                heard.put([error])
            heard.put(None)

        threading.Thread(target=run, name="gguf", daemon=True).start()
        try:
            while (pieces := heard.get()) is not None:
                yield from map(_chunk, pieces)
                stops.put(False)
        finally:
            stops.put(True)


def load_file(name: str, path: str, tokens: int) -> tuple[GgufModel, str]:
    """The model in a file and what an Answer calls it; its sha256 goes to the log.

    Raises SettingsError where the file or the extra is missing. The library listens on a port of its own: on this
    machine only, and with a key that nobody is told.
    """
    file = Path(path).expanduser()
    if not file.is_file() or not _begins(file):
        raise SettingsError(f"KARMALINK_MODEL={name!r}: {file} is no GGUF file. Name one: KARMALINK_MODEL=gguf:PATH.")
    try:
        xllamacpp = importlib.import_module("xllamacpp")
    except ModuleNotFoundError as error:
        if error.name != "xllamacpp":
            raise
        raise SettingsError(f"KARMALINK_MODEL={name!r} needs a package. Run: pip install 'karmalink[gguf]'") from error
    params = xllamacpp.CommonParams()
    params.model.path = str(file)
    params.n_ctx, params.n_batch, params.n_parallel = CONTEXT, BATCH, 1
    params.hostnames, params.port, params.api_keys = ["127.0.0.1"], 0, [secrets.token_urlsafe(32)]
    params.warmup, params.verbosity = False, -1
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = os.cpu_count() or 1
    with file.open("rb") as weights:
        logger.info("language model %s, sha256 %s", file.name, hashlib.file_digest(weights, "sha256").hexdigest())
    try:
        server = xllamacpp.Server(params)
    except (RuntimeError, ValueError, OSError) as error:
        raise SettingsError(f"KARMALINK_MODEL={name!r}: {file} cannot be loaded: {error}. Use another file.") from error
    return GgufModel(server=server, tokens=tokens), f"gguf:{file.name}"


def _begins(file: Path) -> bool:
    with file.open("rb") as weights:
        return weights.read(len(MAGIC)) == MAGIC


def _chunk(piece: Any) -> ChatGenerationChunk:
    if isinstance(piece, Exception):
        raise piece
    if not isinstance(piece, dict) or not piece.get("choices"):
        error = piece.get("error", piece) if isinstance(piece, dict) else piece
        if isinstance(piece, dict) and "choices" in piece:  # the last one may hold numbers only
            return ChatGenerationChunk(message=AIMessageChunk(content=""))
        raise ValueError(f"llama.cpp said: {str(error)[:200]}")
    choice = piece["choices"][0]
    finish = choice.get("finish_reason")
    return ChatGenerationChunk(
        message=AIMessageChunk(
            content=(choice.get("delta") or {}).get("content") or "",
            response_metadata={"finish_reason": finish} if finish else {},
        )
    )
