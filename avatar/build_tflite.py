"""Reads TensorFlow Lite models (FlatBuffers) and writes them as ONNX, for the handful of operators that ours use.

Tensors of four dimensions are channels-last there and channels-first here: the graph is turned once where pictures come
in, and again only where values are laid out flat. Weights of 16-bit floats stay so in the file; a runtime widens them
when it loads it. Source of field numbers and operator codes: schema.fbs of TensorFlow Lite, schema version 3.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from rapport.persona.errors import InputError

Array = NDArray[Any]
Ints = list[int]

_DTYPES = {0: np.float32, 1: np.float16, 2: np.int32, 3: np.uint8, 4: np.int64, 9: np.int8}
_OPERATORS = {
    0: "add", 2: "concatenation", 3: "convolution", 4: "depthwise convolution", 6: "dequantize", 14: "logistic",
    17: "max pool", 19: "relu", 22: "reshape", 25: "softmax", 34: "pad", 40: "mean", 54: "prelu",
}  # fmt: skip
_TO_NCHW, _TO_NHWC = [0, 3, 1, 2], [0, 2, 3, 1]
_AXIS_NCHW = (0, 2, 3, 1)
"""Where an axis of a channels-last tensor lies in the channels-first one."""


class _Table:
    """A table of a FlatBuffer: fields by their number in the schema, each with its default."""

    def __init__(self, data: bytes, at: int) -> None:
        self.data, self.at = data, at
        self._vtable = at - struct.unpack_from("<i", data, at)[0]
        self._size = struct.unpack_from("<H", data, self._vtable)[0]

    def _place(self, number: int) -> int | None:
        slot = 4 + 2 * number
        if slot >= self._size:
            return None
        offset = struct.unpack_from("<H", self.data, self._vtable + slot)[0]
        return self.at + offset if offset else None

    def _follow(self, place: int) -> int:
        return place + struct.unpack_from("<I", self.data, place)[0]

    def number(self, number: int, form: str, default: int = 0) -> int:
        place = self._place(number)
        return default if place is None else int(struct.unpack_from("<" + form, self.data, place)[0])

    def table(self, number: int) -> _Table | None:
        place = self._place(number)
        return None if place is None else _Table(self.data, self._follow(place))

    def tables(self, number: int) -> list[_Table]:
        place = self._place(number)
        if place is None:
            return []
        start = self._follow(place)
        count = struct.unpack_from("<I", self.data, start)[0]
        return [_Table(self.data, self._follow(start + 4 + 4 * k)) for k in range(count)]

    def vector(self, number: int, dtype: Any) -> Array:
        place = self._place(number)
        if place is None:
            return np.zeros(0, dtype)
        start = self._follow(place)
        return np.frombuffer(self.data, dtype, struct.unpack_from("<I", self.data, start)[0], start + 4)


@dataclass
class _Graph:
    """The ONNX graph while it is written."""

    nodes: list[onnx.NodeProto] = field(default_factory=list[onnx.NodeProto])
    weights: list[onnx.TensorProto] = field(default_factory=list[onnx.TensorProto])

    def add(self, operator: str, inputs: Sequence[str], output: str, **attributes: Any) -> str:
        self.nodes.append(helper.make_node(operator, list(inputs), [output], **attributes))
        return output

    def constant(self, array: Array) -> str:
        name = f"w{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        if array.dtype == np.float16:
            return self.add("Cast", [name], f"{name}_f32", to=onnx.TensorProto.FLOAT)
        return name


def onnx_of(tflite: bytes) -> onnx.ModelProto:
    """The model as ONNX (opset 13) with the same inputs and outputs, channels last.

    Raises:
        InputError: the bytes are no such model, or use an operator that is not known here.
    """
    if tflite[4:8] != b"TFL3":
        raise InputError("this is no TensorFlow Lite model; give one from the wheels that this module names")
    try:
        model = _Converter(tflite).convert()
    except (struct.error, IndexError, ValueError, KeyError) as error:
        raise InputError(f"the TensorFlow Lite model is damaged ({error}); download its wheel again") from error
    onnx.checker.check_model(model)  # pyright: ignore[reportUnknownMemberType]
    return model


class _Converter:
    def __init__(self, data: bytes) -> None:
        root = _Table(data, struct.unpack_from("<I", data, 0)[0])
        codes = root.tables(1)
        self.codes = [max(code.number(0, "b"), code.number(3, "i")) for code in codes]
        self.subgraph = root.tables(2)[0]
        self.graph = _Graph()
        self.shapes: list[Ints] = []
        self.constants: dict[int, Array] = {}
        self.names: dict[int, str] = {}
        buffers = root.tables(4)
        for i, tensor in enumerate(self.subgraph.tables(0)):
            shape = [int(n) for n in tensor.vector(0, np.int32)]
            self.shapes.append(shape)
            raw = buffers[tensor.number(2, "I")].vector(0, np.uint8)
            if len(raw):
                array = np.frombuffer(raw.tobytes(), _DTYPES[tensor.number(1, "b")]).reshape(shape)
                self.constants[i] = _dequantized(array, tensor.table(4))

    def convert(self) -> onnx.ModelProto:
        inputs: Ints = self.subgraph.vector(1, np.int32).tolist()
        outputs: Ints = self.subgraph.vector(2, np.int32).tolist()
        for i in inputs:
            self.names[i] = self.graph.add("Transpose", [f"input_{i}"], f"t{i}", perm=_TO_NCHW)
        for operator in self.subgraph.tables(3):
            self._operator(operator)
        for i in outputs:
            perm: Ints = _TO_NHWC if len(self.shapes[i]) == 4 else list(range(len(self.shapes[i])))
            self.graph.add("Transpose", [self.names[i]], f"output_{i}", perm=perm)

        def values(kind: str, several: Ints) -> list[onnx.ValueInfoProto]:
            return [
                helper.make_tensor_value_info(f"{kind}_{i}", onnx.TensorProto.FLOAT, self.shapes[i]) for i in several
            ]

        graph = helper.make_graph(
            self.graph.nodes, "tflite", values("input", inputs), values("output", outputs), self.graph.weights
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], producer_name="rapport")
        model.ir_version = 8
        return model

    def _operator(self, operator: _Table) -> None:
        code = self.codes[operator.number(0, "I")]
        if code not in _OPERATORS:
            raise InputError(f"the TensorFlow Lite model uses operator {code}, which is not converted here")
        inputs = operator.vector(1, np.int32).tolist()
        (out,) = operator.vector(2, np.int32).tolist()
        options = operator.table(4)
        kind = _OPERATORS[code]
        if kind == "dequantize" and inputs[0] in self.constants:
            self.constants[out] = self.constants[inputs[0]]
            return
        name = self._result(kind, inputs, out, options)
        fused = 0
        if options is not None and kind in ("convolution", "depthwise convolution", "add", "max pool", "concatenation"):
            at = {"convolution": 3, "depthwise convolution": 4, "add": 0, "max pool": 5, "concatenation": 1}[kind]
            fused = options.number(at, "b")
        if fused == 1:
            name = self.graph.add("Relu", [name], f"{name}_relu")
        elif fused == 3:
            limits = [self.graph.constant(np.array(x, np.float32)) for x in (0.0, 6.0)]
            name = self.graph.add("Clip", [name, *limits], f"{name}_relu6")
        elif fused:
            raise InputError(f"the TensorFlow Lite model uses activation {fused}, which is not converted here")
        self.names[out] = name

    def _result(self, kind: str, inputs: Ints, out: int, options: _Table | None) -> str:
        name, x = f"t{out}", self._value(inputs[0])
        if kind.endswith("convolution"):
            return self._convolution(kind == "depthwise convolution", inputs, name, options)
        if kind == "max pool" and options is not None:
            strides = [options.number(2, "i"), options.number(1, "i")]
            kernel = [options.number(4, "i"), options.number(3, "i")]
            pads = _pads(options.number(0, "b"), self.shapes[inputs[0]][1:3], kernel, strides)
            return self.graph.add("MaxPool", [x], name, kernel_shape=kernel, strides=strides, pads=pads)
        if kind == "pad":
            amounts = self.constants[inputs[1]]
            if len(amounts) == 4:
                amounts = amounts[_TO_NCHW]
            return self.graph.add("Pad", [x, self.graph.constant(amounts.T.reshape(-1).astype(np.int64))], name)
        if kind == "prelu":
            slope = self.constants[inputs[1]]
            return self.graph.add("PRelu", [x, self.graph.constant(slope.transpose(2, 0, 1))], name)
        if kind == "reshape":
            if len(self.shapes[inputs[0]]) == 4:
                x = self.graph.add("Transpose", [x], f"{name}_flat", perm=_TO_NHWC)
            shape = np.array(self.shapes[out], np.int64)
            if len(shape) == 4:
                y = self.graph.add("Reshape", [x, self.graph.constant(shape)], f"{name}_nhwc")
                return self.graph.add("Transpose", [y], name, perm=_TO_NCHW)
            return self.graph.add("Reshape", [x, self.graph.constant(shape)], name)
        if kind == "concatenation" and options is not None:
            rank = len(self.shapes[out])
            axis = options.number(0, "i") % rank
            return self.graph.add(
                "Concat", [self._value(i) for i in inputs], name, axis=_AXIS_NCHW.index(axis) if rank == 4 else axis
            )
        if kind == "mean" and options is not None:
            axes = [_TO_NCHW.index(int(axis)) for axis in np.atleast_1d(self.constants[inputs[1]])]
            return self.graph.add("ReduceMean", [x], name, axes=axes, keepdims=options.number(0, "b"))
        if kind == "add":
            return self.graph.add("Add", [x, self._value(inputs[1])], name)
        return self.graph.add(*{
            "relu": ("Relu", [x], name),
            "logistic": ("Sigmoid", [x], name),
            "softmax": ("Softmax", [x], name),
            "dequantize": ("Identity", [x], name),
        }[kind])  # fmt: skip

    def _value(self, i: int) -> str:
        if i in self.constants and i not in self.names:
            array = self.constants[i]
            self.names[i] = self.graph.constant(array.transpose(_TO_NCHW) if array.ndim == 4 else array)
        return self.names[i]

    def _convolution(self, depthwise: bool, inputs: Ints, name: str, options: _Table | None) -> str:
        if options is None:
            raise ValueError("a convolution without options")
        x, weight = self._value(inputs[0]), self.constants[inputs[1]]
        height, width, channels = self.shapes[inputs[0]][1:]
        strides = [options.number(2, "i"), options.number(1, "i")]
        first = 5 if depthwise else 4
        dilations = [options.number(first + 1, "i", 1), options.number(first, "i", 1)]
        kernel = [int(n) for n in weight.shape[1:3]]
        pads = _pads(options.number(0, "b"), [height, width], kernel, strides)
        turned = weight.transpose((3, 0, 1, 2) if depthwise else (0, 3, 1, 2))
        terms = [x, self.graph.constant(turned)]
        if len(inputs) > 2 and inputs[2] >= 0:
            terms.append(self.graph.constant(self.constants[inputs[2]]))
        group = channels if depthwise else 1
        return self.graph.add("Conv", terms, name, strides=strides, pads=pads, dilations=dilations, group=group)


def _dequantized(array: Array, quantization: _Table | None) -> Array:
    """Weights of eight bits as floats, by the scale of each output channel."""
    if array.dtype != np.int8 or quantization is None:
        return array
    scale = quantization.vector(2, np.float32)
    if not len(scale):
        return array
    shape = [1] * array.ndim
    if len(scale) > 1:
        shape[quantization.number(6, "i")] = len(scale)
    return array.astype(np.float32) * scale.reshape(shape)


def _pads(padding: int, size: Ints, kernel: Ints, strides: Ints) -> Ints:
    """ONNX's begin and end pads of TensorFlow's SAME (0) and VALID (1)."""
    if padding == 1:
        return [0, 0, 0, 0]
    total = [max((-(-n // s) - 1) * s + k - n, 0) for n, k, s in zip(size, kernel, strides, strict=True)]
    return [total[0] // 2, total[1] // 2, total[0] - total[0] // 2, total[1] - total[1] // 2]
