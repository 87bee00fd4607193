"""A torch network as int8 ONNX: what every small encoder that ships goes through."""

# torch, transformers and onnxruntime declare their types only in part.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

TEXTS = {0: "texts"}
"""What varies in the shape of an array with a row for each text; `TOKENS`: and with a column for each token."""
TOKENS = {0: "texts", 1: "tokens"}


def write_int8(
    network: torch.nn.Module,
    path: Path,
    inputs: Mapping[str, torch.Tensor],
    outputs: Mapping[str, Mapping[int, str]],
    prepare: Callable[[Path], None] | None = None,
) -> None:
    """Write a network as ONNX with weights in int8, one scale per output channel; activations are scaled per run.

    Weights use seven of their eight bits: processors without VNNI add products of int8 in 16 bits, which overflow
    otherwise, and the same file is to score the same everywhere.

    Args:
        network: takes the inputs in order.
        path: where the file is written.
        inputs: an example of each, texts x tokens.
        outputs: the dimensions of each that vary.
        prepare: changes the file of the whole network before it is quantised.
    """
    import torch
    from onnxruntime.quantization import QuantType, quantize_dynamic

    with TemporaryDirectory() as folder:
        full = Path(folder) / "full.onnx"
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # tracing and the TorchScript exporter warn of themselves
            torch.onnx.export(
                network,
                tuple(inputs.values()),
                str(full),
                input_names=list(inputs),
                output_names=list(outputs),
                dynamic_axes={
                    **dict.fromkeys(inputs, TOKENS),
                    **{name: dict(dimensions) for name, dimensions in outputs.items()},
                },
                opset_version=17,
                dynamo=False,
            )
        if prepare is not None:
            prepare(full)
        quantize_dynamic(full, path, weight_type=QuantType.QInt8, per_channel=True, reduce_range=True)
