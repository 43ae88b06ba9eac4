"""Configs: checked as a whole, every mistake with its place, and written back with every default."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bpframe import datasets
from bpframe.errors import AmbiguousComponent, BlockedComponent, ConfigError, DataError
from bpframe.registry import Registry
from bpframe.runs import config
from bpframe.runs.config import Override, parse_override
from tests.conftest import TESTS

DIGITS = TESTS.parent / "docs" / "examples" / "digits.toml"
SMALL = """\
loss = "mse"

[data]
source = { name = "noisy_sine", points = 40 }

[[model.layers]]
name = "dense"
units = 1
"""


@pytest.fixture
def write(tmp_path: Path) -> Any:
    """A function that writes a config and gives its path."""

    def writer(text: str, name: str = "run.toml") -> Path:
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path

    return writer


def mistakes(path: Path, *settings: str) -> list[str]:
    """The lines of the error that loading raises."""
    with pytest.raises(ConfigError) as caught:
        config.load(path, [parse_override(setting) for setting in settings])
    return str(caught.value).replace(f"{path}:", "").split("\n")


# ------------------------------------------------------------------------------------------------------------- reading


def test_a_missing_file_is_named() -> None:
    with pytest.raises(ConfigError, match=r"nowhere\.toml: .* readable file, got: No such file"):
        config.load("nowhere.toml")


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("a = 1\nb = = 2\n", "2: a config needs valid TOML, got: Invalid value (at line 2, column 5)"),
        ("a = 1\nb = [1,\n", "2: a config needs valid TOML"),
        ("a = 1\na = 2\n", "2: a config needs valid TOML, got: Cannot overwrite a value"),
        ("a = 1\nb = " + 5000 * "[", "2: a config needs at most 32 tables or arrays in each other"),
        ("a = 1\nb = " + 40 * "[" + 40 * "]", "2: a config needs at most 32"),
        ("[optimizer]\nlr." + ".".join(40 * "a") + " = 1", "2: a config needs at most 32"),
    ],
)
def test_unreadable_toml_is_told_by_its_line(write: Any, text: str, place: str) -> None:
    (line,) = mistakes(write(text))
    assert line.startswith(place)


def test_a_file_in_another_encoding_is_told_by_its_line(write: Any, tmp_path: Path) -> None:
    path = tmp_path / "latin.toml"
    path.write_bytes(b'a = 1\nb = "\xe9"\n')
    assert mistakes(path) == ["2: a config needs UTF-8, got the byte 0xe9."]


def test_a_huge_file_is_refused_unread(write: Any) -> None:
    assert "needs at most 1,048,576 bytes" in mistakes(write("#" * (2**20 + 1)))[0]


def test_line_ends_and_byte_order_marks_of_other_systems_are_read(tmp_path: Path) -> None:
    path = tmp_path / "windows.toml"
    path.write_bytes(b"\xef\xbb\xbf" + SMALL.replace("\n", "\r\n").encode() + b"unit = 2\r\n")
    assert mistakes(path)[0].startswith("9: model.layers[0].unit: Dense has no argument 'unit'")


# ------------------------------------------------------------------------------------------------------------ checking

WRONG = """\
[data]
source = "digit"
standardise = true
validation = { fraction = 1.5, kind = "stratifed" }
[[model.layers]]
name = "dens"
[[model.layers]]
name = "dense"
units = "10"
activation = "rleu"
[optimizer]
name = "adam"
beta3 = 0.9
lr = "cosine"
[train]
epochs = 0
batch_size = 1.5
dtype = "float16"
engine = "numpi"
[[callbacks]]
patience = 3
[plugins]
allow = "all"
[trane]
"""


def test_every_mistake_is_told_at_once_each_with_line_path_and_remedy(write: Any) -> None:
    expected = [
        "1: loss: ConfigFile needs the argument 'loss', which is missing.",
        "2: data.source: no data set named 'digit'. Did you mean 'digits'?",
        "3: data.standardise: DataTable has no argument 'standardise'. Did you mean 'standardize'?",
        "4: data.validation.fraction: wants a number between 0 and 1, got 1.5.",
        "4: data.validation.kind: wants one of random, stratified, tail, got 'stratifed'. Did you mean 'stratified'?",
        "6: model.layers[0].name: no layer named 'dens'. Did you mean 'dense'?",
        "9: model.layers[1].units: wants a whole number, got '10'.",
        "10: model.layers[1].activation.name: no activation named 'rleu'. Did you mean 'relu'?",
        "13: optimizer.beta3: Adam has no argument 'beta3'. Did you mean 'beta",
        "14: optimizer.lr: wants a number, got 'cosine'.",
        "16: train.epochs: wants a number of at least 1, got 0.",
        "17: train.batch_size: wants a whole number, got 1.5.",
        "18: train.dtype: wants one of float32, float64, got 'float16'. Did you mean 'float",
        "19: train.engine.name: no engine named 'numpi'. Did you mean 'numpy'?",
        "20: callbacks[0]: callback wants a name, got {'patience': 3}.",
        "23: plugins.allow: wants",
        "24: trane: ConfigFile has no argument 'trane'. Did you mean 'train'?",
    ]
    found = sorted(mistakes(write(WRONG)), key=lambda line: (int(line.split(":")[0]), line))
    assert [a[: len(b)] for a, b in zip(found, expected, strict=True)] == expected


@pytest.mark.parametrize(
    ("addition", "mistake"),
    [
        ("[plugins]\ndeny = 3", "10: plugins.deny: wants"),
        ("[train]\nseed = -1", "10: train.seed: wants a number of at least 0, got -1."),
        ("[train]\nepochs = true", "10: train.epochs: wants a whole number, got True."),
        ("[optimizer]\nname = 'sgd'\nlr = { name = 'cosine' }", "11: optimizer.lr.initial: Cosine needs the argument"),
        ("[[model.layers]]\nname = 'dense'\nunits = 0", "9: model.layers[1]: dense needs a number above 0 as units"),
        ("[[model.layers]]\nname = 'dense'\nunits = { name = 'cosine' }", "11: model.layers[1].units: wants a whole"),
        (
            "[[model.layers]]\nname = 'dense'\nunits = 1\nlabel = 'dense_1'",
            "6: model.layers: Network needs a different",
        ),
    ],
)
def test_a_mistake_has_its_line(write: Any, addition: str, mistake: str) -> None:
    (line,) = mistakes(write(SMALL + addition))
    assert line.startswith(mistake)


@pytest.mark.parametrize(
    ("source", "mistake"),
    [
        ("3", "4: data.source: wants a data set's name, a file, or a table with 'name' and arguments, got 3."),
        ("{ points = 3 }", "4: data.source: wants a data set's name"),
        ("{ name = 'xor', pints = 3 }", "4: data.source.pints: xor has no argument 'pints'. Did you mean 'points'?"),
        ("{ name = 'xor', points = '3' }", "4: data.source.points: wants a whole number, got '3'."),
        ("'rows.xlsx'", "4: data.source: no data set named 'rows.xlsx'. There are: digits"),
        ("'rows.csv'", "3: data: the file rows.csv needs the name of its target column. Set data.target."),
    ],
)
def test_a_source_is_checked_before_it_is_read(write: Any, source: str, mistake: str) -> None:
    (line,) = mistakes(
        write(
            SMALL.replace("{ name = 'noisy_sine', points = 40 }", source).replace(
                '{ name = "noisy_sine", points = 40 }', source
            )
        )
    )
    assert line.startswith(mistake)


def test_an_argument_out_of_range_is_told_with_its_place_when_the_data_are_drawn(write: Any) -> None:
    path = write(SMALL.replace("points = 40", "points = 0"))
    with pytest.raises(
        ConfigError, match=r"run\.toml:4: data\.source: points of noisy_sine needs .* at least 1, got 0"
    ):
        config.load(path).data()


def test_fractions_that_leave_nothing_to_train_on_are_refused(write: Any) -> None:
    text = SMALL.replace("[[model", "validation = { fraction = 0.5 }\ntest = { fraction = 0.5 }\n[[model")
    assert mistakes(write(text)) == [
        "3: data: validation and test need to leave rows for training, got fractions that add to 1."
    ]


def test_a_link_applied_twice_is_told_with_its_place(write: Any) -> None:
    text = SMALL.replace('"mse"', '"softmax_cross_entropy"') + 'activation = "softmax"\n'
    assert mistakes(write(text))[0].startswith("6: model.layers: The network ends in softmax")


# ----------------------------------------------------------------------------------------------------------- overrides


@pytest.mark.parametrize(
    ("text", "keys", "value"),
    [
        ("optimizer.lr=3e-4", ("optimizer", "lr"), 3e-4),
        ("model.layers.0.units=32", ("model", "layers", "0", "units"), 32),
        ("model.layers[0].units=32", ("model", "layers", "0", "units"), 32),
        ("loss=huber", ("loss",), "huber"),
        ('loss="huber"', ("loss",), "huber"),
        ("data.standardize=true", ("data", "standardize"), True),
        ("metrics=['mae', 'r2']", ("metrics",), ["mae", "r2"]),
        ("a={ name = 'step', every = 3 }", ("a",), {"name": "step", "every": 3}),
        ("a=b=c", ("a",), "b=c"),
        ("a=1\nb=2", ("a",), "1\nb=2"),
        ("a=", ("a",), ""),
    ],
)
def test_values_are_toml_and_bare_words_are_texts(text: str, keys: tuple[str, ...], value: object) -> None:
    assert parse_override(text) == Override(keys, value, f"--set {text.partition('=')[0]}")


@pytest.mark.parametrize("text", ["optimizer.lr", "=3", ".=3"])
def test_an_override_without_key_or_value_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="--set needs KEY=VALUE, got"):
        parse_override(text)


def test_overrides_reach_every_part_of_a_config(write: Any) -> None:
    settings = ["model.layers.0.units=7", "loss.delta=2", "loss.name=huber", "data.source.points=9", "optimizer.lr=0.5"]
    settings += ["train.epochs=3", "optimizer.name=adam", "model.layers[0].activation=tanh"]
    run = config.load(write(SMALL), [parse_override(setting) for setting in settings])
    assert vars(run.settings.model.layers[0])["units"] == 7
    assert type(vars(run.settings.model.layers[0])["activation"]).__name__ == "Tanh"
    assert vars(run.settings.loss) == {"delta": 2.0}
    assert vars(run.settings.optimizer) == {"lr": 0.5, "beta1": 0.9, "beta2": 0.999, "eps": 1e-8, "flavor": "paper"}
    assert run.settings.train.epochs == 3
    assert len(run.data().train[0]) == 9


@pytest.mark.parametrize(
    ("setting", "mistake"),
    [
        ("optimizer.lr=fast", "--set optimizer.lr: wants a number, got 'fast'."),
        ("loss=hubr", "--set loss: loss.name: no loss named 'hubr'. Did you mean 'huber'?"),
        ("trian.epochs=3", "--set trian.epochs: ConfigFile has no argument 'trian'. Did you mean 'train'?"),
        ("train.epoch=3", "--set train.epoch: TrainTable has no argument 'epoch'. Did you mean 'epochs'?"),
        ("model.layers.1.units=3", "--set model.layers.1.units: wants the number of an entry, of which there are 1"),
        ("model.layers.units=3", "--set model.layers.units: wants the number of an entry"),
        ("model.layers.0.units.x=3", "--set model.layers.0.units.x: wants a setting, but what it goes through is 1"),
        ("model.layers[0].units=x", "--set model.layers[0].units: wants a whole number, got 'x'."),
    ],
)
def test_a_wrong_override_is_named_as_it_was_typed(write: Any, setting: str, mistake: str) -> None:
    settings = ["optimizer=sgd", setting]
    found = mistakes(write(SMALL), *settings)
    assert any(line.startswith(mistake) for line in found), found


def test_a_later_mistake_in_the_file_keeps_its_line_beside_an_override(write: Any) -> None:
    found = mistakes(write(SMALL + "bias = 1\n"), "model.layers.0.units=x")
    assert [line.split(": ")[0] for line in found] == ["--set model.layers.0.units", "9"]


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


def test_extra_callbacks_come_after_the_configs_own(write: Any) -> None:
    class Mine:
        pass

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

    registry.refresh()
    monkeypatch.setattr(registry, "_found", foreign.providers())


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
