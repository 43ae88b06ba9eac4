"""A file that other versions of its plugins wrote is read with a warning that names them, and both versions."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import bpframe as bp
from bpframe.registry import registry
from bpframe.registry.catalog import Catalog
from bpframe.registry.metadata_scan import core, third_parties
from bpframe.registry.provider import Provider

X = np.linspace(-1, 1, 12).reshape(6, 2)
Y = X.sum(axis=1)


@dataclass(frozen=True)
class Quartic:
    """loss = sum_c (z_c - y_c)^4, slope 4 (z - y)^3."""

    link = "identity"

    def value_and_delta(self, scores: Any, target: Any) -> Any:
        """(loss (B,), slope (B, C))."""
        return ((scores - target) ** 4).sum(axis=1), 4 * (scores - target) ** 3


@dataclass(frozen=True)
class Plain:
    """The engine numpy under another name."""

    def session(self, *parts: Any) -> Any:
        """A session of the engine numpy."""
        return bp.engines.numpy().session(*parts)


@dataclass(frozen=True)
class Quiet:
    """A callback that does nothing."""

    @bp.hookimpl
    def bpframe_fit_end(self, state: Any) -> None:
        """Nothing."""


OFFERS = {"acme-loss": ("loss", Quartic), "acme-engine": ("engine", Plain), "acme-callback": ("callback", Quiet)}


def install(monkeypatch: pytest.MonkeyPatch, **versions: str) -> None:
    """Distributions acme-loss, acme-engine and acme-callback in these versions, 1.0 if not given."""
    offered = [
        Provider(
            kind, "it", dist, versions.get(kind, "1.0"), f"{cls.__module__}:{cls.__name__}", load=lambda cls=cls: cls
        )
        for dist, (kind, cls) in OFFERS.items()
    ]
    monkeypatch.setattr(registry, "_catalog", Catalog(core, third_parties, lambda: offered))


def write(folder: Path) -> tuple[Path, Path]:
    """A model file and a checkpoint."""
    parts = {"engine": "acme-engine/it", "callbacks": ["acme-callback/it"]}
    trainer = bp.Trainer(bp.Network([bp.layers.dense(1)], inputs=2), "acme-loss/it", **parts)
    trainer.fit(X, Y, epochs=1)
    trainer.save(folder / "model")
    trainer.checkpoint(folder / "checkpoint")
    return folder / "model", folder / "checkpoint"


@pytest.mark.parametrize("kind", ["loss", "engine", "callback"])
def test_going_on_with_another_version_of_a_plugin_is_warned_of(tmp_path, monkeypatch, kind):
    install(monkeypatch)
    _, path = write(tmp_path)
    fresh = bp.Trainer.resume(path, plugins=list(OFFERS))
    install(monkeypatch, **{kind: "2.0"})
    words = f"checkpoint was written under other conditions: acme-{kind} 1.0 then, 2.0 now"
    with pytest.warns(UserWarning, match=words) as caught:
        bp.Trainer.resume(path, plugins=list(OFFERS))
    with pytest.warns(UserWarning, match=words) as again:
        fresh.restore(path)
    assert [len(caught), len(again)] == [1, 1]
    assert {caught[0].filename, again[0].filename} == {__file__}


def test_loading_a_model_with_another_version_of_a_plugin_is_warned_of(tmp_path, monkeypatch):
    install(monkeypatch)
    path, _ = write(tmp_path)
    install(monkeypatch, loss="2.0")
    with pytest.warns(UserWarning, match="may predict otherwise than it did: acme-loss 1.0 then, 2.0 now") as caught:
        bp.Trainer.load(path, plugins=["acme-loss"])
    assert [warning.filename for warning in caught] == [__file__]


def test_the_same_versions_and_those_of_bpframe_are_not_warned_of(tmp_path, monkeypatch):
    install(monkeypatch)
    model, checkpoint = write(tmp_path)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        bp.Trainer.load(model, plugins=["acme-loss"])
        bp.Trainer.resume(checkpoint, plugins=list(OFFERS))
