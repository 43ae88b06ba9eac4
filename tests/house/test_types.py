"""The public face as a type checker sees it: mypy on small programs against the installed package."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

import bpframe as bp
from bpframe.registry import KINDS, Policy, Registry
from bpframe.registry.type_stubs import class_name, namespaces_stub
from tests.conftest import Site

STUB = Path(bp.__file__).with_name("_namespaces.pyi")
HEAD = "import bpframe as bp\nfrom bpframe.protocols import Activation, Layer, Loss, Minimizer, Optimizer\n"
RIGHT = {
    "names": "layer: Layer = bp.layers.dense(10, activation='tanh', label='hidden')",
    "mappings": "layer: Layer = bp.layers.dense(10, {'name': 'elu', 'alpha': 0.5}, bias=False)",
    "objects": "layer: Layer = bp.layers.sequential([bp.layers.dense(3, bp.activations.relu()), 'dropout'])",
    "schedules": "rule: Optimizer = bp.optimizers.adam(lr=bp.schedules.cosine(0.1), beta1={'name': 'constant'})",
    "inner": "rule: Optimizer = bp.optimizers.lookahead(inner=bp.optimizers.sgd(lr=0.1), alpha=0.5)",
    "minimizer": "rule: Minimizer = bp.optimizers.lbfgs()",
    "options": "activation: Layer = bp.activations.gelu(approximate='tanh')",
    "by_name": "loss: Loss = bp.losses['cauchy'](scale=2.0)",
    "build": "loss: Loss = bp.build('loss', 'huber', delta=2.0)\nlayer: Layer = bp.load('layer', 'dense')(3)",
    "handed_out": (
        "def callback(state: bp.RunState, found: bp.LrRange, report: bp.CheckReport) -> str:\n"
        "    values: bp.Parameters = state.parameters\n"
        "    trace: bp.Trace = state.trainer.trace([[1.0]], [1.0])\n"
        "    return f'{values} {trace} {found} {report.passed}'"
    ),
    "network": "network = bp.Network([bp.layers.dense(3), 'dropout'])\ntext: str = network.summary()",
}
WRONG = {
    "no_such_layer": ("bp.layers.dens(10)", 'has no attribute "dens"; maybe "dense"?'),
    "no_such_name": ("bp.Trainr", 'has no attribute "Trainr"'),
    "no_such_namespace": ("bp.lossess.mse()", 'has no attribute "lossess"'),
    "no_such_helper": ("from bpframe.plugin import Lyer", 'has no attribute "Lyer"'),
    "no_such_argument": ("bp.optimizers.adam(lrr=1)", 'Unexpected keyword argument "lrr"'),
    "missing_argument": ("bp.layers.dense()", 'Missing positional argument "units"'),
    "wrong_type": ("bp.layers.dense('ten')", 'expected "int"'),
    "wrong_option": ("bp.activations.gelu(approximate='sigmoid')", "Literal['none', 'tanh']"),
    "no_label": ("bp.losses.huber(label='mine')", 'Unexpected keyword argument "label"'),
    "no_schedule": ("bp.initializers.normal(stddev=bp.schedules.cosine(0.1))", 'expected "float"'),
    "wrong_kind": ("loss: Loss = bp.build('layer', 'dense')", "Incompatible types in assignment"),
    "foreign": ("bp.losses.pseudo_huber(delta=2.0)", 'has no attribute "pseudo_huber"'),
}


def mypy(folder: Path, programs: Mapping[str, str], cache: Path, **variables: str) -> dict[str, list[str]]:
    """What mypy --strict says about each program, by its name."""
    folder.mkdir()
    for name, text in programs.items():
        (folder / f"{name}.py").write_text(f"{HEAD}{text}\n")
    kept = {name: value for name, value in os.environ.items() if name not in ("MYPYPATH", "PYTHONPATH")}
    command = [sys.executable, "-m", "mypy", "--strict", "--config-file=", f"--cache-dir={cache}", *sorted(programs)]
    command = [f"{part}.py" if part in programs else part for part in command]
    done = subprocess.run(command, cwd=folder, env=kept | variables, capture_output=True, text=True, timeout=300)
    assert done.returncode in (0, 1), done.stdout + done.stderr
    found: dict[str, list[str]] = {name: [] for name in programs}
    for line in done.stdout.splitlines():
        if ": error: " in line:
            found[line.partition(".py")[0]].append(line)
    return found


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache that the runs of mypy here share."""
    return tmp_path_factory.mktemp("mypy-cache")


@pytest.fixture(scope="module")
def said(cache: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """What mypy says about every program."""
    programs = {**RIGHT, **{name: text for name, (text, _) in WRONG.items()}}
    return mypy(tmp_path_factory.mktemp("programs") / "all", programs, cache)


@pytest.mark.parametrize("name", RIGHT)
def test_right_programs_pass_mypy_strict(name, said):
    assert said[name] == []


@pytest.mark.parametrize("name", WRONG)
def test_mypy_strict_refuses_wrong_programs(name, said):
    assert WRONG[name][1] in "\n".join(said[name])


def test_the_written_stubs_give_types_to_third_party_components(site: Site, cache: Path, tmp_path: Path):
    typings = tmp_path / "typings"
    site.out(
        f"from bpframe.cli import main; main(['stubs', '--output', {str(typings)!r}])",
        BPFRAME_PLUGINS="bpframe-example",
    )
    programs = {
        "right": "loss: Loss = bp.losses.pseudo_huber(delta=2.0)\nlayer = bp.layers.dense(3)\nbp.Network([layer])",
        "wrong": "bp.losses.pseudo_huber(delt=2.0)",
    }
    found = mypy(tmp_path / "programs", programs, cache, MYPYPATH=str(typings))
    assert found["right"] == []
    assert 'Unexpected keyword argument "delt"' in found["wrong"][0]


def test_a_component_that_cannot_be_imported_is_left_out_of_the_stub_with_its_reason(foreign: Registry):
    text = namespaces_stub(foreign)
    assert "    def pseudo_huber(self, delta: float | Schedule | Mapping[str, Any] = 1.0) -> Loss:" in text
    assert " is left out: " in text


def test_the_stub_of_the_bundled_components_is_up_to_date():
    known = Registry()
    with known.restricted(Policy(allow=frozenset())):
        fresh = namespaces_stub(known)
    assert STUB.read_text() == fresh, "Write it again: bpframe stubs --bundled > bpframe/_namespaces.pyi"


def test_every_namespace_has_its_class_in_the_stub():
    text, known = STUB.read_text(), Registry()
    assert all(f"\nclass {class_name(kind)}:\n" in text for kind in KINDS.values())
    assert all(f"\n    def {name}(" in text for kind in KINDS for name in known.names(kind) if "/" not in name)
