"""Question sets in every format, and what is said of bad ones."""

from __future__ import annotations

import json
import tracemalloc

import pytest

from index.errors import InputError
from rag.evaluation.case import TYPES, Case, named_type
from rag.evaluation.sets import first, read

ROW = {"id": "1", "question": "Who directed it?", "answers": ["Mira Kessel"], "evidence": ["Mira Kessel directed it"]}
SQUAD = {
    "version": "v2.0",
    "data": [
        {
            "title": "Lantern",
            "paragraphs": [
                {
                    "context": "Snow fell for days. Mira Kessel directed it in 2021. Nobody fell ill.",
                    "qas": [
                        {
                            "id": "s1",
                            "question": "Who directed it?",
                            "answers": [
                                {"text": "Mira Kessel", "answer_start": 20},
                                {"text": "Kessel", "answer_start": 25},
                            ],
                            "is_impossible": False,
                        },
                        {"id": "s2", "question": "What did it cost?", "answers": [], "is_impossible": True},
                        {"id": "s3", "question": "When?", "answers": [{"text": 2021}]},
                    ],
                }
            ],
        }
    ],
}
FILM = {
    "id": "film-0006",
    "title": "The Salt Lantern",
    "documents": [{"id": "d1", "kind": "review", "title": "A lamp", "text": "Mira Kessel directed it."}],
    "questions": [
        {
            "q": "Who directed it?",
            "type": "person",
            "doc": "d1",
            "answer": "Mira Kessel",
            "also": ["Kessel directed it"],
        },
        {
            "q": "And the cost?",
            "type": "follow-up",
            "answer": None,
            "history": ["Who directed it?"],
            "standalone": "Cost?",
        },
        {"q": 7, "type": "date", "doc": "d1", "answer": "2021"},
    ],
}


def put(folder, name, text):
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def jsonl(*rows):
    return "".join(json.dumps(row) + "\n" for row in rows)


def cases_of(*paths, **options):
    problems = []
    cases = [case for group in read(paths, problems.append, **options) for case in group.cases]
    return cases, [str(problem) for problem in problems]


def test_our_jsonl(tmp_path):
    path = put(tmp_path, "set.jsonl", "\ufeff" + jsonl(ROW, {"question": "What did it cost?", "type": "unanswerable"}))
    [known, silent], problems = cases_of(path)
    assert not problems
    assert known.answerable and known.answers == ("Mira Kessel",) and known.evidence == (("Mira Kessel directed it",),)
    assert not silent.answerable and silent.id == "set:2" and silent.line == 2


def test_evidence_may_be_one_text_or_pieces_with_others_that_prove_the_same(tmp_path):
    path = put(
        tmp_path, "set.jsonl", jsonl(ROW | {"evidence": "one"}, ROW | {"id": "2", "evidence": ["one", ["two", "deux"]]})
    )
    [single, pieces], problems = cases_of(path)
    assert single.evidence == (("one",),) and pieces.evidence == (("one",), ("two", "deux")) and not problems


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_csv_with_lists_in_its_cells(tmp_path, separator):
    text = separator.join(["ID", "question", "answers", "history", "answerable"]) + "\n"
    text += separator.join(["1", '"Who\ndirected it?"', "Mira Kessel | Kessel", '"[""Is it long?""]"', "yes"]) + "\n"
    text += separator.join(["2", "What did it cost?", "", "", "No"]) + "\n"
    [known, silent], problems = cases_of(put(tmp_path, "set.csv", text))
    assert not problems
    assert known.question == "Who\ndirected it?" and known.answers == ("Mira Kessel", "Kessel")
    assert known.history == ("Is it long?",) and known.line == 2
    assert not silent.answerable and silent.line == 4


def test_squad_keeps_the_sentence_as_evidence(tmp_path):
    [known, silent], problems = cases_of(put(tmp_path, "squad.json", json.dumps(SQUAD)))
    assert known.answers == ("Mira Kessel", "Kessel")
    assert known.evidence == (("Mira Kessel directed it in 2021.",),)
    assert not silent.answerable and silent.type == "unanswerable"
    assert problems == [
        "squad.json, column answers: article 1, paragraph 1, question 3: "
        'expected a list of {"text": "…", "answer_start": …}'
    ]


def test_squad_may_bring_its_own_papers(tmp_path):
    path = put(tmp_path, "squad.json", json.dumps(SQUAD))
    [group] = read([path], lambda _: None, own_papers=True)
    assert group.name == "Lantern" and "Mira Kessel directed it" in group.papers[0].text
    assert next(iter(read([path], lambda _: None))).papers is None


def test_dossiers_bring_their_papers(tmp_path):
    problems = []
    [group] = read([put(tmp_path, "film-0006.json", json.dumps(FILM))], problems.append)
    [known, silent] = group.cases
    assert [(paper.name, paper.title, paper.kind) for paper in group.papers] == [("d1.txt", "A lamp", "review")]
    assert known.answers == ("Mira Kessel", "Kessel directed it") and known.document == "d1.txt"
    assert known.evidence == (known.answers,), "any of the answers proves it"
    assert silent.history == ("Who directed it?",) and not silent.answerable and silent.type == "follow-up"
    assert [str(problem) for problem in problems] == [
        "film-0006.json, column question: question 3: expected text, got 7 (a number)"
    ]


def test_a_folder_of_dossiers_gives_the_dev_films_unless_told_otherwise(tmp_path):
    for number in (5, 6, 11, 13):
        put(tmp_path, f"film-{number:04}.json", json.dumps(FILM | {"id": f"film-{number:04}"}))
    films = {split: [c.id for c in cases_of(tmp_path, split=split)[0]] for split in (None, "dev", "train", "all")}
    assert films[None] == films["dev"] == ["film-0006/1", "film-0006/2", "film-0011/1", "film-0011/2"]
    assert films["train"] == ["film-0005/1", "film-0005/2", "film-0013/1", "film-0013/2"]
    assert len(films["all"]) == 8


def test_ragas_columns_in_json_jsonl_and_csv(tmp_path):
    row = {
        "user_input": "Who directed it?",
        "reference": "It was Mira Kessel.",
        "reference_contexts": ["By Mira Kessel."],
    }
    talk = [
        {"type": "human", "content": "Is it long?"},
        {"type": "ai", "content": "Yes."},
        {"type": "human", "content": "How long?"},
    ]
    paths = [
        put(tmp_path, "a.jsonl", jsonl(row | {"response": "?", "retrieved_contexts": [], "persona_name": None})),
        put(tmp_path, "b.json", json.dumps([row | {"user_input": talk}])),
        put(tmp_path, "c.csv", "user_input,reference,reference_contexts\nWho?,It was | her,\"['By Mira Kessel.']\"\n"),
    ]
    [one, two, three], problems = cases_of(*paths)
    assert not problems
    assert one.answers == ("It was Mira Kessel.",) and one.evidence == (("By Mira Kessel.",),) and one.answerable
    assert two.question == "How long?" and two.history == ("Is it long?",) and two.type == "follow-up"
    assert three.answers == ("It was | her",) and three.evidence == (("By Mira Kessel.",),)


def test_a_bad_row_is_named_and_the_rest_runs(tmp_path):
    lines = [
        json.dumps(ROW),
        "{not json",
        json.dumps({"id": "2", "question": "Cost?", "answers": 42}),
        json.dumps({"id": "3", "answers": ["x"]}),
        json.dumps({"id": "4", "question": "   "}),
        json.dumps([1, 2]),
        json.dumps({"id": "5", "question": "Q?", "answerable": "perhaps"}),
        json.dumps({"id": "6", "question": "Q?", "answers": ["yes", 7]}),
        json.dumps({"id": "7", "question": "The last?"}),
    ]
    cases, problems = cases_of(put(tmp_path, "set.jsonl", "\n".join(lines)))
    assert [case.id for case in cases] == ["1", "7"]
    assert problems == [
        "set.jsonl, line 2: not JSON: Expecting property name enclosed in double quotes at character 2",
        "set.jsonl, line 3, column answers: expected text or a list of texts, got 42 (a number)",
        "set.jsonl, line 4, column question: is missing",
        "set.jsonl, line 5, column question: is empty",
        'set.jsonl, line 6: expected a table such as {"question": "…"}, got [1, 2]',
        "set.jsonl, line 7, column answerable: expected true or false, got 'perhaps' (text)",
        "set.jsonl, line 8, column answers: expected text, got 7 (a number)",
    ]


def test_bad_rows_of_csv(tmp_path):
    path = tmp_path / "set.csv"
    path.write_bytes(b"question,answers\nOne?,a,b,c\nCaf\xe9?,x\n\nTwo?,y\n")
    cases, problems = cases_of(path)
    assert [case.question for case in cases] == ["Two?"]
    assert problems == [
        "set.csv, line 2: 4 cells under 2 columns; put cells that hold ',' in quotes",
        "set.csv, line 3: holds bytes that are not UTF-8; save the file as UTF-8",
    ]


def test_unknown_columns_are_named_once_with_what_may_be_meant(tmp_path):
    rows = [ROW | {"answer": "x", "mood": 1}, ROW | {"id": "2", "answer": "y"}]
    cases, problems = cases_of(put(tmp_path, "set.jsonl", jsonl(*rows)))
    assert len(cases) == 2
    assert problems[0] == "set.jsonl, line 1, column answer: unknown column, left out; is 'answers' meant?"
    assert problems[1].startswith("set.jsonl, line 1, column mood: unknown column, left out; known are id, question,")
    assert len(problems) == 2


def test_duplicate_ids_are_kept_apart(tmp_path):
    path = put(tmp_path, "set.jsonl", jsonl(ROW, ROW | {"question": "Who else?"}, ROW | {"question": "And who?"}))
    cases, problems = cases_of(path)
    assert [case.id for case in cases] == ["1", "1 (2)", "1 (3)"]
    assert problems[0] == "set.jsonl, line 2, column id: '1' stands there before; this one is kept as '1 (2)'"
    problems = []
    sets = list(read([path, path], problems.append))
    assert len({case.id for group in sets for case in group.cases}) == 6


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("empty.jsonl", "", "is empty"),
        ("blank.csv", " \n\n", "is empty"),
        ("letter.txt", "Dear all,\nhow are you?", "is not a question set: its first line is 'Dear all,'"),
        ("other.json", '{"a": 1}', "is not a question set"),
        ("broken.json", '[{"question": "a"},\n oops]', "line 2: not JSON"),
        ("deep.json", "[" * 100_000, "nested too deep"),
    ],
)
def test_files_that_are_no_sets_are_refused(tmp_path, name, text, said):
    path = put(tmp_path, name, text)
    with pytest.raises(InputError, match=said) as caught:
        cases_of(path)
    assert name in str(caught.value)


def test_paths_that_hold_nothing_are_refused(tmp_path):
    with pytest.raises(InputError, match="does not exist"):
        cases_of(tmp_path / "gone.jsonl")
    with pytest.raises(InputError, match="holds no question set"):
        cases_of(tmp_path)
    put(tmp_path, "film-0005.json", json.dumps(FILM))
    with pytest.raises(InputError, match="no film of the split 'dev' among 1. Try --split all"):
        cases_of(tmp_path)


def test_the_limit_cuts_across_sets(tmp_path):
    paths = [put(tmp_path, f"{n}.jsonl", jsonl(*[{"id": f"{n}{k}", "question": "Q?"} for k in range(3)])) for n in "ab"]
    for limit, expected in ((None, 6), (2, 2), (3, 3), (4, 4), (99, 6)):
        cases = [case.id for group in first(read(paths, lambda _: None), limit) for case in group.cases]
        assert cases == ["a0", "a1", "a2", "b0", "b1", "b2"][:expected]


def test_a_hundred_thousand_rows_stream(tmp_path):
    path = tmp_path / "many.jsonl"
    row = json.dumps(ROW | {"evidence": ["x " * 200]})
    path.write_text("".join(row.replace('"id": "1"', f'"id": "{number}"') + "\n" for number in range(100_000)))
    [group] = read([path], lambda _: None)
    tracemalloc.start()
    for _ in zip(range(5000), group.cases, strict=False):
        pass
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    # The file has 50 MB, these rows 2.5; what is kept of them is their ids.
    assert peak < 1_500_000


def test_types_are_told_by_their_words():
    assert len(TYPES) == 17
    for given, named in {
        "False_Premise": "false premise",
        "yes no": "yes-no",
        "Follow-Up": "follow-up",
        " ": "untyped",
    }.items():
        assert named_type(given) == named
    assert named_type("costume") == "costume"


@pytest.mark.parametrize(
    ("row", "answerable"),
    [
        ({"answers": ["x"]}, True),
        ({"evidence": ["x"]}, True),
        ({}, False),
        ({"type": "off-topic", "answers": ["x"]}, False),
        ({"type": "fact", "answerable": True}, True),
        ({"answers": ["what must stay unsaid"], "answerable": False}, False),
    ],
)
def test_what_is_answerable(row, answerable):
    assert Case.model_validate({"id": "1", "question": "Q?"} | row).answerable is answerable
