"""`Trainer.load_weights`: weights of other libraries, by order or by name, in the layout of this one."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from safetensors.numpy import save_file
from sklearn import neural_network

import bpframe as bp
from bpframe.errors import CheckpointError, ConfigError, ShapeError

GOLDEN = Path(__file__).parent / "foreign_weights.npz"
X = np.random.default_rng(0).normal(size=(40, 5))
DENSE = [{"name": "dense", "units": 4, "activation": "relu"}, {"name": "dense", "units": 3}]
NORMED = [{"name": "dense", "units": 5}, "batch_norm", "layer_norm", {"name": "dense", "units": 3}]


def trainer_of(layers, loss="softmax_cross_entropy", inputs=5):
    """A trainer with parameters of its own."""
    return bp.Trainer(bp.Network(layers, inputs=inputs), loss, dtype="float64", seed=3)


def state_dict():
    """Weights as PyTorch has them, (out, in)."""
    rng = np.random.default_rng(1)
    shapes = {"0.weight": (4, 5), "0.bias": (4,), "2.weight": (3, 4), "2.bias": (3,)}
    return {name: rng.normal(size=shape) for name, shape in shapes.items()}


def scores(state):
    """The scores of that network, written out."""
    hidden = np.maximum(X @ state["0.weight"].T + state["0.bias"], 0)
    return hidden @ state["2.weight"].T + state["2.bias"]


def test_a_state_dict_is_taken_in_order_and_its_weights_are_turned():
    trainer, state = trainer_of(DENSE), state_dict()
    trainer.load_weights(state)
    assert np.allclose(trainer.scores(X), scores(state), rtol=1e-12)


def test_a_mapping_names_what_goes_where_and_leaves_the_rest_alone():
    trainer, state = trainer_of(DENSE), state_dict()
    before = trainer.parameters.copy()
    trainer.load_weights(state, {"dense_2/weight": "2.weight"})
    after = trainer.parameters.copy()
    assert np.array_equal(after["dense_2/weight"], state["2.weight"].T)
    assert all(np.array_equal(after[name], before[name]) for name in before if name != "dense_2/weight")


def test_a_safetensors_file_is_read_as_safetensors_itself_writes_it(tmp_path):
    trainer, state = trainer_of(DENSE), state_dict()
    save_file({name: np.ascontiguousarray(value) for name, value in state.items()}, tmp_path / "w.safetensors")
    trainer.load_weights(
        tmp_path / "w.safetensors",
        {
            "dense_1/weight": "0.weight",
            "dense_1/bias": "0.bias",
            "dense_2/weight": "2.weight",
            "dense_2/bias": "2.bias",
        },
    )
    assert np.allclose(trainer.scores(X), scores(state), rtol=1e-12)


def test_a_file_that_is_cut_or_is_none_is_refused_in_words(tmp_path):
    file = tmp_path / "w.safetensors"
    save_file(state_dict(), file)
    file.write_bytes(file.read_bytes()[:-8])
    with pytest.raises(CheckpointError, match=r"w\.safetensors cannot be read as safetensors: .*bytes"):
        trainer_of(DENSE).load_weights(file)
    (tmp_path / "w.pt").write_bytes(b"")
    with pytest.raises(ConfigError, match=r"reads \.safetensors, got .*w\.pt"):
        trainer_of(DENSE).load_weights(tmp_path / "w.pt")


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_a_scikit_learn_mlp_predicts_the_same_here():
    y = np.arange(40) % 3
    model = neural_network.MLPClassifier((4,), activation="relu", max_iter=20, random_state=0).fit(X, y)
    trainer = trainer_of(DENSE)
    trainer.load_weights(model)
    assert np.allclose(trainer.predict(X), model.predict_proba(X), rtol=1e-9)


@pytest.mark.parametrize("kind", ["torch", "keras"])
def test_networks_of_pytorch_and_keras_with_norms_predict_the_same_here(kind):
    golden = np.load(GOLDEN)
    names = [name.removeprefix(f"{kind}/") for name in golden.files if name.startswith(f"{kind}/")]
    arrays = {name: golden[f"{kind}/{name}"] for name in names}
    if kind == "keras":
        weights = [SimpleNamespace(path=name) for name in arrays]
        source = SimpleNamespace(weights=weights, get_weights=lambda: list(arrays.values()))
    else:
        source = arrays
    trainer = trainer_of(NORMED)
    trainer.load_weights(source)
    assert np.allclose(trainer.scores(golden["x"]), golden[f"{kind}_y"], rtol=1e-5, atol=1e-5)


def test_a_table_of_vectors_is_not_turned():
    layers = [{"name": "embedding", "num_embeddings": 4, "embedding_dim": 4}, "flatten", {"name": "dense", "units": 2}]
    trainer = trainer_of(layers, inputs=1)
    table, weight = np.arange(16.0).reshape(4, 4), np.ones((2, 4))
    trainer.load_weights({"table": table, "weight": weight, "bias": np.zeros(2)})
    assert np.array_equal(trainer.parameters["embedding_1/weight"], table)


def test_what_does_not_fit_is_said_in_words_and_nothing_changes():
    trainer, state = trainer_of(DENSE), state_dict()
    before = trainer.parameters.copy()
    wrong = {**state, "2.weight": np.zeros((4, 3))}
    with pytest.raises(
        ShapeError, match=r"\(4, 3\) for 'dense_2/weight', got \(3, 4\) from '2\.weight' once it is turned"
    ):
        trainer.load_weights(wrong)
    with pytest.raises(ConfigError, match=r"each of 4 parameters \(dense_1/weight.*got 3 \(0\.weight.*mapping="):
        trainer.load_weights({name: value for name, value in state.items() if name != "2.bias"})
    with pytest.raises(ConfigError, match="no parameter 'dense_9/weight'"):
        trainer.load_weights(state, {"dense_9/weight": "0.weight"})
    with pytest.raises(ConfigError, match=r"the source has no 'fc'\. It has 0\.weight"):
        trainer.load_weights(state, {"dense_1/weight": "fc"})
    with pytest.raises(ConfigError, match="got int"):
        trainer.load_weights(3)
    with pytest.raises(ConfigError, match="one of torch, keras as layout"):
        trainer.load_weights(state, layout="c")
    assert all(np.array_equal(value, before[name]) for name, value in trainer.parameters.items())


def test_what_a_layer_learns_from_data_is_left_alone():
    trainer, state = trainer_of(["standardize", *DENSE]), state_dict()
    trainer.load_weights(state)
    assert np.allclose(trainer.scores(X), scores(state), rtol=1e-12)
