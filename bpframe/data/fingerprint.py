"""The fingerprint of data: what it takes to know the same rows again.

A part is what one set of rows gives: their number, and a digest of x (N, ...), y (N, M) and weights (N,), each as
engines get it: converted, encoded, class weights multiplied in. So equal fingerprints mean equal steps, and how the
same numbers were handed over (a list, another dtype, another file) does not matter.
"""

from __future__ import annotations

import hashlib
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, final

import numpy as np

from bpframe.protocols import Data
from bpframe.types import HostArray

Part = dict[str, Any]  # rows, and the digests of x, y and weights
COLUMNS = ("columns", "kinds")
LONGEST = 80  # characters of the names of columns in a message
SHOWN = 17  # characters of a digest that tell two apart: "sha256:" and ten more


@final
@dataclass(frozen=True)
class Fingerprint:
    """Parts by name ("training", "validation", ...), and names and kinds of the columns where those are known."""

    parts: Mapping[str, Part]
    columns: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()

    @classmethod
    def of(cls, tables: Mapping[str, Any]) -> Fingerprint:
        """The inverse of `tables`; TypeError or ValueError for what is none."""
        columns = {name: tuple(map(str, tables.get(name, ()))) for name in COLUMNS}
        return cls({name: dict(part) for name, part in tables.items() if name not in COLUMNS}, **columns)

    def tables(self) -> dict[str, Any]:
        """The fingerprint as plain tables, for a manifest or a lock."""
        known = {name: list(value) for name in COLUMNS if (value := getattr(self, name))}
        return {**known, **self.parts}

    def differences(self, now: Fingerprint) -> list[str]:
        """What differs, as "x of training: sha256:0f... then, sha256:9c... now"; parts that only one has, too.

        Names of columns are compared where both are known; their kinds only help to explain numbers that differ.
        """
        found = self._numbers_that_differ(now)
        columns = [
            _changed(name, before, after)
            for name in (COLUMNS if found else COLUMNS[:1])
            if (before := getattr(self, name)) and (after := getattr(now, name)) and before != after
        ]
        return columns + found

    def _numbers_that_differ(self, now: Fingerprint) -> list[str]:
        found: list[str] = []
        for name in [*self.parts, *(name for name in now.parts if name not in self.parts)]:
            before, after = self.parts.get(name), now.parts.get(name)
            if before is None or after is None:
                found.append(f"{name} data: {_presence(before)} then, {_presence(after)} now")
            else:
                found += _part_differences(name, before, after)
        return found

    def with_part(self, name: str, data: Data | None) -> Fingerprint:
        """The same with one more part; without it where that is None."""
        return self if data is None else replace(self, parts={**self.parts, name: _part(data)})

    def __str__(self) -> str:
        """A digest of the whole."""
        digest = hashlib.sha256(repr(sorted(self.tables().items())).encode())
        return f"sha256:{digest.hexdigest()}"


def fingerprint(
    parts: Mapping[str, Data | None], columns: Sequence[str] = (), kinds: Sequence[str] = ()
) -> Fingerprint:
    """The fingerprint of checked and encoded data; parts that are None are left out. About 0.5 ms a MB."""
    return Fingerprint(
        {name: _part(data) for name, data in parts.items() if data is not None}, tuple(columns), tuple(kinds)
    )


@final
@dataclass
class LazyFingerprint:
    """The fingerprint of data, taken when it is first asked for: where nothing is written it costs nothing.

    `given`: the parts, which are let go of once the fingerprint is taken.
    """

    given: Mapping[str, Data | None] = field(default_factory=dict, repr=False)
    columns: Sequence[str] = ()
    kinds: Sequence[str] = ()
    taken: Fingerprint | None = None

    @property
    def value(self) -> Fingerprint:
        """The fingerprint."""
        if self.taken is None:
            self.taken, self.given = fingerprint(self.given, self.columns, self.kinds), {}
        return self.taken


def _part(data: Data) -> Part:
    arrays = {"x": data.x, "y": data.target, "weights": data.weight}
    return {"rows": len(data.x), **{name: _digest(array) for name, array in arrays.items() if array is not None}}


def _digest(array: HostArray) -> str:
    """sha256, the fastest of hashlib's on processors that have instructions for it, of dtype, shape and numbers."""
    digest = hashlib.sha256(f"{array.dtype.str} {array.shape}".encode())
    digest.update(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)
    return f"sha256:{digest.hexdigest()}"


def _part_differences(name: str, before: Part, after: Part) -> Iterator[str]:
    if before.get("rows") != after.get("rows"):  # then every digest differs, too
        yield _changed(f"rows of {name}", before.get("rows"), after.get("rows"))
        return
    for key in [*before, *(key for key in after if key not in before)]:
        if before.get(key) != after.get(key):
            yield _changed(f"{key} of {name}", before.get(key), after.get(key))


def _changed(name: str, before: object, after: object) -> str:
    return f"{name}: {_short(before)} then, {_short(after)} now"


def _presence(part: Part | None) -> str:
    return "none" if part is None else f"{part.get('rows')} rows"


def _short(value: object) -> str:
    if isinstance(value, tuple):
        return f"[{textwrap.shorten(', '.join(value), LONGEST, placeholder=' ...')}]"
    return "none" if value is None else str(value)[:SHOWN]
