"""Putting one case to a chain, and keeping what became of it."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from typing import Any

from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.documents import Document
from langchain_core.runnables import Runnable
from langchain_core.runnables.config import RunnableConfig, set_config_context
from pydantic import BaseModel, ValidationError

from rag.answer import Answer, Question
from rag.evaluation.case import Case
from rag.evaluation.score import Found, Outcome

_HEARD: ContextVar[list[list[Document]] | None] = ContextVar("heard", default=None)


class _Ear:
    """Stands before a retriever that a chain calls directly, past LangChain's callbacks, and notes what it finds."""

    def __init__(self, retriever: Any) -> None:
        self._retriever = retriever

    def __getattr__(self, name: str) -> Any:
        return getattr(self._retriever, name)

    def retrieve(self, question: Question, *args: Any, **kwargs: Any) -> list[Document]:
        documents: list[Document] = self._retriever.retrieve(question, *args, **kwargs)
        heard = _HEARD.get()
        if heard is not None:
            heard.append(documents)
        return documents


def overheard(chain: Runnable[Any, Any]) -> Runnable[Any, Any]:
    """The chain, with an ear at its retriever where this has a `retrieve` of its own."""
    retriever = getattr(chain, "retriever", None)
    if not isinstance(chain, BaseModel) or not callable(getattr(retriever, "retrieve", None)):
        return chain
    return chain.model_copy(update={"retriever": _Ear(retriever)})


class _Listener(BaseCallbackHandler):
    """Hears what the chain's own retriever finds, so that nothing is retrieved twice for the measures."""

    run_inline = True

    def __init__(self) -> None:
        self.found: list[Document] | None = None

    def on_retriever_end(self, documents: Sequence[Document], **_: Any) -> None:
        self.found = [*(self.found or ()), *documents]


def _found(documents: Sequence[Document]) -> tuple[Found, ...]:
    passages = (
        Found(
            document=str(document.metadata.get("document") or document.metadata.get("source") or ""),
            text=document.page_content,
            start=document.metadata.get("start"),
            end=document.metadata.get("end"),
        )
        for document in documents
    )
    return tuple(dict.fromkeys(passages))


def _retrieved(chain: Any, case: Case, answer: Answer, heard: list[Document] | None) -> tuple[Found, ...] | None:
    if heard is not None:
        return _found(heard)
    retriever = getattr(chain, "retriever", None)
    if not case.evidence or not case.answerable or not isinstance(retriever, Runnable):
        return None
    [result] = retriever.batch([answer.standalone_question], return_exceptions=True)
    return None if isinstance(result, Exception) else _found(result)


def _answer(result: Any) -> Answer | str:
    """The Answer that came, or what came instead of one."""
    if isinstance(result, Answer):
        return result
    if isinstance(result, Exception):
        return f"{type(result).__name__}: {result}"
    try:
        return Answer.model_validate(result)
    except ValidationError as error:
        wrong = error.errors(include_url=False)[0]
        return f"not an Answer but {type(result).__name__}: {'.'.join(map(str, wrong['loc']))} {wrong['msg']}"


def ask(chain: Runnable[Any, Any], case: Case) -> Outcome:
    """What the chain makes of a case. An error of the chain's is part of the outcome, never raised."""
    question = Question(text=case.question, history=list(case.history), spoilers=case.spoilers)
    listener = _Listener()
    heard: list[list[Document]] = []
    config: RunnableConfig = {"callbacks": [listener]}
    # The context carries the listener to retrievers that a chain calls without handing its config on.
    with set_config_context(config) as context:
        context.run(_HEARD.set, heard)
        begun = time.perf_counter()
        [result] = context.run(chain.batch, [question], config, return_exceptions=True)
        seconds = time.perf_counter() - begun
    answer = _answer(result)
    if isinstance(answer, str):
        return Outcome(case, None, answer, None, seconds)
    return Outcome(case, answer, None, _retrieved(chain, case, answer, heard[0] if heard else listener.found), seconds)


def texts(chain: Any) -> Callable[[str], str] | None:
    """Where the chain's papers can be read whole by name, "" for an unknown one; None where there is no such place."""
    read = getattr(getattr(chain, "index", None), "text", None)
    if not callable(read):
        return None

    @functools.lru_cache(maxsize=256)
    def text(document: str) -> str:
        try:
            return str(read(document))
        except KeyError:
            return ""

    return text
