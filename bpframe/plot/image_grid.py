"""A grid of images: kernels of a layer, and feature maps of a row.

Shapes: images (K, H, W) or (K, H, W, 3); kernels of a dense layer (n, units), of a convolution (h, w, C, filters).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from bpframe.errors import ConfigError, ShapeError
from bpframe.plot.canvas import canvas
from bpframe.plot.theme import ThemeName
from bpframe.types import HostArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST = 64  # images that can be told apart in one picture
MOST_DASHED = 1200  # cells: of more the dashes would be too small
FAINT = 0.15  # of the largest, below which the sign of a weight does not show in colours either
DARK = 0.6  # of the largest, from which a light dash stands out more


def kernels(
    weight: ArrayLike,
    shape: Sequence[int] | None = None,
    *,
    most: int = MOST,
    ax: Axes | None = None,
    theme: ThemeName | None = None,
) -> Axes:
    """The weights into each unit of a layer as an image, blue below 0 and red above.

    `weight`: (n, units) of a dense layer, whose n inputs are an image of `shape` (H, W), by default a square if n is
    one; or (h, w, C, filters) of a convolution, whose filters are shown channel by channel. Of more than `most` units
    every so manieth is shown, which the title says. Up to 1,200 weights have a dash where they are below 0, for print.
    """
    values = np.asarray(weight, dtype=float)
    if values.ndim == 4:
        images = np.moveaxis(values, (3, 2), (0, 1)).reshape(-1, *values.shape[:2])
    elif values.ndim == 2:
        images = values.T.reshape(-1, *_image_shape(values.shape[0], shape))
    else:
        raise ShapeError(f"kernels needs weights (n, units) or (h, w, C, filters), got {values.shape}.")
    return _grid(images, "kernels", most, ax, theme, signed=True)


def feature_maps(
    values: ArrayLike,
    *,
    most: int = MOST,
    ax: Axes | None = None,
    theme: ThemeName | None = None,
) -> Axes:
    """What a convolution makes of one row: a map (H, W) for each channel of `values` (H, W, C), bright where high.

    `trainer.trace(x, y).layers[i].v[row]` has them.
    """
    maps = np.asarray(values, dtype=float)
    if maps.ndim != 3:
        raise ShapeError(f"feature_maps needs the values (H, W, C) of one row, got {maps.shape}.")
    return _grid(np.moveaxis(maps, 2, 0), "maps", most, ax, theme, signed=False)


def sample(count: int, most: int) -> HostArray:
    """The numbers of at most `most` of `count` items, at even distances, the first and the last among them."""
    if most < 1:
        raise ConfigError(f"A grid of images needs room for one at least, got {most}.")
    return np.unique(np.linspace(0, count - 1, min(count, most)).round().astype(int))


def tiled(images: HostArray) -> HostArray:
    """Images (K, H, W) side by side in a near square of tiles, a line of NaN between them."""
    count, height, width = images.shape
    columns = math.ceil(math.sqrt(count * height / width))
    rows = -(-count // columns)
    tiles = np.full((rows * (height + 1) - 1, columns * (width + 1) - 1), np.nan)
    for i, image in enumerate(images):
        top, left = i // columns * (height + 1), i % columns * (width + 1)
        tiles[top : top + height, left : left + width] = image
    return tiles


def _image_shape(n: int, shape: Sequence[int] | None) -> tuple[int, ...]:
    if shape is None:
        side = math.isqrt(n)
        shape = (side, side) if side * side == n else (1, n)
    if len(shape) != 2 or math.prod(shape) != n:
        raise ShapeError(f"kernels needs the shape (H, W) of an image of {n} inputs, got {tuple(shape)}.")
    return tuple(shape)


def _grid(images: HostArray, what: str, most: int, ax: Axes | None, theme: ThemeName | None, signed: bool) -> Axes:
    shown = sample(len(images), most)
    tiles = tiled(images[shown])
    known = tiles[np.isfinite(tiles)]
    highest = float((abs(known) if signed else known).max(initial=0.0)) or 1.0
    height, width = tiles.shape
    side = 5.0
    with canvas(ax, theme, (side + 0.8, max(1.6, side * height / width + 0.4))) as (ax, chosen):
        lowest = -highest if signed else float(known.min(initial=0.0))
        colours = chosen.diverging if signed else chosen.sequential
        image = ax.imshow(tiles, cmap=colours, interpolation="nearest", vmin=lowest, vmax=highest)
        if signed:
            _dash_negative(ax, tiles / highest)
        ax.set_xticks([])
        ax.set_yticks([])
        ax.grid(visible=False)
        ax.spines[:].set_visible(False)
        ax.set_title(f"{len(shown)} of {len(images)} {what}" if len(shown) < len(images) else f"{len(images)} {what}")
        ax.figure.colorbar(image, ax=ax)
    return ax


def _dash_negative(ax: Axes, shares: HostArray) -> None:
    """A dash on each cell below 0: in print its colour is that of one above."""
    if np.isfinite(shares).sum() > MOST_DASHED:
        return
    rows, columns = np.nonzero(shares < -FAINT)
    colours = np.where(shares[rows, columns] < -DARK, "white", "black")
    ax.hlines(rows, columns - 0.25, columns + 0.25, colors=colours.tolist(), linewidth=0.8)
