"""Events are values: they survive JSON, compare without the clock, and reduce to a history."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resnet_demo import events as e

STARTED = e.RunStarted("resnet20", "toy", "budget", 0, 128, 900, 100, 10, None)


def step(number: int, loss: float = 1.0, seconds: float = 0.0) -> e.Step:
    return e.Step(number, number / 10, loss, 0.5, 0.1, seconds, 100.0)


def validation(number: int, accuracy: float) -> e.Validation:
    return e.Validation(number, number / 10, 1.0, accuracy, 100)


@given(st.integers(0, 10**9), st.floats(0, 100), st.floats(0, 1), st.floats(allow_nan=False, allow_infinity=False))
def test_every_event_survives_its_json_line(number, loss, accuracy, seconds):
    for event in (
        e.Step(number, 0.5, loss, accuracy, 0.1, seconds, 1.0),
        e.Validation(number, 0.5, loss, accuracy, 100, seconds),
        e.Epoch(1, number, loss, accuracy, seconds),
        e.CheckpointDue(number, True, seconds),
        e.RunResumed(number, seconds),
        e.RunFinished("time", number, accuracy, None, "a.safetensors", seconds, 3.0, None),
    ):
        assert e.from_json(event.to_json()).as_dict() == event.as_dict()


def test_the_clock_takes_no_part_in_comparisons():
    assert step(1, seconds=1.0) == step(1, seconds=9.0)
    assert step(1) != step(2)


def test_a_number_that_is_not_finite_is_null_in_json_and_nan_again():
    line = step(1, loss=math.nan).to_json()
    assert '"loss": null' in line and math.isnan(e.from_json(line).loss)


@pytest.mark.parametrize(
    "line", ["", "{", "[]", "3", '{"event": "nothing"}', '{"event": "step"}', '{"event": "step", "st']
)
def test_what_is_no_event_is_refused_and_passed_over_in_a_log(line):
    with pytest.raises(ValueError):
        e.from_json(line)
    assert list(e.replay([line, STARTED.to_json(), line])) == [STARTED]


def test_unknown_fields_of_a_newer_log_are_passed_over():
    assert e.from_dict({**step(3).as_dict(), "gradient_norm": 3.0}) == step(3)


def test_history_knows_the_first_of_the_best_and_how_much_is_done():
    history = e.History.of([STARTED, step(1), validation(1, 0.3), step(2), validation(2, 0.8), validation(3, 0.8)])
    assert history.best == validation(2, 0.8)
    assert history.share_done() == pytest.approx(0.2)
    history.add(e.RunFinished("steps", 10))
    assert history.share_done() == 1.0
    history.add(e.RunResumed(2))
    assert history.finished is None and history.resumed_at == [2]


def test_best_is_the_validation_whose_weights_were_kept():
    history = e.History.of(
        [STARTED, validation(1, 0.8), e.CheckpointDue(1, True), validation(2, 0.7), e.CheckpointDue(2, True)]
    )
    assert history.best == validation(2, 0.7)
    history.add(validation(3, 0.9))
    history.add(e.CheckpointDue(3, False))
    assert history.best == validation(2, 0.7)


def test_share_done_stays_below_one_until_the_run_has_finished():
    history = e.History.of([STARTED, *(step(number) for number in range(1, 12))])
    assert history.share_done() == 0.99
