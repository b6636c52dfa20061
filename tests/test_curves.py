from __future__ import annotations

import json
import math

import pytest

from resnet_demo.events import History, RunFinished, RunStarted, Step, Validation
from resnet_demo.ui.curves import POINTS, curves, thinned


def history(steps: int, *, budget_seconds=None, total_steps=None) -> History:
    start = RunStarted("resnet20", "mnist", "budget", 0, 128, 900, 100, total_steps, budget_seconds)
    events = [start]
    for i in range(1, steps + 1):
        events.append(Step(i, i / 10, 2.0 - i / steps, i / steps, 0.1, seconds=i / 100, images_per_second=1000))
        if i % 50 == 0:
            events.append(Validation(i, i / 10, 1.5, 0.9 if i == 100 else 0.5, 100, seconds=i / 100))
    return History.of(events)


def test_an_empty_history_has_axes_and_nothing_else():
    drawn = curves(History())
    assert drawn["train"]["step"] == [] and drawn["best"] is None and drawn["test"] is None
    assert set(drawn["x_max"].values()) == {None} and drawn["loss_max"] > 0


def test_a_run_by_the_clock_is_drawn_over_seconds_any_other_over_steps():
    timed, counted = curves(history(20, budget_seconds=60.0)), curves(history(20, total_steps=400))
    assert (timed["x"], timed["x_max"]["seconds"], timed["train"]["seconds"][-1]) == ("seconds", 60.0, 0.2)
    assert (counted["x"], counted["x_max"]["step"], counted["train"]["step"][-1]) == ("step", 400, 20)
    assert counted["x_max"]["epoch"] == pytest.approx(400 * 128 / 900, abs=1e-3)


def test_first_last_lowest_and_best_are_never_thinned_away():
    drawn = curves(history(20_000))
    steps = drawn["train"]["step"]
    assert len(steps) <= POINTS + 3 and steps[0] == 1 and steps[-1] == 20_000
    assert 100 in drawn["validation"]["step"] and drawn["best"]["step"] == 100


def test_a_single_low_point_stays():
    values = [1.0] * 10_000
    values[4321] = 0.5
    assert 4321 in thinned(values, 100)


def test_numbers_that_are_none_become_gaps():
    run = history(10)
    run.add(Step(11, 1.1, math.nan, 0.5, 0.1, seconds=0.11))
    drawn = curves(run)
    assert drawn["train"]["loss"][-1] is None and drawn["train"]["mean_loss"][-1] is None
    json.dumps(drawn, allow_nan=False)


def test_smoothing_starts_from_means_of_all_steps_also_of_those_left_out():
    drawn = curves(history(1000))["train"]
    assert sum(drawn["count"]) == 1000 and len(drawn["count"]) == len(drawn["step"])
    whole = sum(mean * count for mean, count in zip(drawn["mean_loss"], drawn["count"])) / 1000
    assert whole == pytest.approx(sum(2.0 - i / 1000 for i in range(1, 1001)) / 1000, abs=1e-3)


def test_one_outlier_does_not_set_the_loss_axis_but_every_validation_does():
    run = history(200)
    run.add(Step(201, 2.1, 900.0, 0.1, 0.1, seconds=2.1))
    assert curves(run)["loss_max"] < 3
    run.add(Validation(201, 2.1, 7.0, 0.1, 100, seconds=2.2))
    assert curves(run)["loss_max"] > 7


def test_a_first_validation_after_one_step_does_not_set_the_loss_axis():
    run = history(200)
    run.validations.insert(0, Validation(1, 0.01, 132.0, 0.1, 100, seconds=0.1))
    assert curves(run)["loss_max"] < 4


def test_the_test_is_shown_once_it_was_made():
    run = history(10)
    run.add(RunFinished("completed", 10, 0.5, 0.9142857, None, 0.1, 100.0))
    assert curves(run)["test"] == 0.9143
