"""The run lock holds the machine, is read as written, and each difference from it is weighed."""

from __future__ import annotations

import copy
import os
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from threadpoolctl import threadpool_info

import bpframe as bp
from bpframe.errors import ConfigError, PluginError
from bpframe.runs import config
from bpframe.runs.lock import lock
from bpframe.runs.lock.compare import compare_locks, difference_texts, refuse_differences
from bpframe.runs.lock.resolve import Entry
from bpframe.saving.environment import machine, versions
from tests.conftest import Site

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
