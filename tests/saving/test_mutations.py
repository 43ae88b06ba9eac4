"""A checkpoint in which anything was replaced fails to load, in words, or goes on; the trainer that reads stays."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import bpframe as bp
from bpframe.errors import CheckpointError, ConfigError, DataError, NumericalError, UnknownComponent
from bpframe.saving import tensor_file
from tests.saving.mutations import Mutation, mutations

X = np.random.default_rng(0).normal(size=(20, 3))
Y = np.arange(20) % 3
OTHER_DATA_OR_SETTINGS = (ConfigError, DataError, NumericalError)  # what a fit says in words, too
SHARE = 40  # of the mutations, the quick form tries one in so many
RULES = {"ema": {"name": "ema", "inner": "adam"}, "lbfgs": {"name": "lbfgs"}}


class Interrupt:
    """Writes a checkpoint in the middle of an epoch and ends the fit."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @bp.hookimpl
    def bpframe_fit_start(self, state: Any) -> None:
        """Look at the step."""
        state.look(8)

    @bp.hookimpl(trylast=True)
    def bpframe_block_end(self, state: Any) -> None:
        """Write, once."""
        if state.step == 8:
            state.trainer.checkpoint(self.path)
            raise KeyboardInterrupt


def fit(trainer: Any) -> None:
    trainer.fit(X, Y, epochs=4, batch_size=4, validation=(X[:6], Y[:6]))


def trainer(folder: Path, rule: str, engine: str, *more: Any) -> Any:
    layers = [bp.layers.dense(4, "tanh"), bp.layers.batch_norm(), bp.layers.dense(3)]
    writes = {"name": "checkpoint", "folder": str(folder), "best": "validation.loss", "every_seconds": None}
    parts = {"groups": [{"match": "*/bias", "lr_multiplier": 2.0}], "gradient_steps": ["clip_global_norm"]}
    return bp.Trainer(
        bp.Network(layers, inputs=3),
        "softmax_cross_entropy",
        RULES[rule],
        engine=engine,
        callbacks=["early_stopping", writes, *more],
        **(parts if rule == "ema" else {}),
    )


def content(folder: Path, rule: str, engine: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """(tensors, manifest) of a checkpoint in the middle of a fit."""
    with pytest.raises(KeyboardInterrupt):
        fit(trainer(folder, rule, engine, Interrupt(folder / "whole")))
    return tensor_file.read_tensors(folder / "whole")


def outcome(path: Path, mutation: Mutation) -> str:
    """What becomes of a file: "refused", "trains", or "said" where only the fit can tell."""
    try:
        tensor_file.write_tensors(path, mutation.tensors, mutation.manifest)
        trainer = bp.Trainer.resume(path)
    except (CheckpointError, UnknownComponent):
        return "refused"
    try:
        fit(trainer)
    except OTHER_DATA_OR_SETTINGS:
        return "said"
    return "trains"


def few(every: Iterator[Mutation], share: int) -> Iterator[Mutation]:
    """One in so many, the same in each run and on each machine."""
    return (each for each in every if zlib.crc32(str(each).encode()) % share == 0)


def check(folder: Path, rule: str, engine: str, share: int) -> None:
    outcomes = {"refused": 0, "trains": 0, "said": 0}
    for mutation in few(mutations(*content(folder, rule, engine)), share):
        try:
            outcomes[outcome(folder / "mutant", mutation)] += 1
        except Exception as error:
            pytest.fail(f"{mutation}: {error!r}")
    print(f"measured: outcomes of mutations, {rule} on {engine}: {outcomes}")
    assert min(outcomes["refused"], outcomes["trains"]) > 0


@pytest.mark.filterwarnings("ignore")  # of files written under other conditions
def test_a_mutant_of_a_checkpoint_is_refused_at_load_or_trains(tmp_path: Path):
    check(tmp_path, "ema", "numpy", SHARE)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("engine", ["numpy", "jax"])
@pytest.mark.parametrize("rule", RULES)
def test_every_mutant_of_a_checkpoint_is_refused_at_load_or_trains(tmp_path: Path, rule: str, engine: str):
    check(tmp_path, rule, engine, 1)


@pytest.mark.filterwarnings("ignore")
def test_sums_of_an_epoch_go_on_with_the_metrics_that_they_are_of(tmp_path: Path):
    tensors, manifest = content(tmp_path, "lbfgs", "numpy")
    path, other = tmp_path / "mutant", {**manifest, "metrics": []}
    assert len(tensors["fit/sums"]) == 1
    tensor_file.write_tensors(path, tensors, other)
    with pytest.raises(CheckpointError, match="fit/sums are those of metrics, of which the trainer has none"):
        bp.Trainer.resume(path)
    tensor_file.write_tensors(path, {**tensors, "fit/sums": tensors["fit/sums"].repeat(2, axis=0)}, manifest)
    with pytest.raises(ConfigError, match="needs metrics of 2 sums a step, as in the steps so far, got metrics of 1"):
        fit(bp.Trainer.resume(path))


FAULTS = {
    "memory of another shape": ("session/memory/0/0/1/inner/m", lambda array: array[:-1]),
    "memory of another dtype": ("session/memory/0/0/1/average", lambda array: array.astype("f8")),
    "buffers of another dtype": ("session/parameters/batch_norm_1/buffers/mean", lambda array: array.astype("i1")),
    "a parameter that is NaN": ("session/parameters/dense_1/weight", lambda array: array * np.nan),
    "a parameter of another dtype": ("session/parameters/dense_1/weight", lambda array: array.astype("f8")),
    "NaN in memory": ("session/memory/0/0/1/inner/v", lambda array: array * np.nan),
    "losses of another shape": ("fit/values", lambda array: array[:2]),
    "scores that lack a row": ("fit/collected", lambda array: array[:-5]),
    "best parameters of another shape": ("callbacks/EarlyStopping/parameters/dense_1/bias", lambda array: array[:1]),
    "epochs = null": (("fit", "epochs"), None),
    "a negative count": (("step",), -1),
    "a fit that has ended before": (("fit", "steps"), 3),
    "a truth value for a count": (("fit", "rows"), True),
    "a first epoch that is text": (("fit", "first"), "text"),
    "a first epoch that is not made": (("fit", "first"), 3),
    "curves of text": (("history", "of", "train", "of", "loss"), ["low"]),
    "rates for other epochs": (("history", "of", "lr"), []),
    "a memory that is a list": (("memories", "EarlyStopping"), [1]),
    "a wait that is text": (("memories", "EarlyStopping", "of", "waited"), "long"),
    "memories that are text": (("memories",), "text"),
}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("way", ["resume", "restore"])
def test_a_checkpoint_with_a_fault_changes_nothing(tmp_path: Path, fault: str, way: str):
    place, value = FAULTS[fault]
    tensors, manifest = content(tmp_path, "ema", "numpy")
    if isinstance(place, str):
        tensors[place] = value(tensors[place])
    else:
        node = manifest
        for key in place[:-1]:
            node = node[key]
        node[place[-1]] = value
    path = tmp_path / "mutant"
    tensor_file.write_tensors(path, tensors, manifest)
    reader = trainer(tmp_path, "ema", "numpy", Interrupt(tmp_path / "unused"))
    before = reader.session, reader.task, reader.history, reader.memories, vars(reader.network).copy()
    snapshot = reader.session.snapshot()
    with pytest.raises(CheckpointError, match=r"mutant cannot be (made into|read)"):
        bp.Trainer.resume(path) if way == "resume" else reader.restore(path)
    after = reader.session, reader.task, reader.history, reader.memories, vars(reader.network)
    assert all(one is other for one, other in zip(before[:4], after[:4], strict=True))
    assert before[4] == after[4]
    assert len(reader.history) == 0
    assert not reader.unfinished
    np.testing.assert_equal(reader.session.snapshot(), snapshot)


@pytest.mark.filterwarnings("ignore:lbfgs needs the same objective")
def test_what_a_minimizer_lacks_is_missed_on_jax(tmp_path: Path):
    tensors, manifest = content(tmp_path, "lbfgs", "jax")
    del tensors["session/minimizer/0/0/0/count"]
    tensor_file.write_tensors(tmp_path / "mutant", tensors, manifest)
    with pytest.raises(CheckpointError, match=r"state needs an array of shape \(\), which is missing"):
        bp.Trainer.resume(tmp_path / "mutant")


def test_a_trainer_takes_over_a_sound_checkpoint_whatever_it_did_before(tmp_path: Path):
    content(tmp_path, "ema", "numpy")
    whole = trainer(tmp_path, "ema", "numpy")
    fit(whole)
    other = trainer(tmp_path, "ema", "numpy")
    other.fit(X[::-1], Y, epochs=1, validation=(X[:6], Y[:6]))
    other.restore(tmp_path / "whole")
    fit(other)
    np.testing.assert_equal(other.session.snapshot(), whole.session.snapshot())
