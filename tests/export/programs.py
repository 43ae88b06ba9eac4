"""Programs of an export, run: a Python module, a C program of several headers, a JavaScript module in node."""

from __future__ import annotations

import importlib.util
import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from bpframe.types import HostArray
from tests.executables import executable

C_TYPES = {"float32": "float", "float64": "double"}


def python_module(file: Path) -> Any:
    """An exported source file, imported."""
    spec = importlib.util.spec_from_file_location(file.stem, file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def c_predictions(headers: Mapping[str, Path], inputs: Mapping[str, HostArray], dtypes: Mapping[str, str]) -> Any:
    """Predictions (B, C) by prefix of each header, of rows by prefix; `dtypes` of predictions. One compilation.

    Several inputs stand side by side in a row, as in the struct that the header takes.
    """
    folder = next(iter(headers.values())).parent
    calls = [
        f"""{{ static {C_TYPES[x.dtype.name]} x[{x.size}];
        static {C_TYPES[dtypes[p]]} y[{len(x)} * {p.upper()}_PREDICTIONS];
        if ({p}_self_test()) {{ fprintf(stderr, "{p} fails its test\\n"); return 3; }}
        if (fread(x, sizeof(x), 1, stdin) != 1) return 2;
        {p}_predict((const void *) x, {len(x)}, y); fwrite(y, sizeof(y), 1, stdout); }}"""
        for p, x in inputs.items()
    ]
    text = "\n".join(["#include <stdio.h>", *(f'#include "{h.name}"' for h in headers.values()), "int main(void) {"])
    (folder / "main.c").write_text("\n".join([text, *calls, "return 0; }", ""]))
    flags = ["-std=c99", "-O1", "-Wall", "-Wextra", "-Werror", "-pedantic"]
    subprocess.run([executable("gcc"), *flags, "main.c", "-o", "main", "-lm"], cwd=folder, check=True)
    stdin = b"".join(x.tobytes() for x in inputs.values())
    made = subprocess.run([folder / "main"], input=stdin, capture_output=True, check=False)
    assert made.returncode == 0, made.stderr.decode()
    return made.stdout


def node(script: str, folder: Path) -> Any:
    """What a script of JavaScript in that folder leaves in `made`."""
    (folder / "main.mjs").write_text(f'import fs from "fs";\n{script}\nfs.writeSync(1, JSON.stringify(made));\n')
    done = subprocess.run([executable("node"), "main.mjs"], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def js_predictions(modules: Mapping[str, Path], inputs: Mapping[str, HostArray]) -> dict[str, HostArray]:
    """Predictions by name of each module, of rows by name; numbers that are not finite as text. One run of node."""
    folder = next(iter(modules.values())).parent
    rows = {name: _as_text(x.reshape(len(x), -1)) for name, x in inputs.items()}
    (folder / "rows.json").write_text(json.dumps(rows))
    made = node(
        f"""
const rows = JSON.parse(fs.readFileSync("rows.json"));
const made = {{}};
for (const [name, file] of Object.entries({json.dumps({name: f"./{f.name}" for name, f in modules.items()})})) {{
  const model = await import(file);
  model.selfTest();
  made[name] = model.predict(rows[name].map((row) => row.map(Number))).map((row) => row.map(String));
}}""",
        folder,
    )
    return {name: _as_numbers(found) for name, found in made.items()}


def _as_text(x: HostArray) -> list[list[str]]:
    return [[repr(n).replace("inf", "Infinity").replace("nan", "NaN") for n in row] for row in x.tolist()]


def _as_numbers(rows: list[list[str]]) -> HostArray:
    return np.array([[float(n.replace("Infinity", "inf")) for n in row] for row in rows])
