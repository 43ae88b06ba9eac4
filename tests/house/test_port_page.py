"""The page on porting keeps its word: what it says equals another library does, on committed numbers of that library.

Every line of its tables is evaluated as it stands there. The other side is tests/golden/port_page.npz, which
tests/golden/make_port_page.py computes from the same page.
"""

from __future__ import annotations

import json
from dataclasses import replace
from inspect import signature
from typing import Any

import numpy as np
import pytest

import bpframe as bp
from bpframe.training.hooks import Hooks
from bpframe.training.run_state import RunState
from tests.golden import port_page as page

TABLES = page.tables(page.PAGE.read_text(encoding="utf-8"))
GOLDEN = np.load(page.PAGE.parents[2] / "tests" / "golden" / "port_page.npz")
THEIRS = {str(line): GOLDEN[str(i)] for i, line in enumerate(GOLDEN["lines"])}
KINDS = ("losses", "layers", "activations", "regularizers", "constraints", "gradient_steps", "schedules", "optimizers")
START = np.concatenate([value.ravel() for value in page.start().values()])
Line = tuple[str, str]  # of the golden data, and what the page has for it here


def evaluated(text: str, *kinds: str, **names: Any) -> Any:
    """The value of a cell; names are those of components of these kinds, or of all."""
    parts = {name: getattr(getattr(bp, kind), name) for kind in kinds or KINDS for name in dir(getattr(bp, kind))}
    return eval(text, {**parts, "lr": page.LR, "batch_size": page.BATCH, **names})


def lines(*sections: str) -> pytest.MarkDecorator:
    """A test for each line of sections that say where it is from, what stands there, and what here."""
    found = [(f"{section} | {row[0]} | {row[1]}", row[2]) for section in sections for row in TABLES[section][1:]]
    return for_each(found)


def for_each(found: list[Line]) -> pytest.MarkDecorator:
    """A test for each."""
    return pytest.mark.parametrize(("line", "here"), found, ids=[line for line, _ in found])


# -------------------------------------------------------------------------------------------------------- trainings


def train(
    optimizer: Any, *, between: Any = (), loss: Any = "softmax_cross_entropy", fit: Any = None, **parts: Any
) -> Any:
    """The trainer after the training of the golden data."""
    first = [bp.initializers.given(value) for value in page.start().values()]
    ends = [
        bp.layers.dense(units, activation, weight_initializer=weight, bias_initializer=bias, label=label)
        for label, units, activation, weight, bias in (("one", 5, "tanh", *first[:2]), ("two", 3, None, *first[2:]))
    ]
    trainer = bp.Trainer(bp.Network([ends[0], *between, ends[1]]), loss, optimizer, dtype="float64", **parts)
    x, y = page.data()
    trainer.fit(
        x, y, **{"epochs": page.EPOCHS, "batch_size": page.BATCH, "shuffle": False, "verbose": 0, **(fit or {})}
    )
    return trainer


def end(trainer: Any) -> np.ndarray:
    """All parameters that it predicts with, one after the other."""
    names = ("one/weight", "one/bias", "two/weight", "two/bias")
    return np.concatenate([trainer.parameters[name].ravel() for name in names])


def trained(text: str) -> np.ndarray:
    """The end of the training that a cell describes."""
    return end(evaluated(f"train({text})", train=train))


def apart(ours: np.ndarray, theirs: np.ndarray) -> float:
    """How far one end of a training is from another, as a part of the way that the other went."""
    return float(np.linalg.norm(ours - theirs) / np.linalg.norm(theirs - START))


def limit(line: str) -> float:
    """How far is equal: Keras computes means, and eps of its constraint acts, in the digits of float32."""
    return 2e-6 if "| Keras |" in line else 1e-7


def rules() -> list[Line]:
    """The cells of the table of optimizers."""
    heads, *rows = TABLES["Optimizers"]
    cells = [(row[0], library, here) for row in rows for library, here in zip(heads[1:], row[1:], strict=True)]
    return [(f"Optimizers | {library} | {rule}", here) for rule, library, here in cells if here]


@for_each(rules())
@pytest.mark.filterwarnings("ignore:rprop needs the same objective")
def test_an_optimizer_ends_where_that_of_the_library_does(line: str, here: str) -> None:
    assert apart(trained(here), THEIRS[line]) < limit(line)


@lines("Around the optimizer", "Weights of rows and classes")
def test_a_training_ends_where_that_of_the_library_does(line: str, here: str) -> None:
    assert apart(trained(here), THEIRS[line]) < limit(line)


@lines("Layers")
def test_a_network_with_a_layer_trains_and_predicts_as_in_the_library(line: str, here: str) -> None:
    layer = evaluated(here)
    between = layer if hasattr(layer, "backward") else bp.layers.activation(layer)
    trainer = train(evaluated("sgd(lr)"), between=[between])
    theirs = THEIRS[line]
    assert apart(end(trainer), theirs[: len(START)]) < limit(line)
    scores = trainer.scores(page.data()[0]).ravel()
    assert np.allclose(scores, theirs[len(START) :], rtol=1e-5, atol=1e-5)


# ----------------------------------------------------------------------------------------------------------- values


@lines("Learning rates")
def test_a_schedule_has_the_values_of_the_library(line: str, here: str) -> None:
    schedule = evaluated(here, "schedules")
    if hasattr(schedule, "after"):
        ours = [schedule.after(page.CURVE[:epoch]).value(0) for epoch in range(len(page.CURVE))]
    else:
        ours = [schedule.value(step) for step in range(page.UPDATES)]
    np.testing.assert_allclose(ours, THEIRS[line], rtol=1e-5, atol=1e-8)  # Keras has them in float32
    assert len(set(ours)) > 1


def factors() -> list[tuple[str, str, str]]:
    """(line, loss here, factor) of each cell of the table of losses."""
    heads, *rows = TABLES["Losses"]
    cells = [(row[0], library, cell) for row in rows for library, cell in zip(heads[1:], row[1:], strict=True) if cell]
    split = [(here, library, *cell.split("` ")) for here, library, cell in cells]
    return [(f"Losses | {library} | {there}", here, factor) for here, library, there, factor in split]


@pytest.mark.parametrize(("line", "here", "factor"), factors(), ids=[line for line, *_ in factors()])
def test_a_loss_is_the_factor_times_ours(line: str, here: str, factor: str) -> None:
    z, y = page.scores(), page.target(here)
    ours = float(np.mean(evaluated(here, "losses").value_and_delta(z, y)[0]))
    assert eval(factor, {"C": z.shape[1]}) * ours == pytest.approx(float(THEIRS[line]), rel=1e-6)


@lines("First weights")
def test_first_weights_are_drawn_as_in_the_library(line: str, here: str) -> None:
    initializer = evaluated(here, "initializers")
    shape, many = ((100,), 2000) if line.endswith((".bias", ".intercepts_")) else ((400, 100), 25)
    rng = np.random.default_rng(0)
    drawn = np.concatenate([initializer.sample(rng, shape, 400, 100).ravel() for _ in range(many)])
    theirs = THEIRS[line]
    inner = np.quantile(drawn, page.QUANTILES)[1:-1]
    np.testing.assert_allclose(inner, theirs[1:-1], rtol=0, atol=0.02 * (theirs[-2] - theirs[1]))
    ends = bool(theirs[-1] < 1.3 * theirs[-2])
    assert ends == bool(drawn.max() < 1.3 * inner[-1]), "the tails are cut in one alone"


# --------------------------------------------------------------------------------------------- what is not equal


@pytest.mark.parametrize(
    ("section", "row"),
    [(section, row) for section in page.APART for row in TABLES[section][1:]],
    ids=lambda value: " | ".join(value[:2]) if isinstance(value, list) else value,
)
@pytest.mark.filterwarnings("ignore:rprop needs the same objective")
def test_what_differs_is_as_far_apart_as_the_page_says(section: str, row: list[str]) -> None:
    library, there, here, said = row
    far = apart(trained(here), THEIRS[f"{section} | {library} | {there}"])
    assert said == f"{100 * far:.0f}%"
    assert far > 0.01


# --------------------------------------------------------------------------------------------------- loop and defaults


def stops(rule: Any, curve: tuple[float, ...]) -> int:
    """After how many epochs of the curve a callback ends the fit."""
    state = RunState(None, bp.History(), {"train.loss": "min"}, len(curve), [{}])
    hooks = Hooks([replace(rule, restore_best=False)], lambda: None)
    hooks.call("bpframe_fit_start", state)
    while state.epoch < len(curve) and state.stopped is None:
        state.metrics = {"train.loss": curve[state.epoch]}
        hooks.call("bpframe_epoch_end", state)
        state.epoch += 1
    return state.epoch


@pytest.mark.parametrize("row", TABLES["The loop"][1:], ids=lambda row: " | ".join(row[:2]))
def test_a_fit_ends_after_the_epoch_that_is_said(row: list[str]) -> None:
    library, there, here, said = row
    ours = stops(evaluated(here, "callbacks"), page.CURVE)
    assert said == str(ours) == str(int(THEIRS[f"The loop | {library} | {there}"]))
    assert ours < len(page.CURVE)


def test_a_loss_that_falls_slowly_ends_a_fit_in_scikit_learn_alone() -> None:
    (here,) = (row[2] for row in TABLES["The loop"][1:] if row[1] == page.SKLEARN_STOPS)
    assert int(THEIRS["slow"]) == 4
    assert stops(evaluated(here, "callbacks"), page.SLOW) == len(page.SLOW)


OURS = {  # where the defaults of the page stand
    "epochs": (bp.Trainer.fit, "epochs"),
    "batch size": (bp.Trainer.fit, "batch_size"),
    "shuffled": (bp.Trainer.fit, "shuffle"),
    "early stopping, patience": (bp.callbacks.early_stopping, "patience"),
    "early stopping, best parameters put back": (bp.callbacks.early_stopping, "restore_best"),
    "momentum of SGD": (bp.optimizers.momentum, "momentum"),
    "decay of an average of parameters": (bp.optimizers.ema, "decay"),
    "batch norm, momentum": (bp.layers.batch_norm, "momentum"),
    "batch norm, eps": (bp.layers.batch_norm, "eps"),
    "dropout": (bp.layers.dropout, "rate"),
    "plateau, patience": (bp.schedules.reduce_on_plateau, "patience"),
    "plateau, factor": (bp.schedules.reduce_on_plateau, "factor"),
    "weight decay of AdamW": (bp.optimizers.adamw, "weight_decay"),
    "alpha of focal loss": (bp.losses.focal, "alpha"),
}


@pytest.mark.parametrize("row", TABLES["Defaults"][1:], ids=lambda row: row[0])
def test_a_default_is_the_one_of_the_signature(row: list[str]) -> None:
    what, ours, *others = row
    call, name = OURS.get(what) or (getattr(bp.optimizers, what.removeprefix("lr of ").lower()), "lr")
    default = signature(call).parameters[name].default
    assert ours == str(getattr(call(), name) if default is None else default)
    theirs = json.loads(str(GOLDEN["defaults"]))[what]
    assert {library: value for library, value in zip(TABLES["Defaults"][0][2:], others, strict=True) if value} == theirs
