"""The policy: which distributions may supply components is decided before anything of them is imported."""

from __future__ import annotations

import re
import sys

import pytest

from bpframe.errors import BlockedComponent, ConfigError
from bpframe.registry import Policy, Registry
from bpframe.registry.policy import normalise, parse
from tests.conftest import Site


def third_party(registry: Registry) -> set[str]:
    """The distributions whose losses and optimizers can be used, bpframe's aside."""
    names = [(kind, name) for kind in ("loss", "optimizer") for name in registry.names(kind)]
    return {registry.find(kind, name).dist for kind, name in names} - {"bpframe"}


@pytest.mark.parametrize(
    ("setting", "allowed"),
    [
        ("off", set()),
        ("OFF", set()),
        (" Off ", set()),
        ("sample-loss", {"sample-loss"}),
        ("Sample_Loss, sample.optimizer", {"sample-loss", "sample-optimizer"}),
        ("sample-loss,sample-optimizer,-Sample_Loss", {"sample-optimizer"}),
        ("not-installed", set()),
    ],
)
def test_the_variable_allows_only_what_it_lists(foreign: Registry, monkeypatch, setting, allowed):
    monkeypatch.setenv("BPFRAME_PLUGINS", setting)
    assert third_party(foreign) == allowed
    assert {"mse", "huber"} <= set(foreign.names("loss"))


@pytest.mark.parametrize("setting", ["all", "", " all ", "ALL", "All", " , "])
def test_by_default_every_distribution_is_allowed(foreign: Registry, monkeypatch, setting):
    unrestricted = third_party(foreign)
    monkeypatch.setenv("BPFRAME_PLUGINS", setting)
    assert third_party(foreign) == unrestricted >= {"sample-loss", "sample-optimizer", "bpframe-example"}


@pytest.mark.parametrize(
    ("setting", "hint"), [("-smaple-loss", " Did you mean sample-loss?"), ("sample-optimizer,-nobody-has-this", "")]
)
def test_a_name_that_denies_nothing_is_warned_of_once(foreign: Registry, monkeypatch, setting, hint):
    monkeypatch.setenv("BPFRAME_PLUGINS", setting)
    name = setting.rpartition("-")[2] if not hint else "smaple-loss"
    message = f"BPFRAME_PLUGINS denies .*{name}, but no distribution of that name offers components.{re.escape(hint)}"
    with pytest.warns(UserWarning, match=message):
        foreign.names("loss")
    foreign.names("loss")
    assert any(re.search(message, note) for note in foreign.policy_notes())


def test_a_name_that_allows_nothing_is_said(foreign: Registry):
    with foreign.restricted(Policy(allow=frozenset({"smaple-loss"}), origin="run.toml")):
        assert "run.toml allows smaple-loss, but no distribution of that name" in foreign.policy_notes()[0]
    assert foreign.policy_notes() == []


def test_a_minus_denies_one_distribution_and_no_other(foreign: Registry, monkeypatch):
    unrestricted = third_party(foreign)
    monkeypatch.setenv("BPFRAME_PLUGINS", "-sample_loss")
    assert unrestricted - third_party(foreign) == {"sample-loss"}


@pytest.mark.parametrize("setting", ["all,sample-loss", "off,-a", "a b", "-", "../evil", "-OFF", "--a"])
def test_a_policy_that_cannot_be_read_is_an_error_that_names_the_variable(foreign: Registry, monkeypatch, setting):
    monkeypatch.setenv("BPFRAME_PLUGINS", setting)
    with pytest.raises(ConfigError, match="BPFRAME_PLUGINS needs all, off, or distributions separated by commas"):
        foreign.load("loss", "quartic")
    assert "sample_loss" not in sys.modules


@pytest.mark.parametrize(
    ("policy", "reason"),
    [
        (parse("off", "--no-plugins"), "--no-plugins allows no third-party plugins"),
        (Policy(allow=frozenset({"bpframe-example"})), "the program allows bpframe-example"),
        (Policy(deny=frozenset({"Sample_Loss"}), origin="run.toml"), "run.toml denies sample-loss"),
    ],
)
@pytest.mark.parametrize("name", ["quartic", "sample-loss/quartic"])
def test_a_blocked_component_is_not_imported_and_the_error_says_who_blocks_it(foreign: Registry, policy, reason, name):
    with foreign.restricted(policy), pytest.raises(BlockedComponent) as caught:
        foreign.load("loss", name)
    assert "loss 'sample-loss/quartic' (sample-loss 1.2.3, sample_loss:Quartic) is blocked" in str(caught.value)
    assert reason in str(caught.value)
    assert "sample_loss" not in sys.modules


def test_a_plugin_loaded_before_is_blocked_all_the_same(foreign: Registry):
    foreign.load("loss", "quartic")
    with foreign.restricted(parse("off", "test")), pytest.raises(BlockedComponent):
        foreign.load("loss", "quartic")
    assert foreign.load("loss", "quartic").__module__ == "sample_loss"


def test_a_blocked_plugin_is_not_imported_in_a_fresh_process(site: Site):
    code = """
import sys, bpframe as bp
try: bp.losses.quartic
except bp.errors.BlockedComponent: print('blocked', 'sample_loss' in sys.modules)
"""
    assert site.out(code, BPFRAME_PLUGINS="off") == "blocked False"


def test_the_strictest_of_several_policies_wins(foreign: Registry, monkeypatch):
    monkeypatch.setenv("BPFRAME_PLUGINS", "sample-loss,sample-optimizer")
    with foreign.restricted(Policy(allow=frozenset({"sample-loss", "bpframe-example"}))):
        assert third_party(foreign) == {"sample-loss"}
        with foreign.restricted(parse("-sample-loss", "inner")):
            assert third_party(foreign) == set()
        with foreign.restricted(parse("all", "inner")):
            assert third_party(foreign) == {"sample-loss"}
    assert third_party(foreign) == {"sample-loss", "sample-optimizer"}


def test_a_restriction_ends_with_its_block_even_by_an_error(foreign: Registry):
    with pytest.raises(ZeroDivisionError), foreign.restricted(parse("off", "test")):
        raise ZeroDivisionError
    assert foreign.load("loss", "quartic")


def test_a_name_is_not_ambiguous_where_all_but_one_claim_is_blocked(foreign: Registry):
    with foreign.restricted(parse("-sample-twin-one", "test")):
        assert foreign.find("loss", "twin").dist == "sample-twin-two"
        assert "twin" in foreign.names("loss")


def test_listing_shows_blocked_providers_but_not_their_names(foreign: Registry):
    with foreign.restricted(parse("off", "test")):
        assert "quartic" not in foreign.names("loss")
        provider = next(provider for provider in foreign.providers("loss") if provider.name == "quartic")
        assert foreign.verdict(provider) == "test allows no third-party plugins"


def test_bundled_and_local_components_are_beyond_every_policy(foreign: Registry):
    foreign.register("loss", "mine", foreign.load("loss", "huber"))
    with foreign.restricted(Policy(allow=frozenset(), deny=frozenset({"bpframe", "local"}))):
        assert foreign.load("loss", "mine") is foreign.load("loss", "huber")


@pytest.mark.parametrize(
    ("written", "canonical"), [("A", "a"), ("a_b", "a-b"), ("a.-_b", "a-b"), ("A-B.c", "a-b-c"), ("a1", "a1")]
)
def test_distributions_are_compared_by_their_canonical_names(written, canonical):
    assert normalise(written) == canonical
    assert Policy(deny=frozenset({written})).verdict(canonical) is not None
    assert parse(f"-{written}", "test") == Policy(deny=frozenset({canonical}), origin="test")
