"""When a run validates, when it ends, and how far along it is: by the clock or by its steps, never by both."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from .layers import layer_table
from .preprocess import input_size
from .state import TrainState

STARVED = 1.5  # times as long as a step takes undisturbed: others have taken the cores
SKIPPED = 3  # first steps, in which torch builds what it keeps
QUICK_VALIDATION = 1000  # pictures; a run's last validation, and those that end an epoch without a clock, use all
REASONS = (None, "stopped", "steps", "completed", "time")


@dataclass
class Clock:
    """Seconds of training, those before an interruption included."""

    before: float
    start: float = field(default_factory=time.perf_counter)

    def now(self) -> float:
        return self.before + time.perf_counter() - self.start


class Pace:
    """When to validate, when to end, and how far along the run is."""

    def __init__(self, state: TrainState, clock: Clock) -> None:
        self.state, self.clock = state, clock
        self.budget = state.plan.length.seconds
        self.total = state.total_steps
        self.every_steps = validation_interval(state)
        self.next_validation = state.seconds + 0.05 * (self.budget or 0)
        self.step_seconds = self.validation_seconds = 0.0
        self.taken: list[float] = []
        self._last = clock.now()
        self._validated_at = state.step
        self.has_diverged = False

    def count_step(self) -> None:
        now = self.clock.now()
        seconds, self._last = now - self._last, now
        if self.budget:
            self.taken.append(seconds)
        self.step_seconds = seconds if not self.step_seconds else 0.9 * self.step_seconds + 0.1 * seconds

    def count_validation(self, seconds: float, images: int) -> None:
        """Remembers what a picture costs, and keeps validation below a tenth of the time."""
        self.validation_seconds = seconds / images
        self._last = self.clock.now()
        self._validated_at = self.state.step
        if self.budget:
            self.next_validation = self._last + max(self.budget / 10, 10 * seconds)

    def unhindered(self) -> float | None:
        """Images a second that were to be had, where others took so much of the machine that it must be said.

        What a step takes undisturbed is known from the trial before the run and from the run's own quickest tenth.
        """
        taken, batch_size = sorted(self.taken[SKIPPED:]), self.state.plan.recipe.batch_size
        if self.clock.before or len(taken) < 10 or self.state.images.device.type != "cpu":
            return None
        least = [taken[len(taken) // 10]]
        if speed := self.state.plan.compute.images_per_second:
            least.append(batch_size / speed)
        undisturbed = min(least)
        return round(batch_size / undisturbed, 1) if taken[len(taken) // 2] > STARVED * undisturbed else None

    def decide(self, should_stop: Callable[[], bool]) -> tuple[str | None, bool]:
        """Why the run ends here, if it does, and whether to validate now; the same in every process of a run."""
        reason = "stopped" if should_stop() else self.reason_to_end()
        said, is_due = self.state.world.agree(REASONS.index(reason), self.is_validation_due())
        return REASONS[int(said)], bool(is_due)

    def share(self) -> float:
        """How much of the run the next update belongs to, 0 to 1; the same in every process of a run."""
        return self.state.world.agree(self._share())[0] if self.budget else self._share()

    def _share(self) -> float:
        by_steps = self.state.step / self.total if self.total else 0.0
        if not self.budget:
            return by_steps
        usable = max(1e-6, self.budget - self._reserve() - self.step_seconds)
        return min(1.0, max(by_steps, self.clock.now() / usable))

    def _reserve(self) -> float:
        """Seconds to keep for the last validation: a twentieth of the time at most, less if it takes less."""
        most = 0.05 * (self.budget or 0)
        whole = self.validation_seconds * len(self.state.validation_images)
        return min(most, whole) if whole else most

    def reason_to_end(self) -> str | None:
        if self.total is not None and self.state.step >= self.total:
            return "steps" if self.state.plan.length.steps == self.total else "completed"
        if self.budget and self.clock.now() + 0.5 * self.step_seconds + self._reserve() >= self.budget:
            return "time"
        return None

    def is_validation_due(self) -> bool:
        if self._validated_at == self.state.step:
            return False
        if self.state.step == 1:  # so that there are weights to fall back on from the start
            return True
        if self.budget:
            return self.clock.now() >= self.next_validation
        return self.state.step % self.every_steps == 0 or self.state.position == 0

    def validation_images(self, *, is_last: bool) -> int:
        """How many pictures the next validation takes."""
        everything = len(self.state.validation_images)
        quick = min(QUICK_VALIDATION, everything)
        if not self.budget:
            return everything if is_last or self.state.position == 0 else quick
        if not is_last or not self.validation_seconds:
            return quick
        return max(quick, min(everything, int((self.budget - self.clock.now()) / self.validation_seconds)))


def validation_interval(state: TrainState) -> int:
    """Steps between validations of a run without a clock: some twenty a run, at most one for 1.5 TMAC of training."""
    channels, height, width = state.images.shape[1:]
    table = layer_table(state.plan.spec, input_size((channels, height, width), state.preprocess.resize))
    affordable = round(1.5e12 / (3 * table.total_macs * state.plan.recipe.batch_size))
    return max(1, (state.total_steps or 20) // 20, min(affordable, state.steps_per_epoch))
