"""Calls that last no longer than what surrounds the arithmetic: fits of small models, and predictions.

usage: python tests/benchmarks/calls.py [--rounds 9] [--old INTERPRETER] [--cases second_fit,first_fit,...]

second_fit  a new model fitted on 100 rows x 10, 10-16-3, Adam, one batch, one epoch: the later fits of a process
first_fit   the same as the first fit of a process, with what it imports, behind the import of NumPy (and, for
            scikit-learn, with its own import); bpframe alone takes its place beside the old build
one_row     one row through `predict` (`predict_proba`) of 64-100-10
rows        1,000,000 rows x 20 through 20-32-32-2
threads     the same rows in eight threads, a share each, over the same shares one after the other in one
grid        GridSearchCV of 500 fits of 8-16-3, 100 rows, 50 epochs, n_jobs 1

Each measurement is a process of its own, and who is measured takes turns. A process gives the best decile of its calls;
the table has the medians of the rounds, and of the rounds' ratios, with the least and the greatest. `--old` is a Python
interpreter with another build of bpframe.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from statistics import median

from workers import environment

START = """
import sys, time, warnings
import numpy as np
warnings.simplefilter("ignore")
who, case = sys.argv[1:]
rng = np.random.default_rng(0)

def decile(call, times):
    taken = []
    for _ in range(times):
        start = time.perf_counter()
        call()
        taken.append(time.perf_counter() - start)
    return float(np.quantile(taken, 0.1))

def model(widths, classes, **arguments):
    if who == "scikit-learn":
        from sklearn.neural_network import MLPClassifier
        return MLPClassifier(widths, max_iter=1, batch_size=arguments["batch_size"])
    import bpframe as bp
    layers = [*(bp.layers.dense(n, activation="relu") for n in widths), bp.layers.dense(classes)]
    return bp.Trainer(bp.Network(layers), "softmax_cross_entropy", "adam", engine="numpy")

def fitted(widths, classes, x, y):
    one = model(widths, classes, batch_size=len(x))
    one.fit(x, y) if who == "scikit-learn" else one.fit(x, y, epochs=1, batch_size=len(x))
    return one

def predicting(one):
    return one.predict_proba if who == "scikit-learn" else one.predict
"""
FIT = """
x, y = rng.standard_normal((100, 10), dtype=np.float32), np.arange(100) % 3
start = time.perf_counter()
fitted((16,), 3, x, y)
first = time.perf_counter() - start
print(first if case == "first_fit" else decile(lambda: fitted((16,), 3, x, y), 400))
"""
ONE_ROW = """
x = rng.standard_normal((200, 64), dtype=np.float32)
predict, row = predicting(fitted((100,), 10, x, np.arange(200) % 10)), x[:1]
print(decile(lambda: predict(row), 4000))
"""
ROWS = """
x = rng.standard_normal((1_000_000, 20), dtype=np.float32)
predict = predicting(fitted((32, 32), 2, x[:200], np.arange(200) % 2))
if case == "rows":
    print(decile(lambda: predict(x), 5))
else:
    from concurrent.futures import ThreadPoolExecutor
    shares = np.array_split(x, 8)
    with ThreadPoolExecutor(8) as pool:
        both = [(decile(lambda: list(pool.map(predict, shares)), 1), decile(lambda: [*map(predict, shares)], 1))
                for _ in range(5)]
    print(float(np.median([together / alone for together, alone in both])))
"""
GRID = """
from sklearn.model_selection import GridSearchCV
if who == "scikit-learn":
    from sklearn.neural_network import MLPClassifier
else:
    from bpframe.sklearn import MLPClassifier
x = rng.standard_normal((100, 8), dtype=np.float32)
y = np.argmax(x[:, :3], axis=1)
rates = list(np.logspace(-5, -1, 100))
search = GridSearchCV(MLPClassifier((16,), max_iter=50, random_state=0), {"alpha": rates}, cv=5, refit=False)
start = time.perf_counter()
search.fit(x, y)
print(time.perf_counter() - start)
"""
CASES = {"second_fit": FIT, "first_fit": FIT, "one_row": ONE_ROW, "rows": ROWS, "threads": ROWS, "grid": GRID}


def main() -> None:
    """Measures and prints a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--old")
    parser.add_argument("--cases", type=lambda text: text.split(","), default=list(CASES), help=",".join(CASES))
    asked = parser.parse_args()
    pythons = {"bpframe": sys.executable, "scikit-learn": sys.executable}
    pythons |= {"old bpframe": asked.old} if asked.old else {}
    others = [name for name in pythons if name != "bpframe"]
    print(f"| case | {' | '.join(pythons)} | {' | '.join(f'bpframe / {name}' for name in others)} |")
    print(f"|---|{'---:|' * (len(pythons) + len(others))}", flush=True)
    for case in asked.cases:
        times: dict[str, list[float]] = {name: [] for name in pythons}
        for turn in range(asked.rounds):
            for name in pythons if turn % 2 else reversed(pythons):
                times[name].append(measured(pythons[name], name, case))
        cells = [shown(case, median(times[name])) for name in pythons]
        print(f"| {case} | {' | '.join([*cells, *(spread(times['bpframe'], times[name]) for name in others)])} |")


def measured(python: str, who: str, case: str) -> float:
    """What one process measures: seconds, or a ratio of two of its own."""
    command = [python, "-P", "-c", START + CASES[case], who, case]
    kept = {name: value for name, value in environment().items() if name != "PYTHONDONTWRITEBYTECODE"}
    return float(subprocess.run(command, env=kept, stdout=subprocess.PIPE, check=True, text=True).stdout)


def shown(case: str, value: float) -> str:
    """Seconds in a fitting unit; the ratio of the case threads as it is."""
    if case == "threads":
        return f"{value:.2f}"
    return f"{1e6 * value:.0f} us" if value < 1e-2 else f"{1e3 * value:.0f} ms"


def spread(ours: list[float], theirs: list[float]) -> str:
    """Median, least and greatest of the rounds' ratios."""
    ratios = [own / other for own, other in zip(ours, theirs, strict=True)]
    return f"{median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"


if __name__ == "__main__":
    main()
