"""Imports go strictly down a floor: over the syntax trees of all sources, imports inside functions included.

Every module or package of bpframe has a floor in the table below. Inside a package imports must not run in a circle,
which is the same as saying that floors could be given to its modules, too; its `__init__` stands on top of them.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

FLOORS = (
    "curve_svg errors intervals layout lazy_names tree types version",
    "checks ops protocols regular_files",
    "random registry",
    "_namespaces network",
    "data saving",
    "engine plot",
    "training",
    "datasets export plugin pyinstaller report runs sklearn testing",
    "studies",
    "cli",
    "__init__ __main__",
)
FLOOR = {name: number for number, names in enumerate(FLOORS, start=1) for name in names.split()}
ANYWHERE = {"numpy", "typing_extensions"}
ONLY_IN = {  # by module or package of bpframe
    "pluggy": {"training"},
    "click": {"cli"},
    "markdown_it": {"cli"},
    "jax": {"engine"},
    "threadpoolctl": {"engine", "saving"},
    "sklearn": {"sklearn"},
    "scipy": {"sklearn"},
    "PyInstaller": {"pyinstaller"},
    "array_api_strict": {"testing"},
    "pytest": {"testing"},
    "onnx": {"export", "sklearn", "testing"},
    "onnxruntime": {"testing"},
    "skl2onnx": {"sklearn"},
    "matplotlib": {"plot"},
    "rich": {"cli"},
    "joblib": {"studies"},
    "PIL": {"plot"},
}

Sources = Mapping[str, Path]  # dotted module name -> file


def sources(folder: Path) -> dict[str, Path]:
    """Every module of a package, stubs included; `__init__` is a module of that name."""
    files = sorted(file for file in folder.rglob("*.py*") if file.suffix in (".py", ".pyi"))
    return {".".join((folder.name, *file.relative_to(folder).with_suffix("").parts)): file for file in files}


def imports(file: Path) -> Iterator[str]:
    """What a file imports: "a.b" for import a.b, "a.b.c" for from a.b import c, "." in front where it is relative."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{'.' * node.level}{node.module or ''}.{alias.name}" for alias in node.names)


def resolved(name: str, modules: Sources) -> str:
    """The module of an imported name: itself, the package that it names, or where it is taken from."""
    for candidate in (name, f"{name}.__init__", name.rpartition(".")[0], f"{name.rpartition('.')[0]}.__init__"):
        if candidate in modules:
            return candidate
    return name


def house(module: str) -> str:
    """The name in the table of a module of bpframe: "bpframe.registry.kinds" -> "registry"."""
    return module.split(".")[1]


def violations(package: Path, floor: Mapping[str, int]) -> list[str]:
    """What is wrong with the imports of a package, a line each."""
    modules = sources(package)
    found = [f"{module} has no floor" for module in modules if house(module) not in floor]
    for module, file in modules.items():
        for name in imports(file):
            found += _judge(module, name, modules, floor)
    return found + circles(modules)


def _judge(module: str, name: str, modules: Sources, floor: Mapping[str, int]) -> Iterator[str]:
    if name.startswith(".") or name.endswith(".*"):
        yield f"{module} imports {name}: full paths and names only"
        return
    top = name.partition(".")[0]
    if top == module.partition(".")[0]:
        target = resolved(name, modules)
        if house(module) != house(target) and floor.get(house(target), 99) >= floor.get(house(module), 0):
            yield f"{module} imports {target}, which is not below it"
    elif top not in sys.stdlib_module_names and top not in ANYWHERE and house(module) not in ONLY_IN.get(top, ()):
        yield f"{module} imports {name}, which it may not"


def circles(modules: Sources) -> list[str]:
    """Modules of one package that import each other, directly or not."""
    graph = {
        module: {resolved(name, modules) for name in imports(file)} & set(modules) for module, file in modules.items()
    }
    graph = {module: {t for t in targets if house(t) == house(module)} for module, targets in graph.items()}
    while ready := [module for module, targets in graph.items() if not targets & set(graph)]:
        graph = {module: targets for module, targets in graph.items() if module not in ready}
    return [f"{module} is part of a circle" for module in sorted(graph)]


def foreign(files: Sequence[Path], allowed: set[str]) -> list[str]:
    """Imports of these files that are neither the standard library's nor allowed."""
    return [
        f"{file.name} imports {name}"
        for file in files
        for name in imports(file)
        if name.partition(".")[0] not in allowed | set(sys.stdlib_module_names)
    ]


def past_the_door(files: Sequence[Path]) -> list[str]:
    """Imports of these files from bpframe that are not from bpframe.plugin."""
    return [
        f"{file.name} imports {name}"
        for file in files
        for name in imports(file)
        if name.partition(".")[0] == "bpframe" and not name.startswith("bpframe.plugin.")
    ]


# the house as it stands


def test_imports_of_bpframe_go_strictly_down_a_floor_and_out_only_where_they_may():
    assert violations(ROOT / "bpframe", FLOOR) == []


def test_every_name_of_the_table_exists():
    there = {house(module) for module in sources(ROOT / "bpframe")}
    assert set(FLOOR) - {"__main__"} <= there


def test_no_room_imports_a_front_door():
    doors = {"cli", "datasets", "plugin", "sklearn", "studies", "testing"}
    modules = sources(ROOT / "bpframe")
    rooms = {name: file for name, file in modules.items() if house(name) not in doors | {"__init__", "__main__"}}
    named = [
        (house(room), name) for room, file in rooms.items() for name in imports(file) if name.startswith("bpframe")
    ]
    used = {(room, house(resolved(name, modules))) for room, name in named if resolved(name, modules) in modules}
    assert {(room, door) for room, door in used if door in doors} == set()


def test_bpframe_reads_no_plugin_and_no_other_framework():
    files = list(sources(ROOT / "bpframe").values())
    assert len(files) > 50
    tops = {name.partition(".")[0] for file in files for name in imports(file)}
    assert not [top for top in tops if top.startswith("bpframe_") or top == "torch"]


def test_jax_is_imported_by_the_compiled_engine_alone():
    reading = {
        name
        for name, file in sources(ROOT / "bpframe").items()
        if "jax" in {n.partition(".")[0] for n in imports(file)}
    }
    assert reading == {
        "bpframe.engine.numpy.blas",
        *(
            f"bpframe.engine.jax.{name}"
            for name in (
                "block_loop",
                "blocks",
                "compile_cache",
                "compiled_step",
                "device",
                "loops",
                "session",
                "xla_convolution",
                "xla_depthwise",
                "xla_one_channel",
                "xla_pieces",
                "xla_side_by_side",
            )
        ),
    }


def test_modules_are_imported_by_computed_names_in_the_lazy_faces_and_by_entry_points_only():
    def computes(file: Path) -> bool:
        tree = ast.parse(file.read_text(encoding="utf-8"))
        names = {getattr(node, "attr", getattr(node, "id", None)) for node in ast.walk(tree)}
        return bool(names & {"import_module", "__import__"})

    computing = [name for name, file in sources(ROOT / "bpframe").items() if computes(file)]
    assert computing == ["bpframe.__init__", "bpframe.lazy_names", "bpframe.registry.own_metadata"]


def test_bundled_plugins_import_numpy_each_other_and_of_bpframe_its_door_alone():
    packages = sorted((ROOT / "plugins").glob("bpframe_*"))
    assert len(packages) >= 9
    files = [file for package in packages for file in package.rglob("*.py")]
    allowed = {"bpframe", "numpy", *(package.name for package in packages)}
    sources = {file for file in files if file.parent.name == "bpframe_sources"}  # of Arrow, of images
    engines = {file for file in files if file.parent.name == "bpframe_engines"}
    loggers = {file for file in files if file.stem in ("mlflow", "tensorboard")}
    assert foreign([file for file in files if file not in sources | engines | loggers], allowed) == []
    assert foreign([*engines], allowed | {"array_api_strict"}) == []
    assert foreign([*loggers], allowed | {"mlflow", "tensorboardX"}) == []
    assert foreign([*sources], allowed | {"PIL", "pyarrow"}) == []
    assert not [file for file in files for name in imports(file) if name.startswith(".") or name.endswith(".*")]
    assert past_the_door(files) == []


# the checker


SMALL = {"low": 1, "also_low": 1, "package": 2, "high": 3, "training": 3, "cli": 4, "__init__": 5}
CLEAN = {
    "low.py": "import math\nimport numpy as np",
    "also_low.py": "from typing_extensions import final",
    "package/__init__.py": "from house.package.one import a",
    "package/one.py": "from house.package import two\nfrom house.low import b",
    "package/two.py": "import os.path",
    "high.py": "from house import low, package\nimport house.package.two",
    "training.py": "import pluggy",
    "cli/__init__.py": "import markdown_it.main\nfrom click import command\nfrom house.high import c",
    "__init__.py": "from house.cli import d",
}


def built(folder: Path, files: Mapping[str, str]) -> Path:
    for name, text in files.items():
        path = folder / "house" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder / "house"


def test_the_checker_finds_nothing_in_a_clean_house(tmp_path):
    assert violations(built(tmp_path, CLEAN), SMALL) == []


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("low.py", "from house.high import x", ["house.low imports house.high, which is not below it"]),
        ("low.py", "import house.also_low", ["house.low imports house.also_low, which is not below it"]),
        ("low.py", "from house import package", ["house.low imports house.package.__init__, which is not below it"]),
        ("low.py", "from house.package.two import x", ["house.low imports house.package.two, which is not below it"]),
        ("low.py", "from house import d", ["house.low imports house.__init__, which is not below it"]),
        ("low.py", "def f():\n    import house.high", ["house.low imports house.high, which is not below it"]),
        ("high.py", "import bpframe_losses.mse", ["house.high imports bpframe_losses.mse, which it may not"]),
        ("high.py", "from jax import numpy", ["house.high imports jax.numpy, which it may not"]),
        (
            "high.py",
            "try:\n    import torch\nexcept ImportError:\n    pass",
            ["house.high imports torch, which it may not"],
        ),
        ("high.py", "import pluggy", ["house.high imports pluggy, which it may not"]),
        (
            "high.py",
            "from markdown_it import MarkdownIt",
            ["house.high imports markdown_it.MarkdownIt, which it may not"],
        ),
        ("cli/__init__.py", "import pluggy", ["house.cli.__init__ imports pluggy, which it may not"]),
        ("high.py", "from . import low", ["house.high imports ..low: full paths and names only"]),
        ("high.py", "from house.low import *", ["house.high imports house.low.*: full paths and names only"]),
        (
            "package/two.py",
            "from house.package.one import y",
            ["house.package.__init__ is part of a circle"]
            + [f"house.package.{m} is part of a circle" for m in ("one", "two")],
        ),
        (
            "package/two.py",
            "from house.package import a",
            ["house.package.__init__ is part of a circle"]
            + [f"house.package.{m} is part of a circle" for m in ("one", "two")],
        ),
        ("new.py", "", ["house.new has no floor"]),
    ],
)
def test_the_checker_names_every_import_that_is_not_allowed(name, text, expected, tmp_path):
    assert violations(built(tmp_path, {**CLEAN, name: text}), SMALL) == expected


def test_the_check_of_plugins_names_a_foreign_import(tmp_path):
    built(
        tmp_path, {"loss.py": "import numpy as np\nimport math\nfrom bpframe.types import Array\nimport scipy.special"}
    )
    assert foreign([tmp_path / "house" / "loss.py"], {"bpframe", "numpy"}) == ["loss.py imports scipy.special"]


def test_the_check_of_plugins_names_an_import_past_the_door(tmp_path):
    built(tmp_path, {"loss.py": "from bpframe.plugin import ops\nfrom bpframe import checks\nimport bpframe.types"})
    found = ["loss.py imports bpframe.checks", "loss.py imports bpframe.types"]
    assert past_the_door([tmp_path / "house" / "loss.py"]) == found
