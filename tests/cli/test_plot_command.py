"""bpframe plot: the curves of runs as a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib
import pytest

import bpframe as bp
from bpframe.cli import curve_picture
from tests.cli.commands import bad, good
from tests.conftest import fresh_python

matplotlib.use("Agg")
pytestmark = pytest.mark.usefixtures("folder")


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The axes of each picture that a test writes."""
    axes: list[Any] = []
    real = curve_picture.training_panels

    def draw(*given: Any, **how: Any) -> Any:
        axes.append(real(*given, **how))
        return axes[-1]

    monkeypatch.setattr(curve_picture, "training_panels", draw)
    return axes


def train(name: str, *settings: str) -> None:
    words = [word for setting in settings for word in ("--set", setting)]
    good("train", "small.toml", "--quiet", "--name", name, *words)


def texts(ax: Any) -> list[str]:
    return [text.get_text() for text in ax.get_legend().get_texts()]


def test_a_run_is_drawn_into_a_file_of_its_name(folder: Path, drawn: list[Any]) -> None:
    train("first")
    assert good("plot", "runs/first") == "first.png\n"
    assert (folder / "first.png").read_bytes().startswith(b"\x89PNG")
    history = bp.Run("runs/first").history
    assert [ax.get_ylabel() for ax in drawn[0]] == ["loss", "accuracy"]
    lines = {line.get_label(): line.get_ydata().tolist() for line in drawn[0][0].lines}
    assert (lines["train"], lines["validation"]) == (history.train["loss"], history.validation["loss"])


def test_a_file_that_exists_is_replaced_by_force_alone(folder: Path) -> None:
    train("first")
    (folder / "mine.svg").write_text("mine")
    assert "'mine.svg' exists" in bad(2, "plot", "runs/first", "-o", "mine.svg")
    assert (folder / "mine.svg").read_text() == "mine"
    good("plot", "runs/first", "-o", "mine.svg", "--force")
    first = (folder / "mine.svg").read_bytes()
    good("plot", "runs/first", "-o", "mine.svg", "--force")
    assert first.startswith(b"<?xml")
    assert first == (folder / "mine.svg").read_bytes()


def test_runs_of_one_config_are_one_line_and_configs_are_told_by_what_differs(drawn: list[Any]) -> None:
    for rate in (0.1, 1.0):
        for seed in range(2):
            train(f"{rate}-{seed}", f"train.seed={seed}", f"optimizer.lr={rate}")
    assert good("plot", "runs", "--curve", "loss", "--theme", "dark") == "runs.png\n"
    assert texts(drawn[0][0])[:2] == ["lr 0.1", "lr 1.0"]
    good("plot", "runs", "--each", "--curve", "validation.loss", "--x", "step", "-o", "each.pdf")
    assert sorted(text.partition(",")[0] for text in texts(drawn[1][0]))[:4] == ["0.1-0", "0.1-1", "1.0-0", "1.0-1"]
    assert drawn[1][0].get_xlabel() == "step"
    good("plot", "runs/0.1-0", "runs/0.1-1", "--log", "--best=-validation.accuracy", "-o", "seeds.png")
    assert drawn[2][0].get_legend().get_title().get_text() == "mean over seeds and its 95% interval"
    assert drawn[2][0].get_yscale() == "log"


def test_weights_are_drawn_over_the_checkpoints_of_a_run(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Any] = []
    real = curve_picture.weight_panels
    monkeypatch.setattr(curve_picture, "weight_panels", lambda found, **how: seen.append(found) or real(found, **how))
    train("first", "train.checkpoint={ every_steps = 1, keep = 100 }")
    good("plot", "runs/first", "--weights")
    run = bp.Run("runs/first")
    assert [step for step, _ in seen[0]] == [1, 2, 3, 4]
    last = seen[0][-1][1]
    assert set(last) == {"dense_1/weight", "dense_1/bias"}
    assert all((last[name] == run.model.parameters[name]).all() for name in last)
    train("second")
    assert "needs two checkpoints at least" in bad(3, "plot", "runs/second", "--weights")
    assert "--weights needs one run, got 2" in bad(2, "plot", "runs", "--weights")


def test_without_matplotlib_the_message_says_what_to_install(folder: Path) -> None:
    train("first")
    (folder / "matplotlib").mkdir()
    (folder / "matplotlib" / "__init__.py").write_text("raise ModuleNotFoundError('No module named matplotlib')")
    done = fresh_python(["-c", "from bpframe.cli import main; main()", "plot", "runs/first"], folder, folder)
    assert done.returncode == 2
    assert done.stderr == ('No module named matplotlib, which plots need. Install it: pip install "bpframe[plot]".\n')


def test_what_cannot_be_drawn_is_named(folder: Path) -> None:
    train("first")
    assert "got 'r2'. There are: epoch, step, lr, train.loss" in bad(2, "plot", "runs/first", "--curve", "r2")
    assert "needs a file of the kind .png, .svg, .pdf, got 'x.bmp'" in bad(2, "plot", "runs/first", "-o", "x.bmp")
    (folder / "runs" / "first" / "history.jsonl").unlink()
    assert "first has no epoch yet" in bad(3, "plot", "runs/first")
    assert "missing is no folder" in bad(5, "plot", "missing")
    assert not list(folder.glob("*.png"))


def test_the_network_of_a_run_is_drawn_with_the_rows_that_it_is_measured_on(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train("first")
    looks: list[dict[str, Any]] = []
    real = bp.Trainer.plot_network

    def draw(self: bp.Trainer, x: Any, y: Any, **look: Any) -> Any:
        looks.append({"rows": len(x), **look})
        return real(self, x, y, **look)

    monkeypatch.setattr(bp.Trainer, "plot_network", draw)
    assert good("plot", "runs/first", "--network", "-o", "net.svg", "--theme", "dark") == "net.svg\n"
    assert (folder / "net.svg").read_bytes().startswith(b"<?xml")
    good("plot", "runs/first", "--network", "-o", "turned.png", "--inputs", "1, 0")
    assert looks == [
        {"rows": 15, "inputs": [0, 1], "theme": "dark"},
        {"rows": 15, "inputs": [1, 0], "theme": "light"},
    ]


def test_a_network_needs_one_run_and_inputs_that_it_has(folder: Path) -> None:
    train("first")
    train("second")
    assert "--network needs one run, got 2" in bad(2, "plot", "runs", "--network", "-o", "net.png")
    told = bad(2, "plot", "runs/first", "--network", "-o", "net.png", "--inputs", "height,0")
    assert "two different inputs of input 0, input 1, got ('height', 0)" in told
    assert "--inputs" in bad(2, "plot", "runs/first", "--inputs", "0,1")
    assert not (folder / "net.png").exists()
