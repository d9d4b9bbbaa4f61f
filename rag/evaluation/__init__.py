"""Measuring the assistant, or any chain that takes a Question and gives an Answer.

from rag.evaluation import evaluate
evaluation = evaluate(chain, [{"id": "1", "question": "Who directed it?", "answers": ["Ana Ruiz"]}])
print(evaluation.value("hit"))
"""

from __future__ import annotations

import importlib
from typing import Any

_HOMES = {
    "Case": "rag.evaluation.case",
    "Evaluation": "rag.evaluation.run",
    "Problem": "rag.evaluation.case",
    "TYPES": "rag.evaluation.case",
    "evaluate": "rag.evaluation.run",
    "read": "rag.evaluation.sets",
}

__all__ = ["TYPES", "Case", "Evaluation", "Problem", "evaluate", "read"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'rag.evaluation' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return __all__
