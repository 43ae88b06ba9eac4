"""No module of bpframe or of its plugins unpickles."""

from __future__ import annotations

import ast

import pytest

from tests.conftest import TESTS

FORBIDDEN = {
    "pickle",
    "cPickle",
    "_pickle",
    "marshal",
    "shelve",
    "joblib",
    "dill",
    "cloudpickle",
    "skops",
    "h5py",
    "torch",
}


def unpickles(source: str) -> list[str]:
    """What in a source could run a file's content: modules that unpickle, and NumPy told to."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = [getattr(node, "module", None) or "", *(alias.name for alias in node.names)]
            found += [name for name in names if FORBIDDEN & set(name.split("."))]
        elif isinstance(node, ast.Call):
            name = getattr(node.func, "attr", getattr(node.func, "id", ""))
            if any(k.arg == "allow_pickle" and getattr(k.value, "value", True) is not False for k in node.keywords):
                found.append(f"{name}(allow_pickle)")
            if name in ("import_module", "__import__") and any(
                isinstance(a, ast.Constant) and str(a.value).partition(".")[0] in FORBIDDEN for a in node.args
            ):
                found.append(name)
    return found


def test_no_module_of_bpframe_or_its_plugins_unpickles():
    root = TESTS.parent
    files = [*root.glob("bpframe/**/*.py"), *root.glob("plugins/bpframe_*/**/*.py")]
    assert len(files) > 250
    trials = root / "bpframe" / "studies" / "parallel.py"  # hands them to processes of its own, and reads no file
    found = {file.relative_to(root): unpickles(file.read_text("utf-8")) for file in files if file != trials}
    assert {str(file): names for file, names in found.items() if names} == {}
    assert unpickles(trials.read_text("utf-8")) == ["joblib"]


@pytest.mark.parametrize(
    "source",
    [
        *("import pickle", "import os, marshal", "from pickle import loads", "import joblib.numpy_pickle as j"),
        *("def f():\n    import shelve", "from torch import load", "np.load(f, allow_pickle=True)"),
        *("np.load(f, allow_pickle=flag)", "importlib.import_module('pickle')", "__import__('joblib')"),
    ],
)
def test_the_look_at_the_sources_finds_what_it_looks_for(source):
    assert unpickles(source)


def test_the_look_at_the_sources_finds_nothing_in_good_ones():
    assert (
        unpickles("import json\nnp.load(f, allow_pickle=False)\nfrom bpframe.saving import tensor_file as checkpoint")
        == []
    )
