"""Folders of images: classes, order, colours, orientation, and files that are broken or too large."""

from __future__ import annotations

import io
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import bpframe as bp
from bpframe import datasets
from bpframe.errors import ConfigError, DataError
from bpframe.runs import config

IMAGES = bp.sources.images


def save(path: Path, pixels: Any, mode: str | None = None, **options: Any) -> Path:
    """An image of pixels (height, width[, channels]) at a path, whose folders are made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(np.asarray(pixels, np.uint8))
    (image if mode is None else image.convert(mode)).save(path, **options)
    return path


def grey(value: int, height: int = 2, width: int = 3) -> np.ndarray:
    return np.full((height, width), value, np.uint8)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Six images of two classes, whose names say which row they are to be."""
    for k, name in enumerate(["cat/01.png", "cat/02.PNG", "cat/more/00.png", "dog/1.png", "dog/10.png", "dog/9.png"]):
        save(tmp_path / "photos" / name, grey(k))
    return tmp_path / "photos"


def test_rows_are_images_in_the_order_of_their_paths_and_labels_their_folders(photos, monkeypatch):
    save(photos / ".thumbs" / "1.png", grey(9))
    (photos / "dog" / "notes.md").write_text("no image")
    x, y = datasets.read(photos, source=IMAGES(channels=1))
    assert (x.shape, x.dtype) == ((6, 2, 3, 1), np.uint8)
    assert x[:, 0, 0, 0].tolist() == [0, 1, 2, 3, 4, 5]
    assert y.tolist() == ["cat", "cat", "cat", "dog", "dog", "dog"]
    listed = Path.iterdir
    monkeypatch.setattr(Path, "iterdir", lambda self: reversed(list(listed(self))))
    assert np.array_equal(datasets.read(photos, source=IMAGES(channels=1))[0], x)


def test_inputs_alone_need_no_folders_and_a_single_file_is_one_row(tmp_path):
    file = save(tmp_path / "one" / "a.png", grey(7))
    assert datasets.read_inputs(tmp_path / "one", source=IMAGES()).shape == (1, 2, 3, 3)
    assert datasets.read_inputs(file).tolist() == [[[[7, 7, 7]] * 3] * 2]
    with pytest.raises(DataError, match=r"one' needs a folder for each class in the folder, got 'a\.png' outside"):
        datasets.read(tmp_path / "one", source=IMAGES())


@pytest.mark.parametrize(
    ("mode", "channels", "want"),
    [
        ("L", 3, [90, 90, 90]),
        ("LA", 3, [90, 90, 90]),
        ("P", 3, [90, 90, 90]),
        ("1", 1, [0]),
        ("CMYK", 3, [90, 90, 90]),
        ("RGB", 4, [90, 90, 90, 255]),
    ],
)
def test_images_of_every_mode_become_the_channels_that_are_asked_for(mode, channels, want, tmp_path):
    file = save(tmp_path / "x.tif", grey(90), mode)
    assert datasets.read_inputs(file, source=IMAGES(channels=channels))[0, 0, 0].tolist() == want


def test_what_is_transparent_lies_on_white_unless_opacity_is_a_channel(tmp_path):
    file = save(tmp_path / "x.png", [[[10, 20, 30, 0], [10, 20, 30, 255]]])
    assert datasets.read_inputs(file)[0, 0].tolist() == [[255, 255, 255], [10, 20, 30]]
    assert datasets.read_inputs(file, source=IMAGES(channels=4))[0, 0, 0].tolist() == [10, 20, 30, 0]


def test_grey_of_16_bits_keeps_its_range(tmp_path):
    Image.fromarray(np.array([[0, 257 * 100, 65535]], np.uint16)).save(tmp_path / "x.png")
    found = datasets.read_inputs(tmp_path / "x.png", source=IMAGES(channels=1))
    assert found[0, 0, :, 0].tolist() == [0, 100, 255]


def test_images_are_turned_as_their_cameras_say(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # a quarter turn to the right
    file = save(tmp_path / "x.png", [[10, 20, 30]], exif=exif)
    assert datasets.read_inputs(file, source=IMAGES(channels=1))[0, :, :, 0].tolist() == [[10], [20], [30]]


def test_images_of_several_sizes_need_one_to_be_scaled_to(photos):
    save(photos / "dog" / "large.png", grey(5, 8, 6))
    with pytest.raises(DataError, match=r"one size, got 2 x 3 and, of 'dog/large\.png', 8 x 6\. Set size="):
        datasets.read(photos, source=IMAGES())
    x, _ = datasets.read(photos, source=IMAGES(size=(4, 4)))
    assert x.shape == (7, 4, 4, 3)
    assert np.unique(x[6]).tolist() == [5]


def bomb(height: int, width: int) -> bytes:
    """A PNG that says it is of that size, in a few bytes."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        body = kind + content
        return len(content).to_bytes(4, "big") + body + zlib.crc32(body).to_bytes(4, "big")

    header = width.to_bytes(4, "big") + height.to_bytes(4, "big") + bytes([8, 0, 0, 0, 0])
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


@pytest.mark.parametrize(("height", "width"), [(10_000, 10_000), (40_000, 40_000)])
def test_an_image_of_too_many_pixels_is_refused_before_it_is_unpacked(height, width, photos):
    (photos / "cat" / "bomb.png").write_bytes(bomb(height, width))
    with pytest.raises(DataError, match=r"photos', image 'cat/bomb\.png' needs an image of at most 67,108,864 pixels"):
        datasets.read(photos, source=IMAGES())


@pytest.mark.parametrize("content", [b"", b"no image", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 1 1\n"])
def test_a_file_that_is_no_image_is_named(content, photos):
    (photos / "dog" / "5.jpg").write_bytes(content)
    with pytest.raises(DataError, match=r"image 'dog/5\.jpg' needs to be a whole image of PNG, JPEG, .*Mend it"):
        datasets.read(photos, source=IMAGES())


def test_an_image_that_is_cut_off_is_named(photos):
    file = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)).save(file, "JPEG")
    (photos / "dog" / "5.jpg").write_bytes(file.getvalue()[:-900])
    with pytest.raises(DataError, match=r"image 'dog/5\.jpg' needs to be a whole image.*truncated"):
        datasets.read(photos, source=IMAGES(size=(8, 8)))


def test_settings_that_are_none_and_folders_without_images_are_refused(tmp_path):
    with pytest.raises(ConfigError, match=r"\(height, width\) as size, got \[3\]"):
        IMAGES(size=[3])
    with pytest.raises(DataError, match="needs images in the folder"):
        datasets.read(tmp_path, source=IMAGES())


def test_a_config_trains_on_a_folder(photos, tmp_path):
    layers = (
        '["standardize", { name = "conv2d", filters = 2, kernel_size = 2 }, "flatten", { name = "dense", units = 2 }]'
    )
    source = '{ name = "images", path = "photos", channels = 1 }'
    text = f'loss = "softmax_cross_entropy"\n[data]\nsource = {source}\n[model]\nlayers = {layers}\n'
    (tmp_path / "run.toml").write_text(text)
    run = config.load(tmp_path / "run.toml")
    trainer = run.trainer()
    trainer.fit(*run.data().train, epochs=2)
    assert trainer.predict_labels(datasets.read_inputs(photos, source=IMAGES(channels=1))).shape == (6,)
