"""The meanings of a config's keys, from the docstrings of its tables."""

from __future__ import annotations

import inspect
import re

from bpframe.runs.config.schema import ConfigFile
from bpframe.training.spec import TrainerSpec


def meanings(cls: type) -> dict[str, str]:
    """The meaning of each key, from lines "key   meaning" of the docstring, or from "`key`: meaning;" in its text."""
    text = inspect.getdoc(cls) or ""
    inline = re.findall(r"`(\w+)`: (.*?)(?=[;.](?:\s|\Z))", text, re.DOTALL)
    rows = re.findall(r"^(\w+) {2,}(\S.*(?:\n {2,}\S.*)*)", text, re.MULTILINE)
    found = {key: " ".join(meaning.split()) for key, meaning in [*inline, *rows]}
    return {**meanings(TrainerSpec), **found} if cls is ConfigFile else found
