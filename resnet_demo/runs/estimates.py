"""How long runs will take, from what they were asked to be and from how quick earlier ones were."""

from __future__ import annotations

import math
from pathlib import Path

from ..datasets import DATASETS
from ..errors import LabError
from ..recipes import Length
from .classroom import LONGEST_GPU_SECONDS, OVERHEAD_SECONDS
from .config import RunConfig
from .folder import Run
from .store import RunStore

RUNS_LOOKED_AT = 50
LOADING_SECONDS = 3.0
TEST_PER_TRAINING = 1.5  # times as fast: forward alone in float32, against forward and backward in training
Kind = tuple[str, str, int | None]
SLOW_MACS_A_SECOND = 3e10  # of training on two cores without any help for bf16


class Estimates:
    """Estimates for the runs of one store; None wherever there is nothing to go by."""

    def __init__(self, store: RunStore) -> None:
        self.store = store
        self._speeds: dict[Kind, float] = {}

    def seconds(self, config: RunConfig) -> float | None:
        """How long a run will take: its time, or its pictures at the speed that its network had here before."""
        if config.length.seconds is not None:
            return config.length.seconds + self._overhead(config)
        pictures = _pictures(config)
        speed = self._speed(config)
        return pictures / speed + self._overhead(config) if pictures and speed else None

    def training_seconds(self, config: RunConfig) -> float | None:
        """How long its training alone will take, guessed from its arithmetic where nothing like it was trained here."""
        if config.length.seconds is not None:
            return config.length.seconds
        pictures = _pictures(config)
        return None if pictures is None else pictures / (self._speed(config) or guessed_speed(config))

    def waits(self, training: list[Run], waiting: list[Run], slots: int) -> list[float | None]:
        """Seconds until each waiting run begins, and at the end those until a newcomer would."""
        free: list[float] = []
        for run in training:
            free += [_or_never(self.seconds_left(run))] * run.config.slots_of(slots)
        free += [0.0] * (slots - len(free))
        waits = [0.0]
        for run in waiting:
            free.sort()
            wanted, seconds = run.config.slots_of(slots), _or_never(self.seconds(run.config))
            waits.append(math.inf if math.inf in free else max(free[wanted - 1], waits[-1]))  # nobody overtakes
            free[:wanted] = [waits[-1] + seconds] * wanted
        waits.append(math.inf if math.inf in free else max(min(free), waits[-1]))
        return [None if wait == math.inf else wait for wait in waits[1:]]

    def seconds_left(self, run: Run) -> float | None:
        history = run.history()
        left = history.seconds_left() if history.started else None
        return self.seconds(run.config) if left is None else left + OVERHEAD_SECONDS / 2

    def _overhead(self, config: RunConfig) -> float:
        """Loading, and the test, which a large network takes longer for than for its training."""
        speed = self._speed(config)
        pictures = DATASETS[config.data].test if config.data in DATASETS else 0
        return max(OVERHEAD_SECONDS, LOADING_SECONDS + pictures / (TEST_PER_TRAINING * speed) if speed else 0.0)

    def _speed(self, config: RunConfig) -> float | None:
        """Pictures a second of the last run of the same network on the same pictures that ended here."""
        kind = _kind(config)
        if kind not in self._speeds:
            earlier = (run for run in self.store.runs()[:RUNS_LOOKED_AT] if _kind(run.config) == kind)
            ends = (run.history().finished for run in earlier)
            self._speeds[kind] = next((end.images_per_second for end in ends if end and end.images_per_second), 0.0)
        return self._speeds[kind] or None

    def learn(self, run: Run) -> None:
        """Remembers how quick a run was that has just ended."""
        finished = run.history().finished
        if finished and finished.images_per_second:
            self._speeds[_kind(run.config)] = finished.images_per_second


def _kind(config: RunConfig) -> Kind:
    """What one run's speed says something of: the network, its pictures and the size they are brought to."""
    return config.spec.name, config.data, config.recipe.resize


def _or_never(seconds: float | None) -> float:
    return math.inf if seconds is None else seconds


def guessed_speed(config: RunConfig) -> float:
    """Pictures a second of training on a slow machine, forward and backward."""
    from ..layers import layer_table

    channels, *size = DATASETS[config.data].shape if config.data in DATASETS else config.spec.input
    side = config.recipe.resize
    try:
        table = layer_table(config.spec.adapted(in_channels=channels), (channels, *([side, side] if side else size)))
    except LabError:
        table = layer_table(config.spec)
    return SLOW_MACS_A_SECOND / (3 * table.total_macs)


def gpu_seconds(path: str, task: str = "train", data: str = "") -> int:
    """Seconds to ask ZeroGPU for: `spaces.GPU(duration=gpu_seconds)(...)` calls it as it calls what it decorates."""
    return gpu_seconds_of(Run(Path(path)).config.length) if task != "test" else round(2 * OVERHEAD_SECONDS)


def gpu_seconds_of(length: Length) -> int:
    """Seconds of a visitor's GPU time that a run takes at most, its start and its test included."""
    return round((length.seconds or LONGEST_GPU_SECONDS) + OVERHEAD_SECONDS)


def _pictures(config: RunConfig) -> float | None:
    """Pictures that a run without a clock trains on, repeats counted."""
    limits: list[float] = [config.length.steps * config.recipe.batch_size] if config.length.steps else []
    if config.length.epochs and config.data in DATASETS:
        limits.append(config.length.epochs * 0.9 * DATASETS[config.data].train)
    return min(limits, default=None)
