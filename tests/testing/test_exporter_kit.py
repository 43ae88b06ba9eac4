"""The kit finds what is wrong with exporters, and nothing in a sound one."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

import pytest

import bpframe as bp
from bpframe.errors import CheckFailed
from bpframe.registry import registry
from bpframe.testing.report import run_checks
from bpframe.testing.suite import all_checks


class Sound:
    """The names and bytes of all parameters."""

    suffixes: Any = (".sound",)

    def content(self, trainer: bp.Trainer, metadata: Mapping[str, str]) -> Any:
        return b"".join(name.encode() + value.tobytes() for name, value in trainer.parameters.items())


class Dotless(Sound):
    """Suffixes without a dot."""

    suffixes = ("sound",)


class Text(Sound):
    """A text, not bytes."""

    def content(self, trainer: bp.Trainer, metadata: Mapping[str, str]) -> Any:
        return "text"


class Counting(Sound):
    """Other bytes at each call."""

    calls = itertools.count()

    def content(self, trainer: bp.Trainer, metadata: Mapping[str, str]) -> Any:
        return super().content(trainer, metadata) + bytes(next(self.calls))


class Blind(Sound):
    """The same bytes for every model."""

    def content(self, trainer: bp.Trainer, metadata: Mapping[str, str]) -> Any:
        return b"model"


class Changing(Sound):
    """Leaves the model with other parameters."""

    def content(self, trainer: bp.Trainer, metadata: Mapping[str, str]) -> Any:
        before = super().content(trainer, metadata)
        trainer.parameters.replace({name: value + 1 for name, value in trainer.parameters.items()})
        return before


def failures(exporter: object) -> set[str]:
    return set(run_checks("exporter", all_checks("exporter", exporter), collect=True).failed) - {"docstring"}


def test_a_sound_exporter_passes() -> None:
    assert failures(Sound()) == set()


@pytest.mark.parametrize(
    ("exporter", "check"),
    [
        (Dotless(), "suffixes"),
        (Text(), "bytes"),
        (Counting(), "same bytes"),
        (Blind(), "same bytes"),
        (Changing(), "model"),
    ],
)
def test_each_fault_of_an_exporter_is_found(exporter: object, check: str) -> None:
    assert check in failures(exporter)


@pytest.mark.parametrize("name", registry.names("exporter"))
def test_every_installed_exporter_passes(name: str) -> None:
    report = bp.testing.check("exporter", name)
    assert {"bytes", "same bytes", "model"} <= set(report.passed)


def test_an_exporter_that_fails_says_so() -> None:
    with pytest.raises(CheckFailed, match="other bytes"):
        run_checks("exporter", all_checks("exporter", Blind()))
