"""The laws of engines: they make the same steps as engine numpy, and a session shows states after whole steps alone.

x (N, n) float32 or float64, target (N, C), scores (N, C); parameters by "layer/name".
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any, final

import numpy as np

from bpframe.errors import ConfigError
from bpframe.network.network import Network
from bpframe.protocols import Batches, Data, Engine, Session, SessionEnds, SessionSums
from bpframe.protocols.traits import LEVELS, levels
from bpframe.registry import build
from bpframe.testing.kinds.session_ends import require_ends
from bpframe.testing.kinds.step_sums import ScoreSums, require_sums
from bpframe.testing.laws.comparison import require, require_close, require_finite, require_same_bits
from bpframe.testing.laws.engine_agreement import Training, require_agreement
from bpframe.testing.report import Check
from bpframe.training.open_session import open_session
from bpframe.training.trainer import Trainer
from bpframe.types import HostArray

ROWS, N, C, BATCH = 7, 4, 3, 3  # the last batch of an epoch is smaller
EPOCHS = 3
EPOCHS_OF_ENDS = 40
LR = 0.1
DTYPE = "float32"
ENGINE = "the engine"
WEIGHT, BIAS = "dense_1/weight", "dense_1/bias"
TRAININGS: dict[str, dict[str, Any]] = {  # by name: parts of a trainer, besides engine, loss and seed
    "plain": {"optimizer": {"name": "sgd", "lr": LR}},
    "rules": {
        "optimizer": {"name": "adamw", "lr": {"name": "cosine", "initial": LR, "steps": 9}},
        "gradient_steps": [{"name": "clip_global_norm", "limit": 0.3}],
        "regularizers": ["l2"],
        "constraints": [{"name": "max_norm", "limit": 0.8}],
    },
    "gathering": {"optimizer": "momentum", "gradient_steps": [{"name": "accumulate", "steps": 2}]},
    "averages": {"optimizer": {"name": "ema", "inner": "momentum", "decay": 0.5}},
    "probes": {"optimizer": {"name": "sam", "inner": "momentum"}},
    "comparisons": {"optimizer": {"name": "mars_exact", "lr": LR, "gamma": 0.3}},
    "draws": {"optimizer": "adam", "layers": ["batch_norm", {"name": "dropout", "rate": 0.3}]},
    "samples": {"optimizer": {"name": "sophia_g", "every": 2}},
    "objective": {"optimizer": "lbfgs", "batch_size": ROWS},
    "settings": {"optimizer": "adam", "layers": [{"name": "dropout", "rate": {"name": "linear", "initial": 0.5}}]},
    "measures": {"optimizer": "adam", "callbacks": [{"name": "norms", "every": 2}]},
    "ties": {
        "optimizer": "adam",
        "layers": [{"name": "dense", "units": N}],
        "tie": {"dense_2/weight": "dense_1/weight.T"},
    },
    "resting": {"optimizer": "adam", "groups": [{"match": "*/bias", "frozen": True, "until": 1}]},
    "keys": {"optimizer": "adam", "gradient_steps": [{"name": "gaussian_noise", "stddev": 0.1}]},
    "augmentations": {"optimizer": "adam", "augmentations": ["mixup", "gaussian_noise"]},
    "auxiliary": {"optimizer": "adam", "layers": [{"name": "gaussian_latent", "units": 5}]},
}
NEEDS = {  # by name: the level of those that need another than steps
    "rules": "totals",
    "probes": "totals",
    "comparisons": "comparisons",
    "samples": "totals",
    "objective": "minimizers",
    "settings": "schedules",
    "measures": "measures",
    "ties": "ties",
    "resting": "resting",
    "keys": "keys",
    "augmentations": "augmentations",
    "auxiliary": "auxiliary",
}


def engine_checks(engine: Engine) -> dict[str, Check]:
    """The checks by name."""
    kept = levels(engine)
    trainings = {f"training, {n}": partial(_training, engine, n) for n in TRAININGS if NEEDS.get(n, "steps") in kept}
    return {
        "levels": partial(_levels, engine),
        **trainings,
        "weights": partial(_weights, engine),
        "scores": partial(_scores, engine),
        "blocks": partial(_blocks, engine),
        **({"snapshot": partial(_snapshot, engine)} if "snapshot" in kept else {}),
        "assign": partial(_assign, engine),
        "copies": partial(_copies, engine),
        "collected scores": partial(_collected, engine),
        "sums": partial(_sums, engine),
        "ends": partial(_ends, engine),
        "finite": partial(_finite, engine),
        "setting": partial(_setting, engine),
        "seed": partial(_seed, engine),
    }


def _levels(engine: Engine) -> None:
    """It names levels that there are; a training that needs another is refused before it begins."""
    unknown = levels(engine) - LEVELS.keys()
    require(not unknown, f"levels must be some of {', '.join(LEVELS)}, got {sorted(unknown)}")
    for name, level in NEEDS.items():
        if level not in levels(engine):
            trainer = _trainer(engine, name)
            try:
                trainer.fit(_x(), _y(), epochs=1, batch_size=ROWS, verbose=0)
            except ConfigError:
                continue
            require(False, f"a training that needs the level '{level}' must be refused")


# ------------------------------------------------------------------------------------------------------ whole trainings


def _training(engine: Engine, name: str) -> None:
    """Losses, scores and parameters of a training are those of engine numpy."""
    _require_agreement(engine, name, None)


def _weights(engine: Engine) -> None:
    """The same where rows have weights, 0 among them."""
    _require_agreement(engine, "plain", np.linspace(0.0, 2.0, ROWS))


def _require_agreement(engine: Engine, name: str, weight: HostArray | None) -> None:
    def train(which: str, dtype: str) -> Training:
        trainer = _trainer(engine if which == ENGINE else "numpy", name, dtype)
        size, x, y = TRAININGS[name].get("batch_size", BATCH), _x(), _y()
        trainer.fit(x, y, epochs=EPOCHS, batch_size=size, sample_weight=weight, verbose=0, validation=(x, y))
        return Training(trainer, x)

    made = require_agreement(ENGINE, train)
    require_finite("parameters", dict(made.trainer.parameters.copy()))


def _trainer(engine: Engine | str, name: str, dtype: str = DTYPE, seed: int = 0) -> Trainer:
    parts = {key: value for key, value in TRAININGS[name].items() if key not in ("layers", "batch_size", "tie")}
    first, last = {"name": "dense", "units": 5, "activation": "tanh"}, {"name": "dense", "units": C}
    layers = [build("layer", layer) for layer in [first, *TRAININGS[name].get("layers", []), last]]
    network = Network(layers, tie=TRAININGS[name].get("tie"))
    return Trainer(network, "softmax_cross_entropy", engine=engine, dtype=dtype, seed=seed, **parts)


def _x(dtype: str = "float64") -> HostArray:
    return np.random.default_rng(0).normal(size=(ROWS, N)).astype(dtype)


def _y() -> HostArray:
    return np.arange(ROWS) % C


# ------------------------------------------------------------------------------------------------------------- sessions


@final
@dataclass(frozen=True)
class SessionRun:
    """A session of a training with data, and the batches of an epoch."""

    session: Session
    batches: Batches

    @staticmethod
    def of(engine: Engine, name: str = "", seed: int = 0, bad: int | None = None) -> SessionRun:
        """A new session of the training of that name, of several components; the target of a `bad` row is NaN."""
        name = name or ("rules" if "totals" in levels(engine) else "averages")
        trainer = _trainer(engine, name, seed=seed)
        session = open_session(trainer.spec, trainer.task, (N,))[0]
        target = np.eye(C, dtype=DTYPE)[_y()]
        target[[] if bad is None else [bad]] = np.nan
        session.load(Data(_x(DTYPE), target), True)
        return SessionRun(session, Batches(0, lambda _: np.arange(ROWS), BATCH, epochs=2))

    def run(self, start: int, stop: int) -> list[float]:
        """The losses of these steps, in as many blocks as the session makes of them."""
        losses: list[float] = []
        while start + len(losses) < stop:
            made = self.session.run(self.batches, start + len(losses), stop)
            require(len(made) >= 1, "run must try at least one step")
            losses += map(float, made.loss)
            if not np.isfinite(losses[-1]):
                break
        return losses


def _scores(engine: Engine) -> None:
    """The forward pass in evaluation mode, by a formula of its own: W_2^T tanh(W_1^T x + b_1) + b_2."""
    session = SessionRun.of(engine).session
    p = {name: np.asarray(value, dtype=np.float64) for name, value in session.parameters.items()}
    hidden = np.tanh(_x() @ p[WEIGHT] + p[BIAS])
    want = hidden @ p["dense_2/weight"] + p["dense_2/bias"]
    for rows in (ROWS, 1):
        got = np.asarray(session.scores(_x(DTYPE)[:rows]))
        require_close(f"scores of {rows} rows", got, want[:rows], 1e-4, 1e-5)


def _blocks(engine: Engine) -> None:
    """Steps do not depend on how they are cut into blocks; `step` counts them."""
    whole, cut = SessionRun.of(engine), SessionRun.of(engine)
    steps = len(whole.batches)
    losses = whole.run(0, steps)
    parts = [cut.run(0, 1), cut.run(1, 3), cut.run(3, steps)]
    require(len(losses) == steps, f"run of {steps} steps must report as many losses, got {len(losses)}")
    require_same_bits("losses of steps in several blocks", np.concatenate(parts), np.array(losses))
    require_same_bits("parameters after steps in several blocks", cut.session.parameters, whole.session.parameters)
    for run in (whole, cut):
        require(run.session.step == steps, f"step must be {steps} after as many steps, got {run.session.step!r}")
        require(run.session.commit() is True, "commit must say that parameters are finite")


def _snapshot(engine: Engine) -> None:
    """A session that goes on from a snapshot of another gives the same bits."""
    whole, loaded = SessionRun.of(engine), SessionRun.of(engine, seed=0)
    whole.run(0, 3)
    arrays = whole.session.snapshot()
    require(all(isinstance(a, np.ndarray) for a in arrays.values()), "a snapshot must be arrays of NumPy by name")
    loaded.session.restore(arrays, 3)
    ends = [run.run(3, len(run.batches)) for run in (whole, loaded)]
    require_same_bits("losses after a snapshot was restored", np.array(ends[1]), np.array(ends[0]))
    require_same_bits("parameters after that", loaded.session.parameters, whole.session.parameters)
    require(loaded.session.step == whole.session.step, "restore must take over the number of steps")


def _assign(engine: Engine) -> None:
    """`assign` sets what it names, and that alone."""
    for steps in (0, 3):
        run = SessionRun.of(engine)
        run.run(0, steps)
        before = run.session.parameters
        value = np.full_like(before[BIAS], 0.25)
        run.session.assign({BIAS: value})
        require_same_bits("parameters after assign", run.session.parameters, before | {BIAS: value})


def _copies(engine: Engine) -> None:
    """What a session hands out is a copy."""
    session = SessionRun.of(engine).session
    before = {name: p.copy() for name, p in session.parameters.items()}
    for handed in (session.parameters, session.snapshot() if "snapshot" in levels(engine) else {}):
        for array in handed.values():
            if array.flags.writeable:
                array[...] = 7
    require_same_bits("parameters after changes of what was handed out", session.parameters, before)


def _collected(engine: Engine) -> None:
    """Training scores in the order of the epoch's rows, each from before its step."""
    run = SessionRun.of(engine, "plain")
    want: list[HostArray] = []
    for step in range(run.batches.steps):
        rows = run.batches.rows(step)
        want += list(np.asarray(run.session.scores(_x(DTYPE)[rows])))
        run.run(step, step + 1)
    require_close("the collected scores", run.session.collected(), np.array(want), 1e-4, 1e-5)


def _sums(engine: Engine) -> None:
    """Sums over rows are those of each step's scores, where a session takes some."""
    run, target = SessionRun.of(engine, "plain"), np.eye(C, dtype=DTYPE)[_y()]
    if isinstance(run.session, SessionSums) and run.session.sum_rows(ScoreSums(target)):
        run.session.load(Data(_x(DTYPE), target), True)
        require_sums(run.session, run.batches, target)


def _ends(engine: Engine) -> None:
    """A session that keeps the ends of epochs shows what was there, and goes back there."""

    def opened() -> tuple[Session, Batches]:
        session = SessionRun.of(engine, "plain").session
        if isinstance(session, SessionEnds):
            _ = session.keep_ends(True, x) or session.keep_ends(True, x, stops=False)
        session.load(data, False)
        return session, batches

    x = _x(DTYPE)
    data = Data(x, np.eye(C, dtype=DTYPE)[_y()])
    batches = Batches(0, lambda _: np.arange(ROWS), BATCH, epochs=EPOCHS_OF_ENDS)
    require_ends(opened, x)


def _finite(engine: Engine) -> None:
    """A loss that is not finite is the last one reported; the session goes back to the step before."""
    run, short = (SessionRun.of(engine, "plain", bad=BATCH) for _ in range(2))  # in the second batch
    short.run(0, 1)
    losses = run.run(0, len(run.batches))
    finite = np.isfinite(losses)
    require(not finite[-1] and all(finite[:-1]), f"a loss that is not finite must be the last one, got {losses}")
    after = run.session.step
    require(after < len(losses), f"step must be less than the {len(losses)} losses of which one is not finite: {after}")
    require_finite("parameters after a loss that is not finite", run.session.parameters)
    if after == short.session.step:
        require_same_bits("parameters after going back", run.session.parameters, short.session.parameters)


def _setting(engine: Engine) -> None:
    """`setting` is the value in the update that led to a step, and None for what there is none of."""
    session = SessionRun.of(engine, "plain").session
    for step in (1, 3):
        require_close("setting('lr')", np.asarray(session.setting("lr", step)), np.asarray(LR), 1e-6)
    require(session.setting("no such setting", 1) is None, "setting must be None where the rule has no such setting")
    require(isinstance(session.device, str) and session.device, f"device must be a text, got {session.device!r}")


def _seed(engine: Engine) -> None:
    """Draws follow from the seed alone: the same weights with another seed have other losses."""
    first, again, other = (SessionRun.of(engine, "draws", seed) for seed in (0, 0, 1))
    other.session.assign(first.session.parameters)
    losses = [np.array(run.run(0, 3)) for run in (first, again, other)]
    require_same_bits("losses of a second session of the same seed", losses[1], losses[0])
    require(not np.array_equal(losses[2], losses[0]), "another seed must give other draws of dropout")
