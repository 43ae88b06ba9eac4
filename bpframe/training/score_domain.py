"""Domains of scores: a loss of probabilities, or of positive numbers, is given nothing else.

Where a network's last layer says what range its numbers have, that decides; otherwise the scores of real rows do.
Shapes: x (N, ...) rows, scores (N, C).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple, final

import numpy as np

from bpframe.data import positions
from bpframe.errors import ConfigError, NumericalError
from bpframe.network.backprop import evaluate
from bpframe.network.network import Network
from bpframe.network.output_range import output_range
from bpframe.protocols import Loss, Session, SeveralHeads
from bpframe.protocols.implements import implements
from bpframe.protocols.number_sets import EVERYWHERE, SIMPLEX, SIMPLICES, first_outside, is_subset
from bpframe.protocols.traits import domain_of
from bpframe.registry import registry
from bpframe.registry.describe import short_name
from bpframe.types import HostArray

ROWS = 256  # whose scores are looked at
ROUNDING = 8  # units in the last place, by which scores may pass an end once training moves them
WORDS = {
    SIMPLEX: "probabilities",
    SIMPLICES: "probabilities",
    "[0, 1]": "probabilities",
    "(0, 1)": "probabilities",
    EVERYWHERE: "scores",
}
REMEDIES = {
    SIMPLEX: "Take softmax_cross_entropy, or end the network in softmax.",
    "[0, 1]": "Take sigmoid_cross_entropy, or end the network in sigmoid.",
    "(0, 1)": "Take sigmoid_cross_entropy, or end the network in sigmoid.",
    "[0, inf)": "End the network in relu or softplus.",
    "(0, inf)": "End the network in softplus or exponential.",
}


def refuse_other_range(network: Network, loss: Loss) -> None:
    """ConfigError for a network whose range is known to be no part of the loss's domain."""
    heads = list(_heads(loss))
    if all(head.domain is None for head in heads):
        return
    known = output_range(network.layers)
    if known in (SIMPLEX, SIMPLICES) and len(heads) > 1:  # of which a head is given a part
        known = "[0, 1]"
    for head in heads:
        if head.domain and known and not _undecided(known, head.domain) and not is_subset(known, head.domain):
            ends = _words(known) if known == SIMPLEX or head.domain != SIMPLEX else f"numbers in {known}"
            raise ConfigError(
                head.refusal(f"'{network.labels[-1]}' ends in {'scores' if known == EVERYWHERE else ends}")
            )


def undecided_heads(network: Network, loss: Loss) -> list[ScoreDomain]:
    """The domains of a loss, or of its heads, that only the scores of real rows can be held to."""
    heads = [head for head in _heads(loss) if head.domain]
    if not heads:
        return []
    known = output_range(network.layers)
    return [head for head in heads if known is None or (len(heads) == 1 and _undecided(known, head.domain))]


def refuse_other_scores(network: Network, heads: Sequence[ScoreDomain], session: Session, x: HostArray) -> None:
    """ConfigError for rows whose scores lie outside the domain of one of these heads, before the first step."""
    if heads and (fault := _fault(network, heads, first_scores(network, session, x), "x", rounding=0)):
        raise ConfigError(fault)


def refuse_strayed_scores(
    network: Network, heads: Sequence[ScoreDomain], scores: HostArray, step: int, name: str = "x"
) -> None:
    """NumericalError for scores of the rows `name` that training has brought out of the domain of one of these heads.

    An open end counts as part of the domain: where the loss cannot use it, it is not finite.
    """
    if fault := _fault(network, heads, scores, name, ROUNDING * float(np.finfo(scores.dtype).eps), f"at step {step} "):
        error = NumericalError(fault)
        error.ruined = True
        raise error


def first_scores(network: Network, session: Session, x: HostArray) -> HostArray:
    """Scores of the first rows, computed on the host: a compiled engine would make a program for them."""
    with np.errstate(all="ignore"):
        return np.asarray(evaluate(network.layers, network.params(session.parameters), x[:ROWS]))


def _fault(
    network: Network, heads: Sequence[ScoreDomain], scores: HostArray, name: str, rounding: float, when: str = ""
) -> str | None:
    """What is wrong with the first score that lies outside, if one does; scores that are not finite are not judged."""
    for head in heads:
        part = positions.flat(scores)[:, head.columns]
        if head.domain and np.isfinite(part).all() and (place := first_outside(part, head.domain, rounding)):
            row, column = place
            at = ", position ".join(map(str, np.unravel_index(row, scores.shape[:-1])))
            got = f"sums to {part[row].sum():.6g}" if column < 0 else f"is {part[row, column]:.6g} in column {column}"
            return head.refusal(f"{when}the output of '{network.labels[-1]}' for row {at} of {name} {got}")
    return None


def _undecided(known: str, domain: str | None) -> bool:
    """Whether rows of a known range may be of the domain or not: several rows of probabilities, or one."""
    return known == SIMPLICES and domain == SIMPLEX


@final
class ScoreDomain(NamedTuple):
    """What a loss, or one head of several, wants of its columns of the scores; `owner`: " of head 'a'" for a head."""

    loss: Loss
    owner: str
    domain: str | None
    columns: slice

    def refusal(self, what: str) -> str:
        """Why a network of which `what` is true is refused."""
        name, domain = short_name(registry, "loss", self.loss), str(self.domain)
        remedy = REMEDIES.get(domain, "End the network in an activation of that range.")
        return f"{name}{self.owner} needs {_words(domain)}, but {what}. {remedy}"


def _heads(loss: Loss, owner: str = "", start: int = 0) -> Iterator[ScoreDomain]:
    """The domain of a loss's scores, or those of its heads."""
    if not implements(loss, SeveralHeads):
        yield ScoreDomain(loss, owner, domain_of(loss), slice(start, None))
        return
    for name, (part, width) in loss.parts().items():
        for head in _heads(part, f" of head '{name}'", start):
            yield head._replace(columns=slice(head.columns.start, head.columns.stop or start + width))
        start += width


def _words(numbers: str) -> str:
    return WORDS.get(numbers, f"numbers in {numbers}")
