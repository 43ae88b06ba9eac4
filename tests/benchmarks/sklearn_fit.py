"""Time of a whole `fit` of the drop-in estimators beside scikit-learn's own, and their test scores, as Markdown.

usage: python tests/benchmarks/sklearn_fit.py [--rounds 5] [--cases digits,wide,small,grid] [--dtypes float32,float64]
       python tests/benchmarks/sklearn_fit.py --scores [--seeds 10] [--sets digits,wine]

Same data, dtype, epochs and batches for all, adam and relu. Every measurement has a process of its own, and who is
measured takes turns. Each fits once, and then again for 2 seconds, three times at least (`grid` once), of which the
median counts; what the first took longer is stated as warm-up, which for the compiled engine is its compilation. `grid`
is a GridSearchCV over 500 small models.
Scores are with default arguments; beside them the standard error of the paired difference over the seeds.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

HERE = Path(__file__).resolve().parent
PINS = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")  # by which some machines pin BLAS to an older processor's kernel
PEERS = ("sklearn", "bpframe", "bpframe_jax")
LONG = 2.0  # seconds
LEAST = 3  # fits
ENDLESS = {"tol": 0.0, "n_iter_no_change": 10**6, "random_state": 0}


@dataclass(frozen=True)
class Case:
    """A network by its widths, rows of data, rows of a batch, and epochs."""

    sizes: tuple[int, ...]
    rows: int
    batch: int
    epochs: int


CASES = {
    "digits": Case((64, 100, 10), 1797, 200, 50),
    "wide": Case((784, 1024, 1024, 1024, 10), 5120, 256, 3),
    "small": Case((20, 32, 32, 2), 3200, 32, 50),
    "grid": Case((8, 16, 3), 300, 200, 50),
}
SETS = ("digits", "breast_cancer", "wine", "diabetes", "table")


def main() -> None:
    """Measures what the command line asks for and prints it."""
    asked = arguments()
    warnings.simplefilter("ignore")  # that epochs run out is meant
    if asked.worker:
        print(json.dumps(worked(*asked.worker)))
        return
    print(child("machine.py"))
    if asked.scores:
        print(score_table(asked.sets, asked.seeds))
    else:
        print(time_table(asked.cases, asked.dtypes, asked.rounds))


def arguments() -> argparse.Namespace:
    """What to measure; worker: the (task, peer, case, dtype or seed) of this process."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--cases", type=lambda text: text.split(","), default=list(CASES))
    parser.add_argument("--dtypes", type=lambda text: text.split(","), default=["float32", "float64"])
    parser.add_argument("--scores", action="store_true")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--sets", type=lambda text: text.split(","), default=list(SETS))
    parser.add_argument("--worker", nargs=4, help=argparse.SUPPRESS)
    return parser.parse_args()


# --------------------------------------------------------------------------------------------------------- one process


def worked(task: str, peer: str, case: str, detail: str) -> list[float]:
    """[seconds of the first fit, of a later one], or [the test score]."""
    if task == "score":
        return [score(peer, case, int(detail))]
    fit = grid(peer, detail) if case == "grid" else whole(peer, CASES[case], case, detail)
    first, later = seconds(fit), [seconds(fit)]
    while sum(later) < LONG or (len(later) < LEAST and case != "grid"):
        later.append(seconds(fit))
    return [first, median(later)]


def seconds(fit: Callable[[], object]) -> float:
    """How long it takes."""
    start = perf_counter()
    fit()
    return perf_counter() - start


def estimator(peer: str, kind: str, **settings: Any) -> Any:
    """A peer's classifier or regressor."""
    if peer == "sklearn":
        import sklearn.neural_network as home
    else:
        import bpframe.sklearn as home  # type: ignore[no-redef]  # either of the two
    engine = {"engine": "jax"} if peer == "bpframe_jax" else {}
    return getattr(home, kind)(**settings, **engine)


def whole(peer: str, case: Case, name: str, dtype: str) -> Callable[[], object]:
    """A fit of a case."""
    x, y = data(case, name)
    settings = {"hidden_layer_sizes": case.sizes[1:-1], "batch_size": case.batch, "max_iter": case.epochs, **ENDLESS}
    return lambda: estimator(peer, "MLPClassifier", **settings).fit(x.astype(dtype), y)


def data(case: Case, name: str) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Rows and classes: the digits, or normal numbers with classes that follow from them."""
    if name == "digits":
        from sklearn.datasets import load_digits

        x, y = load_digits(return_X_y=True)
        return x / 16, y
    rng = np.random.default_rng(0)
    x = rng.normal(size=(case.rows, case.sizes[0]))
    return x, (x @ rng.normal(size=(case.sizes[0], case.sizes[-1]))).argmax(axis=1)


def grid(peer: str, dtype: str) -> Callable[[], object]:
    """A search over 100 settings in 5 folds, one process."""
    from sklearn.model_selection import GridSearchCV

    case = CASES["grid"]
    x, y = data(case, "grid")
    space = {
        "alpha": [10.0**k for k in range(-6, -1)],
        "learning_rate_init": [1e-3, 3e-3, 1e-2, 3e-2],
        "hidden_layer_sizes": [(8,), (16,), (32,), (8, 8), (16, 16)],
    }
    model = estimator(peer, "MLPClassifier", max_iter=case.epochs, **ENDLESS)
    return lambda: GridSearchCV(model, space, cv=5, refit=False).fit(x.astype(dtype), y)


def score(peer: str, name: str, seed: int) -> float:
    """The score on a quarter that was held out, with default arguments."""
    from sklearn.model_selection import train_test_split
    from sklearn.preprocessing import StandardScaler

    x, y, kind = known(name)
    stratify = y if kind == "MLPClassifier" else None
    x, xt, y, yt = train_test_split(x, y, test_size=0.25, random_state=seed, stratify=stratify)
    scaler = StandardScaler().fit(x)
    model = estimator(peer, kind, random_state=seed).fit(scaler.transform(x), y)
    return float(model.score(scaler.transform(xt), yt))


def known(name: str) -> tuple[NDArray[Any], NDArray[Any], str]:
    """(x, y, which estimator) of a data set; `table` is made up: 60,000 rows of 50 numbers, 5 classes."""
    from sklearn import datasets

    if name == "table":
        x, y = datasets.make_classification(60_000, 50, n_informative=20, n_classes=5, random_state=0)
        return x, y, "MLPClassifier"
    x, y = getattr(datasets, f"load_{name}")(return_X_y=True)
    return x, y, "MLPRegressor" if name == "diabetes" else "MLPClassifier"


# ---------------------------------------------------------------------------------------------------------- all of them


def child(script: str, *options: str) -> str:
    """What a fresh interpreter prints that runs a script of this folder; it must end well."""
    kept = {name: value for name, value in os.environ.items() if name not in PINS}
    kept["JAX_PLATFORMS"] = "cpu"  # a graphics card would be another comparison
    command = [sys.executable, str(HERE / script), *options]
    return subprocess.run(command, env=kept, stdout=subprocess.PIPE, check=True, text=True).stdout


def time_table(cases: list[str], dtypes: list[str], rounds: int) -> str:
    """A row for each case, dtype and peer: seconds, warm-up, and theirs over ours round by round."""
    found: dict[tuple[str, str, str], list[list[float]]] = {
        (case, dtype, peer): []
        for case in cases
        for dtype in dtypes
        for peer in PEERS
        if (case, peer) != ("grid", PEERS[2])
    }
    for turn in range(rounds):
        for key, values in found.items():
            case, dtype, peer = key
            values.append(json.loads(child("sklearn_fit.py", "--worker", "fit", peer, case, dtype)))
            print(f"round {turn + 1}: {case} {dtype} {peer} {values[-1][1]:.3f} s", file=sys.stderr)
    return "\n".join(time_rows(found))


def time_rows(found: dict[tuple[str, str, str], list[list[float]]]) -> Iterator[str]:
    """The lines of the table."""
    yield "| case | dtype | peer | fit s | warm-up s | faster than scikit-learn |"
    yield "|---|---|---|---:|---:|---:|"
    for (case, dtype, peer), values in found.items():
        theirs = found[case, dtype, "sklearn"]
        ratios = [other[1] / own[1] for own, other in zip(values, theirs, strict=True)]
        warm = median(first - second for first, second in values)
        spread = f"{median(ratios):.2f}x ({min(ratios):.2f} to {max(ratios):.2f})"
        yield f"| {case} | {dtype} | {peer} | {median(v[1] for v in values):.3f} | {warm:.2f} | {spread} |"


def score_table(sets: list[str], seeds: int) -> str:
    """A row for each data set: mean scores, and the mean difference with its standard error."""
    lines = ["| data | scikit-learn | bpframe | difference | standard error |", "|---|---:|---:|---:|---:|"]
    for name in sets:
        scores = {peer: [] for peer in PEERS[:2]}  # type: dict[str, list[float]]
        for seed in range(seeds):
            for peer, values in scores.items():
                values += json.loads(child("sklearn_fit.py", "--worker", "score", peer, name, str(seed)))
                print(f"{name} seed {seed}: {peer} {values[-1]:.4f}", file=sys.stderr)
        theirs, ours = (np.array(scores[peer]) for peer in PEERS[:2])
        difference = ours - theirs
        error = difference.std(ddof=1) / np.sqrt(seeds) if seeds > 1 else float("nan")
        lines.append(f"| {name} | {theirs.mean():.4f} | {ours.mean():.4f} | {difference.mean():+.5f} | {error:.5f} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
