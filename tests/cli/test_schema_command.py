"""`bpframe schema`: stock Tombi, without a network, marks each mistake where it is, and nothing in what is right."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import bpframe as bp
from bpframe.cli.starter import starter_config
from bpframe.errors import BpframeError
from bpframe.registry import registry
from bpframe.registry.argument_ranges import argument_ranges, limits_in
from bpframe.registry.constructor import required_arguments
from bpframe.registry.describe import describe
from bpframe.runs.config.json_schema import config_schema
from bpframe.runs.config.toml_writer import dumps
from bpframe.testing.suite import configs_to_check
from tests.cli.commands import ON_ROWS, SMALL, good
from tests.cli.editor import lint
from tests.conftest import Site

ROOT = Path(__file__).parents[2]

GOOD = """\
#:schema ./bpframe.schema.json
metrics = ["accuracy", { name = "top_k", k = 3 }]
callbacks = [{ name = "early_stopping", patience = 5 }]
[data]
source = { name = "moons", points = 60 }
validation = { fraction = 0.2, kind = "stratified" }
[[model.layers]]
name = "dense"
units = 8
activation = "tanh"
[[model.layers]]
name = "dropout"
rate = 0.2
[[model.layers]]
name = "dense"
units = 2
[loss]
name = "softmax_cross_entropy"
label_smoothing = 0.1
[optimizer]
name = "momentum"
lr = { name = "cosine", initial = 0.1 }
flavor = "torch"
[[groups]]
match = "*/bias"
lr_multiplier = 2
[train]
epochs = 3
seed = 1
checkpoint = { every_seconds = 30.0 }
[plugins]
deny = ["bpframe-x"]
"""
# What is put in place of what, and where Tombi has to point: at the mistake, or at the table that lacks something.
PLANTED: Sequence[tuple[str, str, str]] = (
    # names
    ('"softmax_cross_entropy"', '"softmax_cross_entrpy"', '"softmax_cross_entrpy"'),
    ('name = "momentum"', 'name = "momentun"', '"momentun"'),
    ('name = "cosine"', 'name = "cosin"', '"cosin"'),
    ('activation = "tanh"', 'activation = "tanhh"', '"tanhh"'),
    ('name = "dropout"', 'name = "dropuot"', '"dropuot"'),
    ('"accuracy"', '"acuracy"', '"acuracy"'),
    ('name = "early_stopping"', 'name = "early_stop"', '"early_stop"'),
    ('name = "moons"', 'name = "moon"', '"moon"'),
    # keys of tables
    ("epochs = 3", "epoch = 3", "epoch ="),
    ("seed = 1", "sead = 1", "sead ="),
    ("[train]", "[trian]", "[trian]"),
    ("fraction = 0.2", "fractoin = 0.2", "fractoin"),
    ("every_seconds = 30.0", "every_second = 30.0", "every_second"),
    ('deny = ["bpframe-x"]', 'forbid = ["bpframe-x"]', "forbid ="),
    ("lr_multiplier = 2", "lr_factor = 2", "lr_factor ="),
    # arguments
    ("rate = 0.2", "p = 0.2", "p = 0.2"),
    ("patience = 5", "patient = 5", "patient"),
    ("label_smoothing = 0.1", "smoothing = 0.1", "smoothing = 0.1"),
    ("points = 60", "point = 60", "point ="),
    ("initial = 0.1", "inital = 0.1", "inital"),
    # types
    ("units = 8", 'units = "8"', '"8"'),
    ("units = 2", "units = 2.5", "2.5"),
    ("epochs = 3", 'epochs = "three"', '"three"'),
    ("rate = 0.2", "rate = true", "true"),
    ('name = "dropout"', "name = 3", "3"),
    ('match = "*/bias"', "match = 7", "7"),
    ('deny = ["bpframe-x"]', 'deny = "bpframe-x"', '"bpframe-x"'),
    ('deny = ["bpframe-x"]', "deny = [1]", "1]"),
    ("lr = {", 'lr = "fast" #', '"fast"'),
    ("k = 3", "k = [3]", "[3]"),
    # choices
    ('flavor = "torch"', 'flavor = "troch"', '"troch"'),
    ('kind = "stratified"', 'kind = "stratify"', '"stratify"'),
    ("seed = 1", 'dtype = "float16"', '"float16"'),
    # ranges
    ("epochs = 3", "epochs = 0", "0"),
    ("seed = 1", "seed = -1", "-1"),
    ("units = 8", "units = 0", "0"),
    ("rate = 0.2", "rate = 1.0", "1.0"),
    ("patience = 5", "patience = -5", "-5"),
    ("fraction = 0.2", "fraction = 1.5", "1.5"),
    ("every_seconds = 30.0", "every_seconds = 0.0", "0.0"),
    ("label_smoothing = 0.1", "label_smoothing = -0.1", "-0.1"),
    # what is missing
    ('name = "softmax_cross_entropy"\n', "", "[loss]"),
    ("units = 8\n", "", "[[model.layers]]"),
    ('match = "*/bias"\n', "", "[[groups]]"),
    ('[data]\nsource = { name = "moons", points = 60 }\n', '[data]\ntarget = "y"\n', "[data]"),
    ('[loss]\nname = "softmax_cross_entropy"\nlabel_smoothing = 0.1\n', "", "#:schema"),
)


@cache
def schema() -> dict[str, Any]:
    return config_schema(registry)


def with_comment(text: str) -> str:
    return f"#:schema ./bpframe.schema.json\n{text}"


def place_of(pointed: str, text: str, changed: int) -> tuple[int, int]:
    """(line, column) of a token: in the line that was changed, or of the last header before it."""
    header = pointed.startswith(("[", "#")) and pointed != "[3]"
    start = (
        text.rindex(pointed, 0, changed + len(pointed))
        if header
        else text.index(pointed, text.rfind("\n", 0, changed) + 1)
    )
    return text.count("\n", 0, start) + 1, start - text.rfind("\n", 0, start)


def test_each_planted_mistake_is_marked_at_its_line_and_column(tmp_path: Path) -> None:
    texts = {f"{i}.toml": GOOD.replace(old, new, 1) for i, (old, new, _) in enumerate(PLANTED)}
    marks = lint(tmp_path, {"good.toml": GOOD, **texts}, schema())
    assert marks["good.toml"] == []
    for i, (old, new, pointed) in enumerate(PLANTED):
        place = place_of(pointed, texts[f"{i}.toml"], GOOD.index(old))
        places = {(line, column) for line, column, _ in marks[f"{i}.toml"]}
        assert place in places, (old, new, place, marks[f"{i}.toml"])
        assert {line for line, _ in places} == {place[0]}, (old, new, marks[f"{i}.toml"])


def test_it_is_silent_on_every_example_starter_and_config_of_the_documents(tmp_path: Path) -> None:
    texts = {path.name: with_comment(path.read_text()) for path in (ROOT / "docs/examples").glob("*.toml")}
    texts |= {"small.toml": with_comment(SMALL), "rows.toml": with_comment(ON_ROWS)}
    fences = re.compile(r"^```toml.*\n((?:.*\n)*?)```$", re.MULTILINE)
    for page in sorted([*ROOT.glob("docs/*/*.md"), ROOT / "README.md"]):
        for i, text in enumerate(fences.findall(page.read_text())):
            tables = tomllib.loads(text)
            whole = {"data", "model", "loss"} <= tables.keys()
            if whole and "local" not in tables.get("plugins", {}):  # whose components are in the schema on demand
                texts[f"{page.stem}-{i}.toml"] = with_comment(text)
    assert len(texts) > 5
    np.savetxt(
        tmp_path / "t.csv", np.random.default_rng(0).normal(size=(40, 3)), "%g", ",", header="a,b,c", comments=""
    )
    texts["starter.toml"] = with_comment(starter_config(tmp_path / "t.csv", "c", None, tmp_path / "starter.toml"))
    assert lint(tmp_path, texts, schema()) == {name: [] for name in texts}


def test_a_config_that_extends_another_needs_no_more_and_one_that_does_not_needs_its_tables(tmp_path: Path) -> None:
    texts = {
        "child.toml": with_comment('extends = "base.toml"\n[optimizer]\nname = "adam"\nlr = 0.1\n'),
        "lacking.toml": with_comment('[optimizer]\nname = "adam"\n'),
        "wrong.toml": with_comment('extends = "base.toml"\n[optimizer]\nname = "adam"\nbeta3 = 0.1\n'),
    }
    marks = lint(tmp_path, texts, config_schema(registry))
    assert marks["child.toml"] == []
    assert marks["lacking.toml"]
    assert any("beta3" in message for _, _, message in marks["wrong.toml"])


def test_it_is_silent_on_every_component_with_every_argument(tmp_path: Path) -> None:
    texts = {}
    for kind in (
        "loss",
        "optimizer",
        "metric",
        "callback",
        "gradient_step",
        "regularizer",
        "constraint",
        "sampler",
        "layer",
    ):
        for name in registry.names(kind):
            if (provider := registry.find(kind, name)).dist != "bpframe":
                continue
            config = configs_to_check(registry.load(kind, name))[0]
            try:
                spec = describe(registry, kind, bp.build(kind, {"name": name, **config}))
            except BpframeError:
                continue  # its example needs more than a config can hold
            spec["name"] = provider.name  # which may be a second name of the same class
            tables: dict[str, Any] = tomllib.loads(SMALL)
            many = kind in ("metric", "callback", "gradient_step", "regularizer", "constraint")
            if kind == "layer":
                tables["model"] = {"layers": [spec]}
            else:
                tables[registry.kind(kind).plural if many else kind] = [spec] if many else spec
            texts[f"{kind}-{name}.toml"] = with_comment(dumps(tables))
    assert len(texts) > 110
    assert lint(tmp_path, texts, schema()) == {name: [] for name in texts}


def test_components_that_cannot_be_imported_are_not_marked(site: Site, tmp_path: Path) -> None:
    code = "from bpframe.cli import main; main(['schema', '-o', '-'])"
    done = site.run(code)
    assert done.returncode == 0, done.stderr
    schema = json.loads(done.stdout)
    broken = next(each for each in schema["$defs"]["loss"]["oneOf"] if each["title"] == "loss broken")
    assert broken["additionalProperties"] is True
    assert "fails on import" in broken["description"]


@pytest.mark.parametrize("kind", ["optimizer", "loss", "layer", "schedule", "gradient_step", "initializer"])
def test_a_range_is_what_the_constructor_takes(kind: str) -> None:
    seen = 0
    given = {"initial": 1.0, "units": 1, "rate": 0.5, "peak": 1.0, "num_embeddings": 3, "embedding_dim": 2}
    for name in registry.names(kind):
        component = registry.load(kind, name)
        needed = required_arguments(component).keys()
        if registry.find(kind, name).dist != "bpframe" or needed - given.keys():
            continue
        others = {key: given[key] for key in needed}
        for key, limits in argument_ranges(component).items():
            for word, bound in limits.items():
                beyond = bound if "exclusive" in word else bound + (-1 if word == "minimum" else 1)
                with pytest.raises((BpframeError, ValueError)):
                    component(**{**others, key: beyond})
                if "exclusive" not in word:
                    component(**{**others, key: bound})
                seen += 1
    assert seen >= 2


@pytest.mark.parametrize(
    ("text", "limits"),
    [
        ("x needs a number above 0 as lr, got -1.", {"exclusiveMinimum": 0}),
        ("x needs a number of at least 0 as l2, got -1.", {"minimum": 0}),
        ("x needs a whole number of at least 2 as k, got -1.", {"minimum": 2}),
        ("x needs a number in [0, 1) as beta, got -1.", {"minimum": 0, "exclusiveMaximum": 1}),
        ("x needs a number in (1, 2.5] as p, got -1.", {"exclusiveMinimum": 1, "maximum": 2.5}),
        ("a number between 0 and 1", {"exclusiveMinimum": 0, "exclusiveMaximum": 1}),
        ("x needs another name", {}),
    ],
)
def test_limits_are_read_from_the_words_of_an_error(text: str, limits: dict[str, float]) -> None:
    assert limits_in(text) == limits


def test_the_command_writes_the_file_or_prints_it(folder: Path) -> None:
    told = good("schema")
    assert told.startswith("bpframe.schema.json is written.")
    written = json.loads((folder / "bpframe.schema.json").read_text())
    assert json.loads(good("schema", "--output", "-")) == written
    momentum = next(each for each in written["$defs"]["optimizer"]["oneOf"] if each["title"] == "optimizer momentum")
    assert momentum["properties"]["name"]["const"] == "momentum"
    assert momentum["properties"]["momentum"]["default"] == 0.9
    assert momentum["description"]
    assert (
        written["properties"]["train"]["properties"]["epochs"]["description"]
        == "passes over the rows of training, at most"
    )


def test_a_file_of_plugins_is_in_the_schema(folder: Path) -> None:
    (folder / "my.py").write_text(
        "class Own:\n    link = 'identity'\n    def __init__(self, width: int = 3): self.width = width\n"
        "    def value_and_delta(self, scores, target): ...\n"
    )
    found = json.loads(good("schema", "-o", "-", "--plugin", "my.py"))
    own = next(each for each in found["$defs"]["loss"]["oneOf"] if each["title"] == "loss own")
    assert own["properties"]["name"]["enum"] == ["own", "local/own"]
    assert own["properties"]["width"] == {"title": "width", "type": "integer", "default": 3}
