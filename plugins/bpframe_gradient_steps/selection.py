"""Selection of the parameters that a gradient step acts on, by role and by name."""

from __future__ import annotations

from fnmatch import fnmatchcase

from bpframe.plugin import ConfigError, Param


def selected(param: Param, roles: tuple[str, ...], match: tuple[str, ...]) -> bool:
    """Whether its role is one of `roles` and its name ("dense_1/weight") fits one of the patterns; () means any."""
    in_role = not roles or param.role in roles
    return in_role and (not match or any(fnmatchcase(param.name, pattern) for pattern in match))


def check(owner: str, **lists: tuple[str, ...]) -> None:
    """ConfigError for a text where a list of texts is wanted: its letters would be taken one by one."""
    for name, value in lists.items():
        if isinstance(value, str):
            raise ConfigError(f"{owner} needs a list of texts as {name}, got {value!r}. Write [{value!r}].")
