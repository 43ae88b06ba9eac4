"""What a Trainer is made of is listed once: files, configs, locks and copies of a trainer read the list."""

from __future__ import annotations

import inspect
import re
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest

import bpframe as bp
from bpframe.errors import ConfigError
from bpframe.registry.kinds import KINDS
from bpframe.runs.config.schema import ConfigFile, place_of
from bpframe.training.manifest import DEFINING, manifest, trainer_arguments, trainer_definition
from bpframe.training.spec import PARTS, TrainerSpec

SOURCES = Path(bp.__file__).parent
BELONGS = (  # what describes kinds, engines, front doors, and the words of other libraries for bundled components
    *("protocols/", "registry/kinds", "engine/", "testing/", "sklearn/", "cli/", "export/", "__init__"),
    "registry/other_words",
)
WHOLE = {  # what no spec can say for a kind: how its parts act together
    "constraint": {"training/update_groups", "training/row_derivation"},  # the latter says it in words
    "sampler": {"training/mask_check", "training/new_fit"},
}


def trainer(optimizer="sgd", **more):
    parts = {
        "constraints": ["max_norm"],
        "gradient_steps": [{"name": "clip_value", "limit": 1.0}],
        "regularizers": [{"name": "l2", "strength": 0.1}],
        "groups": [{"match": "*/bias", "optimizer": "adam"}],
        "callbacks": ["early_stopping"],
        "metrics": ["accuracy"],
        "seed": 7,
        "dtype": "float64",
    }
    network = bp.Network([bp.layers.dense(3, activation="tanh"), bp.layers.dense(2)], inputs=4)
    return bp.Trainer(network, "softmax_cross_entropy", optimizer, **parts | more)


def speaking(word: str) -> set[str]:
    """The modules of bpframe, but for those a kind belongs to, in whose text the word stands."""
    files = {file.relative_to(SOURCES).with_suffix("").as_posix(): file for file in SOURCES.rglob("*.py")}
    pattern = re.compile(rf"\b{word}s?\b")
    texts = {name: file.read_text(encoding="utf-8") for name, file in files.items() if not name.startswith(BELONGS)}
    return {name for name, text in texts.items() if pattern.search(text)}


@pytest.mark.parametrize("kind", ["constraint", "sampler"])
def test_a_kind_is_named_by_the_spec_the_engine_and_what_describes_kinds_alone(kind):
    assert speaking(kind) - WHOLE[kind] == {"training/spec"}


def test_the_spec_has_the_arguments_of_the_trainer_and_a_config_has_a_place_for_each():
    names = {f.name for f in fields(TrainerSpec)}
    assert names == set(inspect.signature(bp.Trainer).parameters)
    assert {place_of(part).partition(".")[0] for part in PARTS} <= {f.name for f in fields(ConfigFile)}


def test_the_kinds_of_parts_are_those_of_the_registry():
    kinds = {part.name: (part.kind, part.many) for part in PARTS if part.kind}
    assert kinds["loss"] == ("loss", False)
    assert kinds["gradient_steps"] == ("gradient_step", True)
    assert {kind for kind, _ in kinds.values()} <= set(KINDS)
    assert all(KINDS[kind].plural == name for name, (kind, many) in kinds.items() if many and name != "network")


def test_every_component_is_found_by_its_path():
    paths = {path: kind for path, kind, _ in trainer().spec.components()}
    assert paths["network[1]"] == "layer"
    assert paths["groups[0].optimizer"] == "optimizer"
    assert {"loss", "optimizer", "engine", "constraints[0]", "callbacks[0]", "metrics[0]"} <= set(paths)


def test_a_trainer_of_a_spec_is_defined_like_the_first():
    first = trainer()
    twin = bp.Trainer.of(replace(first.spec, callbacks=()))
    assert trainer_definition(twin.spec) == trainer_definition(first.spec)
    assert trainer_definition(bp.Trainer.of(replace(first.spec, seed=8)).spec) != trainer_definition(first.spec)


def test_what_a_file_says_makes_the_same_trainer():
    first = trainer()
    content = manifest(first.spec, first.task)
    again = bp.Trainer(**trainer_arguments(content))
    assert trainer_definition(again.spec) == trainer_definition(first.spec)
    assert {part.name for part in PARTS} - {part.name for part in DEFINING} == {"engine", "callbacks"}


def test_parts_that_do_not_fit_together_are_refused_without_a_trainer():
    network = bp.Network([bp.layers.dense(2, activation="softmax")])
    with pytest.raises(ConfigError, match="twice"):
        replace(trainer().spec, network=network).check()


def test_schedules_are_bound_to_updates_in_the_optimizer_and_to_steps_elsewhere():
    spec = trainer(optimizer={"name": "sgd", "lr": {"name": "cosine", "initial": 0.1}}).spec
    bound = spec.over(12, lambda curve: [])
    assert bound.optimizer != spec.optimizer
    assert bound.loss is spec.loss
    assert [group.match for group in bound.groups] == ["*/bias"]


def falling(**more):
    """A fit of 16 rows in 16 steps, with a learning rate that falls in a line over the whole run."""
    rule = {"name": "sgd", "lr": {"name": "linear", "initial": 0.1, "final": 0.0}}
    made = trainer(rule, **{"gradient_steps": [], "groups": [], "callbacks": []} | more)
    made.fit(np.random.default_rng(0).normal(size=(16, 4)), np.arange(16) % 2, epochs=4, batch_size=4)
    return made


def test_a_schedule_of_open_length_counts_updates_where_several_batches_make_one():
    plain = falling().history.lr
    gathered = falling(gradient_steps=[{"name": "accumulate", "steps": 2}]).history.lr
    assert plain[-1] == pytest.approx(0.1 * (1 - 15 / 16))
    assert gathered[-1] == pytest.approx(0.1 * (1 - 7 / 8))


def test_a_schedule_of_open_length_is_bound_to_the_run_in_a_groups_own_optimizer_too():
    own = {"name": "sgd", "lr": {"name": "linear", "initial": 0.5, "final": 0.0}}
    made = falling(groups=[{"match": "*/bias", "optimizer": own}])
    bound = made.spec.over(8, made.history.curve).groups[0].optimizer
    assert bound.lr.value(4) == pytest.approx(0.25)
