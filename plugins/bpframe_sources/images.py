"""Images in files: a folder of them, with a folder for each class, or one file.

Shapes: N images x (N, height, width, channels), y (N,) names of classes.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, ClassVar, Literal, final

import numpy as np

from bpframe.plugin import ConfigError, DataError, HostArray, Shape, checks
from bpframe_sources.pixels import import_pillow, read_pixels

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff")


@final
@dataclass(frozen=True)
class Images:
    """x uint8 (N, height, width, channels), 0 to 255; y the name of the folder in the folder, one for each class.

    Images are turned as their cameras say, scaled to `size` (height, width) with bilinear weights if one is given, and
    of 1 channel (grey), 3 (red, green, blue) or 4 (and opacity); what is transparent lies on white, an animation is its
    first picture. Rows are in the order of their paths, as Unicode sorts them. Files of other suffixes, and names that
    begin with a point, are left out; an image that cannot be read whole, or that has more than 2^26 pixels, is an
    error. A folder has no suffix, so configs name the source: { name = "images", path = "photos", size = [32, 32] }.
    Needs Pillow: pip install "bpframe[images]".
    """

    size: Sequence[int] | None = None
    channels: Literal[1, 3, 4] = 3
    suffixes: ClassVar[tuple[str, ...]] = SUFFIXES
    arrays: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if self.channels not in (1, 3, 4):
            raise ConfigError(f"images needs 1, 3 or 4 as channels, got {self.channels!r}.")
        if self.size is not None:
            if isinstance(self.size, str) or not isinstance(self.size, Sequence) or len(self.size) != 2:
                raise ConfigError(f"images needs (height, width) as size, got {self.size!r}.")
            object.__setattr__(self, "size", tuple(checks.whole("images", 1, size=n) for n in self.size))

    @classmethod
    def example_configs(cls) -> list[dict[str, Any]]:
        """In colour; in grey."""
        return [{}, {"channels": 1}]

    def read(self, file: BinaryIO) -> Mapping[str, HostArray]:
        """One image as `x` (1, height, width, channels)."""
        return {"x": read_pixels(file, self.shape, self.channels)[None]}

    def read_folder(self, folder: Path) -> Mapping[str, HostArray]:
        """All images below a folder as `x`, each read when that is looked up, and as `y` the folders they are in."""
        files = sorted(_image_files(folder, folder), key=lambda path: path.relative_to(folder).as_posix())
        if not files:
            raise DataError(f"needs images in the folder, files that end in {', '.join(SUFFIXES)}, got none.")
        return ImageFolder(self, folder, files)

    @property
    def shape(self) -> Shape | None:
        """(height, width) that images are scaled to, if any."""
        return None if self.size is None else tuple(self.size)

    def example(self) -> tuple[bytes, Mapping[str, HostArray]]:
        """A small PNG, and its pixels."""
        pillow, _ = import_pillow()
        x, file = np.arange(24, dtype=np.uint8).reshape(1, 4, 2, 3) // 3 * 10, io.BytesIO()
        pillow.fromarray(x[0]).save(file, "PNG")
        return file.getvalue(), {"x": x[..., : self.channels]}


class ImageFolder(Mapping[str, HostArray]):
    """The arrays `x` and `y` of the images in a folder."""

    def __init__(self, source: Images, folder: Path, files: Sequence[Path]) -> None:
        self._source, self._folder, self._files = source, folder, files

    def __iter__(self) -> Iterator[str]:
        return iter(("x", "y"))

    def __len__(self) -> int:
        return 2

    def __getitem__(self, name: str) -> HostArray:
        if name not in ("x", "y"):
            raise KeyError(name)
        return self._pixels() if name == "x" else self._classes()

    def _pixels(self) -> HostArray:
        x: HostArray | None = None
        for i, path in enumerate(self._files):
            image = self._image(path)
            if x is None:
                x = np.empty((len(self._files), *image.shape), np.uint8)
            if image.shape != x.shape[1:]:
                raise DataError(
                    f"needs images of one size, got {_size(x[0])} and, of '{self._name(path)}', {_size(image)}. Set "
                    "size=(height, width) to scale them."
                )
            x[i] = image
        assert x is not None  # a folder without images is refused
        return x

    def _image(self, path: Path) -> HostArray:
        with path.open("rb") as file:
            try:
                return read_pixels(file, self._source.shape, self._source.channels)
            except DataError as error:
                raise error.with_text(f"image '{self._name(path)}' {error}") from error

    def _classes(self) -> HostArray:
        outside = [path for path in self._files if path.parent == self._folder]
        if outside:
            raise DataError(
                f"needs a folder for each class in the folder, got '{self._name(outside[0])}' outside of them. Move it "
                "into one."
            )
        return np.array([path.relative_to(self._folder).parts[0] for path in self._files], dtype=np.str_)

    def _name(self, path: Path) -> str:
        return path.relative_to(self._folder).as_posix()


def _size(image: HostArray) -> str:
    return f"{image.shape[0]} x {image.shape[1]}"


def _image_files(root: Path, folder: Path) -> Iterator[Path]:
    """The images at and below a folder; links that lead back to folders above are not followed."""
    for path in folder.iterdir():
        if path.name.startswith("."):
            continue
        if path.is_dir():
            if not path.is_symlink() or not root.resolve().is_relative_to(path.resolve()):
                yield from _image_files(root, path)
        elif path.suffix.lower() in SUFFIXES and path.is_file():  # a pipe would never end
            yield path
