"""The pictures of the documents are those that tools/pictures.py writes, small, and each of them is shown."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pytest
from PIL import Image

from tools import pictures

ROOT = Path(__file__).parents[2]
MOST_BYTES = 120_000


def size(content: bytes) -> tuple[int, int]:
    return Image.open(io.BytesIO(content)).size


def test_the_folder_holds_what_the_script_writes() -> None:
    names = {path.stem for path in pictures.FOLDER.iterdir()}
    assert set(pictures.PICTURES) <= names


@pytest.mark.parametrize("name", pictures.PICTURES)
def test_a_picture_is_small_and_shown_on_a_page(name: str) -> None:
    file = pictures.FOLDER / f"{name}.png"
    assert file.stat().st_size < MOST_BYTES
    assert size(file.read_bytes())[0] <= 1400
    pages = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]
    shown = {link for page in pages for link in re.findall(r"!\[[^\]]+\]\((\S+)\)", page.read_text(encoding="utf-8"))}
    assert any(link.endswith(f"pictures/{name}.png") for link in shown)


def test_few_colours_keep_the_size_of_a_picture() -> None:
    content = (pictures.FOLDER / "weights.png").read_bytes()
    again = pictures.few_colours(content)
    assert size(again) == size(content)
    assert len(again) < 1.1 * len(content)
