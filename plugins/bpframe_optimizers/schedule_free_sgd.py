"""Schedule-free gradient descent.  y parameter, x its average, z base point, g gradient; one shape."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import ClassVar, final

from bpframe.plugin import Array, Hyper, Scope, State, TuningSpace, checks
from bpframe_optimizers import averaged
from bpframe_optimizers.golden_paths import Golden, golden_paths


@final
@dataclass(frozen=True)
class ScheduleFreeSgd:
    """z <- z - lr_t g(y);  x <- (1 - c) x + c z;  y = (1 - beta) z + beta x: trains at y, predicts with x.

    c = lr_t^2 / sum of lr_i^2 up to t: the mean of all z, those of the warm-up counting less. lr_t rises linearly over
    `warmup_steps`. It wants a larger lr than sgd, and no decreasing schedule. beta must be above 0
    and stay the same through a training, without a schedule or a change between fits: x is not kept but follows from y
    and z by the beta of the moment.
    Source: Defazio et al. (2024), The road less scheduled, arXiv:2405.15682.
    """

    lr: float = 1.0
    beta: float = 0.9
    warmup_steps: int = 0
    scope: ClassVar[Scope] = "element"
    tuning_space: ClassVar[TuningSpace] = {
        "lr": (0.03, 30.0),
        "schedule": None,
        "source": "three decades round the default; its authors advise 10 to 50 times the rate of sgd",
    }

    def __post_init__(self) -> None:
        checks.not_negative("schedule_free_sgd", lr=self.lr)
        checks.positive("schedule_free_sgd", beta=self.beta)
        checks.fraction("schedule_free_sgd", beta=self.beta)
        checks.whole("schedule_free_sgd", 0, warmup_steps=self.warmup_steps)

    @classmethod
    def example_configs(cls) -> list[dict[str, object]]:
        """Without and with a warm-up, at a rate that is stable on curvatures up to 10."""
        return [{"lr": 0.1}, {"lr": 0.1, "beta": 0.95, "warmup_steps": 7}]

    def init(self, p: Array) -> State:
        """All three points in one."""
        return averaged.init(p)

    def update(self, p: Array, g: Array, state: State, h: Hyper) -> tuple[Array, State]:
        """(y, {z, weight_sum})."""
        return averaged.step(p, g, state, h, averaged.warmed_up(h, self.warmup_steps, p), h.beta)

    def restart(self, p: Array, state: State) -> State:
        """All three points are p, and the average starts there."""
        return {**state, **averaged.init(p)}

    def displace(self, p: Array, change: Array, state: State, h: Hyper) -> tuple[Array, State]:
        """z moves, as by a step; the average stays."""
        return averaged.displaced(p, change, state, h.beta)

    def evaluation_params(self, p: Array, state: State, h: Hyper) -> Array:
        """The average x."""
        return averaged.average(p, state, h.beta)

    def reference(self, p: float, gradients: Iterable[float]) -> Iterator[float]:
        """One number, with x itself: the weighted mean of all z."""
        z, path, weights = p, [p], [0.0]
        for t, g in enumerate(gradients, start=1):
            lr = self.lr * min(1.0, t / self.warmup_steps) if self.warmup_steps else self.lr
            z -= lr * g
            path.append(z)
            weights.append(lr**2)
            x = sum(w * q for w, q in zip(weights, path, strict=True)) / sum(weights)
            yield (1 - self.beta) * z + self.beta * x

    def golden(self) -> list[Golden]:
        """Paths of the authors' code."""
        return golden_paths({"schedule_free_sgd": {"lr": 0.2, "warmup_steps": 7}})
