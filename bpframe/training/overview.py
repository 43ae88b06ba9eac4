"""An overview of a trainer for display: its network, its parts that are set, and how far it is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bpframe import layout
from bpframe.protocols.traits import decay_multipliers, lr_multipliers
from bpframe.registry import registry
from bpframe.registry.describe import brief
from bpframe.training.history import History
from bpframe.training.spec import PARTS, TrainerSpec

HEADER = ("part", "what")


def text(spec: TrainerSpec, history: History) -> str:
    """The network's summary, and a line a part."""
    lines = layout.text_table(HEADER, list(_rows(spec, history)), layout.terminal_width(), wrap=1)
    return "\n".join([spec.network.summary(), "", *lines])


def html(spec: TrainerSpec, history: History) -> str:
    """The same as two tables."""
    return spec.network._repr_html_() + layout.html_table(HEADER, list(_rows(spec, history)))


def _rows(spec: TrainerSpec, history: History) -> Iterator[tuple[str, str]]:
    """(name, value in few words) of each part that is set, then the epochs so far."""
    for part in PARTS:
        value = getattr(spec, part.name)
        unset = value is None or value is False or (isinstance(value, Sequence) and not value)
        if part.name != "network" and not unset:
            yield part.name, _brief(part.kind, value)
    if multipliers := ", ".join(_multipliers(spec)):
        yield "multipliers", multipliers
    losses = [f"{name} {history.row(-1)[name]:.4g}" for name in history.keys() if name.endswith("loss")]  # noqa: SIM118  # no mapping
    yield "epochs", ", ".join([str(len(history)), *(losses if len(history) else [])])


def _multipliers(spec: TrainerSpec) -> Iterator[str]:
    """What layers declare for their own parameters: "gate_1/scale lr x 0.1"."""
    for label, layer in spec.network.layers:
        for what, factors in (("lr", lr_multipliers(layer)), ("decay", decay_multipliers(layer))):
            yield from (f"{label}/{role} {what} x {factor:g}" for role, factor in factors.items())


def _brief(kind: str | None, value: object) -> str:
    """A component in few words, by the name of its class if nobody registered it; several in a row."""
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(_brief(kind, item) for item in value)
    if kind is None or registry.provider_of(kind, value) is None:
        return type(value).__name__ if kind else str(value)
    return brief(registry, kind, value)
