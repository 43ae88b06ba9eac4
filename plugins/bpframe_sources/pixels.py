"""Pixels of image files, read by Pillow, which is imported when a file is read.  Pixels (height, width, channels)."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO

import numpy as np

from bpframe.plugin import DataError, HostArray, Shape

FORMATS = ("PNG", "JPEG", "BMP", "GIF", "WEBP", "TIFF")  # no others: some call programs
MOST = 1 << 26  # pixels of an image, before they are unpacked
MODES = {1: "L", 3: "RGB", 4: "RGBA"}
SMALLER = "Scale it down, or leave it out."
WHITE = (255, 255, 255, 255)
DEEP = ("I;16", "I;16B", "I;16L")  # grey of 16 bits, which Pillow would cut off at 255


def read_pixels(file: BinaryIO, size: Shape | None, channels: int) -> HostArray:
    """uint8 (height, width, channels) of an image as it is looked at, scaled to a `size` if one is given.

    DataError for what is no image, is damaged, or has too many pixels.
    """
    pillow, operations = import_pillow()
    with _as_data_error(pillow), pillow.open(file, formats=FORMATS) as image:
        height, width = image.height, image.width
        if height * width > MOST:
            raise DataError(f"needs an image of at most {MOST:,} pixels, got {height:,} x {width:,}. {SMALLER}")
        image.load()
        upright = operations.exif_transpose(image)
        flat = _in_mode(pillow, upright, MODES[channels])
        if size is not None:
            flat = flat.resize(size[::-1], pillow.Resampling.BILINEAR)
        pixels: HostArray = np.asarray(flat, dtype=np.uint8)
    return pixels.reshape(*pixels.shape[:2], channels)


def import_pillow() -> Any:
    """(PIL.Image, PIL.ImageOps); DataError where Pillow is not installed."""
    try:
        from PIL import Image, ImageOps
    except ImportError as cause:
        remedy = 'Install it: pip install "bpframe[images]".'
        raise DataError(f"needs Pillow to read it, which is not installed ({cause}). {remedy}") from cause
    return Image, ImageOps


@contextmanager
def _as_data_error(pillow: Any) -> Iterator[None]:
    """A block in which what Pillow raises is a DataError; its warnings are of no use to who trains."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except DataError:
        raise
    except pillow.DecompressionBombError as cause:
        raise DataError(
            f"needs an image of at most {MOST:,} pixels, got more. Scale it down, or leave it out."
        ) from cause
    except Exception as cause:  # damaged files make Pillow raise a dozen unrelated kinds
        formats = ", ".join(FORMATS)
        raise DataError(f"needs to be a whole image of {formats}, got: {cause}. Mend it, or leave it out.") from cause


def _in_mode(pillow: Any, image: Any, mode: str) -> Any:
    """The image in a mode; what is transparent lies on white, unless the mode has a channel for it."""
    if image.mode in DEEP or image.mode == "I":
        image = pillow.fromarray((np.asarray(image).astype(np.int64).clip(0, 65535) // 257).astype(np.uint8))
    if mode != "RGBA" and image.has_transparency_data:
        seen = image.convert("RGBA")
        ground = pillow.new("RGBA", seen.size, WHITE)
        ground.alpha_composite(seen)
        image = ground
    return image.convert(mode)
