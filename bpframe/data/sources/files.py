"""Inputs and targets from files, each read by the source of its format.  N rows.

Nothing is unpickled, and nothing but a regular file is opened. Every problem with a file becomes a DataError that
names it.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

import numpy as np

from bpframe.data.columns import NamedRows, Numbering
from bpframe.data.sources.formats import is_packed, source_of
from bpframe.data.sources.selection import Rows, Selection, describe_columns, table_rows
from bpframe.errors import BpframeError, DataError, ShapeError
from bpframe.protocols import LineOfRow, Numbered, ReadFolder, Select, Source, TargetFile
from bpframe.protocols.implements import implements
from bpframe.protocols.traits import holds_arrays
from bpframe.registry import Spec
from bpframe.regular_files import open_regular
from bpframe.types import HostArray


def read(
    path: str | Path, target: str | None = None, source: Spec | None = None, *, gaps: bool = False
) -> tuple[HostArray, HostArray]:
    """x (N, ...) and y (N, ...) of a file.

    .csv, .tsv, .parquet, .feather, .arff
              x (N, n), every column but the one named by `target`, float64 from text; y (N,) from that one: of text
              int64, float64 or text, the first that fits every cell
    .npz      its arrays `x` and `y`
    .npy      x from the file named, whose stem ends in x; y from the file beside it whose stem ends in y instead:
              train_x.npy and train_y.npy, or x.npy and y.npy
    .svmlight .libsvm
              x float64 (N, n), dense; y (N,) what stands in front of each row
    .idx      x from the file named ...images..., y from that named ...labels... beside it
    .text     x and y (N, T), text in windows of numbers of characters, and the characters that follow each
    a folder  of images: source=bp.sources.images(size=(32, 32)), y the names of the folders in it

    A name that ends in .gz besides is unpacked. `source` is another source than that of the suffix, or one with
    settings: bp.sources.csv(separator=";", decimal=","). `gaps`: cells of a text table's target may be empty;
    y then has NaN there, or None among labels, for a loss that takes them as missing.
    """
    rows = read_rows(Path(path), Selection(target, gaps=_columns(target, gaps)), source)
    assert rows.y is not None  # the selection wants a target
    return without_names(rows.x), rows.y


def read_inputs(path: str | Path, target: str | None = None, source: Spec | None = None) -> HostArray:
    """x (N, ...) of a file as for `read`, where y may be missing; of a table, the column `target` is left out."""
    return without_names(read_rows(Path(path), Selection(target, lenient=True), source).x)


def read_table(
    path: str | Path,
    target: str | None = None,
    *,
    columns: Sequence[str] | None = None,
    exclude: Sequence[str] = (),
    source: Spec | None = None,
    gaps: bool = False,
) -> tuple[NamedRows, HostArray | None]:
    """x (N, n), whose columns keep their names, and y (N,) of a table; y is None without a target.

    What a model learns from such rows it predicts by these names, whatever their order. `columns` are the inputs, by
    default all but the target and those to `exclude`. `source` and `gaps` as for `read`. The columns of svmlight files
    go by their numbers; those that a file leaves out are 0.
    """
    path, reader = Path(path), source_of(Path(path), source)
    if implements(reader, Numbered):
        rows = read_rows(path, Selection(target, columns, exclude), reader)
    elif holds_arrays(reader):
        raise DataError(f"'{path}' needs columns with names, got arrays. Use read.")
    else:
        selection = Selection(target, columns, exclude, lenient=target is None, gaps=_columns(target, gaps))
        rows = read_rows(path, selection, reader)
    assert isinstance(rows.x, NamedRows)  # as all tables give
    return rows.x, rows.y


def _columns(target: str | None, gaps: bool) -> tuple[str, ...]:
    """The columns in which cells may be empty."""
    return (target,) if gaps and target is not None else ()


def read_rows(path: Path, selection: Selection, source: Spec | None = None) -> Rows:
    """The rows of a file: x with the names of its columns, if they have any."""
    reader = source_of(path, source)
    if holds_arrays(reader):
        return _array_rows(path, selection, reader)
    if selection.target is None and not selection.lenient:
        raise DataError(f"'{path}' needs the name of its target column, got none. Give target='NAME'.")
    with _opened(path) as file:
        return table_rows(reader, file, selection)


def table_header(path: Path, source: Spec | None = None) -> list[str]:
    """The names of a table's columns, in order."""
    reader = source_of(path, source)
    with _opened(path) as file:
        return list(reader.names(file) if isinstance(reader, Select) else reader.read(file))


def column_kinds(path: str | Path, source: Spec | None = None) -> dict[str, str]:
    """The columns of a table by name, in order, each with its kind: "float", "int", "bool", "text" or "other"."""
    path = Path(path)
    reader = source_of(path, source)
    if holds_arrays(reader):
        raise DataError(f"'{path}' needs columns with names, got arrays. Give a table: .csv, .parquet.")
    with _opened(path) as file:
        return describe_columns(reader.read(file))


@contextmanager
def naming_file(path: Path, reader: Source, shown: Path | None = None) -> Iterator[None]:
    """Inside the block, a DataError about rows of a file names it, and the line of the row that is to blame.

    `shown`: what the file is called, if not by its path.
    """
    try:
        yield
    except DataError as error:
        line = ""
        if error.row is not None and implements(reader, LineOfRow):
            with _opened(path) as file:
                line = f", line {reader.line_of(file, error.row)}"
        raise error.with_text(f"{shown or path}{line}: {error}") from error


def without_names(x: NamedRows | HostArray) -> HostArray:
    """The rows without the names of their columns."""
    return x.values if isinstance(x, NamedRows) else x


def _array_rows(path: Path, selection: Selection, reader: Source) -> Rows:
    """Rows of arrays x and y, which have no names to choose by; weights are an array of that name."""
    if selection.target is not None and not selection.lenient:
        got = f"got target={selection.target!r}"
        raise DataError(f"'{path}' needs no target column, {got}. Leave it out: y is an array of its own.")
    if selection.columns is not None or selection.exclude or selection.id is not None:
        raise DataError(f"'{path}' needs columns with names to choose from, got arrays x and y. Give a table instead.")
    with _arrays_of(path, reader) as (arrays, numbering):
        beside = isinstance(reader, TargetFile)
        wanted = ("x",) if selection.lenient or beside else ("x", "y")
        array = _array(arrays, *wanted)
        x = array if numbering is None else NamedRows.numbered(array, numbering)
        if selection.lenient:
            return Rows(x)
        partner = reader.target_file(path) if isinstance(reader, TargetFile) else None
        y = _array(arrays, "y") if partner is None else _target_beside(path, reader, partner)
        weight = None if selection.weight is None else _array(arrays, selection.weight)
    for name, values in (("y", y), *(() if weight is None else ((selection.weight, weight),))):
        if array.ndim == 0 or values.ndim == 0 or len(array) != len(values):
            got = f"shapes {array.shape} and {values.shape}"
            raise ShapeError(f"'{path}' needs a row of {name} for each row of x, got {got}. Mend one.")
    return Rows(x, y, weight=weight)


@contextmanager
def _arrays_of(path: Path, reader: Source) -> Iterator[tuple[Mapping[str, HostArray], Numbering | None]]:
    """The arrays of a file, or of the files of a folder, and how columns of x are numbered, if they are."""
    named_as_file = path.name.lower().endswith(tuple(reader.suffixes))
    if implements(reader, ReadFolder) and path.is_dir() and not named_as_file:
        with _naming(path):
            yield reader.read_folder(path), None
        return
    with _opened(path) as file:
        yield _arrays(reader, file)


def _arrays(reader: Source, file: BinaryIO) -> tuple[Mapping[str, HostArray], Numbering | None]:
    """The arrays of a file, and how it numbers the columns of x, if it does."""
    if not implements(reader, Numbered):
        return reader.read(file), None
    arrays, first, is_set = reader.numbered(file)
    return arrays, Numbering(first, is_set)


def _target_beside(path: Path, reader: Source, partner: Path) -> HostArray:
    if not partner.exists():
        raise DataError(f"'{path}' needs its targets in '{partner}', got no such file. Write y there, or use one .npz.")
    with _opened(partner) as file:
        return _array(reader.read(file), "x")


def _array(arrays: Mapping[str, HostArray], *names: str) -> HostArray:
    if not set(names) <= set(arrays):
        wanted = " and ".join(f"'{name}'" for name in sorted(names))
        raise DataError(f"needs arrays named {wanted}, got {list(arrays)}. Use np.savez(path, x=x, y=y).")
    return np.asarray(arrays[names[0]])


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    """The file, unpacked if it is packed; any error inside the block becomes a DataError that names it."""
    with _naming(path), open_regular(path) as raw, io.BufferedReader(raw, 1 << 18) as file:
        yield _unpacked(file) if is_packed(path) else file


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    """A block in which any error becomes a DataError that names the file."""
    try:
        yield
    except DataError as cause:
        raise type(cause)(_placed(path, str(cause))) from cause
    except BpframeError:
        raise
    except FileNotFoundError as cause:
        raise DataError(f"read needs an existing file, got '{path}'. Check its name and the current folder.") from cause
    except UnicodeDecodeError as cause:
        bad = cause.object[cause.start]
        raise DataError(f"'{path}' needs text in UTF-8, got the byte 0x{bad:02x}. Save it as UTF-8.") from cause
    except Exception as cause:  # damaged files make readers raise a dozen unrelated kinds
        remedy = "Save numbers or text: y.astype(str)" if "Object arrays" in str(cause) else "Write it anew"
        raise DataError(f"'{path}' needs to be a readable {path.suffix} file, got: {cause}. {remedy}.") from cause


def _unpacked(file: BinaryIO) -> BinaryIO:
    import gzip  # only here: start-up can do without

    return cast(BinaryIO, gzip.GzipFile(fileobj=file))


def _placed(path: Path, message: str) -> str:
    """A reader's message with the path in front: "'x.csv' needs ...", "'x.csv', line 3, column 'a' needs ..."."""
    return message if f"'{path}'" in message else f"'{path}'{' ' if message.startswith('needs') else ', '}{message}"
