"""A small config, and the mistakes that loading a config finds."""

from __future__ import annotations

from pathlib import Path

import pytest

from bpframe.errors import ConfigError
from bpframe.runs import config
from bpframe.runs.config import parse_override

SMALL = """\
loss = "mse"

[data]
source = { name = "noisy_sine", points = 40 }

[[model.layers]]
name = "dense"
units = 1
"""


def mistakes(path: Path, *settings: str) -> list[str]:
    """The lines of the error that loading raises."""
    with pytest.raises(ConfigError) as caught:
        config.load(path, [parse_override(setting) for setting in settings])
    return str(caught.value).replace(f"{path}:", "").split("\n")
