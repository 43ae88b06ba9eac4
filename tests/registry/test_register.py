"""What a program registers is a component like any other, under a name that is its own."""

from __future__ import annotations

import functools

import pytest

import bpframe as bp
from bpframe.errors import ConfigError, IncompatibleComponent
from bpframe.registry import Namespace, Registry
from tests.registry.test_registry import Absolute


@pytest.fixture
def registry() -> Registry:
    """A registry that changes nothing of the process's own."""
    return Registry()


def test_a_registered_class_is_a_component_like_any_other(registry: Registry):
    assert registry.register("loss", "absolute", Absolute) is Absolute
    provider = registry.find("loss", "absolute")
    assert (provider.ref, provider.target) == ("local/absolute", f"{Absolute.__module__}:Absolute")
    assert "absolute" in registry.names("loss")
    assert "absolute" in dir(Namespace(registry, "loss"))
    assert isinstance(Namespace(registry, "loss").absolute(), Absolute)
    assert registry.provider_of("loss", Absolute()) == provider


def test_register_decorates(registry: Registry):
    @registry.register("loss", "decorated")
    class Decorated(Absolute):
        """Another name for it."""

    assert registry.load("loss", "decorated") is Decorated


def test_a_function_that_makes_components_can_be_registered(registry: Registry):
    registry.register("loss", "wide", functools.partial(registry.load("loss", "huber"), delta=10.0))
    assert Namespace(registry, "loss").wide().delta == 10.0


class Other(Absolute):
    """The same from other lines."""


@pytest.mark.parametrize("name", ["absolute", "quartic"])
def test_a_taken_name_needs_replace(foreign: Registry, name):
    foreign.register("loss", "absolute", Absolute)
    with pytest.raises(ConfigError, match=f"there is a loss '{name}' already.*replace=True"):
        foreign.register("loss", name, Other)


def test_replace_takes_a_bare_name_but_never_a_full_one(foreign: Registry):
    quartic = foreign.load("loss", "quartic")
    foreign.register("loss", "quartic", Absolute, replace=True)
    assert foreign.load("loss", "quartic") is Absolute
    assert foreign.load("loss", "sample-loss/quartic") is quartic
    assert {"quartic", "sample-loss/quartic"} <= set(foreign.names("loss"))


@pytest.mark.parametrize("replace", [False, True])
@pytest.mark.parametrize(("kind", "name"), [("loss", "mse"), ("loss", "huber"), ("layer", "dense"), ("engine", "jax")])
def test_no_registration_takes_a_name_of_bpframes_own(registry: Registry, kind, name, replace):
    own = registry.find(kind, name)
    with pytest.raises(ConfigError, match=f"the {kind} '{name}' is bpframe's own. Choose another"):
        registry.register(kind, name, Absolute, replace=replace)
    assert registry.find(kind, name) == own


def cell(registry: Registry, slope: float, name: str = "Cell") -> type:
    """What a cell of a notebook makes each time it runs."""
    space = {"registry": registry, "Absolute": Absolute, "slope": slope, "__name__": "__main__"}
    exec(f"@registry.register('loss', 'cell')\nclass {name}(Absolute):\n    slope = slope", space)
    return space[name]


def test_the_same_lines_may_register_again_with_another_body(registry: Registry):
    first, second = cell(registry, 1.0), cell(registry, 2.0)
    assert registry.load("loss", "cell") is second is not first
    provider = registry.find("loss", "cell")
    assert registry.provider_of("loss", first()) == registry.provider_of("loss", second()) == provider
    with pytest.raises(ConfigError, match="there is a loss 'cell' already"):
        cell(registry, 3.0, "Renamed")


def test_two_functions_without_a_name_are_not_the_same_lines(registry: Registry):
    registry.register("loss", "made", lambda: Absolute())
    with pytest.raises(ConfigError, match="there is a loss 'made' already"):
        registry.register("loss", "made", lambda: Other())


def test_the_last_of_two_replacements_holds(registry: Registry):
    class Later(Absolute):
        """The same under another name."""

    registry.register("loss", "mine", Absolute)
    assert registry.load("loss", "mine") is Absolute
    registry.register("loss", "mine", Later, replace=True)
    assert registry.load("loss", "mine") is Later


def test_registering_what_lacks_the_protocol_is_refused(registry: Registry):
    class Unfinished:
        """A loss without its method."""

        link = "identity"

    with pytest.raises(IncompatibleComponent, match=r"'local/unfinished'.*lacks value_and_delta"):
        registry.register("loss", "unfinished", Unfinished)
    assert "unfinished" not in registry.names("loss")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("loss", "a/b", Absolute), "a name without '/'"),
        (("loss", "instance", Absolute()), "and a class"),
        (("los", "mine", Absolute), "Did you mean 'loss'"),
        (("los", "mine"), "Did you mean 'loss'"),
    ],
)
def test_what_cannot_be_registered_is_an_error(registry: Registry, arguments, message):
    with pytest.raises(ConfigError, match=message):
        registry.register(*arguments, replace=True)


def test_a_local_registration_is_not_seen_by_another_registry(registry: Registry):
    registry.register("loss", "absolute", Absolute)
    assert "absolute" not in bp.names("loss")
