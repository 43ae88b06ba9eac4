"""The derivation of a row of a trace, with the trainer's own names and its own rule's update.

Shapes: x (N, ...) all rows of the trace, target (N, M).
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator

import numpy as np

from bpframe import checks, tree
from bpframe.data.task import Task
from bpframe.engine.optimizer_chain import chain
from bpframe.errors import DataError
from bpframe.network.derivation.content import Facts, Rule
from bpframe.network.derivation.derivation import Derivation
from bpframe.network.derivation.row_content import row_content
from bpframe.network.derivation.row_pass import RowLoss
from bpframe.protocols import Data, EvaluationParams
from bpframe.protocols.implements import implements
from bpframe.protocols.traits import WithActivation, surrogate_of
from bpframe.registry import registry
from bpframe.registry.describe import brief, short_name
from bpframe.registry.labelled import unlabelled
from bpframe.training.row_update import update_of_row
from bpframe.training.session_snapshot import SessionSnapshot
from bpframe.training.spec import TrainerSpec
from bpframe.types import Params


@np.errstate(all="ignore")  # what is not finite is there to be seen
def derive_row(
    spec: TrainerSpec, task: Task, params: Params, state: SessionSnapshot, data: Data, row: int, units: int
) -> Derivation:
    """The derivation of row number `row` of the data, from 0, at those parameters; at most so many units of a layer.

    `state`: that of the trainer's session, from which the rule makes its update.
    """
    count = len(data.x)
    checks.whole("Trace.explain", 1, units=units)
    if isinstance(row, bool) or not isinstance(row, int | np.integer) or not -count <= row < count:
        raise DataError(f"Trace.explain needs a row from 0 to {count - 1}, got {row!r}.")
    row = int(row) % count
    x, target = data.x[row : row + 1], data.target[row : row + 1]
    flat, lr = update_of_row(spec, task, state, x, target)
    loss = RowLoss(spec.network.layers, task.cost, x, target)
    own, after = _float64(params), _float64(spec.network.params(flat))
    for path, leaf in tree.leaves(own):
        if "buffers" in path:  # which an update by this row alone is not to move
            tree.assign(after, path, leaf)
    plain = lr is not None and _is_plain(loss, own, after, lr, task.dtype)
    title = brief(registry, "optimizer", spec.optimizer).removesuffix("()")
    rule = Rule(title, _formula(spec.optimizer), lr if plain else None, tuple(_notes(spec, state)))
    return Derivation(row_content(loss, own, after, _facts(row, spec, task, rule), units))


def _is_plain(loss: RowLoss, params: Params, after: Params, lr: float, dtype: str) -> bool:
    """Whether the update is w - lr dw, as far as a dtype can say."""
    gradients = {layer.label: layer.gradients for layer in loss.run(params).layers}
    pairs = [
        (leaf - tree.at(after, path), gradients[path[0]]["/".join(path[1:])])
        for path, leaf in tree.leaves(params)
        if "buffers" not in path
    ]
    scale = max((float(np.abs(leaf).max(initial=0.0)) for _, leaf in tree.leaves(params)), default=0.0)
    rounding = 4 * float(np.finfo(dtype).eps) * (scale + 1.0)
    return all(np.allclose(change, lr * g, rtol=1e-5, atol=rounding) for change, g in pairs)


def _facts(row: int, spec: TrainerSpec, task: Task, rule: Rule) -> Facts:
    classes = task.learned.get("classes", ())
    link = "" if task.loss.link == "identity" else _name("activation", task.loss.link)
    titles = [_titles(unlabelled(layer)) for _, layer in spec.network.layers]
    texts = tuple(map(str, classes)) if len(classes) == task.outputs else ()
    loss, formula = _name("loss", task.loss), _formula(task.loss)
    return Facts(row, tuple(task.columns or ()), texts, titles, loss, formula, link, rule)


def _notes(spec: TrainerSpec, state: SessionSnapshot) -> Iterator[str]:
    """Sentences about what acts in the update besides the optimizer."""
    for kind, parts in (("gradient_step", spec.gradient_steps), ("regularizer", spec.regularizers)):
        yield from (f"{brief(registry, kind, part)} acts in the update." for part in parts)
    yield from (f"{brief(registry, 'constraint', part)} keeps parameters in its set." for part in spec.constraints)
    layers = [unlabelled(layer) for _, layer in spec.network.layers]
    sloping: list[tuple[str, object]] = [("loss", spec.loss), *(("layer", layer) for layer in layers)]
    sloping += [("activation", layer.activation) for layer in layers if isinstance(layer, WithActivation)]
    for kind, component in sloping:
        if why := surrogate_of(component):
            yield f"The slope of {_name(kind, component)} is meant not to be the gradient: {why}."
    if spec.period > 1:
        yield f"An update gathers {spec.period} batches: here the row, as often."
    if spec.groups:
        yield "Groups of parameters have settings of their own."
    if state.step == 0:
        yield "The rule has made no step before this one."
    if any(implements(link.rule, EvaluationParams) for rule in spec.rules() for link in chain(rule)):
        yield "The parameters shown are those that predict, which the rule makes of those that train."


def _titles(layer: object) -> tuple[str, str]:
    """(the layer with its arguments, its activation or "")."""
    phi = layer.activation if isinstance(layer, WithActivation) else None
    return brief(registry, "layer", layer).removesuffix("()"), "" if phi is None else _name("activation", phi)


def _name(kind: str, component: object) -> str:
    return component if isinstance(component, str) else short_name(registry, kind, unlabelled(component))


def _formula(component: object) -> str:
    """The first line of a component's docstring, which opens with the formula."""
    return (inspect.getdoc(type(unlabelled(component))) or "").partition("\n")[0]


def _float64(params: Params) -> Params:
    return tree.transform(params, lambda leaf: np.asarray(leaf, dtype=np.float64))
