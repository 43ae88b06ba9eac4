"""`bpframe tune`: the table that is measured once is that of new runs, and a run keeps the one that it began with."""

from __future__ import annotations

import hashlib
import json
import os
import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner

import bpframe as bp
from bpframe.cli import main
from bpframe.engine.numpy import thread_table
from bpframe.engine.numpy.blas import Blas
from bpframe.engine.numpy.thread_table import ProductTimes

TEAM, POOL = 2**23, 2**25


def run(*command: str) -> str:
    result = CliRunner().invoke(main, command, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def engine(folder: Path) -> dict[str, int]:
    """The arguments of the engine in the lock of a run."""
    tables = tomllib.loads((folder / "run.lock.toml").read_text())
    (found,) = [entry for entry in tables["components"] if entry["path"] == "train.engine"]
    return {name: value for name, value in found["arguments"].items() if name.endswith("_from")}


def digests(folder: Path) -> list[str]:
    return [hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in ("model.safetensors", "run.lock.toml")]


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine with two threads, on which a team gains from 2^23 multiplications on, and BLAS's own from 2^25."""
    times = [ProductTimes(2**k, 1.0, 0.6 if 2**k >= TEAM else 1.2, 0.5 if 2**k >= POOL else 0.8) for k in range(22, 29)]
    monkeypatch.setattr(Blas, "free", 2)
    monkeypatch.setattr(thread_table, "product_times", lambda blas, team: times)
    monkeypatch.setattr(os, "getloadavg", lambda: (0.1, 4.0, 4.0), raising=False)


@pytest.mark.usefixtures("measured", "folder")
def test_a_run_holds_the_table_of_its_machine_in_lock_config_and_checkpoint(cache_home):
    assert run("train", "small.toml", "--name", "before", "--quiet")
    assert engine(Path("runs/before")) == {}
    text = run("tune")
    assert f"team_from = {TEAM}, pool_from = {POOL}" in text
    (file,) = (cache_home / "bpframe" / "threads").glob("*.json")
    assert json.loads(file.read_text()) == {"team_from": TEAM, "pool_from": POOL}
    for name in ("one", "two"):
        run("train", "small.toml", "--name", name, "--quiet", "--set", "train.checkpoint.every_steps=1")
    assert engine(Path("runs/one")) == {"team_from": TEAM, "pool_from": POOL}
    assert digests(Path("runs/one")) == digests(Path("runs/two"))
    config = tomllib.loads(Path("runs/one/config.toml").read_text())
    assert (config["train"]["engine"]["team_from"], config["train"]["engine"]["pool_from"]) == (TEAM, POOL)
    newest = max(Path("runs/one").rglob("step-*.safetensors"))
    assert bp.Trainer.resume(newest).engine.team_from == TEAM


@pytest.mark.usefixtures("measured", "folder")
def test_resume_and_frozen_keep_the_table_of_the_run_whatever_was_measured_since():
    run("train", "small.toml", "--name", "shipped", "--quiet")
    run("tune")
    run("train", "small.toml", "--name", "tuned", "--quiet")
    for name, table in (("shipped", {}), ("tuned", {"team_from": TEAM, "pool_from": POOL})):
        run("train", "small.toml", "--frozen", f"runs/{name}", "--name", f"{name}-frozen", "--quiet")
        assert engine(Path(f"runs/{name}-frozen")) == table
        assert "accuracy" in run("train", "small.toml", "--resume", "auto", "--name", name, "--quiet")
    run("tune", "--remove")
    run("train", "small.toml", "--frozen", "runs/tuned", "--name", "again", "--quiet")
    run("train", "small.toml", "--name", "new", "--quiet")
    assert engine(Path("runs/again")) == {"team_from": TEAM, "pool_from": POOL}
    assert engine(Path("runs/new")) == {}


@pytest.mark.usefixtures("folder")
def test_a_machine_of_one_thread_has_nothing_to_measure(monkeypatch):
    monkeypatch.setattr(Blas, "free", 1)
    result = CliRunner().invoke(main, ["tune"])
    assert result.exit_code != 0
    assert "needs an OpenBLAS with several threads" in result.output


@pytest.mark.usefixtures("measured", "folder")
def test_a_table_of_a_busy_machine_is_kept_where_that_is_asked_for(monkeypatch, cache_home):
    slowed = [time._replace(slowed=4.0) for time in thread_table.product_times(None, 2)]
    monkeypatch.setattr(thread_table, "product_times", lambda blas, team: slowed)
    result = CliRunner().invoke(main, ["tune"])
    assert result.exit_code == 2
    assert "needs a machine that does nothing else, got times 4.0 times the least" in result.output
    assert not list(cache_home.rglob("*.json"))
    assert f"team_from = {TEAM}" in run("tune", "--busy")
    assert len(list(cache_home.rglob("*.json"))) == 1


@pytest.mark.usefixtures("measured", "folder")
def test_programs_that_computed_a_minute_ago_make_a_machine_busy(monkeypatch, cache_home):
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    monkeypatch.setattr(os, "getloadavg", lambda: (1.5, 0.0, 0.0), raising=False)
    result = CliRunner().invoke(main, ["tune"])
    assert result.exit_code == 2
    assert "got a load of 0.75 a CPU" in result.output
    assert not list(cache_home.rglob("*.json"))


@pytest.mark.usefixtures("measured", "folder")
@pytest.mark.parametrize("damage", ["", "[]", '{"team_from": 3, "pool_from": 4}', '{"team_from": "x"}'])
def test_a_table_that_cannot_be_read_is_none(cache_home, damage):
    run("tune")
    (file,) = (cache_home / "bpframe" / "threads").glob("*.json")
    file.write_text(damage)
    run("train", "small.toml", "--name", "one", "--quiet")
    assert engine(Path("runs/one")) == {}
