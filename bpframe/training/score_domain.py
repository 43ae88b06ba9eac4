"""Domains of scores: a loss of probabilities, or of positive numbers, is given nothing else.

Where a network's last layer says what range its numbers have, that decides; otherwise the scores of real rows do.
Shapes: x (N, ...) rows, scores (N, C).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from bpframe.errors import ConfigError
from bpframe.network.backprop import evaluate
from bpframe.network.network import Network
from bpframe.network.output_range import output_range
from bpframe.protocols import Loss, SeveralHeads
from bpframe.protocols.number_sets import EVERYWHERE, SIMPLEX, first_outside, is_subset
from bpframe.protocols.traits import domain_of
from bpframe.registry import registry
from bpframe.registry.describe import short_name
from bpframe.types import HostArray, Params

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
    if all(domain is None for _, domain, _ in heads):
        return
    known = output_range(network.layers)
    if known == SIMPLEX and len(heads) > 1:  # of which a head is given a part
        known = "[0, 1]"
    for owner, domain, _ in heads:
        if domain and known and not is_subset(known, domain):
            raise _refusal(owner, domain, f"'{network.labels[-1]}' ends in {_words(known)}")


def refuse_other_scores(network: Network, loss: Loss, params: Params, x: HostArray) -> None:
    """ConfigError for rows whose scores lie outside the loss's domain, where the network's range is not known."""
    heads = [head for head in _heads(loss) if head[1]]
    if not heads or output_range(network.layers) is not None:
        return
    with np.errstate(all="ignore"):
        scores = np.asarray(evaluate(network.layers, params, x[:ROWS]))
    for owner, domain, own in heads:
        part = scores[:, own]
        if domain and np.isfinite(part).all() and (place := first_outside(part, domain)):
            row, column = place
            got = f"sums to {part[row].sum():.6g}" if column < 0 else f"is {part[row, column]:.6g} in column {column}"
            raise _refusal(owner, domain, f"the output of '{network.labels[-1]}' for row {row} of x {got}")


def _heads(loss: Loss, owner: str = "", start: int = 0) -> Iterator[tuple[str, str | None, slice]]:
    """(what needs scores, their domain, its columns) of a loss, or of each head of several."""
    if not isinstance(loss, SeveralHeads):
        yield short_name(registry, "loss", loss) + owner, domain_of(loss), slice(start, None)
        return
    for name, (part, width) in loss.parts().items():
        for who, domain, own in _heads(part, f" of head '{name}'", start):
            yield who, domain, slice(own.start, own.stop or start + width)
        start += width


def _refusal(owner: str, domain: str, what: str) -> ConfigError:
    remedy = REMEDIES.get(domain, "End the network in an activation of that range.")
    return ConfigError(f"{owner} needs {_words(domain)}, but {what}. {remedy}")


def _words(numbers: str) -> str:
    return WORDS.get(numbers, f"numbers in {numbers}")
