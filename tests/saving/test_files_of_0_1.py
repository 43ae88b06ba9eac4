"""Files that bpframe 0.1.0 wrote load, and what goes on from them ends in the same bits.

`tests/golden/make_old_files.py` made them, run by that build. Where processor or versions are others than its, the
bits of a resumed fit may differ, and numbers are compared instead.
"""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import bpframe as bp
from bpframe.runs import config
from bpframe.runs.folder import RunFolder
from bpframe.runs.lock import lock
from bpframe.runs.model import load_model
from tests.conftest import TESTS
from tests.golden.make_old_files import EPOCHS, STEP, Save, fit, trainer

OLD = TESTS / "golden" / "0.1.0"


def equal(got: Any, wanted: Any, bits: bool) -> None:
    np.testing.assert_allclose(got, wanted, rtol=0 if bits else 1e-4, atol=0 if bits else 1e-6)


def test_a_model_predicts_what_it_did():
    made, old = bp.Trainer.load(OLD / "model.safetensors"), np.load(OLD / "scores.npz")
    np.testing.assert_allclose(made.scores(old["x"]), old["scores"], rtol=1e-5, atol=1e-6)
    assert made.predict_labels(old["x"]).tolist() == old["labels"].tolist()


def test_a_checkpoint_in_the_middle_of_an_epoch_goes_on_to_the_bits_that_the_old_build_reached():
    old = np.load(OLD / "final.npz")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        callbacks = [*trainer().callbacks, Save(Path("never"))]
        made = bp.Trainer.resume(OLD / "checkpoint.safetensors", callbacks=callbacks)
    bits = not caught
    assert all("written under other conditions" in str(warning.message) for warning in caught)
    assert (made.session.step, made.unfinished, made.session.step % 8 != 0) == (STEP, True, True)
    fit(made, EPOCHS)
    for name, value in made.parameters.copy().items():
        equal(value, old[name], bits)
    history = json.loads(str(old["history"]))
    for part in ("train", "validation"):
        for curve, values in history[part].items():
            equal(getattr(made.history, part)[curve], values, bits)
    equal(made.history.lr, history["lr"], bits)
    print(f"measured: {'the bits' if bits else 'the numbers'} of the old build")


def test_a_trainer_of_today_is_defined_as_the_file_says():
    made = trainer()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made.callbacks, made.memories = [*made.callbacks, Save(Path("never"))], [{}, {}]
        made.restore(OLD / "checkpoint.safetensors")  # ConfigError if any part differed
    assert len(made.history) == 2


def test_a_config_is_written_back_as_it_was():
    assert config.load(OLD / "run.toml").text() == (OLD / "run" / "config.toml").read_text()


def test_a_lock_holds_the_same_components_in_the_same_order():
    def named(tables: Any) -> list[Any]:
        return [(each["path"], each["kind"], each["name"], each["arguments"]) for each in tables["components"]]

    assert named(lock.lock_tables(config.load(OLD / "run.toml"))) == named(lock.read_lock(OLD / "run"))


def test_the_model_of_a_run_is_as_good_as_its_history_says():
    folder = RunFolder(OLD / "run")
    read = config.load(folder.config)
    parts, made = read.data(), load_model(folder, read)
    assert parts.validation is not None
    last = json.loads(folder.history.read_text().splitlines()[-1])
    assert made.evaluate(*parts.validation)["loss"] == pytest.approx(last["validation"]["loss"], rel=1e-5)
