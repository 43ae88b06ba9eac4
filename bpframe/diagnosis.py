"""Who is to blame: where numbers stopped being finite, and which component raised an error."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import Any

import numpy as np

from bpframe.backprop import CostLayer
from bpframe.errors import BpframeError, BrokenComponent, IncompatibleComponent, NumericalError
from bpframe.network import Network
from bpframe.registry import registry
from bpframe.rules import chain
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


def components(trainer: Any) -> dict[int, str]:
    """The kind of every component of a trainer's run, by id()."""
    layers = [layer for _, layer in trainer.network.layers]
    kinds: dict[str, Sequence[Any]] = {
        "layer": layers,
        "activation": [getattr(layer, "activation", None) for layer in layers],
        "loss": [trainer.loss],
        "metric": trainer.metrics or [],
        "sampler": [trainer.sampler],
        "optimizer": [link.rule for rule in trainer.parts.rules() for link in chain(rule)],
        "gradient_step": trainer.gradient_steps,
        "regularizer": trainer.regularizers,
        "constraint": trainer.constraints,
    }
    return {id(component): kind for kind, many in kinds.items() for component in many if component is not None}


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
        guilty: tuple[Any, FrameType, int] | None = None
        while frames is not None:
            me = frames.tb_frame.f_locals.get("self")
            guilty = (me, frames.tb_frame, frames.tb_lineno) if id(me) in components else guilty
            frames = frames.tb_next
        if guilty is None:
            raise
        component, frame, line = guilty
        kind = components[id(component)]
        who = registry.provider_of(kind, component) or f"{kind} {type(component).__name__}"
        if type(error).__module__.startswith("jax"):  # it asked an array for its values while it was compiled
            raise IncompatibleComponent(
                f"{who} cannot be compiled: {frame.f_code.co_filename}:{line}, in {frame.f_code.co_name}, needs the "
                f"values of an array ({type(error).__name__}). Use functions of x.__array_namespace__(), like where, "
                "or take engine='numpy'."
            ) from error
        raise BrokenComponent(f"{who} fails in {frame.f_code.co_name}: {type(error).__name__}: {error}") from error
