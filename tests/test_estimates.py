"""How long the line says that one waits."""

from __future__ import annotations

from dataclasses import replace

import pytest
from test_scheduler import config, make  # noqa: F401

from resnet_demo.events import RunFinished, RunStarted, Step
from resnet_demo.recipes import Length
from resnet_demo.runs.eventlog import EventWriter


def test_expected_waits(make):  # noqa: F811
    scheduler = make()
    assert scheduler.expected_wait() == 0
    first = scheduler.submit(config(length=Length(seconds=60)))
    second = scheduler.submit(config(length=Length(seconds=30)))
    assert [place.wait_seconds for place in scheduler.line()] == [0, 70]
    assert scheduler.expected_wait() == 110
    writer = EventWriter(first.log.path)
    writer.add(RunStarted("tiny", "fashion-mnist", "budget", 0, 16, 100, 10, None, 60.0))
    writer.add(Step(1, 0.1, 1.0, 0.5, 0.1, seconds=20.0))
    assert scheduler.place(second.id).wait_seconds == 45
    assert scheduler.place("nobody") is None


def test_runs_in_steps_are_expected_to_take_what_they_took_before(make):  # noqa: F811
    scheduler = make()
    in_steps = config(length=Length(steps=1000))
    assert scheduler.estimates.seconds(in_steps) is None
    run = scheduler.submit(in_steps)
    assert scheduler.expected_wait() is None
    EventWriter(run.log.path).add(RunFinished("steps", 1000, images_per_second=800.0))
    scheduler.executor.end(run)
    test = 10_000 / (1.5 * 800)  # forward alone
    assert scheduler.estimates.seconds(in_steps) == pytest.approx(20 + 3 + test)
    assert scheduler.estimates.seconds(config(length=Length(epochs=2))) == pytest.approx(2 * 54_000 / 800 + 3 + test)
    large = replace(in_steps, recipe=replace(in_steps.recipe, resize=224))
    assert scheduler.estimates.seconds(large) is None  # the same network on larger pictures is another matter
