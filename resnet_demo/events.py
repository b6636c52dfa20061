"""The typed values that a training run emits, their JSON lines, and `History`, their only reducer.

Plain frozen values without tensors. Fields that follow the clock are left out of comparisons, so two runs are the same
run exactly when their event lists are equal. A recorded run replays as the same types as a live one.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field, fields
from typing import Any, ClassVar


def clocked(default: Any = 0.0) -> Any:
    """A field that depends on the clock or the machine and so takes no part in comparisons."""
    return field(default=default, compare=False)


@dataclass(frozen=True)
class TrainEvent:
    event: ClassVar[str] = ""

    def as_dict(self) -> dict[str, Any]:
        return {"event": self.event, **asdict(self)}

    def to_json(self) -> str:
        """One line of strict JSON; a number that is not finite becomes null."""
        return json.dumps({key: _finite(value) for key, value in self.as_dict().items()}, allow_nan=False)


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value


@dataclass(frozen=True)
class RunStarted(TrainEvent):
    """`total_steps` is None where the clock ends the run; `note` says what was chosen for it and why."""

    event: ClassVar[str] = "run_started"
    model: str
    dataset: str
    recipe: str
    seed: int
    batch_size: int
    train_images: int
    validation_images: int
    total_steps: int | None
    budget_seconds: float | None
    device: str = clocked("")
    precision: str = clocked("")
    threads: int = clocked(0)
    note: str = clocked("")


@dataclass(frozen=True)
class Step(TrainEvent):
    """One update. `accuracy` is the batch's own; `epoch` is passes over the training set so far."""

    event: ClassVar[str] = "step"
    step: int
    epoch: float
    loss: float
    accuracy: float
    lr: float
    seconds: float = clocked()
    images_per_second: float = clocked()


@dataclass(frozen=True)
class Validation(TrainEvent):
    """Loss (nats) and accuracy on `images` validation pictures with the weights after `step`."""

    event: ClassVar[str] = "validation"
    step: int
    epoch: float
    loss: float
    accuracy: float
    images: int
    seconds: float = clocked()


@dataclass(frozen=True)
class Epoch(TrainEvent):
    """A whole pass is over: the means of its steps."""

    event: ClassVar[str] = "epoch"
    epoch: int
    step: int
    loss: float
    accuracy: float
    seconds: float = clocked()


@dataclass(frozen=True)
class CheckpointDue(TrainEvent):
    """Every earlier loss was finite and the state stands exactly at `step`: the time to save it."""

    event: ClassVar[str] = "checkpoint"
    step: int
    is_best: bool
    seconds: float = clocked()


@dataclass(frozen=True)
class RunResumed(TrainEvent):
    """Left out of comparisons altogether: a resumed run equals an uninterrupted one."""

    event: ClassVar[str] = "run_resumed"
    step: int
    seconds: float = clocked()


@dataclass(frozen=True)
class RunFinished(TrainEvent):
    """`stop_reason`: completed, time, steps, stopped, diverged, out_of_memory or error.

    `test_accuracy` is None until the test was made; `message` is the sentence for a person where the run failed.
    `unhindered` is the images a second that were to be had, where others took much of the machine.
    """

    event: ClassVar[str] = "run_finished"
    stop_reason: str
    step: int
    validation_accuracy: float | None = None
    test_accuracy: float | None = None
    checkpoint: str | None = clocked(None)
    seconds: float = clocked()
    images_per_second: float = clocked()
    message: str | None = None
    unhindered: float | None = clocked(None)


AT_A_STEP = (Step, Validation, Epoch, CheckpointDue)  # those that a log has once for a step
EVENTS: dict[str, type[TrainEvent]] = {
    kind.event: kind for kind in (RunStarted, Step, Validation, Epoch, CheckpointDue, RunResumed, RunFinished)
}
FIELDS = {kind: frozenset(f.name for f in fields(kind)) for kind in EVENTS.values()}


def from_dict(values: dict[str, Any]) -> TrainEvent:
    """The event that `as_dict` described. Unknown keys are passed over, so that newer logs open in older labs.

    Raises: ValueError if the event's kind is unknown or a field is missing.
    """
    kind = EVENTS.get(values.get("event", ""))
    if kind is None:
        raise ValueError(f"unknown event {values.get('event')!r}")
    known = FIELDS[kind]
    try:
        return kind(**{name: _number(name, value) for name, value in values.items() if name in known})
    except TypeError as error:
        raise ValueError(f"{kind.event}: {error}") from error


def _number(name: str, value: Any) -> Any:
    return math.nan if value is None and name in ("loss", "accuracy") else value


def from_json(line: str) -> TrainEvent:
    """Raises: ValueError if the line is not one whole event."""
    values = json.loads(line)
    if not isinstance(values, dict):
        raise ValueError("an event is a JSON object")
    return from_dict(values)


def replay(lines: Iterable[str]) -> Iterator[TrainEvent]:
    """The events of a log. A line that is torn or not an event is passed over."""
    for line in lines:
        try:
            yield from_json(line)
        except ValueError:
            continue


@dataclass
class History:
    """What a run has shown so far, for curves, tables and status lines. Feed it events in order with `add`."""

    started: RunStarted | None = None
    steps: list[Step] = field(default_factory=list)
    validations: list[Validation] = field(default_factory=list)
    epochs: list[Epoch] = field(default_factory=list)
    finished: RunFinished | None = None
    resumed_at: list[int] = field(default_factory=list)
    kept: Validation | None = None  # the one whose weights are the run's best

    @classmethod
    def of(cls, events: Iterable[TrainEvent]) -> History:
        history = cls()
        for event in events:
            history.add(event)
        return history

    def add(self, event: TrainEvent) -> None:
        if isinstance(event, Step):
            self.steps.append(event)
        elif isinstance(event, Validation):
            self.validations.append(event)
        elif isinstance(event, Epoch):
            self.epochs.append(event)
        elif isinstance(event, CheckpointDue):
            if event.is_best:
                self.kept = next((v for v in reversed(self.validations) if v.step == event.step), self.kept)
        elif isinstance(event, RunStarted):
            self.started = self.started or event
        elif isinstance(event, RunResumed):
            self.resumed_at.append(event.step)
            self.finished = None
        elif isinstance(event, RunFinished):
            self.finished = event

    @property
    def step(self) -> int:
        return self.steps[-1].step if self.steps else 0

    @property
    def seconds(self) -> float:
        """Seconds of training so far, validation included."""
        last = [events[-1].seconds for events in (self.steps, self.validations) if events]
        return max(last, default=0.0)

    @property
    def best(self) -> Validation | None:
        """The validation whose weights were kept as the best; without checkpoints the first of the highest accuracy."""
        if self.kept is not None:
            return self.kept
        finite = [v for v in self.validations if math.isfinite(v.accuracy)]
        return max(finite, key=lambda v: (v.accuracy, -v.step), default=None)

    def share_done(self) -> float:
        """How much of the run is over, 0 to 1; 1 only when it has finished."""
        if self.finished is not None:
            return 1.0
        if self.started is None:
            return 0.0
        by_steps = self.step / self.started.total_steps if self.started.total_steps else 0.0
        by_time = self.seconds / self.started.budget_seconds if self.started.budget_seconds else 0.0
        return min(max(by_steps, by_time), 0.99)

    def seconds_left(self) -> float | None:
        """An estimate from the share done; None before there is anything to go by."""
        share = self.share_done()
        if self.started is None or share <= 0.0:
            return self.started.budget_seconds if self.started else None
        if self.started.budget_seconds:
            return max(0.0, self.started.budget_seconds - self.seconds)
        return self.seconds * (1 - share) / share
