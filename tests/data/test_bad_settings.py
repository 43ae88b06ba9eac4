"""A wrong setting is an error when the trainer is made."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

import bpframe as bp
from bpframe.errors import (
    AmbiguousComponent,
    BpframeError,
    ConfigError,
    UnknownComponent,
)
from tests.data.bad_data import quantities

SETTINGS: dict[str, tuple[dict[str, Any], type[Exception], str]] = {
    "an unknown loss": (
        {"loss": "msee"},
        UnknownComponent,
        "no loss named 'msee'. Did you mean 'mse'. Installed: beta_nll",
    ),
    "an optimizer as a loss": (
        {"loss": "adam"},
        UnknownComponent,
        r"no loss named 'adam'.*\('adam' is an optimizer.\)",
    ),
    "an unknown optimizer": ({"optimizer": "adm"}, UnknownComponent, "no optimizer named 'adm'. Did you mean 'adam'"),
    "an unknown engine": ({"engine": "nunpy"}, UnknownComponent, "no engine named 'nunpy'. Did you mean 'numpy'"),
    "an unknown metric": (
        {"metrics": ["acuracy"]},
        UnknownComponent,
        "no metric named 'acuracy'. Did you mean 'accuracy'",
    ),
    "an unknown callback": ({"callbacks": ["early"]}, UnknownComponent, "no callback named 'early'"),
    "an unknown regularizer": ({"regularizers": ["l3"]}, UnknownComponent, "no regularizer named 'l3'"),
    "an unknown sampler": (
        {"sampler": "balance"},
        UnknownComponent,
        "no sampler named 'balance'. Did you mean 'balanced'",
    ),
    "an unknown argument": (
        {"optimizer": {"name": "adam", "beta3": 0.9}},
        ConfigError,
        "Adam has no argument 'beta3'. Did you mean 'beta[12]'. Arguments: lr, beta1, beta2, eps",
    ),
    "an argument of the wrong type": (
        {"optimizer": {"name": "sgd", "lr": "fast"}},
        ConfigError,
        "lr: wants a number, got 'fast'",
    ),
    "a rate below zero": (
        {"optimizer": {"name": "sgd", "lr": -0.1}},
        ConfigError,
        "sgd needs a number of at least 0 as lr, got -0.1",
    ),
    "a rate that is none": (
        {"optimizer": {"name": "sgd", "lr": np.nan}},
        ConfigError,
        "sgd needs a number of at least 0 as lr, got nan",
    ),
    "no loss": ({"loss": None}, ConfigError, "loss wants a name, a mapping with 'name', or a component, got None"),
    "a loss without a name": ({"loss": {"delta": 1.0}}, ConfigError, "loss wants a name, got {'delta': 1.0}"),
    "a loss that is no loss": ({"loss": object()}, BpframeError, "lacks link, value_and_delta"),
    "metrics as one name": ({"metrics": "accuracy"}, ConfigError, "needs a list of metrics, got 'accuracy'"),
    "callbacks as one object": ({"callbacks": bp.callbacks.early_stopping()}, ConfigError, "needs a list of callbacks"),
    "a dtype of sixteen bits": (
        {"dtype": "float16"},
        ConfigError,
        "needs a dtype of float32 or float64, got 'float16'",
    ),
    "whole numbers": ({"dtype": "int32"}, ConfigError, "needs a dtype of float32 or float64, got 'int32'"),
    **{
        f"the seed {seed!r}": (
            {"seed": seed},
            ConfigError,
            f"whole number of at least 0 as seed, got {re.escape(repr(seed))}",
        )
        for seed in (-1, 0.5, "1", None, True)
    },
}


@pytest.mark.parametrize("name", SETTINGS)
def test_a_wrong_setting_is_an_error_when_the_trainer_is_made(name):
    settings, error, message = SETTINGS[name]
    with pytest.raises(error, match=message):
        quantities(**settings)


def test_a_list_of_layers_is_no_network():
    with pytest.raises(ConfigError, match=r"Trainer needs a Network, got \[Dense.*For a list of layers: bp.Network"):
        bp.Trainer([bp.layers.dense(2)], loss="mse")


def test_unknown_components_answer_as_missing_attributes_and_keys_do():
    with pytest.raises(AttributeError):
        _ = bp.losses.msee
    with pytest.raises(LookupError):
        bp.load("loss", "msee")
    assert not issubclass(AmbiguousComponent, LookupError)
