"""The content of one row's derivation, written from its pass: input, layers, cost, way back, parameters."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import final

import numpy as np

from bpframe import tree
from bpframe.network.derivation.content import Content, Facts
from bpframe.network.derivation.layer_numbers import LayerBook, LayerNumbers, ParameterSteps, layer_shape
from bpframe.network.derivation.number import Index, Number, Term, key_of
from bpframe.network.derivation.row_pass import LayerPass, RowLoss, RowPass
from bpframe.network.derivation.unit_sample import unit_samples
from bpframe.types import Params


def row_content(loss: RowLoss, params: Params, after: Params, facts: Facts, most: int) -> Content:
    """The derivation at `params`, with the parameters `after` the update; at most so many units of a layer."""
    run = loss.run(params)
    samples = unit_samples(run.layers, most)
    shapes = [
        layer_shape(k, layer, titles, samples, most)
        for k, (layer, titles) in enumerate(zip(run.layers, facts.titles, strict=True), start=1)
    ]
    writer = _Writer(run, shapes, facts, loss(after))
    numbers = {number.key: number for number in writer.numbers(_Steps(loss, params, after, facts.rule.lr))}
    loss_after = numbers[key_of("L'", None)].value
    return Content(facts, run.loss, loss_after, shapes, numbers, run.layers[0].x.size, samples[0], writer.gap)


@final
class _Steps:
    """The steps of parameters, by layer: finite differences where they are asked for, values after the update."""

    def __init__(self, loss: RowLoss, params: Params, after: Params, lr: float | None) -> None:
        self._loss, self._params, self._after, self._lr = loss, params, after, lr

    def of(self, label: str) -> ParameterSteps:
        """Those of a layer."""

        def measured(name: str, index: Index) -> float:
            return self._loss.difference(self._params, (label, *name.split("/")), index)

        after = {"/".join(path): np.asarray(leaf) for path, leaf in tree.leaves(self._after[label])}
        return ParameterSteps(measured, after, self._lr)


@final
class _Writer:
    """Writes all numbers of a pass."""

    def __init__(self, run: RowPass, shapes: Sequence[LayerNumbers], facts: Facts, loss_after: float) -> None:
        self._run, self._shapes, self._facts, self._loss_after = run, shapes, facts, loss_after
        above: list[LayerPass | None] = [*run.layers[1:], None]
        units = [*(shape.units for shape in shapes[1:]), ()]
        self._books = [LayerBook(*each) for each in zip(run.layers, shapes, above, units, strict=True)]
        z, p, y = run.layers[-1].dv, run.prediction, run.target
        self.gap = p.shape == y.shape == z.shape and bool(np.allclose(p - y, z, atol=1e-9))

    def numbers(self, steps: _Steps) -> Iterator[Number]:
        """All of them, in the order in which they are computed."""
        yield from self._inputs()
        for book in self._books:
            yield from book.forward()
        yield from self._predictions()
        yield from self._cost()
        for book in reversed(self._books):
            yield from book.backward()
        if self._facts.rule.lr is not None:
            yield Number(key_of("lr", None), "lr", None, (), self._facts.rule.lr)
        for book in reversed(self._books):
            yield from book.parameters(steps.of(book.shape.label))
        changed = tuple(Term((key,)) for key in self._after())
        yield Number(key_of("L'", None), "L", None, (), self._loss_after, changed, "update")

    def _inputs(self) -> Iterator[Number]:
        for i in self._shapes[0].inputs:
            value = float(self._run.layers[0].x[i])
            yield Number(key_of("v", 0, i), "x", None, (i,), value, name=_at(self._facts.names, i))

    def _predictions(self) -> Iterator[Number]:
        """p and y of each score, where there is one."""
        last, p, y = self._shapes[-1], self._run.prediction, self._run.target
        scores = tuple(Term((key_of("v", last.number, c),)) for c in last.units)
        for at, c in enumerate(last.units):
            name = _at(self._facts.classes, c)
            if p.size == last.width:
                of = scores[at : at + 1] if self._run.apart else scores
                yield Number(key_of("p", None, c), "p", None, (c,), float(p[c]), of, self._facts.link, name=name)
            if y.size == last.width:
                yield Number(key_of("y", None, c), "y", None, (c,), float(y[c]), name=name)

    def _cost(self) -> Iterator[Number]:
        """The loss, and dL/dz of each score."""
        last, loss = self._shapes[-1], self._facts.loss
        units = last.units if self._run.target.size == last.width else ()
        parts = [*(("v", last.number, c) for c in last.units), *(("y", None, c) for c in units)]
        terms = tuple(Term((key_of(*part),)) for part in parts)
        yield Number(key_of("L", None), "L", None, (), self._run.loss, terms, loss)
        for c in last.units:
            gap = (Term((key_of("p", None, c),)), Term((key_of("y", None, c),), -1))
            made = (gap, "") if self.gap else (terms, f"{loss}'")
            value = float(self._run.layers[-1].dv[c])
            yield Number(key_of("dv", last.number, c), "dL/dv", last.number, (c,), value, *made)

    def _after(self) -> Iterator[str]:
        for shape in self._shapes:
            for each in shape.parameters:
                yield from (key_of(f"after-{each.letter}", shape.number, *at) for at in each.indices)


def _at(names: Sequence[str], i: int) -> str:
    return names[i] if i < len(names) else ""
