"""How a run stands: `status.json`, replaced in one piece at every change."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from ..errors import LabError
from ..home import write_atomically
from .config import now

STATES = ("queued", "running", "finished", "stopped", "failed", "interrupted")
TASKS = ("train", "resume", "test")


@dataclass(frozen=True)
class Status:
    """`reason` is the run's stop reason, or who ended it; `message` the sentence for a person where something went
    wrong, and `error` that LabError's name and fields, for the same sentence in another language.

    `ticket` orders the line; it is a counter, so that no clock decides who is next. `task` is what the run waits for or
    does: train, resume or test. `doing` and `share` (0 to 1, or None) tell what it is busy with outside training.
    `gpu_memory` is in bytes, where a GPU trains. `best_accuracy` (on validation) and `test_accuracy` are there once
    known.
    """

    state: str = "queued"
    reason: str = ""
    message: str = ""
    error: Mapping[str, Any] | None = None
    ticket: int | None = None
    task: str = "train"
    doing: str = ""
    share: float | None = None
    pid: int | None = None
    gpu_memory: int | None = None
    best_accuracy: float | None = None
    test_accuracy: float | None = None
    updated: str = ""

    @property
    def is_active(self) -> bool:
        """Waiting or being trained."""
        return self.state in ("queued", "running")

    def as_dict(self) -> dict[str, Any]:
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        return {"status": values.pop("state"), **values}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Status:
        """Unknown keys are passed over; an unknown state counts as interrupted."""
        known = {f.name: values[f.name] for f in fields(cls) if f.name in values}
        state = values.get("status")
        return cls(**{**known, "state": state if state in STATES else "interrupted"})

    def failed_with(self, error: LabError, reason: str = "error") -> Status:
        """This status as a failure that `error` explains."""
        told = {"kind": type(error).__name__, "fields": {key: _plain(value) for key, value in error.fields.items()}}
        return replace(
            self, state="failed", reason=reason, message=str(error), error=told, doing="", share=None, pid=None
        )


def _plain(value: Any) -> Any:
    return value if isinstance(value, (str, int, float, bool, type(None))) else str(value)


def write_status(path: Path, status: Status) -> Status:
    """The status as written, with the time of writing.

    Raises: DiskFull.
    """
    stamped = replace(status, updated=now())
    write_atomically(path, json.dumps(stamped.as_dict()))
    return stamped


class StatusFile:
    """`status.json`, parsed again only when it was replaced: asking costs one look at the folder."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._seen: tuple[tuple[int, int, int] | None, Status] = (None, Status("interrupted", "unknown"))

    def read(self) -> Status:
        """The status; `interrupted` if there is no readable one, which only a damaged folder lacks."""
        try:
            signature = _signature(self.path.stat())
            if signature != self._seen[0]:
                self._seen = (signature, Status.from_dict(json.loads(self.path.read_text(encoding="utf-8"))))
        except (OSError, ValueError, TypeError, AttributeError):
            return self._seen[1] if self.path.exists() else Status("interrupted", "unknown")
        return self._seen[1]

    def write(self, status: Status) -> Status:
        return write_status(self.path, status)


def _signature(stat: os.stat_result) -> tuple[int, int, int]:
    return stat.st_mtime_ns, stat.st_size, stat.st_ino
