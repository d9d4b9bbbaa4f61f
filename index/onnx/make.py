"""Write minilm.onnx: all-MiniLM-L6-v2 as a graph whose weights stay in the model's own safetensors file.

Run as `python -m index.onnx.make`; needs the package `onnx`, which nothing else here does. The initializers keep the
names of the safetensors file and hold no data: onnxruntime is given the arrays when a session is made.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import onnx
from onnx import TensorProto, helper

GRAPH = Path(__file__).with_name("minilm.onnx")
LAYERS, HEADS, WIDTH, INNER, TOKENS, POSITIONS = 6, 12, 384, 1536, 30522, 512
EPSILON = 1e-12


class Graph:
    """Collects nodes and initializers; every method returns the name of its output."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.initializers: list[onnx.TensorProto] = []

    def node(self, operation: str, *inputs: str, **attributes: Any) -> str:
        output = f"{operation.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(operation, list(inputs), [output], **attributes))
        return output

    def weight(self, name: str, *shape: int) -> str:
        if name not in {tensor.name for tensor in self.initializers}:
            tensor = TensorProto(name=name, data_type=TensorProto.FLOAT, dims=shape)
            tensor.data_location = TensorProto.EXTERNAL
            tensor.external_data.add(key="location", value="model.safetensors")
            self.initializers.append(tensor)
        return name

    def constant(self, name: str, kind: int, *values: float, scalar: bool = False) -> str:
        if name not in {tensor.name for tensor in self.initializers}:
            shape = () if scalar else (len(values),)
            self.initializers.append(helper.make_tensor(name, kind, shape, values))
        return name

    def integers(self, *values: int) -> str:
        return self.constant("i" + "_".join(map(str, values)), TensorProto.INT64, *values)

    def number(self, name: str, value: float) -> str:
        return self.constant(name, TensorProto.FLOAT, value, scalar=True)

    def dense(self, rows: str, name: str, outward: int, inward: int) -> str:
        weight, bias = self.weight(f"{name}.weight", outward, inward), self.weight(f"{name}.bias", outward)
        return self.node("Gemm", rows, weight, bias, transB=1)

    def norm(self, rows: str, name: str) -> str:
        scale, bias = self.weight(f"{name}.weight", WIDTH), self.weight(f"{name}.bias", WIDTH)
        return self.node("LayerNormalization", rows, scale, bias, axis=-1, epsilon=EPSILON)


def build() -> onnx.ModelProto:
    """The model: token ids and attention mask, both int64 of batch x length, to unit vectors of batch x 384."""
    graph = Graph()
    mask = graph.node("Cast", "attention_mask", to=TensorProto.FLOAT)
    shape = graph.node("Shape", "input_ids")
    rows = _embedded(graph, shape)
    lowest = graph.node("Mul", graph.node("Sub", graph.number("one", 1.0), mask), graph.number("lowest", -1e9))
    hidden_keys = graph.node("Unsqueeze", lowest, graph.integers(1, 2))
    split = graph.node("Concat", shape, graph.integers(HEADS, WIDTH // HEADS), axis=0)
    for layer in range(LAYERS):
        rows = _layer(graph, rows, f"encoder.layer.{layer}", split, hidden_keys)
    sentences = graph.node("Reshape", rows, graph.node("Concat", shape, graph.integers(WIDTH), axis=0))
    weights = graph.node("Unsqueeze", mask, graph.integers(2))
    total = graph.node("ReduceSum", graph.node("Mul", sentences, weights), graph.integers(1), keepdims=0)
    count = graph.node("ReduceSum", weights, graph.integers(1), keepdims=0)
    count = graph.node("Max", count, graph.number("few", 1e-9))
    mean = graph.node("Div", total, count)
    length = graph.node("ReduceL2", mean, graph.integers(1), keepdims=1)
    unit = graph.node("Div", mean, graph.node("Max", length, graph.number("tiny", 1e-12)))
    graph.nodes.append(helper.make_node("Identity", [unit], ["sentence_embedding"]))
    inputs = [
        helper.make_tensor_value_info(name, TensorProto.INT64, ["batch", "length"])
        for name in ("input_ids", "attention_mask")
    ]
    output = helper.make_tensor_value_info("sentence_embedding", TensorProto.FLOAT, ["batch", WIDTH])
    made = helper.make_graph(graph.nodes, "minilm", inputs, [output], graph.initializers)
    return helper.make_model(made, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)


def _embedded(graph: Graph, shape: str) -> str:
    words = graph.node("Gather", graph.weight("embeddings.word_embeddings.weight", TOKENS, WIDTH), "input_ids")
    zero = graph.constant("zero", TensorProto.INT64, 0, scalar=True)
    one = graph.constant("step", TensorProto.INT64, 1, scalar=True)
    length = graph.node("Gather", shape, one)
    places = graph.node("Range", zero, length, one)
    positions = graph.weight("embeddings.position_embeddings.weight", POSITIONS, WIDTH)
    kinds = graph.weight("embeddings.token_type_embeddings.weight", 2, WIDTH)
    total = graph.node("Add", words, graph.node("Gather", positions, places))
    total = graph.node("Add", total, graph.node("Gather", kinds, zero))
    rows = graph.node("Reshape", total, graph.integers(-1, WIDTH))
    return graph.norm(rows, "embeddings.LayerNorm")


def _layer(graph: Graph, rows: str, name: str, split: str, hidden_keys: str) -> str:
    def heads(part: str, order: list[int]) -> str:
        dense = graph.dense(rows, f"{name}.attention.self.{part}", WIDTH, WIDTH)
        return graph.node("Transpose", graph.node("Reshape", dense, split), perm=order)

    scores = graph.node("MatMul", heads("query", [0, 2, 1, 3]), heads("key", [0, 2, 3, 1]))
    scores = graph.node("Div", scores, graph.number("root", (WIDTH // HEADS) ** 0.5))
    shares = graph.node("Softmax", graph.node("Add", scores, hidden_keys), axis=-1)
    mixed = graph.node("MatMul", shares, heads("value", [0, 2, 1, 3]))
    joined = graph.node("Transpose", mixed, perm=[0, 2, 1, 3])
    joined = graph.node("Reshape", joined, graph.integers(-1, WIDTH))
    dense = graph.dense(joined, f"{name}.attention.output.dense", WIDTH, WIDTH)
    rows = graph.norm(graph.node("Add", dense, rows), f"{name}.attention.output.LayerNorm")
    inner = graph.node("Gelu", graph.dense(rows, f"{name}.intermediate.dense", INNER, WIDTH))
    outer = graph.dense(inner, f"{name}.output.dense", WIDTH, INNER)
    return graph.norm(graph.node("Add", outer, rows), f"{name}.output.LayerNorm")


def main() -> None:
    """Write the graph beside this script."""
    onnx.save(build(), GRAPH)
    print(f"{GRAPH.name}: {GRAPH.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
