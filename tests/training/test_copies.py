"""A trainer can be copied and pickled, with all that belongs to it: a copy predicts and goes on with the same bits."""

from __future__ import annotations

import copy
import io
import pickle
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

import bpframe as bp
from bpframe.errors import ShapeError
from bpframe.registry import registry
from tests.conftest import fresh_python
from tests.training.listeners import X, Y

CLASSES = np.array(["b", "a", "c", "b", "a", "c", "b", "a", "c", "b"])


def pickled(thing: Any) -> Any:
    return pickle.loads(pickle.dumps(thing))


def by_cloudpickle(thing: Any) -> Any:
    return pickle.loads(pytest.importorskip("cloudpickle").dumps(thing))


def by_joblib(thing: Any) -> Any:
    joblib, file = pytest.importorskip("joblib"), io.BytesIO()
    joblib.dump(thing, file)
    file.seek(0)
    return joblib.load(file)


WAYS: list[Callable[[Any], Any]] = [pickled, by_cloudpickle, by_joblib, copy.deepcopy, copy.copy]
SETTINGS: dict[str, dict[str, Any]] = {
    "sgd": {},
    "adam": {"optimizer": {"name": "adam", "lr": {"name": "cosine", "initial": 0.02}}, "metrics": ["accuracy"]},
    "nested": {
        "optimizer": {"name": "ema", "inner": {"name": "momentum", "lr": 0.05}},
        "groups": [{"match": "*/bias", "lr_multiplier": 2.0}],
        "gradient_steps": [{"name": "accumulate", "steps": 2}],
        "regularizers": ["l2"],
        "constraints": ["max_norm"],
        "callbacks": [{"name": "early_stopping", "monitor": "train.loss", "patience": 50}],
        "sampler": "balanced",
    },
}


def made(name: str = "sgd", **settings: Any) -> bp.Trainer:
    layers = [bp.layers.dense(6, activation="tanh"), bp.layers.batch_norm(), bp.layers.dropout(0.2), bp.layers.dense(3)]
    return bp.Trainer(bp.Network(layers), "softmax_cross_entropy", **{"seed": 4, **SETTINGS[name], **settings})


def train(trainer: bp.Trainer, epochs: int = 2) -> bp.Trainer:
    trainer.fit(X, CLASSES, epochs=epochs, batch_size=4)
    return trainer


def same(one: bp.Trainer, two: bp.Trainer) -> bool:
    """Whether both predict the same bits, know the same labels and have the same curves."""
    bits = [trainer.predict(X).tobytes() for trainer in (one, two)]
    labels = [trainer.predict_labels(X).tolist() for trainer in (one, two)]
    return bits[0] == bits[1] and labels[0] == labels[1] and one.history.train == two.history.train


@pytest.mark.parametrize("name", SETTINGS)
@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_a_copy_predicts_and_goes_on_with_the_same_bits(way: Any, name: str) -> None:
    trainer = train(made(name))
    twin = way(trainer)
    assert same(trainer, twin)
    assert same(train(trainer), train(way(way(twin))))


@pytest.mark.parametrize("name", [pytest.param(name, marks=pytest.mark.slow) for name in SETTINGS] + ["small"])
def test_so_does_a_copy_on_the_compiled_engine(name: str) -> None:
    pytest.importorskip("jax")
    layers = [bp.layers.dense(3)]
    small = bp.Trainer(bp.Network(layers), "softmax_cross_entropy", "momentum", engine="jax")
    trainer = train(small if name == "small" else made(name, engine="jax"))
    twin = pickled(trainer)
    assert same(trainer, twin)
    assert same(train(trainer), train(twin))


def test_a_copy_is_independent() -> None:
    trainer = train(made())
    before, twin = trainer.predict(X), pickled(trainer)
    train(twin)
    twin.parameters["dense_1/bias"] = np.ones(6)
    assert np.array_equal(trainer.predict(X), before)
    assert len(trainer.history) == 2


@pytest.mark.parametrize("prepared", [False, True], ids=["without parameters", "with parameters"])
def test_a_trainer_before_its_first_fit_can_be_copied(prepared: bool) -> None:
    trainer = made()
    if prepared:
        trainer.trace(X, CLASSES)
        trainer.parameters["dense_1/bias"] = np.arange(6.0)
    assert same(train(pickled(trainer)), train(trainer))


def test_rows_that_a_copy_refuses_cost_it_nothing() -> None:
    trainer = train(made())
    twin = pickled(trainer)
    with pytest.raises(ShapeError):
        twin.fit(X[:, :2], CLASSES)
    assert same(trainer, twin)


class Keeper:
    """Keeps a pickle of the state after the fifth step."""

    kept: ClassVar[list[bytes]] = []

    @bp.hookimpl
    def bpframe_batch_end(self, state: Any) -> None:
        """Look for it."""
        if state.step == 5:
            self.kept.append(pickle.dumps(state))


def test_a_copy_made_by_a_hook_goes_on_as_from_a_checkpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Keeper, "kept", [])
    trainer = train(made("adam", callbacks=[Keeper()]), 4)
    state = pickle.loads(Keeper.kept[0])
    twin = state.trainer
    assert (state.step, state.history.step, twin.unfinished) == (5, [3], True)
    assert state.history is twin.history
    assert same(trainer, train(twin, 4))


LOAD = """
import pickle, sys
import numpy as np
trainer = pickle.loads(open("trainer.pickle", "rb").read())
with np.load("rows.npz") as rows:
    trainer.fit(rows["x"], rows["y"], epochs=2, batch_size=4)
    np.save("after.npy", trainer.predict(rows["x"]))
"""


def test_another_process_goes_on_with_the_same_bits(tmp_path: Path) -> None:
    trainer = train(made("nested"))
    (tmp_path / "trainer.pickle").write_bytes(pickle.dumps(trainer))
    np.savez(tmp_path / "rows.npz", x=X, y=CLASSES)
    done = fresh_python(["-c", LOAD], tmp_path)
    assert done.returncode == 0, done.stderr
    assert np.array_equal(np.load(tmp_path / "after.npy"), train(trainer).predict(X))


# ------------------------------------------------------------------------------------------------------- what belongs


@pytest.mark.parametrize("way", [pickled, copy.deepcopy], ids=lambda way: way.__name__)
def test_what_belongs_to_a_trainer_can_be_copied_too(way: Any) -> None:
    trainer = train(made("adam"))
    for thing in (trainer.history, trainer.network, trainer.loss, trainer.optimizer, trainer.spec, trainer.task):
        assert repr(way(thing)) == repr(thing)
    assert str(way(trainer.trace(X, CLASSES))) == str(trainer.trace(X, CLASSES))
    assert way(trainer.network).summary() == trainer.network.summary()
    found = bp.lr_range_test(trainer, X, CLASSES, steps=5)
    assert way(found) == found


@pytest.mark.parametrize("way", [pickled, copy.deepcopy, copy.copy], ids=lambda way: way.__name__)
def test_a_copy_of_parameters_has_values_of_its_own(way: Any) -> None:
    trainer = train(made())
    before, twin = trainer.parameters.copy(), way(trainer.parameters)
    assert list(twin) == list(trainer.parameters)
    twin["dense_1/bias"] = np.ones(6)
    assert np.array_equal(twin["dense_1/bias"], np.ones(6))
    assert all(np.array_equal(value, trainer.parameters[name]) for name, value in before.items())
    with pytest.raises(ShapeError):
        twin["dense_1/bias"] = np.ones(5)


# ----------------------------------------------------------------------------------------------- names of the program's

MODULE = """
import bpframe as bp

class Cubic:
    link = "identity"

    def value_and_delta(self, scores, target):
        r = scores - target
        return abs(r[:, 0]) ** 3 / 3, r * abs(r)

if __name__ != "cubic_quiet":
    bp.register("loss", "cubic", Cubic)
"""


@pytest.fixture
def cubic(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A module that registers the loss `cubic`, and one that only has the class."""
    monkeypatch.setattr(registry, "_local", dict(registry._local))
    monkeypatch.setattr(registry, "_loaded", dict(registry._loaded))
    (tmp_path / "cubic_quiet.py").write_text(MODULE)
    monkeypatch.syspath_prepend(tmp_path)
    import cubic_quiet  # type: ignore[import-not-found]  # written just now

    bp.register("loss", "cubic", cubic_quiet.Cubic)
    yield cubic_quiet
    sys.modules.pop("cubic_quiet")


USE = """
import pickle, bpframe as bp
kept = pickle.loads(open("kept.pickle", "rb").read())
print("cubic" in bp.names("loss"))
"""


def test_a_pickle_carries_the_names_that_the_program_gave(cubic: Any, tmp_path: Path) -> None:
    trainer = bp.Trainer(bp.Network([bp.layers.dense(1)]), "cubic", {"name": "sgd", "lr": 0.01})
    trainer.fit(X, Y, epochs=1)
    (tmp_path / "kept.pickle").write_bytes(pickle.dumps(trainer))
    code = USE + "kept.save('model'); print(bp.Trainer.load('model').loss)"
    done = fresh_python(["-c", code], tmp_path, tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("True\n<cubic_quiet.Cubic object")


def test_an_estimators_pickle_carries_them_too(cubic: Any) -> None:
    sklearn = pytest.importorskip("bpframe.sklearn")
    for loss in ("cubic", {"name": "local/cubic"}):
        assert pickle.dumps(sklearn.MLPRegressor(loss=loss)).count(b"cubic_quiet") == 1
    kept = pickle.dumps(sklearn.MLPRegressor(hidden_layer_sizes=(3,), loss="cubic"))
    registry._local.clear()
    model = pickle.loads(kept).partial_fit(X, Y)
    assert type(model._trainer.loss) is cubic.Cubic
    assert "cubic" not in str(pickle.dumps(sklearn.MLPRegressor()))


def test_where_the_name_means_something_else_an_estimator_is_not_loaded(cubic: Any) -> None:
    sklearn = pytest.importorskip("bpframe.sklearn")
    kept = pickle.dumps(sklearn.MLPRegressor(loss="cubic"))

    class Other(cubic.Cubic):  # type: ignore[name-defined,misc]  # from the module that was written
        """Of other lines."""

    bp.register("loss", "cubic", Other, replace=True)
    with pytest.raises(bp.errors.ConfigError, match="the loss 'cubic', which means another component in this process"):
        pickle.loads(kept)


@pytest.mark.parametrize("way", [pickled, by_cloudpickle, copy.deepcopy], ids=lambda way: way.__name__)
def test_the_registry_and_its_namespaces_are_in_another_process_what_that_process_has(way: Any) -> None:
    assert way(registry) is registry
    assert way(bp.losses)._registry is registry
    assert way(bp.register) == bp.register


@pytest.mark.parametrize("name", ["nobodys", "local/nobodys"])
def test_a_name_that_is_not_known_here_says_what_register_means(name: str) -> None:
    with pytest.raises(
        bp.errors.UnknownComponent, match=r"A name that bp\.register gives is known in that process alone"
    ) as caught:
        bp.build("loss", name)
    assert "pip install local" not in str(caught.value)


def test_an_estimator_says_so_too() -> None:
    sklearn = pytest.importorskip("bpframe.sklearn")
    with pytest.raises(ValueError, match=r"A name that bp\.register gives is known in that process alone"):
        sklearn.MLPRegressor(loss="nobodys").fit(X, Y)
