"""The text of characters.toml: `python characters.py` writes characters.text, the source of bpframe itself.

A model learns to go on with it. After training, `python characters.py runs/characters` prints bits a character on the
held-out tenth, and some text that the model writes.
"""

from __future__ import annotations

import sys
from hashlib import sha256
from math import log
from pathlib import Path

import numpy as np

import bpframe as bp

SIGNS = "\n\t" + "".join(map(chr, range(0x20, 0x7F)))  # the alphabet of the source "text": 1 is the first
SIZE, LENGTH = 1_000_000, 128


def main() -> None:
    """Writes the text, or reads a run."""
    if len(sys.argv) == 1:
        package = Path(bp.__file__).parent
        files = [path.relative_to(package).as_posix() for path in package.rglob("*.py")]
        files.sort(key=lambda name: sha256(name.encode()).digest())  # rooms mixed: the last tenth is like the others
        text = "".join((package / name).read_text(encoding="utf-8") for name in files)
        Path("characters.text").write_text(text[:SIZE], encoding="utf-8")
        return
    trainer = bp.Trainer.load(f"{sys.argv[1]}/model.safetensors")
    x, y = bp.datasets.read("characters.text", source=bp.sources.text(length=LENGTH))
    _, held = bp.datasets.split(y, 0.1, "tail")
    print(f"{trainer.evaluate(x[held], y[held])['loss'] / log(2):.3f} bits a character")
    print(written(trainer, "def ", 300))


def written(trainer: bp.Trainer, start: str, length: int) -> str:
    """Text that the model goes on with, drawn character by character."""
    rng, text = np.random.default_rng(0), start
    for _ in range(length):
        window = text[-LENGTH:].rjust(LENGTH)
        probabilities = trainer.predict(np.array([[SIGNS.find(sign) + 1 for sign in window]]))[0, -1]
        text += (" " + SIGNS)[rng.choice(98, p=probabilities / probabilities.sum())]
    return text


if __name__ == "__main__":
    main()
