"""The spec of a Trainer: all that it is made of, as data, in one list.

Files, configs, locks, parameter groups, diagnosis and copies of a trainer read it: a kind of component is added here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from inspect import Parameter, Signature, signature
from math import prod
from typing import Any, TypedDict, TypeVar, Unpack, final

from bpframe import checks
from bpframe.engine.epoch_order import epoch_order
from bpframe.engine.hyperparameters import Curve, monitoring, over
from bpframe.engine.update_clock import acting_counts
from bpframe.errors import ConfigError
from bpframe.network.backprop import CostLayer
from bpframe.network.network import Network
from bpframe.protocols import (
    Augmentation,
    BatchSampler,
    Callback,
    Constraint,
    Data,
    Draws,
    Engine,
    GradientStep,
    Loss,
    Metric,
    Minimizer,
    Optimizer,
    Periodic,
    Regularizer,
    Sampler,
)
from bpframe.protocols.implements import implements
from bpframe.registry import Spec, build, build_all
from bpframe.registry.builder import SCHEDULED
from bpframe.registry.constructor import wants
from bpframe.registry.kinds import KINDS
from bpframe.registry.labelled import unlabelled
from bpframe.training.foreign_hooks import refuse_without_hooks
from bpframe.training.nested_capabilities import refuse_hidden_capabilities
from bpframe.training.parameter_groups import ParameterGroup, build_groups
from bpframe.training.preflight import refuse_double_link, refuse_mixed_numbers, refuse_unscalable
from bpframe.training.present_parts import PresentParts
from bpframe.training.score_domain import refuse_other_range
from bpframe.types import HostArray

Method = TypeVar("Method", bound=Callable[..., Any])
ON_BATCHES = {"on_batches": True}  # metadata of a part that acts on batches, which files leave out where it is empty
HOW = {"defines": False}  # metadata of a part that says how, not what a trainer learns: no part of a model file


def updating(*, everywhere: bool = False, **results: str) -> dict[str, Any]:
    """Metadata of a part that acts in the update of a group of parameters.

    `everywhere`: on every parameter where it does not say itself which; otherwise on weights alone. `results`: what
    each of its methods gives, in order: "state", "value" (one number), or the name of an array like the parameter.
    """
    return {"everywhere": everywhere, "results": {method: names.split() for method, names in results.items()}}


class TrainerParts(TypedDict, total=False):
    """The parts of a trainer that may be left out, as specifications: a field of TrainerSpec each, with its default."""

    seed: int
    engine: Spec
    dtype: str
    metrics: Sequence[Spec] | None
    callbacks: Sequence[Spec]
    regularizers: Sequence[Spec]
    gradient_steps: Sequence[Spec]
    constraints: Sequence[Spec]
    groups: Sequence[Spec]
    augmentations: Sequence[Spec]
    sampler: Spec | None
    standardize_target: bool
    weights_by_batch: bool


@final
@dataclass(frozen=True, kw_only=True)
class TrainerSpec:
    """The parts of a trainer, every component built; their meaning is that of the Trainer's arguments.

    The kind of a part stands in its annotation, its metadata may hold a `default` name and how it acts in an update.
    Files and locks keep the order.

    loss            what is minimised, and with it what predictions are
    optimizer       how a step moves the parameters
    callbacks       what is called during the training, in this order
    metrics         what is measured beside the loss; left out: accuracy for classes, r2 and mae for numbers
    regularizers    penalties that are added to the loss
    gradient_steps  what is done to gradients before the optimizer gets them, in this order
    constraints     sets in which parameters are kept
    groups          parameters that are treated apart
    augmentations   what changes the rows of a batch in training, in this order
    sampler         which rows an epoch has, in which order
    """

    network: Network
    loss: Loss
    optimizer: Optimizer | Minimizer = field(metadata={"default": "sgd", **updating(init="state", update="p state")})
    engine: Engine = field(metadata={"default": "numpy", **HOW})
    callbacks: Sequence[Callback] = field(default=(), metadata=HOW)
    metrics: Sequence[Metric] | None = None
    regularizers: Sequence[Regularizer] = field(default=(), metadata=updating(value_and_gradient="value gradient"))
    gradient_steps: Sequence[GradientStep] = field(
        default=(), metadata=updating(everywhere=True, init="state", transform="g state", adjust="p")
    )
    constraints: Sequence[Constraint] = field(default=(), metadata=updating(project="p"))
    groups: Sequence[ParameterGroup] = ()
    augmentations: Sequence[Augmentation] = field(default=(), metadata=ON_BATCHES)
    sampler: Sampler | BatchSampler | None = None
    seed: int = 0
    dtype: str = "float32"
    standardize_target: bool = False
    weights_by_batch: bool = False

    @classmethod
    def build(cls, network: Network, loss: Spec, optimizer: Spec, **parts: Unpack[TrainerParts]) -> TrainerSpec:
        """The spec of a Trainer's arguments: names and mappings become components; ConfigError for what is wrong."""
        given: dict[str, Any] = {**DEFAULTS, **parts, "network": network, "loss": loss, "optimizer": optimizer}
        if not isinstance(network, Network):
            raise ConfigError(f"Trainer needs a Network, got {network!r}. For a list of layers: bp.Network([...]).")
        if given["dtype"] not in ("float32", "float64"):
            raise ConfigError(f"Trainer needs a dtype of float32 or float64, got {given['dtype']!r}.")
        given["seed"] = checks.whole("Trainer", 0, seed=given["seed"])
        return cls(**{part.name: part.build(given[part.name]) for part in PARTS})

    def check(self) -> PresentParts:
        """The network, and the loss joined with its link; ConfigError for parts that do not fit together."""
        present = PresentParts(self.network, CostLayer.of(self.loss))
        network, loss = present.network, present.cost.loss
        for part in HOLDING:
            if value := getattr(self, part.name):
                for _, kind, component in part.components(value):
                    refuse_hidden_capabilities(kind, component)
        refuse_double_link(network, present.cost, loss)
        refuse_mixed_numbers(self.augmentations, loss)
        if self.standardize_target:
            refuse_unscalable(loss)
        refuse_other_range(network, loss)
        return present

    def at_present(self, present: PresentParts) -> TrainerSpec:
        """The same with the network and the loss to compute with."""
        return replace(self, network=present.network, loss=present.cost.loss) if present.scheduled else self

    def components(self) -> Iterator[tuple[str, str, Any]]:
        """(path, kind, component) of each, but for those inside others: "network[0]", "loss", "groups[1].optimizer"."""
        return self._components_of(OF_COMPONENTS)

    def _components_of(self, parts: Sequence[SpecPart]) -> Iterator[tuple[str, str, Any]]:
        for part in parts:
            if value := getattr(self, part.name):
                for suffix, kind, component in part.components(value):
                    yield f"{part.name}{suffix}", kind, component

    def rules(self) -> list[Optimizer | Minimizer]:
        """The optimizer, and those that groups of parameters have of their own."""
        return [self.optimizer, *(group.optimizer for group in self.groups if group.optimizer)]

    @property
    def projects(self) -> bool:
        """Whether constraints keep parameters in a set."""
        return bool(self.constraints)

    @property
    def period(self) -> int:
        """How many steps make one update of the optimizers."""
        return prod(step.period for step in self.gradient_steps if isinstance(step, Periodic))

    @property
    def visits_all_rows(self) -> bool:
        """Whether an epoch has every row once."""
        return self.sampler is None

    @property
    def even_epochs(self) -> bool:
        """Whether all epochs have as many rows as the first."""
        return self.sampler is None or isinstance(self.sampler, Draws)

    @property
    def pads(self) -> bool:
        """Whether batches are filled up with rows that do not count."""
        return self.sampler is not None and implements(self.sampler, BatchSampler)

    def epoch_order(
        self, data: Data, shuffle: bool, size: int, fields: Mapping[str, HostArray]
    ) -> Callable[[int], HostArray]:
        """The row numbers of each epoch in their order, by its number; targets of classes have a column for each."""
        return epoch_order(self.seed, data, shuffle, self.sampler, size, fields)

    def monitoring(self) -> list[Any]:
        """The schedules that depend on a curve of the history."""
        scheduled = self._components_of(OF_SCHEDULED)
        return [schedule for _, _, component in scheduled for schedule in monitoring(component)]

    def over(self, steps: int, curve: Curve) -> TrainerSpec:
        """The same, its schedules bound to a run of `steps` steps and to the history so far."""
        try:
            return self._over(steps, curve)
        except ConfigError as error:
            clock = f" An update takes {self.period} batches, and the run has {steps}." if self.period > 1 else ""
            raise ConfigError(f"{error}{clock}") from None

    def _over(self, steps: int, curve: Curve) -> TrainerSpec:
        *counts, updates = acting_counts(self.gradient_steps, steps)
        bound: dict[str, Any] = {
            part.name: part.mapped(lambda component: over(component, steps, curve), value)
            for part in PARTS
            if part.kind in SCHEDULED and part.name not in RULES and (value := getattr(self, part.name))
        }
        if self.gradient_steps:
            each = zip(self.gradient_steps, counts, strict=True)
            bound["gradient_steps"] = tuple(over(part, count, curve) for part, count in each)
        if self.groups:
            bound["groups"] = tuple(g if g.optimizer is None else g.over(updates, curve) for g in self.groups)
        optimizer = over(self.optimizer, updates, curve)
        return self if optimizer is self.optimizer and not bound else replace(self, **bound, optimizer=optimizer)


@final
@dataclass(frozen=True)
class SpecPart:
    """A field of TrainerSpec: the kind of its component or of its list's items, if it has one.

    `optional`: whether it may be None; `default`: the specification that stands for it when left out; `defines`:
    whether it says what a trainer learns; `everywhere` and `results`: see `updating`; `on_batches`: whether it acts on
    batches as a whole. The network is a list of layers here.
    """

    name: str
    kind: str | None
    many: bool
    optional: bool
    default: Any
    defines: bool = True
    everywhere: bool = False
    on_batches: bool = False
    results: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def build(self, given: Any) -> Any:
        """The part, from specifications."""
        if self.name in SWITCHES and not isinstance(given, bool):
            raise ConfigError(f"Trainer needs true or false as {self.name}, got {given!r}.")
        if self.name == "groups":
            return build_groups(given)
        if self.name == "network" or self.kind is None or (given is None and self.optional):
            return given
        built = build_all("Trainer", self.kind, given) if self.many else build(self.kind, given)
        if self.name == "callbacks":
            refuse_without_hooks(built)
        return built

    def components(self, value: Any) -> Iterator[tuple[str, str, Any]]:
        """(what follows the part's name in a path, kind, component) of each component in the part."""
        value = [unlabelled(layer) for _, layer in value.layers] if isinstance(value, Network) else value
        if self.name == "groups":
            yield from ((f"[{i}].optimizer", "optimizer", g.optimizer) for i, g in enumerate(value) if g.optimizer)
        elif self.kind and value is not None:
            items = ((f"[{i}]", item) for i, item in enumerate(value)) if self.many else [("", value)]
            yield from ((suffix, self.kind, item) for suffix, item in items)

    def mapped(self, function: Callable[[Any], Any], value: Any) -> Any:
        """The part with the function applied to each of its components."""
        if value is None or self.kind is None:
            return value
        return tuple(map(function, value)) if self.many else function(value)


def _part(name: str, metadata: Mapping[str, Any]) -> SpecPart:
    want = wants(TrainerSpec)[name]
    if name == "network":
        return SpecPart(name, "layer", many=True, optional=False, default=None)
    kind, many, optional = want.kind or want.kind_of_items, want.kind_of_items is not None, "None" in want.alternatives
    return SpecPart(name, kind, many, optional, **{"default": None, **metadata})


RULES = ("optimizer", "gradient_steps", "groups")  # parts whose schedules may count updates rather than batches
SWITCHES = tuple(f.name for f in fields(TrainerSpec) if f.default is False)  # files name them where they are on
PARTS = tuple(_part(f.name, f.metadata) for f in fields(TrainerSpec))
OF_COMPONENTS = tuple(part for part in PARTS if part.kind or part.name == "groups")
OF_SCHEDULED = tuple(part for part in OF_COMPONENTS if part.kind in SCHEDULED or part.name == "groups")
OMITTED: dict[str, Any] = {  # what stands for parts that files leave out
    **dict.fromkeys(SWITCHES, False),
    **{part.name: [] for part in PARTS if part.on_batches},
}
HOLDING = tuple(part for part in PARTS if part.kind and KINDS[part.kind].capabilities)  # whose parts may hold others
UPDATING = tuple(part for part in PARTS if part.results)
DEFAULTS = {f.name: f.metadata.get("default", f.default) for f in fields(TrainerSpec)}  # of those that have one


def with_parts(method: Method) -> Method:
    """The method itself, in whose signature the keys of TrainerParts stand, with their defaults, for `**parts`."""
    shown = [p for p in signature(method).parameters.values() if p.kind is not Parameter.VAR_KEYWORD]
    shown += [
        Parameter(name, Parameter.KEYWORD_ONLY, default=DEFAULTS[name], annotation=hint.__forward_arg__)
        for name, hint in TrainerParts.__annotations__.items()
    ]
    method.__signature__ = Signature(shown)  # type: ignore[attr-defined]  # as any function may
    return method
