"""A config extends another one: settings join, what names something else replaces, mistakes name the right file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bpframe.errors import ConfigError
from bpframe.runs import config
from bpframe.runs.config import parse_override
from bpframe.runs.config.base_config import extended

BASE = """\
loss = "mse"
[data]
source = { name = "noisy_sine", points = 40 }
validation = { fraction = 0.25, kind = "tail" }
[[model.layers]]
name = "dense"
units = 1
[optimizer]
name = "adam"
lr = 0.02
beta1 = 0.8
[train]
epochs = 3
seed = 5
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "base.toml").write_text(BASE)
    return tmp_path


def child(folder: Path, text: str, name: str = "child.toml", base: str = "base.toml") -> Path:
    path = folder / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(f'extends = "{base}"\n{text}')
    return path


def test_a_config_that_adds_nothing_is_its_base(folder: Path) -> None:
    assert config.load(child(folder, "")).text() == config.load(folder / "base.toml").text()


def test_settings_join_key_by_key_and_the_text_of_a_run_names_no_base(folder: Path) -> None:
    run = config.load(child(folder, "[optimizer]\nlr = 0.5\n[train]\nepochs = 7\n"))
    assert (run.spec.optimizer.lr, run.spec.optimizer.beta1) == (0.5, 0.8)  # type: ignore[union-attr]
    assert (run.settings.train.epochs, run.settings.train.seed) == (7, 5)
    assert "extends" not in run.text()


@pytest.mark.parametrize(
    ("base", "own", "expected"),
    [
        ({"name": "adam", "beta1": 0.8}, {"name": "sgd", "lr": 1.0}, {"name": "sgd", "lr": 1.0}),
        ({"name": "adam", "beta1": 0.8}, {"name": "adam", "lr": 1.0}, {"name": "adam", "beta1": 0.8, "lr": 1.0}),
        ("adam", {"lr": 1.0}, {"name": "adam", "lr": 1.0}),
        ("moons", {"path": "rows.csv"}, {"path": "rows.csv"}),
        ({"name": "adam", "beta1": 0.8}, "adam", "adam"),
        ([1, 2], [3], [3]),
        ({"lr": {"name": "cosine", "initial": 1.0}}, {"lr": 0.1}, {"lr": 0.1}),
    ],
)
def test_what_names_something_else_takes_the_place_of_the_base(base: object, own: object, expected: object) -> None:
    assert extended(base, own) == expected


def test_rows_held_out_as_a_share_take_the_place_of_a_file_and_not_of_each_other_keys(folder: Path) -> None:
    base, own = {"data": {"test": {"source": "t.csv"}}}, {"data": {"test": {"fraction": 0.1}}}
    assert extended(base, own) == own
    kept = extended({"data": {"test": {"fraction": 0.1, "kind": "tail"}}}, {"data": {"test": {"kind": "random"}}})
    assert kept == {"data": {"test": {"fraction": 0.1, "kind": "random"}}}


def test_mistakes_name_the_file_and_line_in_which_they_stand(folder: Path) -> None:
    path = child(folder, "[train]\nepochs = 0\n")
    (folder / "base.toml").write_text(BASE.replace("beta1 = 0.8", "beta1 = 8.0"))
    with pytest.raises(ConfigError) as caught:
        config.load(path)
    lines = sorted(str(caught.value).split("\n"))
    assert [line.split(": ")[0] for line in lines] == [f"{folder / 'base.toml'}:8", f"{path}:3"]
    with pytest.raises(ConfigError, match=r"^--set train.epochs: wants a number of at least 1"):
        config.load(path, [parse_override("optimizer.beta1=0.9"), parse_override("train.epochs=-1")])


def test_a_chain_of_bases_is_read_and_a_circle_refused(folder: Path) -> None:
    child(folder, "[optimizer]\nlr = 0.1\n", "middle.toml")
    top = child(folder, "[optimizer]\nbeta1 = 0.7\n", "top.toml", "middle.toml")
    rule = config.load(top).spec.optimizer
    assert (rule.lr, rule.beta1) == (0.1, 0.7)  # type: ignore[union-attr]
    child(folder, "", "middle.toml", "top.toml")
    with pytest.raises(ConfigError, match=r"middle\.toml:1: extends: wants a config that does not extend this one"):
        config.load(top)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("extends = 3\n", "child.toml:1: extends: wants the file of another config, .* got 3"),
        ('extends = "no.toml"\n', "child.toml:1: extends: wants a readable file, got 'no.toml'"),
    ],
)
def test_a_base_that_is_none_is_refused(folder: Path, text: str, message: str) -> None:
    (folder / "child.toml").write_text(text)
    with pytest.raises(ConfigError, match=message):
        config.load(folder / "child.toml")


def test_relative_paths_of_a_base_start_at_its_own_folder(folder: Path) -> None:
    np.savez(folder / "rows.npz", x=np.arange(8.0).reshape(4, 2), y=np.arange(4.0))
    (folder / "base.toml").write_text(BASE.replace('{ name = "noisy_sine", points = 40 }', '"rows.npz"'))
    run = config.load(child(folder, "[data]\nstandardize = true\n", "deep/child.toml", "../base.toml"))
    assert len(run.data().train[0]) == 3


def test_plugin_files_of_a_base_in_another_folder_are_refused(folder: Path) -> None:
    (folder / "base.toml").write_text(f'{BASE}[plugins]\nlocal = ["my.py"]\n')
    with pytest.raises(ConfigError, match=r"plugins\.local names files below the config's own folder"):
        config.load(child(folder, "", "deep/child.toml", "../base.toml"), files=True)
