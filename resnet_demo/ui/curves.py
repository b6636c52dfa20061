"""A run's history as the points that the page draws: thinned, first, last and best kept, smoothed beside the raw."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

from ..events import History, Step, Validation

POINTS = 240  # per series: more cannot be told apart at the width of a chart
MEMORY = 0.94  # of the running mean beside the raw curve: about the last 16 steps
DIGITS = 4


def curves(history: History) -> dict[str, Any]:
    """Everything a chart needs, as rounded numbers: `x` ("seconds" or "step"), `x_max` (None while open), series, best.

    A run that the clock ends is drawn over seconds, any other over steps, so that the axis stands still meanwhile.
    """
    steps, validations = tuple(history.steps), tuple(history.validations)  # the history may grow meanwhile
    timed = bool(history.started and history.started.budget_seconds)
    return {
        "x": "seconds" if timed else "step",
        "x_max": _x_max(history, timed),
        "train": _training(steps, timed),
        "validation": _validations(validations, timed),
        "best": _best(history, timed),
        "test": _rounded(history.finished.test_accuracy) if history.finished else None,
        "loss_max": _loss_max(history),
    }


def _x_max(history: History, timed: bool) -> float | None:
    if history.started is None:
        return None
    return history.started.budget_seconds if timed else history.started.total_steps


def _training(steps: Sequence[Step], timed: bool) -> dict[str, list[float | None]]:
    kept = thinned([step.loss for step in steps], POINTS)
    loss = smoothed(step.loss for step in steps)
    accuracy = smoothed(step.accuracy for step in steps)
    return {
        "x": [_place(steps[i], timed) for i in kept],
        "step": [steps[i].step for i in kept],
        "seconds": [round(steps[i].seconds, 2) for i in kept],
        "loss": [_rounded(steps[i].loss) for i in kept],
        "accuracy": [_rounded(steps[i].accuracy) for i in kept],
        "smooth_loss": [_rounded(loss[i]) for i in kept],
        "smooth_accuracy": [_rounded(accuracy[i]) for i in kept],
        "lr": [float(f"{steps[i].lr:.4g}") for i in kept],
    }


def _validations(events: Sequence[Validation], timed: bool) -> dict[str, list[float | None]]:
    best = max(range(len(events)), key=lambda i: events[i].accuracy, default=None)
    kept = thinned([event.loss for event in events], POINTS, also=() if best is None else (best,))
    return {
        "x": [_place(events[i], timed) for i in kept],
        "step": [events[i].step for i in kept],
        "seconds": [round(events[i].seconds, 2) for i in kept],
        "loss": [_rounded(events[i].loss) for i in kept],
        "accuracy": [_rounded(events[i].accuracy) for i in kept],
    }


def _best(history: History, timed: bool) -> dict[str, float | None] | None:
    best = history.best
    if best is None:
        return None
    return {
        "x": _place(best, timed),
        "step": best.step,
        "loss": _rounded(best.loss),
        "accuracy": _rounded(best.accuracy),
    }


def _place(event: Step | Validation, timed: bool) -> float:
    return round(event.seconds, 2) if timed else event.step


def _loss_max(history: History) -> float:
    """Where the loss axis ends: above everything but the tallest twentieth of the raw training losses."""
    raw = sorted(step.loss for step in history.steps if math.isfinite(step.loss))
    high = [raw[math.ceil(0.95 * (len(raw) - 1))]] if raw else []
    high += [event.loss for event in history.validations if math.isfinite(event.loss)]
    return round(1.05 * max(high, default=2.5), DIGITS)


def smoothed(values: Iterable[float]) -> list[float]:
    """The running mean of each point and those before it, weighted by age; what is not finite is passed over."""
    mean, weight, out = 0.0, 0.0, []
    for value in values:
        if math.isfinite(value):
            mean = MEMORY * mean + (1 - MEMORY) * value
            weight = MEMORY * weight + (1 - MEMORY)
        out.append(mean / weight if weight else math.nan)
    return out


def thinned(values: Sequence[float], most: int, also: Sequence[int] = ()) -> list[int]:
    """Sorted indices of about `most` values, evenly spread; first, last, lowest and `also` are among them."""
    if len(values) <= most:
        return list(range(len(values)))
    stride = len(values) / most
    lowest = min(range(len(values)), key=lambda i: values[i] if math.isfinite(values[i]) else math.inf)
    return sorted({int(k * stride) for k in range(most)} | {0, len(values) - 1, lowest, *also})


def _rounded(value: float | None) -> float | None:
    return round(value, DIGITS) if value is not None and math.isfinite(value) else None
