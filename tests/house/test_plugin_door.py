"""The one module that plugins import from bpframe: light, complete, and documented."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bpframe import plugin, protocols
from tests.conftest import Site

ROOT = Path(__file__).parents[2]
HEAVY = (
    "pluggy",
    "importlib.metadata",
    "bpframe.training",
    "bpframe.engine",
    "bpframe.network",
    "bpframe.data",
    "rich",
    "markdown_it",
)


@pytest.mark.parametrize("name", plugin.__all__)
def test_every_name_of_the_door_resolves(name):
    assert getattr(plugin, name) is not None
    assert name in dir(plugin)


def test_every_protocol_is_in_the_door():
    assert set(protocols.__all__) <= set(plugin.__all__)


def test_a_name_that_the_door_lacks_is_an_attribute_error():
    with pytest.raises(AttributeError, match=r"module 'bpframe.plugin' has no attribute 'Trainer'"):
        plugin.Trainer  # noqa: B018


def test_going_through_the_door_loads_nothing_heavy(site: Site):
    code = f"""
import sys
import bpframe.plugin
print([name for name in sorted(sys.modules) if name.startswith({HEAVY!r})])
"""
    assert site.out(code) == "[]"


def test_loading_a_loss_loads_neither_hooks_nor_trainer(site: Site):
    code = """
import sys
import bpframe_losses.mse, bpframe_optimizers.adam, bpframe_activations.tanh
print([name for name in sorted(sys.modules) if name.startswith(("pluggy", "bpframe.training", "bpframe.engine"))])
"""
    assert site.out(code) == "[]"


def test_helpers_are_explained_in_the_doors_own_words_and_the_guide_names_it():
    helpers = {name for name in plugin.__all__ if name in plugin._HOME}
    explained = set(re.findall(r"`(\w+)`", plugin.__doc__ or ""))
    assert helpers <= explained
    assert "bpframe.plugin" in (ROOT / "docs/how-to/write-a-plugin.md").read_text()
