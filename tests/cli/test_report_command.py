"""`bpframe report` writes a page about runs: what is on it, and what is not unless it is asked for."""

from __future__ import annotations

import base64
import json
import math
import platform
import re
import shutil
import signal
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import bpframe as bp
from tests.cli.commands import bad, bpframe, good, interrupted
from tests.report.runs_to_report import CLASSES, COLUMNS, NAMES, NUMBERS, long_runs, train_hostile

pytestmark = pytest.mark.usefixtures("folder")


class Text(HTMLParser):
    """The texts and the tags of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.tags: list[tuple[str, dict[str, Any]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def data_of(page: str) -> dict[str, Any]:
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', page)
    assert found
    content: dict[str, Any] = json.loads(found[1])
    return content


def report(*arguments: object) -> str:
    """The page that a command writes to out.html."""
    good("report", *arguments, "-o", "out.html", "--force")
    return Path("out.html").read_text(encoding="utf-8")


def without_times(page: str) -> str:
    cut, count = re.subn(r"<!-- times: begin -->.*?<!-- times: end -->", "", page, flags=re.DOTALL)
    assert count == 1
    return cut


def test_a_report_stands_in_the_folder_of_its_run_and_is_kept_without_force(folder: Path) -> None:
    good("train", "small.toml", "--quiet")
    assert good("report", "runs/small") == "runs/small/report.html\n"
    file = folder / "runs/small/report.html"
    file.write_text("mine")
    assert "--force" in bad(2, "report", "runs/small")
    assert file.read_text() == "mine"
    good("report", "runs/small", "--force")
    assert file.read_text().startswith("<!DOCTYPE html>")


def test_runs_of_several_folders_need_a_file_and_what_is_no_run_is_refused(folder: Path) -> None:
    good("train", "small.toml", "--quiet")
    good("train", "small.toml", "--quiet", "--set", "train.seed=1")
    assert "-o" in bad(2, "report", "runs/small", "runs/small-2")
    assert good("report", "runs") == "runs/report.html\n"
    (folder / "empty").mkdir()
    assert "holds no run" in bad(5, "report", "empty", "-o", "out.html")
    assert not Path("out.html").exists()


def test_the_page_has_results_layers_config_lock_and_commands(folder: Path) -> None:
    good("train", "small.toml", "--quiet")
    text = " ".join(Text(report("runs/small")).texts)
    result = json.loads((folder / "runs/small/test.json").read_text())
    assert f"{result['loss']:.4g}" in text
    assert "softmax_cross_entropy" in text
    assert "dense_1" in text
    assert "sha256=" in text
    assert "bpframe train small.toml --frozen small.lock.toml --name small" in text
    assert "Permission is hereby granted" in text
    assert "Leon Sorokin" in text


def test_a_page_names_the_runs_whose_models_were_not_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("one", "two", "three"):
        good("train", "small.toml", "--quiet", "--name", name, "--set", "train.epochs=1")
    runs = [f"runs/{name}" for name in ("one", "two", "three")]
    assert "not measured" not in report(*runs)
    monkeypatch.setattr("bpframe.cli.report.MOST_MEASURED", 1)
    text = "|".join(Text(report(*runs)).texts)
    assert "2 more models were not measured|To see them, report fewer runs: two, three." in text


def test_the_commands_and_files_of_a_report_make_the_run_again(folder: Path, tmp_path_factory: Any) -> None:
    (folder / "numbers.toml").write_text(NUMBERS)
    good("train", "numbers.toml", "--quiet")
    page = Text(report("runs/numbers"))
    links = {attrs["download"]: attrs["href"] for tag, attrs in page.tags if tag == "a" and "download" in attrs}
    shutil.move("runs", "first")
    for name, address in links.items():
        Path(name).write_bytes(base64.b64decode(address.partition(",")[2]))
    (line,) = (line for text in page.texts for line in text.splitlines() if line.startswith("bpframe train"))
    good(*line.split()[1:], "--quiet")
    again, first = (np.fromfile(folder / place / "numbers/model.safetensors", np.uint8) for place in ("runs", "first"))
    np.testing.assert_array_equal(again, first)


def test_no_rows_paths_or_host_are_on_a_page_unless_asked_for(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "node", lambda: "planted.host.name")
    runs = train_hostile(folder)
    page = report(*runs)
    told = report(*runs, "--include-rows", "--include-environment")
    for secret in (str(folder), platform.node(), "Worst rows", '"machine"', "reported on"):
        assert secret not in page
    texts = " ".join(Text(told).texts)
    for secret in (str(folder), platform.node(), "Worst rows", "reported on"):
        assert secret in texts
    row = (folder / "rows.csv").read_text().splitlines()[1].split(",")[0]
    assert row not in page


def test_text_of_columns_classes_and_runs_is_text(folder: Path) -> None:
    page = Text(report(*train_hostile(folder), "--include-rows"))
    assert [attrs for _, attrs in page.tags if "planted" in (attrs.get("class") or "")] == []
    text = "\n".join(page.texts)
    for name in (*COLUMNS, *CLASSES, *NAMES, "<s class=planted>hidden<s>"):
        assert name in text


def test_runs_of_one_config_have_an_interval_and_curves_a_band(folder: Path) -> None:
    data = data_of(report(*train_hostile(folder)))
    assert [group["runs"] for group in data["groups"]] == [[0, 1, 2]]
    charts = {chart["title"]: chart for chart in data["charts"]}
    assert list(charts) == ["loss", "accuracy", "learning rate"]
    assert len(charts["loss"]["lines"]) == 6
    assert [band["part"] for band in charts["loss"]["bands"]] == ["train", "validation"]
    assert "Mean over 3 seeds" in Path("out.html").read_text(encoding="utf-8")


def test_columns_that_a_callback_adds_to_the_history_have_charts(folder: Path) -> None:
    good("train", "small.toml", "--quiet")
    history = folder / "runs/small/history.jsonl"
    records = [json.loads(line) for line in history.read_text().splitlines()]
    for record in records:
        record["train"]["weight_norm/dense_1"] = 1.5
        record["monitor"] = {"dead": 0.25, "words": ["all is well"]}
    history.write_text("".join(json.dumps(record) + "\n" for record in records))
    charts = {chart["title"]: chart for chart in data_of(report("runs/small"))["charts"]}
    assert [line["part"] for line in charts["weight_norm"]["lines"]] == ["train dense_1"]
    assert [line["part"] for line in charts["dead"]["lines"]] == ["monitor"]


def test_what_monitor_says_of_a_training_is_in_its_report_and_is_text(folder: Path) -> None:
    text = (folder / "small.toml").read_text().replace("units = 2", "units = 2\nlabel = '<b class=planted>last'")
    (folder / "steep.toml").write_text('callbacks = ["monitor"]\noptimizer = { name = "sgd", lr = 1e6 }\n' + text)
    bpframe("train", "steep.toml", "--quiet", "--epochs", "4")
    notes = bp.Run("runs/steep").history.notes
    assert notes
    page = Text(report("runs/steep"))
    assert all(sentence in page.texts for _, sentence in notes)
    assert [attrs for _, attrs in page.tags if "planted" in (attrs.get("class") or "")] == []


def test_a_run_that_still_trains_has_a_report_too(folder: Path) -> None:
    good("train", "small.toml", "--quiet")
    for name in ("test.json", "model.safetensors"):
        (folder / "runs/small" / name).unlink()
    page = report("runs/small")
    assert len(data_of(page)["charts"]) == 3
    assert "What the model gets right" not in page


def test_data_that_changed_are_not_measured_and_no_path_is_told(folder: Path) -> None:
    run, *_ = train_hostile(folder)
    (folder / "rows.csv").unlink()
    page = report(run)
    assert "The model cannot be measured" in page
    assert str(folder) not in page


def test_a_resumed_run_has_the_report_of_one_that_was_never_stopped(rows: Path) -> None:
    text = (rows / "run.toml").read_text() + "checkpoint = { every_steps = 50 }\n"
    (rows / "run.toml").write_text(text.replace("epochs = 8", "epochs = 150"))
    options = ["train", "run.toml", "--name", "one", "--quiet", "--runs"]
    good(*options, "whole")
    some = rows / "cut/one/checkpoints"
    code, _ = interrupted(signal.SIGINT, lambda: len(list(some.glob("*"))) >= 1, *options, "cut", "--resume", "auto")
    assert code == 130
    good(*options, "cut", "--resume", "auto")
    whole, cut = without_times(report("whole/one")), without_times(report("cut/one"))
    assert whole == cut
    assert "epochs took" not in whole


def test_a_report_of_the_same_runs_is_the_same(folder: Path) -> None:
    runs = train_hostile(folder)
    assert report(*runs) == report(*runs)


def test_five_runs_of_10000_epochs_and_four_curves_take_less_than_400_kb_and_say_that_they_are_thinned(
    folder: Path,
) -> None:
    runs = long_runs(folder, "small.toml", 5, 10_000)
    page = report(runs)
    assert len(page.encode()) < 400_000
    assert data_of(page)["longest"] == 10_000
    full = data_of(report(runs / "run-0", "--full"))
    assert full["longest"] == 0
    assert max(len(curve["y"]) for curve in full["curves"]) == 40_000


def test_a_run_whose_loss_is_not_finite_has_a_report_too(folder: Path) -> None:
    good("train", "small.toml", "--quiet")
    good("train", "small.toml", "--quiet", "--set", "train.seed=1")
    (folder / "runs/small/test.json").write_text('{"loss": null, "accuracy": 0.5, "rows": 15}')
    page = " ".join(Text(report("runs")).texts)
    assert "nan" not in page.lower().split()
    assert math.isnan(bp.Run("runs/small").results["test"]["loss"])


def test_a_damaged_history_leaves_the_lines_that_can_be_read(folder: Path) -> None:
    good("train", "small.toml", "--quiet")
    history = folder / "runs/small/history.jsonl"
    history.write_text(history.read_text() + '{"epoch": 3, "tr')
    result = bpframe("report", "runs/small")
    assert (result.exit_code, result.stderr) == (0, "")


def test_a_run_of_a_program_says_that_its_data_are_the_programs(folder: Path) -> None:
    x = np.random.default_rng(0).normal(size=(40, 2))
    trainer = bp.Trainer(bp.Network([bp.layers.dense(2)]), "softmax_cross_entropy", "adam", seed=0)
    trainer.fit(x, (x[:, 0] > 0).astype(int), epochs=2, verbose=0, run="mine")
    text = " ".join(Text(report("runs/mine")).texts)
    assert "a program handed over its data" in text
    assert "# mine: run the program again" in text
    assert "bpframe train" not in text


def test_notes_of_callbacks_and_odd_data_are_on_the_page(folder: Path) -> None:
    x = np.random.default_rng(0).normal(size=(60, 3)) * 1000
    x[:, 1] = 5.0
    np.savez(folder / "rows.npz", x=x, y=(x[:, 0] > 0).astype(int))
    text = NUMBERS.replace('"mse"', '"softmax_cross_entropy"').replace("units = 1\n", "units = 2\n")
    text = text.replace('{ name = "noisy_sine", points = 80 }', '"rows.npz"')
    (folder / "odd.toml").write_text(text + '[[callbacks]]\nname = "monitor"\n')
    bpframe("train", "odd.toml", "--name", "odd")
    history = bp.Run("runs/odd").history
    assert history.notes == [(epoch, note) for epoch, note in history.notes if note] != []
    texts = Text(report("runs/odd")).texts
    assert "Notes" in texts
    assert all(note in texts for _, note in history.notes)
    assert "train x has one value in every row of: '1'. Leave out what says nothing." in texts
    plain = text.replace('"rows.npz"', '{ name = "moons", points = 80 }')
    (folder / "plain.toml").write_text(plain)
    good("train", "plain.toml", "--quiet", "--name", "plain")
    assert "Notes" not in Text(report("runs/plain")).texts
