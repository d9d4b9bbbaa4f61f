"""karmalink evaluate as a user runs it: files, exit statuses, the report."""

from __future__ import annotations

import argparse
import json
import re

import pytest

from index.errors import InputError
from rag.evaluation import command, evaluate, report
from tests.evaluation_script import CASES, PAPER, Script, answer, cite, faulty, perfect


@pytest.fixture
def scripts(monkeypatch):
    """The scripts that stand where the chains are built, by name."""
    chains = {"film": Script(perfect()), "plain": Script(faulty())}
    monkeypatch.setattr(command, "CHAINS", {name: lambda _, chain=chain: chain for name, chain in chains.items()})
    return chains


@pytest.fixture
def questions(tmp_path):
    path = tmp_path / "set.jsonl"
    path.write_text("".join(case.model_dump_json() + "\n" for case in CASES))
    return path


@pytest.fixture
def karmalink(settings):
    def run(*words):
        parser = argparse.ArgumentParser()
        command.add_arguments(parser)
        args = parser.parse_args([str(word) for word in words])
        args.settings = settings()
        return command.run(args)

    return run


def test_a_run_prints_its_verdict(scripts, questions, karmalink, capsys):
    assert karmalink(questions) == 0
    out = capsys.readouterr()
    assert "6 questions: 6 right." in out.out and "hit" in out.out
    assert "6/6" in out.err and "100% right" in out.err


def test_results_and_report_are_written(scripts, questions, karmalink, tmp_path):
    assert karmalink(questions, "--json", tmp_path / "r.json", "--html", tmp_path / "r.html", "--chain", "plain") == 0
    data = json.loads((tmp_path / "r.json").read_text())
    assert data["run"]["chain"] == "plain" and len(data["cases"]) == 6 and data["verdicts"]["crashed"] == 1
    assert "answered wrongly" in (tmp_path / "r.html").read_text()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["r.html", "r.json", "set.jsonl"]


def test_bars(scripts, questions, karmalink, capsys):
    assert karmalink(questions, "--fail-under", "hit=0.9, refused=1,aurc=0.1,p95=100000") == 0
    assert karmalink(questions, "--fail-under", "hit=0.9", "--chain", "plain") == 4
    assert "MISSED: hit 0.500, bar 0.9" in capsys.readouterr().out
    assert karmalink(questions, "--fail-under", "false_answer_rate=0.2", "--chain", "plain") == 4
    assert karmalink(questions, "--fail-under", "faithfulness=0.1") == 4, "what has no score meets no bar"


@pytest.mark.parametrize(
    ("bars", "said"),
    [("hitt=0.9", "no measure 'hitt'. Is 'hit' meant?"), ("hit", "'hit' has no number"), ("hit=most", "has no number")],
)
def test_bars_that_are_none(scripts, questions, karmalink, bars, said):
    with pytest.raises(InputError, match=re.escape(said)):
        karmalink(questions, "--fail-under", bars)
    assert scripts["film"].asked == []


def test_a_baseline(scripts, questions, karmalink, tmp_path, capsys):
    old = tmp_path / "old.json"
    assert karmalink(questions, "--json", old) == 0
    assert karmalink(questions, "--baseline", old) == 0
    assert karmalink(questions, "--baseline", old, "--chain", "plain", "--html", tmp_path / "r.html") == 3
    out = capsys.readouterr().out
    assert "6 of 6 questions match" in out and "worse: refusal_recall 1.000 -> 0.000" in out
    assert "5 answers got worse" in out and "old: Ada Lindqvist (right)" in out
    assert "Worse than old.json" in (tmp_path / "r.html").read_text()
    with pytest.raises(InputError, match=r"gone\.json does not exist"):
        karmalink(questions, "--baseline", tmp_path / "gone.json")


def test_bad_rows_are_told_and_the_rest_runs(scripts, questions, karmalink, tmp_path, capsys):
    questions.write_text(questions.read_text() + '{"question": 7}\n{oops\n')
    assert karmalink(questions, "--json", tmp_path / "r.json", "--html", tmp_path / "r.html") == 2
    out = capsys.readouterr()
    assert "set.jsonl, line 7, column question: expected text, got 7 (a number)" in out.err
    assert "set.jsonl, line 8: not JSON" in out.err and "6 questions: 6 right" in out.out
    assert len(json.loads((tmp_path / "r.json").read_text())["problems"]) == 2
    assert "line 7, column question" in (tmp_path / "r.html").read_text()


def test_columns_that_are_left_out_are_no_failure(scripts, questions, karmalink, capsys):
    questions.write_text(questions.read_text() + '{"question": "Who directed it?", "id": "z", "colour": "red"}\n')
    assert karmalink(questions) == 0
    assert "column colour: unknown column" in capsys.readouterr().err


@pytest.mark.parametrize("text", ["", "{oops\n", '{"question": ""}\n'])
def test_a_set_without_a_question_is_refused(scripts, questions, karmalink, text):
    questions.write_text(text)
    with pytest.raises(InputError, match="is empty|no question to ask; 1 rows cannot be used"):
        karmalink(questions)


def test_all_crashed_is_a_failure(scripts, questions, karmalink):
    scripts["film"].script = {case.question: OSError("no reel") for case in CASES}
    assert karmalink(questions) == 1


def test_places_that_cannot_be_written_are_told_before_anything_is_asked(scripts, questions, karmalink, tmp_path):
    for option in ("--json", "--html"):
        with pytest.raises(InputError, match="cannot be written"):
            karmalink(questions, option, tmp_path / "no" / "such" / "file")
    with pytest.raises(InputError, match="name the file too"):
        karmalink(questions, "--resume")
    assert scripts["film"].asked == []


def test_ctrl_c_and_resume(scripts, questions, karmalink, tmp_path, capsys):
    path, chain = tmp_path / "r.json", scripts["film"]
    chain.script = perfect() | {"How long is it?": KeyboardInterrupt()}
    assert karmalink(questions, "--json", path, "--html", tmp_path / "r.html") == 1
    assert "Stopped after 2 of 6 questions; go on with --resume" in capsys.readouterr().out
    assert len(json.loads(path.read_text())["cases"]) == 2
    assert "Cut short after 2 of 6" in (tmp_path / "r.html").read_text()
    chain.script, chain.asked = perfect(), []
    assert karmalink(questions, "--json", path, "--resume") == 0
    assert chain.asked == [case.question for case in CASES[2:]]
    assert len(json.loads(path.read_text())["cases"]) == 6
    assert not (tmp_path / "r.json.part").exists()


def test_the_limit(scripts, questions, karmalink):
    assert karmalink(questions, "--limit", 2) == 0
    assert len(scripts["film"].asked) == 2
    with pytest.raises(SystemExit):
        karmalink(questions, "--limit", 0)


def test_a_sample_is_of_all_questions_and_the_same_every_time(scripts, questions, karmalink, tmp_path):
    more = tmp_path / "more.jsonl"
    more.write_text("".join(case.model_copy(update={"id": f"{case.id}2"}).model_dump_json() + "\n" for case in CASES))
    drawn = []
    for _ in range(2):
        assert karmalink(questions, more, "--sample", 4, "--json", tmp_path / "r.json") == 0
        drawn.append([case["case"]["id"] for case in json.loads((tmp_path / "r.json").read_text())["cases"]])
    assert drawn[0] == drawn[1] != [case.id for case in CASES][:4] and len(set(drawn[0])) == 4
    assert karmalink(questions, "--sample", 100, "--json", tmp_path / "r.json") == 0
    assert len(json.loads((tmp_path / "r.json").read_text())["cases"]) == len(CASES)
    with pytest.raises(SystemExit):
        karmalink(questions, "--sample", 2, "--limit", 2)


def test_questions_with_their_own_papers_get_their_own_index(built_settings, tmp_path):
    """The whole road: a film's papers into an index of their own, both chains over it, retrieval heard."""
    film = {
        "id": "film-0001",
        "title": 'Snow "on" Orrin',
        "documents": [{"id": "d1", "kind": "notes", "title": "Notes\tone", "text": PAPER}],
        "questions": [
            {"q": "Who wrote the score?", "type": "person", "doc": "d1", "answer": "Ada Lindqvist"},
            {"q": "How many minutes does the film run?", "type": "number", "doc": "d1", "answer": "97 minutes"},
        ],
    }
    folder = tmp_path / "films"
    folder.mkdir()
    (folder / "film-0001.json").write_text(json.dumps(film))
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    for chain in ("film", "plain"):
        words = [str(folder), "--json", str(tmp_path / "r.json"), "--keep", str(tmp_path / "kept"), "--chain", chain]
        args = parser.parse_args(words)
        args.settings = built_settings
        assert command.run(args) == 0
        data = json.loads((tmp_path / "r.json").read_text())
        assert data["measures"]["recall@8"]["value"] == 1.0
        assert data["measures"]["quote_validity"]["value"] == 1.0
        assert data["crashed"] == 0 and data["cases"][0]["set"] == 'Snow "on" Orrin'
        assert {"retrieve", "read", "total"} == data["latency_ms"].keys()


HOSTILE = "<script>alert('x')</script> & {{ 7 * 7 }}"


def test_the_report_shows_what_papers_and_people_wrote_as_text(tmp_path):
    case = CASES[0].model_copy(update={"question": HOSTILE, "type": "</style><b>$x$", "answers": (HOSTILE,)})
    said = answer(HOSTILE, HOSTILE, citations=[cite("Mira Kessel").model_copy(update={"title": HOSTILE})])
    evaluation = evaluate(Script({HOSTILE: said, **perfect()}), [case, *CASES[1:]])
    report.write(evaluation, tmp_path / "r.html")
    page = (tmp_path / "r.html").read_text()
    assert page.count("<script>") == 1 and "&lt;script&gt;alert" in page and "{{ 7 * 7 }}" in page
    assert "</style><b>" not in page


def test_the_report_needs_nothing_from_outside(tmp_path):
    evaluation = evaluate(Script(faulty(), found=[PAPER]), CASES)
    report.write(evaluation, tmp_path / "a.html")
    report.write(evaluation, tmp_path / "b.html")
    page = (tmp_path / "a.html").read_text()
    assert page == (tmp_path / "b.html").read_text(), "the same results give the same page"
    assert not re.search(r"""(?:src|href|url)\s*[=(]\s*["']?(?:https?:)?//""", page)
    assert page.index("<h1>") < page.index("<svg") < page.index('class="case"')
    order = re.findall(r'class="case" id="c\d+" data-verdict="([^"]+)"', page)
    assert order == ["crashed", "answered wrongly", "reader missed", "refused wrongly", "cited wrongly", "right"]
    assert "<mark>97 minutes</mark>" in page and "out of film" in page


def test_an_empty_run_has_a_report(tmp_path):
    report.write(evaluate(Script({}), []), tmp_path / "r.html")
    assert "of 0 questions" in (tmp_path / "r.html").read_text()


@pytest.mark.parametrize(
    ("share", "shown"), [(1, "100%"), (0.9999, "99.9%"), (0.996, "99.6%"), (0.5, "50%"), (0.001, "0.1%")]
)
def test_a_share_is_never_rounded_to_flawless(share, shown):
    assert report.percent(share) == shown
