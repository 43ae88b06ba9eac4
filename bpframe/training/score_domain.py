"""Domains of scores: a loss of probabilities, or of positive numbers, is given nothing else.

Where a network's last layer says what range its numbers have, that decides; otherwise the scores of real rows do.
Shapes: x (N, ...) rows, scores (N, C).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple, cast, final

import numpy as np

from bpframe.errors import ConfigError
from bpframe.network.backprop import evaluate
from bpframe.network.network import Network
from bpframe.network.output_range import output_range
from bpframe.protocols import Loss, Session, SeveralHeads
from bpframe.protocols.implements import implements
from bpframe.protocols.number_sets import EVERYWHERE, SIMPLEX, first_outside, is_subset
from bpframe.protocols.traits import domain_of
from bpframe.registry import registry
from bpframe.registry.describe import short_name
from bpframe.types import HostArray

ROWS = 256  # whose scores are looked at
WORDS = {SIMPLEX: "probabilities", "[0, 1]": "probabilities", "(0, 1)": "probabilities", EVERYWHERE: "scores"}
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
    if known == SIMPLEX and len(heads) > 1:  # of which a head is given a part
        known = "[0, 1]"
    for head in heads:
        if head.domain and known and not is_subset(known, head.domain):
            ends = _words(known) if known == SIMPLEX or head.domain != SIMPLEX else f"numbers in {known}"
            raise head.refusal(f"'{network.labels[-1]}' ends in {'scores' if known == EVERYWHERE else ends}")


def refuse_other_scores(network: Network, loss: Loss, session: Session, x: HostArray) -> None:
    """ConfigError for rows whose scores lie outside the loss's domain, where the network's range is not known."""
    heads = [head for head in _heads(loss) if head.domain]
    if not heads or output_range(network.layers) is not None:
        return
    with np.errstate(all="ignore"):
        scores = np.asarray(evaluate(network.layers, network.params(session.parameters), x[:ROWS]))
    for head in heads:
        part = scores[:, head.columns]
        if head.domain and np.isfinite(part).all() and (place := first_outside(part, head.domain)):
            row, column = place
            got = f"sums to {part[row].sum():.6g}" if column < 0 else f"is {part[row, column]:.6g} in column {column}"
            raise head.refusal(f"the output of '{network.labels[-1]}' for row {row} of x {got}")


@final
class ScoreDomain(NamedTuple):
    """What a loss, or one head of several, wants of its columns of the scores; `owner`: " of head 'a'" for a head."""

    loss: Loss
    owner: str
    domain: str | None
    columns: slice

    def refusal(self, what: str) -> ConfigError:
        """The error for a network of which `what` is true."""
        name, domain = short_name(registry, "loss", self.loss), str(self.domain)
        remedy = REMEDIES.get(domain, "End the network in an activation of that range.")
        return ConfigError(f"{name}{self.owner} needs {_words(domain)}, but {what}. {remedy}")


def _heads(loss: Loss, owner: str = "", start: int = 0) -> Iterator[ScoreDomain]:
    """The domain of a loss's scores, or those of its heads."""
    if not implements(loss, SeveralHeads):
        yield ScoreDomain(loss, owner, domain_of(loss), slice(start, None))
        return
    for name, (part, width) in cast(SeveralHeads, loss).parts().items():
        for head in _heads(part, f" of head '{name}'", start):
            yield head._replace(columns=slice(head.columns.start, head.columns.stop or start + width))
        start += width


def _words(numbers: str) -> str:
    return WORDS.get(numbers, f"numbers in {numbers}")
