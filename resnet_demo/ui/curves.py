"""A run's history as the points that the page draws: thinned, first, last and best kept, with means to smooth by."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import accumulate
from typing import Any

from ..events import History, RunStarted, Step, Validation

POINTS = 240  # per series: more cannot be told apart at the width of a chart
DIGITS = 4


def curves(history: History) -> dict[str, Any]:
    """Everything a chart needs, as rounded numbers: `x` ("seconds" or "step"), `x_max` (None while open), series, best.

    A run that the clock ends is drawn over seconds, any other over steps, so that the axis stands still meanwhile.
    """
    steps, validations = tuple(history.steps), tuple(history.validations)  # the history may grow meanwhile
    timed = bool(history.started and history.started.budget_seconds)
    best = history.best
    return {
        "x": "seconds" if timed else "step",
        "x_max": _x_max(history.started),
        "train": _training(steps),
        "validation": _validations(validations, best),
        "best": None if best is None else {**_place(best), **_values(best)},
        "test": _rounded(history.finished.test_accuracy) if history.finished else None,
        "loss_max": _loss_max(steps, validations),
    }


def _x_max(started: RunStarted | None) -> dict[str, float | None]:
    """Where each axis ends, as far as it is known before the run does."""
    if started is None:
        return {"seconds": None, "step": None, "epoch": None}
    steps, images = started.total_steps, started.train_images
    epochs = round(steps * started.batch_size / images, 3) if steps and images else None
    return {"seconds": started.budget_seconds, "step": steps, "epoch": epochs}


def _training(steps: Sequence[Step]) -> dict[str, list[float | None]]:
    """`mean_*` is the mean of each point and of those left out before it, `count` how many: smoothing starts there."""
    kept = thinned([step.loss for step in steps], POINTS)
    means = {what: _means([getattr(step, what) for step in steps], kept) for what in ("loss", "accuracy")}
    return {
        **_series([steps[i] for i in kept]),
        **{f"mean_{what}": values for what, values in means.items()},
        "count": [after - before for before, after in zip([-1, *kept], kept)],
        "lr": [float(f"{steps[i].lr:.4g}") for i in kept],
    }


def _validations(events: Sequence[Validation], best: Validation | None) -> dict[str, list[float | None]]:
    at = next((i for i, event in enumerate(events) if event is best), None)
    return _series([events[i] for i in thinned([e.loss for e in events], POINTS, also=() if at is None else (at,))])


def _series(events: Sequence[Step | Validation]) -> dict[str, list[float | None]]:
    rows = [{**_place(event), **_values(event)} for event in events]
    return {name: [row[name] for row in rows] for name in ("step", "seconds", "epoch", "loss", "accuracy")}


def _place(event: Step | Validation) -> dict[str, float | None]:
    return {"step": event.step, "seconds": round(event.seconds, 2), "epoch": round(event.epoch, DIGITS)}


def _values(event: Step | Validation) -> dict[str, float | None]:
    return {"loss": _rounded(event.loss), "accuracy": _rounded(event.accuracy)}


def _loss_max(steps: Sequence[Step], validations: Sequence[Validation]) -> float:
    """Where the loss axis ends: above all but the tallest twentieth of the training losses and a validation's spike.

    While the rate is high, batch norm's running statistics lag behind the weights: a validation may come out a hundred
    times as high as the rest: drawn in full it would flatten every curve.
    """
    raw = sorted(step.loss for step in steps if math.isfinite(step.loss))
    losses = [event.loss for event in validations if math.isfinite(event.loss)]
    newest = losses[-1:] if len(losses) > 1 or not raw else []  # the first, of one step, is the likeliest spike
    usual = max([*(raw[math.ceil(0.95 * (len(raw) - 1))] for _ in raw[:1]), *newest], default=2.5)
    return round(1.05 * min(max([usual, *losses]), 1.5 * usual), DIGITS)


def _means(values: Sequence[float], kept: Sequence[int]) -> list[float | None]:
    """The mean from behind the kept index before to each kept one; what is not finite is passed over."""
    total = _sums(values, lambda value: value)
    count = _sums(values, lambda value: 1)
    edges = list(zip([0, *(i + 1 for i in kept)], (i + 1 for i in kept)))
    counted = [(total[end] - total[start], count[end] - count[start]) for start, end in edges]
    return [_rounded(whole / many) if many else None for whole, many in counted]


def _sums(values: Sequence[float], of: Callable[[float], float]) -> list[float]:
    return list(accumulate((of(value) if math.isfinite(value) else 0.0 for value in values), initial=0.0))


def thinned(values: Sequence[float], most: int, also: Sequence[int] = ()) -> list[int]:
    """Sorted indices of about `most` values, evenly spread; first, last, lowest and `also` are among them."""
    if len(values) <= most:
        return list(range(len(values)))
    stride = len(values) / most
    lowest = min(range(len(values)), key=lambda i: values[i] if math.isfinite(values[i]) else math.inf)
    return sorted({int(k * stride) for k in range(most)} | {0, len(values) - 1, lowest, *also})


def _rounded(value: float | None) -> float | None:
    return round(value, DIGITS) if value is not None and math.isfinite(value) else None
