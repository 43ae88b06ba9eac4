"""Plugin policy: which distributions may supply components, decided before anything of them is imported."""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import final

from bpframe.errors import ConfigError

VARIABLE = "BPFRAME_PLUGINS"
_ENCODED = os.fsencode(VARIABLE)
CORE = "bpframe"
LOCAL = "local"  # components registered by the program itself


def normalise(dist: str) -> str:
    """The canonical name of a distribution (PEP 503): lower case, runs of -_. as one hyphen."""
    return re.sub(r"[-_.]+", "-", dist).lower()


@dataclass(frozen=True)
class Policy:
    """`allow` None: every distribution; otherwise only these. `deny` wins. `origin` is named in errors.

    Distributions may be written in any case, with - or _. bpframe's own components and those registered by the
    program itself are always allowed.
    """

    allow: frozenset[str] | None = None
    deny: frozenset[str] = frozenset()
    origin: str = "the program"

    def __post_init__(self) -> None:
        for name, dists in (("allow", self.allow), ("deny", self.deny)):
            if dists is not None:
                object.__setattr__(self, name, frozenset(map(normalise, dists)))

    def unknown(self, dists: Collection[str]) -> Iterator[str]:
        """A sentence for each name in it that is none of these distributions, which may be misspelt."""
        import difflib  # by those whose policy names distributions

        for verb, named in (("denies", self.deny), ("allows", self.allow or ())):
            for name in sorted(set(named) - set(dists) - {CORE, LOCAL}):
                close = difflib.get_close_matches(name, sorted(dists), n=1)
                hint = f" Did you mean {close[0]}?" if close else ""
                yield f"{self.origin} {verb} {name}, but no distribution of that name offers components.{hint}"

    def verdict(self, dist: str) -> str | None:
        """None if the distribution is allowed, otherwise the reason why not."""
        if dist in (CORE, LOCAL):
            return None
        if dist in self.deny:
            return f"{self.origin} denies {dist}"
        if self.allow is not None and dist not in self.allow:
            return f"{self.origin} allows {', '.join(sorted(self.allow)) or 'no third-party plugins'}"
        return None

    def verdict_of_files(self) -> str | None:
        """None if components may come from plugin files; `local` in a list of names means these."""
        if LOCAL in self.deny:
            return f"{self.origin} denies {LOCAL}"
        if self.allow is not None and LOCAL not in self.allow:
            return f"{self.origin} allows {', '.join(sorted(self.allow)) or 'no third-party plugins'}"
        return None


@lru_cache(maxsize=16)  # the environment's is asked for at every look-up
def parse(text: str, origin: str) -> Policy:
    """A policy from one line: "all", "off", or names separated by commas, in any case; "-name" denies.

    "a,b" allows these two only, "-c" everything but c; an empty line means "all", as if there were none.
    """
    words = [word.strip().lower() for word in text.split(",") if word.strip()]
    if words in ([], ["all"]):
        return Policy(origin=origin)
    if words == ["off"]:
        return Policy(allow=frozenset(), origin=origin)
    if bad := [word for word in words if not re.fullmatch(r"-?(?!(all|off)$)[a-z0-9][\w.-]*", word)]:
        raise ConfigError(f"{origin} needs all, off, or distributions separated by commas, got {bad[0]!r} in {text!r}.")
    allowed = frozenset(word for word in words if not word.startswith("-"))
    denied = frozenset(word[1:] for word in words if word.startswith("-"))
    return Policy(allowed or None, denied, origin)


@final
class PolicyStack:
    """The policies in force, the environment's and those of the program: the strictest wins."""

    def __init__(self) -> None:
        self._own: list[Policy] = []
        self._reviewed: set[Policy] = set()  # those whose misspelt names were warned of

    def in_force(self) -> tuple[Policy, ...]:
        """All of them."""
        return from_environment(), *self._own

    @property
    def core_only(self) -> bool:
        """Whether they leave bpframe's own components alone."""
        return any(each.allow is not None and not each.allow for each in self.in_force())

    def verdict(self, dist: str) -> str | None:
        """None if all allow the distribution, otherwise why not."""
        return next((verdict for each in self.in_force() if (verdict := each.verdict(dist))), None)

    def verdict_of_files(self) -> str | None:
        """None if all allow plugin files, otherwise why not."""
        return next((verdict for each in self.in_force() if (verdict := each.verdict_of_files())), None)

    def warn_of_unknown(self, dists: Callable[[], Collection[str]]) -> None:
        """UserWarning, once, for a name that the environment denies and no distribution has: it denies nothing.

        A config may name what another machine has.
        """
        given = from_environment()
        if given.deny and given not in self._reviewed:
            self._reviewed.add(given)
            for sentence in Policy(None, given.deny, given.origin).unknown(dists()):
                warnings.warn(sentence, stacklevel=2)

    @contextmanager
    def restricted(self, restriction: Policy) -> Iterator[None]:
        """Obey one more policy inside the block."""
        self._own.append(restriction)
        try:
            yield
        finally:
            self._own.remove(restriction)


def from_environment() -> Policy:
    """The policy of the variable BPFRAME_PLUGINS."""
    if not os.supports_bytes_environ:
        return parse(os.environ.get(VARIABLE, "all"), VARIABLE)
    return _parse_bytes(os.environb.get(_ENCODED, b"all"))  # half the time of os.environ, which decodes


@lru_cache(maxsize=16)
def _parse_bytes(text: bytes) -> Policy:
    return parse(os.fsdecode(text), VARIABLE)
