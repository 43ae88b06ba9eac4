"""Reading the sources of components tells the same as importing them."""

from __future__ import annotations

import sys
import tomllib
from inspect import signature
from pathlib import Path
from typing import Any

import pytest

import bpframe as bp
from bpframe.registry import Provider, registry
from bpframe.registry.describe import describe
from bpframe.registry.source_code import find_definition, find_source
from bpframe.runs import config
from bpframe.runs.lock import lock
from bpframe.runs.lock.resolve import resolve_components
from bpframe.runs.lock.settings import lock_settings
from bpframe.runs.lock.signature import UNKNOWN, DefaultCall, declared_parameters
from bpframe.runs.lock.synonyms import Synonyms
from bpframe.testing.suite import configs_to_check
from bpframe.training.spec import PARTS

BUNDLED = [p for p in registry.providers() if p.dist == "bpframe" and p.kind != "exporter"]  # which no config holds


def placed(provider: Provider, spec: dict[str, Any]) -> tuple[dict[str, Any], str]:
    """The tables of a config that holds a component, and the component's path in them."""
    layer = {"name": "dense", "units": 2}
    wrapped: dict[str, tuple[dict[str, Any], str]] = {
        "layer": ({"model": {"layers": [spec]}}, "model.layers[0]"),
        "activation": ({"model": {"layers": [{**layer, "activation": spec}]}}, "model.layers[0].activation"),
        "initializer": (
            {"model": {"layers": [{**layer, "weight_initializer": spec}]}},
            "model.layers[0].weight_initializer",
        ),
        "schedule": ({"optimizer": {"name": "sgd", "lr": spec}}, "optimizer.lr"),
        "source": ({"data": {"source": {"path": "rows.csv", **spec}}}, "data.source"),
        "engine": ({"train": {"engine": spec}}, "train.engine"),
        **{kind: ({kind: spec}, kind) for kind in ("loss", "optimizer", "sampler")},
        **{p.kind: ({p.name: [spec]}, f"{p.name}[0]") for p in PARTS if p.many and p.name != "network"},
    }
    return wrapped[provider.kind]


@pytest.mark.parametrize("provider", BUNDLED, ids=lambda provider: f"{provider.kind}:{provider.name}")
def test_reading_a_components_source_tells_the_arguments_that_it_is_made_with(provider: Provider) -> None:
    for given in configs_to_check(bp.load(provider.kind, provider.name)):
        component = bp.build(provider.kind, {"name": provider.name, **given})
        said = {key: value for key, value in describe(registry, provider.kind, component).items() if key != "name"}
        spec = {"name": provider.name, **{key: said[key] for key in given if key in said}}
        tables, path = placed(provider, spec)
        found = resolve_components(registry, tables, "the config")
        (entry,) = (entry for entry in found.entries if entry["path"] == path)
        assert (found.partial, found.problems) == (set(), {})
        assert listed(entry["arguments"]) == listed(said)
        assert (entry["name"], entry["target"]) == (provider.ref, provider.target)


FLAVORED = [p for p in BUNDLED if p.kind == "optimizer" and hasattr(bp.load(p.kind, p.name), "synonyms")]


@pytest.mark.parametrize("provider", FLAVORED, ids=lambda provider: provider.name)
def test_names_of_one_flavor_are_one_lock_whether_it_is_read_or_made(provider: Provider) -> None:
    rule = bp.load("optimizer", provider.name)
    inner = {"inner": {"name": "sgd"}} if provider.name == "ema" else {}
    for form in rule.synonyms["flavor"]:
        for flavor in form:
            spec = {"name": provider.name, **inner, "flavor": flavor}
            made = describe(registry, "optimizer", bp.build("optimizer", spec))
            read = resolve_components(registry, {"optimizer": spec}, "the config").entries[0]["arguments"]
            assert made["flavor"] == read["flavor"] == form[0]


def test_the_flavors_are_those_of_every_rule_that_has_the_argument() -> None:
    with_argument = {
        name for name in bp.names("optimizer") if "flavor" in signature(bp.load("optimizer", name)).parameters
    }
    assert {provider.name for provider in FLAVORED} == with_argument


@pytest.mark.parametrize(
    "value", ["len('x')", "[1]", "{'flavor': 3}", "{'flavor': 'paper'}", "{'flavor': ((), 3, ['torch'])}"]
)
def test_synonyms_that_are_no_literals_of_names_are_none(
    value: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "written_synonyms.py").write_text(f"class Rule:\n    kind = 1\n    synonyms = {value}\n")
    monkeypatch.syspath_prepend(tmp_path)
    assert Synonyms("written_synonyms:Rule").kept("flavor", "torch", {}) == "torch"


def listed(value: Any) -> Any:
    """A file holds no tuples."""
    if isinstance(value, dict):
        return {key: listed(item) for key, item in value.items()}
    return [listed(item) for item in value] if isinstance(value, list | tuple) else value


def test_what_is_resolved_without_an_import_is_what_a_training_locks(run: config.Config, held: lock.Lock) -> None:
    tables, filled = tomllib.loads(run.file.read_text()), tomllib.loads(run.text())
    found = resolve_components(registry, tables, "the config")
    for written in (tables, filled):
        assert lock.build_lock(found.entries, lock_settings(written, run.folder)) == held
    paths = [entry["path"] for entry in found.entries]
    assert {"optimizer.inner.lr", "groups[0].optimizer", "callbacks[0]", "data.standardize"} <= set(paths)
    again = resolve_components(registry, filled, "the filled config")
    assert again.entries == found.entries


WRITTEN = '''
from dataclasses import KW_ONLY, dataclass, field
import dataclasses
from typing import ClassVar, Protocol
from written_parts import Part as Piece

STEPS = 7
EARLY = 1
EARLY = 2


def dataclass_by_hand(cls):
    return cls


@dataclass(frozen=True)
class Base:
    """Inherited."""

    first: int = STEPS
    second: float = -0.5


@dataclasses.dataclass
class Fields(Base, Protocol):
    kind: ClassVar[str] = "no argument"
    _: KW_ONLY
    second: float = float("inf")
    third: "list[int]" = field(default_factory=list)
    fourth: int = field(default=4, repr=False)
    fifth: int = field(init=False, default=0)
    sixth: object = Piece(1, width=STEPS)
    seventh: int = EARLY
    eighth: int = len("eight")
    ninth: int = field()


class Written:
    def __init__(self, a, /, b, c=(1, 2), *args, d: bool = True, **kwargs):
        """By hand."""


class Heir(Written):
    """With the constructor of its base."""


class Bare:
    """Without arguments."""


class Foreign(Nobody):
    """Of a base that cannot be followed."""


class Made(metaclass=type):
    """Of a metaclass."""


class Bare2:
    def __new__(cls, a=1):
        return object.__new__(cls)


def function(rate: float = 0.1):
    return Written(0, rate)


called = function(0.2)
raise RuntimeError("imported")
'''


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Modules that raise on import."""
    (tmp_path / "written.py").write_text(WRITTEN)
    (tmp_path / "written_parts.py").write_text("class Part:\n    def __init__(self, a=0, width=1): ...\n")
    package = tmp_path / "written_package"
    package.mkdir()
    (package / "__init__.py").write_text("from .inner import Hidden as Shown\nraise RuntimeError\n")
    (package / "inner.py").write_text("class Hidden:\n    '''Found.'''\n\n    def __init__(self, size=3): ...\n")
    monkeypatch.syspath_prepend(tmp_path)


@pytest.mark.usefixtures("written")
@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Base", {"first": 7, "second": -0.5}),
        ("Written", {"b": None, "c": (1, 2), "d": True}),
        ("Heir", {"b": None, "c": (1, 2), "d": True}),
        ("Bare", {}),
        ("Foreign", None),
        ("Made", None),
        ("Bare2", None),
        ("function", {"rate": 0.1}),
        ("called", None),
        ("absent", None),
        (
            "Fields",
            {
                "first": 7,
                "second": float("inf"),
                "third": [],
                "fourth": 4,
                "sixth": DefaultCall("written_parts:Part", (1,), {"width": 7}),
                "seventh": UNKNOWN,
                "eighth": UNKNOWN,
                "ninth": None,
            },
        ),
    ],
)
def test_defaults_are_read_as_far_as_the_text_tells(name: str, expected: dict[str, Any] | None) -> None:
    found = declared_parameters(f"written:{name}")
    told = found and {key: None if value.default is value.empty else value.default for key, value in found.items()}
    assert told == expected
    assert "written" not in sys.modules


@pytest.mark.usefixtures("written")
def test_a_name_that_a_package_imports_on_is_followed_to_where_it_is_defined() -> None:
    found = find_source("written_package:Shown")
    assert found is not None
    assert (found.file.name, found.line, found.docstring) == ("inner.py", 1, "Found.")
    assert [*(declared_parameters("written_package:Shown") or {})] == ["size"]
    assert "written_package" not in sys.modules


def test_a_name_imported_in_a_circle_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "round_one.py").write_text("from round_two import Thing\n")
    (tmp_path / "round_two.py").write_text("from round_one import Thing\n\nclass Own(Own): ...\n")
    monkeypatch.syspath_prepend(tmp_path)
    found = find_definition("round_one:Thing")
    assert found is not None
    assert found.node is None
    assert declared_parameters("round_one:Thing") is None
    assert declared_parameters("round_two:Own") is None


def test_a_table_without_a_name_is_the_default_component_with_these_arguments() -> None:
    tables = {"loss": "mse", "model": {"layers": [{"name": "dense", "units": 1}]}, "optimizer": {"lr": 0.5}}
    entries = resolve_components(registry, tables, "the config").entries
    (entry,) = (each for each in entries if each["path"] == "optimizer")
    assert (entry["name"], entry["arguments"]["lr"]) == ("bpframe/sgd", 0.5)
