"""What all plots share: given axes are drawn on and handed back, themes, and matplotlib asked for when it is needed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from matplotlib import pyplot, rcParams
from matplotlib.colors import to_hex

import bpframe as bp
from bpframe.errors import ConfigError
from bpframe.plot.theme import THEMES
from tests.conftest import Site

X = np.random.default_rng(0).normal(size=(40, 2))
Y = (X[:, 0] > 0).astype(int)
FOUND = SimpleNamespace(lr=[1e-3, 1e-2, 1e-1], loss=[2.0, 1.0, 3.0], suggestion=1e-3)
PLANE = np.zeros((2, 3, 3))
MAPS = bp.plot.NetworkMaps(
    [bp.plot.UnitMaps("", [0, 1], 2, PLANE), bp.plot.UnitMaps("dense_1", [0, 1], 2, PLANE, weight=np.eye(2))],
    (0.0, 1.0, 0.0, 1.0),
    ("a", "b"),
    np.zeros((3, 3, 1)),
    probable=False,
)
ON_ONE: dict[str, Callable[..., Any]] = {
    "training_curves": lambda **how: bp.plot.training_curves({"train.loss": [3.0, 2.0, 1.0]}, **how),
    "decision_regions": lambda **how: bp.plot.decision_regions(lambda x: (x[:, 0] > 0) * 1, X, Y, resolution=20, **how),
    "regression_fit": lambda **how: bp.plot.regression_fit(lambda x: x[:, 0], X, X[:, 0], **how),
    "confusion_matrix": lambda **how: bp.plot.confusion_matrix(Y, Y, **how),
    "roc_curve": lambda **how: bp.plot.roc_curve(Y, X[:, 0], **how),
    "reliability_diagram": lambda **how: bp.plot.reliability_diagram(Y, 1 / (1 + np.exp(-X[:, 0])), **how),
    "residual_plot": lambda **how: bp.plot.residual_plot(X[:, 0], X[:, 1], **how),
    "lr_range_curve": lambda **how: bp.plot.lr_range_curve(FOUND, **how),
    "kernels": lambda **how: bp.plot.kernels(np.ones((9, 4)), **how),
    "network": lambda **how: bp.plot.network(MAPS, **how),
    "feature_maps": lambda **how: bp.plot.feature_maps(np.ones((3, 3, 2)), **how),
}
SNAPSHOTS = [(1, {"dense/weight": X}), (2, {"dense/weight": X + 1})]
ON_SEVERAL: dict[str, Callable[..., Any]] = {
    "training_panels": lambda **how: bp.plot.training_panels({"train.loss": [3.0, 2.0, 1.0]}, **how),
    "weight_distributions": lambda **how: bp.plot.weight_distributions(SNAPSHOTS, **how),
    "update_distributions": lambda **how: bp.plot.update_distributions(SNAPSHOTS, **how),
}


def test_every_plot_is_tried_here() -> None:
    numbers = {"NetworkMaps", "UnitMaps", "animate_network", "calibration", "confusion_counts", "roc_points"}
    numbers |= {"weight_panels"}  # of two that are tried
    assert set(ON_ONE) | set(ON_SEVERAL) == set(bp.plot.__all__) - numbers


@pytest.mark.parametrize("name", ON_ONE)
def test_a_plot_draws_on_the_axes_that_it_is_given_and_hands_them_back(name: str) -> None:
    figure, (ax, other) = pyplot.subplots(1, 2)
    assert ON_ONE[name](ax=ax) is ax
    assert ax.has_data()
    assert not other.has_data()
    assert pyplot.get_fignums() == [figure.number]


@pytest.mark.parametrize("name", ON_SEVERAL)
def test_panels_draw_on_as_many_axes_as_they_need(name: str) -> None:
    _, axes = pyplot.subplots(1, 2)
    assert ON_SEVERAL[name](axes=axes[:1]) == [axes[0]]
    assert axes[0].has_data()
    assert ON_SEVERAL[name](axes=axes[1:].reshape(1, 1)) == [axes[1]]
    with pytest.raises(ConfigError, match="plot of 1 panels needs as many axes, got 2"):
        ON_SEVERAL[name](axes=axes)


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("name", [*ON_ONE, *ON_SEVERAL])
def test_new_axes_have_the_colours_of_the_theme_and_change_no_setting(name: str, theme: str) -> None:
    before = dict(rcParams)
    drawn = (ON_ONE | ON_SEVERAL)[name](theme=theme)
    ax = drawn[0] if isinstance(drawn, list) else drawn
    assert to_hex(ax.get_facecolor()) == THEMES[theme].background
    assert to_hex(ax.figure.get_facecolor()) == THEMES[theme].background
    assert ax.xaxis.label.get_color() == THEMES[theme].ink
    assert dict(rcParams) == before


def test_on_given_axes_the_colours_follow_their_background() -> None:
    for background, theme in (("#ffffff", "light"), ("#101010", "dark")):
        _, ax = pyplot.subplots(facecolor=background)
        ax.set_facecolor(background)
        bp.plot.training_curves({"train.loss": [2.0, 1.0]}, ax=ax)
        assert ax.lines[0].get_color() == THEMES[theme].palette[0]


def test_without_matplotlib_the_error_says_how_to_install_it(tmp_path: Path) -> None:
    (tmp_path / "matplotlib").mkdir()
    (tmp_path / "matplotlib" / "__init__.py").write_text("raise ModuleNotFoundError('No module named matplotlib')")
    code = """
import bpframe as bp
try:
    bp.History(train={"loss": [1.0]}, lr=[0.1], step=[1], seconds=[0.1]).plot()
except ModuleNotFoundError as error:
    print(error)
"""
    wanted = 'No module named matplotlib, which plots need. Install it: pip install "bpframe[plot]"'
    assert Site(tmp_path).out(code) == wanted


def test_matplotlib_is_imported_by_those_who_plot_alone(tmp_path: Path) -> None:
    code = """
import sys
import bpframe as bp
bp.plot.training_curves, bp.History, bp.Trainer
print([name for name in sys.modules if name.startswith(("matplotlib", "PIL"))])
"""
    assert Site(tmp_path).out(code) == "[]"


def test_a_backend_that_turns_interactive_on_keeps_it_so_that_notebooks_show_every_plot(tmp_path: Path) -> None:
    backend = "import matplotlib\nfrom matplotlib.backends.backend_agg import *\nmatplotlib.interactive(True)\n"
    (tmp_path / "of_a_notebook.py").write_text(backend)
    code = "import bpframe as bp, matplotlib\nbp.plot.roc_curve([0, 1], [0.1, 0.9])\nprint(matplotlib.is_interactive())"
    assert Site(tmp_path).out(code, MPLBACKEND="module://of_a_notebook") == "True"
