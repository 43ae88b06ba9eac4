"""The choice of settings: of the trials of a study, the one whose value at the end is best."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from bpframe.studies.trial_file import Record
from bpframe.studies.workload import cost


def end_cost(record: Record, lower_is_better: bool) -> float:
    """The value at the end as a number of which lower is better; infinite for a training that did not get there."""
    return math.inf if record["failed"] or not record["values"] else cost(record["values"][-1], lower_is_better)


def chosen_settings(
    records: Sequence[Record], workload: str, lower_is_better: bool
) -> dict[tuple[str, int], dict[str, Any]]:
    """The settings of the best trial by (rule, study); none of a study in which all trials failed.

    Of equal values at the end the one whose curve was better on the way, then the earlier point.
    """
    best: dict[tuple[str, int], tuple[tuple[float, float, int], dict[str, Any]]] = {}
    for record in records[1:]:
        key = record["trial"]
        if key["stage"] != "tuning" or key["workload"] != workload:
            continue
        end = end_cost(record, lower_is_better)
        rank = (end, sum(cost(value, lower_is_better) for value in record["values"]), key["point"])
        place = key["rule"], key["study"]
        if math.isfinite(end) and (place not in best or rank < best[place][0]):
            best[place] = rank, record["settings"]
    return {place: settings for place, (_, settings) in best.items()}
