"""The command starts fast, since it loads only what it needs."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import pytest

import bpframe as bp
from bpframe.cli.app import HOME
from tests.cli.commands import good
from tests.conftest import Site

HEAVY = '"numpy", "markdown_it", "bpframe.training.trainer", "pluggy", "json", "traceback"'

pytestmark = pytest.mark.usefixtures("folder")


def loaded_by(site: Site, *arguments: str) -> set[str]:
    """The heavy modules that a command loads."""
    script = f"""if True:
        import sys
        from bpframe.cli import main
        try:
            main({list(arguments)})
        except SystemExit:
            print("loaded:", *({{{HEAVY}}} & set(sys.modules)))
    """
    return set(site.out(script).splitlines()[-1].split()[1:])


def test_help_and_version_load_next_to_nothing(site: Site) -> None:
    assert loaded_by(site, "--help") == set()
    assert loaded_by(site, "--version") == set()


def test_listing_plugins_does_not_load_the_trainer(site: Site) -> None:
    assert not loaded_by(site, "plugins", "list") & {"bpframe.training.trainer", "pluggy"}


def test_a_fit_loads_no_module_that_it_can_do_without(site: Site) -> None:
    script = """if True:
        import sys
        import numpy as np, bpframe as bp
        bp.Trainer(bp.Network([bp.layers.dense(2)]), "mse").fit(np.eye(4), np.eye(4)[:, :2], epochs=1)
        print("loaded:", *({"html", "decimal", "pandas", "jax", "click", "pyarrow"} & set(sys.modules)))
    """
    assert site.out(script).splitlines()[-1].split()[1:] == []


def test_a_training_loads_no_command_but_its_own_and_nothing_that_shows_runs(site: Site, folder: Path) -> None:
    """Pictures, pages, tables and monitors are loaded by who asks for them, files and errors by who has some."""
    script = f"""if True:
        import os, sys
        from bpframe.cli import main
        os.chdir({str(folder)!r})
        try:
            main(["train", "small.toml"])
        except SystemExit as exit:
            print("exit", exit.code, *(name for name in sys.modules))
    """
    code, *loaded = site.out(script).splitlines()[-1].split()[1:]
    assert code == "0"
    commands = {f"bpframe.cli.{module}" for command, module in HOME.items() if command != "train"}
    shown = "report plot export studies testing sklearn cli.watching cli.run_records runs.run_table network.derivation"
    others = "network.activation_spy training.layer_fit training.network_recorder training.row_derivation"
    seldom = "runs.model runs.stopped_runs training.overview training.prediction_function"
    files = "registry.plugin_files registry.class_kinds data.sources.files data.sources.formats registry.by_suffix"
    unasked = {f"bpframe.{name}" for names in (shown, others, seldom, files) for name in names.split()}
    foreign = {"matplotlib", "PIL", "html", "http.server", "jax", "tensorboardX", "mlflow", "bpframe_callbacks.monitor"}
    foreign |= {"shlex", "traceback"}
    assert not (commands | unasked | foreign) & set(loaded)


def test_version_is_the_installed_one() -> None:
    assert good("--version") == f"bpframe {bp.__version__}\n"


@pytest.mark.parametrize("command", ["train", "evaluate", "predict", "plugins", "check"])
def test_every_command_has_help(command: str) -> None:
    assert good(command, "--help").startswith(f"Usage: main {command}")


@pytest.mark.parametrize("frozen", [False, True])
def test_a_training_makes_one_trainer(folder: Path, monkeypatch: pytest.MonkeyPatch, frozen: bool) -> None:
    good("train", "small.toml", "--quiet", "--name", "first")
    made, init = [], bp.Trainer.__init__

    @functools.wraps(init)
    def counting(self: bp.Trainer, *parts: Any, **more: Any) -> None:
        made.append(self)
        init(self, *parts, **more)

    monkeypatch.setattr(bp.Trainer, "__init__", counting)
    good("train", "small.toml", "--quiet", *(["--frozen", "runs/first"] if frozen else []))
    assert len(made) == 1
