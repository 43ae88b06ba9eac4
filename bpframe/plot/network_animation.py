"""The animation of a network over its training: network pictures as frames of a GIF or an MP4 file."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from bpframe import checks
from bpframe.errors import ConfigError
from bpframe.plot.canvas import canvas, pyplot
from bpframe.plot.network_artists import NetworkArtists
from bpframe.plot.network_maps import NetworkMaps
from bpframe.plot.network_picture import picture_size
from bpframe.plot.theme import ThemeName

LAST = 1.5  # seconds that the last frame stays
COLOURS = 255  # of a frame of a GIF, chosen so that rare ones, as those of rows, are among them
EVEN = ["-pix_fmt", "yuv420p", "-vf", "pad=ceil(iw/2)*2:ceil(ih/2)*2"]  # what most players ask for

Write = Callable[[Any, Iterator[Any], Path, int, float], None]  # (figure, its frames, file, fps, dpi)


def animate_network(
    frames: Sequence[NetworkMaps],
    file: str | os.PathLike[str],
    *,
    fps: int = 10,
    dpi: float = 80.0,
    theme: ThemeName | None = None,
) -> None:
    """Write pictures of a network, one after the other, to a .gif (by Pillow) or an .mp4 (by ffmpeg).

    `fps`: frames a second; the last one stays for a while. All frames need the same units and rows.
    """
    if not frames:
        raise ConfigError("animate_network needs one frame at least, got none.")
    write = animation_writer(file, fps)
    with canvas(None, theme, picture_size(frames[0])) as (ax, chosen):
        artists = NetworkArtists(ax, frames[0], chosen)
        artists.settle()
        try:
            write(artists.figure, map(artists.show, frames), Path(file), fps, dpi)
        finally:
            pyplot().close(artists.figure)


def animation_writer(file: str | os.PathLike[str], fps: int) -> Write:
    """What writes files of this suffix; ConfigError where nothing does, or ffmpeg is missing."""
    suffix = Path(file).suffix.lower()
    if suffix not in WRITERS:
        raise ConfigError(f"An animation needs a file that ends in {' or '.join(WRITERS)}, got '{file}'.")
    checks.whole("An animation", 1, fps=fps)
    if suffix == ".mp4":
        from matplotlib.animation import FFMpegWriter

        if not FFMpegWriter.isAvailable():
            raise ConfigError("An .mp4 needs ffmpeg on the PATH, which is not there. Install it, or write a .gif.")
    return WRITERS[suffix]


def _write_gif(figure: Any, frames: Iterator[Any], file: Path, fps: int, dpi: float) -> None:
    from PIL import Image

    figure.set_dpi(dpi)
    images = []
    for _ in frames:
        figure.canvas.draw()
        image = Image.fromarray(np.asarray(figure.canvas.buffer_rgba())).convert("RGB")
        images.append(image.quantize(COLOURS, method=Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE))
    seconds = [1 / fps] * (len(images) - 1) + [1 / fps + LAST]
    images[0].save(file, save_all=True, append_images=images[1:], duration=[round(1000 * s) for s in seconds], loop=0)


def _write_mp4(figure: Any, frames: Iterator[Any], file: Path, fps: int, dpi: float) -> None:
    from matplotlib.animation import FFMpegWriter

    writer = FFMpegWriter(fps=fps, codec="h264", extra_args=EVEN)
    with writer.saving(figure, os.fspath(file), dpi):
        for _ in frames:
            writer.grab_frame()
        for _ in range(round(LAST * fps)):
            writer.grab_frame()


WRITERS: Mapping[str, Write] = MappingProxyType({".gif": _write_gif, ".mp4": _write_mp4})
