"""Schedules: their values against torch, optax and scalar formulas; open lengths; plateaus."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import bpframe as bp
from bpframe.errors import ConfigError
from bpframe.protocols import After, Over
from bpframe.registry import build

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "schedules.json").read_text())
COSINE = {"name": "cosine", "initial": 1.0}
CONSTANT = {"name": "constant", "initial": 0.5}
STEP = {"name": "step", "initial": 1.0, "every": 4}
PLATEAU = {"name": "reduce_on_plateau", "schedule": COSINE}


def values(schedule, steps=range(60)):
    """The values of the first updates."""
    return [schedule.value(step) for step in steps]


# ---------------------------------------------------------------------------------------------- against other libraries


@pytest.mark.parametrize("case", GOLDEN["values"], ids=lambda case: f"{case['from']}-{case['name']}")
def test_a_schedule_has_the_values_of_torch_or_optax_at_every_update(case):
    schedule = build("schedule", {"name": case["name"], **case["arguments"]})
    got = values(schedule, range(len(case["values"])))
    np.testing.assert_allclose(got, case["values"], rtol=1e-12, atol=1e-15)


def test_golden_values_cover_every_schedule_that_torch_or_optax_have():
    theirs = {case["name"] for case in GOLDEN["values"]}
    assert set(bp.names("schedule")) - theirs == {"inverse_time", "noam", "reduce_on_plateau"}


@pytest.mark.parametrize("case", GOLDEN["plateaus"])
def test_a_plateau_is_cut_when_torch_cuts_it_whose_patience_is_one_less(case):
    schedule = bp.schedules.reduce_on_plateau({"name": "constant", "initial": 1.0}, **case["arguments"])
    got = [schedule.after(case["curve"][: epoch + 1]).value(0) for epoch in range(len(case["curve"]))]
    np.testing.assert_allclose(got, case["factors"], rtol=1e-12)
    assert len(set(got)) > 2


def test_inverse_time_of_rate_1_is_invscaling_of_scikit_learn():
    from sklearn.neural_network._stochastic_optimizers import SGDOptimizer

    schedule = bp.schedules.inverse_time(0.3, rate=1, power=0.7)
    theirs = SGDOptimizer([np.zeros(1)], 0.3, "invscaling", power_t=0.7)
    for step in range(20):
        theirs.iteration_ends(step)
        assert schedule.value(step) == pytest.approx(theirs.learning_rate, rel=1e-14)


def test_inverse_time_halves_when_rate_times_updates_is_one():
    assert values(bp.schedules.inverse_time(0.8, rate=0.1), (0, 10, 30, 70)) == pytest.approx([0.8, 0.4, 0.2, 0.1])


def test_noam_is_the_formula_of_the_paper_and_highest_at_the_end_of_its_warm_up():
    schedule = bp.schedules.noam(width=512, warmup=40, factor=2.0)
    wanted = [2 * 512**-0.5 * min(number**-0.5, number * 40**-1.5) for number in range(1, 101)]
    assert values(schedule, range(100)) == pytest.approx(wanted, rel=1e-13)
    assert int(np.argmax(values(schedule, range(100)))) == 39
    assert schedule.value(39) == pytest.approx(2 / math.sqrt(512 * 40), rel=1e-13)


def test_the_decay_of_warmup_stable_decay_goes_with_the_root_of_its_time():
    schedule = bp.schedules.warmup_stable_decay(2.0, warmup=4, decay=16, steps=40, final=0.5)
    assert values(schedule, range(4, 25)) == [2.0] * 21
    assert values(schedule, (25, 28, 33, 40, 99)) == pytest.approx([1.625, 1.25, 2 - 1.5 * math.sqrt(9 / 16), 0.5, 0.5])


def test_warmup_stable_decay_may_do_without_a_warm_up():
    assert bp.schedules.warmup_stable_decay(2.0, warmup=0, decay=5, steps=10).value(0) == 2.0


# ---------------------------------------------------------------------------------------------------------- conventions


@pytest.mark.parametrize(
    ("schedule", "first", "last"),
    [
        (bp.schedules.cosine(0.7, 10, 0.1), 0.7, 0.1),
        (bp.schedules.linear(0.7, 10, 0.1), 0.7, 0.1),
        (bp.schedules.linear(0.1, 10, 0.7), 0.1, 0.7),
        (bp.schedules.polynomial(0.7, 10, 0.1, power=3), 0.7, 0.1),
        (bp.schedules.one_cycle(0.5, 10, div_factor=5, final_div_factor=10), 0.1, 0.01),
        (bp.schedules.warmup_stable_decay(0.9, 3, 3, 10, initial=0.7, final=0.1), 0.7, 0.1),
    ],
    ids=lambda value: type(value).__name__,
)
def test_it_starts_at_its_first_value_and_stays_at_its_last_once_its_steps_are_made(schedule, first, last):
    assert schedule.value(0) == pytest.approx(first, rel=1e-14)
    assert schedule.value(9) != pytest.approx(last, rel=1e-4)
    assert values(schedule, (10, 11, 10**6)) == pytest.approx([last] * 3, rel=1e-12)


def test_one_cycle_meets_its_peak_after_its_first_part():
    schedule = bp.schedules.one_cycle(0.5, 40, pct_start=0.25)
    assert int(np.argmax(values(schedule, range(41)))) == 10
    assert schedule.value(10) == 0.5


def one_cycle_of_torch(t: int, total: int, pct_start: float, peak: float) -> float:
    """torch.optim.lr_scheduler.OneCycleLR with cosines: phases end at pct_start total - 1 and at total - 1."""
    first, last, low = pct_start * total - 1, total - 1, peak / 25
    start, end, part = (low, peak, t / first) if t <= first else (peak, low / 1e4, (t - first) / (last - first))
    return end + (start - end) / 2 * (math.cos(math.pi * part) + 1)


@pytest.mark.parametrize(("steps", "pct_start"), [(100, 0.3), (100, 0.25), (40, 0.2825), (7, 0.5)])
def test_one_cycle_is_that_of_torch_by_the_mapping_of_its_docstring(steps: int, pct_start: float):
    schedule = bp.schedules.one_cycle(0.8, steps, pct_start=pct_start)
    theirs = (pct_start * steps + 1) / (steps + 1)
    for t in range(steps + 1):
        assert schedule.value(t) == pytest.approx(one_cycle_of_torch(t, steps + 1, theirs, 0.8), abs=1e-15)
    same_share = max(abs(schedule.value(t) - one_cycle_of_torch(t, steps + 1, pct_start, 0.8)) for t in range(steps))
    assert same_share > 0.005  # the share is another one


def test_torchs_cycle_is_the_one_that_torch_gave():
    cases = [case for case in GOLDEN["values"] if (case["from"], case["name"]) == ("torch", "one_cycle")]
    for case in cases:
        steps, share = case["arguments"]["steps"], case["arguments"]["pct_start"]
        for t, value in enumerate(case["values"]):
            formula = one_cycle_of_torch(t, steps + 1, (share * steps + 1) / (steps + 1), case["arguments"]["peak"])
            assert formula == pytest.approx(value, abs=1e-15)
    assert cases


def test_one_cycle_turned_over_is_the_cycle_of_a_momentum():
    schedule = bp.schedules.one_cycle(0.85, 40, pct_start=0.5, div_factor=0.85 / 0.95, final_div_factor=1)
    assert values(schedule, (0, 20, 40)) == pytest.approx([0.95, 0.85, 0.95])


def test_exponential_is_step_at_its_steps_and_falls_in_between():
    smooth, steps = bp.schedules.exponential(0.7, 5, 0.3), bp.schedules.step(0.7, 5, 0.3)
    assert values(smooth, range(0, 60, 5)) == pytest.approx(values(steps, range(0, 60, 5)), rel=1e-13)
    assert all(np.diff(values(smooth)) < 0)


def test_each_value_of_piecewise_holds_from_its_boundary_on():
    schedule = bp.schedules.piecewise([2, 5], [3.0, 2.0, 1.0])
    assert values(schedule, range(7)) == [3.0, 3.0, 2.0, 2.0, 2.0, 1.0, 1.0]


@given(st.integers(1, 6), st.integers(1, 4))
@settings(max_examples=30, deadline=None)
def test_cosine_restarts_are_cosines_one_after_another(steps, t_mult):
    schedule = bp.schedules.cosine_restarts(0.7, steps, 0.1, t_mult)
    wanted, period = [], steps
    while len(wanted) < 100:
        wanted += values(bp.schedules.cosine(0.7, period, 0.1), range(period))
        period *= t_mult
    assert values(schedule, range(100)) == wanted[:100]


@given(st.integers(1, 9))
@settings(max_examples=20, deadline=None)
def test_triangular_is_symmetric_and_keeps_between_its_ends(every):
    schedule = bp.schedules.triangular(0.1, 0.7, every)
    cycle = values(schedule, range(every + 1))
    assert cycle == pytest.approx(cycle[::-1], rel=1e-12)
    assert min(cycle) == 0.1
    assert max(cycle) <= 0.7
    if every % 2 == 0:
        assert cycle[every // 2] == pytest.approx(0.7, rel=1e-15)


# ----------------------------------------------------------------------------------------------- schedules in schedules


@given(st.integers(1, 20), st.floats(0, 1), st.sampled_from([COSINE, CONSTANT, STEP]))
@settings(max_examples=40, deadline=None)
def test_a_warm_up_is_a_line_and_then_the_schedule_from_its_own_start(steps, initial, inner):
    schedule = bp.schedules.warmup(inner, steps, initial).over(50)
    alone = build("schedule", inner)
    alone = alone.over(50 - steps) if isinstance(alone, Over) else alone
    line = {"name": "linear", "initial": initial, "final": alone.value(0), "steps": steps}
    joined = bp.schedules.sequence([line, alone], [steps])
    assert values(schedule) == pytest.approx(values(joined), rel=1e-12, abs=1e-15)
    assert values(schedule, range(steps, 60)) == values(alone, range(60 - steps))


def test_a_warm_up_starts_at_initial_and_has_no_jump_at_its_end():
    schedule = bp.schedules.warmup(COSINE, 10, 0.2).over(1000)
    assert schedule.value(0) == 0.2
    assert schedule.value(10) == 1.0
    assert max(abs(np.diff(values(schedule, range(1001))))) == pytest.approx(0.08)


def test_each_schedule_of_a_sequence_counts_from_its_boundary_and_lasts_to_the_next():
    line = {"name": "linear", "initial": 2.0, "final": 1.0}
    schedule = bp.schedules.sequence([line, CONSTANT, COSINE], [4, 6]).over(14)
    wanted = [2.0, 1.75, 1.5, 1.25, 0.5, 0.5, *values(bp.schedules.cosine(1.0, 8), range(9))]
    assert values(schedule, range(15)) == wanted


def test_schedules_hold_schedules_that_hold_schedules():
    inner = {"name": "sequence", "schedules": [CONSTANT, COSINE], "boundaries": [5]}
    plateau = bp.schedules.reduce_on_plateau({"name": "warmup", "schedule": inner, "steps": 10}).over(35)
    assert values(plateau, (0, 5, 10, 14)) == [0.0, 0.25, 0.5, 0.5]
    assert values(plateau, range(15, 36)) == values(bp.schedules.cosine(1.0, 20), range(21))


OPEN = [
    COSINE,
    {"name": "linear", "initial": 1.0},
    {"name": "polynomial", "initial": 1.0, "power": 2.0},
    {"name": "exponential", "initial": 1.0},
    {"name": "one_cycle", "peak": 1.0},
    {"name": "warmup_stable_decay", "peak": 1.0, "warmup": 3, "decay": 5},
]
HOLDING = [
    {"name": "warmup", "schedule": COSINE, "steps": 10},
    {"name": "sequence", "schedules": [CONSTANT, COSINE], "boundaries": [10]},
    PLATEAU,
]


@pytest.mark.parametrize("spec", OPEN, ids=lambda spec: spec["name"])
def test_a_length_left_out_is_the_whole_run_and_one_that_is_given_stays(spec):
    length = "every" if spec["name"] == "exponential" else "steps"
    open_, given_ = build("schedule", spec), build("schedule", {**spec, length: 40})
    assert values(open_.over(40)) == values(given_)
    assert given_.over(99) == given_
    assert open_ == build("schedule", spec)


@pytest.mark.parametrize("spec", OPEN + HOLDING, ids=lambda spec: spec["name"])
def test_an_open_length_that_nobody_has_set_is_an_error_with_a_remedy(spec):
    with pytest.raises(ConfigError, match=r"needs (steps|every), got None\. Give a number of updates"):
        build("schedule", spec).value(30)


@pytest.mark.parametrize("spec", OPEN + HOLDING, ids=lambda spec: spec["name"])
def test_a_run_that_is_set_twice_keeps_its_first_length(spec):
    once = build("schedule", spec).over(40)
    assert once.over(400) == once


@pytest.mark.parametrize("spec", HOLDING, ids=lambda spec: spec["name"])
def test_a_run_shorter_than_the_warm_up_still_has_values(spec):
    assert all(map(math.isfinite, values(build("schedule", spec).over(3))))


def test_a_run_too_short_for_warmup_and_decay_is_an_error():
    with pytest.raises(ConfigError, match="a run of at least warmup 3 and decay 5 updates, got 7"):
        bp.schedules.warmup_stable_decay(1.0, 3, 5).over(7)


# ------------------------------------------------------------------------------------------------------------- plateaus


def cuts(curve, **given):
    """log_(1/2) of the factor after each epoch of a curve."""
    schedule = bp.schedules.reduce_on_plateau(CONSTANT, factor=0.5, **given)
    return [-math.log2(schedule.after(curve[: epoch + 1]).value(0) / 0.5) for epoch in range(len(curve))]


@pytest.mark.parametrize(
    ("curve", "given", "wanted"),
    [
        ([5, 4, 3, 2], {"patience": 1}, [0, 0, 0, 0]),
        ([5, 5, 5, 5], {"patience": 1}, [0, 1, 2, 3]),
        ([5, 6, 6, 6, 6], {"patience": 2}, [0, 0, 1, 1, 2]),  # after a cut the count starts anew
        ([5, 6, 4, 6, 6], {"patience": 2}, [0, 0, 0, 0, 1]),  # ... and after something better
        ([5, 5, 5, 5, 5, 5, 5], {"patience": 1, "cooldown": 2}, [0, 1, 1, 1, 2, 2, 2]),
        ([5, 5, 4, 5, 5], {"patience": 1, "cooldown": 1}, [0, 1, 1, 2, 2]),  # better epochs cool down, too
        ([5.0, 4.75, 4.5, 4.25], {"patience": 1, "min_delta": 0.25}, [0, 1, 1, 2]),  # exactly min_delta is not better
        ([math.nan, math.nan, 1], {"patience": 2}, [0, 1, 1]),
        ([1, 2, 2, 2], {"patience": 2, "mode": "max"}, [0, 0, 0, 1]),
        ([5, 5, 5, 5], {"patience": 1, "min_factor": 0.25}, [0, 1, 2, 2]),
    ],
)
def test_a_cut_is_earned_by_patience_epochs_that_are_not_better(curve, given, wanted):
    assert cuts(curve, **given) == wanted


def test_a_cut_scales_the_schedule_at_every_step_and_none_leaves_it():
    schedule = build("schedule", PLATEAU).over(30)
    plain = bp.schedules.cosine(1.0, 30)
    assert values(schedule) == values(plain) == values(schedule.after([])) == values(schedule.after([1.0] * 10))
    assert values(schedule.after([1.0] * 11)) == [0.1 * value for value in values(plain)]


@given(st.lists(st.floats(0, 1), max_size=30), st.integers(1, 4), st.integers(0, 3), st.sampled_from(["min", "max"]))
@settings(max_examples=60, deadline=None)
def test_what_holds_after_an_epoch_follows_from_the_curve_alone_and_never_rises(curve, patience, cooldown, mode):
    schedule = bp.schedules.reduce_on_plateau(CONSTANT, mode=mode, patience=patience, cooldown=cooldown)
    run = [schedule.after(curve[:epoch]).value(3) for epoch in range(len(curve) + 1)]
    resumed = bp.schedules.reduce_on_plateau(CONSTANT, mode=mode, patience=patience, cooldown=cooldown).after(curve)
    assert resumed.value(3) == run[-1]
    assert all(np.diff(run) <= 0)
    mirrored = bp.schedules.reduce_on_plateau(
        CONSTANT, mode="max" if mode == "min" else "min", patience=patience, cooldown=cooldown
    )
    assert mirrored.after([-value for value in curve]).value(3) == run[-1]


def test_it_says_which_curve_it_follows():
    schedule = build("schedule", PLATEAU)
    assert isinstance(schedule, After)
    assert schedule.monitor == "validation.loss"
    assert not isinstance(bp.schedules.cosine(1.0), After)


@pytest.mark.parametrize("inner", [PLATEAU, {"name": "warmup", "schedule": PLATEAU, "steps": 3}])
def test_a_schedule_that_follows_a_curve_where_nobody_would_show_it_is_an_error(inner):
    for outer in (
        {"name": "sequence", "schedules": [CONSTANT, inner], "boundaries": [5]},
        {"name": "reduce_on_plateau", "schedule": inner},
    ):
        with pytest.raises(ConfigError, match=r"needs schedules of the step alone, but .* follows validation\.loss"):
            build("schedule", outer)


# ------------------------------------------------------------------------------------------------------- wrong settings


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("linear", {"initial": 1.0, "steps": 0}, "number above 0 as steps, got 0"),
        ("cosine", {"initial": 1.0, "steps": -1}, "number above 0 as steps"),
        ("polynomial", {"initial": 1.0, "power": 0.0}, "number above 0 as power"),
        ("polynomial", {"initial": 1.0, "steps": 0}, "number above 0 as steps"),
        ("exponential", {"initial": 1.0, "every": 0}, "number above 0 as every"),
        ("exponential", {"initial": 1.0, "factor": 0.0}, "number above 0 as factor"),
        ("step", {"initial": 1.0, "every": 0}, "number above 0 as every"),
        ("inverse_time", {"initial": 1.0, "rate": -0.1}, "number of at least 0 as rate"),
        ("inverse_time", {"initial": 1.0, "rate": 0.1, "power": 0.0}, "number above 0 as power"),
        ("piecewise", {"boundaries": [3], "values": [1.0]}, "0 for 1, got 1"),
        ("piecewise", {"boundaries": [3, 3], "values": [1.0, 2.0, 3.0]}, r"boundaries that rise .* got \(3, 3\)"),
        ("piecewise", {"boundaries": [0], "values": [1.0, 2.0]}, "rise from above 0"),
        ("sequence", {"schedules": [CONSTANT, CONSTANT], "boundaries": []}, "1 for 2, got 0"),
        ("sequence", {"schedules": [CONSTANT, CONSTANT], "boundaries": [-2]}, "rise from above 0"),
        ("cosine_restarts", {"initial": 1.0, "steps": 0}, "number above 0 as steps"),
        ("cosine_restarts", {"initial": 1.0, "steps": 4, "t_mult": 0}, "number above 0 as t_mult"),
        ("one_cycle", {"peak": 1.0, "pct_start": 1.0}, r"number in \(0, 1\) as pct_start"),
        ("one_cycle", {"peak": 1.0, "pct_start": 0.0}, r"number in \(0, 1\) as pct_start"),
        ("one_cycle", {"peak": 1.0, "steps": 0}, "number above 0 as steps"),
        ("one_cycle", {"peak": 1.0, "div_factor": 0.0}, "number above 0 as div_factor"),
        ("one_cycle", {"peak": 1.0, "final_div_factor": -1.0}, "number above 0 as final_div_factor"),
        ("triangular", {"initial": 0.1, "peak": 1.0, "every": 0}, "number above 0 as every"),
        ("triangular", {"initial": 0.1, "peak": 1.0, "every": 4, "factor": 0.0}, "number above 0 as factor"),
        ("noam", {"width": 0}, "number above 0 as width"),
        ("noam", {"width": 64, "warmup": 0}, "number above 0 as warmup"),
        ("warmup", {"schedule": CONSTANT, "steps": 0}, "number above 0 as steps"),
        ("warmup_stable_decay", {"peak": 1.0, "warmup": -1, "decay": 3}, "number of at least 0 as warmup"),
        ("warmup_stable_decay", {"peak": 1.0, "warmup": 1, "decay": 0}, "number above 0 as decay"),
        ("warmup_stable_decay", {"peak": 1.0, "warmup": 6, "decay": 5, "steps": 10}, "at least warmup 6 and decay 5"),
        ("warmup_stable_decay", {"peak": 1.0, "warmup": 1, "decay": 3, "shape": "sqrt"}, "wants one of 1-sqrt, linear"),
        ("reduce_on_plateau", {"schedule": CONSTANT, "factor": 1.0}, r"number in \[0, 1\) as factor"),
        ("reduce_on_plateau", {"schedule": CONSTANT, "factor": 0.0}, "number above 0 as factor"),
        ("reduce_on_plateau", {"schedule": CONSTANT, "patience": 0}, "number above 0 as patience"),
        ("reduce_on_plateau", {"schedule": CONSTANT, "min_delta": -1.0}, "number of at least 0 as min_delta"),
        ("reduce_on_plateau", {"schedule": CONSTANT, "cooldown": -1}, "number of at least 0 as cooldown"),
        ("reduce_on_plateau", {"schedule": CONSTANT, "min_factor": 1.0}, r"number in \[0, 1\) as min_factor"),
        ("reduce_on_plateau", {"schedule": CONSTANT, "mode": "mim"}, "Did you mean 'min'"),
        (
            "reduce_on_plateau",
            {"schedule": CONSTANT, "threshold_mode": "relative"},
            "threshold_mode: wants one of abs, rel, got 'relative'",
        ),
    ],
)
def test_a_setting_out_of_range_is_named(name, arguments, message):
    with pytest.raises(ConfigError, match=message):
        build("schedule", {"name": name, **arguments})


def test_choices_are_checked_without_the_builder_too():
    from bpframe_schedules.constant import Constant
    from bpframe_schedules.reduce_on_plateau import ReduceOnPlateau
    from bpframe_schedules.warmup_stable_decay import WarmupStableDecay

    with pytest.raises(ConfigError, match="one of min, max as mode, got 'mim'"):
        ReduceOnPlateau(Constant(1.0), mode="mim")
    with pytest.raises(ConfigError, match="one of 1-sqrt, linear as shape, got 'sqrt'"):
        WarmupStableDecay(1.0, 2, 3, shape="sqrt")


# ------------------------------------------------------------------------------------------------------------- in a run


def test_a_warm_up_before_a_cosine_spans_a_whole_fit():
    rate = {"name": "warmup", "schedule": {"name": "cosine", "initial": 0.1}, "steps": 4}
    trainer = bp.Trainer(bp.Network([bp.layers.dense(1)]), "mse", {"name": "sgd", "lr": rate}, dtype="float64")
    x = np.random.default_rng(0).normal(size=(8, 3))
    history = trainer.fit(x, x[:, 0], epochs=10, batch_size=4)
    wanted = [0.025, 0.075, *(0.05 * (1 + math.cos(math.pi * step / 16)) for step in range(1, 16, 2))]
    assert history.lr == pytest.approx(wanted, rel=1e-12)


def test_a_plateau_cuts_the_rate_from_the_next_epoch_on_and_a_fit_that_goes_on_agrees():
    x = np.random.default_rng(0).normal(size=(20, 3))
    still = {"name": "constant", "initial": 1e-9}  # a loss that does not fall by min_delta
    rate = {**PLATEAU, "schedule": still, "monitor": "train.loss", "patience": 2, "factor": 0.5}

    def rates(*epochs):
        trainer = bp.Trainer(bp.Network([bp.layers.dense(1)]), "mse", {"name": "sgd", "lr": rate}, dtype="float64")
        for number in epochs:
            trainer.fit(x, x[:, 0], epochs=number)
        return trainer.history.lr

    assert rates(8) == pytest.approx([1e-9] * 3 + [5e-10] * 2 + [2.5e-10] * 2 + [1.25e-10], rel=1e-12)
    assert rates(8) == rates(4, 1, 3)
