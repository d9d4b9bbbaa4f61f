"""Versions of the index on disk: one folder each, and a pointer to the one that answers."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import secrets
import shutil
import socket
import time
import weakref
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from index.errors import IndexDamaged, IndexLocked, IndexMissing, InputError

SCHEMA = 2
POINTER = "current"
MANIFEST = "manifest.json"
PAPERS = "papers.json"
VECTORS = "vectors.npy"
SENTENCES = "sentences.npz"
STORE = "store"
LEASE = "lease"
LOCK = "lock"
HOLDER = "builder.json"


@dataclass(frozen=True)
class Version:
    """One version: its folder, what its manifest says, and the command that would make it again."""

    path: Path
    manifest: dict[str, Any]
    command: str

    @property
    def name(self) -> str:
        return self.path.name

    def read_papers(self) -> dict[str, Any]:
        """The papers' texts, blocks and passages. Raises IndexDamaged if they are not what was written."""
        try:
            data = (self.path / PAPERS).read_bytes()
        except OSError as error:
            raise self.damaged(error.strerror or "unreadable", PAPERS) from None
        if hashlib.sha256(data).hexdigest() != self.manifest["papers_sha256"]:
            raise self.damaged("its sha256 is not the one in the manifest", PAPERS)
        papers: dict[str, Any] = json.loads(data)
        return papers

    def damaged(self, reason: str, file: str = "") -> IndexDamaged:
        """The error for a broken file of this version."""
        return damaged(self.path / file, reason, self.command)


def damaged(path: Path, reason: str, command: str) -> IndexDamaged:
    """The error for a broken file of the index; `command` mends it."""
    return IndexDamaged(f"The index is damaged: {path}: {reason}. Build it again: {command}")


def current(root: Path, command: str) -> Version:
    """The version that answers. Raises IndexMissing or IndexDamaged, both naming `command`."""
    try:
        name = (root / POINTER).read_text(encoding="utf-8").strip()
    except (FileNotFoundError, NotADirectoryError):
        raise IndexMissing(f"There is no index in {root}. Build it: {command}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise damaged(root / POINTER, str(error), command) from None
    if not name or Path(name).name != name:
        raise damaged(root / POINTER, f"it names no version but {name!r}", command)
    return read_version(root / name, command)


def read_version(path: Path, command: str) -> Version:
    """The version in a folder. Raises IndexDamaged."""
    try:
        manifest = json.loads((path / MANIFEST).read_bytes())
    except OSError as error:
        raise damaged(path / MANIFEST, error.strerror or "unreadable", command) from None
    except ValueError:
        raise damaged(path / MANIFEST, "it is not JSON", command) from None
    if not isinstance(manifest, dict) or "schema" not in manifest:
        raise damaged(path / MANIFEST, "it is not a manifest", command)
    return Version(path, manifest, command)


def new_version(root: Path) -> Path:
    """An empty folder for a version to be."""
    path = root / f"{time.strftime('%Y%m%d-%H%M%S')}-{secrets.token_hex(3)}"
    path.mkdir()
    (path / LEASE).touch()
    return path


def write(path: Path, data: bytes) -> None:
    """Write a file whole: it is the old one or the new one, whatever happens in between."""
    part = path.with_name(f"{path.name}.part")
    with part.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    os.replace(part, path)


def swap(root: Path, name: str) -> None:
    """Let version `name` answer from now on."""
    write(root / POINTER, f"{name}\n".encode())


def dump(value: Any) -> bytes:
    """JSON of `value`, with lone surrogates escaped like all else that is not ASCII."""
    return json.dumps(value, separators=(",", ":")).encode()


@contextlib.contextmanager
def locked(root: Path, command: str) -> Iterator[None]:
    """Hold the index for building. Raises IndexLocked naming the holder, InputError where nothing can be written."""
    from filelock import FileLock, Timeout

    try:
        root.mkdir(parents=True, exist_ok=True)
        lock = FileLock(root / LOCK, timeout=0)
        lock.acquire()
    except Timeout:
        raise IndexLocked(f"Another build holds the index in {root}: {_holder(root, command)}") from None
    except OSError as error:
        raise InputError(
            f"The index cannot be written to {root} ({error.strerror}). "
            "Name another folder: karmalink build --index DIR"
        ) from None
    try:
        since = time.strftime("%Y-%m-%d %H:%M:%S")
        write(root / HOLDER, dump({"pid": os.getpid(), "host": socket.gethostname(), "since": since}))
        yield
    finally:
        (root / HOLDER).unlink(missing_ok=True)
        lock.release()


def _holder(root: Path, command: str) -> str:
    try:
        holder = json.loads((root / HOLDER).read_bytes())
        pid, host, since = holder["pid"], holder["host"], holder["since"]
    except (OSError, ValueError, KeyError, TypeError):
        return f"it has just begun. Wait for it to end and run: {command}"
    return f"process {pid} on {host}, since {since}. Wait for it to end, or end it (kill {pid}), and run: {command}"


def lease(path: Path, holder: object) -> None:
    """Mark a version as in use for as long as `holder` lives, where the system has such locks."""
    try:
        import fcntl

        file = os.open(path / LEASE, os.O_RDONLY)
    except (ImportError, OSError):
        return
    weakref.finalize(holder, os.close, file)
    with contextlib.suppress(OSError):
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)


def _in_use(path: Path) -> bool:
    try:
        import fcntl
    except ImportError:
        return True
    try:
        with (path / LEASE).open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except OSError:
        return True
    return False


def stale_versions(root: Path, keep: set[str]) -> Iterator[Path]:
    """Folders of versions that neither answer nor are in use."""
    for path in sorted(root.iterdir()):
        is_version = path.is_dir() and ((path / LEASE).exists() or (path / MANIFEST).exists())
        if is_version and path.name not in keep and not _in_use(path):
            yield path


def remove(path: Path) -> None:
    """Remove the folder of a version."""
    shutil.rmtree(path, ignore_errors=True)
