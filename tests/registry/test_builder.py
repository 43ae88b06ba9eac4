"""Specifications: from names and mappings to components and back, all mistakes at once."""

from __future__ import annotations

import inspect
import json
from collections.abc import Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated, Any, Literal, Optional, Union

import numpy as np
import pytest

import bpframe as bp
from bpframe.errors import BrokenComponent, ConfigError, IncompatibleComponent, Problem, UnknownComponent
from bpframe.protocols import Layer, Optimizer
from bpframe.registry import KINDS, Namespace, Provider, Registry, registry
from bpframe.registry.annotations import wanted
from bpframe.registry.builder import Builder, arguments, parameters
from bpframe.registry.describe import describe

ADAM = {"lr": 0.001, "beta1": 0.9, "beta2": 0.999, "eps": 1e-8, "flavor": "paper"}
SAMPLES = {"float": 0.5, "int": 2, "Activation": "relu", "Layer": "standardize", "Optimizer": "sgd"}  # by annotation


@dataclass(frozen=True)
class Halves:
    """An optimizer around another, with a setting of every sort."""

    inner: Optimizer
    alpha: float = 0.5
    every: int = 5
    side: Literal["left", "right"] = "left"
    limit: float | None = None
    twice: bool = False
    title: str = ""
    scope = "element"

    def init(self, p: Any) -> dict[str, Any]:
        """As the inner one."""
        return self.inner.init(p)

    def update(self, p: Any, g: Any, state: dict[str, Any], h: Any) -> tuple[Any, dict[str, Any]]:
        """As the inner one."""
        return self.inner.update(p, g, state, h.inner)


@dataclass(frozen=True)
class Chain:
    """Layers in a row, as one layer."""

    layers: Sequence[Layer]
    first: Layer | None = None
    init = forward = backward = None


class Unannotated:
    """An optimizer whose constructor says nothing but defaults."""

    scope = "element"
    init = update = None

    def __init__(self, lr=0.1, steps=3, name_of_it="x"):
        self.lr, self.steps, self.name_of_it = lr, steps, name_of_it


@pytest.fixture
def local() -> Registry:
    """A registry that knows the components above."""
    known = Registry()
    known.register("optimizer", "halves", Halves)
    known.register("optimizer", "unannotated", Unannotated)
    known.register("layer", "chain", Chain)
    return known


def build(known: Registry, kind: str, spec: Any) -> Any:
    """The component, or the problems as an error."""
    builder = Builder(known)
    component = builder.build(kind, spec)
    builder.finish()
    return component


def problems(known: Registry, kind: str, spec: Any) -> list[Problem]:
    """What is wrong with a specification."""
    with pytest.raises(ConfigError) as caught:
        build(known, kind, spec)
    assert str(caught.value) == "\n".join(map(str, caught.value.problems))
    return list(caught.value.problems)


# ----------------------------------------------------------------------------------------------- what may be a spec


@pytest.mark.parametrize(
    "spec", ["adam", "bpframe/adam", {"name": "adam"}, MappingProxyType({"name": "adam", "lr": 0.001})]
)
def test_a_name_and_a_mapping_build_the_same_component(spec):
    assert bp.build("optimizer", spec) == bp.optimizers.adam()
    assert arguments(bp.build("optimizer", spec)) == ADAM


def test_a_ready_object_is_handed_back_as_it_is():
    adam = bp.optimizers.adam(lr=0.5)
    assert bp.build("optimizer", adam) is adam


def test_overrides_replace_arguments_of_every_form_of_specification():
    wanted = bp.optimizers.adam(lr=3e-4, beta1=0.5)
    for spec in ("adam", {"name": "adam", "lr": 7.0}, MappingProxyType({"name": "adam"}), bp.optimizers.adam(eps=1e-8)):
        assert bp.build("optimizer", spec, lr=3e-4, beta1=0.5) == wanted


def test_overrides_leave_the_specification_as_it_was():
    spec = {"name": "adam", "lr": 7.0}
    bp.build("optimizer", spec, lr=1.0)
    assert spec == {"name": "adam", "lr": 7.0}


@pytest.mark.parametrize("spec", [None, 3, 0.5, {}, {"lr": 0.1}, {"name": 3}])
def test_what_is_no_specification_is_an_error_that_says_what_would_be(spec):
    with pytest.raises(ConfigError, match="optimizer wants a name"):
        bp.build("optimizer", spec)


def test_a_class_is_no_component():
    with pytest.raises(ConfigError, match="optimizer wants a name, a mapping with 'name', or a component, got <class"):
        bp.build("optimizer", bp.load("optimizer", "adam"))


@pytest.mark.parametrize("ready", [["adam"], np.zeros(3), bp.losses.mse(), bp.schedules.constant(0.1)])
def test_an_object_of_another_kind_is_refused(ready):
    with pytest.raises(IncompatibleComponent, match="which every optimizer must have"):
        bp.build("optimizer", ready)


# -------------------------------------------------------------------------------------------------------- factories


def test_arguments_may_be_given_by_position():
    assert bp.layers.dense(64) == bp.layers.dense(units=64)
    assert bp.layers.dense(64, "tanh", False) == bp.layers.dense(64, bias=False, activation="tanh")


@pytest.mark.parametrize(
    ("given", "named", "message"),
    [
        ((64, None, True, "zeros", "zeros", 1.0, 1.0, 7), {}, "got 8 without a name"),
        ((64,), {"units": 3}, "got 'units' twice"),
        ((), {}, "needs the argument 'units', which is missing"),
        ((64,), {"unit": 3}, r"no argument 'unit'\. Did you mean 'units'\?"),
        ((64,), {"name": "hidden"}, "no argument 'name'.*set label"),
        ((0,), {}, "needs a number above 0 as units, got 0"),
    ],
)
def test_wrong_arguments_of_a_factory_are_named(given, named, message):
    with pytest.raises(ConfigError, match=message):
        bp.layers.dense(*given, **named)


def test_a_label_names_a_layer_and_is_no_setting():
    labelled = bp.layers.dense(3, label="hidden")
    assert labelled.layer == bp.layers.dense(3)
    assert bp.Network([labelled]).labels == ("hidden",)
    with pytest.raises(ConfigError, match="no argument 'label'"):
        bp.losses.huber(label="mine")


# ---------------------------------------------------------------------------------------------------------- mistakes


def test_all_mistakes_are_reported_at_once_each_with_its_path(local: Registry):
    spec = {"inner": {"name": "adam", "lrr": 1, "beta1": "high", "eps": {"name": "cosin"}}, "alfa": 0.1, "every": 2.5}
    found = problems(local, "optimizer", {"name": "halves", **spec})
    assert [problem.path for problem in found] == ["alfa", "inner.lrr", "inner.beta1", "inner.eps.name", "every"]
    assert "no argument 'alfa'. Did you mean 'alpha'? Arguments: inner, alpha" in found[0].message
    assert "no argument 'lrr'. Did you mean 'lr'?" in found[1].message
    assert found[2].message == "wants a number, got 'high'."
    assert "no schedule named 'cosin'. Did you mean 'cosine'?" in found[3].message
    assert found[4].message == "wants a whole number, got 2.5."


@pytest.mark.parametrize(
    ("argument", "value", "message"),
    [
        ("alpha", "0.5", "wants a number, got '0.5'"),
        ("alpha", True, "wants a number, got True"),
        ("alpha", None, "wants a number, got None"),
        ("every", 1.0, "wants a whole number, got 1.0"),
        ("every", False, "wants a whole number, got False"),
        ("limit", "none", "wants a number or nothing, got 'none'"),
        ("twice", 1, "wants true or false, got 1"),
        ("title", 3, "wants a text, got 3"),
        ("side", "lef", "wants one of left, right, got 'lef'. Did you mean 'left'?"),
        ("side", 3, "wants one of left, right, got 3"),
        ("inner", 3, "optimizer wants a name, a mapping with 'name', or a component, got 3"),
        ("inner", None, "optimizer wants a name, a mapping with 'name', or a component, got None"),
    ],
)
def test_a_value_of_the_wrong_type_is_reported_with_what_is_wanted(local: Registry, argument, value, message):
    spec = {"name": "halves", "inner": "sgd", argument: value}
    assert [str(problem).startswith(f"{argument}: {message}") for problem in problems(local, "optimizer", spec)] == [
        True
    ]


def test_a_missing_argument_is_reported(local: Registry):
    (problem,) = problems(local, "optimizer", {"name": "halves"})
    assert (problem.path, problem.message) == ("inner", "Halves needs the argument 'inner', which is missing.")


def test_a_value_out_of_range_is_reported_at_its_component(local: Registry):
    (problem,) = problems(local, "optimizer", {"name": "halves", "inner": {"name": "adam", "lr": -1.0}})
    assert (problem.path, problem.message) == ("inner", "adam needs a number of at least 0 as lr, got -1.0.")


def test_one_unknown_name_stays_an_unknown_component(local: Registry):
    with pytest.raises(UnknownComponent, match=r"no optimizer named 'adm'\. Did you mean 'adam'"):
        build(local, "optimizer", {"name": "halves", "inner": "adm"})


def test_an_unknown_name_among_other_mistakes_is_one_problem_of_several(local: Registry):
    found = problems(local, "optimizer", {"name": "halves", "inner": "adm", "every": "x"})
    assert [problem.path for problem in found] == ["inner.name", "every"]


def test_a_constructor_that_breaks_is_not_the_users_mistake(local: Registry):
    class Breaks(Unannotated):
        """Divides by its setting."""

        def __init__(self, lr=0.1):
            self.lr = 1 / lr

    local.register("optimizer", "breaks", Breaks)
    with pytest.raises(ZeroDivisionError) as caught:  # of the program's own
        build(local, "optimizer", {"name": "breaks", "lr": 0.0})
    assert caught.value.__notes__ == ["Raised on construction of Breaks."]
    elsewhere = Registry(lambda: [Provider("optimizer", "breaks", "far", "1.0", "far:Breaks", load=lambda: Breaks)])
    with pytest.raises(BrokenComponent, match=r"far 1\.0, .*Breaks fails on construction: ZeroDivisionError") as broken:
        build(elsewhere, "optimizer", {"name": "breaks", "lr": 0.0})
    assert isinstance(broken.value.__cause__, ZeroDivisionError)


def test_every_mistake_in_a_network_has_the_number_of_its_layer():
    with pytest.raises(ConfigError) as caught:
        bp.Network([{"name": "dense", "units": 2.5}, "dense", {"name": "dense", "units": 3, "activation": "rleu"}])
    assert [p.path for p in caught.value.problems] == [
        "layers[0].units",
        "layers[1].units",
        "layers[2].activation.name",
    ]


# ------------------------------------------------------------------------------------------------------------- values


def test_numbers_become_what_is_wanted_where_nothing_is_lost(local: Registry):
    spec = {"name": "halves", "inner": "sgd", "alpha": 1, "limit": np.float32(0.5), "every": np.int64(7)}
    made = build(local, "optimizer", spec)
    assert [(type(value), value) for value in (made.alpha, made.limit, made.every)] == [
        (float, 1.0),
        (float, 0.5),
        (int, 7),
    ]


def test_without_an_annotation_a_default_tells_a_float(local: Registry):
    made = build(
        local, "optimizer", {"name": "unannotated", "lr": {"name": "constant", "initial": 0.3}, "steps": "any"}
    )
    assert made.lr == bp.schedules.constant(0.3)
    assert made.steps == "any"
    assert problems(local, "optimizer", {"name": "unannotated", "lr": "x"})[0].message == "wants a number, got 'x'."


@pytest.mark.parametrize(
    ("annotation", "alternatives"),
    [
        (float, ("float",)),
        (float | None, ("float", "None")),
        (Optional[float], ("float", "None")),  # noqa: UP045  (old spellings are the point)
        (Union[int, float, None], ("int", "float", "None")),  # noqa: UP007
        (Annotated[float, "in seconds"], ("float",)),
        ("typing.Optional[float]", ("float", "None")),
        ("Union[float, None]", ("float", "None")),
        (Optional["Optimizer"], ("Optimizer", "None")),
        ("Optional['bpframe.protocols.Optimizer']", ("Optimizer", "None")),
        (Layer, ("Layer",)),
        (list[Layer], ("list[Layer]",)),
        ("typing.List[Layer] | None", ("list[Layer]", "None")),
        (tuple[Layer, ...], ("tuple[Layer, ...]",)),
        (Literal["a|b", "c.d"], ("Literal['a|b', 'c.d']",)),
        ("Literal[1, 'two'] | None", ("Literal[1, 'two']", "None")),
        ("not an annotation", ()),
    ],
)
def test_an_annotation_means_the_same_however_it_is_written(annotation, alternatives):
    parameter = inspect.Parameter("x", inspect.Parameter.KEYWORD_ONLY, annotation=annotation)
    assert wanted(parameter).alternatives == alternatives


def test_components_among_the_arguments_are_specifications_too(local: Registry):
    made = build(local, "layer", {"name": "chain", "layers": ["standardize", {"name": "dense", "units": 2}]})
    assert made.layers == (bp.layers.standardize(), bp.layers.dense(2))
    nested = build(local, "optimizer", {"name": "halves", "inner": {"name": "halves", "inner": "sgd"}})
    assert nested == Halves(Halves(bp.optimizers.sgd()))


def test_an_argument_that_wants_a_layer_is_looked_up_among_layers(local: Registry):
    assert (
        build(local, "layer", {"name": "chain", "layers": [], "first": "standardize"}).first == bp.layers.standardize()
    )
    with pytest.raises(UnknownComponent, match=r"no layer named 'relu'\..*'relu' is an activation"):
        build(local, "layer", {"name": "chain", "layers": [], "first": "relu"})


def test_names_inside_ready_objects_are_built(local: Registry):
    assert build(local, "optimizer", Halves("sgd")) == Halves(bp.optimizers.sgd())
    assert build(local, "optimizer", Halves(Halves({"name": "sgd", "lr": 1}))) == Halves(
        Halves(bp.optimizers.sgd(lr=1.0))
    )
    assert build(local, "layer", Chain(["standardize"])) == Chain((bp.layers.standardize(),))
    scheduled = build(local, "optimizer", Halves(bp.optimizers.sgd(), alpha={"name": "constant", "initial": 0.1}))
    assert scheduled.alpha == bp.schedules.constant(0.1)


def test_mistakes_inside_ready_objects_are_found(local: Registry):
    with pytest.raises(UnknownComponent, match="no optimizer named 'sdg'"):
        build(local, "optimizer", Halves(Halves("sdg")))


# ---------------------------------------------------------------------------------------------------------- schedules


@pytest.mark.parametrize("value", [{"name": "cosine", "initial": 0.1, "steps": 9}, bp.schedules.cosine(0.1, 9)])
def test_a_schedule_may_stand_for_a_float_of_an_optimizer(value):
    assert bp.build("optimizer", {"name": "sgd", "lr": value}).lr == bp.schedules.cosine(0.1, 9)
    assert bp.optimizers.sgd(lr=value).lr == bp.schedules.cosine(0.1, 9)
    assert bp.regularizers.l2(strength=value).strength == bp.schedules.cosine(0.1, 9)


def test_a_schedule_may_stand_for_a_float_of_an_inner_optimizer(local: Registry):
    made = build(
        local, "optimizer", {"name": "halves", "inner": {"name": "sgd", "lr": {"name": "constant", "initial": 1}}}
    )
    assert made.inner.lr == bp.schedules.constant(1.0)


@pytest.mark.parametrize(
    ("kind", "spec"),
    [
        ("initializer", {"name": "normal", "stddev": {"name": "constant", "initial": 1.0}}),
        ("initializer", {"name": "normal", "stddev": bp.schedules.constant(1.0)}),
        ("schedule", {"name": "constant", "initial": {"name": "constant", "initial": 1.0}}),
        ("constraint", {"name": "max_norm", "limit": {"name": "constant", "initial": 1.0}}),
    ],
)
def test_anywhere_else_a_schedule_is_an_error(kind, spec):
    with pytest.raises(ConfigError, match="wants a number: schedules stand for settings of optimizers"):
        bp.build(kind, spec)


def test_a_schedule_is_no_whole_number(local: Registry):
    (problem,) = problems(
        local, "optimizer", {"name": "halves", "inner": "sgd", "every": {"name": "constant", "initial": 1}}
    )
    assert problem.message.startswith("wants a whole number, got")


# -------------------------------------------------------------------------------------------------------- description


@pytest.mark.parametrize(("kind", "name"), [(kind, name) for kind in KINDS for name in bp.names(kind)])
def test_every_component_described_and_built_again_is_the_same(kind, name):
    for settings in examples(bp.load(kind, name)):
        component = bp.build(kind, {"name": name, **settings})
        spec = describe(registry, kind, component)
        again = bp.build(kind, json.loads(json.dumps(spec)))
        assert (type(again), arguments(again)) == (type(component), arguments(component))
        assert describe(registry, kind, again) == spec


def examples(component) -> list[dict]:
    """Arguments to make a component with: its own examples, or samples of what its annotations want."""
    if hasattr(component, "example_configs"):
        return component.example_configs()
    required = [parameter for parameter in parameters(component).values() if parameter.default is parameter.empty]
    return [{parameter.name: SAMPLES[wanted(parameter).alternatives[0]] for parameter in required}]


def test_a_description_holds_names_and_plain_values_only(local: Registry):
    spec = {
        "name": "halves",
        "inner": {"name": "sgd", "lr": {"name": "constant", "initial": 0.3}},
        "limit": np.float64(2),
    }
    full = {"alpha": 0.5, "every": 5, "side": "left", "limit": 2.0, "twice": False, "title": ""}
    assert describe(local, "optimizer", build(local, "optimizer", spec)) == {
        "name": "local/halves",
        "inner": {"name": "sgd", "lr": {"name": "constant", "initial": 0.3}},
        **full,
    }


def test_a_third_party_component_is_described_by_its_full_name(foreign: Registry):
    quartic = Namespace(foreign, "loss").quartic(scale=2.0)
    assert describe(foreign, "loss", quartic) == {"name": "sample-loss/quartic", "scale": 2.0}


def test_a_label_survives_the_round_trip():
    spec = describe(registry, "layer", bp.layers.dense(3, label="hidden"))
    assert spec["label"] == "hidden"
    assert bp.Network([bp.build("layer", spec)]).labels == ("hidden",)


def test_an_unregistered_class_has_no_description_and_the_error_says_how_to_get_one(local: Registry):
    class Anonymous(Unannotated):
        """Nobody registered it."""

    with pytest.raises(ConfigError, match=r"Register it: bp\.register\('optimizer', 'anonymous', Anonymous\)"):
        describe(local, "optimizer", Anonymous())


def test_a_component_must_keep_its_arguments_as_attributes():
    class Forgetful:
        """Keeps nothing."""

        def __init__(self, lr: float = 0.1) -> None:
            pass

    with pytest.raises(ConfigError, match="Forgetful must keep its argument 'lr' as an attribute of that name"):
        arguments(Forgetful())
