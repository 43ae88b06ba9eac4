"""The run lock: what it holds, that reading sources tells the same as importing, and what counts as a difference."""

from __future__ import annotations

import copy
import os
import subprocess
import sys
import tomllib
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from threadpoolctl import threadpool_info

import bpframe as bp
from bpframe.errors import ConfigError, PluginError
from bpframe.registry import Provider, Registry, registry
from bpframe.registry.describe import describe
from bpframe.runs import config
from bpframe.runs.lock import lock
from bpframe.runs.lock.compare import compare_locks, difference_texts, refuse_differences
from bpframe.runs.lock.distributions import describe_distribution, editable_folder
from bpframe.runs.lock.resolve import Entry, resolve_components
from bpframe.runs.lock.signature import UNKNOWN, DefaultCall, declared_parameters
from bpframe.runs.lock.source_code import find_definition, find_source
from bpframe.saving.environment import machine, versions
from bpframe.testing.suite import configs_to_check
from bpframe.training.spec import PARTS
from tests.conftest import Site

CONFIG = """\
loss = "softmax_cross_entropy"
[data]
source = { name = "moons", points = 60 }
standardize = true
[[model.layers]]
name = "dense"
units = 4
activation = "tanh"
[[model.layers]]
name = "dense"
units = 2
[optimizer]
name = "ema"
inner = { name = "adam", lr = { name = "cosine", initial = 0.01 } }
[[groups]]
match = "*/bias"
optimizer = "sgd"
[[callbacks]]
name = "early_stopping"
monitor = "train.loss"
"""
BUNDLED = [provider for provider in registry.providers() if provider.dist == "bpframe"]


@pytest.fixture
def run(tmp_path: Path) -> config.Config:
    """A run with components inside others, in groups and in lists."""
    path = tmp_path / "small.toml"
    path.write_text(CONFIG)
    return config.load(path)


@pytest.fixture
def held(run: config.Config) -> lock.Lock:
    """Its lock."""
    return lock.lock_tables(run)


# ---------------------------------------------------------------------------------------- reading instead of importing


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


def listed(value: Any) -> Any:
    """A file holds no tuples."""
    if isinstance(value, dict):
        return {key: listed(item) for key, item in value.items()}
    return [listed(item) for item in value] if isinstance(value, list | tuple) else value


def test_what_is_resolved_without_an_import_is_what_a_training_locks(run: config.Config, held: lock.Lock) -> None:
    found = resolve_components(registry, tomllib.loads(run.file.read_text()), "the config")
    assert lock.build_lock(found.entries) == held
    paths = [entry["path"] for entry in found.entries]
    assert {"optimizer.inner.lr", "groups[0].optimizer", "callbacks[0]", "data.standardize"} <= set(paths)
    again = resolve_components(registry, tomllib.loads(run.text()), "the filled config")
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


# ------------------------------------------------------------------------------------------------------- distributions


def offer(place: Path, name: str, files: dict[str, str], direct: str = "", recorded: bool = True) -> None:
    """A distribution in a folder, as an installer leaves it: code, and metadata with a loss `module:Loss`."""
    for file, text in files.items():
        (place / file).parent.mkdir(parents=True, exist_ok=True)
        (place / file).write_text(text)
    meta = place / f"{name.replace('-', '_')}-1.0.dist-info"
    meta.mkdir(parents=True)
    (meta / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    top = sorted(files)[0].partition("/")[0].removesuffix(".py") if files else name.replace("-", "_")
    (meta / "entry_points.txt").write_text(f"[bpframe.losses]\n{name} = {top}:Loss\n")
    (meta / "RECORD").write_text("".join(f"{file},,\n" for file in files) if recorded else f"{meta.name}/METADATA,,\n")
    if direct:
        (meta / "direct_url.json").write_text(direct)


def test_the_digest_of_code_is_the_same_however_it_is_installed_and_changes_with_a_letter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = {"one_pack/__init__.py": "class Loss: ...\n", "one_pack/deep/part.py": "x = 1\n"}
    offer(tmp_path / "wheel", "one-pack", files)
    offer(tmp_path / "edited", "one-pack", files, '{"url": "file:///x", "dir_info": {"editable": true}}', False)
    codes = []
    for place in ("wheel", "edited"):
        with monkeypatch.context() as patch:
            patch.syspath_prepend(tmp_path / place)
            found = describe_distribution(Registry(), "one-pack")
            (tmp_path / place / "one_pack/deep/part.py").write_text("x = 2\n")
            changed = describe_distribution(Registry(), "one-pack")
        assert found is not None
        assert changed is not None
        codes += [(found["code"], changed["code"])]
    assert codes[0] == codes[1]
    assert codes[0][0] != codes[0][1]
    assert codes[0][0].startswith("sha256=")


@pytest.mark.parametrize(
    ("direct", "expected"),
    [
        ("", {"origin": "index"}),
        ("not JSON", {"origin": "index"}),
        ("[1]", {"origin": "index"}),
        ('{"url": "file:///x/y", "dir_info": {}}', {"origin": "folder"}),
        ('{"url": "https://h/a.whl", "archive_info": {}}', {"origin": "archive", "url": "https://h/a.whl"}),
        (
            '{"url": "https://h/r.git", "vcs_info": {"vcs": "git", "commit_id": "ab12"}}',
            {"origin": "vcs", "url": "https://h/r.git", "commit": "ab12"},
        ),
        ('{"url": "file:///not/there", "dir_info": {"editable": true}}', {"origin": "editable"}),
    ],
)
def test_the_origin_is_what_the_installer_recorded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, direct: str, expected: dict[str, str]
) -> None:
    offer(tmp_path, "two-pack", {"two_pack.py": "class Loss: ...\n"}, direct)
    monkeypatch.syspath_prepend(tmp_path)
    found = describe_distribution(Registry(), "two-pack")
    assert found is not None
    assert {key: found[key] for key in found if key not in ("name", "version", "code")} == expected


def test_an_editable_distribution_has_its_commit_and_whether_it_was_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tmp_path = tmp_path / "a folder"  # %20 in a URL
    tmp_path.mkdir()
    direct = f'{{"url": "{tmp_path.as_uri()}", "dir_info": {{"editable": true}}}}'
    offer(tmp_path, "three-pack", {"three_pack.py": "class Loss: ...\n"}, direct, False)
    monkeypatch.syspath_prepend(tmp_path)
    assert describe_distribution(Registry(), "three-pack") == {**state("three-pack"), "origin": "editable"}
    for words in ("init -q", "add three_pack.py", "-c user.name=a -c user.email=b commit -q -m first"):
        subprocess.run(["git", "-C", tmp_path, *words.split()], check=True, timeout=60)
    head = subprocess.run(["git", "-C", tmp_path, "rev-parse", "HEAD"], capture_output=True, text=True, check=True)
    clean = {**state("three-pack"), "origin": "editable", "commit": head.stdout.strip(), "dirty": False}
    assert describe_distribution(Registry(), "three-pack") == clean
    (tmp_path / "three_pack.py").write_text("class Loss:\n    x = 1\n")
    changed = describe_distribution(Registry(), "three-pack")
    assert changed == {**state("three-pack"), "origin": "editable", "commit": head.stdout.strip(), "dirty": True}
    assert editable_folder("three-pack") == tmp_path
    monkeypatch.setenv("PATH", "")
    assert describe_distribution(Registry(), "three-pack") == {**state("three-pack"), "origin": "editable"}


def state(name: str) -> dict[str, Any]:
    """Name, version and code of a distribution, of which other tests tell what they are worth."""
    found = describe_distribution(Registry(), name)
    assert found is not None
    return {key: found[key] for key in ("name", "version", "code")}


def test_what_is_not_installed_has_no_distribution() -> None:
    assert describe_distribution(registry, "no-such-distribution") is None


# ------------------------------------------------------------------------------------------------------------- machine


def test_the_machine_is_what_others_say_of_it() -> None:
    (blas,) = [one for one in threadpool_info() if one["user_api"] == "blas" and "numpy" in one["filepath"]]
    found = machine()
    assert (found["threads"], found["kernel"]) == (blas["num_threads"], blas["architecture"])
    assert found["blas"] == f"{blas['internal_api']} {blas['version']}"
    assert found["cpus"] == len(os.sched_getaffinity(0))
    assert f"model name\t: {found['cpu']}\n" in Path("/proc/cpuinfo").read_text()
    simd = np.show_config(mode="dicts")["SIMD Extensions"]  # type: ignore[call-overload,index]  # older stubs lack it
    assert found["features"] == [*simd["baseline"], *simd["found"]]


@pytest.mark.parametrize("installed", [True, False])
def test_the_threads_of_blas_are_those_of_the_process(site: Site, installed: bool) -> None:
    code = f"""if True:
        import sys
        if not {installed}:
            sys.modules["threadpoolctl"] = None
        from bpframe.saving.environment import machine
        found = machine()
        print(found["threads"], found["blas"], "kernel" in found)
    """
    known = machine()
    assert known["blas"].startswith("openblas")
    assert site.out(code, OPENBLAS_NUM_THREADS="1") == f"1 {known['blas']} {installed}"


@pytest.mark.parametrize(("engine", "bounded"), [("numpy", "threads"), ("jax", "cpus")])
def test_a_bound_of_the_engines_counts_as_its_threads(engine: str, bounded: str) -> None:
    entry: Entry = {"path": "train.engine", "name": f"bpframe/{engine}", "version": "1", "arguments": {"threads": 1}}
    assert lock.build_lock([entry])["machine"][bounded] == 1
    free = lock.build_lock([{**entry, "arguments": {}}])["machine"]
    assert free == {**machine(), "features": free["features"]}


def test_versions_of_jax_are_held_where_it_computes(run: config.Config, held: lock.Lock) -> None:
    assert set(held["versions"]) == {"bpframe", "python", "numpy"}
    entry: Entry = {"path": "train.engine", "name": "bpframe/jax", "version": "1", "arguments": {}}
    found = lock.build_lock([entry])["versions"]
    assert found == {**held["versions"], "jax": version("jax"), "jaxlib": version("jaxlib")}
    assert versions("no-such-distribution") == held["versions"]


# ---------------------------------------------------------------------------------------------------------------- file


def test_reading_a_lock_gives_what_was_written(run: config.Config, held: lock.Lock, tmp_path: Path) -> None:
    (tmp_path / "run.lock.toml").write_text(lock.lock_text(run))
    assert lock.read_lock(tmp_path) == lock.read_lock(tmp_path / "run.lock.toml") == held
    (own,) = [one for one in held["distributions"] if one["name"] == "bpframe"]
    assert (own["version"], own["code"][:7]) == (bp.__version__, "sha256=")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (None, "needs to be a readable file"),
        ("components = [", "valid TOML"),
        ("loss = 'mse'", r"a lock needs \[\[components\]\], .*Take run\.lock\.toml"),
        ("components = []\nversions = 3", r"a lock needs \[\[components\]\], \[versions\] and \[machine\]"),
        ("components = [1]", r"a lock needs \[\[components\]\], each with a path"),
        ("components = 1", r"a lock needs \[\[components\]\], each with a path"),
        ("components = [{ name = 'a' }]", r"a lock needs \[\[components\]\], each with a path"),
        ("components = [{ path = [1] }]", r"a lock needs \[\[components\]\], each with a path"),
        ("components = [{ path = 'a', arguments = 3 }]", r"a lock needs \[\[components\]\], each with a path"),
        ("components = []\ndistributions = [{}]", r"a lock needs \[\[distributions\]\], each with a name"),
    ],
)
def test_what_is_no_lock_is_refused(tmp_path: Path, text: str | None, words: str) -> None:
    if text is not None:
        (tmp_path / "a.lock.toml").write_text(text)
    with pytest.raises(ConfigError, match=words) as caught:
        lock.read_lock(tmp_path / "a.lock.toml")
    assert str(tmp_path / "a.lock.toml") in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "components = []",
        "components = [{ path = 'loss' }, { path = 'loss', name = 3, arguments = { a = [[]] } }]",
        "components = []\ndistributions = [{ name = 'a', commit = 3, dirty = 2 }]",
        "components = []\nversions = { python = 1 }\nmachine = { threads = {} }",
        "components = []\ndistributions = [{ name = 'bpframe', version = 3 }]",
        "components = []\n[[distributions]]\nname = 'bpframe'\nversion = 'VERSION'\ncode = 1\ncommit = 2",
    ],
)
def test_an_odd_lock_is_compared_all_the_same(held: lock.Lock, tmp_path: Path, text: str) -> None:
    (tmp_path / "a.lock.toml").write_text(text.replace("VERSION", bp.__version__))
    odd = lock.read_lock(tmp_path / "a.lock.toml")
    assert all(isinstance(one, str) for one in difference_texts(odd, held) + difference_texts(held, odd))
    assert len(difference_texts(odd, held)) >= len(held["components"]) - 1


def test_a_lock_belongs_to_the_config_that_it_lies_beside(tmp_path: Path) -> None:
    (tmp_path / "run.lock.toml").touch()
    assert lock.find_lock(tmp_path / "digits.toml") is None
    assert lock.find_lock(tmp_path / "config.toml") == tmp_path / "run.lock.toml"
    (tmp_path / "digits.lock.toml").touch()
    assert lock.find_lock(tmp_path / "digits.toml") == tmp_path / "digits.lock.toml"


# --------------------------------------------------------------------------------------------------------- differences

Change = Callable[[lock.Lock], object]


def component(found: lock.Lock, path: str) -> dict[str, Any]:
    entries: list[dict[str, Any]] = [entry for entry in found["components"] if entry["path"] == path]
    (entry,) = entries
    return entry


def own(found: lock.Lock) -> dict[str, Any]:
    entry: dict[str, Any] = found["distributions"][0]
    return entry


def sets(place: Callable[[lock.Lock], dict[str, Any]], **values: Any) -> Change:
    """The change that sets these."""
    return lambda found: place(found).update(values)


CHANGES: list[tuple[str, Change, list[str], bool]] = [
    ("python", sets(lambda f: f["versions"], python="3.0.1"), ["Python: {python} in the lock, 3.0.1 now"], True),
    ("numpy", sets(lambda f: f["versions"], numpy="1.0"), ["NumPy: {numpy} in the lock, 1.0 now"], True),
    ("threads", sets(lambda f: f["machine"], threads=99), ["threads of BLAS: {threads} in the lock, 99 now"], True),
    ("cpu", sets(lambda f: f["machine"], cpu="Abacus"), ["CPU: {cpu} in the lock, Abacus now"], True),
    ("kernel", sets(lambda f: f["machine"], kernel="Old"), ["kernel of BLAS: {kernel} in the lock, Old now"], True),
    ("cpus", sets(lambda f: f["machine"], cpus=99), ["usable CPUs: {cpus} in the lock, 99 now"], False),
    ("version", sets(own, version="9.9"), ["bpframe: {bpframe} in the lock, 9.9 now"], True),
    ("code", sets(own, code="sha256=0", commit="0"), ["bpframe {bpframe}: its code has changed"], True),
    ("commit", sets(own, commit="0" * 40), ["commit of bpframe, whose code is the same"], False),
    ("origin", sets(own, origin="index"), ["origin of bpframe: {origin} in the lock, index now"], False),
    (
        "argument",
        lambda f: component(f, "optimizer.inner")["arguments"].update(beta1=0.5),
        ["optimizer.inner.beta1: 0.9 in the lock, 0.5 now"],
        True,
    ),
    (
        "new argument",
        lambda f: component(f, "optimizer.inner")["arguments"].update(more=True),
        ["optimizer.inner.more: nothing in the lock, true now"],
        True,
    ),
    (
        "file",
        lambda f: component(f, "loss").update(hash="sha256=0"),
        ["loss: the file of loss bpframe/softmax_cross_entropy has changed"],
        True,
    ),
    (
        "other",
        lambda f: component(f, "loss").update(name="bpframe/mse", target="bpframe_losses.mse:Mse"),
        ["loss: loss bpframe/softmax_cross_entropy in the lock, loss bpframe/mse now"],
        True,
    ),
    (
        "other distribution",
        lambda f: component(f, "loss").update(name="evil/softmax_cross_entropy"),
        ["loss: loss bpframe/softmax_cross_entropy in the lock, loss evil/softmax_cross_entropy now"],
        True,
    ),
    (
        "left out",
        lambda f: f["components"].remove(component(f, "callbacks[0]")),
        ["callbacks[0]: callback bpframe/early_stopping in the lock, nothing in the config"],
        True,
    ),
    (
        "added",
        lambda f: f["components"].append({**component(f, "loss"), "path": "sampler", "kind": "sampler"}),
        ["sampler: sampler bpframe/softmax_cross_entropy in the config, nothing in the lock"],
        True,
    ),
    (
        "not found",
        lambda f: [component(f, "loss").pop(key) for key in ("target", "version", "hash", "arguments")],
        ["loss: loss bpframe/softmax_cross_entropy in the lock, which cannot be found now"],
        True,
    ),
    ("other name", lambda f: component(f, "loss").update(name="bpframe/softmax"), [], False),
]


@pytest.mark.parametrize(("change", "told", "breaks"), [c[1:] for c in CHANGES], ids=[c[0] for c in CHANGES])
def test_each_difference_is_told_and_weighed(held: lock.Lock, change: Change, told: list[str], breaks: bool) -> None:
    now = copy.deepcopy(held)
    change(now)
    facts = {**held["versions"], **held["machine"], "origin": own(held)["origin"]}
    found = compare_locks(held, now)
    assert len(found) == len(told)
    for one, text in zip(found, told, strict=True):
        assert one.text.startswith(text.format(**facts)), one.text
        assert one.breaks == breaks
    assert difference_texts(held, now, breaking=True) == (difference_texts(held, now) if breaks else [])


def test_a_lock_does_not_differ_from_itself(held: lock.Lock) -> None:
    held["components"][0]["arguments"]["odd"] = float("nan")
    assert compare_locks(held, copy.deepcopy(held)) == []


def test_the_heaviest_difference_is_told_first(held: lock.Lock) -> None:
    now = copy.deepcopy(held)
    for name in ("cpus", "threads", "numpy", "argument", "code", "file"):
        next(change for known, change, _, _ in CHANGES if known == name)(now)
    words = ["the file of", "its code", "beta1", "NumPy", "threads", "usable"]
    assert [word in text for word, text in zip(words, difference_texts(held, now), strict=True)] == [True] * 6


def test_files_of_another_version_are_not_told_one_by_one(held: lock.Lock) -> None:
    now = copy.deepcopy(held)
    own(now).update(version="9.9", code="sha256=0")
    for entry in now["components"]:
        entry.update(version="9.9", hash="sha256=0")
    assert difference_texts(held, now) == [f"bpframe: {bp.__version__} in the lock, 9.9 now"]


def test_usable_cpus_count_where_xla_computes(held: lock.Lock) -> None:
    held["versions"]["jax"] = "1"
    now = copy.deepcopy(held)
    now["machine"]["cpus"] = 99
    assert [one.breaks for one in compare_locks(held, now)] == [True]


def test_arguments_that_only_an_import_would_tell_are_not_compared(held: lock.Lock) -> None:
    now = copy.deepcopy(held)
    given = component(now, "optimizer.inner")["arguments"]
    del given["beta2"]
    assert difference_texts(held, now) == ["optimizer.inner.beta2: 0.999 in the lock, nothing now"]
    assert compare_locks(held, now, partial={"optimizer.inner"}) == []
    given["beta1"] = 0.5
    assert difference_texts(held, now)[0] == "optimizer.inner.beta1: 0.9 in the lock, 0.5 now"


def test_a_mismatch_is_refused_with_every_difference_and_a_remedy(held: lock.Lock) -> None:
    now = copy.deepcopy(held)
    now["machine"]["threads"], now["machine"]["cpus"] = 99, 99
    refuse_differences("the lock", compare_locks(held, held))
    with pytest.raises(ConfigError, match="--frozen needs what the lock holds") as caught:
        refuse_differences("the lock", compare_locks(held, now))
    assert "threads of BLAS" in str(caught.value)
    assert "usable CPUs" not in str(caught.value)
    own(now).update(version="9.9")
    with pytest.raises(PluginError, match=rf"pip install 'bpframe=={bp.__version__}'") as further:
        refuse_differences("the lock", compare_locks(held, now))
    assert "threads of BLAS" in str(further.value)


def test_nothing_but_usable_cpus_is_no_reason_to_refuse(held: lock.Lock) -> None:
    now = copy.deepcopy(held)
    now["machine"]["cpus"] = 99
    refuse_differences("the lock", compare_locks(held, now))
