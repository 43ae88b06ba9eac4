"""`bpframe export` writes the model of a run in another form."""

from __future__ import annotations

import json
from pathlib import Path

import onnx
import onnxruntime
import pytest
from click.testing import CliRunner

from bpframe.cli import main
from bpframe.runs.config import load
from bpframe.runs.folder import RunFolder
from bpframe.runs.model import load_model
from tests.cli.commands import bad, good

pytestmark = pytest.mark.usefixtures("folder")


def test_export_writes_what_the_run_predicts_and_its_lock(folder: Path) -> None:
    good("train", "small.toml", "--quiet")
    assert good("export", "runs/small", "-o", "model.onnx") == "model.onnx\n"
    run = RunFolder.existing(folder / "runs/small")
    trainer = load_model(run, load(run.config))
    x = onnxruntime.InferenceSession(folder / "model.onnx").get_inputs()[0]
    assert x.shape == ["rows", *trainer.task.shape]
    properties = {p.key: p.value for p in onnx.load(folder / "model.onnx").metadata_props}
    assert properties["bpframe.lock"] == run.lock.read_text(encoding="utf-8")


def test_export_keeps_an_existing_file_without_force(folder: Path) -> None:
    good("train", "small.toml", "--quiet")
    (folder / "model.onnx").write_text("mine")
    assert "--force" in bad(2, "export", "runs/small", "-o", "model.onnx")
    assert (folder / "model.onnx").read_text() == "mine"
    good("export", "runs/small", "-o", "model.onnx", "--force", "--opset", "22")
    assert onnx.load(folder / "model.onnx").opset_import[0].version == 22


def test_export_writes_a_step_of_training_with_the_settings_of_so_many(folder: Path) -> None:
    good("train", "small.toml", "--quiet")
    good("export", "runs/small", "-o", "step.onnx", "--train", "--steps", "7")
    model = onnx.load(folder / "step.onnx")
    settings = {p.key: json.loads(p.value) for p in model.metadata_props if p.key == "bpframe.settings"}
    assert len(settings["bpframe.settings"]["table"]) == 7
    assert "loss" in [output.name for output in model.graph.output]
    assert "opset" in bad(2, "export", "runs/small", "-o", "model.py", "--opset", "22")


def test_export_names_the_suffixes_that_it_writes(folder: Path) -> None:
    good("train", "small.toml", "--quiet")
    assert ".onnx" in bad(2, "export", "runs/small", "-o", "model.pkl")


def test_export_notes_in_a_line_a_step_that_amplifies_rounding(folder: Path) -> None:
    good("train", "small.toml", "--quiet", "--set", "optimizer=lion")
    result = CliRunner().invoke(main, ["export", "runs/small", "-o", "step.onnx", "--train"])
    assert result.exit_code == 0
    assert result.stderr.startswith("Note: lion makes rounding large in float32: ")
    assert result.stderr.count("\n") == 1
