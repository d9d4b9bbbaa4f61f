"""Turn a training checkpoint into the files that are shipped: `python -m rag.reader.export CHECKPOINT`.

Writes `weights/weights.npz` (codes of 4 and 5 bits with 8-bit scales, deflated), the three graphs, the tokenizer and
`reader.json` with the sha256 of each; calibration (`python -m rag.reader.calibrate`) adds its numbers there.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import unicodedata
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import torch
from tokenizers import Tokenizer

from rag.reader.base import base_tensors, base_tokenizer
from rag.reader.data import read_dossiers, windows
from rag.reader.graph import write_graphs
from rag.reader.network import Network, Shape, bits_of, codes_of, load_base
from rag.reader.runtime import FILES, MATRICES, WEIGHTS, log_scale, restored

MEASURED = 5  # films on whose questions the inputs' heights are measured
SHARES = (0.5, 0.7, 0.85)  # of an input channel's height that its weights may take over
RANK = 32  # of the adapters; tried: 16
ADAPTER_BITS = 5
HALVES = ("lower_layers", "upper_layers")
PLACES = 512


def packed(network: Network, base: Mapping[str, np.ndarray] | None = None) -> dict[str, np.ndarray]:
    """The network's weights by name: matrices as int8 `.codes` and uint8 `.scale`, the rest as float16 or 32.

    With `base`, what `packed` gave before some further training, the trained matrices keep their codes, and what has
    been learnt since stands beside them: 4 bits can't tell so small a difference, and codes made anew add an error that
    is many times as large."""
    arrays: dict[str, np.ndarray] = {}
    for name, weight in network.state_dict().items():
        weight, stem = weight.float(), name.removesuffix(".weight")
        if name == "positions.weight":
            arrays["positions"] = weight[:PLACES].half().numpy()
        elif weight.ndim == 2 and not name.startswith(("head", "glance", "relative")):
            trained = base is not None and name.startswith("upper_layers")
            arrays |= _adapted(stem, weight, base) if base and trained else _coded(stem, weight, bits_of(name))
        else:
            arrays[name] = weight.numpy()
    return arrays


def _coded(stem: str, weight: torch.Tensor, bits: int) -> dict[str, np.ndarray]:
    codes, scale = codes_of(weight, bits)
    return {
        f"{stem}.codes": codes.reshape(weight.shape).to(torch.int8).numpy(),
        f"{stem}.scale": log_scale(scale.squeeze(-1).numpy()),
    }


def _adapted(stem: str, weight: torch.Tensor, base: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The base's codes, and the best approximation of rank `RANK` to what the weight (rows, columns) has beyond them:
    `lora_b`, (RANK, rows), transposed, times `lora_a`, (RANK, columns)."""
    kept = {f"{stem}.{kind}": base[f"{stem}.{kind}"] for kind in ("codes", "scale")}
    rows, heights, columns = torch.svd_lowrank(weight - torch.from_numpy(restored(kept, stem)), RANK + 8, niter=4)
    root = heights[:RANK].sqrt()
    sides = {"a": columns[:, :RANK] * root, "b": rows[:, :RANK] * root}
    for side, vectors in sides.items():
        kept |= _coded(f"{stem}.lora_{side}", vectors.T.contiguous(), ADAPTER_BITS)
    return kept


def unpacked(arrays: Mapping[str, np.ndarray]) -> dict[str, torch.Tensor]:
    """What `packed` wrote, as weights by name, as exact as their codes; what `evening` adds is left out."""
    weights: dict[str, torch.Tensor] = {}
    for name, array in arrays.items():
        stem, _, kind = name.rpartition(".")
        if kind == "codes" and not stem.endswith((".lora_a", ".lora_b")):
            weights[f"{stem}.weight"] = torch.from_numpy(restored(arrays, stem))
        elif kind not in ("codes", "scale", "even"):
            weights[name] = torch.from_numpy(array.astype(np.float32))
    return weights


@torch.no_grad()
def evening(network: Network, rows: list[tuple[str, str]], tokenizer: Tokenizer) -> dict[str, np.ndarray]:
    """By which to multiply each matrix's input so that no channel of it stands out (SmoothQuant, Xiao et al. 2023).

    How much of its height goes over to the weights is what errs least on (question, passage) rows."""
    inputs: dict[str, list[torch.Tensor]] = {}

    def watch(name: str) -> Callable[[torch.nn.Module, tuple[torch.Tensor, ...], torch.Tensor], None]:
        return lambda _, given, __: inputs.setdefault(name, []).append(given[0].reshape(-1, given[0].shape[-1]))

    layers = {f"{half}.{n}": layer for half in HALVES for n, layer in enumerate(getattr(network, half))}
    watched = [(f"{name}.{part}", getattr(layer, of[0])) for name, layer in layers.items() for part, of in MATRICES]
    hooks = [module.register_forward_hook(watch(name)) for name, module in watched]
    for question, passage in rows:
        states = []
        for text in (question, passage):
            ids = torch.tensor([tokenizer.encode(text).ids[:300]])
            states.append(network.lower(ids, torch.ones_like(ids)))
        joined = torch.cat(states, 1)
        network.upper(joined, torch.ones(joined.shape[:2]))
    for hook in hooks:
        hook.remove()
    even: dict[str, np.ndarray] = {}
    for name, layer in layers.items():
        for part, sources in MATRICES:
            weight = torch.cat([getattr(layer, s).weight for s in sources])
            given = torch.cat(inputs[f"{name}.{part}"])
            errors = {share: _error(given, weight, _even(given, weight, share)) for share in SHARES}
            best = min(SHARES, key=lambda share: errors[share])
            even[f"{name}.{part}.even"] = _even(given, weight, best).numpy().astype(np.float16)
    return even


def _even(given: torch.Tensor, weight: torch.Tensor, share: float) -> torch.Tensor:
    """Factors of the input's channels that move a share of their height over to the weights."""
    height, width = given.abs().amax(0).clamp_min(1e-5), weight.abs().amax(0).clamp_min(1e-5)
    ratio = width ** (1 - share) / height**share
    return (ratio / ratio.median()).clamp(1e-3, 1e3).half().float()


def _error(given: torch.Tensor, weight: torch.Tensor, even: torch.Tensor) -> float:
    """Relative error of the product when both sides are brought to 8 bits as the runtime does it."""
    x, w = given * even, weight / even
    low, high = x.min().clamp_max(0.0), x.max().clamp_min(0.0)
    step = (high - low) / 255
    x = (x / step).round() * step
    scale = w.abs().amax(1, keepdim=True) / 127
    wanted = given @ weight.T
    return float((x @ ((w / scale).round() * scale).T - wanted).norm() / wanted.norm())


def spare(network: Network, tokenizer: Tokenizer) -> None:
    """Give the tokens that no text in Latin letters uses the unknown token's vector: what repeats packs small."""
    unknown = network.words.weight[tokenizer.token_to_id("[UNK]")].detach().clone()
    with torch.no_grad():
        for token, number in tokenizer.get_vocab().items():
            letters = [letter for letter in token if letter.isalpha()]
            foreign = any("LATIN" not in unicodedata.name(letter, "") for letter in letters)
            if foreign or token.startswith("[unused"):
                network.words.weight[number] = unknown


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m rag.reader.export", description=__doc__)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--out", type=Path, default=WEIGHTS)
    options = parser.parse_args(argv)
    torch.manual_seed(0)
    saved = torch.load(options.checkpoint, map_location="cpu", weights_only=True)
    base = dict(np.load(Path(saved["base"]) / "weights.npz")) if saved.get("base") else None
    shape = Shape()
    network = Network(shape)
    load_base(network, base_tensors(), rounded=False)
    trained = saved["masters"]["weights"]
    network.load_state_dict(trained, strict=False)
    tokenizer = base_tokenizer()
    spare(network, tokenizer)
    options.out.mkdir(parents=True, exist_ok=True)
    rows = [
        (asked.text, f"{one.title}: {one.text}")
        for dossier in [dossier for dossier in read_dossiers() if not dossier.dev][:MEASURED]
        for asked, one in list(zip(dossier.questions, windows(dossier, 110), strict=False))[:3]
    ]
    arrays = packed(network, base)
    network.load_state_dict(unpacked(arrays), strict=False)  # as they are shipped
    arrays |= evening(network.eval(), rows, tokenizer)
    np.savez_compressed(options.out / "weights.npz", **arrays)  # type: ignore[arg-type]
    weights = write_graphs(options.out, shape, network.words.num_embeddings, PLACES)
    tokenizer.save(str(options.out / "tokenizer.json"))
    sums = {name: hashlib.sha256((options.out / name).read_bytes()).hexdigest() for name in FILES}
    layers = {"lower": shape.lower, "upper": len(shape.upper), "heads": shape.heads, "hidden": shape.hidden}
    about = options.out / "reader.json"
    told = json.loads(about.read_text("utf-8")) if about.exists() else {}
    told |= {"steps": saved["step"] + saved.get("before", 0), "layers": layers, "weights": weights, "sha256": sums}
    about.write_text(json.dumps(told, indent=2) + "\n", "utf-8")
    for name in FILES:
        print(f"{(options.out / name).stat().st_size / 1e6:8.2f} MB  {name}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
