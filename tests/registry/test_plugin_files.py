"""Plugin files: read without running, offered as local components, and held to what was read."""

from __future__ import annotations

import ast
import base64
import hashlib
import os
from pathlib import Path

import numpy as np
import pytest

import bpframe as bp
from bpframe.errors import BlockedComponent, BrokenComponent, ConfigError
from bpframe.registry import KINDS, Policy, registry
from bpframe.registry.class_kinds import class_offers, component_name
from bpframe.registry.lookup import Registry
from bpframe.registry.plugin_files import _FINDER, declare, read_plugin_file
from bpframe.registry.source_code import find_definition

CAUCHY = """\
class Cauchy:
    link = "identity"
    def __init__(self, scale: float = 1.0):
        self.scale = scale
    def value_and_delta(self, scores, target):
        r = scores - target
        return (r * r).sum(-1), 2 * r
"""


@pytest.fixture(autouse=True)
def no_files_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a test declares is forgotten, by the process's own registry too."""
    monkeypatch.setattr(_FINDER, "files", {})
    monkeypatch.setattr(registry, "_local", dict(registry._local))


@pytest.fixture
def own(monkeypatch: pytest.MonkeyPatch) -> Registry:
    """A registry of the test, and no files of others."""
    monkeypatch.delenv("BPFRAME_PLUGINS", raising=False)
    return Registry()


def written(folder: Path, text: str, name: str = "my.py") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def test_the_file_runs_when_one_of_its_components_is_loaded_and_not_before(own: Registry, tmp_path: Path) -> None:
    marker = tmp_path / "ran"
    declare(own, written(tmp_path, f"open({str(marker)!r}, 'w').close()\n{CAUCHY}"))
    provider = own.find("loss", "cauchy")
    assert (provider.ref, provider.dist) == ("local/cauchy", "local")
    assert not marker.exists()
    assert own.load("loss", "local/cauchy").__name__ == "Cauchy"
    assert marker.exists()


def test_the_version_is_the_digest_of_the_file_and_names_no_path(own: Registry, tmp_path: Path) -> None:
    path = written(tmp_path, CAUCHY)
    (provider,) = declare(own, path)
    expected = base64.urlsafe_b64encode(hashlib.sha256(path.read_bytes()).digest()).decode().rstrip("=")
    assert provider.version == f"sha256={expected}"
    assert str(tmp_path) not in str(provider)


def test_what_runs_is_what_was_read(own: Registry, tmp_path: Path) -> None:
    path = written(tmp_path, CAUCHY + "WHICH = 'first'\n", "held.py")
    declare(own, path)
    path.write_text(CAUCHY + "WHICH = 'second'\n")
    assert own.load("loss", "cauchy").value_and_delta.__globals__["WHICH"] == "first"
    declare(own, path)
    assert own.load("loss", "cauchy").value_and_delta.__globals__["WHICH"] == "second"


@pytest.mark.parametrize("kind", sorted(set(KINDS) - {"callback"}))
def test_every_bundled_class_is_read_as_a_component_of_its_kind(kind: str) -> None:
    for provider in (each for each in registry.providers(kind) if each.dist == "bpframe"):
        definition = find_definition(provider.target)
        assert definition
        assert definition.node
        found = {offer.cls: offer.kind for offer in class_offers(definition.file, definition.tree)}
        expected = {"activation", "layer"} if kind == "activation" else {kind}
        assert found.get(definition.node.name) in expected, provider


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("class A:\n def value(self, step): ...", [("schedule", "a", "A")]),
        ("class A:\n def value(self, prediction, target, weight): ...", [("metric", "a", "A")]),
        ("class A:\n def value(self, x, y): ...", []),
        ("class A:\n def value(self, u): ...\n def derivative(self, v): ...", [("activation", "a", "A")]),
        ("class _A:\n def value(self, step): ...", []),
        ("class _A:\n def value(self, step): ...\nclass B(_A): ...", [("schedule", "b", "B")]),
        ("class Log:\n def bpframe_epoch_end(self, state): ...", [("callback", "log", "Log")]),
        ("class A:\n def read(self, file): ...", [("source", "a", "A")]),
        ("class A:\n def init(self, p): ...\n def transform(self, p, g, s, h): ...", [("gradient_step", "a", "A")]),
        ("class A(A):\n def value(self, step): ...", [("schedule", "a", "A")]),
        ("from bpframe_optimizers.adam import Adam\nclass B(Adam): ...", [("optimizer", "b", "B")]),
        ("from nothing_at_all import Adam\nclass B(Adam): ...", []),
        ("x = 1", []),
    ],
)
def test_the_kind_of_a_class_is_that_of_its_methods(text: str, expected: list[tuple[str, str, str]]) -> None:
    assert [tuple(offer) for offer in class_offers(Path("my.py"), ast.parse(text))] == expected


@pytest.mark.parametrize(
    ("cls", "name"),
    [("Cauchy", "cauchy"), ("PseudoHuber", "pseudo_huber"), ("GELU", "gelu"), ("MSELoss", "mse_loss"), ("L1", "l1")],
)
def test_the_name_is_what_the_class_is_called_in_small_letters(cls: str, name: str) -> None:
    assert component_name(cls) == name


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("def f(:", r"my\.py:1: this plugin file is no Python: invalid syntax"),
        ("x = 1", "holds no component: it needs a class with the methods of a kind"),
        (CAUCHY + CAUCHY.replace("Cauchy", "CAUCHY"), "two classes that are called loss 'cauchy'"),
        (CAUCHY.replace("Cauchy", "Huber"), "needs another name for its class Huber: the loss 'huber' is bpframe's"),
        ("\x00", "is no Python"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_in_words(own: Registry, tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        declare(own, written(tmp_path, text))


def test_a_pipe_a_folder_and_a_missing_file_are_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.py")
    (tmp_path / "folder.py").mkdir()
    for name, message in [("pipe.py", "got a pipe"), ("folder.py", "got a folder"), ("none.py", "No such file")]:
        with pytest.raises(ConfigError, match=message):
            read_plugin_file(tmp_path / name)
    with pytest.raises(ConfigError, match=r"a name that ends in \.py, got '.*my\.so'"):
        read_plugin_file(tmp_path / "my.so")


def test_two_files_that_would_be_one_module_or_give_one_name_are_refused(own: Registry, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    declare(own, written(tmp_path, CAUCHY))
    with pytest.raises(ConfigError, match="have the same name"):
        declare(own, written(tmp_path / "other", CAUCHY))
    with pytest.raises(ConfigError, match="the name of its loss 'cauchy' is given to bpframe_local_my:Cauchy already"):
        declare(own, written(tmp_path, CAUCHY, "second.py"))


@pytest.mark.parametrize(
    ("policy", "verdict"),
    [
        (Policy(frozenset()), "allows no third-party plugins"),
        (Policy(frozenset({"bpframe-focal"})), "allows bpframe-focal"),
        (Policy(None, frozenset({"local"})), "denies local"),
        (Policy(frozenset({"local"})), None),
        (Policy(None, frozenset({"bpframe-focal"})), None),
    ],
)
def test_a_policy_holds_for_files_too(own: Registry, tmp_path: Path, policy: Policy, verdict: str | None) -> None:
    path = written(tmp_path, CAUCHY)
    with own.restricted(policy):
        if verdict is None:
            declare(own, path)
        else:
            with pytest.raises(BlockedComponent, match=verdict):
                declare(own, path)
    assert (verdict is None) == any(p.dist == "local" for p in own.providers("loss"))


def test_a_file_that_fails_when_it_runs_is_a_broken_component(own: Registry, tmp_path: Path) -> None:
    declare(own, written(tmp_path, f"{CAUCHY}\nraise SystemExit(3)\n", "exits.py"))
    with pytest.raises(BrokenComponent, match=r"local/cauchy.*fails on import: SystemExit: 3"):
        own.load("loss", "cauchy")


def test_a_file_that_registers_its_class_itself_keeps_its_digest(tmp_path: Path) -> None:
    text = CAUCHY.replace("Cauchy", "Twofold") + "import bpframe as bp\nbp.register('loss', 'twofold', Twofold)\n"
    (provider,) = declare(registry, written(tmp_path, text, "registers.py"))
    registry.load("loss", "twofold")
    assert registry.find("loss", "twofold").version == provider.version


def test_a_model_made_with_a_file_holds_its_digest_and_says_where_it_is_another(tmp_path: Path) -> None:
    path = written(tmp_path, CAUCHY.replace("Cauchy", "Squared"), "squared.py")
    (provider,) = declare(registry, path)
    x = np.linspace(-1.0, 1.0, 12)[:, None]
    trainer = bp.Trainer(bp.Network([bp.layers.dense(1)]), loss="squared", optimizer="sgd")
    trainer.fit(x, x, epochs=1, verbose=0)
    trainer.save(tmp_path / "model.safetensors")
    content = (tmp_path / "model.safetensors").read_bytes()
    assert provider.version.encode() in content
    assert str(tmp_path).encode() not in content
    assert b"squared.py" not in content
    bp.Trainer.load(tmp_path / "model.safetensors")  # without a warning
    path.write_text(path.read_text() + "# changed\n")
    (changed,) = declare(registry, path)
    with pytest.warns(UserWarning, match=f"loss 'local/squared' {provider.version} then, {changed.version} now"):
        bp.Trainer.load(tmp_path / "model.safetensors")
