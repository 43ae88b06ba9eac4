"""A meeting: the training in which two partners stand beside each other.  x (N, n), target (N, M), weight (N,).

A network of three dense layers; layers under test stand where they act: before the first if they are fitted to the
data, between the others if not. Two rules move a group of parameters each; one bias rests.
"""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, final

import numpy as np

from bpframe.engine.learning_rates import changed_rates, rates
from bpframe.errors import ConfigError
from bpframe.network.network import Network
from bpframe.protocols import Fit
from bpframe.protocols.implements import implements
from bpframe.protocols.traits import is_weighted, needs_whole_batch
from bpframe.registry import build, registry
from bpframe.registry.policy import CORE
from bpframe.testing.laws.examples import couples_rows, example_batch, example_labels
from bpframe.testing.laws.short_training import end_of_network, example_target
from bpframe.testing.pairs.partners import TIE, Partner
from bpframe.testing.pairs.rule_definition import at_present
from bpframe.testing.pairs.stop_in_the_middle import Stepped, StopInTheMiddle
from bpframe.testing.suite import configs_to_check
from bpframe.training.spec import PARTS
from bpframe.training.trainer import Trainer
from bpframe.types import HostArray

ROWS, N, BATCH = 14, 4, 4
SINGLE = {part.kind or "" for part in PARTS if not part.many} - {"optimizer"}  # kinds of which a trainer has one
GROUP = "dense_2/*"  # what the second of two rules moves, or one rule at half its rate
REST = "dense_1/bias"  # what stays as it is
DEFAULT = "softmax_cross_entropy"  # the loss that every rule can follow


@final
@dataclass(frozen=True)
class Meeting:
    """A training with these partners, on an engine."""

    partners: tuple[Partner, ...]
    engine: str = "numpy"

    @property
    def applicable(self) -> bool:
        """Whether they can stand beside each other: a trainer has one loss and one sampler, a rate one schedule."""
        kinds = [partner.kind for partner in self.partners]
        return not any(kinds.count(kind) > 1 for kind in (*SINGLE, "schedule"))

    @property
    def tie(self) -> dict[str, str] | None:
        """What the last hidden weight is, where it is another one."""
        sources = self.of_kind(TIE)
        number = 2 + sum(not implements(layer, Fit) for layer in self.of_kind("layer"))
        return {f"dense_{number}/weight": sources[0]} if sources else None

    def of_kind(self, kind: str) -> list[Any]:
        """The components of that kind."""
        return [partner.component for partner in self.partners if partner.kind == kind]

    @cached_property
    def couples_rows(self) -> bool:
        """Whether the loss couples the rows of a batch."""
        return couples_rows(at_present(self.loss, 0))

    @property
    def takes_weights(self) -> bool:
        """Whether rows may have weights: those that are coupled, where the loss takes them."""
        return is_weighted(self.loss) or not self.couples_rows

    @cached_property
    def batch_size(self) -> int:
        """4, or all rows where a rule needs them."""
        return ROWS if any(map(needs_whole_batch, self.of_kind("optimizer"))) else BATCH

    @property
    def epochs(self) -> int:
        """3, or 2 where steps take longer and no schedule needs more; 6 where it does and batches make one update."""
        roles = {partner.role for partner in self.partners}
        if {"gathering step", "schedule over a run"} <= roles:
            return 6
        return 3 if self.engine == "numpy" or "schedule over a run" in roles else 2

    @cached_property
    def loss(self) -> Any:
        """The loss among the partners, or one that every rule can follow, of the fields that a sampler needs."""
        if losses := self.of_kind("loss"):
            return losses[0]
        examples = [example_target(sampler) for sampler in self.of_kind("sampler")]
        fields = {name for each in examples if isinstance(each, Mapping) for name in each}
        return _loss_of(fields) if fields else build("loss", DEFAULT)

    @cached_property
    def y(self) -> Any:
        """Labels for the loss, by field if it has some."""
        return example_labels(at_present(self.loss, 0), ROWS)

    @cached_property
    def x(self) -> HostArray:
        """Rows of normal numbers."""
        return np.random.default_rng(0).normal(size=(ROWS, N))

    @cached_property
    def trained(self) -> dict[str, HostArray]:
        """The parameters after a whole training, made once for all laws that ask."""
        trainer = self.trainer()
        self.fit(trainer, self.epochs)
        return trainer.parameters.copy()

    @cached_property
    def stepped(self) -> Stepped:
        """The same training, step by step and with a stop in its middle."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "checkpoint")
            trainer = self.trainer(callbacks=[StopInTheMiddle(path)])
            self.fit(trainer, self.epochs)
            return Stepped(trainer.parameters.copy(), path.read_bytes() if path.exists() else None)

    def trainer(self, **more: Any) -> Trainer:
        """A new trainer with the partners."""
        network = Network(self._layers(), tie=self.tie)
        parts = self._parts()
        parts["callbacks"] = [*parts.get("callbacks", []), *more.pop("callbacks", [])]
        return Trainer(network, self.loss, **parts, metrics=[], dtype="float64", **more)

    def fit(self, trainer: Trainer, epochs: int, **more: Any) -> None:
        """Train for so many more epochs."""
        rows = {"x": self.x, "y": self.y, "batch_size": self.batch_size, "validation": (self.x, self.y), **more}
        with quiet():
            trainer.fit(**rows, epochs=epochs, verbose=0)

    def _layers(self) -> list[Any]:
        layers = self.of_kind("layer")
        outputs = example_batch(at_present(self.loss, 0), 1)[0].shape[1]
        return [
            *(layer for layer in layers if implements(layer, Fit)),
            _dense(5, "tanh"),
            *(each for layer in layers if not implements(layer, Fit) for each in (layer, _dense(5, "tanh"))),
            _dense(4, "tanh"),
            _dense(outputs, end_of_network(at_present(self.loss, 0))),
        ]

    def _parts(self) -> dict[str, Any]:
        """Arguments of the trainer but for network and loss."""
        rules: Sequence[Any] = self.of_kind("optimizer") or [build("optimizer", {"name": "momentum", "lr": 0.05})]
        if schedules := self.of_kind("schedule"):
            rules = [changed_rates(rules[0], lambda _: schedules[0])]
        parts: dict[str, Any] = {
            "optimizer": rules[0],
            "engine": self.engine,
            "groups": [{"match": REST, "frozen": True}],
        }
        if len(rules) > 1:
            parts["groups"].append({"match": GROUP, "optimizer": rules[1]})
        elif _has_rate(rules[0]):
            parts["groups"].append({"match": GROUP, "lr_multiplier": 0.5})
        for part in PARTS:
            found = self.of_kind(part.kind) if part.kind else []
            if part.name not in ("network", "loss", "optimizer", "engine", "groups") and found:
                parts[part.name] = found if part.many else found[0]
        return parts


@contextmanager
def quiet() -> Iterator[None]:
    """A block without warnings: what is warned of runs."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        yield


def _loss_of(fields: Collection[str]) -> Any:
    """A loss of bpframe's whose target has these fields, or the default one, if there is none."""
    for provider in registry.providers():
        if provider.kind == "loss" and provider.dist == CORE:
            examples = configs_to_check(registry.load("loss", provider.ref))
            loss = build("loss", {"name": provider.ref, **examples[0]})
            if isinstance(labels := example_labels(loss, 1), Mapping) and set(fields) <= set(labels):
                return loss
    return build("loss", DEFAULT)


def _has_rate(rule: Any) -> bool:
    """Whether a group may multiply the learning rate of a rule."""
    try:
        return rule.scope != "objective" and bool(list(rates(rule)))
    except ConfigError:
        return False


def _dense(units: int, activation: str | None) -> Any:
    settings: Mapping[str, Any] = {} if activation is None else {"activation": activation}
    return build("layer", {"name": "dense", "units": units, **settings})
