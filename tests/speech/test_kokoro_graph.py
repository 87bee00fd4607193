"""The faster operators compute what the published ones do."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from rapport.speech.kokoro_graph import part, quicken, seven_bits

RNG = np.random.default_rng(1)


def model(nodes: list[Any], constants: dict[str, Any], channels: int) -> Any:
    graph = helper.make_graph(
        nodes,
        "test",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, channels, "frames"])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)


def convolution(taps: int, dilation: int, stride: int, bias: bool, largest: int = 64) -> Any:
    """A convolution as onnxruntime's dynamic quantisation writes it; weights up to `largest` steps from zero."""
    pad = (taps - 1) * dilation // 2
    shape: dict[str, Any] = {"kernel_shape": [taps], "dilations": [dilation], "pads": [pad, pad], "strides": [stride]}
    nodes = [
        helper.make_node("DynamicQuantizeLinear", ["x"], ["q", "s", "z"]),
        helper.make_node("Mul", ["s", "step"], ["scale"]),
        helper.make_node("ConvInteger", ["q", "w", "z", "zero"], ["sum"], "conv", **shape),
        helper.make_node("Cast", ["biased" if bias else "sum"], ["float"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["float", "scale"], ["y"]),
    ]
    if bias:
        nodes[3:3] = [
            helper.make_node("Div", ["bias", "scale"], ["b1"]),
            helper.make_node("Floor", ["b1"], ["b2"]),
            helper.make_node("Cast", ["b2"], ["b3"], to=TensorProto.INT32),
            helper.make_node("Reshape", ["b3", "column"], ["b4"]),
            helper.make_node("Add", ["sum", "b4"], ["biased"]),
        ]
    constants = {
        "w": (120 + RNG.integers(-largest, largest + 1, (5, 3, taps))).astype(np.uint8),
        "zero": np.uint8(120),
        "step": np.float32(0.01),
        "bias": RNG.standard_normal(5).astype(np.float32),
        "column": np.array([1, -1, 1]),
    }
    return model(nodes, constants, channels=3)


def normalisation() -> Any:
    nodes = [
        helper.make_node("ReduceMean", ["x", "time"], ["mean"]),
        helper.make_node("Sub", ["x", "mean"], ["centred"]),
        helper.make_node("Mul", ["centred", "centred"], ["squares"]),
        helper.make_node("ReduceMean", ["squares", "time"], ["variance"]),
        helper.make_node("Add", ["variance", "epsilon"], ["some"]),
        helper.make_node("Sqrt", ["some"], ["deviation"]),
        helper.make_node("Div", ["centred", "deviation"], ["normal"]),
        helper.make_node("Mul", ["gain", "normal"], ["scaled"]),
        helper.make_node("Add", ["scaled", "shift"], ["y"]),
    ]
    constants = {
        "time": np.array([2]),
        "epsilon": np.float32(1e-5),
        "gain": RNG.standard_normal((1, 3, 1)).astype(np.float32),
        "shift": RNG.standard_normal((1, 3, 1)).astype(np.float32),
    }
    return model(nodes, constants, channels=3)


def run(network: Any, x: Any) -> Any:
    session = onnxruntime.InferenceSession(network.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, {"x": x})[0]


def quick(network: Any) -> Any:
    copy = onnx.ModelProto()
    copy.CopyFrom(network)
    quicken(copy)
    return onnx.load_from_string(part(copy, ["x"], ["y"]))


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize(("taps", "dilation"), [(1, 1), (3, 1), (7, 1), (3, 5), (11, 3)])
def test_a_convolution_gives_the_same_sums(taps: int, dilation: int, bias: bool) -> None:
    network = convolution(taps, dilation, 1, bias)
    faster = quick(network)
    assert "ConvInteger" not in {node.op_type for node in faster.graph.node}
    for frames in (1, 40):
        x = RNG.standard_normal((1, 3, frames)).astype(np.float32)
        # The published graph rounds the bias down to the step of the sum.
        step = float(np.ptp(np.append(x, 0)) / 255 * 0.01)
        np.testing.assert_allclose(run(faster, x), run(network, x), atol=(step if bias else 0) + 1e-5)


def test_large_weights_lose_a_bit_and_nothing_overflows() -> None:
    network = convolution(11, 1, 1, bias=False, largest=120)
    faster = quick(network)
    x = RNG.choice([-1.0, 1.0], (1, 3, 200)).astype(np.float32)  # every activation at an end of its range
    exact = run(network, x)
    rms = float(np.sqrt(np.mean((run(faster, x) - exact) ** 2) / np.mean(exact**2)))
    assert 0 < rms < 0.02


@given(st.integers(0, 2**32 - 1), st.integers(1, 255))
def test_seven_bits_hold_what_fits_and_the_nearest_of_the_rest(seed: int, largest: int) -> None:
    weights = np.random.default_rng(seed).integers(-largest, largest + 1, (4, 3, 5)).astype(np.int16)
    table, factors = seven_bits(weights)
    assert np.abs(table.astype(int)).max() <= 64
    fits = np.abs(weights).max(axis=(1, 2)) <= 64
    np.testing.assert_array_equal(table[fits], weights[fits])
    assert (factors[fits] == 1).all()
    error = np.abs(table * factors[:, None, None] - weights)
    assert (error <= factors[:, None, None] / 2 + 1e-9).all()


def test_a_strided_convolution_is_left_alone() -> None:
    network = convolution(3, 1, 2, bias=False)
    x = RNG.standard_normal((1, 3, 20)).astype(np.float32)
    np.testing.assert_array_equal(run(quick(network), x), run(network, x))


def test_a_normalisation_becomes_one_operator() -> None:
    network = normalisation()
    faster = quick(network)
    assert {node.op_type for node in faster.graph.node} == {"Reshape", "InstanceNormalization"}
    x = RNG.standard_normal((1, 3, 50)).astype(np.float32)
    np.testing.assert_allclose(run(faster, x), run(network, x), atol=1e-4)
