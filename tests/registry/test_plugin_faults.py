"""An installed component that misbehaves is an error that names distribution, version and component.

The distribution is installed for the length of this file. Each of its components does its work but for one method,
whose result its `fault` spoils. That imports which fail, exit or clash are errors too is shown in test_registry.py.
"""

from __future__ import annotations

import re
import signal
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import bpframe as bp
from bpframe.errors import BrokenComponent, DataError, IncompatibleComponent, PluginError
from bpframe.training.dry_run import DryRun

X = np.random.default_rng(3).normal(size=(12, 3))
Y = X[:, :2] @ np.array([[1.0, 0.5], [0.0, 2.0]])
MODULE = '''
"""Components with faults."""

import sys

import numpy as np


class Speechless(Exception):
    def __str__(self):
        raise RuntimeError("no words")


def spoil(fault, result, given=None):
    if fault == "raises":
        raise RuntimeError("out of luck")
    if fault == "speechless":
        raise Speechless("x")
    if fault == "stops":
        raise StopIteration
    if fault == "closes":
        raise GeneratorExit
    if fault == "exits":
        sys.exit(3)
    if fault == "writes":
        given[...] = 0
    if fault == "nothing":
        return None
    if fault == "text":
        return "much"
    if fault == "shape":
        return np.concatenate([result, result])
    if fault == "dtype":
        return result.astype(np.float16)
    return result


class Faulty:
    def __init__(self, method="", fault=""):
        self.method, self.fault = method, fault
        if method == "constructor":
            spoil(fault, None)

    def made(self, method, result, given=None):
        return spoil(self.fault, result, given) if method == self.method else result


class Layer(Faulty):
    def init(self, rng, in_shape):
        return self.made("init", ({"weight": self.made("weight", np.ones(in_shape))}, in_shape))

    def forward(self, params, x, context):
        return self.made("forward", (self.made("y", x * params["weight"], x), x))

    def backward(self, params, cache, dy, context):
        dw = self.made("dw", (dy * cache).sum(axis=0))
        return self.made("backward", (self.made("dx", dy * params["weight"], dy), {"weight": dw}))


class Activation(Faulty):
    def value(self, u):
        return self.made("value", np.tanh(u), u)

    def derivative(self, v):
        return self.made("derivative", 1 - v * v, v)


class Loss(Faulty):
    link = "identity"

    def encode_target(self, y, learned):
        return self.made("encode_target", y)

    def value_and_delta(self, scores, target):
        r = scores - target
        values = self.made("values", 0.5 * (r * r).sum(axis=1), target)
        return self.made("value_and_delta", (values, self.made("delta", r, scores)))


class Optimizer(Faulty):
    scope = "element"

    def init(self, p):
        return self.made("init", {"m": self.made("m", np.zeros_like(p))}, p)

    def update(self, p, g, state, h):
        m = state["m"] + g
        new = {"m": self.made("new m", m, state["m"])}
        return self.made("update", (self.made("p", p - 0.01 * m, g), self.made("state", new)))


class GradientStep(Faulty):
    scope = "element"

    def init(self, p):
        return self.made("init", {"m": self.made("m", np.zeros_like(p))}, p)

    def transform(self, p, g, state, h):
        return self.made("transform", (self.made("g", 0.5 * g, g), self.made("state", state)))


class Regularizer(Faulty):
    def value_and_gradient(self, p, h):
        value = self.made("penalty", p.dtype.type(0.5) * (p * p).sum(keepdims=self.fault == "shape"))
        return self.made("value_and_gradient", (value, self.made("gradient", 1 * p, p)))


class Constraint(Faulty):
    def project(self, p, h):
        return self.made("project", np.minimum(p, 1), p)


class Initializer(Faulty):
    def sample(self, rng, shape, fan_in, fan_out):
        return self.made("sample", rng.normal(size=shape))


class Schedule(Faulty):
    def value(self, step):
        return self.made("value", 0.01)


class Sampler(Faulty):
    def order(self, rng, target, weight):
        return self.made("order", np.arange(len(target)), target)


class Metric(Faulty):
    of, best = "predictions", "max"

    def value(self, prediction, target, weight):
        return self.made("value", 1.0)
'''
KINDS = ["layer", "activation", "loss", "optimizer", "gradient_step", "regularizer", "constraint"]
KINDS += ["initializer", "schedule", "sampler", "metric"]


@pytest.fixture(scope="module", autouse=True)
def installed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A distribution Bad-Parts 3.1 that offers a component `faulty` of every kind."""
    folder = tmp_path_factory.mktemp("site")
    (folder / "bad_parts.py").write_text(MODULE)
    info = folder / "bad_parts-3.1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: Bad-Parts\nVersion: 3.1\n")
    points = [f"[bpframe.{k}s]\nfaulty = bad_parts:{k.title().replace('_', '')}" for k in KINDS]
    (info / "entry_points.txt").write_text("\n".join(points).replace("losss", "losses"))
    sys.path.insert(0, str(folder))
    bp.refresh()
    yield
    sys.path.remove(str(folder))
    sys.modules.pop("bad_parts", None)
    bp.refresh()


def trainer(kind: str = "", method: str = "", fault: str = "", **settings: Any) -> Any:
    """A trainer whose one component of a kind is the faulty one; everything else is bpframe's."""
    faulty = {"name": "bad-parts/faulty", "method": method, "fault": fault}
    given: dict[str, Any] = {"optimizer": "sgd", "loss": "mse", **settings}
    dense = {"activation": "tanh", "weight_initializer": "glorot_uniform"}
    if kind == "schedule":
        given["optimizer"] = {"name": "sgd", "lr": faulty}
    elif kind in ("activation", "initializer"):
        dense["activation" if kind == "activation" else "weight_initializer"] = faulty
    elif kind in ("loss", "optimizer", "sampler"):
        given[kind] = faulty
    elif kind and kind != "layer":
        given[f"{kind}s"] = [faulty]
    between = [faulty] if kind == "layer" else []
    return bp.Trainer(bp.Network([{"name": "dense", "units": 4, **dense}, *between, bp.layers.dense(2)]), **given)


FAULTS: dict[str, dict[str, str]] = {  # by kind: what the methods, or their results, are spoilt by
    "layer": {
        "init": "raises exits nothing text",
        "weight": "text nothing",
        "forward": "raises exits nothing",
        "y": "shape dtype nothing text writes",
        "backward": "raises exits nothing",
        "dx": "shape dtype nothing writes",
        "dw": "shape dtype nothing text",
    },
    "activation": {
        "value": "raises exits nothing shape dtype writes",
        "derivative": "raises exits nothing shape dtype writes",
    },
    "loss": {
        "encode_target": "raises exits",
        "value_and_delta": "raises exits nothing text",
        "values": "shape dtype nothing text writes",
        "delta": "shape dtype nothing text writes",
    },
    "optimizer": {
        "init": "raises exits nothing text writes",
        "m": "text nothing",
        "new m": "shape text nothing writes",
        "p": "shape dtype nothing text writes",
        "state": "raises exits nothing text",
        "update": "nothing text",
    },
    "gradient_step": {
        "init": "raises exits nothing text writes",
        "m": "text nothing",
        "g": "shape dtype nothing text writes",
        "state": "raises exits nothing text",
        "transform": "nothing text",
    },
    "regularizer": {
        "penalty": "shape text nothing",
        "gradient": "shape dtype nothing writes",
        "value_and_gradient": "raises exits nothing",
    },
    "constraint": {"project": "raises exits shape dtype nothing text writes"},
    "initializer": {"sample": "raises exits shape nothing text"},
    "schedule": {"value": "raises exits nothing text"},
    "sampler": {"order": "raises exits writes"},
    "metric": {"value": "raises exits nothing text"},
}
RARE = {  # what raises may raise these, too
    "speechless": r"Speechless \(whose own text cannot be made\)",
    "stops": "StopIteration",
    "closes": "GeneratorExit",
}
MATRIX = [
    (kind, method, fault)
    for kind, methods in FAULTS.items()
    for method, faults in {"constructor": "raises exits", **methods}.items()
    for fault in (*faults.split(), *(RARE if "raises" in faults else ()))
]


@pytest.mark.parametrize("kind", KINDS)
def test_without_a_fault_the_component_trains(kind):
    made = trainer(kind)
    made.fit(X, Y, epochs=2, batch_size=5, validation=(X, Y))
    assert made.history.step == [3, 6]


@pytest.mark.parametrize(("kind", "method", "fault"), MATRIX, ids=[" ".join(each) for each in MATRIX])
def test_a_component_that_misbehaves_is_named_with_its_distribution_and_version(kind, method, fault):
    with pytest.raises(PluginError) as caught:
        trainer(kind, method, fault).fit(X, Y, epochs=2, batch_size=5)
    message = str(caught.value)
    assert f"{kind} 'bad-parts/faulty' (bad-parts 3.1, bad_parts:" in message
    broken = fault in ("raises", "exits", "writes", *RARE)
    assert isinstance(caught.value, BrokenComponent if broken else IncompatibleComponent)
    cause = RARE | {
        "raises": "RuntimeError: out of luck",
        "exits": "SystemExit: 3",
        "writes": "ValueError: .*read-only",
    }
    assert re.search(cause.get(fault, " must "), message)


@pytest.mark.parametrize("fault", ["nothing", "text"])
def test_a_sampler_that_gives_no_row_numbers_is_named(fault):
    with pytest.raises(DataError, match=r"sampler 'bad-parts/faulty' \(bad-parts 3.1, .* needs to give row numbers"):
        trainer("sampler", "order", fault).fit(X, Y, epochs=1)


@pytest.mark.parametrize(("kind", "method"), [m[:2] for m in MATRIX if m[2] == "raises" and m[1] != "constructor"])
def test_before_the_error_nothing_was_trained(kind, method):
    made = trainer(kind, method, "raises")
    with pytest.raises(PluginError):
        made.fit(X, Y, epochs=3)
    assert len(made.history) == 0
    assert kind == "metric" or made._session is None or made._session.step == 0


@pytest.mark.parametrize("method", ["scores", "predict", "evaluate", "trace"])
@pytest.mark.parametrize(("fault", "cause"), [("raises", "RuntimeError"), ("exits", "SystemExit")])
def test_a_layer_that_fails_in_prediction_is_named(method, fault, cause):
    made, x = trainer("layer"), X.astype(np.float32)
    made.fit(x, Y, epochs=1)
    layer = made.network.layers[1][1]
    layer.method, layer.fault = "y", fault
    with pytest.raises(BrokenComponent, match=rf"layer 'bad-parts/faulty' \(bad-parts 3.1, .* {cause}"):
        getattr(made, method)(*([x] if method in ("scores", "predict") else [x, Y]))


def test_a_first_layer_that_writes_in_evaluation_only_cannot_change_the_callers_rows():
    made, x = bp.Trainer(bp.Network([{"name": "bad-parts/faulty"}, bp.layers.dense(2)]), "mse"), X.astype(np.float32)
    made.fit(x, Y, epochs=1)
    before = x.copy()
    made.network.layers[0][1].method, made.network.layers[0][1].fault = "y", "writes"
    with pytest.raises(BrokenComponent, match=r"bad-parts 3\.1.*read-only"):
        made.predict(x)
    assert np.array_equal(x, before)


def test_a_component_inside_another_is_the_one_that_is_named():
    faulty = {"name": "bad-parts/faulty", "method": "forward", "fault": "raises"}
    network = bp.Network([{"name": "residual", "layers": [faulty]}, bp.layers.dense(2)])
    with pytest.raises(BrokenComponent, match=r"layer 'bad-parts/faulty' \(bad-parts 3.1"):
        bp.Trainer(network, "mse").fit(X, Y)
    inner = {"name": "bad-parts/faulty", "method": "p", "fault": "raises"}
    with pytest.raises(BrokenComponent, match=r"optimizer 'bad-parts/faulty' \(bad-parts 3.1"):
        trainer(optimizer={"name": "ema", "inner": inner}).fit(X, Y)


@pytest.fixture
def rehearsed(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """The rehearsals that were held."""
    held: list[object] = []
    step = DryRun.step

    def noted(self: DryRun, seen: Any) -> None:
        held.append(self)
        step(self, seen)

    monkeypatch.setattr(DryRun, "step", noted)
    return held


@pytest.mark.parametrize("kind", KINDS)
def test_a_component_of_others_is_rehearsed_once_by_each_trainer(kind, rehearsed):
    made = trainer(kind)
    for _ in range(2):
        made.fit(X, Y, epochs=1)
    assert len(rehearsed) == 1


def test_components_of_bpframe_alone_are_not_rehearsed(rehearsed):
    network = bp.Network([bp.layers.dense(4, activation="tanh"), bp.layers.dropout(0.1), bp.layers.dense(2)])
    parts = {"regularizers": ["l2"], "gradient_steps": [{"name": "clip_global_norm", "limit": 1.0}]}
    bp.Trainer(network, "mse", {"name": "ema", "inner": "adam"}, constraints=["max_norm"], **parts).fit(X, Y, epochs=1)
    assert not rehearsed


@pytest.mark.parametrize(
    "optimizer",
    [
        {"name": "ema", "inner": {"name": "bad-parts/faulty", "method": "update", "fault": "raises"}},
        {"name": "sgd", "lr": {"name": "bad-parts/faulty", "method": "value", "fault": "text"}},
    ],
    ids=["a rule", "a schedule"],
)
def test_a_component_inside_one_of_bpframes_is_rehearsed(optimizer, rehearsed):
    made = trainer(optimizer=optimizer)
    with pytest.raises(PluginError, match=r"bad-parts 3\.1"):
        made.fit(X, Y, epochs=1)
    assert len(rehearsed) == 1
    assert made.session.step == 0


def test_a_program_that_exits_by_a_signal_within_a_component_does_exit(monkeypatch):
    def handler(number: int, frame: Any) -> None:
        sys.exit(143)

    made = trainer("optimizer")
    monkeypatch.setattr(type(made.optimizer), "update", lambda self, *_: signal.raise_signal(signal.SIGTERM))
    before = signal.signal(signal.SIGTERM, handler)
    try:
        with pytest.raises(SystemExit) as caught:
            made.fit(X, Y)
    finally:
        signal.signal(signal.SIGTERM, before)
    assert caught.value.code == 143
