"""The training step in ONNX: onnxruntime trains as engine numpy does."""

from __future__ import annotations

import base64
import json
import warnings
from typing import Any, NamedTuple

import numpy as np
import onnx
import pytest

import bpframe as bp
from bpframe import ops
from bpframe.errors import IncompatibleComponent
from bpframe.export.step_recording import step_settings
from bpframe.protocols.traits import amplifies_rounding
from bpframe.random import epoch_key
from bpframe.registry import registry
from bpframe.registry.describe import describe
from tests.export.test_onnx import session

X = np.random.default_rng(0).normal(size=(60, 6))
Y = np.arange(60) % 3
BATCH = 20
LAYERS = [{"name": "dense", "units": 8, "activation": "gelu"}, "layer_norm", {"name": "dense", "units": 3}]
OF_SIGNS = {"lion", "signum", "rprop"}  # of which rounding may turn a whole step
DIFFERENCES = {"adahessian"}  # it divides differences of gradients by 1e-3, and with them their rounding
PARTS = {
    "gradient_steps": [{"name": "clip_global_norm", "limit": 0.5}, {"name": "weight_decay", "strength": 1e-3}],
    "regularizers": [{"name": "l2", "strength": 1e-3}],
    "constraints": [{"name": "max_norm", "limit": 2.0}],
}


class Step(NamedTuple):
    """A step in onnxruntime, and what is to be handed to the first one."""

    run: Any
    state: dict[str, Any]
    settings: dict[str, Any]

    def __call__(self, **given: Any) -> dict[str, Any]:
        names = [i.name for i in self.run.get_inputs()]
        known = [o.name for o in self.run.get_outputs()]
        return dict(zip(known, self.run.run(known, {name: given[name] for name in names}), strict=True))


def step_of(trainer, folder, steps=1, **settings):
    """The exported step of a trainer."""
    file = bp.export(trainer, folder / "step.onnx", train=True, steps=steps, force=True, **settings)
    texts = {p.key: json.loads(p.value) for p in onnx.load(file).metadata_props if p.key != "bpframe.lock"}
    state = {
        name: np.frombuffer(base64.b64decode(each["data"]), each["dtype"]).reshape(each["shape"])
        for name, each in texts["bpframe.initial"].items()
    }
    return Step(session(file.read_bytes()), state, texts["bpframe.settings"])


def trainer_of(optimizer, dtype="float64", layers=LAYERS, loss="softmax_cross_entropy", inputs=6, **parts):
    """A trainer before its first step."""
    network = bp.Network(layers, inputs=inputs)
    trainer = bp.Trainer(network, loss, optimizer, seed=1, dtype=dtype, metrics=[], **parts)
    trainer.session.step  # noqa: B018  # makes the parameters
    return trainer


def train(trainer, folder, steps, weight=None, x=X, y=Y, size=BATCH):
    """(losses, parameters) of so many steps in onnxruntime, batches in the order of their rows."""
    step, dtype = step_of(trainer, folder, steps), trainer.task.dtype
    data = trainer.task.encoded(trainer.task.inputs(x), y)[0]
    weight = np.ones(len(x)) if weight is None else weight / weight.mean()
    state, losses = dict(step.state), []
    for i in range(steps):
        key = epoch_key(1, i * size // len(x)).child(i % (len(x) // size))
        rows = slice(start := i * size % len(x), start + size)
        batch = {"x": data.x[rows], "target": data.target[rows], "weight": weight[rows].astype(dtype)}
        settings = np.asarray(step.settings["table"][i], dtype)
        made = step(**batch, step=np.asarray(i), settings=settings, key=np.array([key.a, key.b], np.uint32), **state)
        losses.append(float(made["loss"]))
        state = {name.removeprefix("next/"): value for name, value in made.items() if name.startswith("next/")}
    return losses, {name: value for name, value in state.items() if name.startswith("parameters/")}


def require_same(trainer, made, steps, tolerance, weight=None, x=X, y=Y, size=BATCH):
    """Parameters as after a fit on engine numpy, relative to the largest of each."""
    epochs = steps * size // len(x)
    trainer.fit(x, y, epochs=epochs, batch_size=size, shuffle=False, sample_weight=weight, verbose=0)
    want = {name: value for name, value in trainer.session.snapshot().items() if name in made}
    assert want
    for name, value in want.items():
        assert np.abs(made[name] - value).max() <= tolerance * max(1e-3, np.abs(value).max()), name


def example(name):
    """An installed rule with the settings by which it is checked."""
    component = bp.load("optimizer", name)
    configs = getattr(component, "example_configs", lambda: [{}])()
    return bp.build("optimizer", {"name": name, **configs[0]})


RULES = [name for name in sorted(bp.names("optimizer")) if "/" not in name and example(name).scope != "objective"]
ELEMENT = [name for name in RULES if example(name).scope == "element"]
AMPLIFYING = [name for name in ELEMENT if "float32" in amplifies_rounding(example(name))]


@pytest.mark.filterwarnings("ignore")  # what is said of rules at other batch sizes than these
@pytest.mark.parametrize("name", RULES)
def test_every_rule_trains_in_onnxruntime_as_on_engine_numpy(tmp_path, name):
    _, made = train(trainer_of(example(name)), tmp_path, 42)
    require_same(trainer_of(example(name)), made, 42, 1e-8)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", [name for name in ELEMENT if name not in OF_SIGNS | DIFFERENCES])
def test_in_float32_rules_stay_within_1e_5_for_40_steps(tmp_path, name):
    _, made = train(trainer_of(example(name), "float32"), tmp_path, 40, size=15)
    require_same(trainer_of(example(name), "float32"), made, 40, 1e-5, size=15)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", sorted(DIFFERENCES))
def test_a_rule_that_divides_differences_is_as_near_to_float64_as_on_engine_numpy(tmp_path, name):
    parameters = {}
    for dtype in ("float64", "float32"):
        trainer = trainer_of(example(name), dtype)
        trainer.fit(X, Y, epochs=10, batch_size=15, shuffle=False, verbose=0)
        parameters[dtype] = trainer.session.snapshot()
    made = train(trainer_of(example(name), "float32"), tmp_path, 40, size=15)[1]

    def off(found):
        want = parameters["float64"]
        return max(np.abs(found[n] - want[n]).max() / np.abs(want[n]).max() for n in made)

    assert 1e-5 < off(parameters["float32"]) < 1e-2
    assert off(made) < 2 * off(parameters["float32"])


def test_clipping_decay_penalties_constraints_schedules_and_weights_act_as_on_engine_numpy(tmp_path):
    rule = {"name": "adamw", "lr": {"name": "cosine", "initial": 0.1}}
    weight = np.linspace(0.5, 3, 60)
    losses, made = train(trainer_of(rule, **PARTS), tmp_path, 42, weight)
    trainer = trainer_of(rule, **PARTS)
    require_same(trainer, made, 42, 1e-8, weight)
    assert np.allclose(np.reshape(losses, (-1, 3)).mean(axis=1), trainer.history.train["loss"], rtol=1e-9)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", ELEMENT)
def test_a_thousand_steps_of_net_s_stay_within_1e_8(tmp_path, name):
    x = np.random.default_rng(0).normal(size=(1000, 64))
    y = np.random.default_rng(1).integers(0, 10, 1000)
    net = {
        "layers": [{"name": "dense", "units": 100, "activation": "tanh"}, {"name": "dense", "units": 10}],
        "inputs": 64,
    }
    rule = _spec(name)
    if "lr" in rule and name != "rprop":  # whose steps do not follow it
        rule["lr"] = {"name": "cosine", "initial": 0.01}
    size = 1000 if name == "rprop" else 200  # which needs the same objective at each step
    if name == "sophia_g":
        rule["eps"] = 1e-4  # with a smaller one rounding decides what is cut
    _, made = train(trainer_of(rule, **net, **PARTS), tmp_path, 1000, x=x, y=y, size=size)
    require_same(trainer_of(rule, **net, **PARTS), made, 1000, 1e-8, x=x, y=y, size=size)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_sophia_g_with_its_own_eps_strays_no_further_than_engine_numpy_from_a_start_that_differs_by_the_last_bit(
    tmp_path,
):
    x = np.random.default_rng(0).normal(size=(1000, 64))
    y = np.random.default_rng(1).integers(0, 10, 1000)
    net = {"layers": [{"name": "dense", "units": 100, "activation": "tanh"}, {"name": "dense", "units": 10}]}
    rule = _spec("sophia_g") | {"lr": {"name": "cosine", "initial": 0.01}}
    found = []
    for to in (None, np.inf):
        trainer = moved(trainer_of(rule, inputs=64, **net, **PARTS), to)
        trainer.fit(x, y, epochs=200, batch_size=200, shuffle=False, verbose=0)
        found.append(trainer.session.snapshot())
    _, made = train(trainer_of(rule, inputs=64, **net, **PARTS), tmp_path, 1000, x=x, y=y, size=200)

    def off(parameters):
        return max(np.abs(parameters[n] - found[0][n]).max() / np.abs(found[0][n]).max() for n in made)

    assert 1e-8 < off(made) < 10 * off(found[1])


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", [name for name in ELEMENT if name not in AMPLIFYING])
def test_in_float32_the_loss_of_a_thousand_steps_stays_within_2_percent(tmp_path, name):
    losses, _ = train(trainer_of(example(name), "float32"), tmp_path, 999)
    trainer = trainer_of(example(name), "float32")
    trainer.fit(X, Y, epochs=333, batch_size=BATCH, shuffle=False, verbose=0)
    means = np.reshape(losses, (-1, 3)).mean(axis=1)
    assert np.allclose(means, trainer.history.train["loss"], rtol=0.02, atol=1e-3)


def moved(trainer, to):
    """The trainer, the last bit of its parameters moved towards a number."""
    for name, value in list(trainer.parameters.items()) if to is not None else ():
        trainer.parameters[name] = np.nextafter(value, value.dtype.type(to))
    return trainer


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", AMPLIFYING)
def test_what_amplifies_rounding_strays_no_further_than_engine_numpy_from_a_start_that_differs_by_the_last_bit(
    tmp_path, name
):
    curves, rule = [], _spec(name)
    if name in {*OF_SIGNS, "sophia_g"}:
        rule["lr"] = 0.01  # of small steps few are turned
    size = len(X) if name == "rprop" else BATCH
    for to in (None, np.inf, -np.inf):
        trainer = moved(trainer_of(rule, "float32"), to)
        trainer.fit(X, Y, epochs=333, batch_size=size, shuffle=False, verbose=0)
        curves.append(np.array(trainer.history.train["loss"]))
    losses = train(trainer_of(rule, "float32"), tmp_path, 333 * len(X) // size, size=size)[0]
    made = np.reshape(losses, (333, -1)).mean(axis=1)

    def off(curve):
        return np.max(np.abs(curve - curves[0]) / curves[0])

    assert off(made) < 10 * max(map(off, curves[1:]))
    assert max(map(off, curves[1:])) > 0.01


@pytest.mark.parametrize(
    ("rule", "dtype", "names"),
    [
        ("adam", "float32", None),
        ("lion", "float64", None),
        ("lion", "float32", "lion"),
        ("sophia_g", "float64", "sophia_g"),
        (bp.optimizers.ema(bp.optimizers.sam("signum")), "float32", "sam and signum"),
    ],
)
def test_a_step_that_amplifies_rounding_is_warned_of_by_the_name_of_its_rule(tmp_path, rule, dtype, names):
    trainer = trainer_of(rule, dtype)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        bp.export(trainer, tmp_path / "step.onnx", train=True)
        bp.export(trainer, tmp_path / "model.onnx")
    assert [str(each.message).partition(":")[0] for each in caught] == (
        [f"{names} makes rounding large in {dtype}"] if names else []
    )
    assert all(each.filename == __file__ for each in caught)


def _spec(name):
    return describe(registry, "optimizer", example(name))


DENSE = {"name": "dense", "units": 3}


@pytest.mark.parametrize(
    ("loss", "layers", "y"),
    [
        ("softmax_cross_entropy", [{"name": "dense", "units": 5}, "batch_norm", DENSE], Y),
        (bp.losses.dice(over="batch"), LAYERS, np.eye(3)[Y]),
        ("focal", [{"name": "residual", "layers": [{"name": "dense", "units": 6}]}, DENSE], Y),
        (bp.losses.heads(losses=["mse", "poisson"], widths=[2, 1]), LAYERS, np.abs(X[:, :3])),
    ],
)
def test_running_statistics_coupled_losses_nested_layers_and_heads_train_too(tmp_path, loss, layers, y):
    made = train(trainer_of("momentum", layers=layers, loss=loss), tmp_path, 9, y=y)[1]
    require_same(trainer_of("momentum", layers=layers, loss=loss), made, 9, 1e-8, y=y)


def test_dropout_draws_from_the_key_that_is_handed_in(tmp_path):
    layers = [{"name": "dense", "units": 200}, {"name": "dropout", "rate": 0.25}, {"name": "dense", "units": 3}]
    step = step_of(trainer_of("sgd", layers=layers), tmp_path)
    data = {"x": X, "target": np.eye(3)[Y], "weight": np.ones(60), "step": np.asarray(0)}
    data["settings"] = np.asarray(step.settings["table"][0])

    def loss(*words: int) -> float:
        return float(step(**data, key=np.array(words, np.uint32), **step.state)["loss"])

    assert loss(1, 2) == loss(1, 2)
    assert len({loss(1, 2), loss(3, 4), loss(1, 3)}) == 3


def test_predictions_are_made_with_the_parameters_of_a_step(tmp_path):
    trainer = trainer_of("adam", "float32")
    trainer.fit(X, Y, epochs=1, verbose=0)
    content = bp.export(trainer, tmp_path / "model.onnx", parameters="inputs").read_bytes()
    fresh = trainer_of("adam", "float32")
    state = step_of(fresh, tmp_path).state
    run = session(content)
    names = [o.name for o in run.get_outputs()]
    feeds = {"x": X.astype("f4"), **{n: state[n] for n in state if n.startswith("parameters/")}}
    got = dict(zip(names, run.run(names, feeds), strict=True))
    assert np.allclose(got["predictions"], fresh.predict(X), atol=1e-6)


def test_a_rule_that_calls_the_objective_is_refused_by_name(tmp_path):
    with pytest.raises(IncompatibleComponent, match=r"lbfgs.* calls the objective as often as it likes"):
        bp.export(trainer_of("lbfgs"), tmp_path / "step.onnx", train=True)


class Peeks:
    """p <- p - lr g where the gradient is large."""

    scope = "element"
    lr = 0.1

    def init(self, p):
        return {}

    def update(self, p, g, state, h):
        return (p - g if abs(g).max() > 1 else p), state


def test_a_rule_that_looks_at_values_is_named_with_its_line(tmp_path):
    bp.register("optimizer", "peeks", Peeks, replace=True)
    with pytest.raises(
        IncompatibleComponent, match=r"local/peeks.*update .*test_onnx_step\.py:\d+\) asks for the numbers"
    ):
        bp.export(trainer_of(Peeks()), tmp_path / "step.onnx", train=True)


class EveryThird:
    """p <- p - lr m / 2^k in each third step, m <- m + g in the others; k, how often p moved, is found by a loop."""

    scope = "array"
    lr = 0.1

    def init(self, p):
        return {"m": p * 0, "moved": (p * 0).sum()}

    def update(self, p, g, state, h):
        xp = p.__array_namespace__()

        def move(p, m, moved):
            (half,), _ = ops.scan(lambda s, k: ((s[0] / xp.where(k < moved, 2.0, 1.0),), None), (m,), xp.arange(9))
            return p - self.lr * half, m * 0, moved + 1

        p, m, moved = ops.when(
            h.step % 3 == 0, move, lambda p, m, moved: (p, m + g, moved), p, state["m"], state["moved"]
        )
        return p, {"m": m, "moved": moved}


def test_loops_and_branches_of_a_rule_run_in_onnxruntime_as_on_engine_numpy(tmp_path):
    bp.register("optimizer", "every_third", EveryThird, replace=True)
    _, made = train(trainer_of(EveryThird()), tmp_path, 30)
    operators = {node.op_type for node in onnx.load(tmp_path / "step.onnx").graph.node}
    assert "If" in operators
    require_same(trainer_of(EveryThird()), made, 30, 1e-8)


def test_settings_have_names_and_follow_schedules(tmp_path):
    rule = {"name": "adam", "lr": {"name": "linear", "initial": 1.0, "final": 0.0}}
    step = step_of(trainer_of(rule), tmp_path, steps=4)
    assert step.settings["names"] == ["0.adam.lr", "0.adam.beta1", "0.adam.beta2", "0.adam.eps"]
    assert np.allclose(np.array(step.settings["table"])[:, 0], step_settings(trainer_of(rule), 4)[:, 0])
    assert step.settings["table"][0][0] > step.settings["table"][3][0]
