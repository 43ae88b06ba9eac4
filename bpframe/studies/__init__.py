"""Studies: many trainings for one answer. Which settings are best (a sweep), and is one rule better than another?

    from bpframe import studies

    file = studies.run_sweep("digits.toml", {"optimizer.lr": [1e-4, 1e-3, 1e-2]}, seeds=5, jobs=2)
    print(studies.sweep_text(file.records()))

Every training is a trial, and a line of a JSONL file; what is said about a study is a function of that file. Trials
run through joblib, in whichever backend is set by `joblib.parallel_config`.
"""

from __future__ import annotations

from bpframe.studies.config_sweep import run_sweep
from bpframe.studies.sweep_text import sweep_text
from bpframe.studies.trial_file import TrialFile

__all__ = ["TrialFile", "run_sweep", "sweep_text"]
