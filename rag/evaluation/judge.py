"""Faithfulness and relevance of answers, judged by a language model through ragas (extra: judge)."""

from __future__ import annotations

import importlib.util
import logging
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from index.errors import InputError
from rag.evaluation.score import Outcome

if TYPE_CHECKING:
    from langchain_core.embeddings import Embeddings
    from langchain_core.language_models import BaseChatModel

Judge = Callable[[Outcome], dict[str, float]]

EXTRA = 'make judge, or: pip install --constraint constraints.txt "karmalink[judge]"'
MEND = 'pip install "langchain-community<0.4.2"'
TRIES, LONGEST_WAIT = 3, 10  # of a call that fails, and seconds before the next; ragas alone would try for minutes
log = logging.getLogger(__name__)


def require() -> None:
    """Raise InputError with the line that installs it when ragas is not there."""
    if importlib.util.find_spec("ragas") is None:
        raise InputError(f"--judge needs the extra 'judge'. Install it with: {EXTRA}")


def judge(model: BaseChatModel, embeddings: Embeddings, tries: int = TRIES) -> Judge:
    """What scores an outcome: faithfulness of the answer to its quotes, relevance of it to the question, 0 to 1.

    A refusal and an answer without a quote have no score, nor has one that the model cannot judge in so many `tries`:
    the log says why.
    Source: Es et al. 2023, RAGAS: Automated Evaluation of Retrieval Augmented Generation.
    """
    require()
    from langchain_core.runnables import RunnableLambda

    with warnings.catch_warnings():
        # ragas would rather be given its own kind of client; it takes LangChain's models all the same.
        warnings.simplefilter("ignore", DeprecationWarning)
        try:
            from ragas.dataset_schema import SingleTurnSample
            from ragas.embeddings import LangchainEmbeddingsWrapper
            from ragas.llms import LangchainLLMWrapper
            from ragas.metrics import Faithfulness, ResponseRelevancy
            from ragas.run_config import RunConfig
        except ImportError as error:
            # ragas 0.4.3 imports a module that langchain-community dropped in 0.4.2.
            raise InputError(f"ragas cannot be imported ({error}). Mend it with: {MEND}") from error

        llm = LangchainLLMWrapper(model, run_config=RunConfig(max_retries=tries, max_wait=LONGEST_WAIT))
        metrics = {
            "faithfulness": Faithfulness(llm=llm),
            "relevance": ResponseRelevancy(llm=llm, embeddings=LangchainEmbeddingsWrapper(embeddings)),
        }

    def scored(outcome: Outcome) -> dict[str, float]:
        answer = outcome.answer
        if answer is None or not answer.answered or not answer.citations:
            return {}
        sample = SingleTurnSample(
            user_input=answer.standalone_question,
            response=answer.answer,
            retrieved_contexts=[citation.quote for citation in answer.citations],
        )
        scores: dict[str, float] = {}
        for name, metric in metrics.items():
            # Models fail in ways of their own; `batch` hands the error over instead of raising it.
            [value] = RunnableLambda(metric.single_turn_score).batch([sample], return_exceptions=True)
            if isinstance(value, Exception):
                log.warning("%s of %s cannot be judged: %s: %s", name, outcome.case.id, type(value).__name__, value)
            elif value == value:  # ragas says nan where it has nothing to judge
                scores[name] = float(value)
        return scores

    return scored


def load(name: str, embeddings: Any) -> Judge:
    """The judge with the model of a name such as openai:gpt-5-mini. Raises InputError when it cannot be had."""
    require()
    from langchain.chat_models import init_chat_model

    try:
        model = init_chat_model(name)
    except (ImportError, ValueError) as error:
        raise InputError(f"--judge {name}: {error}") from None
    return judge(model, embeddings)
