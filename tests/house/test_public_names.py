"""The face of the package: public names resolve, importing it is cheap, metadata and sources agree."""

from __future__ import annotations

import importlib.metadata
import tomllib
from pathlib import Path

import pytest

import bpframe as bp
from bpframe.registry import KINDS
from bpframe.version import VERSION
from tests.conftest import Site

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
HEAVY = (
    "pluggy",
    "importlib.metadata",
    "click",
    "rich",
    "markdown_it",
    "bpframe_",
    "sample_",
    "sklearn",
    "scipy",
    "jax",
    "hypothesis",
)
REINSTALL = "The installed metadata are out of date. Reinstall: pip install -e ."


@pytest.mark.parametrize("name", bp.__all__)
def test_every_public_name_resolves_and_is_listed(name):
    assert getattr(bp, name) is not None
    assert name in dir(bp)


def test_dir_lists_no_more_than_the_public_names():
    assert sorted(bp.__all__) == dir(bp)
    assert len(set(bp.__all__)) == len(bp.__all__)


def test_every_kind_has_its_namespace_among_the_public_names():
    assert {kind.plural for kind in KINDS.values()} <= set(bp.__all__)


def test_a_name_that_does_not_exist_is_an_attribute_error():
    assert not hasattr(bp, "trainer_of_everything")
    with pytest.raises(AttributeError, match="module 'bpframe' has no attribute 'trainr'"):
        bp.trainr  # noqa: B018


def test_importing_bpframe_loads_no_plugin_and_nothing_heavy(site: Site):
    code = f"""
import sys
before = set(sys.modules)
import bpframe
print([name for name in sorted(set(sys.modules) - before) if name.startswith({HEAVY!r})])
"""
    assert site.out(code) == "[]"


def test_a_fit_loads_nothing_of_files_errors_and_callbacks(site: Site):
    seldom = ("pluggy", "bpframe.saving.model_file", "bpframe.training.checkpoint", "bpframe.training.dry_run")
    code = f"""
import sys
import bpframe as bp
network = bp.Network([bp.layers.dense(4, activation="relu"), bp.layers.dense(2)])
bp.Trainer(network, "softmax_cross_entropy", "adam").fit([[0.0], [1.0]], [0, 1], epochs=2)
print([name for name in sorted(sys.modules) if name.startswith({seldom!r})])
"""
    assert site.out(code) == "[]"


def test_namespaces_stay_what_they_are_when_their_components_are_imported(tmp_path: Path):
    code = """
import bpframe as bp
from bpframe.registry import namespaces
for provider in bp.providers():
    bp.load(provider.kind, provider.ref)
print([name for name, namespace in namespaces.items() if getattr(bp, name) is not namespace])
"""
    assert Site(tmp_path).out(code) == "[]"


def test_building_a_network_loads_no_more_plugins_than_it_names(site: Site):
    code = """
import sys, bpframe as bp
bp.Network([{"name": "dense", "units": 3, "activation": "tanh"}])
print([name for name in sorted(sys.modules) if name.startswith(("bpframe_losses", "bpframe_optimizers", "sample_"))])
"""
    assert site.out(code) == "[]"


def test_the_version_is_that_of_the_installed_metadata():
    assert VERSION == bp.__version__ == PROJECT["version"]
    assert importlib.metadata.version("bpframe") == VERSION, REINSTALL


def test_the_declared_entry_points_are_the_installed_ones():
    groups = PROJECT["entry-points"]
    declared = {(group, name, target) for group, points in groups.items() for name, target in points.items()}
    installed = importlib.metadata.distribution("bpframe").entry_points
    found = {(point.group, point.name, point.value) for point in installed if point.group in groups}
    assert found == declared, f"{REINSTALL} They differ in {sorted(found ^ declared)}."


def test_every_declared_group_is_that_of_a_kind():
    assert set(PROJECT["entry-points"]) <= {"pyinstaller40", *(kind.group for kind in KINDS.values())}


def test_what_users_are_handed_is_of_the_classes_that_bp_names():
    states = []

    class Watch:
        """A callback that keeps the state."""

        @bp.hookimpl
        def bpframe_fit_end(self, state):
            """Keep it."""
            states.append(state)

    x, y = [[0.5, 1.0], [1.0, 0.5]], [[1.0, 2.0], [2.0, 1.0]]
    trainer = bp.Trainer(bp.Network([bp.layers.dense(2)]), loss="mse", optimizer="sgd", callbacks=[Watch()])
    assert isinstance(trainer.fit(x, y, epochs=1), bp.History)
    assert isinstance(states[0], bp.RunState)
    assert isinstance(trainer.parameters, bp.Parameters)
    assert isinstance(trainer.trace(x, y), bp.Trace)
    assert isinstance(bp.lr_range_test(trainer, x, y, steps=5), bp.LrRange)
    assert isinstance(bp.testing.check("activation", "tanh"), bp.CheckReport)
