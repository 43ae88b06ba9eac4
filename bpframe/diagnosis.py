"""Who is to blame: where numbers stopped being finite, and which component raised an error."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from bpframe.backprop import CostLayer
from bpframe.errors import BpframeError, BrokenComponent, NumericalError
from bpframe.network import Network
from bpframe.registry import registry
from bpframe.trace import Trace, trace
from bpframe.types import HostArray, Params


def diagnose(
    network: Network, cost: CostLayer, params: Params, batch: tuple[HostArray, HostArray, Any], when: dict[str, Any]
) -> NumericalError:
    """The error for a step that failed on `batch` (x, target, share) from finite `params`; `when`: step, lr, loss."""
    with np.errstate(all="ignore"):
        seen = trace(network, cost, params, *batch)
    last = "none" if when["loss"] is None else f"{when['loss']:.6g}"
    lr = "" if when["lr"] is None else f", lr {when['lr']:.6g}"
    return NumericalError(
        f"The loss or a parameter is not finite at step {when['step']}{lr}; last finite loss: {last}. "
        f"First in {_culprit(seen)}. The model holds the parameters after step {when['step'] - 1}. "
        "Lower the learning rate, scale the inputs, or clip gradients."
    )


def _culprit(seen: Trace) -> str:
    for layer in seen.layers:
        for name in ("u", "v"):
            array = getattr(layer, name)
            if array is not None and not np.isfinite(array).all():
                return f"layer '{layer.name}', {name}"
    if not np.isfinite(seen.loss):
        last = seen.layers[-1]
        return f"the loss, of scores from layer '{last.name}' that reach {np.abs(last.v).max():.3g}"
    for layer in reversed(seen.layers):
        for name in ("delta", "dw", "db"):
            array = getattr(layer, name)
            if array is not None and not np.isfinite(array).all():
                return f"layer '{layer.name}', {name}"
    return f"the update, to layer '{_largest(seen)}'"


def _largest(seen: Trace) -> str:
    """The layer with the largest gradient."""
    sizes = {layer.name: float(np.abs(layer.dw).max()) for layer in seen.layers if layer.dw is not None}
    return max(sizes, key=lambda name: sizes[name], default=seen.layers[0].name)


@contextmanager
def blamed(components: dict[int, str]) -> Iterator[None]:
    """Turn an error raised inside a component into a BrokenComponent that names it.

    `components`: kind by id() of each component of the run. The innermost of them on the stack is to blame.
    """
    try:
        yield
    except BpframeError:
        raise
    except Exception as error:
        frames = error.__traceback__
        guilty: tuple[Any, str] | None = None
        while frames is not None:
            me = frames.tb_frame.f_locals.get("self")
            guilty = (me, frames.tb_frame.f_code.co_name) if id(me) in components else guilty
            frames = frames.tb_next
        if guilty is None:
            raise
        kind = components[id(guilty[0])]
        who = registry.provider_of(kind, guilty[0]) or f"{kind} {type(guilty[0]).__name__}"
        raise BrokenComponent(f"{who} fails in {guilty[1]}: {type(error).__name__}: {error}") from error
