"""The config of a run as a TOML file: every part named, every setting checked against what it belongs to.

    from bpframe.runs import config

    run = config.load("digits.toml")
    parts = run.data()
    trainer = run.trainer()
    trainer.fit(*parts.train, validation=parts.validation)

Mistakes are reported all at once, each with file, line and dotted path.
"""

from __future__ import annotations

from bpframe.runs.config.overrides import Override, parse_override
from bpframe.runs.config.partition import Partition
from bpframe.runs.config.run_config import Config, load

__all__ = ["Config", "Override", "Partition", "load", "parse_override"]
