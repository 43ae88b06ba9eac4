"""What PyTorch, Keras and scikit-learn call a thing leads to what it is called here."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import pytest

import bpframe as bp
from bpframe.errors import ConfigError, IncompatibleComponent, UnknownComponent
from bpframe.registry import registry
from bpframe.registry.constructor import parameters
from bpframe.registry.kinds import KINDS
from bpframe.registry.other_words import ARGUMENTS, COMPONENTS, PUBLIC

X, Y = np.zeros((4, 3)), np.zeros(4)
WORDS = [
    ("layer", "linear", "dense"),
    ("layer", "Linear", "dense"),
    ("layer", "BatchNorm1d", "batch_norm"),
    ("layer", "LayerNormalization", "layer_norm"),
    ("activation", "ReLU", "relu"),
    ("activation", "LeakyReLU", "leaky_relu"),
    ("activation", "swish", "silu"),
    ("loss", "CrossEntropyLoss", "softmax_cross_entropy"),
    ("loss", "categorical_crossentropy", "softmax_cross_entropy"),
    ("loss", "sparse_categorical_crossentropy", "softmax_cross_entropy"),
    ("loss", "BCEWithLogitsLoss", "sigmoid_cross_entropy"),
    ("loss", "BCELoss", "binary_cross_entropy"),
    ("loss", "binary_crossentropy", "binary_cross_entropy"),
    ("loss", "MSELoss", "mse"),
    ("loss", "mean_squared_error", "mse"),
    ("loss", "KLDivLoss", "kl_divergence"),
    ("loss", "SmoothL1Loss", "huber"),
    ("optimizer", "Adam", "adam"),
    ("optimizer", "AdamW", "adamw"),
    ("optimizer", "SGD", "sgd"),
    ("optimizer", "RMSprop", "rmsprop"),
    ("initializer", "xavier_uniform", "glorot_uniform"),
    ("initializer", "kaiming_normal", "he_normal"),
    ("schedule", "CosineAnnealingLR", "cosine"),
    ("schedule", "ReduceLROnPlateau", "reduce_on_plateau"),
    ("metric", "acc", "accuracy"),
    ("metric", "ROC_AUC", "roc_auc"),
    ("callback", "EarlyStopping", "early_stopping"),
    ("layer", "LSTM", "lstm"),
    ("layer", "SimpleRNN", "rnn"),
    ("layer", "Convolution2D", "conv2d"),
    ("layer", "MaxPooling2D", "max_pool2d"),
    ("callback", "ModelCheckpoint", "checkpoint"),
    ("gradient_step", "clip_grad_norm", "clip_global_norm"),
]


@pytest.mark.parametrize(("kind", "word", "wanted"), WORDS)
def test_a_component_is_found_by_its_other_name(kind, word, wanted):
    with pytest.raises(UnknownComponent, match=rf"no {kind} named '{word}'\. Did you mean '{wanted}'\?"):
        bp.build(kind, word)


@pytest.mark.parametrize("word", ["conv3d", "Conv3D", "MaxPool3d"])
def test_what_there_is_not_is_said_in_a_sentence(word):
    with pytest.raises(UnknownComponent, match="bpframe has no convolutions"):
        bp.build("layer", word)


@pytest.mark.parametrize("layer", ["relu", "ReLU", {"name": "softmax"}])
def test_a_bare_activation_as_a_layer_says_how_it_becomes_one(layer):
    with pytest.raises(UnknownComponent, match=r"As a layer: bp\.layers\.activation\('(relu|softmax)'\)"):
        bp.Network([layer])


def test_so_does_a_ready_one():
    with pytest.raises(IncompatibleComponent, match=r"As a layer: bp\.layers\.activation\(\.\.\.\)"):
        bp.Network([bp.activations.relu()])


ARGUMENT_WORDS: list[tuple[Any, dict[str, Any], str]] = [
    (bp.optimizers.adam, {"learning_rate": 0.1}, "Did you mean 'lr'?"),
    (bp.optimizers.adam, {"epsilon": 0.1}, "Did you mean 'eps'?"),
    (bp.layers.dense, {"units": 3, "use_bias": False}, "Did you mean 'bias'?"),
    (bp.layers.dense, {"out_features": 3}, "Did you mean 'units'?"),
    (bp.layers.dense, {"units": 3, "kernel_initializer": "zeros"}, "Did you mean 'weight_initializer'?"),
    (bp.layers.dense, {"units": 3, "input_shape": (3,)}, "bp.Network([...], inputs=...)"),
    (bp.layers.dropout, {"p": 0.2}, "Did you mean 'rate'?"),
    (bp.layers.embedding, {"input_dim": 3, "embedding_dim": 2}, "Did you mean 'num_embeddings'?"),
    (bp.losses.softmax_cross_entropy, {"from_logits": True}, "softmax_cross_entropy scores"),
]


@pytest.mark.parametrize(("make", "given", "words"), ARGUMENT_WORDS)
def test_an_argument_of_a_component_is_found_by_its_other_name(make, given, words):
    with pytest.raises(ConfigError) as caught:
        make(**given)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"lr": 0.1}, "It belongs to the optimizer: optimizer=bp.optimizers.adam(lr=...)."),
        ({"learning_rate": 0.1}, "It belongs to the optimizer"),
        ({"random_state": 1}, "Did you mean 'seed'?"),
        ({"metric": []}, "Did you mean 'metrics'?"),
        ({"device": "cuda"}, "A device is an engine's"),
        ({"clipnorm": 1.0}, "gradient_steps=[bp.gradient_steps.clip_global_norm(...)]"),
    ],
)
def test_an_argument_of_the_trainer_is_a_type_error_with_what_may_be_meant(given, words):
    with pytest.raises(TypeError) as caught:
        bp.Trainer(bp.Network([bp.layers.dense(1)]), "mse", **given)
    assert f"Trainer.__init__() got an unexpected keyword argument '{min(given)}'. " in str(caught.value)
    assert words in str(caught.value)
    assert "Arguments: network, loss, optimizer" in str(caught.value)


def test_so_it_is_in_fit_and_evaluate_before_anything_happens():
    made = bp.Trainer(bp.Network([bp.layers.dense(1)]), "mse")
    for word, wanted in (
        ("validation_data", "validation"),
        ("nb_epoch", "epochs"),
        ("sample_weights", "sample_weight"),
    ):
        with pytest.raises(TypeError, match=rf"Trainer\.fit\(\) got .* '{word}'\. Did you mean '{wanted}'\?"):
            made.fit(X, Y, **{word: 1})
    with pytest.raises(TypeError, match=r"Trainer\.evaluate\(\) got .* 'sample_weights'\. Did you mean 'sample"):
        made.evaluate(X, Y, sample_weights=Y)
    assert made._session is None


@pytest.mark.parametrize(("word", "wanted"), [("Sequential", "Network"), ("nn", "layers"), ("optim", "optimizers")])
def test_names_of_the_package_are_found_by_other_names(word, wanted):
    with pytest.raises(AttributeError, match=rf"no attribute '{word}'\. Did you mean '{wanted}'\?"):
        getattr(bp, word)


def test_every_word_of_the_table_leads_to_something_that_exists_and_is_no_name_itself():
    assert set(COMPONENTS) <= set(KINDS)
    for kind, words in COMPONENTS.items():
        names = set(bp.names(kind))
        assert {to for to in words.values() if not to.endswith(".")} <= names
        assert not {name.replace("_", "") for name in names if "/" not in name} & set(words)
        assert all(word == word.lower().replace("_", "") for word in words)
    assert set(PUBLIC.values()) <= set(bp.__all__)


def test_every_argument_of_the_table_is_one_of_some_component_or_of_the_trainer():
    there = {name for method in (bp.Trainer.__init__, bp.Trainer.fit) for name in inspect.signature(method).parameters}
    for kind in KINDS:
        for name in bp.names(kind):
            there |= parameters(registry.load(kind, name)).keys() if "/" not in name else set()
    for word, candidates in ARGUMENTS.items():
        assert word == word.lower().replace("_", "")
        assert all(each in there or each.endswith(".") for each in candidates), (word, candidates)
