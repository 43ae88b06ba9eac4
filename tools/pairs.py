"""The table of pairs of all bundled components in docs/explanation/pairs.md: python -m tools.pairs (some minutes)."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from itertools import combinations
from multiprocessing import get_context
from pathlib import Path

from bpframe.registry import build, registry
from bpframe.registry.describe import brief
from bpframe.testing.pairs.partners import Partner, options, partners_of
from bpframe.testing.pairs.table import Pair, pair

PAGE = Path(__file__).parent.parent / "docs/explanation/pairs.md"
OPTIONS = (  # with which a loss is no likelihood, so that they are no examples of it
    {"name": "softmax_cross_entropy", "class_weights": [0.5, 1.0, 2.0], "label_smoothing": 0.1},
    {"name": "sigmoid_cross_entropy", "pos_weight": 3.0},
)
START, END = "<!-- pairs -->\n", "<!-- end of pairs -->\n"
STATUSES = ("proven", "refused", "unproven", "failed", "not applicable")


@cache
def bundled() -> list[Partner]:
    """All bundled components that have a part in how a training goes, losses also with OPTIONS."""
    found = list(partners_of(provider for provider in registry.providers() if provider.dist == "bpframe"))
    losses = [build("loss", option) for option in OPTIONS]
    return [*found, *(Partner("loss", brief(registry, "loss", loss), loss) for loss in losses), *options()]


def table(found: Iterable[Pair]) -> str:
    """The text of the table: counts by role, then what is refused and what is not proven, with reasons."""
    counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
    names: defaultdict[str, set[str]] = defaultdict(set)
    refused: defaultdict[str, set[tuple[str, str]]] = defaultdict(set)
    total, open_cells = Counter[str](), []
    for cell in found:
        total[cell.status] += 1
        for partner in cell.partners:
            names[partner.role].add(partner.name)
        for role in {partner.role for partner in cell.partners}:
            counts[role][cell.status] += 1
        if cell.status == "refused":
            first, second = sorted(partner.role for partner in cell.partners)
            refused[_general(cell.reason)].add((first, second))
        elif cell.status in ("unproven", "failed"):
            open_cells.append(f"- {cell}")
    applicable = sum(total.values()) - total["not applicable"]
    lines = [
        f"{applicable} pairs may meet: {total['proven']} are proven, {total['refused']} refused, "
        f"{total['unproven'] + total['failed']} unproven. {total['not applicable']} have no place beside each other.",
        "",
        f"| role | components | {' | '.join(s for s in STATUSES if s != 'failed' or total[s])} |",
        "|---|---|" + "---|" * sum(1 for s in STATUSES if s != "failed" or total[s]),
    ]
    for role in sorted(counts):
        cells = " | ".join(str(counts[role][s]) for s in STATUSES if s != "failed" or total[s])
        lines.append(f"| {role} | {', '.join(sorted(names[role]))} | {cells} |")
    lines += ["", "### Refused", ""]
    for reason, roles in sorted(refused.items()):
        lines.append(f"- {'; '.join(' with '.join(two) for two in sorted(roles))}: {reason}")
    lines += ["", "### Unproven", "", *(sorted(open_cells) or ["None."]), ""]
    return "\n".join(lines)


def with_table(page: str, text: str) -> str:
    """The page with this table."""
    before, after = page.split(START)[0], page.split(END)[1]
    return f"{before}{START}\n{text}\n{END}{after}"


def computed(cores: int = 2) -> str:
    """The table, computed now, in so many processes."""
    two = list(combinations(bundled(), 2))
    with ProcessPoolExecutor(cores, get_context("forkserver")) as pool:
        return table(pool.map(_by_name, [tuple(map(str, each)) for each in two], chunksize=20))


def _by_name(names: tuple[str, str]) -> Pair:
    known = {str(partner): partner for partner in bundled()}
    return pair(known[names[0]], known[names[1]])


def _general(reason: str) -> str:
    """A reason in one line, without what one of many components is called."""
    return re.sub(r", got \w+\.", ", got another.", reason.split("\n")[0])


if __name__ == "__main__":
    PAGE.write_text(with_table(PAGE.read_text(encoding="utf-8"), computed()), encoding="utf-8")
