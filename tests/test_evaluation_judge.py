"""The judge: an extra that nobody pays for without asking, and what it says of an answer."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys

import pytest
from langchain_core.embeddings import DeterministicFakeEmbedding
from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
from langchain_core.messages import AIMessage

from index.errors import InputError
from rag.evaluation import evaluate, judge
from rag.evaluation.score import Outcome
from tests.evaluation_script import CASES, Script, perfect


def test_nothing_of_it_is_imported_without_being_asked_for():
    code = "import sys; import rag.evaluation.run, rag.evaluation.command; print('ragas' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_without_the_extra_the_line_that_installs_it(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(InputError, match=r'make judge, or: pip install .* "karmalink\[judge\]"'):
        judge.load("openai:gpt-5-mini", None)


def test_an_extra_that_cannot_be_imported_names_the_line_that_mends_it(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: name)
    monkeypatch.setitem(sys.modules, "ragas", None)  # its import fails, as with a langchain-community it cannot use
    with pytest.raises(InputError, match=r'pip install "langchain-community<0\.4\.2"'):
        judge.judge(GenericFakeChatModel(messages=iter(())), DeterministicFakeEmbedding(size=16))


def test_a_judge_adds_its_scores():
    evaluation = evaluate(
        Script(perfect()), CASES, judge=lambda outcome: {"faithfulness": 0.5} if outcome.answer.answered else {}
    )
    assert evaluation.value("faithfulness") == 0.5 and evaluation.summary["measures"]["faithfulness"]["n"] == 4


def test_a_language_model_judges_through_ragas():
    pytest.importorskip("ragas", reason="the extra judge is not installed", exc_type=ImportError)
    replies = [
        {"statements": ["Mira Kessel directed it", "She lived there"]},
        {
            "statements": [
                {"statement": "Mira Kessel directed it", "reason": "said", "verdict": 1},
                {"statement": "She lived there", "reason": "not said", "verdict": 0},
            ]
        },
        *[{"question": "Who directed it?", "noncommittal": 0}] * 3,
    ]
    model = GenericFakeChatModel(messages=iter([AIMessage(json.dumps(reply)) for reply in replies]))
    scored = judge.judge(model, DeterministicFakeEmbedding(size=16), tries=1)
    assert os.environ["RAGAS_DO_NOT_TRACK"] == "true", "it would call home with every score"
    said = perfect()
    assert scored(Outcome(CASES[3], said[CASES[3].question])) == {}, "a refusal is not judged"
    scores = scored(Outcome(CASES[0], said[CASES[0].question]))
    assert scores["faithfulness"] == 0.5 and scores["relevance"] == pytest.approx(1)
    assert scored(Outcome(CASES[0], said[CASES[0].question])) == {}, "the model has no more to say: no score, no crash"
