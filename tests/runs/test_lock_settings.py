"""The lock holds every setting of a config that may change bits, and says of the others why it leaves them out."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from bpframe.runs import config
from bpframe.runs.config.schema import ConfigFile
from bpframe.runs.config.specs import to_tables
from bpframe.runs.lock import lock
from bpframe.runs.lock.compare import compare_locks
from bpframe.runs.lock.settings import COMPONENTS, LEFT_OUT, lock_settings
from tests.configs import config_text

FULL = config_text(
    """\
[[groups]]
match = "*/bias"
lr_multiplier = 0.5
[train]
class_weight = { 0 = 1.0, 1 = 2.0 }
checkpoint = { every_steps = 5 }
""",
    data="validation = { fraction = 0.2 }\ntest = { fraction = 0.2 }\n",
)
CHANGES = {
    "train.batch_size": 7,
    "train.shuffle": False,
    "train.dtype": "float64",
    "train.seed": 1,
    "train.epochs": 3,
    "train.class_weight": "balanced",
    "data.test.fraction": 0.3,
    "data.test.kind": "stratified",
    "data.validation.fraction": 0.3,
    "data.validation.kind": "tail",
    "data.standardize": True,
    "data.target": "y",
    "data.source.points": 61,
    "groups.0.match": "*/weight",
    "groups.0.lr_multiplier": 2.0,
    "groups.0.frozen": True,
    "plugins.allow": [],
    "train.checkpoint.every_steps": 9,
    "train.checkpoint.keep": 1,
}
HARMLESS = ("plugins", "train.checkpoint")


@pytest.fixture
def full(tmp_path: Path) -> Path:
    path = tmp_path / "full.toml"
    path.write_text(FULL)
    return path


def locked(path: Path, **changes: Any) -> lock.Lock:
    overrides = [config.Override(tuple(key.split(".")), value, "--set") for key, value in changes.items()]
    return lock.lock_tables(config.load(path, overrides))


@pytest.mark.parametrize("key", CHANGES)
def test_a_setting_that_may_change_bits_differs_and_the_others_do_not(full: Path, key: str) -> None:
    found = compare_locks(locked(full), locked(full, **{key: CHANGES[key]}))
    if key.startswith(HARMLESS):
        assert found == []
        return
    assert all(one.breaks for one in found)
    assert any(one.text.startswith(key.partition(".0.")[0].removesuffix(".points")) for one in found), found


def settings_of(cls: type, path: str = "") -> Iterator[str]:
    """The path of every field of the tables."""
    for one in fields(cls):
        own = f"{path}{one.name}"
        table = one.metadata.get("table")
        yield from [own] if table is None else settings_of(table, f"{own}.")


def value_at(tables: Any, path: str) -> Any:
    for key in path.split("."):
        tables = tables[0] if isinstance(tables, list) else tables
        tables = tables.get(key)
    return tables


def test_every_setting_is_in_the_lock_or_left_out_by_name_or_a_component(full: Path, tmp_path: Path) -> None:
    (tmp_path / "model").write_bytes(b"")
    changes = {"train.start": str(tmp_path / "model"), "data.target": "y"}
    overrides = [config.Override(tuple(key.split(".")), value, "--set") for key, value in changes.items()]
    run = config.load(full, overrides)
    held = {path.replace("[0]", "") for path in lock.lock_tables(run)["settings"]}
    known = [path for path in settings_of(ConfigFile) if not any(path.startswith(left) for left in LEFT_OUT)]
    tables = to_tables(run.settings, run.folder)
    missing = {path for path in known if path not in COMPONENTS and value_at(tables, path) is not None} - held
    assert missing == set()
    assert all(reason for reason in LEFT_OUT.values())


def test_the_digest_of_the_model_that_a_run_starts_from_is_held_and_not_its_place(tmp_path: Path) -> None:
    for name, content in (("a", b"1"), ("b", b"1"), ("c", b"2")):
        (tmp_path / name).write_bytes(content)
    a, b, c = (lock_settings({"train": {"start": name}}, tmp_path)["train.start"] for name in "abc")
    assert a == b != c


def test_a_file_of_data_may_lie_elsewhere(tmp_path: Path) -> None:
    assert "data.source" not in lock_settings({"data": {"source": "rows.npz"}}, tmp_path)


def test_a_lock_without_settings_is_not_compared_and_that_is_said(full: Path) -> None:
    now = locked(full)
    old = copy.deepcopy(now)
    del old["settings"]
    assert [(one.text[:18], one.breaks) for one in compare_locks(old, now)] == [("settings and data:", False)]


def test_data_differ_once_both_are_known(full: Path) -> None:
    now = locked(full)
    then = {**now, "data": {"training": {"rows": 3, "x": "sha256:1"}}}
    assert compare_locks(then, now) == []
    (one,) = compare_locks(then, {**now, "data": {"training": {"rows": 3, "x": "sha256:2"}}})
    assert (one.text, one.breaks) == ("x of training: sha256:1 then, sha256:2 now", True)
