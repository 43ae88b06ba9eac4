"""A sweep trains every point on every seed, a line each, goes on where it was killed, and says what is best."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from bpframe import studies
from bpframe.errors import ConfigError
from bpframe.registry import registry
from bpframe.registry.plugin_files import _FINDER
from bpframe.runs import config
from bpframe.runs.config import parse_override
from bpframe.studies.grid import grid_points, parse_over
from bpframe.studies.sweep_table import sweep_scores, sweep_text
from bpframe.studies.trial_file import TrialFile, without_times
from bpframe.training.trainer import Trainer
from tests.cli.commands import bad, bpframe, good

SMALL = """\
loss = "softmax_cross_entropy"
[data]
source = { name = "moons", points = 60 }
validation = { fraction = 0.2 }
test = { fraction = 0.25 }
[[model.layers]]
name = "dense"
units = 2
[train]
epochs = 2
seed = 3
"""
OVER = {"optimizer.lr": [0.1, 1.0], "train.batch_size": [8, 16]}


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(_FINDER, "files", {})
    monkeypatch.setattr(registry, "_local", dict(registry._local))
    (tmp_path / "small.toml").write_text(SMALL)
    return Path("small.toml")


def lines(file: Path) -> list[dict[str, Any]]:
    return [without_times(json.loads(line)) for line in file.read_text().splitlines()]


def test_every_point_is_trained_on_every_seed_and_measured_on_validation_rows_as_by_hand(path: Path) -> None:
    file = studies.run_sweep(path, OVER, seeds=2)
    trials = file.records()[1:]
    assert [t["trial"]["seed"] for t in trials] == [3] * 4 + [4] * 4
    assert len({str(t["trial"]) for t in trials}) == 8
    one = next(
        t for t in trials if t["trial"] == {"settings": {"optimizer.lr": 1.0, "train.batch_size": 16}, "seed": 4}
    )
    run = config.load(path, [parse_override(s) for s in ("optimizer.lr=1.0", "train.batch_size=16", "train.seed=4")])
    parts, trainer = run.data(), run.trainer()
    trainer.fit(*parts.train, epochs=2, batch_size=16, verbose=0)
    assert parts.validation is not None
    assert one["values"] == trainer.evaluate(*parts.validation)
    assert one["best"] == {"loss": "min", "accuracy": "max"}
    assert (one["epochs"], one["steps"], one["failed"]) == (2, 6, None)


PLATEAU = '{ name = "reduce_on_plateau", schedule = { name = "constant", initial = 0.5 }, patience = 1 }'
READERS = {
    "callback": SMALL.replace("[data]", '[[callbacks]]\nname = "early_stopping"\npatience = 1\n[data]', 1),
    "rate": SMALL.replace("[data]", f'[optimizer]\nname = "sgd"\nlr = {PLATEAU}\n[data]', 1),
    "setting": SMALL.replace("[[model", f'[[model.layers]]\nname = "dropout"\nrate = {PLATEAU}\n[[model', 1),
}


@pytest.mark.parametrize("reader", READERS)
def test_what_reads_the_validation_curve_has_it(path: Path, reader: str) -> None:
    path.write_text(READERS[reader].replace("epochs = 2", "epochs = 9"))
    found = studies.run_sweep(path, {"train.batch_size": [8]}).records()[1]
    run = config.load(path, [parse_override("train.batch_size=8")])
    parts, trainer = run.data(), run.trainer()
    run.fit(trainer, parts)
    assert parts.validation is not None
    assert found["values"] == trainer.evaluate(*parts.validation)
    assert found["epochs"] == len(trainer.history)


def test_the_validation_curve_is_not_measured_where_nothing_reads_it(path: Path, monkeypatch: Any) -> None:
    fits: list[Any] = []
    fit = Trainer.fit
    monkeypatch.setattr(
        Trainer, "fit", lambda *given, **more: (fits.append(more["validation"]), fit(*given, **more))[1]
    )
    studies.run_sweep(path, {"optimizer.lr": [0.1]})
    path.write_text(READERS["callback"])
    studies.run_sweep(path, {"optimizer.lr": [0.1]}, out="other.jsonl")
    assert [given is None for given in fits] == [True, False]


def test_one_job_and_two_write_the_same_lines_but_for_times(path: Path) -> None:
    one = studies.run_sweep(path, OVER, seeds=2, out="one.jsonl")
    two = studies.run_sweep(path, OVER, seeds=2, jobs=2, out="two.jsonl")
    assert lines(one.path) == lines(two.path)


def test_a_sweep_goes_on_with_what_a_file_lacks_and_ends_as_one_never_stopped(path: Path) -> None:
    whole = studies.run_sweep(path, OVER, seeds=2, out="whole.jsonl")
    text = whole.path.read_bytes().splitlines(keepends=True)
    cut = Path("cut.jsonl")
    cut.write_bytes(b"".join([text[0], *text[3:6], text[7][:20]]))  # some trials, and half a line
    kept = lines(Path("whole.jsonl"))[3:6]
    seen: list[tuple[int, int]] = []
    studies.run_sweep(path, OVER, seeds=2, out=cut, show=lambda done, whole, record: seen.append((done, whole)))
    assert seen == [(done, 8) for done in range(4, 9)]
    assert lines(cut) == lines(whole.path)
    assert all(line in lines(cut) for line in kept)


def test_a_trial_that_two_processes_have_run_counts_once(path: Path) -> None:
    file = studies.run_sweep(path, {"optimizer.lr": [0.1]})
    text = file.path.read_text().splitlines(keepends=True)
    file.path.write_text("".join([*text, text[1]]))
    assert len(file.records()) == 2


WRITES = """
import time
from bpframe import studies
def show(*_):
    print("ran", flush=True)
    time.sleep(60)
studies.run_sweep("small.toml", {"optimizer.lr": [0.1, 0.2]}, show=show)
"""


def test_a_file_has_one_writer_at_a_time_and_a_killed_one_leaves_no_lock(path: Path) -> None:
    other = subprocess.Popen([sys.executable, "-c", WRITES], stdout=subprocess.PIPE)
    assert other.stdout is not None
    try:
        assert other.stdout.readline() == b"ran\n"
        before = Path("small.sweep.jsonl").read_bytes()
        with pytest.raises(ConfigError, match=rf"needs one process at a time, but process {other.pid} on .* writes it"):
            studies.run_sweep(path, {"optimizer.lr": [0.1, 0.2]})
        assert Path("small.sweep.jsonl").read_bytes() == before
        assert len(TrialFile("small.sweep.jsonl").records()) == 2  # who reads needs no lock
        other_file = ("--out", "other.jsonl", "--quiet")
        assert "1 trial: other.jsonl" in good("sweep", "small.toml", "--over", "optimizer.lr=0.1", *other_file)
    finally:
        other.kill()
        other.wait()
        other.stdout.close()
    assert Path("small.sweep.jsonl.pid").exists()
    assert len(studies.run_sweep(path, {"optimizer.lr": [0.1, 0.2]}).records()) == 3
    assert not Path("small.sweep.jsonl.pid").exists()


def test_without_joblib_one_job_runs_and_two_are_refused(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "joblib", None)
    assert len(studies.run_sweep(path, {"optimizer.lr": [0.1]}).records()) == 2
    with pytest.raises(ConfigError, match=r"need joblib, which is not installed. Install it: pip install 'bpframe\[st"):
        studies.run_sweep(path, {"optimizer.lr": [0.1]}, jobs=2, out="two.jsonl")


def test_more_seeds_and_values_go_on_from_the_same_file(path: Path) -> None:
    studies.run_sweep(path, {"optimizer.lr": [0.1]})
    seen: list[Any] = []
    file = studies.run_sweep(path, {"optimizer.lr": [0.1, 0.5]}, seeds=2, show=lambda *given: seen.append(given))
    assert (len(seen), len(file.records())) == (3, 5)


def test_a_file_of_another_study_is_refused_and_left_alone(path: Path) -> None:
    file = studies.run_sweep(path, {"optimizer.lr": [0.1]}).path
    before = file.read_bytes()
    path.write_text(SMALL.replace("epochs = 2", "epochs = 3"))
    with pytest.raises(ConfigError, match=r"is of another study: its config differs. Give another --out"):
        studies.run_sweep(path, {"optimizer.lr": [0.1]})
    assert file.read_bytes() == before
    Path("other.jsonl").write_text("not a study\n")
    with pytest.raises(ConfigError, match="needs to be the file of a study"):
        studies.run_sweep(path, {"optimizer.lr": [0.1]}, out="other.jsonl")


def test_rows_that_changed_are_another_study(path: Path, tmp_path: Path) -> None:
    rows = tmp_path / "rows.csv"
    rows.write_text("a,y\n" + "".join(f"{i},{i % 2}\n" for i in range(20)))
    path.write_text(SMALL.replace('{ name = "moons", points = 60 }', '"rows.csv"\ntarget = "y"'))
    studies.run_sweep(path, {"optimizer.lr": [0.1]})
    rows.write_text(rows.read_text().replace("3,1", "3,0"))
    with pytest.raises(ConfigError, match="its data"):
        studies.run_sweep(path, {"optimizer.lr": [0.1]})
    again = studies.run_sweep(path, {"optimizer.lr": [0.1]}, out="new.jsonl").records()[1]["values"]
    assert again != TrialFile("small.sweep.jsonl").records()[1]["values"], "rows of the former sweep were kept"


def test_mistakes_at_any_point_are_told_before_the_first_training(path: Path) -> None:
    with pytest.raises(ConfigError, match=r"sgd needs .* lr.*got -1"):
        studies.run_sweep(path, {"optimizer.lr": [0.1, -1.0]})
    with pytest.raises(ConfigError, match="needs other settings than train"):
        studies.run_sweep(path, {"train.seed": [1, 2]})
    path.write_text(SMALL.replace("validation = { fraction = 0.2 }\n", ""))
    with pytest.raises(ConfigError, match="needs validation rows"):
        studies.run_sweep(path, {"optimizer.lr": [0.1]})
    assert list(Path().glob("*.jsonl")) == []


def test_a_training_that_diverges_is_a_result_and_the_worst(path: Path) -> None:
    path.write_text(SMALL.replace("softmax_cross_entropy", "mse").replace("units = 2", "units = 1"))
    records = studies.run_sweep(path, {"optimizer.lr": [1e30, 0.01]}, seeds=2).records()
    failed = [record for record in records[1:] if record["failed"]]
    assert len(failed) == 2
    assert all("finite" in record["failed"] for record in failed)
    scores = sweep_scores(records)
    assert [score.settings["optimizer.lr"] for score in scores] == [0.01, 1e30]
    assert "2 trials diverged" in sweep_text(records)


def trial(value: float | None, seed: int, lr: float, **settings: Any) -> dict[str, Any]:
    return {
        "trial": {"settings": {"optimizer.lr": lr, **settings}, "seed": seed},
        "values": {"loss": value, "accuracy": value},
        "best": {"loss": "min", "accuracy": "max"},
        "seconds": {"training": 1.0, "all": 1.0},
    }


def test_points_are_ordered_by_the_median_in_the_direction_of_the_value() -> None:
    records = [
        {},
        *(trial(v, s, lr) for lr, values in ((1.0, (1, 9, 2)), (2.0, (3, 3, 3))) for s, v in enumerate(values)),
    ]
    assert [s.middle for s in sweep_scores(records)] == [2, 3]
    assert [s.middle for s in sweep_scores(records, "accuracy")] == [3, 2]
    with pytest.raises(ConfigError, match="compares by one of loss, accuracy, got 'f1'"):
        sweep_scores(records, "f1")


def test_where_the_loss_is_swept_a_metric_compares() -> None:
    records = [{}, *(trial(v, 0, 1.0, **{"loss.name": name}) for name, v in (("mse", 0.1), ("mae", 0.9)))]
    assert [s.settings["loss.name"] for s in sweep_scores(records)] == ["mae", "mse"]


def test_the_text_warns_of_a_best_value_at_an_end_and_of_ranges_that_overlap() -> None:
    records = [{}, *(trial(v, s, lr) for lr in (1.0, 2.0, 3.0) for s, v in enumerate((lr, lr + 1.5)))]
    text = sweep_text(records)
    assert 'Best: --set "optimizer.lr=1.0" (loss 1.75, the median of 2).' in text
    assert "optimizer.lr is best at the lowest value that was tried" in text
    assert "The seeds of 1 other point reach into its range." in text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("optimizer.lr=1e-4,1e-3", ("optimizer.lr", [1e-4, 1e-3])),
        ("loss = mse , huber", ("loss", ["mse", "huber"])),
        ("a=[1,2],[3]", ("a", [[1, 2], [3]])),
        ('o={name="adam",lr=0.1},"a,b"', ("o", [{"name": "adam", "lr": 0.1}, "a,b"])),
        ("a=true", ("a", [True])),
    ],
)
def test_values_are_divided_at_commas_outside_of_quotes_and_brackets(text: str, expected: Any) -> None:
    assert parse_over(text) == expected


@pytest.mark.parametrize("text", ["lr", "=1,2", "lr=", "lr=1,,2", "lr=1,1"])
def test_values_that_are_missing_or_doubled_are_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="--over"):
        parse_over(text)


def test_points_are_all_combinations() -> None:
    assert grid_points({"a": [1, 2], "b": ["x"]}) == [{"a": 1, "b": "x"}, {"a": 2, "b": "x"}]


# ------------------------------------------------------------------------------------------------------- the command


def test_the_command_prints_a_table_and_goes_on_when_it_is_repeated(path: Path) -> None:
    arguments = ("sweep", path, "--over", "optimizer.lr=0.1,1.0", "--seeds", 2)
    result = bpframe(*arguments)
    assert result.exit_code == 0
    assert "4/4 trials" in result.stderr
    assert good(*arguments) == result.stdout  # nothing is left to run, so there is no progress
    assert "4 trials: small.sweep.jsonl" in result.stdout
    points = json.loads(good(*arguments, "--json", "--by", "accuracy"))
    assert points[0]["median"] == max(point["median"] for point in points)


def test_the_command_refuses_what_is_no_sweep(path: Path) -> None:
    assert "--over needs KEY=VALUE" in bad(2, "sweep", path, "--over", "optimizer.lr")
    assert "needs each key once" in bad(2, "sweep", path, "--over", "a=1", "--over", "a=2")
    assert "--over optimizer.rate: " in bad(2, "sweep", path, "--over", "optimizer.rate=1,2")


def test_plugin_files_are_used_by_the_processes_of_a_sweep(path: Path) -> None:
    Path("mine.py").write_text(
        "from bpframe.plugin import Array\nclass Mine:\n    lr: float = 0.1\n    scope = 'element'\n"
        "    def __init__(self, lr: float = 0.1) -> None:\n        self.lr = lr\n"
        "    def init(self, p):\n        return {}\n"
        "    def update(self, p, g, state, h):\n        return p - h.lr * g, {}\n"
    )
    text = good("sweep", path, "--over", "optimizer=mine,sgd", "--plugin", "mine.py", "--quiet", "--jobs", 2)
    assert "2 trials" in text
    assert set(lines(Path("small.sweep.jsonl"))[0]["plugins"]) == {"mine.py"}


KILLED = """
import os, sys
from bpframe import studies
def show(done, whole, record):
    if done == 3:
        os.kill(os.getpid(), 9)
studies.run_sweep("small.toml", {"optimizer.lr": [0.1, 0.2, 0.3, 0.4]}, seeds=2, show=show)
"""


def test_a_sweep_that_is_killed_loses_no_trial_that_has_ended(path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", KILLED], env=dict(os.environ), timeout=120)
    assert done.returncode == -9
    assert len(lines(Path("small.sweep.jsonl"))) == 1 + 3


def test_the_example_for_optuna_prunes_and_finds_better_than_the_first(path: Path) -> None:
    example = Path(__file__).parents[2] / "docs" / "examples" / "optuna_search.py"
    path.write_text(
        SMALL.replace("units = 2\n", 'units = 4\nactivation = "tanh"\n[[model.layers]]\nname = "dense"\nunits = 2\n', 1)
    )
    code = f"import runpy; m = runpy.run_path({str(example)!r}); s = m['search']('small.toml', 12)\n"
    code += "print([t.state.name for t in s.trials].count('PRUNED'), s.best_value, s.trials[0].value)"
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    pruned, best, first = (float(word) for word in done.stdout.split())
    assert pruned > 0
    assert best < first


DASK = """
import joblib, sys
from dask.distributed import Client, LocalCluster
from bpframe import studies
if __name__ == "__main__":
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster, Client(cluster):
        with joblib.parallel_config(backend="dask", n_jobs=2):
            file = studies.run_sweep("small.toml", {"optimizer.lr": [0.1, 1.0]}, seeds=2, jobs=None, out="dask.jsonl")
"""


@pytest.mark.slow
def test_a_dask_cluster_gives_the_same_lines(path: Path) -> None:
    Path("study.py").write_text(DASK)
    done = subprocess.run([sys.executable, "study.py"], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    studies.run_sweep(path, {"optimizer.lr": [0.1, 1.0]}, seeds=2, out="plain.jsonl")
    assert lines(Path("dask.jsonl")) == lines(Path("plain.jsonl"))
