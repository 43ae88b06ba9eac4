"""Studies: many trainings for one answer. Which settings are best (a sweep), and is one rule better than another?

    from bpframe import studies

    file = studies.run_sweep("digits.toml", {"optimizer.lr": [1e-4, 1e-3, 1e-2]}, seeds=5, jobs=2)
    print(studies.sweep_text(file.records()))

    rules = [studies.parse_contestant(name) for name in ("adam", "lion")]
    file = studies.run_comparison(studies.comparison_of(rules), "adam-lion.jsonl", jobs=2)
    print(studies.comparison_text(studies.comparison_summary(file.records())))

Every training is a trial, and a line of a JSONL file; what is said about a study is a function of that file. Trials
run through joblib, in whichever backend is set by `joblib.parallel_config`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bpframe.lazy_names import lazy_names

if TYPE_CHECKING:
    from bpframe.studies.comparison_findings import comparison_summary
    from bpframe.studies.comparison_html import comparison_report
    from bpframe.studies.comparison_tables import comparison_text
    from bpframe.studies.config_sweep import run_sweep
    from bpframe.studies.contestant import Contestant, parse_contestant
    from bpframe.studies.proof import require_proof
    from bpframe.studies.rule_comparison import Comparison, comparison_of, run_comparison
    from bpframe.studies.sweep_table import sweep_text
    from bpframe.studies.trial_file import TrialFile

_HOME = {  # imported when it is first touched: the processes of a sweep need little of it
    "Comparison": "rule_comparison",
    "Contestant": "contestant",
    "TrialFile": "trial_file",
    "comparison_of": "rule_comparison",
    "comparison_report": "comparison_html",
    "comparison_summary": "comparison_findings",
    "comparison_text": "comparison_tables",
    "parse_contestant": "contestant",
    "require_proof": "proof",
    "run_comparison": "rule_comparison",
    "run_sweep": "config_sweep",
    "sweep_text": "sweep_table",
}
__getattr__ = lazy_names(__name__, globals(), _HOME, __name__)

__all__ = [
    "Comparison",
    "Contestant",
    "TrialFile",
    "comparison_of",
    "comparison_report",
    "comparison_summary",
    "comparison_text",
    "parse_contestant",
    "require_proof",
    "run_comparison",
    "run_sweep",
    "sweep_text",
]
