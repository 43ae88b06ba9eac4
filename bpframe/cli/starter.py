"""Starters: a first config for a file of data, with the reasons as comments, and the files of an example."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import final

import numpy as np

from bpframe.cli.documents import examples
from bpframe.cli.editor_schema import COMMENT
from bpframe.data.sources.files import column_kinds, read_rows, without_names
from bpframe.data.sources.formats import source_of
from bpframe.data.sources.selection import Selection
from bpframe.errors import ConfigError, DataError
from bpframe.protocols.traits import holds_arrays
from bpframe.runs.config.toml_writer import inline
from bpframe.saving.atomic import write_file
from bpframe.types import HostArray

MOST_CLASSES = 20  # different whole numbers in a target that still count as classes
FEWEST_ROWS = 10
LARGE = 20_000  # rows from which batches are larger and epochs fewer
RARE = 5  # times as many rows of the commonest class as of the rarest: worth a word


@final
@dataclass(frozen=True)
class Survey:
    """What a file of data holds: rows, the shape of one, and of the target its width, classes or mean and deviation.

    `counts`: rows of each class; None for numbers. `several`: whether each row has several labels, zeros and ones.
    `left_out`: columns of a table that are no number in every row.
    """

    rows: int
    shape: tuple[int, ...]
    width: int
    counts: HostArray | None
    several: bool
    mean: float
    deviation: float
    left_out: Sequence[str] = ()


def survey(path: Path, target: str | None, task: str | None) -> Survey:
    """Read a file; DataError for one that cannot be trained on."""
    left_out = _no_numbers(path, target)
    found = read_rows(path, Selection(target, exclude=left_out))
    x, y = without_names(found.x), found.y
    assert y is not None  # the selection wants a target
    if len(x) < FEWEST_ROWS:
        raise DataError(f"'{path}' needs at least {FEWEST_ROWS} rows to learn from, got {len(x)}. Add rows.")
    width = 1 if y.ndim == 1 else int(np.prod(y.shape[1:]))
    several = width > 1 and bool(np.isin(y, (0, 1)).all())
    counts = None
    if width == 1 and (task == "classes" or (task is None and _is_class(y))):
        counts = np.unique(y, return_counts=True)[1]
    number = counts is None and not several and y.dtype.kind in "iuf"
    mean, deviation = (float(np.mean(y)), float(np.std(y))) if number else (0.0, 1.0)
    return Survey(len(x), x.shape[1:], width, counts, several, mean, deviation, left_out)


def _no_numbers(path: Path, target: str | None) -> list[str]:
    """The columns of a table, but for the target, that hold something else than numbers."""
    if target is None or holds_arrays(source_of(path)):
        return []
    return [name for name, kind in column_kinds(path).items() if kind in ("text", "other") and name != target]


def _is_class(y: HostArray) -> bool:
    """Whether a target's values are names of classes: text, truth values, a few whole numbers that come again."""
    if y.dtype.kind in "iu":
        return len(np.unique(y)) <= min(MOST_CLASSES, len(y) // 2)
    return y.dtype.kind not in "f"


def starter_config(data: Path, target: str | None, task: str | None, config: Path) -> str:
    """The text of a config that trains on the data as it is."""
    found = survey(data, target, task)
    if found.counts is not None and len(found.counts) < 2:
        raise DataError(f"'{data}' needs two classes or more in its target, got one. Take another column.")
    source = Path(os.path.relpath(data, config.parent)).as_posix() if not data.is_absolute() else data.as_posix()
    lines = [
        COMMENT,
        f"# A config to begin with, for {found.rows} rows of {' x '.join(map(str, found.shape)) or 'one'} inputs.",
        f"# Train: bpframe train {config.as_posix()}    Every key: bpframe docs config",
        "# For an editor that checks and completes it, write the schema: bpframe schema",
        "",
        "[data]",
        f"source = {inline(source)}  # relative to this file",
        *([f"target = {inline(target)}"] if target is not None else []),
        *_left_out(found),
        *_parts(found),
        "",
        *_network(found),
        "",
        "[loss]",
        *_loss(found),
        "",
        *_training(found),
    ]
    return "\n".join(lines) + "\n"


def _left_out(found: Survey) -> list[str]:
    if not found.left_out:
        return []
    return [
        "# These columns are no number in every row. Encode text as numbers and fill gaps to learn from them. If one",
        "# names the rows, take it from the list and call it id: predictions then come with it.",
        f"exclude = {inline(found.left_out)}",
    ]


def _parts(found: Survey) -> list[str]:
    kind = "stratified" if found.counts is not None and int(found.counts.min()) >= 5 else "random"
    why = "with the same share of every class" if kind == "stratified" else "chosen at random"
    return [
        f"# Parts that are held out, {why}. The validation part says when to stop; the test",
        '# part, which nothing is fitted to, how good the result is. For rows in order of time: kind = "tail".',
        f'validation = {{ fraction = 0.2, kind = "{kind}" }}',
        f'test = {{ fraction = 0.2, kind = "{kind}" }}',
    ]


def _network(found: Survey) -> list[str]:
    outputs = found.width if found.counts is None else len(found.counts)
    units = 64 if int(np.prod(found.shape)) >= 16 else 32
    flatten = ["[[model.layers]]  # each row becomes one list of numbers", 'name = "flatten"', ""]
    start = f'bias_initializer = {{ name = "constant", value = {found.mean:.6g} }}  # the mean of the target'
    return [
        *(flatten if len(found.shape) > 1 else []),
        "[[model.layers]]  # every input gets mean 0 and deviation 1 over the training rows: networks learn faster so",
        'name = "standardize"',
        "",
        "[[model.layers]]  # the hidden layer: more units or a second one can learn more, and by heart too",
        'name = "dense"',
        f"units = {units}",
        'activation = "relu"',
        "",
        f"[[model.layers]]  # {_outputs(found)}",
        'name = "dense"',
        f"units = {outputs}",
        *([start] if _is_scaled(found) else []),
    ]


def _is_scaled(found: Survey) -> bool:
    """Whether the target's numbers are far from 0 or from a deviation of 1, so that a new network is far from them."""
    return abs(found.mean) > 1 or not 0.1 < found.deviation < 10


def _outputs(found: Survey) -> str:
    if found.counts is not None:
        return "one score for each class; the loss makes probabilities of them, so there is no activation"
    return "one score for each label" if found.several else "the prediction"


def _loss(found: Survey) -> list[str]:
    if found.counts is not None:
        return ['name = "softmax_cross_entropy"  # the target names a class']
    if found.several:
        return ['name = "sigmoid_cross_entropy"  # several labels a row, each yes or no']
    return ['name = "mse"  # the target is a number; "mae" minds outliers less']


def _training(found: Survey) -> list[str]:
    large = found.rows >= LARGE
    rare = found.counts is not None and int(found.counts.max()) >= RARE * int(found.counts.min())
    weight = ['class_weight = "balanced"  # some classes are rare; leave it out if their errors count no more']
    return [
        "[optimizer]",
        'name = "adam"',
        "lr = 0.003  # the one number to try first: 0.001 is calmer, 0.01 faster",
        "",
        *(_steps(found) if _is_scaled(found) else []),
        "[train]",
        f"epochs = {50 if large else 200}  # at most: see early_stopping",
        f"batch_size = {128 if large else 32}",
        "seed = 0  # fixes first weights, parts and order: the same seed gives the same numbers",
        *(weight if rare else []),
        "",
        "[[callbacks]]  # ends the training when the validation loss has stopped falling, and takes the best epoch",
        'name = "early_stopping"',
        "patience = 15",
    ]


def _steps(found: Survey) -> list[str]:
    return [
        "[[groups]]  # the last layer takes steps of the size of the target's deviation",
        'match = "dense_2/*"',
        f"lr_multiplier = {float(f'{max(found.deviation, 1e-6):.3g}'):g}",
        "",
    ]


def example_files(name: str, output: Path | None) -> dict[Path, str]:
    """The files of an example and their contents; ConfigError for a name that does not exist."""
    known = examples()
    if name not in known:
        close = get_close_matches(name, known, n=1)
        hint = f" Did you mean '{close[0]}'?" if close else ""
        raise ConfigError(f"bpframe init has no example '{name}'.{hint} Examples: {', '.join(known)}.")
    files = known[name]
    if output is not None and len(files) == 1:
        files, output = {output.as_posix(): next(iter(files.values()))}, None
    return {(output or Path()) / given: path.read_text(encoding="utf-8") for given, path in files.items()}


def write_new(files: Mapping[Path, str], command: str = "init") -> None:
    """Write files that do not exist yet, with their folders; ConfigError, and none is written, if one does."""
    if found := [str(path) for path in files if path.exists()]:
        raise ConfigError(
            f"bpframe {command} overwrites nothing, but {', '.join(found)} exists. Choose another: --output."
        )
    for path, text in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        write_file(path, text)
