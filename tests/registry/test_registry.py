"""The registry: who offers what is read from metadata; one target is imported when it is named; nobody else suffers."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

import bpframe as bp
from bpframe.errors import (
    AmbiguousComponent,
    BrokenComponent,
    ConfigError,
    IncompatibleComponent,
    PluginError,
    UnknownComponent,
)
from bpframe.registry import KINDS, Namespace, Provider, Registry, namespaces
from tests.conftest import Site

GROUPS = {
    "activation": "bpframe.activations",
    "layer": "bpframe.layers",
    "loss": "bpframe.losses",
    "optimizer": "bpframe.optimizers",
    "gradient_step": "bpframe.gradient_steps",
    "schedule": "bpframe.schedules",
    "initializer": "bpframe.initializers",
    "regularizer": "bpframe.regularizers",
    "constraint": "bpframe.constraints",
    "sampler": "bpframe.samplers",
    "augmentation": "bpframe.augmentations",
    "source": "bpframe.sources",
    "metric": "bpframe.metrics",
    "callback": "bpframe.callbacks",
    "engine": "bpframe.engines",
    "exporter": "bpframe.exporters",
}
PLUGINS = "sorted(name for name in sys.modules if name.startswith(('bpframe_', 'sample_')))"


class Absolute:
    """loss = sum_c |z_c - y_c|."""

    link = "identity"

    def value_and_delta(self, scores, target):
        """(loss (B,), slope (B, C))."""
        r = scores - target
        xp = r.__array_namespace__()
        return xp.sum(xp.abs(r), axis=-1), xp.sign(r)


def offer(name: str, dist: str, load=lambda: Absolute, target: str = "m:Absolute") -> Provider:
    """A loss on offer, without a distribution behind it."""
    return Provider("loss", name, dist, "1.0", target, load=load)


# -------------------------------------------------------------------------------------------------------------- kinds


def test_every_kind_has_an_entry_point_group_of_its_own():
    assert {kind.name: kind.group for kind in KINDS.values()} == GROUPS
    assert len(set(GROUPS.values())) == len(GROUPS)


@pytest.mark.parametrize("kind", GROUPS)
def test_every_kind_has_a_namespace_named_after_its_group(kind):
    namespace = namespaces[GROUPS[kind].removeprefix("bpframe.")]
    assert set(dir(namespace)) == {name for name in bp.names(kind) if name.isidentifier()}
    assert all(name in repr(namespace) for name in bp.names(kind))


def test_an_unknown_kind_is_an_error_that_lists_the_kinds():
    with pytest.raises(ConfigError, match=r"'losss'\. Did you mean 'loss'\? Kinds: activation, layer, loss"):
        bp.names("losss")


# ------------------------------------------------------------------------------------------------------------ listing


def test_listing_imports_no_plugin(site: Site):
    listing = "bp.providers(); bp.names('loss'); dir(bp.losses); repr(bp.layers)"
    assert site.out(f"import sys, bpframe as bp; {listing}; print({PLUGINS})") == "[]"


@pytest.mark.parametrize(
    ("kind", "name", "modules"),
    [
        ("loss", "huber", "['bpframe_losses', 'bpframe_losses.huber']"),
        ("loss", "quartic", "['sample_loss']"),
        ("optimizer", "bpframe-example/sign_descent", "['bpframe_example']"),
    ],
)
def test_loading_imports_the_one_target_that_is_named(site: Site, kind, name, modules):
    assert site.out(f"import sys, bpframe as bp; bp.load({kind!r}, {name!r}); print({PLUGINS})") == modules


def test_touching_an_attribute_of_a_namespace_imports_that_target(site: Site):
    assert site.out(f"import sys, bpframe as bp; bp.losses.quartic; print({PLUGINS})") == "['sample_loss']"


def test_third_party_components_stand_in_names_and_namespaces(foreign: Registry):
    assert {"quartic", "huber"} <= set(foreign.names("loss"))
    assert "half_descent" in dir(Namespace(foreign, "optimizer"))
    assert Namespace(foreign, "loss").quartic(scale=2.0).scale == 2.0


def test_providers_are_sorted_and_of_the_kind_asked_for(foreign: Registry):
    everything, losses = foreign.providers(), foreign.providers("loss")
    assert losses == sorted(provider for provider in everything if provider.kind == "loss")
    assert {provider.kind for provider in everything} >= {"loss", "optimizer", "layer", "engine"}


def test_the_metadata_is_scanned_once_until_a_refresh():
    scans = []
    registry = Registry(lambda: scans.append(1) or [offer("near", "a")])
    registry.names("loss"), registry.providers(), registry.load("loss", "near")
    assert len(scans) == 1
    registry.refresh()
    registry.names("loss")
    assert len(scans) == 2


def test_a_provider_knows_its_distribution_version_and_target(foreign: Registry):
    provider = foreign.find("loss", "quartic")
    assert (provider.dist, provider.version, provider.target) == ("sample-loss", "1.2.3", "sample_loss:Quartic")
    assert (provider.ref, provider.summary) == ("sample-loss/quartic", "Distances of the fourth degree.")
    assert str(provider) == "loss 'sample-loss/quartic' (sample-loss 1.2.3, sample_loss:Quartic)"


def test_plugins_train_whether_or_not_they_annotate_their_settings(site: Site):
    code = """
import numpy as np, bpframe as bp
x = np.random.default_rng(0).normal(size=(50, 2))
def trained(optimizer):
    trainer = bp.Trainer(bp.Network([bp.layers.dense(1)]), "quartic", optimizer, dtype="float64")
    trainer.fit(x, x[:, 0], epochs=3)
    return trainer.parameters["dense_1/weight"]
schedule = {"name": "step", "initial": 0.02, "every": 2}
half = trained({"name": "half_descent", "lr": schedule})
print(np.allclose(half, trained({"name": "sgd", "lr": schedule | {"initial": 0.01}}), rtol=1e-12, atol=0))
"""
    assert site.out(code) == "True"


def test_bundled_components_enter_through_the_same_gate(foreign: Registry):
    provider = foreign.find("loss", "huber")
    assert (provider.ref, provider.version) == ("bpframe/huber", bp.__version__)
    assert provider.target == "bpframe_losses.huber:Huber"


def test_a_component_is_loaded_once_and_traced_back_to_its_provider(foreign: Registry):
    quartic = foreign.load("loss", "quartic")
    assert foreign.load("loss", "sample-loss/quartic") is quartic
    assert foreign.provider_of("loss", quartic()) == foreign.find("loss", "quartic")
    assert foreign.provider_of("loss", Absolute()) is None


def test_of_two_names_of_one_class_the_classs_own_is_preferred():
    assert bp.load("optimizer", "gradient_descent") is bp.load("optimizer", "sgd")
    registry = bp.optimizers._registry
    assert registry.provider_of("optimizer", bp.optimizers.gradient_descent()).name == "sgd"


def test_factories_show_the_constructors_signature_and_documentation():
    import inspect

    dense = bp.load("layer", "dense")
    assert inspect.signature(bp.layers.dense) == inspect.signature(dense)
    assert (bp.layers.dense.__name__, bp.layers.dense.__doc__) == ("dense", dense.__doc__)


# -------------------------------------------------------------------------------------------------------------- names


@pytest.mark.parametrize("dist", ["sample-loss", "Sample_Loss", "SAMPLE.LOSS", "sample--loss"])
def test_dist_slash_name_is_valid_in_every_spelling_of_the_distribution(foreign: Registry, dist):
    assert foreign.find("loss", f"{dist}/quartic").ref == "sample-loss/quartic"


def test_dist_slash_name_is_valid_for_bundled_and_local_components(foreign: Registry):
    foreign.register("loss", "mine", Absolute)
    assert foreign.load("loss", "local/mine") is Absolute
    assert foreign.find("loss", "bpframe/mse").dist == "bpframe"


def test_a_bare_name_that_two_distributions_claim_is_an_error_that_lists_both(foreign: Registry):
    with pytest.raises(AmbiguousComponent) as caught:
        foreign.load("loss", "twin")
    assert "'sample-twin-one/twin' (sample-twin-one 1.0)" in str(caught.value)
    assert "'sample-twin-two/twin' (sample-twin-two 2.0)" in str(caught.value)
    assert "dist/name" in str(caught.value)
    assert not {"sample_twin_one", "sample_twin_two"} & set(sys.modules)


def test_of_an_ambiguous_name_only_the_full_ones_are_listed_and_work(foreign: Registry):
    assert [name for name in foreign.names("loss") if "twin" in name and "mse" not in name] == [
        "sample-twin-one/twin",
        "sample-twin-two/twin",
    ]
    assert foreign.load("loss", "sample-twin-two/twin").__module__ == "sample_twin_two"


def test_bpframe_owns_its_bare_names(foreign: Registry):
    assert foreign.find("loss", "mse").dist == "bpframe"
    assert foreign.load("loss", "sample-twin-one/mse").__module__ == "sample_twin_one"
    assert {"mse", "sample-twin-one/mse"} <= set(foreign.names("loss"))


def test_every_listed_name_can_be_found(foreign: Registry):
    for kind in KINDS:
        names = foreign.names(kind)
        assert len({foreign.find(kind, name) for name in names}) == len(names) == len(foreign.providers(kind))


@pytest.mark.parametrize(
    ("kind", "name", "message"),
    [
        ("loss", "hubber", r"no loss named 'hubber'\. Did you mean 'huber'\? Installed: .*cross_entropy, .*huber, mse"),
        ("loss", "adam", r"no loss named 'adam'.*\('adam' is an optimizer\.\)"),
        ("optimizer", "dense", r"\('dense' is a layer\.\)"),
        ("loss", "Focal_Kit/focal", r"'focal-kit/focal'.*pip install focal-kit, then bp\.refresh\(\)"),
    ],
)
def test_an_unknown_name_is_answered_with_what_may_be_meant(kind, name, message):
    with pytest.raises(UnknownComponent, match=message):
        Registry().load(kind, name)


def test_where_nothing_is_installed_the_error_says_so():
    with pytest.raises(UnknownComponent, match=r"no sampler named 'balanced'\. Installed: none\."):
        Registry(list).load("sampler", "balanced")


def test_the_install_hint_is_kept_for_distributions_that_are_absent(foreign: Registry):
    with pytest.raises(UnknownComponent) as caught:
        foreign.load("loss", "sample-loss/quartics")
    assert "pip install" not in str(caught.value)


def test_an_unknown_attribute_of_a_namespace_is_an_attribute_error():
    assert not hasattr(bp.losses, "hubber")
    assert not hasattr(bp.losses, "__wrapped__")
    assert getattr(bp.losses, "hubber", None) is None
    with pytest.raises(UnknownComponent, match="Did you mean 'huber'") as caught:
        bp.losses.hubber  # noqa: B018
    assert isinstance(caught.value, AttributeError | LookupError)
    assert isinstance(caught.value, PluginError)


@pytest.fixture
def registry() -> Registry:
    """A registry that changes nothing of the process's own."""
    return Registry()


# -------------------------------------------------------------------------------------------------- broken components


@pytest.mark.parametrize(
    ("name", "cause", "parts"),
    [
        ("broken", ModuleNotFoundError, ("sample-broken 0.1", "sample_broken:Broken", "a_module_that_nobody_has")),
        ("exits", SystemExit, ("sample-exits 0.1", "sample_exits:Exits", "SystemExit: 3")),
        ("absent", AttributeError, ("sample-malformed 0.1", "sample_malformed:Absent", "no attribute 'Absent'")),
        ("malformed", type(None), ("sample-malformed 0.1", "sample malformed", "needs module:Class")),
    ],
)
def test_a_broken_plugin_is_named_with_its_cause_and_harms_nobody_else(foreign: Registry, name, cause, parts):
    for _ in range(2):  # a failure is not cached as a success
        with pytest.raises(BrokenComponent) as caught:
            foreign.load("loss", name)
        assert isinstance(caught.value.__cause__, cause)
        assert all(part in str(caught.value) for part in parts)
    assert name in foreign.names("loss")
    assert foreign.load("loss", "quartic").__module__ == "sample_loss"


def test_a_plugin_that_exits_does_not_end_the_program(site: Site):
    code = "import bpframe as bp\ntry: bp.losses.exits\nexcept bp.errors.BrokenComponent: print('still here')"
    assert site.out(code) == "still here"


def test_an_interrupt_during_an_import_stays_an_interrupt():
    def interrupted():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Registry(lambda: [offer("slow", "a", interrupted)]).load("loss", "slow")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("incomplete", r"'sample-incomplete/incomplete' \(sample-incomplete 0\.1, .*\) lacks value_and_delta"),
        ("number", r"'sample-malformed/number' .* is not a class or a function, but int"),
    ],
)
def test_a_component_that_does_not_keep_its_protocol_is_refused(foreign: Registry, name, message):
    with pytest.raises(IncompatibleComponent, match=message):
        foreign.load("loss", name)


def test_members_that_a_constructor_sets_count(registry: Registry):
    class Configured:
        """Its link is an argument."""

        def __init__(self, link: str = "identity") -> None:
            self.link = link

        value_and_delta = Absolute.value_and_delta

    registry.register("loss", "configured", Configured)
    assert Namespace(registry, "loss").configured().link == "identity"


def test_members_that_nobody_sets_are_missed_in_the_finished_object(registry: Registry):
    class Unlinked:
        """No link anywhere."""

        value_and_delta = Absolute.value_and_delta

    registry.register("loss", "unlinked", Unlinked)
    with pytest.raises(IncompatibleComponent, match=r"'local/unlinked'.*lacks link, which every loss must have"):
        Namespace(registry, "loss").unlinked()


# ------------------------------------------------------------------------------------------- the state of the machine


def pretend(directory: Path, name: str, version: str, points: str, metadata: bool = True) -> None:
    """Write the metadata of a distribution that offers these losses."""
    info = directory / f"{name}-{version}.dist-info"
    info.mkdir(parents=True)
    (info / "entry_points.txt").write_text(f"[bpframe.losses]\n{points}\n")
    if metadata:
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")


def test_a_stale_copy_further_down_the_path_is_not_seen(site: Site, tmp_path: Path):
    pretend(tmp_path, "sample_loss", "0.9", "quartic = stale:Quartic\nformer = stale:Former")
    code = "import bpframe as bp; print([(p.name, p.version) for p in bp.providers('loss') if p.dist == 'sample-loss'])"
    assert site.out(code, tmp_path) == "[('quartic', '1.2.3')]"
    stale_first = Site(tmp_path)
    assert stale_first.out(code, site.path) == "[('former', '0.9'), ('quartic', '0.9')]"


def test_the_remains_of_an_interrupted_uninstall_are_passed_over(tmp_path: Path, monkeypatch):
    pretend(tmp_path, "remains", "1.0", "remains = remains:Remains", metadata=False)
    monkeypatch.syspath_prepend(tmp_path)
    assert "huber" in Registry().names("loss")
    assert "remains" not in Registry().names("loss")


def test_a_distribution_called_local_cannot_pass_for_the_programs_own_components(tmp_path: Path, monkeypatch):
    pretend(tmp_path, "Local", "1.0", "mse = evil:Mse")
    monkeypatch.syspath_prepend(tmp_path)
    registry = Registry()
    assert registry.find("loss", "mse").dist == "bpframe"
    assert [provider.dist for provider in registry.providers() if provider.target == "evil:Mse"] == []


def test_refresh_sees_what_was_installed_meanwhile(site: Site, tmp_path: Path):
    module, info = "sample_loss.py", "sample_loss-1.2.3.dist-info"
    code = f"""
import shutil, bpframe as bp
print('quartic' in bp.names('loss'))
shutil.copy({str(site.path / module)!r}, {str(tmp_path)!r})
shutil.copytree({str(site.path / info)!r}, {str(tmp_path / info)!r})
print('quartic' in bp.names('loss'))
bp.refresh()
print('quartic' in bp.names('loss'), bp.losses.quartic(scale=3.0).scale)
"""
    assert Site(tmp_path).out(code).split("\n") == ["False", "False", "True 3.0"]


def test_refresh_forgets_what_was_uninstalled(site: Site, tmp_path: Path, monkeypatch):
    shutil.copytree(site.path / "sample_loss-1.2.3.dist-info", tmp_path / "sample_loss-1.2.3.dist-info")
    monkeypatch.syspath_prepend(tmp_path)
    registry = Registry()
    assert "quartic" in registry.names("loss")
    shutil.rmtree(tmp_path / "sample_loss-1.2.3.dist-info")
    registry.refresh()
    assert "quartic" not in registry.names("loss")


def test_a_namespace_gives_components_by_name_in_brackets_and_lists_their_names():
    assert bp.losses["huber"](delta=2.0) == bp.losses["bpframe/huber"](delta=2.0) == bp.losses.huber(delta=2.0)
    assert "huber" in bp.losses
    assert "hubert" not in bp.losses
    assert list(bp.losses) == bp.names("loss")
    with pytest.raises(UnknownComponent, match="Did you mean 'huber'"):
        bp.losses["hubr"]


def test_what_a_name_means_follows_what_the_program_registers_and_the_policy_that_is_set(monkeypatch) -> None:
    registry = Registry()
    members = {"link": "identity", "value_and_delta": lambda *_: None}
    first, second = type("First", (), members), type("Second", (), members)
    registry.register("loss", "mine", first)
    assert registry.load("loss", "mine") is first
    assert registry.provider_of("loss", first()).name == "mine"
    registry.register("loss", "mine", second, replace=True)
    assert registry.load("loss", "mine") is second
    assert registry.provider_of("loss", second()).name == "mine"
    monkeypatch.setenv("BPFRAME_PLUGINS", "?!")
    with pytest.raises(ConfigError, match="BPFRAME_PLUGINS needs all, off, or distributions"):
        registry.find("loss", "mse")
    monkeypatch.delenv("BPFRAME_PLUGINS")
    assert registry.find("loss", "mse").dist == "bpframe"
