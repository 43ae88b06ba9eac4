"""A comparison trains what its protocol says, in pairs, into a file, and goes on where it was stopped."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bpframe import studies
from bpframe.errors import ConfigError
from bpframe.studies.choice import chosen_settings
from bpframe.studies.measured_training import measured_training
from bpframe.studies.rule_comparison import Comparison, within_budget
from bpframe.studies.trial_file import without_times
from bpframe.training.hook_marker import hookimpl
from bpframe.training.trainer import Trainer
from tests.conftest import fresh_python
from tests.studies.tiny import plant, rows, tiny

Records = list[dict[str, Any]]


def two(*names: str, **settings: Any) -> Comparison:
    """A comparison on the tiny workload without diagnoses."""
    given: dict[str, Any] = {"workloads": ("tiny",), "studies": 1, "seeds": 1, "diagnoses": ()}
    return studies.comparison_of([studies.parse_contestant(name) for name in names], **given | settings)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    plant(monkeypatch, tiny())
    return tmp_path


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Records]:
    """Those of adam and lion in two studies, of two seeds each."""
    with pytest.MonkeyPatch.context() as patch:
        plant(patch, tiny())
        file = tmp_path_factory.mktemp("comparison") / "one.jsonl"
        yield studies.run_comparison(two("adam", "lion", studies=2, seeds=2), file).records()


def lines(path: str) -> Records:
    return [without_times(json.loads(line)) for line in Path(path).read_text().splitlines()]


def test_every_rule_gets_the_same_trials_and_scoring_seeds_that_no_tuning_saw(records: Records) -> None:
    keys = [record["trial"] for record in records[1:]]
    tuning = Counter((k["rule"], k["study"]) for k in keys if k["stage"] == "tuning")
    assert tuning == {(rule, study): 5 for rule in ("adam", "lion", "sgd") for study in (1, 2)}
    scoring = Counter((k["rule"], k["study"], k["horizon"]) for k in keys if k["stage"] == "scoring")
    tuned = ("adam", "lion", "sgd", "adam, defaults")
    nothing = {("nothing", 1, 1): 1}
    assert scoring == {(rule, s, h): 2 for rule in tuned for s in (1, 2) for h in (1, 2, 4)} | nothing
    seeds = {k["rule"]: sorted({k["seed"] for k in keys if k["stage"] == "scoring"}) for k in keys}
    assert {tuple(of_rule) for rule, of_rule in seeds.items() if rule in tuned} == {(1, 2, 3, 4)}
    points = {
        rule: [
            record["settings"]["lr"]
            for record in records[1:]
            if record["trial"].get("point") in range(1, 11) and record["trial"]["rule"] == rule
        ]
        for rule in ("adam", "lion")
    }
    places = [np.log(np.array(points[rule]) / low) / np.log(1000) for rule, low in (("adam", 3e-5), ("lion", 1e-5))]
    np.testing.assert_allclose(*places, atol=1e-5)


def test_the_best_of_each_study_is_scored(records: Records) -> None:
    for rule in ("adam", "lion", "sgd"):
        for study in (1, 2):
            of_it = [r for r in records[1:] if (r["trial"]["rule"], r["trial"]["study"]) == (rule, study)]
            ends = {
                r["values"][-1]: r["settings"] for r in of_it if r["trial"]["stage"] == "tuning" and not r["failed"]
            }
            scored = [r["settings"] for r in of_it if r["trial"]["stage"] == "scoring"]
            assert scored == [ends[min(ends)]] * 6


def test_a_trial_is_the_training_that_its_record_names(records: Records) -> None:
    record = next(r for r in records[1:] if r["trial"].get("horizon") == 2 and r["trial"]["rule"] == "lion")
    rate = {"name": "warmup_stable_decay", "peak": record["settings"]["lr"], "warmup": 0, "decay": 13}
    trainer = Trainer(
        tiny().network(), "mse", {"name": "lion", "lr": rate}, seed=record["trial"]["seed"], metrics=["mae"]
    )
    parts = rows()
    assert parts.validation is not None
    trainer.fit(*parts.train, epochs=4, batch_size=16, verbose=0)
    assert record["values"][-1] == trainer.evaluate(*parts.validation)["mae"]
    assert record["steps"] == record["looks"][-1] == 4 * 13


def test_the_same_comparison_with_one_job_and_two_writes_the_same_lines(folder: Path) -> None:
    settings: dict[str, Any] = {"workloads": ("rare_features",), "trials": 2}
    small = two("adam", "momentum", **settings)
    studies.run_comparison(small, "one.jsonl")
    studies.run_comparison(small, "two.jsonl", jobs=2)
    assert lines("one.jsonl") == lines("two.jsonl")


def test_a_comparison_goes_on_with_what_a_file_lacks(folder: Path) -> None:
    small = two("adam", "lion")
    studies.run_comparison(small, "whole.jsonl")
    text = Path("whole.jsonl").read_bytes().splitlines(keepends=True)
    Path("cut.jsonl").write_bytes(b"".join([*text[:4], *text[9:12], text[12][:30]]))
    studies.run_comparison(small, "cut.jsonl")
    assert lines("cut.jsonl") == lines("whole.jsonl")


def test_another_comparison_is_refused_the_file(folder: Path) -> None:
    studies.run_comparison(two("adam", "lion"), "one.jsonl")
    with pytest.raises(ConfigError, match="is of another study: its contestants differs"):
        studies.run_comparison(two("adam", "momentum"), "one.jsonl")


def test_a_budget_that_is_over_begins_no_further_trial_and_the_rest_is_done_later(folder: Path) -> None:
    small = two("adam", "lion")
    file = studies.run_comparison(small, "one.jsonl", budget=0.0)
    assert len(file.records()) == 1
    assert len(studies.run_comparison(small, "one.jsonl").records()) > 15


def test_a_budget_leaves_out_workloads_and_neither_seeds_nor_studies(folder: Path) -> None:
    rules = [studies.parse_contestant(name) for name in ("adam", "lion", "sgd")]
    whole = Comparison(rules, studies=3)
    assert within_budget(whole, 300, 2) == whole
    less = within_budget(whole, 20, 1)
    assert 1 <= len(less.workloads) < len(whole.workloads)
    assert (less.rounds, less.seeds) == (whole.rounds, whole.seeds)
    assert len(within_budget(whole, 0.1, 1).workloads) == 1


def test_one_workload_gets_as_many_studies_as_an_interval_needs() -> None:
    rules = [studies.parse_contestant(name) for name in ("adam", "lion")]
    assert Comparison(rules).rounds == 3
    assert Comparison(rules, workloads=("table",)).rounds == 6
    assert Comparison(rules, workloads=("table", "digits")).rounds == 3


def test_losses_are_compared_where_they_suit_and_by_the_metric_of_the_workload(folder: Path) -> None:
    whole = two("loss:huber", "loss:mse", workloads=("tiny", "digits"))
    assert whole.workloads == ("tiny",)
    records = studies.run_comparison(whole, "loss.jsonl").records()
    summary = studies.comparison_summary(records)
    assert summary["primary"] == "error 1x"
    assert {rule["title"] for rule in summary["rules"]} == {"loss:huber", "loss:mse"}
    assert "Ratio of the error at the end" in studies.comparison_text(summary)
    with pytest.raises(ConfigError, match="needs a workload that suits all contestants"):
        two("loss:huber", "loss:mse", workloads=("digits",))


def test_averages_are_measured_with_the_parameters_that_predict_and_timed(folder: Path) -> None:
    parts = rows()
    given = {"optimizer": {"name": "ema", "inner": {"name": "sgd", "lr": 0.1}, "decay": 0.9}}
    record = measured_training(tiny(), parts, given, seed=0, updates=True)
    assert record["seconds"]["swap"] > 0
    plain = measured_training(tiny(), parts, {"optimizer": {"name": "sgd", "lr": 0.1}}, seed=0)
    assert plain["seconds"]["swap"] == 0
    assert plain["values"] != record["values"]
    assert sorted(record["seconds"]["training"]) == record["seconds"]["training"]


def test_updates_by_layer_are_those_of_single_steps(folder: Path) -> None:
    parts, workload = rows(), tiny()
    record = measured_training(workload, parts, {"optimizer": {"name": "sgd", "lr": 0.1}}, seed=0, updates=True)
    whole, looks = workload.steps(200)
    states: list[dict[str, Any]] = []
    trainer = Trainer(workload.network(), "mse", {"name": "sgd", "lr": 0.1}, seed=0, callbacks=[_Watch(states)])
    trainer.fit(*parts.train, epochs=2, batch_size=16, verbose=0)
    for place, step in enumerate((1, whole // 2, whole - 2)):
        before, after = states[step - 1], states[step]
        for layer in ("dense_1", "dense_2"):
            names = [name for name in before if name.startswith(layer)]
            change = np.concatenate([(after[n] - before[n]).ravel() for n in names])
            size = np.concatenate([before[n].ravel() for n in names])
            expected = [math.sqrt(np.mean(values.astype(float) ** 2)) for values in (change, size)]
            assert record["updates"][layer][place] == pytest.approx(expected, rel=1e-6)
    assert looks == sorted(looks)


class _Watch:
    def __init__(self, states: list[dict[str, Any]]) -> None:
        self.states = states

    @hookimpl
    def bpframe_batch_end(self, state: Any) -> None:
        self.states.append({name: np.array(value) for name, value in state.parameters.items()})


def test_a_training_that_diverges_is_the_worst_and_never_chosen(folder: Path) -> None:
    record = measured_training(tiny(), rows(), {"optimizer": {"name": "sgd", "lr": 1e30}}, seed=0)
    assert record["failed"]
    key = {"stage": "tuning", "workload": "tiny", "rule": "sgd", "study": 1, "point": 1}
    assert chosen_settings([{}, {"trial": key, "settings": {"lr": 1e30}, **record}], "tiny", True) == {}


ON_ENGINES = """
import pytest
from bpframe import studies
from tests.studies.test_comparison import two
from tests.studies.tiny import plant, tiny
with pytest.MonkeyPatch.context() as patch:
    plant(patch, tiny())
    for engine in ("numpy", "jax"):
        small = two("sgd", "momentum", engine=engine, trials=1, horizons=(1,))
        studies.run_comparison(small, f"{engine}.jsonl")
"""


def test_engines_are_compared_on_alike(folder: Path) -> None:
    done = fresh_python(["-c", ON_ENGINES], folder, Path(__file__).parents[2])  # a trial has JAX on one thread
    assert done.returncode == 0, done.stderr
    values = {
        engine: [r["values"] for r in lines(f"{engine}.jsonl")[1:] if not r["failed"]] for engine in ("numpy", "jax")
    }
    assert len(values["numpy"]) == len(values["jax"]) > 5
    for one, other in zip(values["numpy"], values["jax"], strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-3)
