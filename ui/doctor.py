"""What is installed, which models, which index, what is wrong, and the command that mends it."""

from __future__ import annotations

import hashlib
import platform
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from index.errors import KarmalinkError

if TYPE_CHECKING:
    from index.settings import Settings
    from index.store import Index

NAME = "karmalink"
PINS = Path(__file__).resolve().parent.parent / "constraints.txt"
OLDEST = (3, 11)
ROOM, LITTLE = 200, 1000  # MB free: a build fails below the first, should be looked after below the second


@dataclass(frozen=True)
class Finding:
    """One line of the report; `mend` is the command or step that puts it right."""

    state: Literal["ok", "warn", "bad"]
    what: str
    found: str
    mend: str = ""


def examine(settings: Settings) -> list[Finding]:
    """Every check, in the order in which one rests on another."""
    return [finding for check in CHECKS for finding in check(settings)]


def _python(settings: Settings) -> Iterator[Finding]:
    well = sys.version_info >= OLDEST
    mend = "" if well else f"install Python {OLDEST[0]}.{OLDEST[1]} or newer, then: make setup"
    yield Finding("ok" if well else "bad", "Python", platform.python_version(), mend)


def _packages(settings: Settings) -> Iterator[Finding]:
    from packaging.requirements import Requirement
    from packaging.version import Version

    try:
        stated = [Requirement(line) for line in metadata.requires(NAME) or []]
    except metadata.PackageNotFoundError:
        yield Finding("bad", "packages", f"{NAME} itself is not installed", "make setup")
        return
    needed = [requirement for requirement in stated if not requirement.marker or requirement.marker.evaluate()]
    pins = _pins()
    missing, other = [], []
    for requirement in needed:
        try:
            found = metadata.version(requirement.name)
        except metadata.PackageNotFoundError:
            missing.append(requirement.name)
            continue
        pinned = pins.get(_plain(requirement.name))
        if not requirement.specifier.contains(found, prereleases=True):
            other.append(f"{requirement.name} {found} (needs {requirement.specifier})")
        elif pinned and Version(found).public != Version(pinned).public:
            other.append(f"{requirement.name} {found} (pinned: {pinned})")
    if missing:
        yield Finding("bad", "packages", f"missing: {', '.join(missing)}", "make setup")
    if other:
        yield Finding("warn", "packages", f"of another version: {', '.join(other)}", "make setup")
    if not missing and not other:
        yield Finding("ok", "packages", f"{len(needed)} as pinned" if pins else f"{len(needed)} installed")


def _pins() -> dict[str, str]:
    if not PINS.is_file():
        return {}
    lines = (line.split("#")[0].split(";")[0].strip() for line in PINS.read_text("utf-8").splitlines())
    pairs = (line.split("==", 1) for line in lines if "==" in line)
    return {_plain(name.strip()): version.strip() for name, version in pairs}


def _plain(name: str) -> str:
    return name.split("[")[0].lower().replace("_", "-").replace(".", "-")


def _papers(settings: Settings) -> Iterator[Finding]:
    from index.film import read_film

    if not settings.documents.is_dir():
        mend = "put the film's papers there, or name the folder: --documents DIR"
        yield Finding("bad", "documents", f"{settings.documents} is no folder", mend)
        return
    try:
        film = read_film(settings.documents)
    except KarmalinkError as error:
        yield Finding("bad", "film.toml", str(error))
        return
    yield Finding("ok", "documents", f"{settings.documents}, {film.title}")


def _embedding(settings: Settings) -> Iterator[Finding]:
    from index.embed import load_embeddings

    try:
        embeddings = load_embeddings(settings)
        embeddings.verify()
    except KarmalinkError as error:
        yield Finding("bad", "embedding model", str(error))
        return
    checked = "sha256 as it should be" if embeddings.bundled else "of your own choice"
    yield Finding("ok", "embedding model", f"{embeddings.name}, {checked}")


def _reader(settings: Settings) -> Iterator[Finding]:
    from rag.reader import load_reader

    try:
        reader = load_reader(settings)
    except KarmalinkError as error:
        yield Finding("bad", "reader", str(error))
        return
    if reader.warning:
        yield Finding("bad", "reader", reader.warning)
    else:
        yield Finding("ok", "reader", f"{reader.name}, weights as they should be")


def _index(settings: Settings) -> Iterator[Finding]:
    from index.store import open_index

    try:
        index = open_index(settings)
    except KarmalinkError as error:
        yield Finding("bad", "index", str(error))
        return
    found = f"{settings.chroma or settings.index}, {len(index.papers)} papers, {len(index.passages)} passages"
    yield Finding("ok", "index", found)
    changed = _changed(settings, index)
    if changed:
        yield Finding("warn", "index", f"older than {', '.join(changed)}", "karmalink build")


def _changed(settings: Settings, index: Index) -> list[str]:
    """What of the documents folder is not as the index has it: papers changed, come or gone, film.toml."""
    from index.film import FILE, read_film

    known = {paper.name: paper.sha256 for paper in index.papers}
    found = {}
    for path in sorted(settings.documents.rglob("*")):
        name = path.relative_to(settings.documents).as_posix()
        if name in known and path.is_file():
            found[name] = hashlib.sha256(path.read_bytes()).hexdigest()
    changed = [name for name, sha in known.items() if found.get(name) != sha]
    skipped = {paper.name for paper in index.skipped}
    changed += _new(settings.documents, {*known, *skipped, FILE})
    try:
        return changed if read_film(settings.documents) == index.film else [*changed, FILE]
    except KarmalinkError:
        return changed


def _new(documents: Path, known: set[str]) -> list[str]:
    names = (path.relative_to(documents) for path in sorted(documents.rglob("*")) if path.is_file())
    shown = (name for name in names if not any(part.startswith(".") for part in name.parts))
    return [name.as_posix() for name in shown if name.as_posix() not in known]


def _model(settings: Settings) -> Iterator[Finding]:
    """The language model is tried with one question; whatever goes wrong is told in the answer's warnings."""
    if settings.model is None:
        yield Finding("ok", "language model", "none set; answers come from the reader")
        return
    from rag.chain import build_chain

    try:
        chain = build_chain(settings)
    except KarmalinkError as error:
        yield Finding("bad", "language model", str(error))
        return
    answer = chain.invoke(next(iter(chain.film.starters), f"What is {chain.film.title} about?"))
    trouble = [warning for warning in answer.warnings if warning != chain.reader.warning]
    if trouble:
        mend = "start the model, or unset KARMALINK_MODEL; until then the reader answers"
        yield Finding("bad", "language model", f"{settings.model}: {' '.join(trouble)}", mend)
    else:
        seconds = answer.timings_ms.get("total", 0.0) / 1000
        yield Finding("ok", "language model", f"{settings.model}, one question in {seconds:.1f} s")


def _disk(settings: Settings) -> Iterator[Finding]:
    folder = next(path for path in (settings.index.absolute(), *settings.index.absolute().parents) if path.exists())
    free = shutil.disk_usage(folder).free // 2**20
    state: Literal["ok", "warn", "bad"] = "ok" if free >= LITTLE else "warn" if free >= ROOM else "bad"
    mend = "" if state == "ok" else "free some space, or use another disk: --index DIR"
    yield Finding(state, "disk", f"{free} MB free at {folder}", mend)


CHECKS: tuple[Callable[[Settings], Iterator[Finding]], ...] = (
    _python,
    _packages,
    _disk,
    _papers,
    _embedding,
    _reader,
    _index,
    _model,
)
