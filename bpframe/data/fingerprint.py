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

from bpframe.data.columns import NamedRows
from bpframe.data.digest import array_digest
from bpframe.protocols import Data

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

    def with_part(self, name: str, data: Data | None, rows: object = None) -> Fingerprint:
        """The same with one more part; without it where that is None. `rows` are those that it was made of."""
        return self if data is None else replace(self, parts={**self.parts, name: _part(data, rows)})

    def __str__(self) -> str:
        """A digest of the whole."""
        digest = hashlib.sha256(repr(sorted(self.tables().items())).encode())
        return f"sha256:{digest.hexdigest()}"


def fingerprint(
    parts: Mapping[str, Data | None],
    columns: Sequence[str] = (),
    kinds: Sequence[str] = (),
    rows: Mapping[str, object] | None = None,
) -> Fingerprint:
    """The fingerprint of checked and encoded data; parts that are None are left out.

    `rows`: x as it was given, by part. Of rows of a file the digest may be known since that was read; else it takes
    about 0.5 ms a MB.
    """
    given = rows or {}
    found = {name: _part(data, given.get(name)) for name, data in parts.items() if data is not None}
    return Fingerprint(found, tuple(columns), tuple(kinds))


@final
@dataclass
class LazyFingerprint:
    """The fingerprint of data, taken when it is first asked for: where nothing is written it costs nothing.

    `given`: the parts, and `rows`: x as it was given, by part; let go of once the fingerprint is taken.
    """

    given: Mapping[str, Data | None] = field(default_factory=dict, repr=False)
    columns: Sequence[str] = ()
    kinds: Sequence[str] = ()
    taken: Fingerprint | None = None
    rows: Mapping[str, object] = field(default_factory=dict, repr=False)

    @property
    def value(self) -> Fingerprint:
        """The fingerprint."""
        if self.taken is None:
            self.taken = fingerprint(self.given, self.columns, self.kinds, self.rows)
            self.given, self.rows = {}, {}
        return self.taken


def _part(data: Data, rows: object) -> Part:
    ready = rows.ready if isinstance(rows, NamedRows) else None
    x = (ready and ready.digest_of(data.x)) or array_digest(data.x)
    others = {"y": data.target, "weights": data.weight}
    digests = {name: array_digest(array) for name, array in others.items() if array is not None}
    return {"rows": len(data.x), "x": x, **digests}


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
