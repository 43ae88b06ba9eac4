"""Themes: colours that stand out from their background, and that people with any colour vision tell apart."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from bpframe.errors import ConfigError
from bpframe.plot.theme import THEMES, luminance, named_theme, readable_on

# Machado, Oliveira and Fernandes (2009), A physiologically-based model for simulation of color vision deficiency
VISIONS = {
    "all cones": np.eye(3),
    "no red": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "no green": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "no blue": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}
XYZ = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
)
WHITE = np.array([0.95047, 1.0, 1.08883])


def rgb(colour: str) -> np.ndarray:
    return np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])


def linear(colour: str) -> np.ndarray:
    c = rgb(colour)
    return np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)


def lab(light: np.ndarray) -> np.ndarray:
    """CIE 1976 L*a*b*."""
    t = XYZ @ np.clip(light, 0, 1) / WHITE
    f = np.where(t > 216 / 24389, np.cbrt(t), (24389 / 27 * t + 16) / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def contrast(one: str, other: str) -> float:
    dark, bright = sorted(float(linear(c) @ [0.2126, 0.7152, 0.0722]) for c in (one, other))
    return (bright + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("name", THEMES)
def test_what_is_drawn_stands_out_from_its_background(name: str) -> None:
    theme = THEMES[name]
    assert contrast(theme.ink, theme.background) >= 7
    assert all(contrast(colour, theme.background) >= 3 for colour in theme.palette)


@pytest.mark.parametrize("vision", VISIONS)
@pytest.mark.parametrize("name", THEMES)
def test_any_two_colours_differ_for_every_colour_vision(name: str, vision: str) -> None:
    seen = [lab(np.array(VISIONS[vision]) @ linear(colour)) for colour in THEMES[name].palette]
    assert min(np.linalg.norm(a - b) for a, b in itertools.combinations(seen, 2)) > 15


def test_luminance_is_that_of_wcag() -> None:
    for colour in ("#000000", "#ffffff", "#0072b2", "#0a0a0a"):
        assert luminance(*rgb(colour)) == pytest.approx(float(linear(colour) @ [0.2126, 0.7152, 0.0722]))


@pytest.mark.parametrize("colour", ["#000000", "#777777", "#888888", "#ffffff", "#0072b2"])
def test_text_on_a_colour_is_black_or_white_whichever_stands_out_more(colour: str) -> None:
    better = max(("#000000", "#ffffff"), key=lambda text: contrast(text, colour))
    assert readable_on(*rgb(colour)) == better


def test_other_themes_are_refused() -> None:
    with pytest.raises(ConfigError, match="needs a theme of light or dark, got 'sepia'"):
        named_theme("sepia")
