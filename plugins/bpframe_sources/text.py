"""Text in windows of characters or bytes, each with what follows it.

Shapes: N windows of T signs, x and y (N, T) numbers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import BinaryIO, ClassVar, Literal, final

import numpy as np

from bpframe.plugin import ConfigError, DataError, HostArray, checks

PLAIN = "\n\t" + "".join(map(chr, range(0x20, 0x7F)))


@final
@dataclass(frozen=True)
class Text:
    """x[i, t] = the number of sign i stride + t of the file, y[i, t] = that of the next one.

    Signs are "characters" of UTF-8, numbered from 1 as they stand in `alphabet`, 0 for all others; by default newline,
    tab and the 95 printable ones of ASCII, so 98 numbers for every file. Or they are "bytes", 0 to 255. Windows of
    `length` signs begin `stride` signs apart, by default as far as they are long; the last whole one is the end. Line
    ends become a newline. An `embedding` of so many numbers reads x; y are class numbers of each position. Files of
    another suffix are read where the source is named: { name = "text", path = "page.txt" }.
    """

    length: int = 64
    stride: int | None = None
    signs: Literal["characters", "bytes"] = "characters"
    alphabet: str | None = None
    suffixes: ClassVar[tuple[str, ...]] = (".text",)
    arrays: ClassVar[bool] = True

    def __post_init__(self) -> None:
        checks.whole("text", 1, length=self.length)
        if self.stride is not None:
            checks.whole("text", 1, stride=self.stride)
        if self.alphabet is not None and self.signs == "bytes":
            raise ConfigError("text needs an alphabet for characters alone, got one for bytes. Leave it out.")
        if self.alphabet is not None and len(set(self.alphabet)) != len(self.alphabet):
            raise ConfigError("text needs an alphabet of different characters. Leave out those that come again.")

    @classmethod
    def example_configs(cls) -> list[dict[str, object]]:
        """Windows beside each other; such that overlap, of bytes; another alphabet."""
        return [{"length": 3}, {"length": 4, "stride": 1, "signs": "bytes"}, {"length": 2, "alphabet": "ab\n"}]

    def read(self, file: BinaryIO) -> Mapping[str, HostArray]:
        """{"x", "y"}, as uint8 where the alphabet is small."""
        numbers, step = self._numbers(file.read()), self.stride or self.length
        if len(numbers) <= self.length:
            raise DataError(
                f"needs more signs than a window of length {self.length}, got {len(numbers)}. Take a shorter length."
            )
        windows = np.lib.stride_tricks.sliding_window_view(numbers, self.length + 1)[::step]
        return {"x": windows[:, :-1].copy(), "y": windows[:, 1:].copy()}

    def _numbers(self, content: bytes) -> HostArray:
        """The number of each sign of a file."""
        if self.signs == "bytes":
            return np.frombuffer(content, np.uint8)
        text = content.decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
        codes = np.frombuffer(text.encode("utf-32-le"), np.uint32)
        alphabet = PLAIN if self.alphabet is None else self.alphabet
        known = np.array([ord(sign) for sign in alphabet], np.uint32)
        order = np.argsort(known)
        at = np.minimum(np.searchsorted(known, codes, sorter=order), max(0, len(known) - 1))
        numbers = np.where(known[order][at] == codes, order[at] + 1, 0) if len(known) else np.zeros(len(codes))
        return numbers.astype(np.uint8 if len(known) < 256 else np.int32)

    def example(self) -> tuple[bytes, Mapping[str, HostArray]]:
        """A small file, and its windows, sign by sign."""
        text, alphabet = "abba\n\u00e9!", "\n\t " if self.alphabet is None else self.alphabet
        if self.signs == "bytes":
            numbers = list(text.encode())
        elif self.alphabet is None:
            numbers = [1 if sign == "\n" else 0 if ord(sign) > 126 else ord(sign) - 29 for sign in text]
        else:
            numbers = [alphabet.find(sign) + 1 for sign in text]
        starts = range(0, len(numbers) - self.length, self.stride or self.length)
        x, y = ([numbers[i + k : i + k + self.length] for i in starts] for k in (0, 1))
        return text.encode(), {"x": np.array(x), "y": np.array(y)}
