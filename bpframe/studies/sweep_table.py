"""The table of a sweep: its points from the best to the worst, as a function of the records of its file alone."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any, final

from bpframe import layout
from bpframe.errors import ConfigError
from bpframe.runs.config.toml_writer import inline
from bpframe.studies.trial_file import Record, key_text

LOSS = "loss"


@final
@dataclass(frozen=True)
class PointScore:
    """A point of the grid with the value of each of its seeds; where one failed, the worst infinite one."""

    settings: Mapping[str, Any]
    values: tuple[float, ...]
    failed: int
    seconds: float  # of the training, the median

    @property
    def middle(self) -> float:
        """The median over the seeds."""
        return median(self.values)


def sweep_scores(records: Sequence[Record], by: str | None = None) -> list[PointScore]:
    """The points from the best median to the worst, by a value on the validation rows.

    That is the loss by default; where a loss is swept, whose values do not compare, the first metric. ConfigError for
    a value that the trials have not.
    """
    trials = records[1:]
    name, sign = _measure(trials, by)
    points: dict[str, list[Record]] = {}
    for trial in trials:
        points.setdefault(key_text(trial["trial"]["settings"]), []).append(trial)
    scores = [_score(several, name, sign) for several in points.values()]
    return sorted(scores, key=lambda score: sign * score.middle)


def sweep_text(records: Sequence[Record], by: str | None = None, width: int | None = None) -> str:
    """A table of the points, the best first; what stands below it says which that is, and where to look further."""
    scores = sweep_scores(records, by)
    if not scores:
        return "No trial has ended."
    name, _ = _measure(records[1:], by)
    header = (*scores[0].settings, f"validation {name}", "lowest", "highest", "seeds", "time")
    table = layout.text_table(header, [_row(score) for score in scores], width, numbers=5)
    return "\n".join([*table, "", *_remarks(scores, name)])


def _measure(trials: Sequence[Record], by: str | None) -> tuple[str, int]:
    """The name of the value to compare by, and its sign: 1 where lower is better."""
    ways: dict[str, str | None] = {}
    for trial in trials:
        ways |= trial["best"]
    losses = any(key.partition(".")[0] == LOSS for trial in trials for key in trial["trial"]["settings"])
    if by is None:
        by = next((name for name in ways if name != LOSS and ways[name]), LOSS) if losses else LOSS
    if ways and ways.get(by) is None:
        names = ", ".join(name for name, way in ways.items() if way)
        raise ConfigError(f"A sweep compares by one of {names}, got '{by}'.")
    return by, -1 if ways.get(by) == "max" else 1


def _score(trials: Sequence[Record], name: str, sign: int) -> PointScore:
    found = [trial["values"].get(name) for trial in trials]
    values = tuple(sign * math.inf if value is None else float(value) for value in found)
    seconds = median(trial["seconds"]["training"] for trial in trials)
    return PointScore(trials[0]["trial"]["settings"], values, sum(value is None for value in found), seconds)


def _row(score: PointScore) -> tuple[str, ...]:
    settings = (value if isinstance(value, str) else inline(value) for value in score.settings.values())
    numbers = (f"{value:.4g}" for value in (score.middle, min(score.values), max(score.values)))
    return *settings, *numbers, str(len(score.values)), f"{score.seconds:.2f} s"


def _remarks(scores: Sequence[PointScore], name: str) -> Iterator[str]:
    """What to conclude, and what not."""
    best = scores[0]
    if not math.isfinite(best.middle):
        yield "Every point diverged. Try lower learning rates."
        return
    words = " ".join(f"--set {json.dumps(f'{key}={_word(value)}')}" for key, value in best.settings.items())
    yield f"Best: {words} ({name} {best.middle:.4g}, the median of {len(best.values)})."
    for key in best.settings:
        numbers = sorted({s.settings[key] for s in scores if isinstance(s.settings[key], int | float)})
        if len(numbers) > 2 and best.settings[key] in (numbers[0], numbers[-1]):
            end = "lowest" if best.settings[key] == numbers[0] else "highest"
            yield f"{key} is best at the {end} value that was tried: try others beyond."
    if failed := sum(score.failed for score in scores):
        yield f"{failed} {'trial' if failed == 1 else 'trials'} diverged, and count as the worst."
    seconds = [score for score in scores[1:] if _overlap(score, best)]
    if seconds:
        yield f"The seeds of {len(seconds)} other {'point' if len(seconds) == 1 else 'points'} reach into its range."


def _word(value: Any) -> str:
    return value if isinstance(value, str) else inline(value)


def _overlap(score: PointScore, best: PointScore) -> bool:
    return min(score.values) <= max(best.values) and max(score.values) >= min(best.values)
