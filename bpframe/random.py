"""Counter-based random numbers from named keys: the same key gives the same bits in every engine, on every machine.

As in JAX a key is a value without state, and `child` derives keys from it. Draws inside a step (dropout, noise) hash a
counter with the key, in 32-bit integer operations that every array library has. Draws on the host (initial weights, the
order of an epoch) come from NumPy's PCG64 seeded by (seed, stream, number). Not for cryptography.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache, partial
from itertools import accumulate, pairwise
from typing import Any, final

import numpy as np

from bpframe.errors import ShapeError
from bpframe.ops.host import HOST_TYPES, placement
from bpframe.types import Array, HostArray

# Streams of a seed: draws from one never shift those from another.
INITIAL, SPLIT, ORDER, STEP, DATA, STATISTICS = range(6)
MASK = 0xFFFFFFFF
Word = Any  # 32 bits: a Python int on the host, a uint32 array inside a compiled step


@contextmanager
def global_generator_kept() -> Iterator[None]:
    """A block that leaves NumPy's global generator as it was, such as an import of jax, which draws from it."""
    state = np.random.get_state()
    try:
        yield
    finally:
        np.random.set_state(state)


def host_generator(seed: int, stream: int, number: int = 0) -> np.random.Generator:
    """NumPy's generator for draws on the host, seeded by (seed, stream, number)."""
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed, spawn_key=(stream, number))))


def permutation(generator: np.random.Generator, n: int) -> HostArray:
    """A random permutation of 0 .. n - 1, from raw bits: NumPy keeps their stream, but may change its `permutation`.

    Each number is put in the low bits of a draw, and the draws are sorted: several times as fast as an argsort.
    """
    draws, low = generator.bit_generator.random_raw(n), np.uint64((1 << n.bit_length()) - 1)
    draws &= ~low
    draws |= np.arange(n, dtype=np.uint64)
    draws.sort()
    draws &= low
    return draws.view(np.int64)


def epoch_key(seed: int, epoch: int) -> HashKey:
    """The key from which the keys of an epoch's steps are derived."""
    a, b = np.random.SeedSequence(seed, spawn_key=(STEP, epoch)).generate_state(2, np.uint32)
    return HashKey(int(a), int(b))


@final
class StepKey:
    """The key of the step at `place`, (epoch, number in it); derived at the first draw, since few layers draw."""

    def __init__(self, seed: int) -> None:
        self.place = 0, 0
        self._epoch = lru_cache(maxsize=1)(partial(epoch_key, seed))

    def child(self, name: str | int) -> HashKey:
        """As `HashKey.child`."""
        return self._key.child(name)

    def uniform(self, like: Array) -> Array:
        """As `HashKey.uniform`."""
        return self._key.uniform(like)

    def normal(self, like: Array) -> Array:
        """As `HashKey.normal`."""
        return self._key.normal(like)

    @property
    def _key(self) -> HashKey:
        epoch, number = self.place
        return self._epoch(epoch).child(number)


def scramble(x: Word) -> Word:
    """An invertible hash of 32-bit words. Source: C. Wellons (2018), hash-prospector, `lowbias32`."""
    x = x ^ (x >> 16)
    x = _times(x, 0x7FEB352D)
    x = x ^ (x >> 15)
    x = _times(x, 0x846CA68B)
    return x ^ (x >> 16)


def _times(x: Word, factor: int) -> Word:
    if isinstance(x, int):
        return (x * factor) & MASK
    if type(x) in HOST_TYPES or isinstance(x, np.generic):  # 32 bits wrap by themselves
        return x * np.uint32(factor)
    xp = x.__array_namespace__()
    return x * xp.asarray(factor, dtype=xp.uint32, **placement(x))


def _as_one_type(a: Word, b: Word) -> tuple[Word, Word]:
    """Both words as Python ints, or both as uint32 arrays or scalars."""
    if isinstance(a, int) and isinstance(b, int):
        return a, b
    return tuple(np.uint32(word) if isinstance(word, int) else word.astype(np.uint32) for word in (a, b))  # type: ignore[return-value]  # two of them


@final
@dataclass(frozen=True)
class HashKey:
    """A key of two 32-bit words: `child` hashes a name into both, a draw hashes a counter with each in turn."""

    a: Word
    b: Word

    def child(self, name: str | int) -> HashKey:
        """The key derived for a name (text, or a number below 2^32)."""
        word = zlib.crc32(name.encode()) if isinstance(name, str) else name
        a, b = _as_one_type(self.a, word), _as_one_type(self.b, word)
        total = b[0] + b[1]
        return HashKey(scramble(a[0] ^ a[1]), scramble(total & MASK if isinstance(total, int) else total))

    def uniform(self, like: Array, first: int = 0) -> Array:
        """Uniform on [0, 1), shape and dtype of `like`: 24 random bits in float32, 53 in float64.

        From draw number `first` on of those that the key has.
        """
        xp = like.__array_namespace__()
        if like.dtype == xp.float32:
            return xp.reshape(xp.astype(self._bits(xp, like, 0, first) >> 8, like.dtype) * 2.0**-24, like.shape)
        high = xp.astype(self._bits(xp, like, 0, first) >> 5, like.dtype)
        low = xp.astype(self._bits(xp, like, 1, first) >> 6, like.dtype)
        return xp.reshape((high * 2.0**26 + low) * 2.0**-53, like.shape)

    def normal(self, like: Array) -> Array:
        """Standard normal, shape and dtype of `like`. Source: Box and Muller (1958)."""
        return _normal(self, like)

    def _bits(self, xp: Any, like: Array, draw: int, first: int) -> Any:
        place, key = placement(like), self.child(draw)
        counter = xp.arange(first, first + like.size, dtype=xp.uint32, **place)
        word, other = (xp.asarray(half, dtype=xp.uint32, **place) for half in (key.a, key.b))
        return scramble(scramble(counter ^ word) ^ other)


@final
@dataclass(frozen=True)
class PieceKey:
    """The key of a piece of parameters: an element draws as in its parameter alone, however parameters are cut.

    `runs`: of each stretch of the piece the key of the parameter, the number of its first element there, how many.
    """

    runs: tuple[tuple[HashKey, int, int], ...]

    def child(self, name: str | int) -> PieceKey:
        """As `HashKey.child`, of every parameter."""
        return PieceKey(tuple((key.child(name), first, count) for key, first, count in self.runs))

    def uniform(self, like: Array) -> Array:
        """As `HashKey.uniform`, for an array of as many elements as the piece has."""
        xp, ends = like.__array_namespace__(), [0, *accumulate(count for *_, count in self.runs)]
        if like.size != ends[-1]:
            raise ShapeError(f"h.key draws a number for each of the {ends[-1]} elements of p, got {like.size} to draw.")
        flat = xp.reshape(like, (like.size,))
        cuts = zip(self.runs, pairwise(ends), strict=True)
        parts = [key.uniform(flat[start:stop], first) for (key, first, _), (start, stop) in cuts]
        return xp.reshape(parts[0] if len(parts) == 1 else xp.concat(parts), like.shape)

    def normal(self, like: Array) -> Array:
        """As `HashKey.normal`."""
        return _normal(self, like)


def _normal(key: HashKey | PieceKey, like: Array) -> Array:
    xp = like.__array_namespace__()
    radius = xp.sqrt(-2 * xp.log1p(-key.child("radius").uniform(like)))
    return radius * xp.cos(2 * math.pi * key.child("angle").uniform(like))
