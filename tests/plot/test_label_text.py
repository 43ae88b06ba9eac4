"""Names that users gave are shown as they are: they are no formulas, and none is dropped."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.text import Text

import bpframe as bp
from bpframe.errors import ConfigError, DataError
from bpframe.plot.label_text import label_text
from bpframe.plot.picture_file import picture_bytes

NAMES = ["$a$ and $", "_hidden", "<b>&amp;</b>", "x_{1}^$$", "\\frac{$"]
X = np.random.default_rng(0).normal(size=(50, 2))
Y = np.array(NAMES)[np.arange(50) % 5]


def shown(text: Text) -> str:
    """What matplotlib draws of a text."""
    plain, mathematics = text._preprocess_math(text.get_text())
    assert not mathematics
    return str(plain)


@pytest.mark.parametrize("name", NAMES)
def test_a_name_is_drawn_as_it_is(name: str) -> None:
    assert shown(Text(text=label_text(name))).strip() == name


def test_no_label_of_a_legend_is_dropped_and_every_picture_is_drawn() -> None:
    p = np.full((50, 5), 0.2) + 0.1 * np.arange(50)[:, None] % 0.07
    regions = bp.plot.decision_regions(lambda x: np.array(NAMES)[(x[:, 0] > 0) * 1], X, Y, resolution=10)
    roc = bp.plot.roc_curve(Y, p)
    curves = bp.plot.training_curves({name: {"train.loss": [2.0, 1.0]} for name in NAMES})
    for ax in (regions, roc, curves):
        texts = [shown(text).strip() for text in ax.get_legend().get_texts()]
        assert all(any(text.startswith(name) for text in texts) for name in NAMES)
        FigureCanvasAgg(ax.figure).draw()
    matrix = bp.plot.confusion_matrix(Y, Y)
    assert [shown(text).strip() for text in matrix.get_xticklabels()] == sorted(NAMES)
    assert picture_bytes(matrix, ".svg").startswith(b"<?xml")


def test_what_is_no_data_of_a_plot_is_refused() -> None:
    with pytest.raises(DataError, match="a confusion matrix needs rows, got none".capitalize()):
        bp.plot.confusion_matrix([], [])
    with pytest.raises(ConfigError, match="needs a History, or a mapping of some by their labels, got list"):
        bp.plot.training_curves([1.0, 2.0])


def test_images_without_a_number_are_drawn_empty() -> None:
    assert bp.plot.kernels(np.full((4, 2), np.nan)).images[0].get_clim() == (-1.0, 1.0)
    assert bp.plot.feature_maps(np.full((2, 2, 1), -3.0)).images[0].get_clim() == (-3.0, 1.0)
