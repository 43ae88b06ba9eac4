"""Plugin policy: which distributions may supply components, decided before anything of them is imported."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass

from bpframe.errors import ConfigError

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

    def verdict(self, dist: str) -> str | None:
        """None if the distribution is allowed, otherwise the reason why not."""
        if dist in (CORE, LOCAL):
            return None
        if dist in self.deny:
            return f"{self.origin} denies {dist}"
        if self.allow is not None and dist not in self.allow:
            return f"{self.origin} allows {', '.join(sorted(self.allow)) or 'no third-party plugins'}"
        return None


def parse(text: str, origin: str) -> Policy:
    """A policy from one line: "all", "off", or names separated by commas; "-name" denies.

    "a,b" allows these two only, "-c" everything but c.
    """
    words = [word.strip() for word in text.split(",") if word.strip()]
    if words in ([], ["all"]):
        return Policy(origin=origin)
    if words == ["off"]:
        return Policy(allow=frozenset(), origin=origin)
    if bad := [word for word in words if word in ("all", "off") or not re.fullmatch(r"-?[A-Za-z0-9][\w.-]*", word)]:
        raise ConfigError(f"{origin} needs all, off, or distributions separated by commas, got {bad[0]!r} in {text!r}.")
    allowed = frozenset(word for word in words if not word.startswith("-"))
    denied = frozenset(word[1:] for word in words if word.startswith("-"))
    return Policy(allowed or None, denied, origin)


def from_environment() -> Policy:
    """The policy of the variable BPFRAME_PLUGINS."""
    return parse(os.environ.get("BPFRAME_PLUGINS", "all"), "BPFRAME_PLUGINS")
