"""Builds the encoder as an ONNX graph: 8-bit weights, activations quantised on the way, fused attention."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from ryorin.adapters.onnx_e5.weights import ModelFile

# raise it when the graph changes: converted files are named by it
GRAPH_VERSION = 2
OPSET, MICROSOFT_OPSET = 17, 1
# 7 bits for weights would avoid overflow on processors without VNNI, at some accuracy; ONNX Runtime
# saturates only with unsigned activations on AVX2 kernels, so weights keep to +-127
WEIGHT_LIMIT = 127.0


class _Builder:
    """Collects nodes and initialisers; every helper returns the name of its output."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.initialisers: list[onnx.TensorProto] = []

    def constant(self, name: str, value: NDArray[np.generic]) -> str:
        self.initialisers.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def node(self, kind: str, inputs: list[str], output: str, domain: str = "", **attributes: Any) -> str:
        self.nodes.append(helper.make_node(kind, inputs, [output], domain=domain, **attributes))
        return output

    def fused(self, kind: str, inputs: list[str], output: str, **attributes: Any) -> str:
        return self.node(kind, inputs, output, domain="com.microsoft", **attributes)

    def linear(self, source: str, weight: NDArray[np.float32], bias: NDArray[np.float32], output: str) -> str:
        """source @ weight.T + bias with one scale per output column."""
        scale = np.maximum(np.abs(weight).max(axis=1) / WEIGHT_LIMIT, 1e-12).astype(np.float32)
        quantised = np.rint(weight / scale[:, np.newaxis]).astype(np.int8).T
        inputs = [
            source,
            self.constant(f"{output}.weight", quantised),
            self.constant(f"{output}.scale", scale),
            self.constant(f"{output}.zero", np.zeros(len(scale), dtype=np.int8)),
            self.constant(f"{output}.bias", bias),
        ]
        return self.fused("DynamicQuantizeMatMul", inputs, output)


def build_graph(model: ModelFile) -> onnx.ModelProto:
    """The encoder with mean pooling: ids (batch, tokens) and mask (batch, tokens) to means (batch, hidden)."""
    builder = _Builder()
    state = _embeddings(builder, model)
    for layer in range(model.architecture.layers):
        state = _layer(builder, model, layer, state)
    _mean_pool(builder, state)
    graph = helper.make_graph(
        builder.nodes,
        "multilingual-e5-small",
        [
            helper.make_tensor_value_info("ids", TensorProto.INT64, ["batch", "tokens"]),
            helper.make_tensor_value_info("mask", TensorProto.INT32, ["batch", "tokens"]),
        ],
        [helper.make_tensor_value_info("means", TensorProto.FLOAT, ["batch", model.architecture.hidden])],
        builder.initialisers,
    )
    opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid("com.microsoft", MICROSOFT_OPSET)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=9)


def _embeddings(builder: _Builder, model: ModelFile) -> str:
    sizes = model.architecture
    table = model.matrix("emb.word", sizes.hidden)
    scale = np.maximum(np.abs(table).max(axis=1, keepdims=True) / WEIGHT_LIMIT, 1e-12)
    builder.constant("word.quantised", np.rint(table / scale).astype(np.int8))
    builder.constant("word.scale", scale.astype(np.float32))
    place = model.vector("emb.pos").reshape(-1, sizes.hidden) + model.vector("emb.type")[: sizes.hidden]
    builder.constant("place", place)
    small = builder.node("Gather", ["word.quantised", "ids"], "word.small")
    wide = builder.node("Cast", [small], "word.wide", to=TensorProto.FLOAT)
    scales = builder.node("Gather", ["word.scale", "ids"], "word.scales")
    words = builder.node("Mul", [wide, scales], "words")
    shape = builder.node("Shape", ["ids"], "ids.shape")
    length = builder.node(
        "Slice",
        [shape, builder.constant("one", np.array([1])), builder.constant("two", np.array([2]))],
        "length",
    )
    places = builder.node("Slice", ["place", builder.constant("zero", np.array([0])), length], "places")
    total = builder.node("Add", [words, places], "embedded")
    weight = builder.constant("emb.ln.w", model.vector("emb.ln.w"))
    bias = builder.constant("emb.ln.b", model.vector("emb.ln.b"))
    return builder.node("LayerNormalization", [total, weight, bias], "state", axis=-1, epsilon=sizes.epsilon)


def _layer(builder: _Builder, model: ModelFile, layer: int, state: str) -> str:
    sizes, at = model.architecture, f"l{layer}"
    projected = {}
    for part in "qkv":
        weight = model.matrix(f"{at}.{part}.w", sizes.hidden)
        projected[part] = builder.linear(state, weight, model.vector(f"{at}.{part}.b"), f"{at}.{part}")
    inputs = [projected["q"], projected["k"], projected["v"], "", "mask"]
    context = builder.fused("MultiHeadAttention", inputs, f"{at}.context", num_heads=sizes.heads)
    attended = builder.linear(
        context, model.matrix(f"{at}.ao.w", sizes.hidden), model.vector(f"{at}.ao.b"), f"{at}.attended"
    )
    state = _add_and_normalise(builder, model, attended, state, f"{at}.aln")
    wide = builder.linear(state, model.matrix(f"{at}.fi.w", sizes.hidden), model.vector(f"{at}.fi.b"), f"{at}.wide")
    active = builder.fused("Gelu", [wide], f"{at}.active")
    narrow = builder.linear(
        active, model.matrix(f"{at}.fo.w", sizes.feed_forward), model.vector(f"{at}.fo.b"), f"{at}.narrow"
    )
    return _add_and_normalise(builder, model, narrow, state, f"{at}.oln")


def _add_and_normalise(builder: _Builder, model: ModelFile, change: str, state: str, name: str) -> str:
    weight = builder.constant(f"{name}.w", model.vector(f"{name}.w"))
    bias = builder.constant(f"{name}.b", model.vector(f"{name}.b"))
    epsilon = model.architecture.epsilon
    return builder.fused("SkipLayerNormalization", [change, state, weight, bias], name, epsilon=epsilon)


def _mean_pool(builder: _Builder, state: str) -> None:
    mask = builder.node("Cast", ["mask"], "mask.float", to=TensorProto.FLOAT)
    axis = builder.constant("last", np.array([2]))
    column = builder.node("Unsqueeze", [mask, axis], "mask.column")
    kept = builder.node("Mul", [state, column], "kept")
    tokens_axis = builder.constant("tokens.axis", np.array([1]))
    total = builder.node("ReduceSum", [kept, tokens_axis], "total", keepdims=0)
    count = builder.node("ReduceSum", [column, tokens_axis], "count", keepdims=0)
    builder.node("Div", [total, count], "means")
