"""Estimators that outlive a process, as pickles of their users and as bpframe's own files; tables as input."""

from __future__ import annotations

import copy
import json
import pickle
import warnings
from typing import Any

import joblib
import numpy as np
import pytest
from sklearn.datasets import load_diabetes, load_iris
from sklearn.exceptions import ConvergenceWarning

import bpframe as bp
from bpframe.errors import BlockedComponent, CheckpointError, DataError
from bpframe.registry import registry
from bpframe.registry.catalog import Catalog
from bpframe.registry.metadata_scan import core, third_parties
from bpframe.registry.provider import Provider
from bpframe.saving import tensor_file
from bpframe.sklearn import MLPClassifier, MLPRegressor

X, Y = load_iris(return_X_y=True)
ROWS, TARGET = load_diabetes(return_X_y=True)
LABELS = np.column_stack([Y == 0, Y > 0]).astype(int)


def fitted(estimator: Any, x: Any, y: Any) -> Any:
    """The estimator, trained without a word about convergence."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return estimator.set_params(max_iter=8, random_state=0).fit(x, y)


class Idle:
    """A callback that does nothing."""

    @bp.hookimpl
    def bpframe_fit_end(self, state: Any) -> None:
        """Nothing."""


# ------------------------------------------------------------------------------------------------- pickles and copies


@pytest.mark.parametrize("engine", ["numpy", "jax"])
@pytest.mark.parametrize("solver", ["adam", "sgd", {"name": "ema", "inner": "adam"}], ids=str)
@pytest.mark.parametrize("way", ["pickle", "joblib", "deepcopy"])
def test_a_copy_goes_on_where_the_original_does(engine, solver, way, tmp_path):
    pytest.importorskip(engine)
    model = MLPClassifier((7,), solver=solver, engine=engine, learning_rate="adaptive", random_state=0)
    model.partial_fit(X, Y, classes=[0, 1, 2]).partial_fit(X, Y)
    if way == "joblib":
        joblib.dump(model, tmp_path / "model.joblib")
        other = joblib.load(tmp_path / "model.joblib")
    else:
        other = copy.deepcopy(model) if way == "deepcopy" else pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(model.predict_proba(X), other.predict_proba(X))
    for estimator in (model, other):
        estimator.partial_fit(X, Y)
    np.testing.assert_array_equal(model.coefs_[0], other.coefs_[0])
    assert other.history_.train == model.history_.train


WRONG = {
    ("settings", "tol"): None,
    ("settings", "l1"): "text",
    ("fitted", "t_"): ["a"],
    ("fitted", "n_features_in_"): 1.5,
    ("fitted", "best_loss_"): "low",
    ("fitted", "loss_curve_"): "low",
    ("history",): {"mapping": [["train", 3]]},
}


@pytest.mark.parametrize("place", WRONG, ids="/".join)
def test_a_file_with_a_value_of_another_type_is_refused_at_load(place, tmp_path):
    fitted(MLPClassifier((3,)), X, Y).save(tmp_path / "model")
    tensors, manifest = tensor_file.read_tensors(tmp_path / "model")
    node = manifest["estimator"]
    for key in place[:-1]:
        node = node[key]
    node[place[-1]] = WRONG[place]
    tensor_file.write_tensors(tmp_path / "model", tensors, manifest)
    with pytest.raises(CheckpointError, match="cannot be made into a model"):
        MLPClassifier.load(tmp_path / "model")


@pytest.mark.parametrize("width", [3, 300])
@pytest.mark.parametrize("solver", ["adam", "sgd", {"name": "ema", "inner": "adam"}], ids=str)
def test_a_model_that_lies_in_a_mapped_file_goes_on_as_another(solver, width, tmp_path):
    model = MLPClassifier((width,), solver=solver, batch_size=7, random_state=0).partial_fit(X, Y, classes=[0, 1, 2])
    joblib.dump(model, tmp_path / "model.joblib")
    mapped = joblib.load(tmp_path / "model.joblib", mmap_mode="r")
    for estimator in (model, mapped):
        estimator.partial_fit(X, Y).partial_fit(X, Y)
    np.testing.assert_array_equal(model.coefs_[0], mapped.coefs_[0])


def test_a_pickle_is_not_much_larger_than_what_it_keeps():
    for settings, copies in (({}, 5), ({"solver": "lbfgs"}, 3), ({"early_stopping": True}, 6)):
        model = fitted(MLPClassifier((300,), **settings), X, Y)
        size = sum(w.nbytes for w in (*model.coefs_, *model.intercepts_))
        assert len(pickle.dumps(model)) < copies * size + 20_000


# ------------------------------------------------------------------------------------------------------ bpframe's file

SAVED: dict[str, tuple[Any, Any, Any]] = {
    "classes": (MLPClassifier(), X, Y),
    "text": (MLPClassifier(), X, np.array(["oslo", "rome", "york"])[Y]),
    "objects": (MLPClassifier(), X, np.array(["oslo", "rome", "york"], dtype=object)[Y]),
    "two classes": (MLPClassifier(early_stopping=True), X, Y > 0),
    "several labels": (MLPClassifier(), X, LABELS),
    "quantities": (MLPRegressor(solver="sgd", learning_rate="adaptive", learning_rate_init=1e-4), ROWS, TARGET),
    "counts": (MLPRegressor("poisson", learning_rate_init=1e-4), ROWS, TARGET),
    "lbfgs": (MLPClassifier(solver="lbfgs", class_weight={0: 1.0, 1: 2.0, 2: 0.5}), X, Y),
    "plugins": (
        MLPClassifier(
            activation=[bp.activations.silu()],
            solver={"name": "lion"},
            loss=bp.losses.focal(gamma=1.0),
            learning_rate="cosine",
            monitor={"name": "f1", "average": "macro"},
            validation_set=(X, Y),
        ),
        *(X, Y),
    ),
    "layers": (MLPClassifier(hidden_layers=["standardize", bp.layers.dense(5, activation="tanh"), "batch_norm"]), X, Y),
}


@pytest.mark.parametrize("name", SAVED)
def test_a_saved_estimator_comes_back_as_it_was(name, tmp_path):
    estimator, x, y = SAVED[name]
    model = fitted(copy.deepcopy(estimator), x, y)
    model.save(tmp_path / "model.safetensors")
    other = type(model).load(tmp_path / "model.safetensors")
    np.testing.assert_array_equal(other.predict(x), model.predict(x))
    assert other.predict(x).dtype == model.predict(x).dtype
    fitted_names = {name for name in vars(model) if name.endswith("_") and not name.startswith("_")}
    assert fitted_names <= set(vars(other))
    for attribute in fitted_names - {"coefs_", "intercepts_"}:
        np.testing.assert_equal(getattr(other, attribute), getattr(model, attribute))
    plain = ("alpha", "hidden_layer_sizes", "learning_rate_init", "early_stopping", "random_state", "class_weight")
    assert [other.get_params().get(p) for p in plain] == [model.get_params().get(p) for p in plain]
    again = fitted(other, x, y)
    np.testing.assert_array_equal(again.coefs_[0], model.coefs_[0])


def test_the_file_is_a_model_file_whose_labels_bpframe_knows(tmp_path):
    names = np.array(["oslo", "rome", "york"])[Y]
    model = fitted(MLPClassifier(), X, names)
    model.save(tmp_path / "model.safetensors")
    trainer = bp.Trainer.load(tmp_path / "model.safetensors")
    np.testing.assert_array_equal(trainer.predict_labels(X), model.predict(X))


def test_partial_fit_goes_on_after_loading_with_an_optimizer_that_starts_anew(tmp_path):
    model = fitted(MLPClassifier(), X, Y)
    model.save(tmp_path / "model.safetensors")
    other = MLPClassifier.load(tmp_path / "model.safetensors")
    loss = other.loss_
    for _ in range(20):
        other.partial_fit(X, Y)
    assert other.loss_ < loss
    assert other.t_ == 28 * len(X)


def test_what_a_file_cannot_say_has_its_default_after_loading(tmp_path):
    model = MLPClassifier(
        random_state=np.random.RandomState(0), monitor=lambda m, x, y: 0.0, callbacks=[Idle()], max_iter=2
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(X, Y).save(tmp_path / "model.safetensors")
    other = MLPClassifier.load(tmp_path / "model.safetensors")
    assert (other.random_state, other.monitor, other.callbacks) == (None, None, ())
    manifest = tensor_file.read_tensors(tmp_path / "model.safetensors")[1]
    assert set(manifest["estimator"]["left_out"]) == {"random_state", "monitor", "callbacks"}


def test_a_file_of_something_else_is_refused(tmp_path):
    fitted(MLPRegressor(), ROWS, TARGET).save(tmp_path / "regressor")
    with pytest.raises(CheckpointError, match="holds MLPRegressor, not MLPClassifier"):
        MLPClassifier.load(tmp_path / "regressor")
    tensors, manifest = tensor_file.read_tensors(tmp_path / "regressor")
    tensor_file.write_tensors(tmp_path / "bare", tensors, {k: v for k, v in manifest.items() if k != "estimator"})
    with pytest.raises(CheckpointError, match="holds no estimator"):
        MLPRegressor.load(tmp_path / "bare")
    hostile = json.loads(json.dumps(manifest))
    hostile["estimator"]["history"] = {"code": "print()"}
    tensor_file.write_tensors(tmp_path / "hostile", tensors, hostile)
    with pytest.raises(CheckpointError):
        MLPRegressor.load(tmp_path / "hostile")


def rewritten(path, change):
    """A file whose manifest says of its estimator what `change` makes of that."""
    fitted(MLPClassifier(), X, Y).save(path)
    tensors, manifest = tensor_file.read_tensors(path)
    change(manifest["estimator"])
    tensor_file.write_tensors(path, tensors, manifest)
    return path


def test_a_file_cannot_ask_for_an_array_whose_items_are_of_any_size(tmp_path):
    path = rewritten(tmp_path / "model", lambda said: said["fitted"]["classes_"].update(dtype="V1000000000"))
    with pytest.raises(CheckpointError, match="none that an estimator keeps"):
        MLPClassifier.load(path)


def test_a_file_sets_no_other_attributes_than_a_fit_does(tmp_path):
    model = MLPClassifier.load(rewritten(tmp_path / "model", lambda said: said["fitted"].update(predict="me")))
    assert model.predict(X[:3]).shape == (3,)


@pytest.mark.parametrize("said", ["elsewhere/rule", "rule", {"mapping": [["name", "elsewhere/rule"]]}], ids=str)
def test_a_file_names_no_plugin_in_its_arguments_that_the_caller_does_not_allow(said, tmp_path, monkeypatch):
    imported = []
    provider = Provider("optimizer", "rule", "elsewhere", "1.0", "no:where", load=lambda: imported.append(1))
    monkeypatch.setattr(registry, "_catalog", Catalog(core, third_parties, lambda: [provider]))
    path = rewritten(tmp_path / "model", lambda estimator: estimator["settings"].update(solver=said))
    with pytest.raises(BlockedComponent, match="elsewhere"):
        MLPClassifier.load(path)
    assert not imported


# -------------------------------------------------------------------------------------------------------------- tables


def table(library: str, columns: dict[str, Any]) -> Any:
    """A table of a library."""
    module = pytest.importorskip(library)
    return module.table(columns) if library == "pyarrow" else module.DataFrame(columns)


@pytest.mark.parametrize("library", ["pandas", "polars", "pyarrow"])
def test_tables_give_names_and_the_same_model_as_arrays(library):
    frame = table(library, dict(zip("abcd", X.T.copy(), strict=True)))
    model = fitted(MLPClassifier(), frame, Y)
    assert model.feature_names_in_.tolist() == ["a", "b", "c", "d"]
    np.testing.assert_array_equal(model.coefs_[0], fitted(MLPClassifier(), X, Y).coefs_[0])
    turned = table(library, dict(zip("badc", X.T.copy(), strict=True)))
    with pytest.raises(ValueError, match="feature names should match"):
        model.predict(turned)


@pytest.mark.parametrize("library", ["pandas", "polars", "pyarrow"])
def test_a_column_of_text_is_named_with_the_encoder_to_use(library):
    frame = table(library, {"size": X[:, 0], "town": np.array(["oslo", "rome", "york"])[Y].tolist()})
    with pytest.raises(DataError, match=r"column 'town', as 'oslo'.*OneHotEncoder\(\), \['town'\]"):
        MLPClassifier().fit(frame, Y)
    model = fitted(MLPClassifier(), table(library, {"size": X[:, 0], "town": Y}), Y)
    with pytest.raises(DataError, match="column 'town'"):
        model.predict(frame)


def test_categories_of_text_are_text_and_categories_of_numbers_are_numbers():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"size": X[:, 0], "town": pandas.Categorical(np.array(["oslo", "rome", "york"])[Y])})
    with pytest.raises(DataError, match="column 'town'"):
        MLPClassifier().fit(frame, Y)
    fitted(MLPClassifier(), frame.assign(town=pandas.Categorical(Y)), Y)


def test_a_saved_estimator_keeps_the_present_values_of_scheduled_settings(tmp_path):
    slope = {"name": "linear", "initial": 0.5, "final": 0.1}
    hidden = [
        {"name": "dense", "units": 6, "activation": {"name": "leaky_relu", "negative_slope": slope}},
        {"name": "dropout", "rate": {"name": "linear", "initial": 0.4}},
    ]
    model = fitted(MLPClassifier(hidden_layers=hidden), X, Y)
    model.save(tmp_path / "model.bpf")
    loaded = MLPClassifier.load(tmp_path / "model.bpf")
    np.testing.assert_array_equal(loaded.predict_proba(X), model.predict_proba(X))
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(model)).predict_proba(X), model.predict_proba(X))
    assert loaded._trainer.settings == model._trainer.settings != {}
