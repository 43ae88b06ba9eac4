"""Records of a comparison by hand, whose ratios, verdicts and curves are known."""

from __future__ import annotations

from typing import Any

Records = list[dict[str, Any]]


def rule(title: str, tuned: bool = True, row: str = "") -> dict[str, Any]:
    spec = {"name": title.partition(",")[0]}
    own = {"title": title, "kind": "optimizer", "spec": spec, "tuned": tuned, "row": row}
    return own | {"ranges": {"lr": [0.01, 1.0]}, "source": "by hand", "scheduled": True, "dist": "d", "version": "1"}


def first(*titles: str, lower: bool = True) -> dict[str, Any]:
    workload = {"name": "w", "metric": "mae", "target": 0.5, "lower_is_better": lower, "epochs": 1, "batch_size": 1}
    protocol = {"studies": 6, "trials": 5, "seeds": 2, "horizons": [1, 2, 4]}
    contestants = [rule(title) for title in titles] + [rule("nothing", False, "a rule that does nothing")]
    return {"study": "comparison", "contestants": contestants, "workloads": [workload], "protocol": protocol}


def records(slower: float = 2.0, units: int = 6) -> Records:
    """Rule b needs `slower` times the steps of rule a, whose own vary with the study."""
    found = [first("a", "b")]
    for study in range(1, units + 1):
        for seed in (2 * study, 2 * study + 1):
            for horizon in (1, 2, 4):
                for title, factor in (("a", 1.0), ("b", slower)):
                    step = round(100 * factor * (1 + 0.05 * study))
                    looks = [step // 2, step, step + 10]
                    found.append(scoring(title, study, seed, horizon, looks, [1.0, 0.5, 0.4]))
    return found


def scoring(rule: str, study: int, seed: int, horizon: int, looks: list[int], values: list[Any]) -> dict[str, Any]:
    """A record of a scoring trial by hand."""
    return {
        "trial": {
            "stage": "scoring",
            "workload": "w",
            "rule": rule,
            "study": study,
            "seed": seed,
            "horizon": horizon,
        },
        "settings": {"lr": 0.1},
        "steps": looks[-1],
        "looks": looks,
        "values": values,
        "failed": None,
        "updates": {},
        "seconds": {"training": [0.001 * look for look in looks], "swap": 0.0},
    }


def whole_comparison(a: str = "a", b: str = "b", layer: str = "dense_1", config: str | None = None) -> Records:
    """Records of every stage: rules under these titles, tuned at four rates, of which the last diverges."""
    found = records()
    found[0] |= {"config": config, "engine": "numpy", "proven": False, "plugins": {"b.py": "sha256=planted"}}
    found[0]["versions"] = {"bpframe": "9.8.7"}
    for title in ("a", "b"):
        for point, rate in enumerate((0.01, 0.1, 1.0, 10.0), 1):
            trial = {"stage": "tuning", "workload": "w", "rule": title, "study": 1, "point": point}
            ends = [1.0, 0.25 * point] if rate < 10 else [1.0, None]
            found.append(scoring(title, 1, 1, 1, [5, 10], ends) | {"trial": trial, "settings": {"lr": rate}})
            key = {"stage": "diagnosis", "diagnosis": "saddle", "rule": title, "point": point}
            found.append({"trial": key, "settings": {"lr": rate}, "passed": title == "a" and point > 2})
    for record in found[1:]:
        if record["trial"]["stage"] == "scoring":
            record["updates"] = {layer: [[0.02, 2.0], [0.001, 2.0], [0.0, 2.0]]}
    return _renamed(found, {"a": a, "b": b})


def _renamed(found: Records, titles: dict[str, str]) -> Records:
    for each in found[0]["contestants"]:
        each["title"] = titles.get(each["title"], each["title"])
    for record in found[1:]:
        record["trial"]["rule"] = titles[record["trial"]["rule"]]
    return found
