"""The reader's network as visitors meet it: onnxruntime, 8-bit matrices, no PyTorch.

Numbers on disk are codes of 4 and 5 bits in groups of 64 with one scale each, beside some of them adapters of low rank
(QLoRA, Dettmers et al. 2023); at load they become one 8-bit scale a column, which is what the processor multiplies.
Every text has a pass of its own on one core, as many at a time as there are cores: no padding is multiplied, and what a
passage is worth does not depend on what is read beside it (the 8-bit scales of the states are those of one pass).
"""

from __future__ import annotations

import contextlib
import ctypes
import hashlib
import json
import math
import os
from collections.abc import Callable, Mapping, Sequence, Sized
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from index.processor import features

WEIGHTS = Path(__file__).parent / "weights"
FILES = ("weights.npz", "lower.onnx", "middle.onnx", "upper.onnx", "tokenizer.json")
Floats = NDArray[np.float32]
Row = TypeVar("Row", bound=Sized)
Told = TypeVar("Told")


class WeightsMissing(Exception):
    """A file of the reader is absent or holds something else; the message names it and the command that mends it."""


def check_files(folder: Path = WEIGHTS) -> dict[str, Any]:
    """What `reader.json` says, once every file it names is there with its sha256; raises WeightsMissing."""
    about, place = folder / "reader.json", f"{folder.parent.parent.name}/{folder.parent.name}/{folder.name}"
    mend = f"get it back: git checkout -- {place}"
    try:
        told: dict[str, Any] = json.loads(about.read_text("utf-8"))
        sums = told["sha256"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise WeightsMissing(f"{place}/{about.name} cannot be read ({_reason(error)}); {mend}") from error
    for name in FILES:
        try:
            found = hashlib.sha256((folder / name).read_bytes()).hexdigest()
        except OSError as error:
            raise WeightsMissing(f"{place}/{name} cannot be read ({_reason(error)}); {mend}") from error
        if found != sums.get(name):
            message = f"{place}/{name} has sha256 {found[:12]}…, not {str(sums.get(name))[:12]}…"
            raise WeightsMissing(f"{message}; {mend}")
    return told


def _reason(error: Exception) -> str:
    # A visitor may see this: no path of the machine.
    return str(getattr(error, "strerror", None) or type(error).__name__)


def most_code() -> int:
    """The largest 8-bit code: 63 on processors whose 8-bit products saturate in 16 bits, 127 on all others.

    Source: onnxruntime's quantisation guide, "reduce_range" for x86-64 without VNNI."""
    import platform

    if platform.machine().lower() not in ("x86_64", "amd64"):
        return 127
    return 127 if any("vnni" in name for name in features()) else 63


class Runtime:
    """The parts: `lower` on one text each, then on question and passage together `middle` and, where that leaves hope,
    `upper`."""

    def __init__(self, folder: Path = WEIGHTS, threads: int | None = None) -> None:
        from tokenizers import Tokenizer

        self.about = check_files(folder)
        self.tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self.tokenizer.no_padding()
        self.tokenizer.no_truncation()
        shape = self.about["layers"]
        with np.load(folder / "weights.npz") as arrays:
            stored = {name: arrays[name] for name in arrays.files}
        self._near = _near(stored.pop("relative.weight").astype(np.float32), len(stored["positions"]))
        given = _given(stored, shape["lower"], shape["upper"])
        names = self.about["weights"]
        self._lower, self._middle, self._upper = (
            _session(folder / f"{part}.onnx", {name: given[name] for name in names[part]})
            for part in ("lower", "middle", "upper")
        )
        self._pool = ThreadPoolExecutor(threads or cores(), "reader")
        del stored, given
        _give_back()

    def encode(self, text: str) -> tuple[list[int], list[tuple[int, int]]]:
        """Token ids of a text, with its begin and end marks, and each token's character offsets."""
        encoding = self.tokenizer.encode(text)
        return encoding.ids, encoding.offsets

    def lower(self, rows: Sequence[Sequence[int]]) -> list[Floats]:
        """Token ids, one sequence a text of at most 510 tokens -> states (tokens, hidden) each."""
        return self._each(self._lower_part, rows)

    def middle(self, rows: Sequence[Floats]) -> list[tuple[Floats, Floats]]:
        """States of question and passage joined, (tokens, hidden) each -> states (tokens, hidden) and the glance's
        logits (tokens, 2) each."""
        return self._each(self._middle_part, rows)

    def upper(self, rows: Sequence[Floats]) -> list[Floats]:
        """States that `middle` gave, (tokens, hidden) each -> logits (tokens, 2) each."""
        return self._each(self._upper_part, rows)

    def _each(self, part: Callable[[Row], Told], rows: Sequence[Row]) -> list[Told]:
        """The part on every row, the longest first, so that no core ends long after the others."""
        order = sorted(range(len(rows)), key=lambda place: -len(rows[place]))
        told = dict(zip(order, self._pool.map(part, (rows[place] for place in order)), strict=True))
        return [told[place] for place in range(len(rows))]

    def _lower_part(self, tokens: Sequence[int]) -> Floats:
        ids, places = np.array([tokens], np.int64), np.arange(2, 2 + len(tokens))
        feed = {"ids": ids, "places": places, "relative": self._relative(len(tokens))}
        states: Floats = self._lower.run(None, feed)[0][0]
        return states

    def _middle_part(self, states: Floats) -> tuple[Floats, Floats]:
        feed = {"states": states[None], "relative": self._relative(len(states))}
        begun, glanced = self._middle.run(["begun", "glanced"], feed)
        return begun[0], glanced[0]

    def _upper_part(self, states: Floats) -> Floats:
        feed = {"begun": states[None], "relative": self._relative(len(states))}
        logits: Floats = self._upper.run(None, feed)[0][0]
        return logits

    def _relative(self, tokens: int) -> Floats:
        """The relative position bias of every token to every other, (1, heads, tokens, tokens)."""
        middle = self._near.shape[1] // 2
        near = self._near[:, middle - tokens + 1 : middle + tokens]
        rows = np.lib.stride_tricks.sliding_window_view(near, tokens, axis=1)[:, ::-1]
        return np.ascontiguousarray(rows)[None]


def cores() -> int:
    """The cores this process may use."""
    known = getattr(os, "sched_getaffinity", None)  # not on macOS and Windows
    return len(known(0)) if known else os.cpu_count() or 1


def _near(weight: Floats, places: int) -> Floats:
    """The relative position bias by distance: weight (buckets, heads) -> (heads, 2 * places - 1), distance 0 midway."""
    return np.ascontiguousarray(weight[bucket(np.arange(1 - places, places))].T)


def bucket(distance: NDArray[np.int64], buckets: int = 32, furthest: int = 128) -> NDArray[np.int64]:
    """The relative position's bucket, as in T5 and MPNet (Raffel et al. 2020, section 2.1)."""
    half = buckets // 2
    exact = half // 2
    n = np.abs(distance)
    scaled = np.log(np.maximum(n, 1) / exact) / math.log(furthest / exact) * (half - exact)
    far = np.minimum(exact + scaled.astype(np.int64), half - 1)
    return (distance > 0) * half + np.where(n < exact, n, far)


def log_scale(scale: Floats) -> NDArray[np.uint8]:
    """Scales as steps of a sixteenth of an octave: at most 2.2% off, in one byte."""
    return np.clip(np.rint(np.log2(np.maximum(scale, 1e-6)) * 16) + 255, 0, 255).astype(np.uint8)


def real_scale(steps: NDArray[np.uint8]) -> Floats:
    """The scales that `log_scale` wrote."""
    return np.exp2((steps.astype(np.float32) - 255) / 16)


def _given(stored: dict[str, NDArray[Any]], lower: int, upper: int) -> dict[str, NDArray[Any]]:
    """The graphs' weights by name, from the stored codes."""
    given: dict[str, NDArray[Any]] = {
        "words.codes": stored.pop("words.codes"),
        "words.scale": real_scale(stored.pop("words.scale")),
        "positions": stored.pop("positions").astype(np.float32),
    }
    for name in ("head.weight", "glance.weight"):
        given[name] = np.ascontiguousarray(stored.pop(name).T.astype(np.float32))
    halves = {"lower_layers": lower, "upper_layers": upper}
    layers = [f"{half}.{number}" for half, count in halves.items() for number in range(count)]
    matrices = [(f"{layer}.{part}", sources) for layer in layers for part, sources in MATRICES]

    def matrix(entry: tuple[str, tuple[str, ...]]) -> dict[str, NDArray[Any]]:
        name, sources = entry
        layer = name.rsplit(".", 1)[0]
        even = stored[f"{name}.even"].astype(np.float32)
        rows = [_row_codes(restored(stored, f"{layer}.{s}"), even) for s in sources]
        bias = np.concatenate([stored[f"{layer}.{s}.bias"] for s in sources])
        codes = np.ascontiguousarray(np.concatenate([codes for codes, _ in rows]).T)
        return {f"{name}.codes": codes, f"{name}.scale": np.concatenate([s for _, s in rows]), f"{name}.bias": bias}

    with ThreadPoolExecutor(2) as pool:
        for found in pool.map(matrix, matrices):
            given |= found
    used = {f"{layer}.{s}.{kind}" for layer in layers for _, sources in MATRICES for s in sources for kind in KINDS}
    return given | {name: array.astype(np.float32) for name, array in stored.items() if name not in used}


MATRICES = (("qkv", ("q", "k", "v")), ("o", ("o",)), ("up", ("up",)), ("down", ("down",)))
KINDS = ("codes", "scale", "bias", *(f"lora_{side}.{kind}" for side in "ab" for kind in ("codes", "scale")))


def restored(stored: Mapping[str, NDArray[Any]], name: str) -> Floats:
    """A matrix (rows, columns) as its codes have it, and what an adapter of low rank adds where there is one."""
    numbers = _numbers(stored, name)
    if f"{name}.lora_a.codes" in stored:
        numbers += _numbers(stored, f"{name}.lora_b").T @ _numbers(stored, f"{name}.lora_a")
    return numbers


def _numbers(stored: Mapping[str, NDArray[Any]], name: str) -> Floats:
    """Codes (rows, columns) times their scales, one for each 64 of a row."""
    codes, scale = stored[f"{name}.codes"], real_scale(stored[f"{name}.scale"])
    numbers: Floats = codes.reshape(*scale.shape, -1) * scale[:, :, None]
    return numbers.reshape(codes.shape)


def _row_codes(numbers: Floats, even: Floats) -> tuple[NDArray[np.int8], Floats]:
    """A matrix (rows, columns) -> 8-bit codes with one scale a row, for inputs times `even`."""
    numbers /= even
    width = (np.abs(numbers).max(1) / most_code()).astype(np.float32)
    numbers /= width[:, None]
    return np.rint(numbers, out=numbers).astype(np.int8), width


def _give_back() -> None:
    """Have glibc return the memory that unpacking took, some 130 MB; other systems do so by themselves."""
    with contextlib.suppress(AttributeError, OSError, TypeError):
        ctypes.CDLL(None).malloc_trim(0)


def _session(graph: Path, given: dict[str, NDArray[Any]]) -> Any:
    import onnxruntime  # type: ignore[import-untyped]

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = 1
    # The next level would join additions and norms to an operator that takes five times as long.
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    values = [onnxruntime.OrtValue.ortvalue_from_numpy(array) for array in given.values()]
    options.add_external_initializers(list(given), values)
    return onnxruntime.InferenceSession(str(graph), options, providers=["CPUExecutionProvider"])
