"""A config makes its run and its data, and is written back with every default."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bpframe import datasets
from bpframe.errors import AmbiguousComponent, BlockedComponent, DataError
from bpframe.registry import Registry
from bpframe.runs import config
from bpframe.runs.config import parse_override
from bpframe.training.hook_marker import hookimpl
from tests.conftest import TESTS
from tests.runs.config_files import SMALL, mistakes

DIGITS = TESTS.parent / "docs" / "examples" / "digits.toml"


# -------------------------------------------------------------------------------------------------------------- a run


def test_the_example_builds_the_network_it_describes() -> None:
    run = config.load(DIGITS, [parse_override("data.standardize=true")])
    trainer = run.trainer()
    assert trainer.network.labels[0] == "standardize"
    assert type(trainer.loss).__name__ == "SoftmaxCrossEntropy"
    assert (trainer.seed, trainer.dtype) == (run.settings.train.seed, "float32")


def test_left_out_tables_have_the_documented_defaults(write: Any) -> None:
    settings = config.load(write(SMALL)).settings
    train = settings.train
    assert (train.epochs, train.batch_size, train.seed, train.dtype, train.shuffle) == (10, 32, 0, "float32", True)
    assert type(train.engine).__name__ == "NumpyEngine"
    assert type(settings.optimizer).__name__ == "Sgd"
    assert (settings.data.standardize, settings.data.validation, settings.data.test) == (False, None, None)
    assert (settings.callbacks, settings.metrics) == ((), None)


def test_standardize_learns_from_the_training_rows_and_is_saved_with_the_model(write: Any, tmp_path: Path) -> None:
    text = SMALL.replace("[[model", 'standardize = true\ntest = { fraction = 0.5, kind = "tail" }\n[[model', 1)
    run = config.load(write(text))
    parts = run.data()
    trainer = run.trainer()
    trainer.fit(*parts.train, epochs=1)
    mean = trainer.parameters["standardize/buffers/mean"]
    np.testing.assert_allclose(mean, parts.train[0].mean(axis=0), rtol=1e-5)
    assert not np.allclose(mean, np.concatenate([parts.train[0], parts.test[0]]).mean(axis=0), rtol=1e-3)


def test_a_setting_of_a_layer_or_a_loss_may_follow_a_schedule(write: Any) -> None:
    layer = '[[model.layers]]\nname = "dropout"\nrate = { name = "linear", initial = 0.5, final = 0.1 }\n'
    text = SMALL.replace("[[model", f"{layer}[[model", 1)
    run = config.load(write(text), [parse_override("model.layers.0.rate.final=0.2")])
    trainer = run.trainer()
    trainer.fit(*run.data().train, epochs=4, verbose=0)
    assert 0.2 < trainer.settings["network[0].rate"] < 0.4
    assert mistakes(write(text), "model.layers.0.rate.final=two")


def test_extra_callbacks_come_after_the_configs_own(write: Any) -> None:
    class Mine:
        @hookimpl
        def bpframe_fit_end(self, state: Any) -> None:
            """Nothing."""

    mine = Mine()
    text = SMALL + '[[callbacks]]\nname = "early_stopping"\nmonitor = "train.loss"\n'
    callbacks = config.load(write(text)).trainer(mine).callbacks
    assert [type(callback).__name__ for callback in callbacks] == ["EarlyStopping", "Mine"]


# ----------------------------------------------------------------------------------------------------------- its data


def split_config(write: Any, **parts: str) -> config.Parts:
    lines = "\n".join(f"{name} = {part}" for name, part in parts.items())
    return config.load(write(SMALL.replace("[[model", f"{lines}\n[[model", 1))).data()


def test_both_fractions_are_of_all_rows(write: Any) -> None:
    parts = split_config(write, test="{ fraction = 0.25 }", validation="{ fraction = 0.25 }")
    assert [len(y) for _, y in (parts.train, parts.validation, parts.test)] == [20, 10, 10]


def test_parts_are_disjoint_and_together_all_rows(write: Any) -> None:
    parts = split_config(write, test="{ fraction = 0.3 }", validation="{ fraction = 0.2 }")
    x, _ = datasets.noisy_sine(points=40)
    together = np.concatenate([part[0] for part in (parts.train, parts.validation, parts.test)])
    np.testing.assert_array_equal(np.sort(together, axis=0), np.sort(x, axis=0))


def test_the_test_part_is_taken_first(write: Any) -> None:
    x, _ = datasets.noisy_sine(points=40)
    parts = split_config(
        write, test='{ fraction = 0.25, kind = "tail" }', validation='{ fraction = 0.25, kind = "tail" }'
    )
    np.testing.assert_array_equal(parts.test[0], x[30:])
    np.testing.assert_array_equal(parts.validation[0], x[20:30])


def test_the_test_part_does_not_depend_on_the_validation_part(write: Any) -> None:
    alone = split_config(write, test="{ fraction = 0.25 }")
    beside = split_config(write, test="{ fraction = 0.25 }", validation="{ fraction = 0.5 }")
    np.testing.assert_array_equal(alone.test[0], beside.test[0])
    assert alone.validation is None


def test_the_seed_of_training_chooses_the_rows(write: Any) -> None:
    path = write(SMALL.replace("[[model", "test = { fraction = 0.25 }\n[[model", 1))
    rows = [config.load(path, [parse_override(f"train.seed={seed}")]).data().test[0] for seed in (0, 0, 1)]
    np.testing.assert_array_equal(rows[0], rows[1])
    assert not np.array_equal(rows[0], rows[2])


def test_a_stratified_split_keeps_the_classes_shares() -> None:
    parts = config.load(DIGITS).data()
    shares = [np.bincount(y, minlength=10) / len(y) for _, y in (parts.train, parts.validation, parts.test)]
    np.testing.assert_allclose(shares[1], shares[0], atol=0.01)
    np.testing.assert_allclose(shares[2], shares[0], atol=0.01)


def test_a_file_is_found_beside_its_config_and_from_the_command_line_where_that_runs(
    write: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "here").mkdir()
    (tmp_path / "rows.csv").write_text("a,y\n1,2\n2,3\n")
    (tmp_path / "here" / "rows.csv").write_text("a,y\n1,2\n2,3\n3,4\n")
    monkeypatch.chdir(tmp_path / "here")
    path = write(SMALL.replace('{ name = "noisy_sine", points = 40 }', '"rows.csv"\ntarget = "y"'))
    beside = config.load(path)
    assert len(beside.data().train[0]) == 2
    assert len(config.load(path, [parse_override("data.source=rows.csv")]).data().train[0]) == 3
    elsewhere = tmp_path / "here" / "again.toml"
    elsewhere.write_text(beside.text())
    assert len(config.load(elsewhere).data().train[0]) == 2


def test_a_target_is_of_no_matter_to_data_that_bring_their_own(write: Any) -> None:
    np.savez(write("").parent / "rows.npz", x=np.ones((3, 2)), y=np.ones(3))
    for source in ('"rows.npz"', '"xor"'):
        path = write(SMALL.replace('{ name = "noisy_sine", points = 40 }', f'{source}\ntarget = "label"'))
        assert config.load(path).data().train[0].shape[1] == 2


def test_bad_values_are_told_by_their_row_in_the_source_wherever_the_split_puts_it(write: Any, tmp_path: Path) -> None:
    x = np.ones((40, 2))
    x[37, 1] = np.nan
    np.savez(tmp_path / "rows.npz", x=x, y=np.ones(40))
    text = SMALL.replace('{ name = "noisy_sine", points = 40 }', '"rows.npz"\ntest = { fraction = 0.2, kind = "tail" }')
    with pytest.raises(DataError, match="x needs finite numbers, got nan at row 37, column 1"):
        config.load(write(text)).data()


# -------------------------------------------------------------------------------------------------------- written back


FULL = """\
metrics = ["mae", { name = "r2" }]
[data]
source = { name = "noisy_sine", points = 40 }
standardize = true
validation = { fraction = 0.2 }
[[model.layers]]
name = "dense"
label = "first"
units = 4
activation = { name = "elu", alpha = 0.5 }
weight_initializer = { name = "constant", value = 0.1 }
[[model.layers]]
name = "dense"
units = 1
[loss]
name = "huber"
delta = 0.1
[optimizer]
name = "adam"
lr = { name = "cosine", initial = 1e-3 }
[train]
dtype = "float64"
[[regularizers]]
name = "l2"
strength = 1e-4
[[callbacks]]
name = "early_stopping"
[plugins]
deny = ["some-dist"]
"""


@pytest.mark.parametrize("text", [SMALL, FULL, DIGITS.read_text()], ids=["small", "full", "digits"])
def test_the_text_holds_every_default_and_loads_to_the_same_text(write: Any, text: str) -> None:
    written = config.load(write(text)).text()
    assert config.load(write(written, "again.toml")).text() == written


def test_the_text_names_what_the_config_left_out(write: Any) -> None:
    tables = tomllib.loads(config.load(write(FULL)).text())
    assert tables["optimizer"]["beta2"] == 0.999
    assert tables["optimizer"]["lr"] == {"name": "cosine", "initial": 0.001, "final": 0.0}
    assert tables["data"]["source"] == {"name": "noisy_sine", "points": 40, "noise": 0.1, "seed": 0}
    assert tables["data"]["validation"] == {"fraction": 0.2, "kind": "random"}
    assert tables["model"]["layers"][0]["activation"] == {"name": "elu", "alpha": 0.5}
    assert tables["model"]["layers"][1]["weight_initializer"] == "glorot_uniform"
    assert tables["model"]["layers"][0]["label"] == "first"
    assert tables["train"] == {
        "epochs": 10,
        "batch_size": 32,
        "seed": 0,
        "engine": {"name": "numpy", "scripts": True},
        "dtype": "float64",
        "shuffle": True,
    }
    assert tables["callbacks"][0]["patience"] == 5
    assert tables["metrics"] == [{"name": "mae"}, {"name": "r2"}]
    assert tables["plugins"] == {"deny": ["some-dist"]}


def test_a_run_from_the_text_trains_to_the_same_numbers(write: Any) -> None:
    losses = []
    for text in (FULL, config.load(write(FULL)).text()):
        run = config.load(write(text))
        parts = run.data()
        losses.append(run.trainer().fit(*parts.train, epochs=2, validation=parts.validation).validation["loss"])
    assert losses[0] == losses[1]


# -------------------------------------------------------------------------------------------------------------- plugins


@pytest.fixture
def installed(foreign: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    """The process's own registry sees the sample distributions."""
    from bpframe.registry import registry

    monkeypatch.setattr(registry, "_catalog", foreign._catalog)


@pytest.mark.usefixtures("installed")
def test_a_config_names_third_party_components_and_its_text_says_whose_they_are(write: Any) -> None:
    run = config.load(write(SMALL), [parse_override("loss=pseudo_huber")])
    assert tomllib.loads(run.text())["loss"] == {"name": "bpframe-example/pseudo_huber", "delta": 1.0}


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize(
    "policy",
    ['deny = ["Bpframe_Example"]', "allow = []", 'allow = ["sample-loss"]', 'allow = ["sample-loss"]\ndeny=["x"]'],
)
def test_the_policy_of_a_config_holds_before_any_import(write: Any, policy: str) -> None:
    with pytest.raises(
        BlockedComponent, match=r"bpframe-example/pseudo_huber.* is blocked: \[plugins\] of .*run\.toml"
    ):
        config.load(write(f"{SMALL}[plugins]\n{policy}\n"), [parse_override("loss=pseudo_huber")])


@pytest.mark.usefixtures("installed")
def test_a_policy_settles_a_name_that_two_distributions_claim(write: Any) -> None:
    with pytest.raises(AmbiguousComponent, match="sample-twin-one/twin"):
        config.load(write(SMALL), [parse_override("loss=twin")])
    run = config.load(write(SMALL + '[plugins]\ndeny = ["sample-twin-two"]\n'), [parse_override("loss=twin")])
    assert 'name = "sample-twin-one/twin"' in run.text()


@pytest.mark.usefixtures("installed")
def test_a_malformed_policy_is_told_before_any_plugin_is_imported(write: Any) -> None:
    path = write(SMALL + '[plugins]\nalow = ["sample-broken"]\n')
    assert mistakes(path, "loss=broken")[0].startswith("10: plugins.alow: PluginsTable has no argument 'alow'.")
