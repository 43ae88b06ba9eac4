"""bpframe sweep: train a config with every combination of some settings, on several seeds."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from bpframe.cli.local_files import plugin_files


@click.command(epilog="Exit codes: bpframe --help.")
@click.argument("config", type=click.Path(path_type=Path))
@click.option(
    "--over", "settings", multiple=True, required=True, metavar="KEY=V,V", help="Values to try: optimizer.lr=1e-3,1e-2."
)
@click.option("--seeds", type=click.IntRange(min=1), default=1, show_default=True, help="Seeds of each combination.")
@click.option("--jobs", type=click.IntRange(min=1), default=1, show_default=True, help="Trainings at a time.")
@click.option("--by", metavar="VALUE", help="Compare by this value on validation rows; by default the loss.")
@click.option("--set", "fixed", multiple=True, metavar="KEY=VALUE", help="Override a setting of all trainings.")
@click.option(
    "--out", type=click.Path(path_type=Path), help="The file of trials; by default CONFIG's stem.sweep.jsonl."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON array: the points, the best first.")
@click.option("--quiet", is_flag=True, help="Show no progress.")
@click.option("--no-plugins", is_flag=True, help="Use components of bpframe itself only.")
@plugin_files
def sweep(config: Path, settings: Sequence[str], by: str | None, as_json: bool, quiet: bool, **options: Any) -> None:
    """Train CONFIG with every combination of the values of --over, and show which are best.

    Each training is a line of the file --out. A sweep that is stopped loses the trainings that ran: the same command
    goes on with the others, and with more seeds or values, too. The best are those of the validation rows; rows for
    testing are left alone.
    """
    from bpframe.cli.output import print_result
    from bpframe.cli.study_progress import StudyProgress, trial_count_text
    from bpframe.layout import terminal_width
    from bpframe.runs.config import parse_override
    from bpframe.saving.json_values import to_json
    from bpframe.studies.config_sweep import run_sweep
    from bpframe.studies.grid import parse_over
    from bpframe.studies.sweep_table import sweep_scores, sweep_text

    file = run_sweep(
        config,
        merged(map(parse_over, settings)),
        seeds=options["seeds"],
        jobs=options["jobs"],
        out=options["out"],
        overrides=[parse_override(setting) for setting in options["fixed"]],
        core_only=options["no_plugins"],
        show=None if quiet else StudyProgress(),
    )
    records = file.records()
    if as_json:
        print_result(to_json([vars(score) | {"median": score.middle} for score in sweep_scores(records, by)]))
        return
    print_result(f"{sweep_text(records, by, terminal_width())}\n{trial_count_text(file)}")


def merged(pairs: Any) -> dict[str, list[Any]]:
    """Values by key; click.UsageError for a key that is given twice."""
    found: dict[str, list[Any]] = {}
    for key, values in pairs:
        if key in found:
            raise click.UsageError(f"--over needs each key once, got {key} twice. Put all its values into one.")
        found[key] = values
    return found
