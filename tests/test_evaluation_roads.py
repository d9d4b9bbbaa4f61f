"""karmalink evaluate with a language model: the reader, the model alone and the model behind the gate, side by side."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from langchain_core.runnables import Runnable
from models import Scripted, fails, says, serving

from index.settings import Settings
from rag.evaluation.ask import ask
from rag.evaluation.case import Case
from rag.evaluation.roads import MEASURES, ROADS
from rag.evaluation.score import Outcome
from rag.model import Model
from rag.prompt import NOT_THERE
from ui import cli

CASES = (
    ("Who wrote the score?", ("Ada Lindqvist",), "score was written by Ada Lindqvist"),
    ("How many minutes does the film run?", ("97 minutes", "97"), "runs for 97 minutes"),
    ("Where did the crew sleep?", ("the old cannery",), "crew slept in the old cannery"),
    ("What did the film cost?", (), ""),
    ("Who edited the film?", (), ""),
)
LIES = "The film was edited in Bergen by Vigdis Moen for 12 million crowns [p1]."

Evaluate = Callable[..., dict[str, Any]]


@pytest.fixture
def questions(tmp_path: Path) -> Path:
    cases = (
        Case(id=f"q{n}", question=text, answers=answers, evidence=[proof] if proof else [], answerable=bool(proof))
        for n, (text, answers, proof) in enumerate(CASES)
    )
    path = tmp_path / "set.jsonl"
    path.write_text("".join(case.model_dump_json() + "\n" for case in cases), encoding="utf-8")
    return path


@pytest.fixture
def evaluate(built_settings: Settings, questions: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Evaluate:
    """Runs `karmalink evaluate` with a model, scripted behind its name or one at an address."""
    monkeypatch.setenv("COLUMNS", "200")
    folders = ("--documents", str(built_settings.documents), "--index", str(built_settings.index))

    def run(model: Scripted | str, *words: str) -> dict[str, Any]:
        name = model if isinstance(model, str) else "scripted:one"
        if isinstance(model, Scripted):
            monkeypatch.setattr("rag.model.load_model", lambda *_: Model(model, name))
        results = tmp_path / "results.json"
        asked = ("--model", name) if name else ()
        status = cli.main(["evaluate", str(questions), *folders, *asked, "--json", str(results), *words])
        return {"status": status} | (json.loads(results.read_text(encoding="utf-8")) if results.exists() else {})

    return run


def scripted(*replies: Any) -> Scripted:
    return Scripted(replies=list(replies), asked=[])


def truthful(asked: str) -> str:
    """What a model says that knows the passage of each answer, and where there is none."""
    question = asked.rsplit("<question>", 1)[1].removesuffix("</question>")
    [proof] = [proof for text, _, proof in CASES if text == question]
    if not proof:
        return NOT_THERE
    key = re.findall(r'<passage id="(p\d+)"', asked[: asked.index(proof)])[-1]
    [sentence, *_] = re.findall(rf"[^.\n]*{re.escape(proof)}[^.\n]*", asked)
    return f"{sentence.strip()} [{key}]."


def values(results: dict[str, Any]) -> dict[str, dict[str, float | None]]:
    return {
        row["road"]: {name: found and found["value"] for name, found in row["measures"].items()}
        for row in results["roads"]
    }


def by(results: dict[str, Any]) -> dict[str, set[str]]:
    return {row["road"]: set(row["answered_by"]) for row in results["roads"]}


def test_three_roads_are_printed_and_kept(
    evaluate: Evaluate, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    results = evaluate(scripted(truthful), "--html", str(tmp_path / "r.html"))
    shown = capsys.readouterr()
    assert results["status"] == 0
    assert [row["road"] for row in results["roads"]] == ["reader", "model", "film"]
    assert all(set(row["measures"]) == set(MEASURES) and row["questions"] == len(CASES) for row in results["roads"])
    assert [len(results[name]) for name in ("cases", "cases_reader", "cases_model")] == [len(CASES)] * 3
    for road in ROADS:
        [line] = [line for line in shown.out.splitlines() if line.startswith(f"{road.label}  ")]
        assert " ms" in line and f"Asking: {road.label}" in shown.err
    page = (tmp_path / "r.html").read_text(encoding="utf-8")
    assert all(text in page for text in (*(f"<td>{road.label}</td>" for road in ROADS), *MEASURES.values()))
    # The numbers above the roads are those of the assistant as it would run.
    assert results["measures"]["hit"] == results["roads"][2]["measures"]["hit"]
    assert results["run"]["chain"] == "film" and sorted(path.name for path in tmp_path.glob("*.part")) == []


def test_a_model_that_lies_does_so_alone_and_never_behind_the_gate(evaluate: Evaluate) -> None:
    results = evaluate(scripted(LIES))
    found = values(results)
    assert (found["model"]["false_answer_rate"], found["model"]["hit"], found["model"]["refusal_recall"]) == (1, 0, 0)
    assert {case["answer"]["answer"] for case in results["cases_model"]} == {LIES.replace(" [p1]", "")}
    same = ("false_answer_rate", "citation_precision", "hit", "refusal_recall")
    assert [found["film"][name] for name in same] == [found["reader"][name] for name in same]
    assert by(results)["model"] == {"scripted:one"} and "scripted:one" not in by(results)["film"]
    assert "Vigdis" not in json.dumps([case["answer"]["answer"] for case in results["cases"]])


def test_a_model_that_tells_the_truth_is_measured_as_one(evaluate: Evaluate) -> None:
    results = evaluate(scripted(truthful))
    found = values(results)
    assert found["model"] | {"latency_p50": 0, "latency_p95": 0} == {
        **{"false_answer_rate": 0, "citation_precision": 1, "hit": 1, "refusal_recall": 1},
        **{"latency_p50": 0, "latency_p95": 0},
    }
    assert (found["film"]["hit"] or 0) >= (found["reader"]["hit"] or 0)
    assert found["film"]["false_answer_rate"] == found["reader"]["false_answer_rate"]
    # What is shown of a passage that was cited is all of it, and it stands in the paper.
    citations = [citation for case in results["cases_model"] for citation in case["answer"]["citations"]]
    assert len(citations) == 3 and all(case["scores"].get("quote_validity", 1) == 1 for case in results["cases_model"])


def test_what_was_said_before_it_broke_off_is_the_models_answer(evaluate: Evaluate) -> None:
    results = evaluate(Scripted(replies=["The score was written by"], ending="length", asked=[]), "--limit", "1")
    [case] = results["cases_model"]
    assert case["answer"]["answer"] == "The score was written by" and "broke off" in case["answer"]["warnings"][0]
    assert case["answer"]["citations"] == []


def test_ids_that_were_not_given_are_no_citations(evaluate: Evaluate) -> None:
    results = evaluate(scripted("Ada Lindqvist wrote it [p99]. She did [P1, p1]."), "--limit", "1")
    [case] = results["cases_model"]
    assert case["answer"]["answer"] == "Ada Lindqvist wrote it. She did." and len(case["answer"]["citations"]) == 1


def test_a_model_that_cannot_be_had_is_a_failure_that_the_reader_survives(
    evaluate: Evaluate, capsys: pytest.CaptureFixture[str]
) -> None:
    with serving(fails(401)) as server:
        results = evaluate(f"openai:tiny@{server.address}", "--limit", "2")
    assert results["status"] == 1
    assert [row["crashed"] for row in results["roads"]] == [0, 2, 0]
    assert "refused the key" in results["cases_model"][0]["error"]


def test_a_server_is_asked_for_the_roads_that_need_it(evaluate: Evaluate) -> None:
    with serving(says(NOT_THERE)) as server:
        results = evaluate(f"openai:tiny@{server.address}", "--limit", "2")
    assert values(results)["model"]["hit"] == 0 and results["roads"][1]["answered_by"] == {}
    drafted = sum(case["answer"]["answered"] for case in results["cases_reader"])
    assert 2 <= len(server.requests) <= 4 and len(server.requests) >= 2 + drafted


@pytest.mark.parametrize("chain", ["film", "reader", "model", "plain"])
def test_one_chain_can_be_measured_by_itself(evaluate: Evaluate, chain: str) -> None:
    chat = scripted(LIES)
    results = evaluate(chat, "--chain", chain)
    assert results["run"]["chain"] == chain and "roads" not in results and "cases_model" not in results
    said = {case["answer"]["answered_by"] for case in results["cases"]}
    assert ("scripted:one" in said) == (chain == "model")
    assert (len(chat.asked) > 0) == (chain == "model") or chain == "film"


def test_a_model_alone_has_to_be_named(evaluate: Evaluate, capsys: pytest.CaptureFixture[str]) -> None:
    assert evaluate("", "--chain", "model") == {"status": 2}
    assert "--model ollama:llama3.2" in capsys.readouterr().err


def test_roads_cut_short_are_gone_on_with(
    evaluate: Evaluate, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Case] = []

    def stopping(chain: Runnable[Any, Any], case: Case) -> Outcome:
        if len(asked) == len(CASES) + 1:
            raise KeyboardInterrupt
        asked.append(case)
        return ask(chain, case)

    with monkeypatch.context() as patch:
        patch.setattr("rag.evaluation.run.ask", stopping)
        results = evaluate(scripted(truthful))
    assert results["status"] == 1
    assert [row["questions"] for row in results["roads"]] == [len(CASES), 1, 0]
    assert len(list(tmp_path.glob("results.json*.part"))) == 3
    chat = scripted(truthful)
    results = evaluate(chat, "--resume")
    assert results["status"] == 0 and values(results)["model"]["hit"] == 1
    assert [row["questions"] for row in results["roads"]] == [len(CASES)] * 3
    assert chat.asked and not any(CASES[0][0] in str(messages) for messages in chat.asked[: len(CASES) - 1])
    assert list(tmp_path.glob("*.part")) == []
