"""Diagnosis of a failure: where numbers stopped being finite, and which component raised an error."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import FrameType
from typing import TYPE_CHECKING, Any, final

import numpy as np

from bpframe.data.arrays import all_finite
from bpframe.errors import BpframeError, IncompatibleComponent, NumericalError
from bpframe.network.backprop import CostLayer
from bpframe.network.guards import is_foreign
from bpframe.network.network import Network
from bpframe.registry import registry
from bpframe.registry.describe import title
from bpframe.registry.nested import kinds_by_class
from bpframe.registry.policy import CORE
from bpframe.training.component_errors import CAUGHT, component_error
from bpframe.training.spec import TrainerSpec
from bpframe.types import HostArray, Params

if TYPE_CHECKING:
    from bpframe.network.trace import LayerTrace, Trace

LARGE_TARGET = 10.0  # what standardised targets hardly ever reach


def diagnose(
    network: Network, cost: CostLayer, params: Params, batch: tuple[HostArray, HostArray, Any], when: dict[str, Any]
) -> NumericalError:
    """The error for a step that failed on `batch` (x, target, share) from finite `params`.

    `when`: step, lr, loss (the last finite one), grown (whether losses have risen above the first); and, if they are
    known, rows (the batch's row numbers in x), rule, and scalable, whether the targets could be standardised.
    """
    from bpframe.network.trace import trace  # by failures alone

    with np.errstate(all="ignore"):
        record = trace(network, cost, params, *batch)
        slope = np.asarray(cost.mean_and_delta(record.layers[-1].v, *batch[1:])[1])
    last = "none" if when["loss"] is None else f"{when['loss']:.6g}"
    lr = "" if when["lr"] is None else f", lr {when['lr']:.6g}"
    first = _culprit(record, network, cost, bool(np.isfinite(slope).all()), when.get("rule"))
    large = "".join(_large(name, array, when.get("rows")) for name, array in zip(("x", "y"), batch, strict=False))
    scale = ", scale the inputs"
    if when.get("scalable") and (reach := np.abs(batch[1]).max()) > LARGE_TARGET:
        scale += f" and y, which reaches {reach:.3g} (standardize_target=True)"
    ruined = bool(when["grown"] or not np.isfinite(record.loss))
    astray = "They have gone astray: start anew rather than from them. " if ruined else ""
    error = NumericalError(
        f"The loss or a parameter is not finite at step {when['step']}{lr}; last finite loss: {last}. "
        f"First in {first}. {large}The model holds the parameters after step {when['step'] - 1}. {astray}"
        f"Lower the learning rate{scale}, or clip gradients."
    )
    error.ruined = ruined
    return error


def _culprit(record: Trace, network: Network, cost: CostLayer, slope: bool, rule: object | None) -> str:
    """Where the first number is that is not finite; `slope`: whether that of the loss is finite."""
    own = {label: _foreign("layer", layer) for label, layer in network.layers}
    if first := _first_bad([(layer, ("u", "v")) for layer in record.layers]):
        return f"layer '{first[0]}', {first[1]}{own[first[0]]}"
    loss = _foreign("loss", cost.loss)
    if not np.isfinite(record.loss):
        last = record.layers[-1]
        return f"the loss, of scores from layer '{last.name}' that reach {np.abs(last.v).max():.3g}{loss}"
    if not slope:
        return f"the slope of the loss{loss}"
    if first := _first_bad([(layer, ("delta", "dw", "db")) for layer in reversed(record.layers)]):
        return f"layer '{first[0]}', {first[1]}{own[first[0]]}"
    return f"the update, to layer '{_largest(record)}'{'' if rule is None else _foreign('optimizer', rule)}"


def _first_bad(order: Sequence[tuple[LayerTrace, Sequence[str]]]) -> tuple[str, str] | None:
    """(name of the layer, name of its array) of the first array that is not finite."""
    named = ((layer.name, name, getattr(layer, name)) for layer, names in order for name in names)
    bad = ((layer, name) for layer, name, array in named if array is not None and not np.isfinite(array).all())
    return next(bad, None)


def _foreign(kind: str, component: object) -> str:
    """Who provides a component, in brackets, unless bpframe does."""
    provider = registry.provider_of(kind, component)
    return "" if provider is not None and provider.dist == CORE else f" ({title(registry, kind, component)})"


def _large(name: str, array: HostArray, rows: HostArray | None) -> str:
    """A sentence about the largest number of x or y, if its fourth power does not fit the dtype."""
    sizes = np.abs(array)
    place = np.unravel_index(int(sizes.argmax()), array.shape)
    if rows is None or sizes[place] <= np.finfo(array.dtype).max ** 0.25:
        return ""
    column = f", column {', '.join(map(str, map(int, place[1:])))}"
    return f"{name} reaches {array[place]:.3g} at row {int(rows[place[0]])}{column}. "


def refuse_not_finite(scores: HostArray, x: HostArray) -> HostArray:
    """The scores (N, C) of rows x (N, ...), which a user is given only if all of them are finite; or NumericalError."""
    if all_finite(scores):
        return scores
    finite = np.isfinite(scores)
    row, *column = map(int, np.argwhere(~finite)[0])
    numbers = np.abs(x[row])
    place = ", ".join(str(int(i)) for i in np.unravel_index(int(numbers.argmax()), numbers.shape))
    raise NumericalError(
        f"The score of row {row}, column {', '.join(map(str, column))}, is {scores[row, *column]}; x reaches "
        f"{numbers.max():.3g} in that row, in column {place}. Scale the inputs as in training, or use dtype='float64'."
    )


def _largest(record: Trace) -> str:
    """The layer with the largest gradient."""
    sizes = {layer.name: float(np.abs(layer.dw).max()) for layer in record.layers if layer.dw is not None}
    return max(sizes, key=lambda name: sizes[name], default=record.layers[0].name)


def computing_components(spec: TrainerSpec, cost: CostLayer) -> list[tuple[str, Any]]:
    """(kind, component) of each of a run that computes, the loss's link included, but for those inside others."""
    link = cost.link
    components = [(kind, one) for _, kind, one in spec.components() if kind not in ("engine", "callback")]
    return [*components, ("activation", getattr(link, "phi", link))]


def holds_foreign(spec: TrainerSpec, cost: CostLayer) -> bool:
    """Whether one of them, or one inside them, is none of bpframe's own."""
    return any(is_foreign(kind, component) for kind, component in computing_components(spec, cost))


def component_kinds(spec: TrainerSpec, cost: CostLayer) -> dict[type, str]:
    """The kind of every component of a run that computes, those inside others included, by class.

    By class, since a run works with copies whose schedules know its length.
    """
    return kinds_by_class(computing_components(spec, cost))


def culprit(error: BaseException, kinds: Mapping[type, str]) -> tuple[Any, FrameType, int] | None:
    """(component, frame of its method, line) of the innermost one of these classes on the stack of an error."""
    frames = error.__traceback__
    guilty: tuple[Any, FrameType, int] | None = None
    while frames is not None:
        me = frames.tb_frame.f_locals.get("self")
        guilty = (me, frames.tb_frame, frames.tb_lineno) if type(me) in kinds else guilty
        frames = frames.tb_next
    return guilty


@final
class name_culprit:  # noqa: N801  # as the functions of contextlib, which it is written as, but enters in half the time
    """A block that names the component in an error that is raised inside, by its class one of `kinds_of()`.

    The innermost of them on the stack is to blame: see component_errors.
    """

    __slots__ = ("_kinds_of",)

    def __init__(self, kinds_of: Callable[[], Mapping[type, str]]) -> None:
        self._kinds_of = kinds_of

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: object) -> None:
        if isinstance(error, CAUGHT) and not isinstance(error, BpframeError):
            _raise_named(error, self._kinds_of())


def _raise_named(error: BaseException, kinds: Mapping[type, str]) -> None:
    guilty = culprit(error, kinds)
    if guilty is None:
        return
    component, frame, line = guilty
    kind, method = kinds[type(component)], frame.f_code.co_name
    if type(error).__module__.startswith("jax"):  # it needed an array's values during compilation
        who = title(registry, kind, component)
        raise IncompatibleComponent(
            f"{who} cannot be compiled: {frame.f_code.co_filename}:{line}, in {method}, needs the "
            f"values of an array ({type(error).__name__}). Use functions of x.__array_namespace__(), like where, "
            "or take engine='numpy'."
        ) from error
    changed = component_error(error, kind, component, method)
    if changed is not error:
        raise changed from error
