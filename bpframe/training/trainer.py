"""The Trainer: a network, a loss and an optimizer, fitted to data.  The face of bpframe.

Shapes: x (N, n) rows, y (N,) labels or (N, C) targets, scores and predictions (N, C).
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, final

from bpframe import checks
from bpframe.data.class_weight import ClassWeight, weighed
from bpframe.data.task import Head, Labels, share
from bpframe.errors import CheckpointError, ConfigError, ShapeError
from bpframe.network.backprop import CostLayer
from bpframe.network.network import Network
from bpframe.network.trace import Trace, trace
from bpframe.protocols import Data, Param, Session
from bpframe.registry import Spec, build, build_all
from bpframe.saving import model_file
from bpframe.training import checkpoint, parameter_groups, preflight
from bpframe.training.checkpoint import Course
from bpframe.training.diagnosis import blamed, refuse_not_finite
from bpframe.training.fit import Alone, Fit
from bpframe.training.history import History
from bpframe.training.loop import Begun
from bpframe.training.parameter_groups import Parts
from bpframe.training.parameters import Parameters
from bpframe.types import HostArray, Shape
from bpframe.version import VERSION


@final
class Trainer:
    """Trains a network by backpropagation and predicts with it.

    Every component is a name, a mapping with `name` and arguments, or a ready object. `metrics` left out: accuracy
    for class targets, r2 and mae otherwise. `seed` fixes initial weights, the order of epochs and every draw.
    `groups` take parameters out by name: {"match": "*/bias", "lr_multiplier": 2.0}, frozen=True, or an optimizer of
    their own (see ParameterGroup).
    A second `fit` goes on where the first ended; a new Trainer starts afresh.
    """

    def __init__(
        self,
        network: Network,
        loss: Spec,
        optimizer: Spec = "sgd",
        *,
        seed: int = 0,
        engine: Spec = "numpy",
        dtype: str = "float32",
        metrics: Sequence[Spec] | None = None,
        callbacks: Sequence[Spec] = (),
        regularizers: Sequence[Spec] = (),
        gradient_steps: Sequence[Spec] = (),
        constraints: Sequence[Spec] = (),
        groups: Sequence[Spec] = (),
        sampler: Spec | None = None,
    ) -> None:
        if not isinstance(network, Network):
            raise ConfigError(f"Trainer needs a Network, got {network!r}. For a list of layers: bp.Network([...]).")
        if dtype not in ("float32", "float64"):
            raise ConfigError(f"Trainer needs a dtype of float32 or float64, got {dtype!r}.")
        self.network, self.seed, self.dtype = network, checks.whole("Trainer", 0, seed=seed), dtype
        self.loss = build("loss", loss)
        self.optimizer = build("optimizer", optimizer)
        self.engine = build("engine", engine)
        self.metrics = None if metrics is None else build_all("Trainer", "metric", metrics)
        self.callbacks = build_all("Trainer", "callback", callbacks)
        self.regularizers = build_all("Trainer", "regularizer", regularizers)
        self.gradient_steps = build_all("Trainer", "gradient_step", gradient_steps)
        self.constraints = build_all("Trainer", "constraint", constraints)
        self.groups = parameter_groups.build(groups)
        self.sampler = None if sampler is None else build("sampler", sampler)
        self.history = History()
        self.head = Head(self.loss, CostLayer.of(self.loss), dtype, network.inputs)
        self.memories: list[dict[str, Any]] = [{} for _ in self.callbacks]
        self.known: list[Param] = []  # the trained parameters, once there is a session
        self._session: Session | None = None
        self._fitted = False
        self._alone = Alone()
        self._fit: Fit | None = None  # the one that runs
        self._unfinished: tuple[Course, Begun] | None = None  # the one that a checkpoint was made in
        preflight.refuse_double_link(network, self.head.cost, self.loss)

    # ------------------------------------------------------------------------------------------------------ fitting

    def fit(
        self,
        x: Any,
        y: Any,
        *,
        epochs: int = 10,
        batch_size: int = 32,
        validation: tuple[Any, Any] | None = None,
        sample_weight: Any = None,
        class_weight: ClassWeight = None,
        shuffle: bool = True,
    ) -> History:
        """Train for `epochs` more epochs on x (N, n) and y; the history of all epochs so far.

        Minimises sum_i w_i loss_i / sum_i w_i over each batch (plus penalties). The last batch of an epoch may be
        smaller. `class_weight`: a weight by label, or "balanced" for N / (C n_c); it multiplies sample weights.
        Raises DataError for unusable data, NumericalError when numbers stop being finite.
        """
        epochs, size = checks.whole("Trainer", 1, epochs=epochs), checks.whole("Trainer", 1, batch_size=batch_size)
        with self._alone, blamed(self):
            seen, held_out = self._enter(x, y, sample_weight, class_weight, validation)
            preflight.warn_of_part_batches(self.parts.rules(), size, len(seen.x))
            course = Course.of(self, seen, epochs, size, shuffle)
            if self._unfinished is not None:
                self._unfinished[0].refuse_other(course)
                course = self._unfinished[0]
            self._fit = Fit(self, seen, held_out, course, self._unfinished and self._unfinished[1])
            try:
                self._fit.prepare(first=not self._fitted)
                self._fitted, self._unfinished = True, None
                return self._fit.run()
            finally:
                self._fit = None

    # --------------------------------------------------------------------------------------------------- predicting

    def scores(self, x: Any) -> HostArray:
        """Scores (N, C) of rows x: what the last layer gives, before the link."""
        session, rows = self.session, self.head.inputs(x)
        with blamed(self):
            return refuse_not_finite(session.scores(rows), rows)

    def predict(self, x: Any) -> HostArray:
        """Predictions (N, C) of rows x: the link applied, probabilities or means."""
        return self.head.prediction(self.scores(x))

    def predict_labels(self, x: Any) -> Labels:
        """Labels (N,) of rows x, as they were given to `fit`; (N, k) zeros and ones for several labels a row.

        With several heads a mapping from the heads that have classes to their labels.
        """
        return self.head.labels(self.scores(x))

    def evaluate(self, x: Any, y: Any, sample_weight: Any = None) -> dict[str, float]:
        """{"loss": mean loss, and every metric by name} on x and y, in evaluation mode."""
        session, seen = self.session, self.head.admit(x, y, sample_weight)[0]
        with blamed(self):
            return self.head.measured(session.scores(seen.x), seen, self.head.named_metrics(self.metrics))

    def trace(self, x: Any, y: Any, sample_weight: Any = None) -> Trace:
        """Every array of the recursion for one batch, in evaluation mode: `.loss`, `.layers`, `.prediction`."""
        rows = self.head.inputs(x)
        session, head = self._made(rows.shape[1:])
        seen, head = head.encoded(rows, y, sample_weight)
        self._session, self.head = session, replace(head, learned=self.head.learned)  # labels are for fit to learn
        params = self.network.params(session.parameters)
        with blamed(self):
            return trace(self.network, head.cost, params, seen.x, seen.target, share(seen))

    # ------------------------------------------------------------------------------------------------ the parameters

    @property
    def parameters(self) -> Parameters:
        """Parameters and buffers by "layer/name": reading gives copies, setting replaces."""
        return Parameters(self.session)

    @property
    def session(self) -> Session:
        """The engine's session: parameters and what rules remember, on the device that computes."""
        if self._session is None:
            if self.head.shape is None:
                raise ConfigError(
                    "The network has no parameters yet. Call fit first, or give Network(..., inputs=...)."
                )
            self._session, self.head = self._made(self.head.shape)
        return self._session

    @property
    def parts(self) -> Parts:
        """What changes parameters in a step: optimizers, gradient steps, penalties, constraints."""
        lists = (tuple(part) for part in (self.gradient_steps, self.regularizers, self.constraints, self.groups))
        return Parts(self.optimizer, *lists)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the model to one file (safetensors format with a manifest); the old stays until the new is whole."""
        from bpframe.saving import tensor_file  # only who saves or loads pays for it

        tensor_file.write_tensors(path, self.session.parameters, model_file.manifest(self, VERSION))

    @classmethod
    def load(cls, path: str | os.PathLike[str], *, plugins: Sequence[str] = (), engine: Spec = "numpy") -> Trainer:
        """The trainer of a model file. Third-party components need their distribution named in `plugins`."""
        engine = build("engine", engine)  # the caller's choice, not the file's: only the caller's policies hold for it
        with model_file.opened(path, plugins) as (tensors, found):
            trainer = cls(**model_file.arguments(found), engine=engine)
            trainer.head = replace(trainer.head, learned=found["learned"])
            trainer.parameters.replace(tensors)
        trainer._fitted = True
        return trainer

    def checkpoint(self, path: str | os.PathLike[str]) -> None:
        """Write everything that a continued run needs, at present, in the middle of a fit too (from a hook).

        The old file stays until the new is whole. Raises CheckpointError where that fails, or where an exception has
        cut a block of steps short, so that the losses of some of its steps are not known.
        """
        from bpframe.saving import tensor_file  # only who saves or loads pays for it

        begun = None if self._fit is None else self._fit.begun
        if self._fit is not None and begun is None:
            raise CheckpointError(f"{path} cannot be written: the fit was cut off within a block of steps.")
        tensor_file.write_tensors(path, *checkpoint.pack(self, self._fit and self._fit.course, begun))

    @property
    def unfinished(self) -> bool:
        """Whether the next fit goes on with one that a checkpoint was made in."""
        return self._unfinished is not None

    def restore(self, path: str | os.PathLike[str]) -> None:
        """Take over the state of a checkpoint that a trainer of the same definition wrote.

        If it was written in the middle of a fit, the next `fit`, which needs the same data and settings, goes on from
        there and ends where that would have ended, with the same bits as if it had never been interrupted.
        """
        self._unfinished = checkpoint.unpack(self, path)
        self._fitted = True

    @classmethod
    def resume(
        cls,
        path: str | os.PathLike[str],
        *,
        plugins: Sequence[str] = (),
        callbacks: Sequence[Spec] | None = None,
        engine: Spec | None = None,
    ) -> Trainer:
        """A trainer in the state of a checkpoint: call `fit` with the same data and settings to go on (see `restore`).

        `callbacks` left out: those that the file names; others have to be given again. `engine` left out: the one that
        wrote it, whose bits another engine would not give.
        """
        with model_file.opened(path, plugins, model_file.CHECKPOINT) as (_, found):
            chosen = found["engine"] if engine is None else engine
            own = found["callbacks"] if callbacks is None else callbacks
            trainer = cls(**model_file.arguments(found), engine=chosen, callbacks=own)
        trainer.restore(path)
        return trainer

    def __repr__(self) -> str:
        return f"Trainer({self.network!r}, loss={self.loss!r}, optimizer={self.optimizer!r}, seed={self.seed})"

    # -------------------------------------------------------------------------------------------------------- inside

    def _enter(
        self, x: Any, y: Any, sample_weight: Any, class_weight: ClassWeight, validation: Any
    ) -> tuple[Data, Data | None]:
        """Everything checked and encoded before anything of the trainer changes."""
        rows = self.head.inputs(x)
        session, head = self._made(rows.shape[1:])
        seen, head = head.encoded(rows, y, sample_weight)
        seen = weighed(seen, head, class_weight)
        held_out = None if validation is None else head.admit(*_pair(validation), name="validation x")[0]
        self._session, self.head = session, head
        return seen, held_out

    def _made(self, shape: Shape) -> tuple[Session, Head]:
        """The session and the head, made for rows of this shape if there are none yet."""
        if self._session is not None:
            return self._session, self.head
        params, out = self.network.init(self.seed, shape)
        if len(out) != 1:
            raise ShapeError(f"The loss needs scores of one axis a row, got {out}. End the network in a dense layer.")
        self.known = parameter_groups.parameters(params)
        groups = parameter_groups.groups(self.known, self.parts)
        preflight.refuse_unsampled(groups, self.loss)
        session = self.engine.session(self.network, self.head.cost, groups, params, self.dtype, self.seed)
        self.network.input_shape = shape  # for summary()
        return session, replace(self.head, shape=shape, outputs=out[0])


def _pair(validation: Any) -> tuple[Any, Any]:
    if not isinstance(validation, tuple | list) or len(validation) != 2:
        raise ConfigError(f"fit needs a pair (x, y) as validation, got {type(validation).__name__}.")
    return validation[0], validation[1]
