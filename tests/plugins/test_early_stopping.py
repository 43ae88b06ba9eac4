"""Early stopping: when the fit ends, and which parameters it leaves."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import bpframe as bp
from bpframe.errors import ConfigError
from bpframe.training.hooks import Hooks
from bpframe.training.run_state import RunState

RNG = np.random.default_rng(2)
X, XV = RNG.normal(size=(30, 4)), RNG.normal(size=(30, 4))
Y = X @ [1.0, -1.0, 2.0, 0.5]


class Parameters:
    """Stands for the trainer's parameters: one number, the epoch's."""

    def __init__(self) -> None:
        self.value = 0

    def copy(self) -> dict[str, int]:
        """A copy."""
        return {"value": self.value}

    def replace(self, values: dict[str, int]) -> None:
        """Set everything."""
        self.value = values["value"]


class Model:
    """Stands for the trainer."""

    def __init__(self) -> None:
        self.parameters = Parameters()


def run(curve: list[float], monitor: str = "validation.loss", direction: str | None = "min", **settings: Any):
    """(epochs run, epoch whose parameters are left, why it stopped) where the monitored values are those of `curve`."""
    callback = bp.callbacks.early_stopping(monitor=monitor, **settings)
    state = RunState(Model(), bp.History(), {monitor: direction}, len(curve), [{}])
    hooks = Hooks([callback], lambda: None)
    hooks.call("bpframe_fit_start", state)
    while state.epoch < len(curve) and state.stopped is None:
        state.trainer.parameters.value = state.epoch + 1
        state.metrics = {monitor: curve[state.epoch]}
        hooks.call("bpframe_epoch_end", state)
        state.epoch += 1
    hooks.call("bpframe_fit_end", state)
    return state.epoch, state.trainer.parameters.value, state.stopped


@pytest.mark.parametrize(
    ("curve", "patience", "epochs", "best"),
    [
        ([5, 4, 3, 2, 1], 1, 5, 5),  # always better
        ([5, 4, 4, 4, 1], 2, 4, 2),  # the same is not better
        ([5, 6, 7, 8, 1], 3, 4, 1),
        ([5, 6, 4, 6, 6, 1], 2, 5, 3),  # patience starts anew with each improvement
        ([5, 4, 6, 6], 9, 4, 2),  # never stopped: the best is put back all the same
        ([float("nan"), float("nan"), 1], 2, 2, 2),  # no number is better than none
    ],
)
def test_the_fit_ends_when_patience_is_spent_and_the_best_epoch_is_put_back(curve, patience, epochs, best):
    assert run(curve, patience=patience)[:2] == (epochs, best)


@pytest.mark.parametrize(("min_delta", "epochs", "best"), [(0.0, 5, 5), (0.5, 3, 1), (0.2, 5, 5), (1.0, 3, 1)])
def test_an_improvement_counts_from_min_delta_on(min_delta, epochs, best):
    curve = [3.0, 2.75, 2.5, 2.25, 2.0]
    assert run(curve, patience=2, min_delta=min_delta)[:2] == (epochs, best)


def test_an_improvement_of_exactly_min_delta_is_none():
    assert run([3.0, 2.5, 2.0], patience=1, min_delta=0.5)[:2] == (2, 1)


def test_slow_progress_adds_up_against_the_best_epoch():
    assert run([3.0, 2.9, 2.8, 2.4, 2.3], patience=4, min_delta=0.5)[:2] == (5, 4)


def test_without_restore_best_the_last_parameters_stay():
    assert run([5, 4, 6, 6, 6], patience=2, restore_best=False)[:2] == (4, 4)


def test_the_reason_names_the_curve_and_the_best_epoch():
    reason = run([5, 4, 6, 6, 6], patience=2)[2]
    assert reason == "validation.loss has not improved for 2 epochs; best was epoch 2"
    assert run([5, 4, 3], patience=2)[2] is None


@pytest.mark.parametrize(("direction", "mode"), [("max", None), (None, "max"), ("max", "max")])
def test_a_rising_curve_is_better_where_the_metric_or_mode_says_so(direction, mode):
    assert run([1, 2, 3, 2, 2], "train.accuracy", direction, patience=2, mode=mode)[:2] == (5, 3)


def test_a_curve_without_a_known_direction_needs_mode():
    with pytest.raises(ConfigError, match=r"whether 'train\.odd' is to fall or rise\. Set mode"):
        run([1.0], "train.odd", None)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"patience": 0}, "needs a number above 0 as patience"),
        ({"min_delta": -0.1}, "needs a number of at least 0 as min_delta"),
        ({"mode": "mim"}, "Did you mean 'min'"),
        ({"patiense": 3}, "Did you mean 'patience'"),
    ],
)
def test_settings_out_of_range_are_errors(settings, message):
    with pytest.raises(ConfigError, match=message):
        bp.callbacks.early_stopping(**settings)


# ------------------------------------------------------------------------------------------------------ in real fits


def trainer(*callbacks: Any, **settings: Any) -> bp.Trainer:
    """A linear regression."""
    network = bp.Network([bp.layers.dense(1)])
    return bp.Trainer(
        network, **{"loss": "mse", "optimizer": "sgd", "dtype": "float64", "callbacks": callbacks} | settings
    )


def test_in_a_fit_the_best_validation_loss_is_the_one_that_is_left():
    held_out = XV, -XV @ [1.0, -1.0, 2.0, 0.5]  # the opposite of what is learned: gets worse from some epoch on
    stopped = trainer({"name": "early_stopping", "patience": 3})
    history = stopped.fit(X, Y, epochs=50, validation=held_out)
    losses = history.validation["loss"]
    assert len(losses) == int(np.argmin(losses)) + 1 + 3
    assert stopped.evaluate(*held_out)["loss"] == pytest.approx(min(losses), rel=1e-12)


def test_two_of_them_count_each_for_itself():
    held_out = XV, -XV @ [1.0, -1.0, 2.0, 0.5]
    pair = [{"name": "early_stopping", "patience": patience} for patience in (30, 2)]
    stopped = trainer(*pair)
    stopped.fit(X, Y, epochs=50, validation=held_out)
    assert len(stopped.history) == 3
    assert [memory["waited"] for memory in stopped.memories] == [2, 2]


def test_a_second_fit_counts_afresh():
    early = {"name": "early_stopping", "monitor": "train.loss", "patience": 2, "min_delta": 1e-9}
    stopped = trainer(early, optimizer={"name": "sgd", "lr": 0})
    for epochs in (3, 6):
        assert len(stopped.fit(X, Y, epochs=50)) == epochs


@pytest.mark.parametrize("metric", ["r2", "mae"])
def test_bundled_metrics_say_themselves_which_direction_is_better(metric):
    stopped = trainer({"name": "early_stopping", "monitor": f"validation.{metric}", "patience": 2}, metrics=[metric])
    history = stopped.fit(X, Y, epochs=20, validation=(X, Y))
    assert len(history) == 20
    best = max if metric == "r2" else min
    assert stopped.evaluate(X, Y)[metric] == pytest.approx(best(history.validation[metric]), rel=1e-12)


class Spread:
    """A metric that does not say which direction is better."""

    def value(self, prediction: Any, target: Any, weight: Any) -> float:
        """The standard deviation of the predictions."""
        return float(prediction.std())


@pytest.fixture
def spread(monkeypatch: pytest.MonkeyPatch) -> None:
    """The metric under a name."""
    from bpframe.registry import registry

    monkeypatch.setattr(registry, "_local", dict(registry._local))
    bp.register("metric", "spread", Spread)


@pytest.mark.usefixtures("spread")
def test_a_metric_without_a_direction_needs_mode():
    early = {"name": "early_stopping", "monitor": "train.spread"}
    with pytest.raises(ConfigError, match="Set mode"):
        trainer(early, metrics=["spread"]).fit(X, Y, epochs=1)
    assert len(trainer({**early, "mode": "max"}, metrics=["spread"]).fit(X, Y, epochs=2)) == 2


def test_without_validation_data_there_is_nothing_to_monitor():
    stopped = trainer("early_stopping")
    with pytest.raises(ConfigError, match=r"monitors 'validation\.loss'.*Give the fit validation data"):
        stopped.fit(X, Y, epochs=1)
    assert len(stopped.history) == 0


def test_an_unknown_curve_is_answered_with_those_that_exist():
    with pytest.raises(ConfigError, match=r"'train\.los', but the run has train\.loss, train\.objective, train\.r2"):
        trainer({"name": "early_stopping", "monitor": "train.los"}).fit(X, Y, epochs=1)
