"""What was recorded for the lessons, read from `runs/`: each recording's head and history, and the tables."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from ..events import History, Validation, replay
from .table import RUNS

SHIPPED = Path(__file__).resolve().parents[2] / "checkpoints"  # as in checkpoint.py, which would bring torch along
LAST_SHARE = 0.1  # of a run's steps: their mean is the training loss that it ended with


@dataclass(frozen=True)
class Recorded:
    """A recording: `head` says what was run and with what."""

    head: dict[str, Any]
    history: History

    @property
    def validation(self) -> Validation | None:
        """The last one, made on the whole validation set with the weights that the run ended with."""
        return self.history.validations[-1] if self.history.validations else None

    @property
    def has_diverged(self) -> bool:
        return self.history.finished is None or self.history.finished.stop_reason == "diverged"

    def training(self, what: str = "loss") -> float:
        """The mean loss or accuracy of the batches of the last tenth of the run."""
        from_step = self.history.step * (1 - LAST_SHARE)
        values = [getattr(step, what) for step in self.history.steps if step.step > from_step]
        return sum(values) / len(values)


def recorded(name: str, folder: Path = RUNS) -> Recorded | None:
    """The recording of that name; None if there is none yet."""
    path = folder / f"{name}.jsonl"
    return _read(path, path.stat().st_mtime_ns) if path.is_file() else None


@lru_cache(maxsize=64)
def _read(path: Path, _: int) -> Recorded:
    head, *lines = path.read_text(encoding="utf-8").splitlines()
    return Recorded(json.loads(head), History.of(replay(lines)))


def shipped(name: str, folder: Path = SHIPPED) -> Recorded | None:
    """The run of a shipped checkpoint, with its card as head; None if none of that name ships."""
    path, head = folder / f"{name}.jsonl", card(name, folder)
    return Recorded(head, History.of(replay(path.read_text(encoding="utf-8").splitlines()))) if head else None


def table(name: str, folder: Path = RUNS) -> dict[str, Any]:
    """The recorded table of that name; empty if there is none yet."""
    path = folder / f"{name}.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}


def card(name: str, folder: Path = SHIPPED) -> dict[str, Any]:
    """What is written beside a shipped checkpoint; empty if there is none of that name."""
    path = folder / f"{name}.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
