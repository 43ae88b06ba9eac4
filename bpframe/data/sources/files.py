"""Inputs and targets from files: .npz, a pair of .npy, .csv.  N rows.

Nothing is unpickled. Every problem with a file becomes a DataError that names it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING

import numpy as np

from bpframe.data.sources.tables import read_input_columns, read_table
from bpframe.errors import DataError, ShapeError
from bpframe.types import HostArray

if TYPE_CHECKING:
    from zipfile import ZipFile

SUFFIXES = (".csv", ".npy", ".npz")


def read(path: str | Path, target: str | None = None) -> tuple[HostArray, HostArray]:
    """x (N, ...) and y (N, ...) of a file.

    .npz  its arrays `x` and `y`
    .npy  x from the file named, whose stem ends in x; y from the file beside it whose stem ends in y instead:
          train_x.npy and train_y.npy, or x.npy and y.npy
    .csv  x float64 (N, n), every column but the one named by `target`; y (N,) int64, float64 or text, from that one
    """
    path = Path(path)
    suffix = _suffix(path)
    if (target is None) == (suffix == ".csv"):
        raise DataError(_target_problem(path, target))
    if suffix == ".csv":
        with _reraise_as_data_error(path):
            return read_table(path, str(target))
    x, y = _archive(path, "x", "y") if suffix == ".npz" else (_array(path), _array(_partner(path)))
    if x.ndim == 0 or y.ndim == 0 or len(x) != len(y):
        raise ShapeError(f"'{path}' needs a row of y for each row of x, got shapes {x.shape} and {y.shape}. Mend one.")
    return x, y


def read_inputs(path: str | Path, target: str | None = None) -> HostArray:
    """x (N, ...) of a file as for `read`, where y may be missing; of a .csv, the column `target` is left out."""
    path = Path(path)
    suffix = _suffix(path)
    if suffix == ".csv":
        with _reraise_as_data_error(path):
            return read_input_columns(path, target)
    return _archive(path, "x")[0] if suffix == ".npz" else _array(path)


def _suffix(path: Path) -> str:
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise DataError(f"'{path}' needs one of the suffixes {', '.join(SUFFIXES)}, got '{path.suffix}'. Convert it.")
    return suffix


def _target_problem(path: Path, target: str | None) -> str:
    if target is None:
        return f"'{path}' needs the name of its target column, got none. Give target='NAME'."
    return f"'{path}' needs no target column, got target={target!r}. Leave it out: y is an array of its own."


def _partner(path: Path) -> Path:
    """The file that holds y, for the file that holds x."""
    if not path.stem.endswith("x"):
        raise DataError(f"'{path}' needs a name that ends in x, got '{path.name}'. Use NAME_x.npy and NAME_y.npy.")
    partner = path.with_name(f"{path.stem[:-1]}y{path.suffix}")
    if not partner.exists():
        raise DataError(f"'{path}' needs its targets in '{partner}', got no such file. Write y there, or use one .npz.")
    return partner


def _array(path: Path) -> HostArray:
    with _reraise_as_data_error(path), path.open("rb") as file:
        return _decoded(file)


def _archive(path: Path, *names: str) -> list[HostArray]:
    from zipfile import ZipFile  # only here: it loads a dozen modules, which start-up can do without

    with _reraise_as_data_error(path), ZipFile(path) as archive:
        found = [member.removesuffix(".npy") for member in archive.namelist()]
        if not set(names) <= set(found):
            wanted = " and ".join(f"'{name}'" for name in names)
            raise DataError(f"'{path}' needs arrays named {wanted}, got {found}. Use np.savez(path, x=x, y=y).")
        return [_member(archive, f"{name}.npy") for name in names]


def _member(archive: ZipFile, name: str) -> HostArray:
    with archive.open(name) as file:
        return _decoded(file)


def _decoded(file: IO[bytes]) -> HostArray:
    values: HostArray = np.lib.format.read_array(file, allow_pickle=False)
    if file.read(1):  # reading to the end also makes an archive compare its checksum
        raise ValueError("bytes are left over after the array")
    return values


@contextmanager
def _reraise_as_data_error(path: Path) -> Iterator[None]:
    """Re-raise any error inside the block as a DataError that names the file."""
    try:
        yield
    except DataError:
        raise
    except FileNotFoundError as cause:
        raise DataError(f"read needs an existing file, got '{path}'. Check its name and the current folder.") from cause
    except UnicodeDecodeError as cause:
        bad = cause.object[cause.start]
        raise DataError(f"'{path}' needs text in UTF-8, got the byte 0x{bad:02x}. Save it as UTF-8.") from cause
    except Exception as cause:  # damaged files make NumPy, zipfile and zlib raise a dozen unrelated kinds
        remedy = "Save numbers or text: y.astype(str)" if "Object arrays" in str(cause) else "Write it anew"
        raise DataError(f"'{path}' needs to be a readable {path.suffix} file, got: {cause}. {remedy}.") from cause
