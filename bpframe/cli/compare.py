"""bpframe compare: tune rules by the same trials, train them on other seeds, and say what is shown."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bpframe.cli.local_files import plugin_option

if TYPE_CHECKING:
    from bpframe.studies.rule_comparison import Comparison
    from bpframe.studies.trial_file import TrialFile

UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0}


def _seconds(ctx: click.Context, option: click.Parameter, value: str | None) -> float | None:
    """The seconds of 90, 90s, 5m or 2h; a usage error for what is no time."""
    match = None if value is None else re.fullmatch(r"(\d+(?:\.\d+)?)([smh]?)", value.strip())
    if value is not None and (match is None or not float(match[1])):
        raise click.BadParameter(f"needs a time such as 90s, 5m or 2h, got {value!r}.", ctx, option)
    return None if match is None else float(match[1]) * UNITS[match[2] or "s"]


@click.command(epilog="Exit codes: bpframe --help.")
@click.argument("rules", nargs=-1, metavar="[OPTIMIZER | loss:NAME | 'NAME(lr=0.1)']...")
@click.option(
    "--on", "config", type=click.Path(path_type=Path), help="Compare on a config instead of bundled workloads."
)
@click.option("--workload", "workloads", multiple=True, help="Compare on this bundled workload; may be repeated.")
@click.option("--budget", metavar="TIME", callback=_seconds, help="90s, 5m: leaves out workloads, never seeds.")
@click.option("--jobs", type=click.IntRange(min=1), default=1, show_default=True, help="Trainings at a time.")
@click.option("--studies", type=click.IntRange(min=1), help="Studies of each workload; 3 by default.")
@click.option("--seeds", type=click.IntRange(min=1), default=2, show_default=True, help="Scoring seeds of each study.")
@click.option("--engine", default="numpy", show_default=True, help="What runs the trainings.")
@click.option(
    "--diagnoses/--no-diagnoses", default=True, help="Try small problems that rules fail at, too; on by default."
)
@click.option("--out", type=click.Path(path_type=Path), help="The file of trials; by default RULES.compare.jsonl.")
@click.option("--show", type=click.Path(path_type=Path, exists=True), help="Only print what a file of trials says.")
@click.option("--unproven", is_flag=True, help="Take plugins that the conformance kit cannot prove, too.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object: the summary.")
@click.option("--quiet", is_flag=True, help="Show no progress.")
@plugin_option
def compare(rules: Sequence[str], show: Path | None, as_json: bool, plugins: Sequence[Path], **options: Any) -> None:
    """Compare optimizers, or losses, by the same trials on small workloads that need no network.

    Each rule is tuned in studies of 5 quasi-random trials in the tuning_space that it declares; what each study finds
    is trained on other seeds, the same for all rules, over one, two and four times the horizon. The first rule is the
    reference. Each training is a line of the file --out: the same command goes on where it was stopped.
    """
    from bpframe.cli.output import print_result
    from bpframe.cli.study_progress import trial_count_text
    from bpframe.layout import terminal_width
    from bpframe.saving.json_values import to_json
    from bpframe.studies.comparison_findings import comparison_summary
    from bpframe.studies.comparison_tables import comparison_text
    from bpframe.studies.trial_file import TrialFile

    if (show is None) == (not rules):
        raise click.UsageError("compare needs rules, or --show FILE alone, as in: bpframe compare adam lion.")
    file = TrialFile(show) if show is not None else _run(rules, plugins, **options)
    records = file.records()
    summary = comparison_summary(records)
    if as_json:
        print_result(to_json(summary))
        return
    print_result(f"{comparison_text(summary, terminal_width())}\n\n{trial_count_text(file)}")


def _run(rules: Sequence[str], plugins: Sequence[Path], out: Path | None, quiet: bool, **options: Any) -> TrialFile:
    """The file of a comparison that was run."""
    from bpframe.cli.local_files import declare_plugin_files
    from bpframe.cli.study_progress import StudyProgress
    from bpframe.studies.rule_comparison import run_comparison, trial_count, within_budget

    declare_plugin_files(plugins)
    comparison = _comparison(rules, tuple(str(file.absolute()) for file in plugins), options)
    jobs, budget = options["jobs"], options["budget"]
    if budget is not None:
        comparison = within_budget(comparison, budget, jobs)
    for line in _left_out(comparison, options["workloads"]):
        click.echo(line, err=True)
    own = out or Path("-".join(re.sub(r"\W+", "_", rule).strip("_") for rule in rules) + ".compare.jsonl")
    file = run_comparison(comparison, own, jobs=jobs, budget=budget, show=None if quiet else StudyProgress())
    done, whole = len(file.records()) - 1, trial_count(comparison)
    if budget is not None and done < whole:
        click.echo(f"{done} of {whole} trials are done. The same command goes on with the others.", err=True)
    return file


def _comparison(rules: Sequence[str], files: tuple[str, ...], options: Mapping[str, Any]) -> Comparison:
    """What is compared; ConfigError for what cannot be, CheckFailed for a plugin that is not proven."""
    from bpframe.errors import ConfigError
    from bpframe.studies.bundled_workloads import WORKLOADS
    from bpframe.studies.config_sweep import SweptConfig
    from bpframe.studies.config_workload import config_name
    from bpframe.studies.contestant import parse_contestant
    from bpframe.studies.proof import require_proof
    from bpframe.studies.rule_comparison import comparison_of

    names, on = options["workloads"] or tuple(WORKLOADS), None
    if wrong := [name for name in names if name not in WORKLOADS]:
        raise ConfigError(f"No workload named '{wrong[0]}'. There are: {', '.join(WORKLOADS)}.")
    if (config := options["config"]) is not None:
        on, names = SweptConfig(str(config.absolute()), files=files), (config_name(config),)
        on.load()  # before contestants are looked up, among which may be its own plugin files
    contestants = [parse_contestant(rule) for rule in rules]
    if not options["unproven"]:
        require_proof(contestants)
    given = {name: options[name] for name in ("studies", "seeds", "engine")}
    more = {} if options["diagnoses"] else {"diagnoses": ()}
    return comparison_of(
        contestants, workloads=names, on=on, files=files, proven=not options["unproven"], **given, **more
    )


def _left_out(comparison: Comparison, chosen: Sequence[str]) -> list[str]:
    """What the comparison cannot say, since workloads are left out."""
    from bpframe.studies.bundled_workloads import WORKLOADS

    if comparison.on is not None:
        return []
    missing = [name for name in chosen or WORKLOADS if name not in comparison.workloads]
    return [f"Left out, so that nothing is concluded about them: {', '.join(missing)}."] if missing else []
