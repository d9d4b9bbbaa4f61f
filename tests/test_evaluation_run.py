"""Runs over a scripted chain: scores, crashes, Ctrl-C, resuming, comparing."""

from __future__ import annotations

import json
import threading
import tracemalloc

import pytest
from langchain_core.runnables import RunnableLambda

from index.errors import InputError
from rag.evaluation import compare, evaluate
from rag.evaluation.case import Case
from rag.evaluation.summary import MEASURES
from tests.evaluation_script import CASES, Script, answer, cite, faulty, perfect

SENTENCES = ["Mira Kessel directed it on Orrin.", "The film runs for 97 minutes."]


def verdicts(evaluation):
    return {record["case"]["id"]: record["verdict"] for record in evaluation.records}


def scores(evaluation):
    return {record["case"]["id"]: record["scores"] for record in evaluation.records}


def test_a_chain_without_a_fault():
    evaluation = evaluate(Script(perfect()), CASES)
    assert set(verdicts(evaluation).values()) == {"right"}
    for name in ("correct", "hit", "refusal_f1", "cited", "quote_validity", "auc", "citation_recall"):
        assert evaluation.value(name) == 1.0, name
    assert evaluation.value("false_answer_rate") == 0.0
    assert evaluation.value("recall@8") is None, "nothing says what was retrieved"
    assert evaluation.value("rouge_l") is None, "no answer is long"
    assert evaluation.value("faithfulness") is None


def test_every_fault_has_its_word():
    evaluation = evaluate(Script(faulty(), found=SENTENCES), CASES)
    assert verdicts(evaluation) == {
        "a": "right",
        "b": "retrieval missed",
        "c": "reader missed",
        "d": "answered wrongly",
        "e": "crashed",
        "f": "cited wrongly",
    }
    found = {record["case"]["id"]: record["error"] for record in evaluation.records}
    assert found["e"] == "RuntimeError: out of film"
    assert evaluation.summary["crashed"] == 1
    # a, f of a, b, c, f; of the silent d and e neither was refused
    assert evaluation.value("hit") == 0.5 and evaluation.value("refusal_recall") == 0.0
    assert evaluation.value("cited") == 0.5


def test_without_the_retriever_a_refusal_is_the_readers():
    assert verdicts(evaluate(Script(faulty()), CASES))["b"] == "refused wrongly"


def test_a_case_that_is_not_eligible_has_no_score():
    found = scores(evaluate(Script(faulty(), found=SENTENCES), CASES))
    assert "hit" not in found["d"] and "cited" not in found["c"] and "recall@8" not in found["d"]
    assert "citation_precision" not in found["b"], "what a refusal shows proves nothing"
    assert "confidence" not in found["e"] and found["e"]["correct"] == 0.0
    assert found["a"]["recall@1"] == 1.0 and found["c"]["recall@3"] == 1.0 and found["c"]["mrr"] == 0.5


def test_retrieval_is_heard_and_not_repeated():
    class Counting(Script):
        retriever = None

    chain = Counting(perfect(), found=SENTENCES)
    chain.retriever = RunnableLambda(lambda _: pytest.fail("retrieved twice"))
    evaluate(chain, CASES)


def test_a_retriever_that_the_chain_shows_is_asked_where_none_was_heard():
    chain = Script(perfect())
    chain.retriever = Script({}, found=SENTENCES).inner
    found = scores(evaluate(chain, CASES))
    assert found["a"]["recall@1"] == 1.0 and found["b"]["recall@8"] == 0.0 and "recall@8" not in found["d"]


def test_quotes_are_checked_against_the_paper():
    said = perfect() | {
        "Days of snow?": answer(
            "Days of snow?",
            "eleven days",
            citations=[cite("eleven days").model_copy(update={"start": 0, "end": 11, "highlight": (0, 11)})],
        )
    }
    evaluation = evaluate(Script(said), CASES)
    assert evaluation.value("quote_validity") == 0.75


def test_any_runnable_with_an_answer_will_do():
    def say(question):
        return perfect()[question.text].model_dump()

    evaluation = evaluate(RunnableLambda(say), [case.model_dump() for case in CASES])
    assert evaluation.value("correct") == 1.0 and evaluation.value("quote_validity") is None
    wrong = evaluate(RunnableLambda(lambda question: "Mira Kessel"), CASES[:1])
    [record] = wrong.records
    assert record["verdict"] == "crashed" and "not an Answer but str" in record["error"]


def test_jobs_change_nothing_but_the_time():
    alone, many = evaluate(Script(faulty()), CASES), evaluate(Script(faulty()), CASES, jobs=4)
    assert verdicts(alone) == verdicts(many)
    timed = {"latency_p50", "latency_p95", "latency_max", "questions_per_second"}
    for measure in MEASURES:
        if measure.name not in timed:
            assert alone.value(measure.name) == many.value(measure.name), measure.name


def test_jobs_ask_at_the_same_time():
    together = threading.Barrier(3, timeout=30)

    def say(question):
        together.wait()
        return perfect()[question.text]

    assert evaluate(RunnableLambda(say), CASES[:3], jobs=3).value("correct") == 1.0


def test_limit_and_progress():
    told = []
    evaluation = evaluate(
        Script(perfect()), iter(CASES), limit=4, progress=lambda done, right: told.append((done, right))
    )
    assert told == [(1, 1), (2, 2), (3, 3), (4, 4)] and evaluation.summary["questions"] == 4


def test_no_case_at_all():
    evaluation = evaluate(Script({}), [])
    assert evaluation.summary["questions"] == 0 and evaluation.value("hit") is None


def test_ctrl_c_keeps_what_is_done_and_resume_asks_the_rest(tmp_path):
    kept = tmp_path / "records.jsonl"
    with pytest.raises(KeyboardInterrupt):
        evaluate(Script(perfect() | {"What did it cost?": KeyboardInterrupt()}), CASES, records=kept)
    assert len(kept.read_text().splitlines()) == 4
    with kept.open("a") as file:
        file.write('{"torn')
    chain = Script(perfect())
    evaluation = evaluate(chain, CASES, records=kept, resume=True)
    assert chain.asked == [case.question for case in CASES[3:]]
    assert evaluation.summary["questions"] == 6 and evaluation.value("correct") == 1.0
    assert list(verdicts(evaluation)) == [case.id for case in CASES]


def test_another_run_cannot_be_resumed(tmp_path):
    kept = tmp_path / "records.jsonl"
    evaluate(Script(perfect()), CASES, records=kept)
    with pytest.raises(InputError, match="chain was 'Script' and is 'RunnableLambda'"):
        evaluate(RunnableLambda(lambda _: None), CASES, records=kept, resume=True)
    assert len(kept.read_text().splitlines()) == 7


def test_results_are_whole_json(tmp_path):
    evaluation = evaluate(Script(faulty()), CASES)
    path = tmp_path / "results.json"
    evaluation.save(path)
    data = json.loads(path.read_text())
    assert data["format"] == "karmalink-evaluation/1" and len(data["cases"]) == 6
    assert data["measures"]["hit"].keys() == {"value", "low", "high", "n"}
    assert data["measures"]["hit"]["low"] <= data["measures"]["hit"]["value"] <= data["measures"]["hit"]["high"]
    assert data["types"]["credit"]["questions"] == 1
    assert {"retrieve", "read", "total"} == data["latency_ms"].keys()
    assert data["measures"]["refusal_recall"]["n"] == 2
    shown = perfect()["Who directed it?"].model_dump(mode="json")
    assert data["cases"][0]["answer"] == shown, "an answer is what every door speaks"
    assert [file.name for file in tmp_path.iterdir()] == ["results.json"]


def test_a_thousand_questions_do_not_grow_the_memory():
    said = answer("Who directed it?", "Mira Kessel", citations=[cite("Mira Kessel")]).model_copy(
        update={"warnings": ["x" * 3000]}
    )
    chain = Script({"Who directed it?": said})

    def cases(count):
        return (CASES[0].model_copy(update={"id": str(number)}) for number in range(count))

    evaluate(chain, cases(20))
    chain.asked = []
    tracemalloc.start()
    evaluation = evaluate(chain, cases(1000))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(evaluation.table) == 1000
    assert evaluation.records.path.stat().st_size > 4_000_000 and peak < 1_000_000


def records(script, cases=CASES):
    evaluation = evaluate(Script(script), cases)
    return [*evaluation.records]


def test_a_run_compared_with_itself_is_no_worse():
    same = compare.compare(records(perfect()), records(perfect()))
    assert same["worse"] == [] and same["cases"] == {"better": [], "worse": []}
    assert same["questions"] == {"asked": 6, "baseline": 6, "matched": 6}
    assert same["measures"]["hit"]["difference"] == 0


def test_what_got_worse_and_better_is_listed_with_both_answers():
    moved = compare.compare(
        records(faulty()), records(perfect() | {"Who directed it?": answer("Who directed it?", None)})
    )
    assert [case["id"] for case in moved["cases"]["worse"]] == ["b", "c", "d", "e", "f"]
    [better] = moved["cases"]["better"]
    assert better["old"] == {"verdict": "refused wrongly", "answer": "The papers don't say."}
    assert better["new"] == {"verdict": "right", "answer": "Mira Kessel"}
    assert better["expected"] == ["Mira Kessel"]
    assert moved["worse"] == ["refusal_recall"], "both refusals are gone; of the answers one came back"


def test_chance_is_no_loss():
    many = [CASES[0].model_copy(update={"id": str(number), "question": f"{number}?"}) for number in range(40)]
    good = {case.question: answer(case.question, "Mira Kessel") for case in many}
    bad = {case.question: answer(case.question, "eleven days") for case in many}
    half = dict(list(bad.items())[:20] + list(good.items())[20:])
    one_off = {**half, "0?": good["0?"], "20?": bad["20?"], "21?": bad["21?"]}
    assert compare.compare(records(one_off, many), records(half, many))["worse"] == []
    assert "hit" in compare.compare(records(half, many), records(good, many))["worse"]
    assert compare.compare(records(good, many), records(half, many))["worse"] == []


def test_only_questions_of_both_are_compared():
    extra = Case(id="new", question="Days of snow?", answers=["eleven days"])
    part = compare.compare(records(perfect(), [*CASES[:2], extra]), records(perfect(), CASES[:3]))
    assert part["questions"] == {"asked": 3, "baseline": 3, "matched": 2}
    renamed = [case.model_copy(update={"id": f"x{case.id}"}) for case in CASES]
    assert compare.compare(records(perfect(), renamed), records(perfect()))["questions"]["matched"] == 6
    with pytest.raises(InputError, match="of its 1 none is among the 1 asked here"):
        compare.compare(records(perfect(), CASES[:1]), records(perfect(), CASES[1:2]))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "does not exist"),
        ("{", "is not a results file"),
        ("[]", "is not a results file"),
        ('{"cases": [{}]}', "is not"),
    ],
)
def test_a_baseline_that_is_none(tmp_path, text, said):
    path = tmp_path / "old.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(InputError, match=said):
        compare.load(path)
