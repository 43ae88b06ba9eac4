"""Hyperparameters as components see them: the members of h besides those named like settings, and what they mean."""

from __future__ import annotations

MEANINGS = {  # by name: (where it is known, what it is)
    "step": (
        "always",
        "The number of this update, from 1; behind `accumulate` updates count, not batches. Regularizers act before it "
        "and count batches.",
    ),
    "loss": ("in an update", "The mean loss of this batch, without penalties: a 0-d number."),
    "weight": (
        "in an update",
        "What this batch's sum of weighted losses is divided by: the number of its rows, as weights have a mean of 1 "
        "over all rows. Under `weights_by_batch` the sum of its rows' weights, with sample weights in units of the "
        "largest.",
    ),
    "rows": ("`observe` of optimizers", "How many rows the gradient is the mean of."),
    "total": (
        "where the component has `totals`",
        "The sums of what `totals` gave over all parameters that the component acts on, by name, each 0-d. Groups "
        "that have the trainer's optimizer at another rate count among them.",
    ),
    "param": (
        'scope "array", constraints',
        "What is known of the parameter, a [Param](protocols.md#param): name, role, shape, fans, depth. Not to be "
        'asked in scope "element", where numbers of several parameters lie together.',
    ),
    "key": (
        "optimizers and gradient steps that say `stochastic = True`",
        "Randomness of this step and this parameter, a [Key](protocols.md#key): `h.key.normal(p)`. Every element draws "
        'as in its parameter alone: in scope "element" cuts do not matter, and draws are for arrays of the size of p. '
        "Not known in `totals`.",
    ),
    "rule": ("gradient steps", "The h of the update rule behind it: `h.rule.lr`. None where parameters are frozen."),
    "project": (
        "optimizers",
        "A function: `h.project(p)` is the p of this piece that the constraints allow, p itself where there are none.",
    ),
}
