"""A photograph as the portrait needs it: read safely, its face found, and cut out like our own heads' pictures.

The file is read into memory, and nothing of it is stored. Only common still formats are opened; a JPEG is shrunk while
it is decoded, and other giants are refused, so that memory stays bounded.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter, ImageOps, UnidentifiedImageError

from rapport.avatar.face_measures import read_face
from rapport.avatar.landmarks import FaceMesh, FoundFace
from rapport.avatar.tracking import face_response, weights_of
from rapport.persona.errors import InputError

LARGEST_SIDE = 2048
"""Pixels; larger photographs are shrunk."""
MOST_PIXELS = 40_000_000
"""That are decoded; a JPEG is shrunk to fewer on the way."""
LEAST_SIDE = 64
LEAST_FACE = 56
"""Pixels of the longer side of a face."""
MOST_TURNED_RAD = 0.6
"""35 degrees of yaw or pitch: beyond, half of the face cannot be seen."""

_FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF")
_EYE_LINE = 0.40
_EYES_PER_SIDE = 0.255
"""Distance between the outer corners of the eyes, as a part of the picture's side: as our own heads are drawn."""
_TIGHTEST = 0.62
"""Of that composition's side, what a photograph must show before its edge is continued."""


@dataclass(frozen=True, eq=False)
class Cutout:
    """Head and shoulders in a square. Coordinates are pixels of a picture of `size`: x to the right, y down."""

    size: int
    texels: NDArray[np.uint8]
    """(2 size, 2 size, 3): twice as fine as the pictures, so that they stay sharp while the face moves."""
    landmarks: NDArray[np.float64]
    """(468, 3), z away from the camera."""
    irises: NDArray[np.float64]
    """Right eye and left eye, (2, 5, 3)."""
    weights: NDArray[np.float64]
    """(52,) what the face does on the photograph, as far as the tracker can tell without knowing it at rest."""

    @property
    def picture(self) -> NDArray[np.uint8]:
        """What is drawn of a face at rest, (size, size, 3)."""
        blocks = self.texels.reshape(self.size, 2, self.size, 2, 3).astype(np.uint16)
        return ((blocks.sum((1, 3)) + 2) // 4).astype(np.uint8)


def read_photograph(path: Path) -> NDArray[np.uint8]:
    """A file as an RGB picture (h, w, 3) of at most LARGEST_SIDE, turned as its EXIF orientation says.

    JPEG, PNG, WebP, BMP, TIFF and GIF are read; grey, palette, CMYK and 16 bits become RGB; what is transparent becomes
    grey. Moving pictures are refused: which moment is meant is not for us to choose.

    Raises:
        InputError: there is no such file, or it is no still picture, damaged, tiny, or giant.
    """
    name = path.name
    try:
        with warnings.catch_warnings():
            # The number of pixels is checked below, where the message says what to do.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(path, formats=_FORMATS) as image:
                return _decoded(image, name)
    except InputError:
        raise
    except FileNotFoundError:
        raise InputError(f"there is no photograph {str(path)!r}") from None
    except IsADirectoryError:
        raise InputError(f"{str(path)!r} is a folder; name a photograph") from None
    except UnidentifiedImageError:
        raise InputError(f"{name!r} is no picture that can be read; save it as JPEG or PNG") from None
    except Image.DecompressionBombError:
        raise InputError(f"{name!r} has too many pixels; make it smaller than {MOST_PIXELS:,} pixels") from None
    # A damaged file makes decoders raise nearly anything.
    except (OSError, SyntaxError, ValueError, TypeError, KeyError, IndexError, EOFError, MemoryError) as error:
        reason = " ".join(str(error).split())[:120] or type(error).__name__
        raise InputError(f"{name!r} cannot be read as a picture ({reason}); save it again as JPEG or PNG") from None


def _decoded(image: Image.Image, name: str) -> NDArray[np.uint8]:
    width, height = image.size
    if min(width, height) < LEAST_SIDE:
        raise InputError(f"{name!r} has {width} x {height} pixels; a photograph needs at least {LEAST_SIDE} a side")
    if image.format != "MPO" and getattr(image, "n_frames", 1) > 1:
        raise InputError(f"{name!r} is a moving picture or has several pages; save the one to use as JPEG or PNG")
    image.draft("RGB", (LARGEST_SIDE, LARGEST_SIDE))
    if image.width * image.height > MOST_PIXELS:
        raise InputError(
            f"{name!r} has {width} x {height} pixels; make it smaller than {MOST_PIXELS:,} pixels, or save it as JPEG"
        )
    image.load()
    if image.mode in ("RGB", "L"):  # before it is copied and turned
        image.thumbnail((LARGEST_SIDE, LARGEST_SIDE), Image.Resampling.LANCZOS)
    rgb = _as_rgb(ImageOps.exif_transpose(image))
    rgb.thumbnail((LARGEST_SIDE, LARGEST_SIDE), Image.Resampling.LANCZOS)
    return np.asarray(rgb, np.uint8)


def _as_rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith(("I", "F")):
        values = np.asarray(image, np.float64)
        most = float(np.nanmax(values, initial=1.0))
        scale = 255.0 if image.mode == "F" and most <= 1 else 1.0 if most <= 255 else 255 / 65535
        grey = np.clip(np.nan_to_num(values) * scale, 0, 255).astype(np.uint8)
        return Image.fromarray(grey).convert("RGB")
    if "A" in image.mode or "transparency" in image.info:
        over = image.convert("RGBA")
        flat = Image.new("RGBA", over.size, (128, 128, 128, 255))
        return Image.alpha_composite(flat, over).convert("RGB")
    return image.convert("RGB")


def one_face(picture: NDArray[np.uint8], mesh: FaceMesh) -> FoundFace:
    """The face of a photograph.

    Raises:
        InputError: no face, several, one that is small, or one that is turned too far.
    """
    faces = mesh.find(picture)
    if not faces:
        raise InputError("no face is seen in the photograph; take one of a face from the front, well lit")
    if len(faces) > 1:
        raise InputError(f"{len(faces)} faces are seen in the photograph; cut it so that only one is left")
    face = faces[0]
    if face.size_px < LEAST_FACE:
        raise InputError(
            f"the face is only {face.size_px:.0f} pixels high; use a photograph where it has at least {LEAST_FACE}"
        )
    pitch, yaw, _ = np.abs(read_face(face).head_pose)
    if max(pitch, yaw) > MOST_TURNED_RAD:
        way = "to the side" if yaw > pitch else "up or down"
        raise InputError(f"the face is turned too far {way}; use a photograph from the front")
    return face


def cut_out(picture: NDArray[np.uint8], face: FoundFace, size: int) -> Cutout:
    """Head and shoulders, composed as our own heads are as far as the photograph has the room.

    Where it has not, the cut is tighter; where even that leaves it, its edge is continued, ever more blurred.
    """
    height, width = picture.shape[:2]
    reading = read_face(face)
    eyes = face.landmarks[[33, 133, 362, 263], :2].astype(np.float64).mean(0)
    x, y = float(eyes[0]), float(eyes[1])
    ideal = reading.scale_px / _EYES_PER_SIDE
    room = min(2 * x, 2 * (width - x), y / _EYE_LINE, (height - y) / (1 - _EYE_LINE))
    side = min(ideal, max(room, _TIGHTEST * ideal))
    left, top = x - side / 2, y - _EYE_LINE * side
    # A head off the middle, or a photograph cut above the brow, is better moved than continued.
    left = min(max(left, min(0.0, x - 0.58 * side)), max(width - side, x - 0.58 * side)) if side > room else left
    margins = [max(0, int(np.ceil(m)) + 1) for m in (-left, -top, left + side - width, top + side - height)]
    padded = _continued(picture, margins) if max(margins) > 1 else picture
    px, py = (left + margins[0], top + margins[1]) if max(margins) > 1 else (left, top)
    box = (max(px, 0.0), max(py, 0.0), min(px + side, padded.shape[1]), min(py + side, padded.shape[0]))
    texels = Image.fromarray(padded).resize((2 * size, 2 * size), Image.Resampling.LANCZOS, box=box)
    scale = size / side

    def placed(points: NDArray[np.float32]) -> NDArray[np.float64]:
        return (points.astype(np.float64) - [left, top, 0]) * scale

    weights = weights_of(reading.measures - face_response().rest).astype(np.float64)
    return Cutout(size, np.asarray(texels, np.uint8), placed(face.landmarks), placed(face.irises), weights)


def _continued(picture: NDArray[np.uint8], margins: list[int]) -> NDArray[np.uint8]:
    """The picture with its edges continued by `margins` (left, top, right, bottom), more blurred the farther out."""
    left, top, right, bottom = margins
    wide = np.pad(picture, ((top, bottom), (left, right), (0, 0)), mode="edge")
    high: NDArray[np.int64] = np.arange(wide.shape[0], dtype=np.int64)
    across: NDArray[np.int64] = np.arange(wide.shape[1], dtype=np.int64)
    above: NDArray[np.int64] = np.abs(high - np.clip(high, top, wide.shape[0] - bottom - 1))
    beside: NDArray[np.int64] = np.abs(across - np.clip(across, left, wide.shape[1] - right - 1))
    distance = np.maximum(above[:, None], beside[None]).astype(np.float32)
    out, image = wide.astype(np.float32), Image.fromarray(wide)
    for radius in (3, 8, 20):
        share: NDArray[np.float32] = np.clip(distance / np.float32(2 * radius), 0, 1)[..., None]
        out = out + (np.asarray(image.filter(ImageFilter.GaussianBlur(radius)), np.float32) - out) * share
    return np.round(out).astype(np.uint8)
