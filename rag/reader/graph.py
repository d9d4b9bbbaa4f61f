"""The reader's three ONNX graphs, without weights: `lower.onnx`, `middle.onnx` and `upper.onnx`.

Written once, when the reader is exported; the weights are handed to onnxruntime at load time under the names used
here. The operators of the `com.microsoft` domain are onnxruntime's fused ones: its documentation, ContribOperators.md.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import onnx
from onnx import TensorProto, helper

from rag.reader.network import GROUP, Shape

FLOAT, INT8, INT64 = TensorProto.FLOAT, TensorProto.INT8, TensorProto.INT64


class Graph:
    """Nodes and the external weights they name, collected in order."""

    def __init__(self, shape: Shape) -> None:
        self.shape = shape
        self.nodes: list[onnx.NodeProto] = []
        self.weights: list[TensorProto] = []

    def add(self, operator: str, inputs: list[str], output: str, domain: str = "", **attributes: Any) -> str:
        self.nodes.append(helper.make_node(operator, inputs, [output], domain=domain, **attributes))
        return output

    def weight(self, name: str, kind: int, *dims: int) -> str:
        """Declare a weight whose numbers are given at load time."""
        tensor = TensorProto(name=name, data_type=kind, dims=dims, data_location=TensorProto.EXTERNAL)
        tensor.external_data.add(key="location", value="weights")
        self.weights.append(tensor)
        return name

    def constant(self, name: str, values: list[int]) -> str:
        self.weights.append(helper.make_tensor(name, INT64, [len(values)], values))
        return name

    def matrix(self, x: str, name: str, columns: int, rows: int, output: str, bias: bool = True) -> str:
        """x times an 8-bit matrix, x evened out (SmoothQuant, Xiao et al. 2023) and brought to 8 bits on the way."""
        x = self.add("Mul", [x, self.weight(f"{name}.even", FLOAT, columns)], f"{output}.even")
        inputs = [x, self.weight(f"{name}.codes", INT8, columns, rows), self.weight(f"{name}.scale", FLOAT, rows)]
        inputs += ["", self.weight(f"{name}.bias", FLOAT, rows)] if bias else []
        return self.add("DynamicQuantizeMatMul", inputs, output, "com.microsoft")

    def norm(self, x: str, skip: str, name: str, output: str) -> str:
        # onnxruntime's SkipLayerNormalization does both at once, and takes five times as long.
        total = self.add("Add", [x, skip], f"{output}.total")
        h = self.shape.hidden
        inputs = [total, self.weight(f"{name}.weight", FLOAT, h), self.weight(f"{name}.bias", FLOAT, h)]
        return self.add("LayerNormalization", inputs, output, epsilon=1e-5, axis=-1)

    def layer(self, x: str, name: str) -> str:
        """One MPNet layer on x (1, tokens, hidden); the graph's input `relative` is added to the attention's scores."""
        h, o = self.shape.hidden, lambda part: f"{name}.{part}.out"
        merged = self.matrix(x, f"{name}.qkv", h, 3 * h, o("qkv"))
        parts = [o("q"), o("k"), o("v")]
        self.nodes.append(helper.make_node("Split", [merged], parts, axis=-1, num_outputs=3))
        inputs = [*parts, "", "", "relative"]
        seen = self.add("MultiHeadAttention", inputs, o("seen"), "com.microsoft", num_heads=self.shape.heads)
        told = self.matrix(seen, f"{name}.o", h, h, o("o"))
        x = self.norm(told, x, f"{name}.norm1", o("norm1"))
        wide = self.matrix(x, f"{name}.up", h, 4 * h, o("up"), bias=False)
        wide = self.add("BiasGelu", [wide, self.weight(f"{name}.up.bias", FLOAT, 4 * h)], o("gelu"), "com.microsoft")
        narrow = self.matrix(wide, f"{name}.down", 4 * h, h, o("down"))
        return self.norm(narrow, x, f"{name}.norm2", o("norm2"))

    def head(self, x: str, name: str, output: str) -> str:
        """Two numbers a token: how well it would begin the answer, and end it."""
        told = self.add("MatMul", [x, self.weight(f"{name}.weight", FLOAT, self.shape.hidden, 2)], f"{output}.told")
        return self.add("Add", [told, self.weight(f"{name}.bias", FLOAT, 2)], output)

    def write(
        self, path: Path, inputs: dict[str, tuple[int, list[Any]]], outputs: dict[str, tuple[int, list[Any]]]
    ) -> list[str]:
        def described(values: dict[str, tuple[int, list[Any]]]) -> list[onnx.ValueInfoProto]:
            return [helper.make_tensor_value_info(name, kind, dims) for name, (kind, dims) in values.items()]

        graph = helper.make_graph(self.nodes, path.stem, described(inputs), described(outputs), self.weights)
        opsets = [helper.make_opsetid("", 18), helper.make_opsetid("com.microsoft", 1)]
        model = helper.make_model(graph, opset_imports=opsets, ir_version=9, producer_name="karmalink")
        path.write_bytes(model.SerializeToString())
        return [weight.name for weight in self.weights if weight.data_location == TensorProto.EXTERNAL]


def write_graphs(folder: Path, shape: Shape, vocabulary: int, places: int) -> dict[str, list[str]]:
    """Write `lower.onnx` (ids, places -> states), `middle.onnx` (states -> states, and the glance's logits) and
    `upper.onnx` (states -> logits); all take `relative` too.

    Gives each graph's external weights by name."""
    h, heads = shape.hidden, shape.heads
    relative: dict[str, tuple[int, list[Any]]] = {"relative": (FLOAT, [1, heads, "tokens", "tokens"])}
    states: dict[str, tuple[int, list[Any]]] = {"states": (FLOAT, [1, "tokens", h])}

    graph = Graph(shape)
    codes = graph.add("Gather", [graph.weight("words.codes", INT8, vocabulary, h), "ids"], "words.found")
    scale = graph.add("Gather", [graph.weight("words.scale", FLOAT, vocabulary, h // GROUP), "ids"], "words.scales")
    codes = graph.add("Cast", [codes], "words.float", to=FLOAT)
    codes = graph.add("Reshape", [codes, graph.constant("by group", [0, 0, h // GROUP, GROUP])], "words.grouped")
    scale = graph.add("Unsqueeze", [scale, graph.constant("last", [-1])], "words.widened")
    words = graph.add("Mul", [codes, scale], "words.scaled")
    words = graph.add("Reshape", [words, graph.constant("by token", [0, 0, h])], "words.out")
    placed = graph.add("Gather", [graph.weight("positions", FLOAT, places, h), "places"], "places.out")
    total = graph.add("Add", [words, placed], "embedded")
    norm = [total, graph.weight("norm.weight", FLOAT, h), graph.weight("norm.bias", FLOAT, h)]
    x = graph.add("LayerNormalization", norm, "normed", epsilon=1e-5, axis=-1)
    for number in range(shape.lower):
        x = graph.layer(x, f"lower_layers.{number}")
    graph.add("Identity", [x], "states")
    ids: dict[str, tuple[int, list[Any]]] = {"ids": (INT64, [1, "tokens"]), "places": (INT64, ["tokens"])}
    names = {"lower": graph.write(folder / "lower.onnx", {**ids, **relative}, states)}

    logits: tuple[int, list[Any]] = (FLOAT, [1, "tokens", 2])
    graph, x = Graph(shape), "states"
    for number in range(shape.glance):
        x = graph.layer(x, f"upper_layers.{number}")
    graph.head(x, "glance", "glanced")
    graph.add("Identity", [x], "begun")
    told = {"begun": states["states"], "glanced": logits}
    names["middle"] = graph.write(folder / "middle.onnx", {**states, **relative}, told)

    graph, x = Graph(shape), "begun"
    for number in range(shape.glance, len(shape.upper)):
        x = graph.layer(x, f"upper_layers.{number}")
    graph.head(x, "head", "logits")
    begun = {"begun": states["states"]}
    return names | {"upper": graph.write(folder / "upper.onnx", {**begun, **relative}, {"logits": logits})}
