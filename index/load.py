"""Files to papers: the loader for each kind of file, and a child process that reads them within bounds."""

from __future__ import annotations

import hashlib
import os
import re
import stat
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from pathlib import Path

from index.errors import InputError, PaperError
from index.film import FILE, Film, PaperMeta
from index.loaders import interview
from index.paper import Loaded, Paper, Skipped
from index.spoilers import mark

Loader = Callable[[bytes, str], Loaded]
Progress = Callable[[str, int, int], None]

# suffix -> module in index/loaders
LOADERS: dict[str, str] = {
    ".txt": "text",
    ".text": "text",
    ".md": "markdown",
    ".markdown": "markdown",
    ".html": "html",
    ".htm": "html",
    ".xhtml": "html",
    ".srt": "subtitles",
    ".vtt": "subtitles",
    ".ass": "subtitles",
    ".ssa": "subtitles",
    ".pdf": "pdf",
    ".docx": "word",
    ".rtf": "rtf",
    ".epub": "epub",
    ".fountain": "fountain",
    ".spmd": "fountain",
    ".fdx": "finaldraft",
    ".csv": "credits",
    ".tsv": "credits",
    ".json": "credits",
}

# how a file begins -> the suffix it should have had; blanks and a byte order mark before it do not count
SIGNATURES: tuple[tuple[re.Pattern[bytes], str], ...] = tuple(
    (re.compile(start, re.IGNORECASE), suffix)
    for start, suffix in (
        (rb"(?:<\?xml[^>]*>\s*)?(?:<!doctype html|<html)", ".html"),
        (rb"(?:<\?xml[^>]*>\s*)?<FinalDraft\b", ".fdx"),
        (rb"WEBVTT\b", ".vtt"),
        (rb"(?:\d+\s+)?\d{1,2}:\d{2}:\d{2}[,.]\d{1,3}\s*-->", ".srt"),
        (rb"\[Script Info\]", ".ass"),
        (rb'(?:\[\s*)?\{\s*"|\[\s*(?:\[\s*)?"', ".json"),
        (rb"(?s:PK\x03\x04.{0,4000}?(?:application/epub\+zip|META-INF/container\.xml))", ".epub"),
        (rb"PK\x03\x04", ".docx"),
        (rb"\{\\rtf", ".rtf"),
        (rb"(?s:.{0,1000}?)%PDF-\d", ".pdf"),
    )
)
# without its signature such a file is something else under a wrong name, at best text
SIGNED = frozenset({".pdf", ".docx", ".epub", ".rtf"})
# formats whose files carry pictures may be larger than those that are text alone
LARGEST_FILE = 256 * 2**20
LARGEST_TEXT = 4_000_000
HEAD = 4096


def sniff(head: bytes) -> str | None:
    """The suffix that the first bytes of a file speak for, or None."""
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    return next((suffix for signature, suffix in SIGNATURES if signature.match(start)), None)


def loader_for(name: str, head: bytes) -> Loader:
    """The loader by content, then by suffix. Raises PaperError where there is none."""
    suffix = Path(name).suffix.lower()
    chosen = sniff(head) or (".txt" if suffix in SIGNED else suffix)
    if chosen not in LOADERS:
        kinds = ", ".join(sorted(LOADERS))
        raise PaperError(f"no loader for {chosen or 'a file without a suffix'}; papers may be {kinds}")
    loader: Loader = import_module(f"index.loaders.{LOADERS[chosen]}").load
    return loader


def parse(data: bytes, name: str) -> Loaded:
    """Text and blocks of one file, in this process. Raises PaperError with the reason."""
    if not data.strip():
        raise PaperError("it is empty")
    loaded = loader_for(name, data[:HEAD])(data, name)
    if len(loaded.text) > LARGEST_TEXT:
        raise PaperError(
            f"it holds {len(loaded.text):,} characters of text, and a paper may hold {LARGEST_TEXT:,}; "
            "split it or leave it out"
        )
    if not loaded.blocks:
        raise PaperError("there are no words in it")
    return interview.marked(loaded) if loaded.kind is None else loaded


def finish(loaded: Loaded, name: str, meta: PaperMeta, sha256: str) -> Paper:
    """The paper: what the file holds joined with what film.toml says of it."""
    said = meta.model_copy(
        update={
            "title": meta.title or loaded.title or Path(name).stem,
            "kind": meta.kind or loaded.kind or "paper",
        }
    )
    blocks, idle = mark(loaded.text, loaded.blocks, meta.spoiler)
    warnings = tuple(
        f"{FILE}: [{name!r}] spoiler place {rule!r} is nowhere in the paper, so it hides nothing; "
        f"see its places with: karmalink passages {name}"
        for rule in idle
    )
    return Paper(name, loaded.text, blocks, said, sha256, loaded.counts, warnings)


def load(path: Path, name: str, meta: PaperMeta) -> Paper:
    """Read one paper in this process; for a folder of unknown files take `load_folder`. Raises PaperError."""
    data = read_bytes(path)
    return finish(parse(data, name), name, meta, hashlib.sha256(data).hexdigest())


def read_bytes(path: Path) -> bytes:
    """The file's bytes. Raises PaperError for what is no file, cannot be read or is too large."""
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise PaperError("it is not a file")
        if status.st_size > LARGEST_FILE:
            here, most = status.st_size / 2**20, LARGEST_FILE / 2**20
            raise PaperError(f"it is {here:,.0f} MB, and a paper may be {most:,.0f} MB")
        return path.read_bytes()
    except OSError as error:
        raise PaperError(f"it cannot be read ({error.strerror})") from None


@cache
def fingerprint() -> str:
    """Changes when a loader changes, so that no paper stays as an older loader read it."""
    digest = hashlib.sha256()
    here = Path(__file__).parent
    for source in sorted([Path(__file__), here / "spoilers.py", *(here / "loaders").glob("*.py")]):
        digest.update(source.read_bytes())
    return digest.hexdigest()[:16]


@dataclass
class Folder:
    """What a folder holds: papers as parsed, before film.toml has its say, and what was left out."""

    loaded: dict[str, tuple[str, Loaded]] = field(default_factory=dict)
    skipped: list[Skipped] = field(default_factory=list)


def load_folder(documents: Path, film: Film, progress: Progress | None = None) -> tuple[list[Paper], list[Skipped]]:
    """Every paper of the folder and everything in it that is none. Raises InputError if there is no such folder."""
    folder = parse_folder(documents, progress=progress)
    papers = [finish(loaded, name, film.meta(name), sha256) for name, (sha256, loaded) in folder.loaded.items()]
    return papers, folder.skipped


def parse_folder(
    documents: Path, known: Mapping[str, tuple[str, Loaded]] | None = None, progress: Progress | None = None
) -> Folder:
    """Parse what is in the folder; `known` are papers by name with the sha256 they were parsed from."""
    from index.worker import Worker

    folder = Folder()
    files = list(_files(documents, folder.skipped))
    with Worker() as worker:
        for number, (path, name) in enumerate(files):
            if progress:
                progress("read", number, len(files))
            try:
                sha256 = hashlib.sha256(read_bytes(path)).hexdigest()
                before = (known or {}).get(name)
                if before and before[0] == sha256:
                    folder.loaded[name] = before
                else:
                    folder.loaded[name] = sha256, worker.parse(path, name)
            except PaperError as reason:
                folder.skipped.append(Skipped(shown(name), str(reason)))
    if progress:
        progress("read", len(files), len(files))
    return folder


def shown(name: str) -> str:
    """A file name that a terminal and JSON can show: what cannot be printed is escaped."""
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape", "surrogatepass").decode()
        for character in name
    )


def _files(documents: Path, skipped: list[Skipped]) -> Iterator[tuple[Path, str]]:
    """Files of the folder by name, hidden ones left out; what cannot be a paper goes to `skipped`."""
    if not documents.is_dir():
        raise InputError(
            f"No folder of papers at {documents}. Make it and put the film's papers in, "
            "or name another: karmalink build --documents DIR"
        )
    root = documents.resolve()

    def unreadable(error: OSError) -> None:
        name = os.path.relpath(error.filename, documents) if error.filename else str(documents)
        skipped.append(Skipped(shown(name), f"the folder cannot be read ({error.strerror})"))

    for where, folders, names in os.walk(documents, onerror=unreadable):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        links = [name for name in folders if (Path(where) / name).is_symlink()]
        for name in sorted([*names, *links]):
            path = Path(where) / name
            relative = path.relative_to(documents).as_posix()
            if name.startswith(".") or relative == FILE:
                continue
            reason = _unfit(path, relative, root)
            if reason:
                skipped.append(Skipped(shown(relative), reason))
            else:
                yield path, relative


def _unfit(path: Path, name: str, root: Path) -> str | None:
    if not all(character.isprintable() for character in name):
        return "its name holds characters that cannot be printed; rename it"
    if path.is_symlink():
        target = path.resolve()
        if not target.exists():
            return "it is a link to nothing"
        if not target.is_relative_to(root):
            return "it is a link out of the folder; copy the file itself into the folder"
        if target.is_dir():
            return "it is a link to a folder"
    return None
