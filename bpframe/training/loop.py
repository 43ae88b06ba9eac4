"""The epoch loop of a fit: blocks of steps, the hooks between them, and the history of the epochs that end."""

from __future__ import annotations

from bpframe.training.fit import FitRun
from bpframe.training.history import History
from bpframe.training.statistics_session import finish


def run_fit(fit: FitRun) -> History:
    """All epochs that are left, or until a hook stops the fit; every exception passes bpframe_exception first."""
    state, hooks = fit.state, fit.hooks
    try:
        hooks.call("bpframe_fit_start", state)
        run_epochs(fit)
        hooks.call("bpframe_fit_end", state)
        fit.refuse_exploded()
        finish(fit.session)
    except BaseException as exception:
        state.exception, state.cut = exception, not fit.keep_whole_steps()
        state.step = fit.session.step
        hooks.call("bpframe_exception", state)
        raise
    finally:
        hooks.close()
    return state.history


def run_epochs(fit: FitRun) -> None:
    """Each run of epochs in blocks of steps: as long as no hook has to run in between, of one step otherwise."""
    state, progress, run = fit.state, fit.progress, fit.session.run
    while (batches := fit.next_epochs()) is not None:
        while progress.made < len(batches) and state.stopped is None:
            if fit.stepwise:
                step_with_hooks(fit)
            else:
                fit.finish_block(run(batches, progress.made, fit.block_end()))
            fit.record_epochs()
        fit.record_epochs()  # what was made of the next epoch, where a hook that is called late stopped the fit
        state.epoch += 1


def step_with_hooks(fit: FitRun) -> None:
    """One step between its hooks, unless the first of them stops the fit."""
    state, hooks = fit.state, fit.hooks
    hooks.call("bpframe_batch_start", state)
    if state.stopped is not None:
        return
    if hooks.listens("bpframe_update"):
        hooks.call("bpframe_update", state)
    else:
        fit.step()
    hooks.call("bpframe_batch_end", state)
    hooks.call("bpframe_block_end", state)
