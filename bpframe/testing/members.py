"""The members by which a component tells the conformance kit what it is for: one list, which the reference shows.

A component needs none of them. Where a check fails, its message names those that would have told the kit better.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import final

from bpframe.registry.constructor import required_arguments

ARGUMENTS = "arguments"  # the check that a component is made again from its own
SLOPES = ("gradient", "kinks", "gradient of x", "gradient of parameters")  # checks by finite differences
EVERY = ()  # any check of the kind, but for those that find the same fault on all inputs:
ON_ALL_INPUTS = ("array values", "array api", "purity", "determinism")


@final
@dataclass(frozen=True)
class KitMember:
    """A member of components of these `kinds`: its `form`, and what it says.

    `condition`: where its lack may be why one of `checks` fails; "" where it never is.
    """

    name: str
    kinds: tuple[str, ...]
    form: str
    meaning: str
    condition: str = ""
    checks: tuple[str, ...] = EVERY


MEMBERS = (
    KitMember(
        "example_configs",
        ("any",),
        "example_configs() -> list of arguments, a class method",
        "The arguments to check it with, a mapping for each configuration; each is checked under its own settings. By "
        "default those without a default are made up from their annotations.",
        "its arguments were made up, and are none that it is meant for",
    ),
    KitMember(
        "example",
        ("loss",),
        "example(rng) -> (scores, target)",
        "A batch of its domain, (B, C) and (B, M). By default scores are normal, or in the declared `domain`, and "
        "targets follow the link.",
        "it is not meant for normal scores (or those of its `domain`) and targets of as many columns",
    ),
    KitMember(
        "example_at_kink",
        ("loss",),
        "example_at_kink(rng) -> (scores, target)",
        "A batch at points where its slope jumps, which the check of kinks then looks at.",
    ),
    KitMember(
        "example_fitted",
        ("loss",),
        "example_fitted(rng) -> (scores, target)",
        "Scores as good as can be for their targets: scores far off must cost more. By default those that predict the "
        "targets column by column, through the link.",
        "its scores do not predict targets column by column",
        ("sign",),
    ),
    KitMember(
        "example",
        ("metric",),
        "example(rng) -> (prediction, target)",
        "Rows that it can compare. By default probabilities of three classes, or class numbers.",
        "it is not meant for probabilities of three classes, or class numbers",
    ),
    KitMember(
        "counts_rows",
        ("metric",),
        "counts_rows = False",
        "A row of weight 2 does not count as two rows, as in a metric of ranks. True by default.",
        "it ranks rows, so that a row of weight 2 is not two rows",
        ("weights",),
    ),
    KitMember(
        "example",
        ("source",),
        "example() -> (content, columns)",
        "The bytes of a small file, and its columns by name. Needed: without it nothing can be read.",
        "it has none yet",
        ("values", "determinism", "select", "gaps", "damage"),
    ),
    KitMember(
        "example_input",
        ("layer", "activation", "augmentation"),
        "example_input(rng) -> x",
        "Rows of its domain, (B, ...), or a mapping of several inputs by name. By default five normal numbers a row.",
        "it is not meant for rows of normal numbers",
    ),
    KitMember(
        "coupled",
        ("layer",),
        "coupled = True",
        "Its rows depend on each other in evaluation, too, so that no row stands for itself, nor a batch of none.",
        "its rows depend on each other in evaluation, too",
        ("additivity", "few rows"),
    ),
    KitMember(
        "stochastic",
        ("layer",),
        "stochastic = True",
        "Its output in training is drawn from the key.",
        "its output in training is drawn from the key",
        ("draws",),
    ),
    KitMember(
        "kinks",
        ("activation",),
        "kinks = (0.0,)",
        "The points at which its derivative jumps; those on a grid of fortieths are found anyway.",
        "its derivative jumps at points that are no multiples of 1/40",
        ("gradient", "kinks"),
    ),
    KitMember(
        "surrogate",
        ("activation", "layer", "loss", "regularizer"),
        'surrogate = "why"',
        "Its slope is meant not to be the gradient of its value (a straight-through estimate, a reversed gradient), "
        "and why. Where finite differences disagree they are left out, and the report says so.",
        "its slope is meant not to be the gradient",
        SLOPES,
    ),
    KitMember(
        "reference",
        ("optimizer",),
        "reference(p, gradients) -> iterator",
        "The values of one number p after each gradient, in plain Python floats, by another form of the formula. For a "
        'rule of scope "element". With neither this nor `golden` its formula is unproven.',
    ),
    KitMember(
        "golden",
        ("optimizer",),
        "golden() -> list of (arguments, p, gradients, path)",
        "Paths computed elsewhere: p after each gradient. Further parts, in this order: of a rule that observes, a "
        "gradient for each step, which it is shown where it looks; of a rule that probes, the point of each step; of "
        "one with `evaluation_params`, these after each step. A minimizer has (arguments, objective, p, path), where "
        "objective(p) gives a value and its gradient.",
    ),
    KitMember(
        "golden",
        ("gradient_step",),
        "golden() -> list of (arguments, p, gradients, handed on)",
        "Gradients computed elsewhere: those handed on, one for each that came. Where p moves, a fifth part has p "
        "after each step. Without it the formula is unproven.",
    ),
    KitMember(
        "golden",
        ("layer",),
        "golden() -> list of (arguments, batches, rows, y)",
        "For a layer with `refresh` or `fit`: its outputs y of rows in evaluation, after training steps on these "
        "batches, computed elsewhere. Without it what it learns of its inputs is unproven.",
        "evaluation is not meant to become what training makes of a batch",
        ("buffers",),
    ),
    KitMember(
        "lr_is_a_factor",
        ("optimizer",),
        "lr_is_a_factor = False",
        "Its steps are not proportional to its `lr`, so that it may move where lr is 0.",
        "its steps are not proportional to its lr",
        ("lr 0",),
    ),
    KitMember(
        "whole_batch",
        ("optimizer",),
        "whole_batch = True",
        "It needs all rows in each batch, and trains so in the kit; a fit on smaller ones warns.",
    ),
    KitMember(
        "variance",
        ("initializer",),
        "variance(fan_in, fan_out) -> float",
        "The variance of its numbers around a mean of 0, with which those of a large sample are compared.",
    ),
)


def members_of(kind: str) -> Iterator[KitMember]:
    """Those of components of a kind."""
    return (member for member in MEMBERS if kind in member.kinds or "any" in member.kinds)


def remedy(kind: str, component: object, check: str) -> str:
    """What to add to a component, or class, if that is why a check fails; "" where nothing would help."""
    helps = [member for member in members_of(kind) if _may_help(member, component, check)]
    return " ".join(f"If {member.condition}, add {member.form}." for member in helps)


def _may_help(member: KitMember, component: object, check: str) -> bool:
    """Whether a component lacks a member that bears on the check, and may need it."""
    cls = component if isinstance(component, type) else type(component)
    if check == ARGUMENTS and member.name != "example_configs":
        return False
    if member.name == "example_configs" and not required_arguments(cls):
        return False
    bears = check in member.checks or (member.checks == EVERY and check not in ON_ALL_INPUTS)
    return bool(member.condition) and bears and not hasattr(component, member.name)
