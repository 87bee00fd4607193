"""The text-emotion network as int8 ONNX, and back to torch: what is shipped can be trained further."""

# torch, transformers and onnxruntime declare their types only in part.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from rapport.agent.perception.text_model import Tokens, collate
from rapport.apps.train.int8 import TEXTS, TOKENS, write_int8

if TYPE_CHECKING:
    import torch

INPUTS: tuple[str, ...] = ("input_ids", "attention_mask", "token_type_ids")
OUTLIER = 6.0
"""Activations beyond this are outliers: of 2 to 10 the value with the least effect of int8 on what the network says."""
_SHRINK = "_shrink"
_PRODUCT = re.compile(r"/?(encoder/encoder/layer[^:]*|goemotions|ekman|vad)(/|_)MatMul_output")


def export_int8(network: torch.nn.Module, path: Path, examples: Sequence[Tokens]) -> None:
    """Write the network as `write_int8` does, its outliers shrunk; `examples` show how large activations become."""
    import torch

    example = dict(zip(INPUTS, map(torch.from_numpy, collate(examples[:2])), strict=True))
    outputs = {**dict.fromkeys(("goemotions", "ekman", "vad"), TEXTS), "token_vad": TOKENS}
    write_int8(network, path, example, outputs, lambda full: _shrink_outliers(full, examples))


def _shrink_outliers(path: Path, examples: Sequence[Tokens]) -> None:
    """Divide the few channels that reach beyond OUTLIER before each product, and multiply their weights instead.

    A handful of channels of such encoders are ten times as large as the rest, and all share one scale of 255 steps.
    What the network says stays what it was (Xiao et al. 2023, SmoothQuant, arXiv 2211.10438).
    """
    import onnx
    from onnx import helper, numpy_helper

    model = cast(Any, onnx.load(str(path)))
    graph = model.graph
    weights = {tensor.name: tensor for tensor in graph.initializer}
    products = [n for n in graph.node if n.op_type == "MatMul" and n.input[1] in weights]
    largest = _largest_activations(path, sorted({n.input[0] for n in products}), examples)
    shrunk = {name: np.maximum(1.0, found / OUTLIER).astype(np.float32) for name, found in largest.items()}
    nodes: list[Any] = []
    done: set[str] = set()
    for node in graph.node:
        if node.op_type == "MatMul" and node.input[1] in weights:
            name, tensor = node.input[0], weights[node.input[1]]
            if name not in done:
                done.add(name)
                graph.initializer.append(numpy_helper.from_array(1 / shrunk[name], name + _SHRINK))
                nodes.append(helper.make_node("Mul", [name, name + _SHRINK], [f"{name}_shrunk"]))
            tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor) * shrunk[name][:, None], tensor.name))
            node.input[0] = f"{name}_shrunk"
        nodes.append(node)
    del graph.node[:]
    graph.node.extend(nodes)
    onnx.save(model, str(path))


def _largest_activations(path: Path, names: list[str], examples: Sequence[Tokens]) -> dict[str, NDArray[np.float32]]:
    """The largest absolute value of each channel of the named activations over the examples."""
    import onnx
    import onnxruntime
    from onnx import TensorProto, helper

    model = cast(Any, onnx.load(str(path)))
    model.graph.output.extend(helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in names)
    session = cast(Any, onnxruntime).InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    largest: dict[str, NDArray[np.float32]] = {}
    for row in examples:
        feed = dict(zip(INPUTS, collate([row]), strict=True))
        for name, found in zip(names, session.run(names, feed), strict=True):
            reached = np.abs(found).reshape(-1, found.shape[-1]).max(axis=0)
            largest[name] = np.maximum(largest.get(name, np.float32(0)), reached)
    return largest


def read_int8(path: Path) -> dict[str, torch.Tensor]:
    """The weights in a file of `export_int8`, by their names in the network."""
    import onnx
    import torch
    from onnx import numpy_helper

    graph = cast(Any, onnx.load(str(path))).graph
    held = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    made_by = {output: node for node in graph.node for output in node.output}
    weights = {
        name: tensor
        for name, tensor in held.items()
        if name.endswith((".bias", ".weight")) and name.startswith(("encoder.", "goemotions.", "ekman.", "vad."))
    }
    for name, tensor in held.items():
        if name.startswith("encoder.embeddings.") and name.endswith("_quantized"):
            whole = name.removesuffix("_quantized")
            zero, scale = (held[whole + end].astype(np.float32) for end in ("_zero_point", "_scale"))
            weights[whole] = (tensor.astype(np.float32) - zero) * scale
    for node in graph.node:
        if node.op_type != "MatMulInteger" or (found := _PRODUCT.match(node.output[0])) is None:
            continue
        whole = node.input[1].removesuffix("_quantized")
        zero, scale = (held[whole + end].astype(np.float32) for end in ("_zero_point", "_scale"))
        weight = (held[node.input[1]].astype(np.float32) - zero) * scale
        shrunk = made_by.get(made_by[node.input[0]].input[0])
        if shrunk is not None and shrunk.op_type == "Mul" and shrunk.input[1].endswith(_SHRINK):
            weight *= held[shrunk.input[1]][:, None]
        weights[found[1].replace("/", ".") + ".weight"] = weight.T
    return {name: torch.from_numpy(np.array(weight, np.float32)) for name, weight in weights.items()}
