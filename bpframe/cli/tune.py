"""bpframe tune: measure from which size on several threads compute a product faster, and keep that for training."""

from __future__ import annotations

import os

import click

QUIET = 0.25  # programs that compute, a CPU


@click.command(epilog="Exit codes: bpframe --help.")
@click.option("--remove", is_flag=True, help="Remove what was measured: the table that bpframe ships holds again.")
@click.option("--busy", is_flag=True, help="Keep the table though other programs compute meanwhile.")
def tune(remove: bool, busy: bool) -> None:
    """Measure which threads are to compute a product on this machine, in a few seconds, and keep the table.

    New runs of `bpframe train` on engine numpy take it; lock, config and checkpoints of a run hold it, so that --resume
    and --frozen keep the table of their run. Measure on a machine that does nothing else: where times show that other
    programs compute, no table is kept.
    """
    from bpframe.cli.machine_table import table_file, write_table
    from bpframe.cli.output import print_result, print_table
    from bpframe.engine.numpy.blas import process_blas
    from bpframe.engine.numpy.product_threads import MOST
    from bpframe.engine.numpy.thread_table import product_times, slowed, table_of
    from bpframe.errors import ConfigError

    file = table_file()
    if remove:
        file.unlink(missing_ok=True)
        print_result(f"There is no {file} any more.")
        return
    blas = process_blas()
    if blas.free == 1:
        raise ConfigError("bpframe tune needs an OpenBLAS with several threads of its own, got one thread.")
    load = _load()
    times = product_times(blas, min(blas.free, MOST))
    table = table_of(times)
    rows = [[f"2^{time.multiplications.bit_length() - 1}", *(f"{1e6 * s:.0f}" for s in time[1:])] for time in times]
    print_table(["multiplications", "us on one thread", "a team's", "BLAS's own"], rows)
    longer = slowed(times)
    if not busy and (longer is not None or load > QUIET):
        shown = f"a load of {load:.2f} a CPU" if longer is None else f"times {longer:.1f} times the least in the mean"
        raise ConfigError(
            f"bpframe tune needs a machine that does nothing else, got {shown}. No table is kept. Measure again once "
            "other programs have rested for a minute, or give --busy to keep this one."
        )
    write_table(file, table)
    print_result(f"team_from = {table.team_from}, pool_from = {table.pool_from}, kept in {file}")


def _load() -> float:
    """How many programs for each CPU have computed over the last minute; 0 where the system does not say."""
    return os.getloadavg()[0] / (os.cpu_count() or 1) if hasattr(os, "getloadavg") else 0.0
