"""Optional attributes of components: each declared in a protocol, with its default, and read in one place."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from typing_extensions import get_protocol_members

from bpframe import protocols
from bpframe.protocols import Losses, traits

CORE = Path(__file__).parents[2] / "bpframe"
READERS = {  # by attribute: the function that reads it, another value, what it then gives, and the default
    "whole_batch": (traits.needs_whole_batch, True, True, False),
    "amplifies_rounding": (traits.amplifies_rounding, ["float32"], ("float32",), ()),
    "evaluation_period": (traits.evaluation_period, 5, 5, 1),
    "tuning_space": (traits.tuning_space_of, {"lr": (0.1, 1.0)}, {"lr": (0.1, 1.0)}, None),
    "monitor": (traits.monitor_of, "train.loss", "train.loss", None),
    "removes_offset": (traits.removes_offset, True, True, False),
    "compiles": (traits.compiles, True, True, False),
    "measure_period": (traits.measure_period, 5, 5, 1),
    "shared_curves": (traits.shared_curves, ["norm"], ("norm",), ()),
    "levels": (traits.levels, ("totals",), {"steps", "totals"}, set(traits.FIRST_LEVELS)),
    "changeable": (traits.changeable, {"threads": "cpus"}, {"threads": "cpus"}, {}),
    "checkpoint_folder": (traits.checkpoint_folder, "folder", "folder", None),
    "on": (traits.acts_on, "activations", "activations", "weights"),
    "of": (traits.compares, "labels", "labels", "predictions"),
    "best": (traits.better, "min", "min", None),
    "label": (traits.own_label, "hidden", "hidden", None),
    "scope": (traits.scope_of, "array", "array", "element"),
    "stochastic": (traits.is_stochastic, True, True, False),
    "ending_activation": (traits.ending_activation_of, "tanh", "tanh", None),
    "training_only": (traits.acts_in_training_only, True, True, False),
    "coupled": (traits.is_coupled, True, True, False),
    "decay_settings": (traits.decay_settings, ["strength"], ("strength",), ("weight_decay",)),
    "lr_multipliers": (traits.lr_multipliers, {"gate": 0.1}, {"gate": 0.1}, {}),
    "decay_multipliers": (traits.decay_multipliers, {"gate": 0.0}, {"gate": 0.0}, {}),
    "mixes_targets": (traits.mixes_targets, True, True, False),
    "arrays": (traits.holds_arrays, True, True, False),
    "pure": (traits.is_pure, True, True, False),
    "activation": (traits.activation_of, "tanh", "tanh", None),
    "block_losses": (traits.block_losses, Losses((1.0,), (0.0,), (2.0,)), Losses((1.0,), (0.0,), (2.0,)), None),
    "domain": (traits.domain_of, "[0, 1]", "[0, 1]", None),
    "order": (traits.order_of, ("low", "high"), ["low", "high"], None),
    "class_numbers": (traits.takes_class_numbers, True, True, False),
    "weighted": (traits.is_weighted, True, True, False),
    "missing": (traits.takes_missing, True, True, False),
    "group": (traits.group_of, "query", "query", None),
    "compared": (traits.compared_field, "relevance", "relevance", None),
    "fields": (traits.metric_fields, ["time", "event"], ("time", "event"), None),
    "reads_names": (traits.reads_names, True, True, False),
    "fixed_settings": (traits.fixed_settings, ("rate",), ("rate",), ()),
    "range": (traits.range_of, "simplex", "simplex", None),
    "example_configs": (traits.example_configs, lambda: [{"units": 3}], [{"units": 3}], None),
}
ELSEWHERE = {  # by front door or room: names read by getattr or hasattr that are no attributes of components
    "sklearn": "*",  # scikit-learn's own way with its estimators and tables
    "runs": "id",
    "regular_files.py": "O_NONBLOCK",
    "saving": "O_BINARY sched_getaffinity __dict__",
    "ops": "register_at_fork device counts mask",  # of contexts of an earlier bpframe
    "engine": "threading_layer clear_controlling_thread register_at_fork sched_setaffinity shape init",
    "training": "shape dtype derivative phi __dict__ __code__ bpframe_impl"
    " coefs_ intercepts_ get_weights weights path state_dict detach",  # models of other libraries
    "network": "forward counts shape __slots__ __dict__",
    "registry": "value __name__ __qualname__ find_distributions _path _normalized_name __notes__ frozen find_spec",
    "data": "toarray shape",
    "plot": "get_ipython kernel",
    "cli": "__notes__ SIGHUP getloadavg",
    "export": "dtype",
    "studies": "threads inner lr",  # settings of rules and engines
    "testing": "*",  # examples and exceptions that a component brings for the kit: in the kit's own documentation
}


def reads(tree: ast.AST) -> Iterator[str]:
    """The names that getattr or hasattr read, where they are spelled out."""
    for node in ast.walk(tree):
        spelled = isinstance(node, ast.Call) and ast.unparse(node.func) in ("getattr", "hasattr") and len(node.args) > 1
        if spelled and isinstance(node.args[1], ast.Constant):
            yield node.args[1].value


def undeclared(folder: Path) -> list[str]:
    """Files that read an attribute which is neither a trait read by its function nor known to be something else."""
    found = []
    for file in sorted(folder.rglob("*.py")):
        room = file.relative_to(folder).parts[0]
        allowed = ELSEWHERE.get(room, "").split()
        names = set(reads(ast.parse(file.read_text(encoding="utf-8"))))
        if file.name != "traits.py":
            bad = sorted(name for name in names if name in READERS or (name not in allowed and allowed != ["*"]))
            found += [f"{file.relative_to(folder).as_posix()} reads {name}" for name in bad]
    return found


def test_the_core_reads_no_optional_attribute_but_by_its_function():
    assert undeclared(CORE) == []


def test_the_check_names_a_read_elsewhere(tmp_path: Path):
    (tmp_path / "training").mkdir()
    (tmp_path / "training" / "fit.py").write_text("def f(x):\n    return getattr(x, 'best', 1), hasattr(x, 'new')\n")
    assert undeclared(tmp_path) == ["training/fit.py reads best", "training/fit.py reads new"]


@pytest.mark.parametrize("name", READERS)
def test_every_trait_has_its_value_or_its_default(name: str):
    read, value, given, default = READERS[name]
    empty: Any = type("Empty", (), {})
    one: Any = type("One", (), {name: value}) if name == "pure" else SimpleNamespace(**{name: value})
    assert read(one) == given
    assert read(empty if name == "pure" else empty()) == default


def test_every_trait_stands_in_a_protocol():
    declared = {
        member
        for protocol in (getattr(protocols, name) for name in protocols.__all__)
        if getattr(protocol, "_is_protocol", False)
        for member in get_protocol_members(protocol)
    }
    assert set(READERS) <= declared
