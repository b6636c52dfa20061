"""A run is a folder: config.json, events.jsonl, status.json, resume/last/best.safetensors, log.txt.

Everything but the log of events is replaced in one piece, so a folder can be read, copied and opened at any moment.
"""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..errors import LabError, RunRefused
from ..events import History, TrainEvent
from ..home import write_atomically
from . import lock
from .config import RunConfig, now
from .eventlog import EventLog, lines_backwards
from .status import Status, StatusFile


class Run:
    """One run's folder. Cheap to ask again and again: files are read anew only when they have changed."""

    def __init__(self, path: Path) -> None:
        self.path = Path(path)
        self.log = EventLog(self.path / "events.jsonl")
        self._status = StatusFile(self.path / "status.json")
        self._config: tuple[tuple[int, int] | None, RunConfig | None] = (None, None)

    @classmethod
    def create(cls, path: Path, config: RunConfig) -> Run:
        """A new run in a folder that holds none yet.

        Raises: RunRefused if it holds one, DiskFull.
        """
        run = cls(path)
        if run.exists:
            raise RunRefused(run=run.id, action="start", why="there is a run in its folder already")
        run.path.mkdir(parents=True, exist_ok=True)
        run.write_config(config)
        return run

    @property
    def exists(self) -> bool:
        return (self.path / "config.json").is_file()

    @property
    def id(self) -> str:
        """The folder's name: whatever happened to copies of it, no two runs beside each other share one."""
        return self.path.name

    @property
    def config(self) -> RunConfig:
        """What the run was asked to be.

        Raises: RunRefused if there is no readable `config.json`.
        """
        file = self.path / "config.json"
        try:
            stat = file.stat()
            signature, (known, config) = (stat.st_mtime_ns, stat.st_size), self._config
            if config is None or known != signature:
                config = RunConfig.from_dict(json.loads(file.read_text(encoding="utf-8")))
                self._config = (signature, config)
            return config
        except (OSError, ValueError, LabError) as error:
            raise RunRefused(
                run=self.id, action="be opened", why=f"its config.json cannot be read ({error})"
            ) from error

    def write_config(self, config: RunConfig) -> None:
        write_atomically(self.path / "config.json", json.dumps(config.as_dict(), indent=1))

    @property
    def title(self) -> str:
        """The name that its owner gave it, or the model's."""
        return self.config.title or self.config.spec.name

    def status(self) -> Status:
        """How it stands. A run that says it is running while nobody trains it was interrupted."""
        status = self._status.read()
        if status.state == "running" and not self.is_held():
            status = self._status.read()  # it may have ended between the two looks
            if status.state == "running":
                return replace(status, state="interrupted", reason="killed", doing="", share=None, pid=None)
        return status

    def set_status(self, status: Status) -> Status:
        return self._status.write(status)

    def settle(self) -> bool:
        """Whether it was cut short since somebody last looked; its status says so from now on."""
        was_running = self._status.read().state == "running"
        status = self.status()
        if not was_running or status.state != "interrupted":
            return False
        self.sweep()
        self.set_status(status)
        return True

    def is_held(self) -> bool:
        """Whether a process trains it now."""
        return lock.is_held(self.path / "lock")

    @contextmanager
    def held(self) -> Iterator[None]:
        """This process alone trains the run, for as long as it is inside.

        Raises: RunRefused if another one does.
        """
        with lock.hold(self.path / "lock") as is_mine:
            if not is_mine:
                raise RunRefused(run=self.id, action="start", why="another process is training it")
            yield

    def history(self) -> History:
        """What it has shown so far, shared by all that look: do not change it."""
        return self.log.history()

    def events(self, since: int = 0) -> Iterator[TrainEvent]:
        """Its events in order, from the `since`-th on."""
        return itertools.islice(self.log.events(), since, None)

    @property
    def resume_path(self) -> Path:
        return self.path / "resume.safetensors"

    @property
    def last_path(self) -> Path:
        return self.path / "last.safetensors"

    @property
    def best_path(self) -> Path:
        return self.path / "best.safetensors"

    @property
    def log_path(self) -> Path:
        return self.path / "log.txt"

    def checkpoint(self) -> Path | None:
        """The file that others should load: the best weights, else the last, None before there are any."""
        return next((path for path in (self.best_path, self.last_path) if path.is_file()), None)

    def last_log_lines(self, most: int = 30) -> list[str]:
        """The end of `log.txt`, oldest line first."""
        if not self.log_path.is_file():
            return []
        return list(itertools.islice(lines_backwards(self.log_path), most))[::-1]

    def request_stop(self) -> None:
        """Asks whoever trains it, in whatever process, to end after the step in hand."""
        (self.path / "stop").touch()

    def forget_stop(self) -> None:
        (self.path / "stop").unlink(missing_ok=True)

    @property
    def is_stopping(self) -> bool:
        return (self.path / "stop").exists()

    def why_not_resume(self) -> str | None:
        """Why it cannot go on, as the end of a sentence; None if it can."""
        status = self.status()
        if status.is_active:
            return "it is waiting or being trained already"
        if status.reason == "diverged":
            return "its loss is no longer a number; start again with a smaller learning rate"
        if status.state == "finished" or status.test_accuracy is not None:
            return "its test was made; give it more time as a new run"
        return None

    def why_no_more_time(self) -> str | None:
        """Why no new run can begin with its last weights, as the end of a sentence; None if one can."""
        status = self.status()
        if status.is_active:
            return "it is waiting or being trained"
        if status.reason == "diverged":
            return "its loss is no longer a number; start again with a smaller learning rate"
        return None if self.last_path.is_file() else "it has no weights yet"

    @property
    def is_named(self) -> bool:
        """Whether somebody gave it a name of its own, which keeps it when the lab tidies up."""
        return bool(self.config.title)

    def summary(self) -> dict[str, Any]:
        """One row of `runs`: id, status, model, dataset, recipe, owner, created, best_accuracy."""
        config, status = self.config, self.status()
        best = status.best_accuracy
        if best is None and (validation := self.history().best):
            best = validation.accuracy
        return {
            "id": self.id, "status": status.state, "model": config.spec.name, "dataset": config.data_name,
            "recipe": config.recipe.name, "owner": config.owner.name or config.owner.id, "created": config.created,
            "best_accuracy": best,
        }  # fmt: skip

    def note(self, text: str) -> None:
        """Adds a line to `log.txt`; a log that cannot be written stops nothing."""
        with suppress(OSError), self.log_path.open("a", encoding="utf-8") as file:
            file.write(f"{now()} {text.rstrip()}\n")

    def sweep(self) -> None:
        """Removes what a killed process left half written."""
        for part in self.path.glob(".*.part"):
            with suppress(OSError):
                part.unlink()


def await_release(runs: list[Run], seconds: float) -> None:
    """Waits until nobody trains these runs: a worker whose server was killed takes a moment to notice."""
    deadline = time.monotonic() + seconds
    while any(run.is_held() for run in runs) and time.monotonic() < deadline:
        time.sleep(0.05)
