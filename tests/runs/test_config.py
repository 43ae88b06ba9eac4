"""A config is checked at once, and every mistake is named with its line, path and remedy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bpframe.errors import ConfigError
from bpframe.runs import config
from bpframe.runs.config import Override, parse_override
from tests.runs.config_files import SMALL, mistakes

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
