"""Drawings of documents come from scripts, and show the numbers of the network that their page works through."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from tests.scalar_network import Nudge, Part, forward, mean_loss, slope
from tools import backprop_drawing, network_pictures

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "explanation" / "backprop.md").read_text(encoding="utf-8")
PARTS = [Part("dense_1", "dense", "tanh"), Part("dense_2", "dense")]
PARAMETERS = {
    "dense_1/weight": [list(row) for row in backprop_drawing.W1],
    "dense_1/bias": list(backprop_drawing.B1),
    "dense_2/weight": [[w] for w in backprop_drawing.W2],
    "dense_2/bias": [backprop_drawing.B2],
}


def loss(nudge: Nudge | None = None, parameters: dict[str, list[object]] | None = None) -> float:
    seen = forward(PARTS, parameters or PARAMETERS, [list(backprop_drawing.X)], nudge)
    return mean_loss("mse", seen[-1].v, [[backprop_drawing.Y]], [1.0])


def test_the_numbers_of_the_drawing_are_those_of_the_network_in_plain_numbers() -> None:
    example = backprop_drawing.example()
    seen = forward(PARTS, PARAMETERS, [list(backprop_drawing.X)])
    assert example.u == pytest.approx(seen[0].u[0])
    assert example.v == pytest.approx(seen[0].v[0])
    assert (example.z, example.loss) == (pytest.approx(seen[1].v[0][0]), pytest.approx(loss()))
    for j in (0, 1):
        assert example.delta1[j] == pytest.approx(slope(lambda h, j=j: loss(Nudge(0, 0, j, h))))
    assert example.delta2 == pytest.approx(slope(lambda h: loss(Nudge(1, 0, 0, h))))
    for name, gradient in (("dense_1/weight", example.dw1), ("dense_2/weight", [[dw] for dw in example.dw2])):
        for i, j in np.ndindex(*np.shape(gradient)):

            def moved(h: float, at: tuple[str, int, int] = (name, i, j)) -> float:
                array = np.array(PARAMETERS[at[0]])
                array[at[1], at[2]] += h
                return loss(parameters={**PARAMETERS, at[0]: array.tolist()})

            assert gradient[i][j] == pytest.approx(slope(moved))


def test_the_drawing_in_the_documents_is_what_its_script_makes() -> None:
    assert backprop_drawing.FILE.read_text(encoding="utf-8") == backprop_drawing.svg(), (
        "docs/explanation/backprop.svg is not up to date. Run: python -m tools.backprop_drawing"
    )


def test_the_drawing_shows_every_number_of_the_example() -> None:
    texts = " ".join(ElementTree.fromstring(backprop_drawing.svg()).itertext())
    example = backprop_drawing.example()
    numbers = [*example.u, *example.v, example.z, example.loss, *example.dv, *example.slope, *example.delta1]
    numbers += [example.delta2, *example.dw1[0], *example.dw1[1], *example.dw2, *backprop_drawing.B1]
    for number in numbers:
        assert f"= {number:.4g}".replace("-", "−") in texts  # noqa: RUF001  # the sign of the drawing
    arrows = re.findall(r'marker-end="url\(#([fb])\)"', backprop_drawing.svg())
    assert arrows.count("f") == arrows.count("b") == 4 + 2 + 1


def test_a_letter_of_the_derivation_means_one_thing() -> None:
    table = PAGE.partition("Letters, the same everywhere")[2].partition("\n\n")[2].partition("\n\n")[0]
    letters = [letter for line in table.splitlines() for letter in line.split("  ")[2].strip().split(", ")]
    assert len(letters) == len(set(letters)) > 10
    assert {"k", "n_k", "L", "delta"} <= set(letters)
    assert not re.findall(r"\b(?:u|v|w|b|delta)_n\b", PAGE)  # n is a width, and no number of a layer


@pytest.mark.slow
def test_the_pictures_of_the_documents_come_from_a_training(tmp_path: Path) -> None:
    network_pictures.main(tmp_path, epochs=2 * network_pictures.EVERY)
    for name, frames in (("network.png", 1), ("network-dark.png", 1), ("network.gif", 3)):
        with Image.open(tmp_path / name) as made, Image.open(network_pictures.FOLDER / name) as kept:
            assert made.size == pytest.approx(kept.size, abs=12)  # the fonts of another machine are wider
            assert getattr(made, "n_frames", 1) == frames
            assert np.asarray(made.convert("L")).std() > 10
