"""bpframe works from inside a zip file, as zipapps have it: its components are found, and its data set."""

from __future__ import annotations

import zipfile
from pathlib import Path

import bpframe as bp
import bpframe_losses
from bpframe.registry.metadata_scan import core_distribution
from tests.conftest import fresh_python

CODE = """
import numpy as np, bpframe as bp
x, y = bp.datasets.digits()
trainer = bp.Trainer(bp.Network([bp.layers.dense(10)]), "softmax_cross_entropy")
trainer.fit(x[:64], y[:64], epochs=1)
print("bp.zip" in bp.__file__, x.shape, int(x.sum()), bp.losses.mse.__module__, len(bp.names("loss")))
"""


def write_zip(file: Path) -> None:
    """The package, the bundled components and their metadata in one file."""
    core, bundled = Path(bp.__file__).parent, Path(bpframe_losses.__file__).parents[1]
    dist = core_distribution()
    assert dist is not None
    with zipfile.ZipFile(file, "w") as archive:
        for package in (core, *bundled.glob("bpframe_*")):
            for each in package.rglob("*"):
                if each.is_file() and "__pycache__" not in each.parts and "jax" not in each.parts:
                    archive.write(each, each.relative_to(package.parent))
        for name in ("METADATA", "entry_points.txt"):
            archive.writestr(f"bpframe-{bp.__version__}.dist-info/{name}", dist.read_text(name) or "")


def test_bpframe_trains_on_its_digits_from_inside_a_zip_file(tmp_path: Path) -> None:
    write_zip(tmp_path / "bp.zip")
    done = fresh_python(["-c", CODE], tmp_path, tmp_path / "bp.zip")
    assert done.returncode == 0, done.stderr
    x, _ = bp.datasets.digits()
    bundled = [provider for provider in bp.providers("loss") if provider.dist == "bpframe"]
    expected = f"True (1797, 64) {int(x.sum())} bpframe_losses.mse {len(bundled)}"
    assert done.stdout.strip() == expected
