"""The Trainer: a network, a loss and an optimizer, fitted to data.  The main class of bpframe.

Shapes: x (N, n) rows, y (N,) labels or (N, C) targets, scores and predictions (N, C).
"""

from __future__ import annotations

import copy
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, Never, Unpack, cast, final

from numpy.typing import ArrayLike

from bpframe import checks
from bpframe.data.arrays import Targets
from bpframe.data.class_weight import ClassWeight, apply_class_weight
from bpframe.data.columns import learned_names
from bpframe.data.fingerprint import LazyFingerprint
from bpframe.data.task import Labels, Task, share
from bpframe.engine.projection import projected
from bpframe.errors import CheckpointError, ConfigError
from bpframe.network.network import Network
from bpframe.protocols import Callback, Data, Engine, Loss, Metric, Minimizer, Optimizer, Session
from bpframe.registry import Spec, registry
from bpframe.registry import build as component
from bpframe.registry.other_words import hide_other, refuse_other
from bpframe.registry.safe_text import object_text
from bpframe.training.diagnosis import component_kinds, name_culprit, refuse_not_finite
from bpframe.training.evaluation import evaluate_scores, named_metrics
from bpframe.training.exclusive_use import ExclusiveUse
from bpframe.training.fit import FitRun
from bpframe.training.fit_settings import TrainerState, UnfinishedFit
from bpframe.training.fitted_data import fit_fingerprint
from bpframe.training.history import History
from bpframe.training.loop import run_fit
from bpframe.training.new_fit import FitArguments, new_fit
from bpframe.training.open_session import network_of, open_session
from bpframe.training.parameters import Parameters
from bpframe.training.part_change import KEPT, attribute_changes
from bpframe.training.preflight import require_rows
from bpframe.training.session_snapshot import SessionSnapshot
from bpframe.training.spec import PARTS, TrainerParts, TrainerSpec, with_parts
from bpframe.training.trained_parameters import TrainedParameters
from bpframe.training.verbose import Verbose, require_verbose
from bpframe.types import HostArray, Params, Shape

if TYPE_CHECKING:
    from bpframe.network.trace import Trace
    from bpframe.plot.canvas import Axes
    from bpframe.plot.theme import ThemeName
    from bpframe.training.layer_fit import RowBlocks
    from bpframe.training.prediction_function import PredictionFunction


@final
class Trainer:
    """Trains a network by backpropagation and predicts with it.

    Every component is a name, a mapping with `name` and arguments, or a ready object. `metrics` left out: accuracy
    for class targets, r2 and mae otherwise. `seed` fixes initial weights, the order of epochs and every draw.
    `groups` take parameters out by name: {"match": "*/bias", "lr_multiplier": 2.0}, frozen=True, or an optimizer of
    their own (see ParameterGroup). `standardize_target`: train on (y - mean) / deviation of each column of y, over the
    rows of the first fit by their weights, for losses of differences; predictions and metrics come back in y's units,
    loss, scores and traces are those of the standardised y. `weights_by_batch`: what the weighted losses of a batch are
    divided by, see `fit`.
    A second `fit` goes on where the first ended; a new Trainer starts afresh.
    """

    network: Network
    loss: Loss
    optimizer: Optimizer | Minimizer
    engine: Engine
    callbacks: Sequence[Callback]
    metrics: Sequence[Metric] | None
    seed: int
    standardize_target: bool
    weights_by_batch: bool

    @with_parts
    def __init__(self, network: Network, loss: Spec, optimizer: Spec = "sgd", **parts: Unpack[TrainerParts]) -> None:
        refuse_other(Trainer.__init__, parts)
        spec = TrainerSpec.build(network, loss, optimizer, **parts)
        self._present = spec.check()
        vars(self).update(vars(spec))  # each part is an attribute of its name
        self.history = History()
        self.task = Task(
            self._present.cost.loss,
            self._present.cost,
            spec.dtype,
            network.inputs,
            standardize=spec.standardize_target,
            layers=self._present.network.layers,
        ).with_inputs(network.several)
        self.memories: list[dict[str, Any]] = [{} for _ in spec.callbacks]
        self._params = TrainedParameters()  # once there is a session
        self._session: Session | None = None
        self._snapshot: SessionSnapshot | None = None  # in a copy, until it is used
        self._fitted, self._layers_fitted = False, False
        self._exclusive = ExclusiveUse()
        self._fit: FitRun | None = None  # the one that runs
        self._unfinished: UnfinishedFit | None = None  # the one that a checkpoint interrupted
        self._data: LazyFingerprint | None = None  # of the latest fit

    @classmethod
    def of(cls, spec: TrainerSpec) -> Trainer:
        """A new trainer of these parts."""
        return cls(**vars(spec))

    def __setattr__(self, name: str, value: Any) -> None:
        if name in KEPT:
            vars(self).update(attribute_changes(vars(self), name, value))
        else:
            object.__setattr__(self, name, value)

    @property
    def spec(self) -> TrainerSpec:
        """What the trainer is made of, at present."""
        return TrainerSpec(**{part.name: getattr(self, part.name) for part in PARTS})

    # ------------------------------------------------------------------------------------------------------ fitting

    @hide_other
    def fit(
        self,
        x: ArrayLike,
        y: Targets,
        *,
        epochs: int = 10,
        batch_size: int = 32,
        validation: tuple[ArrayLike, Targets] | tuple[ArrayLike, Targets, ArrayLike] | None = None,
        sample_weight: ArrayLike | None = None,
        class_weight: ClassWeight = None,
        shuffle: bool = True,
        verbose: Verbose = "auto",
        run: str | os.PathLike[str] | None = None,
        **other: Never,
    ) -> History:
        """Train for `epochs` more epochs on x (N, n) and y; the history of all epochs so far.

        The first fit learns the names of columns, if x is a table; rows with names are read by them from then on.
        Minimises sum_i w_i loss_i / sum_i w_i over all rows, plus penalties, in batches of any size: a batch of B rows
        takes sum_i w_i loss_i / (B mean w), mean w that of all rows (Keras: sum_i w_i loss_i / B). The last batch of an
        epoch may be smaller. With the Trainer's `weights_by_batch` it takes sum_i w_i loss_i / sum_i w_i over its own
        rows (as PyTorch with class numbers as targets, and scikit-learn's MLP), where weights act within a batch alone.
        `sample_weight` (N,) is that of each row, `class_weight` multiplies it in the loss: a weight by label, or of
        each class in order, or "balanced" for N / (C n_c), sums of sample weights where there are some. Metrics and the
        layer standardize go by sample weights alone. Rows of sample weight 0 count for nothing, batch statistics and
        activity penalties included. `validation`: (x, y) or (x, y, sample_weight), measured after each epoch as
        `evaluate` does.
        `verbose`: 0 shows nothing, 1 a live line in a terminal or a notebook and some twenty plain lines elsewhere, 2 a
        line an epoch; "auto" is 1 for fits of the main thread that last longer than a second, plain lines on stderr.
        `run`: the name of a folder in runs/, or the path of one, that keeps the run as `bpframe train` does: config,
        lock, history, model and result (the callback run_folder), for `bpframe.Run` to read.
        Raises DataError for unusable data, NumericalError when numbers stop being finite.
        """
        refuse_other(Trainer.fit, other)
        epochs, size = checks.whole("Trainer", 1, epochs=epochs), checks.whole("Trainer", 1, batch_size=batch_size)
        verbose = require_verbose("Trainer.fit", verbose)
        recorder = None if run is None else component("callback", {"name": "run_folder", "folder": run})
        call = {"x": x, "y": y, "sample_weight": sample_weight, "validation": validation, "class_weight": class_weight}
        call |= {"epochs": epochs, "batch_size": size, "shuffle": shuffle}
        with self._exclusive, name_culprit(self._kinds):
            data = self._admit(x, y, sample_weight, class_weight, validation)
            marks = fit_fingerprint(x, validation, self.task.columns, data)
            given = FitArguments(epochs, size, shuffle, marks, verbose, recorder, call)
            fit = new_fit(self, self.spec, self._state, self._params, data, given, self._unfinished)
            self._fit = fit
            try:
                fit.prepare(first=not self._fitted, learn=not self._layers_fitted)
                self._fitted, self._unfinished, self._data = True, None, given.data
                return run_fit(fit)
            finally:
                self._fit = None
                self._present.move(fit.session.step)

    def fit_layers(self, blocks: RowBlocks) -> None:
        """Learn what layers learn from data, as standardize does, from blocks of rows in the place of the first fit's.

        `blocks`: of x (N, n), or (x, sample_weight (N,)): an iterable, such as a list, which is gone through once for
        each layer that learns, or a function that gives one anew, so that the rows need not be in memory together. How
        they are cut changes results by rounding alone. Then `fit` leaves these layers as they are. ConfigError for a
        layer that needs all rows at once, and behind the first fit.
        """
        from bpframe.training.layer_fit import BlockReader, buffers_of_blocks  # which a fit can do without

        if self._fitted:
            raise ConfigError("fit_layers comes before the first fit, which has learned already. Make a new Trainer.")
        with self._exclusive, name_culprit(self._kinds):
            reader = BlockReader(blocks)
            x = reader.first()
            task = self.task.for_inputs(x)
            x = task.as_rows(x)
            rows = task.numbers(x)
            session, task = self._open_session(rows.shape[1:], task)
            task = replace(task, columns=task.columns or learned_names(x)).with_offset(x, rows)[1]
            network = network_of(self.network, task)
            session.assign(buffers_of_blocks(network, network.params(session.parameters), reader.of(task)))
            self._take(session, task)
            self._layers_fitted = True

    # --------------------------------------------------------------------------------------------------- predicting

    def scores(self, x: ArrayLike) -> HostArray:
        """Scores (N, C) of rows x: what the last layer gives, before the link."""
        session, rows = self.session, self.task.inputs(x)
        with name_culprit(self._kinds):
            return refuse_not_finite(session.scores(rows), rows)

    def predict(self, x: ArrayLike) -> HostArray:
        """Predictions (N, C) of rows x: the link applied, probabilities or means.

        In the trainer's dtype; in float64 with `standardize_target`, where a large mean is added.
        """
        session, rows = self.session, self.task.inputs(x)
        with name_culprit(self._kinds):
            return self.task.prediction(refuse_not_finite(session.scores(rows), rows))

    def predict_labels(self, x: ArrayLike) -> Labels:
        """Labels (N,) of rows x, as they were given to `fit`; (N, k) zeros and ones for several labels a row.

        With several heads a mapping from the heads that have classes to their labels.
        """
        session, rows = self.session, self.task.inputs(x)
        with name_culprit(self._kinds):
            return self.task.labels(refuse_not_finite(session.scores(rows), rows))

    @hide_other
    def evaluate(
        self, x: ArrayLike, y: Targets, sample_weight: ArrayLike | None = None, **other: Never
    ) -> dict[str, float]:
        """{"loss": sum_i w_i loss_i / sum_i w_i, and every metric by name} on x and y, in evaluation mode.

        Metrics go by `sample_weight` (N,) too; rows of weight 0 count for nothing.
        """
        refuse_other(Trainer.evaluate, other)
        session, data = self.session, self.task.admit(x, y, sample_weight)[0]
        with name_culprit(self._kinds):
            metrics = named_metrics(self.task, self.metrics)
            return evaluate_scores(self.task, session.scores(data.x), data, metrics)

    def trace(self, x: ArrayLike, y: Targets, sample_weight: ArrayLike | None = None) -> Trace:
        """Every array of the recursion for one batch, in evaluation mode: `.loss`, `.layers`, `.prediction`.

        `.explain(row)` derives backpropagation with the numbers of one row.
        """
        from bpframe.network.trace import trace  # imported by those who look
        from bpframe.training.row_derivation import derive_row

        task = self.task.for_inputs(x)
        rows = task.inputs(x)
        session, task = self._open_session(rows.shape[1:], task)
        data, task = task.encoded(rows, y, sample_weight)
        self._take(session, replace(task, learned=self.task.learned))  # labels are for fit to learn
        params = self.network.params(session.parameters)
        network = network_of(self._present.network, self.task)
        with name_culprit(self._kinds):
            found = trace(network, task.cost, params, data.x, data.target, share(data))
        state = SessionSnapshot.of(session)._replace(epochs=self.history.step)
        spec = replace(self.spec, network=network, loss=self._present.cost.loss)
        found.rows = partial(derive_row, spec, task, params, state, data)
        return found

    def plot_network(
        self,
        x: ArrayLike,
        y: Targets | None = None,
        *,
        inputs: Sequence[int | str] = (0, 1),
        units: int = 8,
        resolution: int = 40,
        ax: Axes | None = None,
        theme: ThemeName | None = None,
    ) -> Axes:
        """The network as a picture: each unit a map over the plane of two inputs, lines by weight: `bp.plot.network`.

        x (N, n) rows say where the plane is; of other inputs than the two, by number or name, the medians are taken.
        With y beside each unit delta = dL/du, of at most 150 rows. Wider layers show `units` of theirs, and say so.
        """
        from bpframe.plot.network_picture import network  # imported by those who plot
        from bpframe.training.activation_maps import activation_maps

        params = self.network.params(self.session.parameters)
        look: dict[str, Any] = {"inputs": inputs, "units": units, "resolution": resolution}
        with name_culprit(self._kinds):
            maps = activation_maps(self.network, params, self.task, x, y, **look)
        return network(maps, ax=ax, theme=theme)

    def function(self) -> tuple[PredictionFunction, Params]:
        """(f, parameters): f(parameters, x) is `predict` as a pure function of arrays of any namespace.

        The parameters are a tree {"dense_1": {"weight": ...}} of NumPy arrays, copies of those that predict.
        """
        from bpframe.training.prediction_function import PredictionFunction  # imported by those who ask for it

        session = self.session
        network = network_of(self.network, self.task)
        return PredictionFunction(network.layers, self.task), network.params(session.parameters)

    # ------------------------------------------------------------------------------------------------ the parameters

    @property
    def parameters(self) -> Parameters:
        """Parameters and buffers by "layer/name": reading gives copies, setting replaces."""
        return Parameters(self.session, self._projected)

    @property
    def session(self) -> Session:
        """The engine's session: parameters and what rules remember, on the device that computes."""
        session = self._session
        if session is None:
            if self.task.shape is None:
                raise ConfigError(
                    "The network has no parameters yet. Call fit first, or give Network(..., inputs=...)."
                )
            session, task = self._open_session(self.task.shape, self.task)
            self._take(session, task)
        return session

    def load_weights(
        self,
        source: object,
        mapping: Mapping[str, str] | None = None,
        *,
        layout: Literal["torch", "keras"] | None = None,
    ) -> None:
        """Take over the weights of a trained network of another library; parameters change all together or not at all.

        `source`: a PyTorch module or state dict, a .safetensors file, a Keras model, a scikit-learn MLP. Arrays are
        taken in order, layer by layer, or by `mapping`, {"dense_1/weight": "fc.weight"}, which may name some alone.
        `layout` "torch" (weights are (out, in), kernels (out, in, *K), which are turned; gates and the biases of
        recurrent layers as PyTorch has them; rows joined before a dense layer with channels first) or "keras"; by the
        source if left out.
        What a layer learns from data by itself, as standardize does, is left alone. ShapeError and ConfigError name
        what does not fit.
        """
        from bpframe.training.foreign_weights import weights_for  # imported by those who bring weights

        own = self.parameters.copy()  # which makes them, and the task knows the shape of rows
        shape = cast(Shape, self.task.shape)
        self.parameters.replace(weights_for(self.network.layers, own, source, mapping, layout, shape))

    @property
    def settings(self) -> dict[str, float]:
        """The present values of settings of layers and loss that follow schedules, by path: "network[1].rate".

        Those of the latest step. Predictions, metrics and traces are made with them, and a model file holds them.
        """
        return self._present.values

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the model to one file (safetensors format with a manifest); the old stays until the new is whole.

        It holds what predicts; what a fit needs to go on where this one is, `checkpoint` writes.
        """
        from bpframe.saving import tensor_file  # imported by saving and loading alone
        from bpframe.training.manifest import manifest

        content = manifest(self.spec, self.task, self._data, self._present.values)
        tensor_file.write_tensors(path, self.session.parameters, content)

    @classmethod
    def load(
        cls, path: str | os.PathLike[str], *, plugins: Sequence[str] = (), engine: Spec = "numpy", **parts: Any
    ) -> Trainer:
        """The trainer of a model file. Third-party components need their distribution named in `plugins`.

        A model file holds what predicts. A fit of it starts anew in all else: what the rule remembers, its count of
        updates and so every schedule, the history and the memory of callbacks, from the parameters that predicted (of
        a rule that averages: the average). To go on where a fit was, write a `checkpoint` and `resume` from that.
        `parts`: arguments of Trainer in place of the file's, such as an optimizer of another learning rate.
        """
        from bpframe.saving import model_file  # imported by saving and loading alone
        from bpframe.training.manifest import built_parts, columns_of, known_fingerprint, trainer_arguments

        refuse_other(Trainer.__init__, parts)
        given = built_parts({"engine": engine, **parts})
        try:
            with model_file.open_untrusted(path, plugins) as (tensors, content, network):
                trainer = cls(**trainer_arguments(content, network) | given)
                trainer.task = replace(trainer.task, learned=content["learned"], columns=columns_of(content))
                trainer._present.restore(content.get("settings", {}))
                trainer.parameters.replace(tensors)
                trainer._data = known_fingerprint(content)
        except CheckpointError as error:
            if parts and isinstance(error.__cause__, ConfigError):  # the caller's part does not fit, not the file
                raise error.__cause__ from None
            raise
        trainer._fitted = True
        return trainer

    def checkpoint(self, path: str | os.PathLike[str]) -> None:
        """Write everything that a continued run needs, at present, in the middle of a fit too (from a hook).

        The old file stays until the new is whole. Raises CheckpointError where that fails, or where an exception has
        cut a block of steps short, so that the losses of some of its steps are not known.
        """
        from bpframe.saving import tensor_file  # imported by saving and loading alone
        from bpframe.training import checkpoint

        unfinished = None if self._fit is None else self._fit.interruption(str(path))
        tensor_file.write_tensors(path, *checkpoint.pack_state(self.spec, self._state, unfinished))

    @property
    def unfinished(self) -> bool:
        """Whether the next fit goes on with one that a checkpoint was made in."""
        return self._unfinished is not None

    def restore(self, path: str | os.PathLike[str]) -> None:
        """Take over the state of a checkpoint that a trainer of the same definition wrote.

        If it was written in the middle of a fit, the next `fit`, which needs the same data and settings, goes on from
        there and ends where that would have ended, with the same bits as if it had never been interrupted.
        """
        from bpframe.saving import tensor_file  # imported by saving and loading alone

        self._restore(path, tensor_file.read_tensors(path))

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
        wrote it, whose bits another engine would not give, with this program's threads and caches. No path is taken
        from the file: a callback that writes checkpoints goes on in the folder that holds `path`.
        """
        from pathlib import Path  # imported by saving and loading alone

        from bpframe.saving import model_file
        from bpframe.training.manifest import built_parts, checkpoint_arguments

        caller = {"engine": engine, "callbacks": callbacks}
        given = built_parts({name: part for name, part in caller.items() if part is not None})
        with model_file.open_untrusted(path, plugins, model_file.CHECKPOINT) as file:
            trainer = cls(**checkpoint_arguments(file, Path(path).parent, given))
        try:
            trainer._restore(path, file[:2])
        except ConfigError as error:
            if given:
                raise
            raise CheckpointError(f"{path} cannot be resumed as it is: {error}") from error
        return trainer

    def __getstate__(self) -> dict[str, Any]:
        """What pickles and copies hold: as a checkpoint, a snapshot of the session and how far a fit is that runs."""
        from bpframe.training.manifest import local_names  # imported by copies alone

        unfinished = self._unfinished if self._fit is None else self._fit.interruption("a copy")
        snapshot = self._snapshot if self._session is None else SessionSnapshot.of(self._session)
        own = {"_session": None, "_snapshot": snapshot, "_fit": None, "_unfinished": unfinished}
        return {**vars(self), **own, "local": local_names(self.spec)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        for name in state.pop("local"):
            registry.adopt(*name)
        vars(self).update(state)

    def __copy__(self) -> Trainer:
        return copy.deepcopy(self)  # two trainers that shared a history would both write to it

    def __repr__(self) -> str:
        loss, optimizer = object_text(self.loss), object_text(self.optimizer)
        return f"Trainer({self.network!r}, loss={loss}, optimizer={optimizer}, seed={self.seed})"

    def __str__(self) -> str:
        from bpframe.training import overview  # imported by those who look

        return overview.text(self.spec, self.history)

    def _repr_html_(self) -> str:
        from bpframe.training import overview  # imported by those who look

        return overview.html(self.spec, self.history)

    # -------------------------------------------------------------------------------------------------------- inside

    def _kinds(self) -> dict[type, str]:
        return component_kinds(self.spec, self.task.cost)

    def _admit(
        self, x: ArrayLike, y: Targets, sample_weight: ArrayLike | None, class_weight: ClassWeight, validation: object
    ) -> tuple[Data, Data | None]:
        """(training data, validation data), checked and encoded before anything of the trainer changes."""
        task = self.task.for_inputs(x)
        x = task.as_rows(x)
        rows = task.numbers(x)
        session, task = self._open_session(rows.shape[1:], task)
        task = task.for_fit(x)
        known = self._fitted or self._layers_fitted
        rows, task = (rows, task) if known else task.with_offset(x, rows, sample_weight)
        data, task = task.encoded(rows, y, sample_weight)
        data = apply_class_weight(data, task, class_weight)
        apart = None if validation is None else task.admit(*require_rows(validation), name="validation x")[0]
        self._take(session, task)
        return data, apart

    def _take(self, session: Session, task: Task) -> None:
        """Go on with a session and a task, and with the network of the inputs that the task has learned."""
        self._session, self.task = session, task
        vars(self)["network"] = network_of(self.network, task)

    def _projected(self, values: Mapping[str, HostArray]) -> dict[str, HostArray]:
        """Parameters to be set, in the sets in which they are kept."""
        spec = self.spec
        return {**values, **(projected(self._params.groups(spec), values) if spec.projects else {})}

    @property
    def _state(self) -> TrainerState:
        """What changes by training."""
        return TrainerState(self.session, self.task, self.history, self.memories, self._data, self._present)

    def _open_session(self, shape: Shape, task: Task) -> tuple[Session, Task]:
        """The session and the task, made of this one for rows of this shape if there are none yet."""
        if self._session is not None:
            return self._session, self.task
        with name_culprit(self._kinds):
            session, task, self._params = open_session(self.spec, task, shape, self._present, self.history.step)
        if self._snapshot is not None:
            self._session, self._snapshot = self._snapshot.restored(session), None
        return session, task

    def _restore(self, path: str | os.PathLike[str], file: tuple[Mapping[str, HostArray], Mapping[str, Any]]) -> None:
        """Take over the state in a checkpoint's (tensors, manifest)."""
        from bpframe.training import checkpoint  # imported by saving and loading alone
        from bpframe.training.manifest import columns_of, inputs_of

        params = TrainedParameters()

        several = self.task.with_inputs(inputs_of(file[1]))
        spec = replace(self.spec, network=network_of(self.network, several))

        def new_session(shape: Shape, learned: Mapping[str, Any]) -> tuple[Session, Task]:
            nonlocal params
            task = replace(several, shape=shape, learned=learned, columns=columns_of(file[1]))
            self._present.restore(file[1].get("settings", {}))
            steps = file[1]["history"].get("step", ())
            session, task, params = open_session(spec, task, shape, self._present, steps)
            return session, task

        shape, values = self.network.input_shape, self._present.values
        try:
            state, unfinished = checkpoint.unpack_state(path, file, spec, new_session)
        except BaseException:
            self.network.input_shape = shape
            self._present.hold(values.values())
            raise
        self._take(state.session, state.task)
        self.history, self.memories, self._data, _ = state[2:]
        self._params, self._unfinished, self._fitted = params, unfinished, True
