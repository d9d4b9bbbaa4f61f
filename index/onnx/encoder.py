"""Sentences to unit vectors without torch: the graph beside this module, the weights from the model's folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

GRAPH = Path(__file__).with_name("minilm.onnx")
LONGEST = 256


class Encoder:
    """all-MiniLM-L6-v2 on onnxruntime; the same vectors as sentence-transformers to 1e-5. Thread-safe."""

    def __init__(self, folder: Path) -> None:
        import onnxruntime  # type: ignore[import-untyped]
        from safetensors import safe_open
        from tokenizers import Tokenizer

        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.enable_truncation(LONGEST)
        self._tokenizer.enable_padding()
        options = onnxruntime.SessionOptions()
        # the weights live as long as the session that reads them in place
        self._weights = {}
        with safe_open(folder / "model.safetensors", framework="np") as file:
            for name in file.keys():  # noqa: SIM118 - not a mapping
                if "position_ids" not in name and "pooler" not in name:
                    self._weights[name] = onnxruntime.OrtValue.ortvalue_from_numpy(file.get_tensor(name))
        options.add_external_initializers(list(self._weights), list(self._weights.values()))
        self._session = onnxruntime.InferenceSession(GRAPH.read_bytes(), options, providers=["CPUExecutionProvider"])

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        """Unit vectors of shape len(texts) x 384, float32; all texts in one batch."""
        import numpy as np

        tokens = self._tokenizer.encode_batch(list(texts))
        inputs = {
            "input_ids": np.array([text.ids for text in tokens], dtype=np.int64),
            "attention_mask": np.array([text.attention_mask for text in tokens], dtype=np.int64),
        }
        vectors: np.ndarray = self._session.run(["sentence_embedding"], inputs)[0]
        return vectors
