"""A run that was interrupted and goes on gives the same bytes as one that was not."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest

import bpframe as bp
from bpframe.errors import CheckpointError, ConfigError
from bpframe.saving import tensor_file

X = np.random.default_rng(0).normal(size=(70, 6))
Y = (X[:, 0] + X[:, 1] > 0).astype(int)
EPOCHS = 6
ENGINES = ["numpy", "jax"]
RULES = {
    "adam": "adam",
    "ema of sam of momentum": {"name": "ema", "inner": {"name": "sam", "inner": "momentum"}},
    "prodigy": "prodigy",
    "lbfgs": {"name": "lbfgs"},
}

DRAWING = pytest.mark.filterwarnings("ignore:.* leave out layer 'dropout_1', which draws")


def callbacks():
    return [{"name": "early_stopping", "patience": 3, "min_delta": 10.0}]


def trainer(optimizer="adam", engine="numpy", more=(), inner=(), **settings):
    first = [bp.layers.dense(8, activation="tanh"), bp.layers.batch_norm(), bp.layers.dropout(0.3)]
    layers = [*first, *inner, bp.layers.dense(2)]
    own = settings.pop("callbacks", callbacks())
    return bp.Trainer(
        bp.Network(layers), "softmax_cross_entropy", optimizer, engine=engine, callbacks=[*own, *more], **settings
    )


def fit(made, size=16, **settings):
    return made.fit(X, Y, epochs=EPOCHS, batch_size=size, **({"validation": (X[:20], Y[:20])} | settings))


class Save:
    """Writes a checkpoint after each block of steps, a step long, and counts."""

    def __init__(self, folder, every=1):
        self.folder, self.every = folder, every

    @bp.hookimpl(trylast=True)
    def bpframe_block_end(self, state):
        if state.step % self.every == 0 and state.stopped is None:
            state.trainer.checkpoint(self.folder / f"{state.step}.safetensors")
        state.look(state.step + 1)

    @bp.hookimpl
    def bpframe_fit_start(self, state):
        state.look(state.step + 1)


def same(one, other):
    """Everything but the clock is equal to the byte."""
    mine, theirs = one.session.snapshot(), other.session.snapshot()
    assert mine.keys() == theirs.keys()
    for name, array in mine.items():
        assert array.dtype == theirs[name].dtype
        assert array.tobytes() == theirs[name].tobytes(), name
    histories = [{k: v for k, v in vars(each.history).items() if k != "seconds"} for each in (one, other)]
    np.testing.assert_equal(*histories)
    clockless = [{k: v for k, v in each.memories[0].items() if k != "written"} for each in (one, other)]
    np.testing.assert_equal(*clockless)
    assert one.session.step == other.session.step


def check(tmp_path, settings, size=16, resumed=None):
    whole = trainer(**settings, more=[Save(tmp_path)])
    fit(whole, size)
    steps = sorted(int(path.stem) for path in tmp_path.glob("*.safetensors"))
    assert len(steps) > EPOCHS / 2
    places = steps[1 :: max(1, len(steps) // 3)]
    for step in places:
        again = bp.Trainer.resume(tmp_path / f"{step}.safetensors")
        assert again.session.step == step
        fit(again, size)
        same(again, whole)
    print(f"measured: places of {len(steps)} at which the run was resumed to the same bytes: {len(places)}")


@DRAWING
@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("rule", RULES)
def test_a_run_resumed_at_any_step_gives_the_bytes_of_one_never_stopped(tmp_path, engine, rule):
    check(tmp_path, {"optimizer": RULES[rule], "engine": engine}, 70 if rule == "lbfgs" else 16)


@DRAWING
@pytest.mark.slow
@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("rule", sorted(bp.names("optimizer")))
def test_a_run_of_every_rule_resumes_to_the_same_bytes(tmp_path, engine, rule):
    inner = {"inner": "adam"} if rule in ("cautious", "ema", "lookahead", "sam", "swa") else {}
    inner |= {"start": 3} if rule == "swa" else {}
    size = 70 if rule in ("lbfgs", "rprop") else 14  # those compare one objective with the next; no smaller last batch
    layers = [bp.layers.dense(6)] if rule == "muon" else []  # it leaves the first and the last to adamw
    check(tmp_path, {"optimizer": {"name": rule, **inner}, "engine": engine, "inner": layers}, size)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("ahead", [1, 3])
def test_a_checkpoint_that_a_hook_writes_at_the_end_of_an_epoch_goes_on_with_the_next(tmp_path, engine, ahead):
    class AtEnds:
        """Writes at the end of each epoch, which may be told of late."""

        @bp.hookimpl
        def bpframe_epochs_ahead(self, state):
            return ahead

        @bp.hookimpl
        def bpframe_epoch_end(self, state):
            state.trainer.checkpoint(tmp_path / f"{len(state.history)}.safetensors")

    def built(*more):
        return trainer(engine=engine, metrics=[], callbacks=[], more=more)

    whole = built(AtEnds())
    whole.fit(X, Y, epochs=EPOCHS, batch_size=16)
    for epoch in range(1, EPOCHS):
        again = built()
        again.restore(tmp_path / f"{epoch}.safetensors")
        assert len(again.history) == epoch
        again.fit(X, Y, epochs=EPOCHS, batch_size=16)
        whole.memories, again.memories = [{}], [{}]
        same(again, whole)


def test_a_callback_that_the_checkpoint_does_not_know_begins_to_count(tmp_path):
    whole = trainer(callbacks=[], more=[Save(tmp_path, 5)])
    fit(whole)
    again = trainer()
    again.restore(tmp_path / "5.safetensors")
    fit(again)
    assert again.memories[0]["epoch"] > 0


SETTINGS = {
    "a schedule over the run": {"optimizer": {"name": "sgd", "lr": {"name": "cosine", "initial": 0.1}}},
    "a plateau": {
        "optimizer": {
            "name": "sgd",
            "lr": {"name": "reduce_on_plateau", "schedule": {"name": "constant", "initial": 0.1}, "patience": 1},
        }
    },
    "a sampler": {"sampler": "balanced"},
    "gathered gradients": {"gradient_steps": [{"name": "accumulate", "steps": 3}]},
    "groups": {"groups": [{"match": "*/bias", "optimizer": "momentum"}], "regularizers": ["l2"]},
    "float64": {"dtype": "float64"},
}


@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS)
def test_a_run_with_state_elsewhere_resumes_to_the_same_bytes(tmp_path, settings):
    check(tmp_path, settings)


@pytest.mark.parametrize("engine", ENGINES)
def test_epochs_that_run_on_resume_to_the_same_bytes(tmp_path, engine):
    plain = {"callbacks": [], "metrics": [], "engine": engine}
    whole = trainer(**plain, more=[bp.callbacks.checkpoint(str(tmp_path), every_steps=7, keep=99)])
    fit(whole, validation=None)
    files = sorted(tmp_path.glob("*.safetensors"))
    assert [path.name for path in files] == [f"step-{step:08d}.safetensors" for step in (7, 14, 21, 28)]
    for path in files:
        again = bp.Trainer.resume(path, callbacks=[bp.callbacks.checkpoint(str(tmp_path / "again"))])
        fit(again, validation=None)
        same(again, whole)


def test_a_run_that_ends_early_ends_early_at_the_same_epoch(tmp_path):
    stopping = [{"name": "early_stopping", "patience": 2, "min_delta": 0.5, "monitor": "train.loss"}]
    whole = trainer(callbacks=stopping, more=[Save(tmp_path)])
    fit(whole)
    assert len(whole.history) < EPOCHS
    again = bp.Trainer.resume(tmp_path / "8.safetensors")
    fit(again)
    same(again, whole)


def test_a_checkpoint_between_two_fits_is_a_model_that_trains_on(tmp_path):
    one = trainer()
    fit(one)
    one.checkpoint(tmp_path / "between.safetensors")
    other = trainer()
    other.restore(tmp_path / "between.safetensors")
    np.testing.assert_array_equal(one.predict(X), other.predict(X))
    for each in (one, other):
        fit(each)
    same(one, other)


PROGRAM = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # whoever runs the tests may have it ignored
import numpy as np
import bpframe as bp

engine, folder, resumed = sys.argv[1:]
rng = np.random.default_rng(0)
x = rng.normal(size=(640, 20)).astype(np.float32)
y = (x[:, 0] + x[:, 1] > 0).astype(int)
keep = bp.callbacks.checkpoint(folder, every_steps=3, every_seconds=None)
if resumed == "no":
    hidden = bp.layers.dense(32, activation="relu"), bp.layers.batch_norm(), bp.layers.dropout(0.3)
    layers = [*hidden, bp.layers.dense(2)]
    made = bp.Trainer(bp.Network(layers), "softmax_cross_entropy", "adam", engine=engine, callbacks=[keep])
else:
    made = bp.Trainer.resume(resumed)
print("ready", flush=True)
made.fit(x, y, epochs=8, batch_size=32, validation=(x[:50], y[:50]))
import hashlib
digest = hashlib.sha256()
for name, array in made.session.snapshot().items():
    digest.update(array.tobytes())
print(digest.hexdigest(), made.session.step, made.history.train["loss"], made.history.validation["accuracy"])
"""


def run(folder, engine, resumed="no", **options):
    code = textwrap.dedent(PROGRAM)
    return subprocess.Popen(
        [sys.executable, "-c", code, engine, str(folder), str(resumed)], stdout=subprocess.PIPE, text=True, **options
    )


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_a_process_that_was_killed_goes_on_in_another_to_the_same_bytes(tmp_path, engine, how):
    whole = run(tmp_path / "whole", engine).communicate(timeout=120)[0].splitlines()[-1]
    folder = tmp_path / "killed"
    with run(folder, engine, stderr=subprocess.DEVNULL) as killed:
        while len(list(folder.glob("step-*"))) < 3 and killed.poll() is None:
            pass
        killed.send_signal(how)
        assert killed.wait(timeout=60) != 0
    latest = max(folder.glob("step-*"))
    assert run(folder, engine, latest).communicate(timeout=120)[0].splitlines()[-1] == whole


def test_another_fit_than_the_one_begun_is_refused_with_what_differs(tmp_path):
    fit(trainer(more=[Save(tmp_path)]))
    again = bp.Trainer.resume(tmp_path / "7.safetensors")
    with pytest.raises(ConfigError, match="needs batch_size 16, got 32"):
        fit(again, 32)
    with pytest.raises(ConfigError, match="needs rows 70, got 60"):
        again.fit(X[:60], Y[:60], batch_size=16)
    fit(again)  # and is still there to be taken up


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"optimizer": "sgd"}, "needs optimizer {.*adam.*}, got {.*sgd"),
        ({"seed": 4}, "needs seed 0, got 4"),
        ({"engine": "jax"}, "needs engine {.*numpy.*}, got {.*jax"),
        ({"callbacks": []}, "holds what the callback EarlyStopping remembers"),
    ],
)
def test_a_trainer_of_another_definition_is_refused_and_stays_as_it_was(tmp_path, settings, message):
    fit(trainer(more=[Save(tmp_path)]))
    other = trainer(**settings)
    fit(other)
    before = other.session.snapshot()
    with pytest.raises(ConfigError, match=message):
        other.restore(tmp_path / "7.safetensors")
    np.testing.assert_equal(other.session.snapshot(), before)


def test_a_model_file_is_no_checkpoint_and_a_checkpoint_no_model(tmp_path):
    made = trainer()
    fit(made)
    made.save(tmp_path / "model")
    made.checkpoint(tmp_path / "state")
    with pytest.raises(CheckpointError, match="not a bpframe checkpoint file"):
        made.restore(tmp_path / "model")
    with pytest.raises(CheckpointError, match="not a bpframe model file"):
        bp.Trainer.load(tmp_path / "state")


def test_a_checkpoint_without_a_part_is_refused(tmp_path):
    made = trainer()
    fit(made)
    made.checkpoint(tmp_path / "state")
    tensors, manifest = tensor_file.read_tensors(tmp_path / "state")
    for part in ("memories", "history", "step", "input_shape"):
        tensor_file.write_tensors(tmp_path / "less", tensors, {k: v for k, v in manifest.items() if k != part})
        with pytest.raises(CheckpointError):
            made.restore(tmp_path / "less")
    for name in ("session/parameters/dense_1/weight", "history/train/loss"):
        tensor_file.write_tensors(tmp_path / "less", {k: v for k, v in tensors.items() if k != name}, manifest)
        with pytest.raises(CheckpointError):
            made.restore(tmp_path / "less")


def test_other_conditions_than_those_of_the_checkpoint_are_named(tmp_path):
    made = trainer()
    fit(made)
    made.checkpoint(tmp_path / "state")
    tensors, manifest = tensor_file.read_tensors(tmp_path / "state")
    manifest["made"] |= {"numpy": "1.0", "threads": 99, "cpus": 99}
    tensor_file.write_tensors(tmp_path / "state", tensors, manifest)
    with pytest.warns(UserWarning, match=rf"numpy 1\.0 then, {np.__version__} now; threads 99 then, \d+ now\. The run"):
        trainer().restore(tmp_path / "state")


@pytest.mark.parametrize("other", ["stream", "cache"])
def test_an_engine_may_go_on_with_other_arguments_that_do_not_say_what_is_computed(tmp_path, other):
    whole = trainer(engine="jax", more=[Save(tmp_path)])
    fit(whole)
    again = trainer(engine={"name": "jax", other: {"stream": True, "cache": str(tmp_path / "programs")}[other]})
    again.restore(tmp_path / "7.safetensors")
    fit(again)
    same(again, whole)
    with pytest.raises(ConfigError, match=r"needs engine .*highest'}, got .*tf32"):
        trainer(engine={"name": "jax", "precision": "tf32"}).restore(tmp_path / "7.safetensors")


def test_what_a_callback_remembers_but_no_file_can_hold_is_named(tmp_path):
    made = trainer()
    fit(made)
    made.memories[0]["thing"] = object()
    with pytest.raises(CheckpointError, match=r"callbacks/EarlyStopping/thing needs plain values and arrays.*object"):
        made.checkpoint(tmp_path / "state")


def test_the_latest_files_stay_and_a_failure_to_write_stops_the_fit_or_warns(tmp_path, monkeypatch):
    kept = trainer(more=[bp.callbacks.checkpoint(str(tmp_path), every_steps=2, keep=2)])
    fit(kept)
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"step-{n:08d}.safetensors" for n in (18, 20)]

    def refuse(*_):
        raise CheckpointError("the disk is full.")

    monkeypatch.setattr(tensor_file, "write_tensors", refuse)
    stops = trainer(more=[bp.callbacks.checkpoint(str(tmp_path), every_steps=2)])
    with pytest.raises(CheckpointError, match="disk is full"):
        fit(stops)
    assert stops.session.step == 2
    with pytest.warns(UserWarning, match="disk is full"):
        fit(trainer(more=[bp.callbacks.checkpoint(str(tmp_path), every_steps=2, on_checkpoint_error="warn")]))
    assert len(list(tmp_path.iterdir())) == 2


def test_what_a_killed_run_left_half_written_goes(tmp_path):
    left = tmp_path / ".step-00000002.safetensors.tmp-1-0123abcd"
    left.write_bytes(b"half")
    fit(trainer(more=[bp.callbacks.checkpoint(str(tmp_path), every_steps=2)]))
    assert not left.exists()


def test_the_best_epochs_model_is_kept(tmp_path):
    made = trainer(callbacks=[], more=[bp.callbacks.checkpoint(str(tmp_path), best="validation.loss")])
    history = fit(made)
    best = bp.Trainer.load(tmp_path / "best.safetensors")
    assert best.evaluate(X[:20], Y[:20])["loss"] == pytest.approx(min(history.validation["loss"]), rel=1e-6)


def test_a_curve_that_will_not_exist_cannot_be_the_best(tmp_path):
    with pytest.raises(ConfigError, match=r"needs a curve with a better direction as best, got 'validation\.f1'"):
        fit(trainer(more=[bp.callbacks.checkpoint(str(tmp_path), best="validation.f1")]))


def test_a_folder_that_cannot_be_made_is_an_error_before_the_first_step(tmp_path):
    (tmp_path / "file").write_text("")
    made = trainer(more=[bp.callbacks.checkpoint(str(tmp_path / "file" / "sub"))])
    with pytest.raises(CheckpointError, match="needs a folder to write to"):
        fit(made)
    assert made.session.step == 0
    assert Path(os.fspath(tmp_path)).exists()


def test_a_resume_reads_its_file_once_and_so_does_a_load(tmp_path, monkeypatch):
    made = trainer()
    fit(made)
    made.checkpoint(tmp_path / "run.safetensors")
    made.save(tmp_path / "model.safetensors")
    paths, read = [], tensor_file.read_tensors
    monkeypatch.setattr(tensor_file, "read_tensors", lambda path: paths.append(path) or read(path))
    same(bp.Trainer.resume(tmp_path / "run.safetensors"), made)
    assert paths == [tmp_path / "run.safetensors"]
    bp.Trainer.load(tmp_path / "model.safetensors")
    assert len(paths) == 2
