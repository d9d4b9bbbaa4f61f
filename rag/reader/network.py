"""The reader's network, in PyTorch: used to train and to export, never to answer a visitor.

An MPNet encoder (Song et al. 2020) cut in two as in DeFormer (Cao et al. 2020, "DeFormer: Decomposing Pre-trained
Transformers for Faster Question Answering"). The lower layers read the question and the passage apart, so that a
passage's lower half is computed once for all questions; the upper layers read both together and point at the first
and the last token of the answer, or at the question's first token when the passage holds none.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

GROUP = 64  # weights that share one scale
DROPOUT = 0.1  # of each block's output, while training
LEARNT = 0.2  # of the glance's loss, so much reaches the layers before it
BITS = {"words": 4, "lower_layers": 5, "upper_layers": 4}  # of a matrix's numbers as shipped


def bits_of(name: str) -> int:
    """The bits of a shipped matrix's numbers, by the weight's name."""
    return BITS[name.split(".")[0]]


@dataclass(frozen=True)
class Shape:
    """What of the base model is used: its first `lower` layers apart, the layers `upper` together."""

    lower: int = 3
    upper: tuple[int, ...] = (3, 4, 5, 6, 7, 8, 9, 10)
    glance: int = 3  # of the upper layers, before the first guess
    hidden: int = 768
    heads: int = 12


def quantise(weight: Tensor, bits: int) -> Tensor:
    """The weight (rows, columns) as its codes of so many bits would give it back."""
    codes, scale = codes_of(weight, bits)
    return (codes * scale).reshape(weight.shape)


def codes_of(weight: Tensor, bits: int) -> tuple[Tensor, Tensor]:
    """A weight (rows, columns) as codes (rows, groups, 64) and one 16-bit scale a group, (rows, groups, 1)."""
    rows, columns = weight.shape
    groups = weight.float().reshape(rows, columns // GROUP, GROUP)
    most = 2 ** (bits - 1) - 1
    scale = (groups.abs().amax(-1, keepdim=True).clamp_min(1e-6) / (most + 0.5)).half().float()
    return (groups / scale).round().clamp(-most - 1, most), scale


class Layer(nn.Module):
    """One MPNet layer: attention with a relative position bias, then a feed-forward block, both post-normed."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        h = shape.hidden
        self.heads = shape.heads
        self.q, self.k, self.v, self.o = (nn.Linear(h, h) for _ in range(4))
        self.up, self.down = nn.Linear(h, 4 * h), nn.Linear(4 * h, h)
        self.norm1, self.norm2 = nn.LayerNorm(h, eps=1e-5), nn.LayerNorm(h, eps=1e-5)

    def forward(self, x: Tensor, bias: Tensor) -> Tensor:
        """x (batch, tokens, hidden), bias (batch or 1, heads, tokens, tokens) added to the attention's scores."""
        b, t, h = x.shape
        q, k, v = (part(x).view(b, t, self.heads, h // self.heads).transpose(1, 2) for part in (self.q, self.k, self.v))
        seen = F.scaled_dot_product_attention(q, k, v, attn_mask=bias.to(q.dtype))
        x = self.norm1(x + self.drop(self.o(seen.transpose(1, 2).reshape(b, t, h))))
        return self.norm2(x + self.drop(self.down(F.gelu(self.up(x)))))

    def drop(self, x: Tensor) -> Tensor:
        """Dropout with one mask for all rows of the batch: random numbers for each row cost a tenth of a step."""
        return x * F.dropout(torch.ones_like(x[:1]), DROPOUT) if self.training else x


class Network(nn.Module):
    """The whole reader: `lower` on question or passage alone, `upper` on both together.

    After some of the upper layers `glance` guesses what the head will say, so that a passage without hope need not
    be read to the end (after the Cascade Transformer, Soldaini and Moschitti 2020)."""

    def __init__(self, shape: Shape = Shape(), vocabulary: int = 30527) -> None:
        super().__init__()
        self.shape = shape
        self.words = nn.Embedding(vocabulary, shape.hidden)
        self.positions = nn.Embedding(514, shape.hidden)
        self.norm = nn.LayerNorm(shape.hidden, eps=1e-5)
        self.relative = nn.Embedding(32, shape.heads)
        self.lower_layers = nn.ModuleList(Layer(shape) for _ in range(shape.lower))
        self.upper_layers = nn.ModuleList(Layer(shape) for _ in shape.upper)
        self.head, self.glance = (nn.Linear(shape.hidden, 2) for _ in range(2))

    def bias(self, mask: Tensor) -> Tensor:
        """Relative position bias and padding as one number a pair: mask (batch, tokens) -> (batch, heads, t, t)."""
        t = mask.shape[1]
        places = torch.arange(t, device=mask.device)
        near = self.relative(bucket(places[None, :] - places[:, None])).permute(2, 0, 1)[None]
        return near + (1.0 - mask[:, None, None, :].to(near.dtype)) * -1e4

    def lower(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Token ids (batch, tokens) and mask (1 = token, 0 = padding) -> states (batch, tokens, hidden)."""
        places = torch.arange(2, 2 + ids.shape[1], device=ids.device)
        x = self.norm(self.words(ids) + self.positions(places)[None])
        bias = self.bias(mask)
        for layer in self.lower_layers:
            x = layer(x, bias)
        return x

    def upper(self, states: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """States of question and passage one after the other -> logits (batch, tokens, 2) for first and last token:
        those of the head, and those of the glance, from whose loss the layers learn a little."""
        bias = self.bias(mask)
        early = states
        for number, layer in enumerate(self.upper_layers, 1):
            states = layer(states, bias)
            if number == self.shape.glance:
                early = torch.lerp(states.detach(), states, LEARNT)
        read, glanced = self.head(states.float()), self.glance(early.float())
        return read.masked_fill(mask[:, :, None] == 0, -1e4), glanced.masked_fill(mask[:, :, None] == 0, -1e4)


def bucket(distance: Tensor, buckets: int = 32, furthest: int = 128) -> Tensor:
    """The relative position's bucket, as in T5 and MPNet (Raffel et al. 2020, section 2.1)."""
    half = buckets // 2
    ahead = (distance > 0).long() * half
    n = distance.abs()
    exact = half // 2
    far = exact + (torch.log(n.float().clamp_min(1) / exact) / math.log(furthest / exact) * (half - exact)).long()
    return ahead + torch.where(n < exact, n, far.clamp_max(half - 1))


NAMES = {
    "q": "attention.attn.q", "k": "attention.attn.k", "v": "attention.attn.v", "o": "attention.attn.o",
    "norm1": "attention.LayerNorm", "up": "intermediate.dense", "down": "output.dense", "norm2": "output.LayerNorm",
}  # fmt: skip


def load_base(network: Network, tensors: Mapping[str, Tensor], rounded: bool = True) -> None:
    """Put all-mpnet-base-v2's weights in; what stays frozen is rounded at once, so that training sees it."""

    def keep(weight: Tensor, bits: int) -> Tensor:
        return quantise(weight, bits) if rounded else weight

    with torch.no_grad():
        network.words.weight.copy_(keep(tensors["embeddings.word_embeddings.weight"], BITS["words"]))
        network.positions.weight.copy_(tensors["embeddings.position_embeddings.weight"])
        network.norm.weight.copy_(tensors["embeddings.LayerNorm.weight"])
        network.norm.bias.copy_(tensors["embeddings.LayerNorm.bias"])
        network.relative.weight.copy_(tensors["encoder.relative_attention_bias.weight"])
        nn.init.normal_(network.head.weight, std=0.02)
        for weight in (network.head.bias, network.glance.weight, network.glance.bias):
            nn.init.zeros_(weight)
        numbers = [*range(network.shape.lower), *network.shape.upper]
        for place, (number, layer) in enumerate(
            zip(numbers, [*network.lower_layers, *network.upper_layers], strict=True)
        ):
            for ours, theirs in NAMES.items():
                part = getattr(layer, ours)
                weight = tensors[f"encoder.layer.{number}.{theirs}.weight"]
                frozen_matrix = place < network.shape.lower and weight.ndim == 2
                part.weight.copy_(keep(weight, BITS["lower_layers"]) if frozen_matrix else weight)
                part.bias.copy_(tensors[f"encoder.layer.{number}.{theirs}.bias"])
