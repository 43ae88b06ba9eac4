"""Parameters part into groups by name and by what components ask for, and each group gets what it should."""

from __future__ import annotations

import json
from dataclasses import dataclass

import numpy as np
import pytest

import bpframe as bp
from bpframe.errors import ConfigError
from bpframe.training.update_groups import trained_parameters, update_groups
from tests.trainer_spec import spec_of

X = np.random.default_rng(0).normal(size=(40, 5))
Y = (X[:, 0] > X[:, 1]).astype(int)
SGD = bp.optimizers.sgd()


def trainer(optimizer="sgd", **settings):
    layers = [bp.layers.dense(6, activation="tanh"), bp.layers.dense(2)]
    return bp.Trainer(bp.Network(layers), "softmax_cross_entropy", optimizer, dtype="float64", **settings)


def one_step(**settings):
    """(parameters before, after) one step on the whole data."""
    made = trainer(**settings)
    made.trace(X, Y)  # makes the parameters
    before = made.parameters.copy()
    made.fit(X, Y, epochs=1, batch_size=40, shuffle=False)
    return before, made.parameters.copy()


def changes(**settings):
    before, after = one_step(**settings)
    return {name: after[name] - before[name] for name in before}


def test_a_multiplier_scales_the_steps_of_its_parameters_and_of_no_others():
    plain = changes(optimizer={"name": "sgd", "lr": 0.1})
    scaled = changes(optimizer={"name": "sgd", "lr": 0.1}, groups=[{"match": "dense_1/*", "lr_multiplier": 3.0}])
    for name, change in plain.items():
        factor = 3.0 if name.startswith("dense_1/") else 1.0
        np.testing.assert_allclose(scaled[name], factor * change, rtol=1e-9, atol=1e-15)


def test_a_multiplier_stands_on_a_schedule_and_on_the_rule_inside_another():
    lr = {"name": "step", "initial": 0.1, "every": 1, "factor": 0.5}
    plain = trainer({"name": "lookahead", "inner": {"name": "sgd", "lr": lr}, "steps": 100})
    other = trainer(
        {"name": "lookahead", "inner": {"name": "sgd", "lr": lr}, "steps": 100},
        groups=[{"match": "*", "lr_multiplier": 2.0}],
    )
    direct = trainer(
        {"name": "lookahead", "inner": {"name": "sgd", "lr": {**lr, "initial": 0.2}}, "steps": 100},
    )
    for made in (plain, other, direct):
        made.fit(X, Y, epochs=3, batch_size=40)
    assert other.history.train == direct.history.train
    assert other.history.train != plain.history.train


def test_frozen_parameters_stay_to_the_bit_and_the_rest_moves():
    moved = changes(groups=[{"match": ("dense_1/*", "*/bias"), "frozen": True}])
    assert [name for name, change in moved.items() if change.any()] == ["dense_2/weight"]


def test_biases_follow_an_optimizer_of_their_own():
    moved = changes(optimizer={"name": "sgd", "lr": 0.1}, groups=[{"match": "*/bias", "optimizer": "signum"}])
    plain = changes(optimizer={"name": "sgd", "lr": 0.1})
    lr = bp.optimizers.signum().lr
    for name, change in moved.items():
        if name.endswith("bias"):
            np.testing.assert_allclose(np.abs(change), lr, rtol=1e-9)
        else:
            np.testing.assert_array_equal(change, plain[name])


def test_the_first_group_that_matches_counts():
    given = [{"match": "dense_1/weight", "frozen": True}, {"match": "dense_1/*", "lr_multiplier": 2.0}]
    moved = changes(groups=given)
    assert not moved["dense_1/weight"].any()
    assert moved["dense_1/bias"].any()


def test_a_group_that_matches_nothing_is_an_error_that_lists_the_parameters():
    with pytest.raises(
        ConfigError, match=r"groups\[0\] matches no parameter: 'dens_1/\*'.*dense_1/weight, dense_1/bias"
    ):
        trainer(groups=[{"match": "dens_1/*", "frozen": True}]).fit(X, Y)


def test_mistakes_in_groups_are_all_named():
    with pytest.raises(ConfigError) as caught:
        trainer(groups=[{"match": "*", "lr_multiplyer": 2}, {"match": "*", "optimizer": "sdg"}])
    message = str(caught.value)
    assert "groups[0].lr_multiplyer" in message
    assert "Did you mean 'lr_multiplier'?" in message
    assert "groups[1].optimizer.name" in message


def test_a_multiplier_on_a_rule_without_lr_is_an_error():
    with pytest.raises(ConfigError, match="needs an argument lr"):
        trainer("lbfgs", groups=[{"match": "*/bias", "lr_multiplier": 2.0}]).fit(X, Y, batch_size=40)


def test_groups_are_saved_with_the_model(tmp_path):
    given = [bp.ParameterGroup(("dense_1/*",), bp.optimizers.adam(lr=0.5)), {"match": "*/bias", "lr_multiplier": 2.0}]
    made = trainer(groups=given)
    made.fit(X, Y, epochs=1)
    made.save(tmp_path / "m.safetensors")
    loaded = bp.Trainer.load(tmp_path / "m.safetensors")
    assert loaded.groups == made.groups
    assert json.dumps(loaded.groups[0].spec(bp.registry.registry))


def known(**shapes):
    """Parameters by name of a made-up network, dense_1/weight written dense_1__weight."""
    tree: dict = {}
    for name, shape in shapes.items():
        layer, role = name.split("__")
        tree.setdefault(layer, {})[role] = np.zeros(shape)
    return tree


def test_what_is_known_of_a_parameter_are_its_role_fans_and_depth():
    tree = known(a__weight=(5, 3), a__bias=(3,), b__scale=(3,), c__weight=(2, 3, 4))
    weight, bias, scale, kernel = trained_parameters(tree)
    assert (weight.name, weight.role, weight.layer, weight.fan_in, weight.fan_out) == ("a/weight", "weight", "a", 5, 3)
    assert (bias.role, bias.depth, scale.depth, kernel.depth, kernel.depths) == ("bias", 0, 1, 2, 3)
    assert (kernel.fan_in, kernel.fan_out) == (6, 4)


def test_buffers_belong_to_no_group():
    tree = {"n": {"scale": np.ones(3), "buffers": {"mean": np.zeros(3)}}}
    assert [group.paths for group in update_groups(trained_parameters(tree), spec_of(SGD))] == [(("n", "scale"),)]


@dataclass(frozen=True)
class OnWeights:
    """A gradient step that says which parameters it acts on."""

    def applies(self, param):
        return param.role == "weight"


def test_parameters_part_where_a_component_leaves_some_alone():
    tree = known(a__weight=(5, 3), a__bias=(3,), b__weight=(3, 2), b__bias=(2,))
    step = OnWeights()
    weights, rest = update_groups(trained_parameters(tree), spec_of(SGD, gradient_steps=(step,)))
    assert weights.paths == (("a", "weight"), ("b", "weight"))
    assert weights.gradient_steps == (step,)
    assert rest.gradient_steps == ()


def test_without_a_reason_to_part_there_is_one_group():
    tree = known(a__weight=(5, 3), a__bias=(3,), b__scale=(3,))
    (only,) = update_groups(trained_parameters(tree), spec_of(SGD, gradient_steps=("clip",)))
    assert len(only.paths) == 3


@dataclass(frozen=True)
class Pull:
    """A penalty whose gradient is `strength` on every parameter of a layer."""

    strength: float
    layer: str

    def applies(self, param):
        return param.layer == self.layer

    def value_and_gradient(self, p, h):
        return h.strength * p.sum(), h.strength * (0 * p + 1)


def test_a_penalty_on_some_parameters_puts_them_first_in_a_group_with_the_rest():
    tree = known(a__weight=(5, 3), a__bias=(3,), b__weight=(3, 2), b__bias=(2,))
    l2 = bp.regularizers.l2(0.1)
    (only,) = update_groups(trained_parameters(tree), spec_of(SGD, regularizers=(l2,)))
    assert only.paths == (("a", "weight"), ("b", "weight"), ("a", "bias"), ("b", "bias"))
    assert [param.role for param in only.params] == ["weight", "weight", "bias", "bias"]
    assert (only.penalised, only.regularizers) == (2, (l2,))


def test_penalties_that_act_on_different_parameters_part_them():
    tree = known(a__weight=(5, 3), a__bias=(3,), b__weight=(3, 2), b__bias=(2,))
    l2, pull = bp.regularizers.l2(0.1), Pull(0.5, "a")
    first, second, third = update_groups(trained_parameters(tree), spec_of(SGD, regularizers=(l2, pull)))
    assert (first.paths, first.regularizers, first.penalised) == (
        (("a", "weight"), ("b", "bias")),
        (l2, pull),
        1,
    )
    assert (second.paths, second.regularizers, second.penalised) == ((("a", "bias"),), (pull,), 1)
    assert (third.paths, third.regularizers, third.penalised) == ((("b", "weight"),), (l2,), 1)


@pytest.mark.parametrize("engine", ["numpy", "jax"])
@pytest.mark.parametrize("optimizer", ["sgd", "muon"])  # one works on slices, the other on whole parameters
@pytest.mark.parametrize("units", [6, 300])  # with 300 the weights between are more than a slice
def test_a_penalty_reaches_its_parameters_and_no_others(units, optimizer, engine):
    layers = [bp.layers.dense(units, activation="tanh"), bp.layers.dense(units, activation="tanh"), bp.layers.dense(2)]
    rule, after = {"name": optimizer, "lr": 0.5}, []
    for strength in (0.0, 0.1):
        made = bp.Trainer(
            bp.Network(layers),
            "softmax_cross_entropy",
            rule,
            dtype="float64",
            engine=engine,
            regularizers=[Pull(strength, "dense_2")],
        )
        made.fit(X, Y, epochs=1, batch_size=40, shuffle=False)
        after.append(made.parameters.copy())
    for name, value in after[0].items():
        if not name.startswith("dense_2/"):
            np.testing.assert_array_equal(after[1][name], value, err_msg=name)
        elif optimizer == "sgd":
            np.testing.assert_allclose(after[1][name], value - 0.5 * 0.1, rtol=1e-9, err_msg=name)
        else:
            assert (after[1][name] != value).any(), name


def test_decay_spares_biases_by_default_and_reaches_them_when_asked():
    after = {}
    for name, settings in {"none": {"weight_decay": 0.0}, "weights": {}, "all": {"decay": "all"}}.items():
        made = trainer({"name": "adamw", "lr": 0.1, "weight_decay": 0.5, **settings})
        made.trace(X, Y)
        made.parameters["dense_1/bias"] = np.full(6, 2.0)
        made.fit(X, Y, epochs=1, batch_size=40, shuffle=False)
        after[name] = made.parameters.copy()
    np.testing.assert_array_equal(after["weights"]["dense_1/bias"], after["none"]["dense_1/bias"])
    np.testing.assert_allclose(
        after["all"]["dense_1/bias"], after["none"]["dense_1/bias"] - 0.1 * 0.5 * 2.0, rtol=1e-12
    )
    np.testing.assert_array_equal(after["weights"]["dense_1/weight"], after["all"]["dense_1/weight"])
    assert (after["weights"]["dense_1/weight"] != after["none"]["dense_1/weight"]).all()


def test_a_minimizer_has_the_objective_to_itself():
    for settings in (
        {"gradient_steps": [{"name": "clip_value", "limit": 1.0}]},
        {"groups": [{"match": "*/bias", "optimizer": "sgd"}]},
    ):
        with pytest.raises(ConfigError, match=r"lbfgs|Lbfgs"):
            trainer("lbfgs", **settings).fit(X, Y, batch_size=40)


def test_a_minimizer_leaves_frozen_parameters_alone_and_minimises_penalties_too():
    made = trainer(
        "lbfgs", regularizers=[{"name": "l2", "strength": 0.1}], groups=[{"match": "dense_1/bias", "frozen": True}]
    )
    made.fit(X, Y, epochs=30, batch_size=40)
    assert not made.parameters["dense_1/bias"].any()
    slopes = made.trace(X, Y).layers
    for layer in slopes:
        np.testing.assert_allclose(layer.dw + 0.1 * layer.w, 0, atol=2e-4)


def test_a_config_may_name_groups(tmp_path):
    from bpframe.runs.config import load

    path = tmp_path / "run.toml"
    path.write_text(
        '[data]\nsource = "xor"\n[[model.layers]]\nname = "dense"\nunits = 2\n[loss]\nname = "softmax_cross_entropy"\n'
        '[[groups]]\nmatch = "*/bias"\noptimizer = { name = "adam", lr = 0.5 }\n'
        '[[groups]]\nmatch = ["dense_1/*"]\nlr_multiplier = 0.5\n[train]\nclass_weight = "balanced"\n'
    )
    config = load(path)
    first, second = config.trainer().groups
    assert (first.optimizer.lr, second.lr_multiplier) == (0.5, 0.5)
    again = tmp_path / "again.toml"
    again.write_text(config.text())
    assert load(again).trainer().groups == (first, second)
    assert load(again).settings.train.class_weight == "balanced"


def test_a_mistake_in_a_configs_groups_has_its_line(tmp_path):
    from bpframe.runs.config import load

    path = tmp_path / "run.toml"
    path.write_text(
        '[data]\nsource = "xor"\n[[model.layers]]\nname = "dense"\nunits = 2\n[loss]\nname = "softmax_cross_entropy"\n'
        '[[groups]]\nmatch = "*/bias"\nfrosen = true\n'
    )
    with pytest.raises(ConfigError, match=r"run.toml:10.*groups\[0\].frosen.*frozen"):
        load(path)
