"""The accountancy of a fit on its own: which epochs end, what the history lacks, what a checkpoint holds."""

from __future__ import annotations

import numpy as np
import pytest

from bpframe.training.progress import FinishedEpoch, FitProgress, PartialEpoch


def values(*losses: float) -> np.ndarray:
    """(3, k) loss, penalty and weight of k steps."""
    return np.array([losses, [0.0] * len(losses), [1.0] * len(losses)])


def progress(steps: int = 3, step: int = 0, partial: PartialEpoch | None = None) -> FitProgress:
    made = FitProgress(partial, step)
    made.restart(epoch=0, step=step, now=0.0)
    made.steps = steps
    return made


def pop(made: FitProgress) -> FinishedEpoch:
    """The oldest epoch that the history lacks, which it has from now on."""
    epoch = made.next_epoch()
    made.mark_recorded()
    return epoch


def test_epochs_end_after_their_steps_and_leave_the_rest_to_the_next():
    made = progress(steps=3)
    assert made.add(values(1, 2), 2)
    assert made.finished(stopped=False) == 0
    assert made.add(values(3, 4, 5, 6, 7), 7)
    assert made.finished(stopped=False) == 2
    first, second = pop(made), pop(made)
    assert (first.number, first.step, first.values[0].tolist()) == (0, 3, [1, 2, 3])
    assert (second.number, second.step, second.values[0].tolist()) == (1, 6, [4, 5, 6])
    partial = made.partial(7, None)
    assert partial is not None
    assert partial.values[0].tolist() == [7]
    assert made.position() == (2, 1, 7)


def test_an_epoch_that_a_stop_cuts_short_counts_with_the_steps_it_has():
    made = progress(steps=3)
    made.add(values(1, 2, 3, 4), 4)
    assert (made.finished(stopped=False), made.finished(stopped=True)) == (1, 2)
    pop(made)
    assert pop(made)[1:2] == (4,)


def test_steps_that_a_session_undid_are_dropped_and_the_last_finite_loss_is_kept():
    made = progress(steps=4)
    made.add(values(1.0, 0.5), 2)
    assert not made.add(values(0.25, np.inf), 3)  # four made, three kept
    partial = made.partial(3, None)
    assert partial is not None
    assert partial.values[0].tolist() == [1.0, 0.5, 0.25]
    assert (made.made, made.last_finite) == (3, 0.25)


def test_losses_that_are_not_known_are_no_progress_to_write_down():
    made = progress()
    made.add(values(1, 2), 2)
    assert made.partial(3, None) is None


def test_a_fit_goes_on_in_the_middle_of_an_epoch():
    made = progress(steps=3, step=8, partial=PartialEpoch(values(5, 4), 4.0, None))
    assert (made.start, made.made, made.last_finite) == (6, 2, 4.0)
    made.add(values(3), 9)
    assert pop(made) == (0, 9, pytest.approx(values(5, 4, 3)))


def test_epochs_share_the_time_since_the_last_were_recorded():
    made = progress(steps=1)
    made.add(values(1, 2, 3, 4), 4)
    assert made.seconds(4, now=2.0) == 0.5
    for _ in range(4):
        pop(made)
    made.restart_clock(10.0)
    made.add(values(5), 5)
    assert made.seconds(5, now=11.0) == 1.0


@pytest.mark.parametrize(
    ("epochs", "steps", "grown"),
    [
        ((), (1.0, 2.0), True),
        ((), (2.0, 1.0), False),
        ((), (), False),
        ((1.0,), (5.0,), True),
        ((9.0, 1.0), (50.0,), False),
        ((1.0, 9.0), (0.5,), True),
    ],
)
def test_losses_have_grown_by_epochs_where_there_are_several_and_else_by_steps(epochs, steps, grown):
    made = progress()
    if steps:
        made.add(values(*steps), len(steps))
    assert made.has_grown(epochs) == grown
