"""Tables of the times of steps, in the form of docs/explanation/performance.md."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from statistics import median

import numpy as np
from workload import chosen

LABELS = {  # peer: its column
    "bpframe": "engine numpy",
    "bpframe_jax": "engine jax",
    "blas": "bare BLAS calls",
    "torch": "torch eager",
    "torch_fused": "torch, fused rule",
    "sklearn": "scikit-learn",
    "jax": "jit + optax by hand",
    "jax_scan": "the same by lax.scan",
    "bpframe_default": "engine numpy, default arguments",
    "bpframe_jax_default": "engine jax, default arguments",
    "keras_jax": "Keras on JAX",
    "torch_compile": "torch.compile",
    "thinc": "thinc",
}
WIDE = 7  # columns of a table at most
OWN = {"bpframe": "numpy", "bpframe_jax": "jax"}  # whose times are set beside everybody's


@dataclass
class Cell:
    """What one peer took for one net: seconds of the first epoch, peak memory in MB, and microseconds a step in a long
    fit and in fits of 5 epochs, a value a round.
    """

    first: float = 0.0
    memory: float = 0.0
    long: list[float] = field(default_factory=list)
    short: list[float] = field(default_factory=list)


Cells = dict[tuple[str, str], Cell]  # (net, peer)


def tables(cells: Cells) -> str:
    """Markdown: steps and ratios, of the usual peers and of the others; fits of 5 epochs; first epochs."""
    nets = list(dict.fromkeys(net for net, _ in cells))
    peers = [peer for peer in LABELS if any((net, peer) in cells for net in nets)]
    parts = [lines(cells, nets, peers[i : i + WIDE]) for i in range(0, len(peers), WIDE)]
    parts += [["In fits of 5 epochs, microseconds a step:"], short_fits(cells, nets, peers)]
    parts += [["The first epoch of 20 steps, and the peak memory of the process:"], first_epochs(cells, nets, peers)]
    return "\n\n".join("\n".join(part) for part in parts)


def lines(cells: Cells, nets: Sequence[str], peers: Sequence[str]) -> list[str]:
    """For each net a line of times and one of ratios for each engine of bpframe."""
    found = heading(peers)
    for net in nets:
        found.append(line(label(net), [time(cells.get((net, peer))) for peer in peers]))
        for own, name in OWN.items():
            pairs = [(cells.get((net, own)), cells.get((net, peer))) for peer in peers]
            ratios = ["" if peer in OWN else spread(*pair) for peer, pair in zip(peers, pairs, strict=True)]
            found += [line(f"{name} / peer", ratios)] if any(ratios) else []
    return found


def short_fits(cells: Cells, nets: Sequence[str], peers: Sequence[str]) -> list[str]:
    """For each net a line of times in fits of 5 epochs."""
    known = {net: [cells.get((net, peer), Cell()) for peer in peers] for net in nets}
    return [*heading(peers), *(line(label(net), [best(cell.short) for cell in known[net]]) for net in nets)]


def first_epochs(cells: Cells, nets: Sequence[str], peers: Sequence[str]) -> list[str]:
    """For each net a line of seconds and memory."""
    known = {net: [cells.get((net, peer), Cell()) for peer in peers] for net in nets}
    texts = {net: [f"{cell.first:.2f} s, {cell.memory:.0f} MB" for cell in each] for net, each in known.items()}
    return [*heading(peers), *(line(label(net), texts[net]) for net in nets)]


def heading(peers: Sequence[str]) -> list[str]:
    """The first two lines of a table."""
    return [line("net, batch", [LABELS[peer] for peer in peers]), "|---" * (len(peers) + 1) + "|"]


def line(first: str, rest: Sequence[str]) -> str:
    """One line of a table."""
    return f"| {' | '.join([first, *rest])} |"


def label(net: str) -> str:
    """ "20-32-32-2, 32", equal widths in a row as "1024x3"."""
    shape = chosen(net)
    return f"{'-'.join(runs(shape.sizes))}, {shape.batch}"


def runs(sizes: Sequence[int]) -> Iterator[str]:
    """The widths, three and more alike in one."""
    start = 0
    for stop in range(1, len(sizes) + 1):
        if stop == len(sizes) or sizes[stop] != sizes[start]:
            count = stop - start
            yield from [f"{sizes[start]}x{count}"] if count > 2 else [str(sizes[start])] * count
            start = stop


def time(cell: Cell | None) -> str:
    """The best decile of the rounds."""
    return "" if cell is None else best(cell.long)


def best(values: Sequence[float]) -> str:
    """Their best decile."""
    return f"{np.quantile(values, 0.1):.0f}" if values else ""


def spread(own: Cell | None, other: Cell | None) -> str:
    """Our time over theirs, round by round: the median, with the middle half."""
    if own is None or other is None or not (own.long and other.long):
        return ""
    ratios = [ours / theirs for ours, theirs in zip(own.long, other.long, strict=False)]
    low, high = np.quantile(ratios, [0.25, 0.75])
    return f"{median(ratios):.2f} ({low:.2f} to {high:.2f})"
