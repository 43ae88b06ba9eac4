"""Element-wise rules follow the paths of other libraries, check their arguments, decay weights and descend.

The scalar references that the rules carry are compared in test_components.py; here they meet other libraries too.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from pathlib import Path
from typing import get_args, get_type_hints

import numpy as np
import pytest

import bpframe as bp
from bpframe.engine.hyperparameters import Settings
from bpframe.errors import ConfigError
from bpframe.protocols import Observe, Param
from bpframe.registry import registry
from bpframe.registry.describe import describe
from bpframe_optimizers.adamw import Adamw
from bpframe_optimizers.adan import Adan
from bpframe_optimizers.ademamix import Ademamix
from bpframe_optimizers.adopt import Adopt
from bpframe_optimizers.lion import Lion
from bpframe_optimizers.sophia_g import SophiaG
from tests.plugins.element_rules import CHANGE, CONFIGS, RULES, Drop, follow, path_of

GOLDEN = np.load(Path(__file__).parents[1] / "golden" / "optimizers.npz")
CASES = list(zip(json.loads(str(GOLDEN["cases"])), GOLDEN["paths"], strict=True))
NAMES = [f"{case['rule']}, {case['by']}, {case['arguments']}" for case, _ in CASES]


@dataclass(frozen=True)
class Falling:
    """A schedule that goes from one value to another by equal factors."""

    first: float
    last: float
    steps: int

    def value(self, step):
        return self.first * (self.last / self.first) ** min(step / self.steps, 1.0)


# ------------------------------------------------------------------------------------------- paths of other libraries


def golden_path(case, **changed):
    arguments = {**case["arguments"], **changed}
    lr = arguments.pop("lr", Drop(*case["lr"]))
    return path_of(RULES[case["rule"]](lr=lr, **arguments), GOLDEN["p"], GOLDEN["gradients"])


@pytest.mark.parametrize(("case", "path"), CASES, ids=NAMES)
def test_the_path_of_another_library_is_met(case, path):
    np.testing.assert_allclose(golden_path(case), path, rtol=1e-10, atol=0)


@pytest.mark.parametrize(("case", "path"), CASES, ids=NAMES)
def test_the_path_of_another_library_tells_every_argument_and_flavor_from_another(case, path):
    rule = RULES[case["rule"]]
    numbers = {name: value for name, value in case["arguments"].items() if isinstance(value, float)}
    others: list[dict[str, object]] = [{name: value * 1.01 + 1e-3} for name, value in numbers.items()]
    others += [{"lr": case["lr"][0]}] * (case["lr"][0] != case["lr"][1])
    others += [{"flavor": other} for other in flavors(rule) if other != case["arguments"].get("flavor", rule().flavor)]
    others += [{"centered": not value} for name, value in case["arguments"].items() if name == "centered"]
    for changed in others:
        assert np.max(abs(golden_path(case, **changed) - path)) > 1e-6, changed


@pytest.mark.parametrize(("case", "path"), [c for c in CASES if c[0]["rule"] != "sophia_g"])
def test_the_reference_of_a_rule_meets_the_other_library_while_lr_stays(case, path):
    rule = RULES[case["rule"]](lr=case["lr"][0], **case["arguments"])
    for i, start in enumerate(GOLDEN["p"]):
        steps = map(float, GOLDEN["gradients"][:CHANGE, i])
        np.testing.assert_allclose(list(rule.reference(float(start), steps)), path[:CHANGE, i], rtol=1e-10, atol=0)


def names_of_flavors(rule):
    """The names that a rule's flavor may have."""
    return get_args(get_type_hints(rule).get("flavor"))


def flavors(rule):
    """The forms that these names stand for, by the first name of each."""
    return list(dict.fromkeys(rule(flavor=name).flavor for name in names_of_flavors(rule)))


@pytest.mark.parametrize(("case", "path"), [c for c in CASES if names_of_flavors(RULES[c[0]["rule"]])])
def test_the_flavor_with_the_name_of_a_library_follows_its_path(case, path):
    library = case["by"].split()[0]
    assert library in names_of_flavors(RULES[case["rule"]])
    np.testing.assert_allclose(golden_path(case, flavor=library), path, rtol=1e-10, atol=0)


def test_the_libraries_that_have_a_rule_have_a_flavor_of_it():
    made = {(case["rule"], case["by"].split()[0]) for case, _ in CASES}
    for name, rule in RULES.items():
        libraries = {by for rule_name, by in made if rule_name == name}
        assert set(names_of_flavors(rule)) - {"paper"} in (libraries, set()), name


@pytest.mark.parametrize("rule", [rule for rule in RULES.values() if names_of_flavors(rule)])
def test_an_unknown_flavor_is_an_error_that_lists_the_known_ones(rule):
    with pytest.raises(ConfigError, match=f"one of {', '.join(names_of_flavors(rule))} as flavor, got 'tensorflow'"):
        rule(flavor="tensorflow")


def test_names_of_one_form_are_one_rule_in_files_and_locks():
    assert bp.optimizers.adam(flavor="torch") == bp.optimizers.adam(flavor="optax") == bp.optimizers.adam()
    assert describe(registry, "optimizer", bp.optimizers.adam(flavor="optax"))["flavor"] == "paper"
    assert bp.optimizers.adam(flavor="keras") != bp.optimizers.adam()


def test_every_rule_and_flavor_that_a_library_has_is_compared_with_it():
    offered = {(name, flavor) for name, rule in RULES.items() for flavor in flavors(rule) or [None]}
    compared = {(c["rule"], c["arguments"].get("flavor", getattr(RULES[c["rule"]], "flavor", None))) for c, _ in CASES}
    assert offered - compared == {("adamax", "paper"), ("amsgrad", "paper"), ("yogi", "paper")}


# ------------------------------------------------------------------------------------------------ arguments and state


@pytest.mark.parametrize("rule", CONFIGS, ids=repr)
def test_a_rule_is_rebuilt_from_its_text(rule):
    assert eval(repr(rule), {type(rule).__name__: type(rule)}) == rule


LIMITS = {
    "lr": [-0.1],
    "eps": [0.0],
    "rho": [1.0, -0.1],
    "momentum": [1.0, -0.1],
    **{f"beta{i}": [1.0, -0.1] for i in (1, 2, 3)},
    "alpha": [-1.0],
    "initial_accumulator": [-1.0],
    "weight_decay": [-0.1],
    "decay": ["weight"],
    "flavor": ["tensorflow"],
    "every": [0],
    **{name: [0.0] for name in ("eta_minus", "eta_plus", "min_step_size", "max_step_size")},
}


@pytest.mark.parametrize("name", RULES)
def test_every_argument_out_of_its_range_is_named(name):
    for field in fields(RULES[name]):
        if field.name == "centered":
            continue
        for value in [0.0] if (name, field.name) == ("sophia_g", "rho") else LIMITS[field.name]:
            with pytest.raises(ConfigError, match=rf"^{name} needs .* as {field.name}, got {value!r}"):
                RULES[name](**{field.name: value})


# ------------------------------------------------------------------------------------------------------- weight decay


DECAYING = [Adamw, Adan, Ademamix, Adopt, Lion, SophiaG]


def param(role):
    return Param(f"dense_1/{role}", role, "dense_1", (3,), 1, 3, 0, 2)


def test_the_rules_with_a_decay_are_all_that_have_the_argument():
    assert {rule for rule in RULES.values() if "weight_decay" in {f.name for f in fields(rule)}} == set(DECAYING)


@pytest.mark.parametrize("rule", DECAYING)
@pytest.mark.parametrize("role", ["bias", "scale", "shift", "slope"])
def test_only_weights_decay_unless_all_shall(rule, role):
    decaying, all_decaying = rule(lr=0.3, weight_decay=0.1), rule(lr=0.3, weight_decay=0.1, decay="all")
    assert decaying.rule_for(param("weight")) == decaying
    assert decaying.rule_for(param(role)) == rule(lr=0.3, weight_decay=0.0)
    assert all_decaying.rule_for(param(role)) == all_decaying


@pytest.mark.parametrize("rule", DECAYING)
def test_the_decay_is_apart_from_the_gradient(rule, p, gradients):
    """With and without it the state is the same, and the paths part by lr weight_decay p a step."""
    kept, kept_state = follow(rule(lr=0.01, weight_decay=0.0), p, gradients)
    path, state = follow(rule(lr=0.01, weight_decay=0.2), p, gradients)
    gap, before = np.zeros(6), p
    for t in range(60):
        gap = gap + 0.01 * 0.2 * before * (t > 0 or rule is not Adopt)
        np.testing.assert_allclose(kept[t] - path[t], gap, rtol=1e-10, atol=1e-14)
        before = path[t]
    for name in state:
        np.testing.assert_array_equal(state[name], kept_state[name])


# ------------------------------------------------------------------------------------------------------------ descent


VALLEY = {  # settings that get down Rosenbrock's valley
    "adabelief": {"lr": 0.03},
    "adadelta": {"lr": (10.0, 0.01)},
    "adagrad": {"lr": 1.5},
    "adam": {"lr": 0.03},
    "adamax": {"lr": 0.3},
    "adamw": {"lr": 0.03, "weight_decay": 0.0},
    "adan": {"lr": (0.03, 3e-5)},
    "ademamix": {"lr": 0.03, "beta3": 0.99, "alpha": 0.5},
    "adopt": {"lr": 1.0},
    "amsgrad": {"lr": 0.1},
    "lion": {"lr": (0.01, 1e-5)},
    "momentum": {"lr": 0.002},
    "nadam": {"lr": (0.1, 0.003)},
    "nesterov": {"lr": 0.001},
    "radam": {"lr": (1e-4, 0.1)},  # its first steps are plain descent
    "rmsprop": {"lr": (0.03, 3e-5)},
    "rprop": {"lr": 0.03},
    "sgd": {"lr": 0.0018},
    "signum": {"lr": (0.01, 1e-5)},
    "sophia_g": {"lr": 0.1, "weight_decay": 0.0},
    "yogi": {"lr": 0.1},
}
BOWL = {
    "adadelta": {"lr": (10.0, 0.01)},
    "adagrad": {"lr": 0.5},
    "ademamix": {"lr": (0.1, 1e-5), "beta3": 0.99, "alpha": 0.5},
    "rprop": {"lr": 0.1},
}


def descend(rule, p, slope, curvature, steps):
    """p after so many steps down a function; one that observes is given the curvature."""
    settings, state = Settings(rule, np.float64), rule.init(p)
    for t in range(steps):
        h = settings.at(t)
        if isinstance(rule, Observe) and rule.observes(t + 1):
            h.rows = 1
            state = rule.observe(p, np.sqrt(abs(curvature(p))), state, h)
        p, state = rule.update(p, slope(p), state, h)
    return p


def tuned(name, settings, steps):
    """The rule with those settings; a pair stands for a schedule over all steps."""
    lr = settings["lr"]
    return RULES[name](**{**settings, "lr": Falling(*lr, steps) if isinstance(lr, tuple) else lr})


@pytest.mark.parametrize("name", RULES)
def test_a_rule_gets_down_a_bowl(name):
    a = np.array([1.0, 3.0, 10.0])
    start = np.array([1.0, -1.0, 0.5])
    decay = {"weight_decay": 0.0} if RULES[name] in DECAYING else {}
    rule = tuned(name, BOWL.get(name, {"lr": (0.1, 1e-5), **decay}), 1000)
    end = descend(rule, start, lambda p: a * p, lambda p: a, 1000)
    assert np.sum(a * end**2) < 1e-8 * np.sum(a * start**2)


@pytest.mark.parametrize("name", RULES)
def test_a_rule_gets_down_rosenbrocks_valley(name):
    def slope(p):
        bend = p[1] - p[0] ** 2
        return np.array([-2 * (1 - p[0]) - 400 * p[0] * bend, 200 * bend])

    def curvature(p):
        return np.array([2 + 1200 * p[0] ** 2 - 400 * p[1], 200.0])

    x, y = descend(tuned(name, VALLEY[name], 4000), np.array([-1.2, 1.0]), slope, curvature, 4000)
    assert (1 - x) ** 2 + 100 * (y - x * x) ** 2 < 1e-3  # 24.2 at the start
