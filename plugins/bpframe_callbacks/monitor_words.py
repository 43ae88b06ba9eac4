"""Words of the monitor: what figures of a training show, as sentences by a key of their own.

Where a threshold stands, healthy trainings of dense, convolutional and deep networks stay far from it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, final

import numpy as np

from bpframe.plugin import HostArray

Words = dict[str, str]

DEAD = SATURATED = 0.5  # share of a layer's units
LARGE_FIRST, LARGE_RATIO, TINY_RATIO = 0.5, 0.3, 1e-5  # of an update to the parameters: the first, the usual one
VANISHED = 1e-4  # gradient over parameters in the first layer, relative to the last
EXPLODED = 1e3  # delta in the first layer, relative to the last
GROWN = 100.0  # gradient norm over the greatest of the first epoch
RISEN, STUCK = 2.0, 0.01  # loss over that of the first epoch; how little of it must have gone
FEW_EPOCHS, SETTLED, HELD = 3, 10, 5
LARGE_INPUT, SMALL_INPUT = 30.0, 0.01  # root mean square of a column
AT_CHANCE, LEARNED = 0.97, 0.5  # loss over that of a constant prediction


@final
@dataclass(frozen=True)
class LayerFigures:
    """Of an epoch's measured steps, by layer in the order of the network; and the steepest gradient of all.

    first, ratios: update over parameters in the first step, and the median; slopes: the median of gradient over
    parameters. What was not measured is left out; None: nothing was.
    """

    first: dict[str, float]
    ratios: dict[str, float]
    slopes: dict[str, float]
    steepest: float | None

    @staticmethod
    def of(measures: Mapping[str, HostArray], layers: Sequence[str]) -> LayerFigures:
        """The figures of layers from their curves (k,) of k steps."""
        known = [layer for layer in layers if f"gradient_norm/{layer}" in measures]
        g, p = ({layer: measures[f"{name}_norm/{layer}"] for layer in known} for name in ("gradient", "parameter"))
        ratios = {layer: _finite(measures[f"update_ratio/{layer}"]) for layer in known}
        slopes = {layer: _finite(g[layer] / np.where(p[layer] > 0, p[layer], np.nan)) for layer in known}
        first = {layer: float(ratio[0]) for layer, ratio in ratios.items() if ratio.size}
        norms = _finite(np.sqrt(np.sum([norm**2 for norm in g.values()], axis=0))) if known else np.empty(0)
        return LayerFigures(first, _medians(ratios), _medians(slopes), float(norms.max()) if norms.size else None)


def _finite(values: HostArray) -> HostArray:
    return values[np.isfinite(values)]


def _medians(curves: Mapping[str, HostArray]) -> dict[str, float]:
    return {layer: float(np.median(curve)) for layer, curve in curves.items() if curve.size}


def of_units(shares: Mapping[str, float], activations: Mapping[str, str]) -> Words:
    """Layers most of whose units never fire, or are saturated."""
    found = Words()
    for layer, name in activations.items():
        if shares[f"dead/{layer}"] > DEAD:
            remedy = "leaky_relu" if "relu" in name else "another activation"
            found[f"dead/{layer}"] = (
                f"layer {layer}: {_percent(shares[f'dead/{layer}'])} of its units never fire; "
                f"try a smaller lr or {remedy}"
            )
        if shares.get(f"saturated/{layer}", 0.0) > SATURATED:
            found[f"saturated/{layer}"] = (
                f"layer {layer}: {_percent(shares[f'saturated/{layer}'])} of its units are saturated, where {name} is "
                "flat; try smaller initial weights, scaled inputs or a smaller lr"
            )
    return found


def of_inputs(columns: Mapping[str, float], layer: str) -> Words:
    """Inputs that are not scaled."""
    if not columns:
        return {}
    name = max(columns, key=lambda key: columns[key])
    size, what = columns[name], f"x: column {name} has a root mean square of"
    if size > LARGE_INPUT:
        return {"inputs": f"{what} {size:.3g} where it enters layer {layer}; scale the inputs, as standardize does"}
    if 0 < size < SMALL_INPUT:
        return {"inputs": f"{what} {size:.3g}, the largest of all; scale the inputs, as standardize does"}
    return {}


def of_updates(figures: LayerFigures, losses: Sequence[float]) -> Words:
    """Learning rates that are too high or too low, and gradients that vanish on their way down."""
    found, epochs = _of_vanishing(figures.slopes), len(losses)
    first, last = losses[0], losses[-1]
    ratios, limit = (figures.first, LARGE_FIRST) if epochs == 1 else (figures.ratios, LARGE_RATIO)
    if epochs == 1 and len(ratios) == 1:
        ratios = {}  # a linear model may end far from where it starts
    for layer, ratio in [each for each in ratios.items() if each[1] > limit][:1]:
        found["large updates"] = (
            f"layer {layer}: an update moves it by {_percent(ratio)} of its norm; try a tenth of the lr"
        )
    if epochs > 1 and last > RISEN * first > 0:
        found["loss"] = f"the training loss rose from {first:.3g} to {last:.3g} in {epochs} epochs; try a smaller lr"
    most = max(figures.ratios.values(), default=np.inf)
    if most < TINY_RATIO and epochs >= FEW_EPOCHS and abs(first - last) <= STUCK * abs(first):
        found["small updates"] = (
            f"no update moves a layer by more than {most:.1g} of its norm, and the training loss went from {first:.4g} "
            f"to {last:.4g} in {epochs} epochs; try a larger lr"
        )
    return found


def _of_vanishing(slopes: Mapping[str, float]) -> Words:
    """Gradients of the first layer against those of the last, each over its parameters."""
    if len(slopes) < 2 or not min(slopes.values()) > 0:
        return {}
    (top, slope), (bottom, last) = next(iter(slopes.items())), list(slopes.items())[-1]
    if slope >= VANISHED * last:
        return {}
    return {
        "vanishing": f"layer {top}: its gradient, over its weights, is {slope / last:.2g} times that of layer "
        f"{bottom}, so that it hardly learns; try relu, batch_norm, residual or another initializer"
    }


def of_deltas(deltas: Mapping[str, float]) -> Words:
    """Gradients that explode on their way down."""
    if len(deltas) < 2:
        return {}
    (top, first), (bottom, last) = next(iter(deltas.items())), list(deltas.items())[-1]
    if not first > EXPLODED * last > 0:
        return {}
    return {
        "exploding": f"layer {top}: the gradient in its outputs is {first / last:,.0f} times that in the outputs of "
        f"layer {bottom}; try smaller initial weights, clip_global_norm or batch_norm"
    }


def of_growth(before: float, now: float) -> Words:
    """Gradients that explode from epoch to epoch."""
    if not now > GROWN * before > 0:
        return {}
    return {
        "growth": f"the norm of the gradient reached {now:.3g}, {now / before:.0f} times the most of the first epoch; "
        "try clip_global_norm or a smaller lr"
    }


def of_classes(missed: Iterable[tuple[str, float]]) -> Words:
    """Rare classes that are never predicted."""
    return {
        f"class {label}": f"class {label}: it is hardly ever predicted for its own rows, {_percent(share)} of all; try "
        'class_weight="balanced" or the sampler balanced'
        for label, share in missed
    }


def of_labels(history: Any, chance: float | None) -> Words:
    """Labels that carry nothing: what is learned of the training rows says nothing of others."""
    train, validation = history.train["loss"], [v for v in history.validation.get("loss", []) if np.isfinite(v)]
    if chance is None or not validation or not (min(validation) > AT_CHANCE * chance and train[-1] < LEARNED * chance):
        return {}
    return {
        "labels": f"the training loss fell to {train[-1]:.3g}, and that of validation was never below "
        f"{min(validation):.3g}, where one prediction for all rows gives {chance:.3g}: the labels carry nothing that "
        "holds for other rows; look at how x and y were joined"
    }


def has_held(epochs: int, made: int) -> bool:
    """Whether what may pass by itself has held for long enough."""
    return epochs >= HELD and made >= SETTLED


def _percent(share: float) -> str:
    return f"{share:.0%}" if share >= 0.01 else f"{share:.2%}"
