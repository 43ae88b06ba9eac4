"""Multipliers of learning rate and decay that layers declare for their own parameters.  x (N, n) rows."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

import bpframe as bp
from bpframe.errors import ConfigError, IncompatibleComponent
from bpframe.plugin import Array, Cache, Context, Params, Shape, inner_multipliers, ops
from bpframe.runs.config.run_config import load
from bpframe.runs.lock.lock import lock_tables

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(24, 3)), RNG.normal(size=(24, 3))
ENGINES = pytest.mark.parametrize("engine", ["numpy", "jax"])
SGD = {"name": "sgd", "lr": 0.125}


@dataclass(frozen=True)
class Plain:
    """y = weight x + shift."""

    pure: ClassVar[bool] = True

    def init(self, rng: np.random.Generator, in_shape: Shape) -> tuple[Params, Shape]:
        return {"weight": np.full(in_shape, 0.75), "shift": np.full(in_shape, 0.25)}, in_shape

    def forward(self, params: Params, x: Array, context: Context) -> tuple[Array, Cache]:
        return x * params["weight"] + params["shift"], x

    def backward(self, params: Params, cache: Cache, dy: Array, context: Context) -> tuple[Array | None, Params]:
        dx = dy * params["weight"] if context.need_dx else None
        return dx, {"weight": ops.sum_rows(dy * cache), "shift": ops.sum_rows(dy)}


@dataclass(frozen=True)
class Multiplied:
    """The same: its shift learns at 4 times the rate, its weight decays half as much."""

    pure: ClassVar[bool] = True
    lr_multipliers: ClassVar[dict[str, float]] = {"shift": 4.0}
    decay_multipliers: ClassVar[dict[str, float]] = {"weight": 0.5}
    init, forward, backward = Plain.init, Plain.forward, Plain.backward


@dataclass(frozen=True)
class Hiding:
    """The layer inside it."""

    inner: Any

    def init(self, rng: np.random.Generator, in_shape: Shape) -> tuple[Params, Shape]:
        return self.inner.init(rng, in_shape)  # type: ignore[no-any-return]

    def forward(self, params: Params, x: Array, context: Context) -> tuple[Array, Cache]:
        return self.inner.forward(params, x, context)  # type: ignore[no-any-return]

    def backward(self, params: Params, cache: Cache, dy: Array, context: Context) -> tuple[Array | None, Params]:
        return self.inner.backward(params, cache, dy, context)  # type: ignore[no-any-return]


@pytest.fixture(autouse=True)
def names() -> None:
    bp.register("layer", "plain", Plain, replace=True)
    bp.register("layer", "multiplied", Multiplied, replace=True)


def trainer(layer: Any, optimizer: Any = SGD, engine: str = "numpy", **parts: Any) -> bp.Trainer:
    return bp.Trainer(bp.Network([layer]), "mse", optimizer, engine=engine, dtype="float64", **parts)


def changes(layer: Any, steps: int = 1, **parts: Any) -> dict[str, Any]:
    """How far the parameters went, by role."""
    made = trainer(layer, **parts)
    made.trace(X, Y)
    before = made.parameters.copy()
    made.fit(X, Y, epochs=steps, batch_size=24, shuffle=False, verbose=0)
    return {name.rpartition("/")[2]: made.parameters[name] - before[name] for name in before}


@ENGINES
def test_a_role_learns_at_a_multiple_of_the_rate(engine):
    plain, own = changes(Plain(), engine=engine), changes(Multiplied(), engine=engine)
    np.testing.assert_allclose(own["weight"], plain["weight"], rtol=1e-12)
    np.testing.assert_allclose(own["shift"], 4 * plain["shift"], rtol=1e-12)


@pytest.mark.parametrize(
    "parts",
    [
        {"optimizer": {"name": "adamw", "weight_decay": 0.5}},
        {"optimizer": {"name": "lookahead", "inner": {"name": "adamw", "weight_decay": 0.5}, "steps": 1}},
        {"regularizers": [{"name": "l2", "strength": 0.5}]},
        {"regularizers": [{"name": "elastic_net", "l1": 0.25, "l2": 0.5}]},
        {"gradient_steps": [{"name": "decoupled_weight_decay", "strength": 0.5}]},
        {"gradient_steps": [{"name": "weight_decay", "strength": {"name": "constant", "initial": 0.5}}]},
    ],
    ids=["rule", "inner", "penalty", "two", "decoupled", "scheduled"],
)
def test_a_role_decays_at_a_multiple(parts):
    none = {"optimizer": {"name": "adamw", "weight_decay": 0.0}} if "optimizer" in parts else {}
    if "inner" in parts.get("optimizer", {}):
        none = {"optimizer": {"name": "lookahead", "inner": none["optimizer"], "steps": 1}}
    free, plain = (changes(Plain(), **each)["weight"] for each in (none, parts))
    own = changes(Multiplied(), **parts)["weight"]
    assert np.abs(plain - free).min() > 1e-5
    np.testing.assert_allclose(own - free, (plain - free) / 2, rtol=1e-9)


def test_a_group_multiplies_too_and_one_with_an_optimizer_of_its_own_is_taken_as_given():
    plain = changes(Plain())
    more = changes(Multiplied(), groups=[{"match": "*/shift", "lr_multiplier": 0.5}])
    given = changes(Multiplied(), groups=[{"match": "*/shift", "optimizer": SGD}])
    np.testing.assert_allclose(more["shift"], 2 * plain["shift"], rtol=1e-12)
    np.testing.assert_allclose(given["shift"], plain["shift"], rtol=1e-12)


def test_a_layer_that_holds_others_has_their_multipliers():
    held = bp.layers.residual([bp.layers.sequential([Multiplied()]), Plain()])
    assert held.lr_multipliers == {"sequential_1/multiplied_1/shift": 4.0}
    plain = changes(bp.layers.residual([bp.layers.sequential([Plain()]), Plain()]))
    assert plain.keys() == {"weight", "shift"}  # of the last one
    own = trainer(held)
    own.trace(X, Y)
    rates = {param.name: (param.lr_multiplier, param.decay_multiplier) for param in own._params.known}
    assert rates == {
        "residual_1/sequential_1/multiplied_1/weight": (1.0, 0.5),
        "residual_1/sequential_1/multiplied_1/shift": (4.0, 1.0),
        "residual_1/plain_1/weight": (1.0, 1.0),
        "residual_1/plain_1/shift": (1.0, 1.0),
    }
    assert inner_multipliers((("a", Plain()),)) == {}


LOOK_UP = bp.layers.embedding(3, 3)
FACTORS = {"lr_multiplier": 4.0, "decay_multiplier": 0.0}
BUNDLED = {
    "dense": (bp.layers.dense(3), bp.layers.dense(3, **FACTORS), X, Y),
    "embedding": (LOOK_UP, replace(LOOK_UP, **FACTORS), np.arange(24.0)[:, None] % 3, Y[:, None]),
}


@ENGINES
@pytest.mark.parametrize("name", BUNDLED)
def test_bundled_layers_take_factors_of_their_weights(name, engine):
    plain, own, x, y = BUNDLED[name]
    decay = {"gradient_steps": [{"name": "decoupled_weight_decay", "strength": 0.5}]}
    weight = f"{name}_1/weight"

    def moved(layer: Any, **parts: Any) -> tuple[Any, dict[str, Any]]:
        made = trainer(layer, SGD, engine, **parts)
        made.trace(x, y)
        before = made.parameters.copy()
        made.fit(x, y, epochs=1, batch_size=24, shuffle=False, verbose=0)
        return before, {name: made.parameters[name] - before[name] for name in before}

    before, step = moved(plain)
    halved = moved(own, **decay, groups=[{"match": "*/weight", "lr_multiplier": 0.5}])[1]
    np.testing.assert_allclose(halved[weight], 2 * step[weight], rtol=1e-12)  # and no decay
    decayed = moved(replace(own, decay_multiplier=0.25), **decay)[1]
    np.testing.assert_allclose(decayed[weight] - 4 * step[weight], -4 * 0.125 * 0.25 * 0.5 * before[weight], rtol=1e-9)
    for bias in step.keys() - {weight}:
        np.testing.assert_array_equal(halved[bias], step[bias])


def test_a_layer_passes_on_the_factors_of_its_activation():
    held = bp.layers.dense(3, activation=Multiplied(), lr_multiplier=2.0)
    assert held.lr_multipliers == {"weight": 2.0, "activation/shift": 4.0}
    assert held.decay_multipliers == {"activation/weight": 0.5}
    made = trainer(held)
    made.fit(X, Y, epochs=1, verbose=0)
    assert {p.name: p.lr_multiplier for p in made._params.known}["dense_1/activation/shift"] == 4.0


@pytest.mark.parametrize("layer", ["dense", "embedding"])
def test_factors_are_numbers_that_stay(layer):
    sizes = {"dense": {"units": 3}, "embedding": {"num_embeddings": 3, "embedding_dim": 2}}[layer]
    with pytest.raises(ConfigError, match=f"{layer} needs lr_multiplier of at least 0|at least 0"):
        bp.layers[layer](**sizes, lr_multiplier=-1.0)
    with pytest.raises(ConfigError, match="lr_multiplier"):
        bp.layers[layer](**sizes, lr_multiplier={"name": "cosine", "initial": 1.0})
    plain = bp.layers[layer](**sizes)
    assert not hasattr(plain, "lr_multipliers")
    assert not hasattr(plain, "decay_multipliers")


def test_a_layer_that_hides_multipliers_inside_it_is_refused():
    with pytest.raises(IncompatibleComponent, match=r"holds multiplied, which has 'lr_multipliers', but has none"):
        trainer(Hiding(Multiplied()))


def test_a_multiplier_of_no_parameter_or_below_0_is_refused():
    for wrong, text in (
        ({"gain": 2.0}, r"names 'gain', and it has the parameters weight, shift"),
        ({"shift": -1.0}, "at least 0, got -1.0"),
    ):
        layer = type("Wrong", (Multiplied,), {"lr_multipliers": wrong})()
        with pytest.raises(IncompatibleComponent, match=text):
            trainer(layer).fit(X, Y, epochs=1, verbose=0)


def test_a_rule_without_a_rate_is_refused_for_an_lr_multiplier_and_a_minimizer_moves_all_alike():
    with pytest.raises(ConfigError, match="rprop has no learning rate to change"):
        trainer(Multiplied(), "rprop").fit(X, Y, epochs=1, batch_size=24, verbose=0)
    for role, change in changes(Multiplied(), 3, optimizer="lbfgs").items():
        np.testing.assert_array_equal(change, changes(Plain(), 3, optimizer="lbfgs")[role])


@ENGINES
def test_a_run_that_goes_on_from_its_middle_gives_the_same_bytes(engine, tmp_path: Path):
    def run(folder: Path, resume: bool) -> dict[str, bytes]:
        made = trainer(Multiplied(), "adamw", engine, regularizers=["l2"])
        made.fit(X, Y, epochs=2, batch_size=8, verbose=0)
        if resume:
            made.checkpoint(folder / "c")
            made = bp.Trainer.resume(folder / "c")
        made.fit(X, Y, epochs=2, batch_size=8, verbose=0)
        return {name: value.tobytes() for name, value in made.parameters.copy().items()}

    assert run(tmp_path, True) == run(tmp_path, False)


def test_both_engines_agree():
    both = [changes(Multiplied(), 5, engine=e, optimizer="adamw", regularizers=["l2"]) for e in ("numpy", "jax")]
    for role, change in both[0].items():
        np.testing.assert_allclose(change, both[1][role], rtol=1e-10)


def test_the_overview_and_a_lock_tell_multipliers(tmp_path: Path):
    assert "multiplied_1/shift lr x 4, multiplied_1/weight decay x 0.5" in str(trainer(Multiplied()))
    assert "multipliers" not in str(trainer(Plain()))
    (tmp_path / "a.toml").write_text(
        'data.source = "moons"\nmodel.layers = [{name = "multiplied"}, {name = "dense", units = 2}]\n'
        'loss = "softmax_cross_entropy"\n'
    )
    found = lock_tables(load(tmp_path / "a.toml"))["components"]
    declared = {entry["path"]: entry.get("lr_multipliers") for entry in found if entry["kind"] == "layer"}
    assert declared == {"model.layers[0]": {"shift": 4.0}, "model.layers[1]": None}
