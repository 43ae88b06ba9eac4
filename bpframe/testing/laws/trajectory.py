"""The trajectory of an update rule on its own, by the step of every engine.  p, g of any shape, a list of pieces each.

`h` holds what an engine knows: a loss of 1 unless another is given, a weight and a number of rows of 1, the hidden
weights PARAM. A rule that probes is given what `slopes` makes of the pieces there; one that observes, the gradient
at p.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import accumulate
from types import SimpleNamespace
from typing import Any, ClassVar, cast, final

import numpy as np

from bpframe.engine import optimizer_chain
from bpframe.engine.drawing import piece_key, set_keys
from bpframe.engine.hyperparameters import Settings
from bpframe.engine.step import training_step
from bpframe.network.gradients import LossAndGradients
from bpframe.protocols import CompareGradients, EvaluationParams, GradientStep, Observe, Optimizer, Param, Probe, Totals
from bpframe.protocols.traits import is_stochastic, scope_of
from bpframe.random import HashKey
from bpframe.testing.laws.unknown_values import UnknownArray, unknown
from bpframe.types import HostArray, Hyper, Params, Shape, State

PARAM = Param("dense_2/weight", "weight", "dense_2", (4, 3), 4, 3, 1, 3)
CAPABILITIES: tuple[type, ...] = (Totals, Probe, Observe, EvaluationParams)
Pieces = list[HostArray]
KEY = HashKey(3, 7)
N = 12  # numbers of a vector
Slopes = Callable[[Pieces], Pieces]  # from pieces of p to gradients there


def param_of(shape: Shape) -> Param:
    """Hidden weights of that shape, or a bias where it is no matrix."""
    role = "weight" if len(shape) == 2 else "bias"
    fans = (shape[0], shape[-1]) if len(shape) == 2 else (1, shape[0] if shape else 1)
    return Param(f"dense_2/{role}", role, "dense_2", shape, *fans, 1, 3)


def shape_of(rule: Optimizer | GradientStep) -> Shape:
    """The shape of the pieces that a rule is shown: a vector, or a matrix in scope "array"."""
    return PARAM.shape if rule.scope == "array" else (N,)


def numbers(shape: Shape, dtype: np.dtype[Any], steps: int = 5) -> tuple[HostArray, HostArray]:
    """(p, gradients a step) of random numbers."""
    rng = np.random.default_rng(5)
    return rng.normal(size=shape).astype(dtype), rng.normal(size=(steps, *shape)).astype(dtype)


def number_type(p: Any) -> Callable[[float], Any]:
    """What makes numbers for an array: scalars of its dtype for NumPy's, Python floats for other arrays.

    Of an array of unknown values they are such arrays too.
    """
    made: Callable[[float], Any] = getattr(p.dtype, "type", float)
    return (lambda number: unknown(made(number))) if isinstance(p, UnknownArray) else made


def note_step(settings: Settings, p: Any, step: int) -> None:
    """Have h.step as unknown to Python as p is."""
    if isinstance(p, UnknownArray):
        settings.note(step=unknown(np.asarray(step)))


@final
class Trajectory:
    """`pieces` of p and a state for each; of each step so far, `sums` over them and where they were `probed`.

    `given`: sums to use instead. `shown`: for each step what a rule which observes is shown there, by default the
    gradient of the step itself; nothing, if it is empty. It is the `StepUpdates` of its own steps.
    """

    measures: ClassVar[None] = None

    def __init__(
        self,
        rule: Optimizer,
        pieces: Sequence[HostArray],
        *,
        lr: float | None = None,
        param: Param = PARAM,
        given: Sequence[Any] | None = None,
        shown: Sequence[Pieces] | None = None,
    ) -> None:
        self.rule, self.pieces, self.t = rule, list(pieces), 0
        self.states: list[State] = [rule.init(p) for p in self.pieces]
        self.settings = Settings(rule, number_type(self.pieces[0]))
        self._lr, self._param, self._given, self._shown = lr, param, given, shown
        self.sums: list[Any] = []
        self.probed: list[Pieces] = []
        links = {what: optimizer_chain.with_capability(rule, self.states[0], what) for what in CAPABILITIES}
        self._summing, self._averaging = links[Totals], links[EvaluationParams]
        self._draws = any(is_stochastic(link.rule) for link in optimizer_chain.chain(rule))
        self._starts = [0, *accumulate(int(np.prod(p.shape)) for p in self.pieces)]  # in one vector of all
        self.probing, self.observing = links[Probe][:1], links[Observe] if shown is None or len(shown) else []

    def step(self, slopes: Slopes, loss: float = 1.0) -> None:
        """One update down the gradient that `slopes` gives."""
        self.now(loss)
        training_step(_Gradients(self, slopes, loss), self, self.t)
        self.t += 1

    def follow(self, gradients: Iterable[Pieces]) -> list[Pieces]:
        """The pieces after each of these gradients."""
        path = []
        for g in gradients:
            self.step(lambda pieces, g=g: list(g))  # type: ignore[misc]  # a default argument binds this step's g
            path.append(self.pieces)
        return path

    def now(self, loss: float = 1.0) -> Hyper:
        """h of the next update."""
        h, number = self.settings.at(self.t), number_type(self.pieces[0])
        self.settings.note(param=self._param, loss=number(loss), weight=number(1), rows=1)
        note_step(self.settings, self.pieces[0], self.t + 1)
        if self._lr is not None:
            set_lr(h, number(self._lr))
        return h

    def evaluated(self) -> HostArray:
        """The first piece of the parameters that this rule would predict with."""
        for link in self._averaging:
            h = link.settings(self.settings.h)
            return cast(HostArray, link.rule.evaluation_params(self.pieces[0], link.state(self.states[0]), h))
        return self.pieces[0]

    # ------------------------------------------------------------------------------------------ of a training step

    def observes(self, step: int) -> bool:
        """Whether a rule observes before the update that follows `step` updates."""
        return any(link.rule.observes(step + 1) for link in self.observing)

    def observed_states(self) -> list[State]:
        """The states of the pieces."""
        return list(self.states)

    def take_states(self, states: list[State]) -> None:
        """Replace them."""
        self.states = states

    def observe(self, states: list[State], gradients: Params, step: int, rows: int) -> list[State]:
        """Those states after the rule was shown these gradients."""
        slopes = cast(Pieces, gradients["pieces"]) if self._shown is None else self._shown[step]
        for link in self.observing:
            for i, (p, slope) in enumerate(zip(self.pieces, slopes, strict=True)):
                h = link.settings(self._h(i))
                states[i] = link.replaced(states[i], link.rule.observe(p, slope, link.state(states[i]), h))
        return states

    def probe(self, gradients: Params, step: int, batch_info: Mapping[str, Any]) -> Pieces:
        """Go where the rule wants its gradient taken; the pieces before."""
        (link,), before = self.probing, self.pieces
        self._sum(gradients["pieces"])
        there = enumerate(zip(self.pieces, gradients["pieces"], list(self.states), strict=True))
        self.pieces = [self._probe(link, i, *piece) for i, piece in there]
        self.probed.append(self.pieces)
        return before

    def _probe(self, link: optimizer_chain.ChainLink, i: int, p: HostArray, g: HostArray, state: State) -> HostArray:
        there = link.rule.probe(p, g, link.state(state), link.settings(self._h(i)))
        if isinstance(there, tuple):
            there, own = there
            self.states[i] = link.replaced(state, own)
        return cast(HostArray, there)

    def leave_probe(self, before: Pieces) -> None:
        """Back to the pieces before the probe."""
        self.pieces = before

    def compare_gradients(self, here: Params, there: Params) -> Params:
        """The gradients at the probe; at the pieces themselves where the rule compares both."""
        (link,) = self.probing
        if not isinstance(link.rule, CompareGradients):
            return there
        for i, (p, g, elsewhere) in enumerate(zip(self.pieces, here["pieces"], there["pieces"], strict=True)):
            own = link.rule.compare_gradients(p, g, elsewhere, link.state(self.states[i]), link.settings(self._h(i)))
            self.states[i] = link.replaced(self.states[i], own)
        return here

    def drop_probe(self, before: Pieces) -> None:
        """Its losses are finite."""

    def update(self, gradients: Params, step: int, batch_info: Mapping[str, Any]) -> float:
        """The update of every piece; no penalty."""
        h = self._sum(gradients["pieces"])
        self.sums.append([link.settings(h).total for link in self._summing])
        places = zip(self.pieces, gradients["pieces"], self.states, strict=True)
        results: list[Any] = [self.rule.update(p, g, state, self._h(i)) for i, (p, g, state) in enumerate(places)]
        self.pieces, self.states = [p for p, _ in results], [state for _, state in results]
        return 0.0

    def _h(self, i: int) -> Hyper:
        """h for piece i, with its key where a rule draws: that of its place in one vector of all pieces."""
        if self._draws:
            run = self._param.name, self._starts[i], self._starts[i + 1] - self._starts[i]
            set_keys(self.rule, self.settings.h, piece_key(KEY.child(self.t), [run], scope_of(self.rule)))
        return self.settings.h

    def _sum(self, g: Pieces) -> Hyper:
        """h with the sums over the pieces."""
        links, h = self._summing, self.settings.h
        sums = optimizer_chain.totals(links, h, zip(self.pieces, g, self.states, strict=True))
        optimizer_chain.set_totals(links, h, sums if self._given is None else self._given[self.t])
        return h


@final
class _Gradients:
    """The `StepOperations` of a trajectory: gradients that a function gives, and no network."""

    def __init__(self, trajectory: Trajectory, slopes: Slopes, loss: float) -> None:
        self._trajectory, self._slopes, self._loss = trajectory, slopes, loss

    def value_and_gradients(self) -> LossAndGradients:
        """The gradients at the present pieces."""
        gradients = {"pieces": self._slopes(self._trajectory.pieces)}
        return LossAndGradients(self._loss, 0.0, [self._loss], [], gradients)

    def sampled_gradients(self, result: LossAndGradients) -> Params:
        """The same gradients."""
        return cast(Params, result.gradients)

    def batch_info(self, result: LossAndGradients) -> Mapping[str, Any]:
        """Nothing besides what h holds."""
        return {}

    def when(self, due: bool, change: Callable[[Any], Any], values: Any) -> Any:
        """A plain choice."""
        return change(values) if due else values

    def begin_update(self) -> None:
        """Nothing is undone."""

    def refresh(self, result: LossAndGradients) -> None:
        """There are no buffers."""


def set_lr(h: Hyper, value: Any) -> bool:
    """Put that number in the place of every learning rate in h, those of inner rules too; whether there was one."""
    inner = [set_lr(part, value) for part in vars(h).values() if isinstance(part, SimpleNamespace)]
    if getattr(h, "lr", None) is None:
        return any(inner)
    h.lr = value
    return True
