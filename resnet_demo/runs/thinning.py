"""Long runs made short enough to show: a history whose curve is thinned as it grows, and its index on disk.

Of each group of steps the lowest and the highest loss stay, so the curve keeps its envelope; the first and the last
step stay too, and validations are never thinned. The index beside a long log is this history and how far it has read:
it can be deleted at any time.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path

from ..errors import DiskFull
from ..events import CheckpointDue, History, Step, TrainEvent, Validation, replay
from ..home import write_atomically

MOST_STEPS = 8192
CHECKED_BYTES = 256


@dataclass
class LongHistory(History):
    """A History of at most about `MOST_STEPS` steps, two of each `2 * rate`. Steps out of order are passed over."""

    rate: int = 1
    fresh: int = 0  # steps at the end that are not a thinned group yet

    def add(self, event: TrainEvent) -> None:
        if isinstance(event, Step):
            if event.step > self.step:
                self._add_step(event)
        elif not (isinstance(event, Validation) and self.validations and event.step <= self.validations[-1].step):
            super().add(event)

    def _add_step(self, event: Step) -> None:
        self.steps.append(event)
        if self.rate > 1 and len(self.steps) > 1:
            self.fresh += 1
            if self.fresh > 2 * self.rate:  # the newest stays outside its group, so that the last step is always there
                self.steps[-self.fresh :] = [*_extremes(self.steps[-self.fresh : -1]), event]
                self.fresh = 1
        if len(self.steps) > MOST_STEPS:
            self._halve()

    def _halve(self) -> None:
        first, *rest = self.steps
        last = rest.pop()
        groups = (rest[start : start + 4] for start in range(0, len(rest), 4))
        self.steps[:] = [first, *(step for group in groups for step in _extremes(group)), last]
        self.rate *= 2
        self.fresh = 1


def _extremes(steps: list[Step]) -> list[Step]:
    """The steps with the lowest and the highest loss, in order; a loss that is no number counts as the highest."""
    if len(steps) <= 2:
        return steps
    loss = [math.inf if math.isnan(step.loss) else step.loss for step in steps]
    low, high = loss.index(min(loss)), len(loss) - 1 - loss[::-1].index(max(loss))
    return [steps[index] for index in sorted({low, high})]


def write_index(index: Path, log: Path, history: LongHistory, offset: int) -> None:
    """Keeps what was read of `log` up to `offset`; a failure to write it costs only time later."""
    head = {
        "offset": offset,
        "end": _end(log, offset),
        "rate": history.rate,
        "fresh": history.fresh,
        "resumed_at": history.resumed_at,
    }
    kept = CheckpointDue(history.kept.step, True) if history.kept else None
    events = [history.started, *history.steps, *history.validations, kept, *history.epochs, history.finished]
    lines = [json.dumps(head), *(event.to_json() for event in events if event is not None)]
    try:
        write_atomically(index, "\n".join(lines) + "\n")
    except (OSError, DiskFull):
        return


def read_index(index: Path, log: Path) -> tuple[LongHistory, int] | None:
    """The history that `write_index` kept and how far it goes; None if there is none for this very log."""
    try:
        first, *lines = index.read_text(encoding="utf-8").splitlines()
        head = json.loads(first)
        if head["end"] != _end(log, head["offset"]):
            return None
        history = LongHistory()
        for event in replay(lines):
            if isinstance(event, Step):
                history.steps.append(event)
            else:
                history.add(event)
        history.rate, history.fresh, history.resumed_at = (
            int(head["rate"]),
            int(head["fresh"]),
            list(head["resumed_at"]),
        )
        return history, int(head["offset"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _end(log: Path, offset: int) -> str:
    """The last bytes of the log before `offset`, which tell it from another log."""
    with log.open("rb") as file:
        file.seek(max(0, offset - CHECKED_BYTES))
        return file.read(min(offset, CHECKED_BYTES)).decode("utf-8", "replace")
