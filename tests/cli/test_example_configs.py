"""The examples train on what their scripts write, go on from a checkpoint to the same bits, and are exported."""

from __future__ import annotations

import runpy
import sys
import tomllib
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import onnxruntime
import pytest

import bpframe as bp
from bpframe.cli import documents
from bpframe.runs import config
from tests.cli.commands import good

EXAMPLES = Path(documents.__file__).parents[2] / "docs" / "examples"
NAMES = sorted(path.stem for path in EXAMPLES.glob("*.toml"))


def mnist_1d() -> dict[str, ModuleType]:
    """The modules of the package mnist1d, with data of their shapes."""
    rng = np.random.default_rng(0)
    made = {"x": rng.normal(size=(60, 40)), "y": np.arange(60) % 10}
    found = {**made, "x_test": made["x"][:20], "y_test": made["y"][:20]}
    data = ModuleType("mnist1d.data")
    data.get_dataset_args = SimpleNamespace  # type: ignore[attr-defined]
    data.make_dataset = lambda args: found  # type: ignore[attr-defined]
    return {"mnist1d": ModuleType("mnist1d"), "mnist1d.data": data}


def write_data(name: str) -> None:
    """What an example's script writes, less of it."""
    if not (EXAMPLES / f"{name}.py").exists():
        return
    script: Any = SimpleNamespace(**runpy.run_path(str(EXAMPLES / f"{name}.py")))
    if name == "addition":
        pairs = np.random.default_rng(0).integers(0, 1000, (400, 2))
        for part, rows in (("train", pairs[:300]), ("test", pairs[300:])):
            np.savez(f"addition-{part}.npz", **script.additions(rows))
    elif name == "characters":
        Path("characters.text").write_text(Path(config.__file__).read_text() * 3)
    elif name == "shapes":
        for part, seed in (("train", 0), ("test", 1)):
            np.savez(f"shapes-{part}.npz", **script.images(40, seed))
    elif name == "tagger":
        for part, seed in (("train", 0), ("test", 1)):
            np.savez(f"tagger-{part}.npz", **script.arrays(60, seed))
    else:
        script.main()


@pytest.fixture(params=NAMES)
def example(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> config.Config:
    """An example, as `bpframe init --example` writes it, with its data in the current folder."""
    monkeypatch.chdir(tmp_path)
    for name, module in mnist_1d().items():
        monkeypatch.setitem(sys.modules, name, module)
    written = good("init", "--example", request.param).splitlines()
    assert [Path(name).stem for name in written] == [request.param] * len(written)
    write_data(request.param)
    return config.load(Path(written[0]))


def test_an_example_goes_on_from_the_middle_of_an_epoch_to_the_same_bits_and_leaves_as_onnx(example, tmp_path):
    x, y, *weight = (array[:120] for array in example.data().train)
    fit = {"sample_weight": weight[0] if weight else None, "epochs": 2, "batch_size": 40, "verbose": 0}
    whole = example.trainer()
    whole.callbacks = [bp.callbacks.checkpoint(str(tmp_path / "files"), every_steps=2, every_seconds=None, keep=9)]
    whole.fit(x, y, **fit)
    resumed = bp.Trainer.resume(tmp_path / "files" / "step-00000002.safetensors")
    resumed.fit(x, y, **fit)
    want = whole.parameters.copy()
    for name, value in resumed.parameters.items():
        assert value.tobytes() == want[name].tobytes(), name

    bp.export(whole, tmp_path / "model.onnx")
    session = onnxruntime.InferenceSession(str(tmp_path / "model.onnx"))
    predictions = session.run(["predictions"], {"x": np.asarray(x[:5], np.float32)})[0]
    np.testing.assert_allclose(predictions, whole.predict(x[:5]), rtol=1e-3, atol=1e-5)


def test_examples_say_which_commands_make_their_data_and_train_them():
    for name in NAMES:
        text = (EXAMPLES / f"{name}.toml").read_text()
        assert f"`bpframe train {name}.toml`" in text
        assert (f"`python {name}.py`" in text) == (EXAMPLES / f"{name}.py").exists()
        assert tomllib.loads(text)["train"]["seed"] == 0


def test_the_script_of_characters_reads_the_run_of_its_config(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    good("init", "--example", "characters")
    write_data("characters")
    good("train", "characters.toml", "--epochs", "1", "--engine", "numpy")
    monkeypatch.setattr(sys, "argv", ["characters.py", "runs/characters"])
    runpy.run_path("characters.py", run_name="__main__")
    assert " bits a character\ndef " in capsys.readouterr().out


def test_the_grammar_of_the_tagger_never_gives_one_sentence_two_readings():
    script = SimpleNamespace(**runpy.run_path(str(EXAMPLES / "tagger.py")))
    arrays = script.arrays(800, 3)
    classes = {tag: words for tag, words in script.WORDS.items() if tag not in script.OPEN}
    closed = {script.VOCABULARY.index(word) + 1: tag for tag, words in classes.items() for word in words}
    tags = {tag: k for k, tag in enumerate(script.TAGS)}
    for ids, given, weight in zip(arrays["x"], arrays["y"], arrays["weight"], strict=True):
        count, after, found = int(weight.sum()), "", []
        run: list[int] = []
        for word in [*ids[:count].tolist()]:
            if word not in closed:
                run.append(word)
                continue
            found += _of_run(run, after, closed[word])
            found.append(closed[word])
            run, after = [], closed[word]
        assert [tags[tag] for tag in found] == given[:count].tolist()


def _of_run(run: list[int], before: str, behind: str) -> list[str]:
    """The tags of words of open classes between two others, by what stands around them."""
    if not run:
        return []
    if before == "relative":
        return ["verb"]
    verb = ["verb"] if behind == "determiner" else []
    return ["adjective"] * (len(run) - 1 - len(verb)) + ["noun"] + verb
