"""Search for settings with Optuna, and give up early on those that fall behind: python optuna_search.py CONFIG

Each epoch's validation loss goes to Optuna, whose pruner compares it with those of other trials at the same epoch.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass

import optuna

import bpframe as bp
from bpframe.runs import config


@dataclass(frozen=True)
class Report:
    """A callback that reports each epoch to a trial, and ends the fit where that is pruned."""

    trial: optuna.Trial

    @bp.hookimpl
    def bpframe_epoch_end(self, state: bp.RunState) -> None:
        """Report; an error raised here would be one of the callback, so the fit is stopped."""
        self.trial.report(state.metrics["validation.loss"], state.epoch)
        if self.trial.should_prune():
            state.stop("pruned")


def objective(trial: optuna.Trial, path: str) -> float:
    """The validation loss of the config at the settings that the trial suggests."""
    rate = trial.suggest_float("optimizer.lr", 1e-4, 1e-1, log=True)
    units = trial.suggest_int("model.layers.0.units", 8, 64, log=True)
    chosen = {"optimizer.lr": rate, "model.layers.0.units": units}
    run = config.load(path, [config.parse_override(f"{key}={value}") for key, value in chosen.items()])
    parts, trainer = run.data(), run.trainer(Report(trial))
    run.fit(trainer, parts)
    if trainer.history.validation["loss"] and trial.should_prune():
        raise optuna.TrialPruned
    return float(trainer.history.validation["loss"][-1])


def search(path: str, trials: int = 20) -> optuna.Study:
    """A study of so many trials; its sampler has a seed, so that the search can be repeated."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    pruner = optuna.pruners.MedianPruner(n_startup_trials=4, n_warmup_steps=1)
    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=0), pruner=pruner)
    study.optimize(lambda trial: objective(trial, path), n_trials=trials)
    return study


if __name__ == "__main__":
    found = search(sys.argv[1])
    pruned = sum(trial.state is optuna.trial.TrialState.PRUNED for trial in found.trials)
    print(f"validation loss {found.best_value:.4f} with {found.best_params}, {pruned} of {len(found.trials)} pruned")
