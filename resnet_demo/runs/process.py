"""A worker process as its server sees it: started, given one run, watched, and its end told in the run's folder."""

from __future__ import annotations

import collections
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

from ..errors import DiskFull, LabError, Unexpected, WorkerDied
from .store import Run

OnEnd = Callable[[Run], None]
PROJECT = Path(__file__).resolve().parents[2]


class Worker:
    """One worker process, watched by one thread that sleeps until it speaks or ends."""

    def __init__(self, arguments: list[str], environment: dict[str, str]) -> None:
        self.run: Run | None = None
        self.on_end: OnEnd | None = None
        self.was_killed = False
        self.is_over = False
        self._lock = threading.Lock()
        self.ready = threading.Event()
        self.said: collections.deque[str] = collections.deque(maxlen=40)
        self.process = subprocess.Popen(
            [sys.executable, "-m", "resnet_demo.runs.worker", *arguments],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True, encoding="utf-8", errors="replace", env=environment,
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )  # fmt: skip
        assert self.process.stdin and self.process.stdout  # pipes, as was asked for
        self._commands, self._words = self.process.stdin, self.process.stdout
        threading.Thread(target=self._watch, name=f"worker-{self.process.pid}", daemon=True).start()

    def _watch(self) -> None:
        for line in self._words:
            self.said.append(line.rstrip())
            if line.strip() == "ready":
                self.ready.set()
        self.process.wait()
        self._words.close()
        with self._lock:
            self.is_over = True
        if self.run is not None and self.on_end is not None:
            if not self.was_killed:
                report_death(self.run, self.process.returncode, self.said)
            self.on_end(self.run)

    def take(self, run: Run, task: str, gpus: int, on_end: OnEnd) -> bool:
        """Whether the worker got the run: not if it has ended. From then on `on_end` is called when it does."""
        with self._lock:
            if self.is_over:
                return False
            self.run, self.on_end = run, on_end
        self.send({"run": str(run.path.absolute()), "task": task, "gpus": gpus})
        return True

    def send(self, command: dict[str, Any]) -> None:
        with suppress(OSError, ValueError):  # it has ended, which its watcher is about to tell
            self._commands.write(json.dumps(command) + "\n")
            self._commands.flush()

    def kill(self) -> None:
        self.was_killed = True
        self.process.kill()

    def end(self) -> None:
        """Lets the process go: it ends when its standard input closes."""
        with suppress(OSError):
            self._commands.close()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()


def environment_for(home: Path | None) -> dict[str, str]:
    """This process's environment; the worker finds this very package and this lab's home."""
    paths = [str(PROJECT), *filter(None, [os.environ.get("PYTHONPATH")])]
    chosen = {"RESNET_DEMO_HOME": str(Path(home).absolute())} if home else {}
    # Threads that wait by spinning take the cores from the page, and from each other as soon as anybody else is busy.
    waiting = {"OMP_WAIT_POLICY": os.environ.get("OMP_WAIT_POLICY", "PASSIVE")}
    return {**os.environ, **chosen, **waiting, "PYTHONPATH": os.pathsep.join(paths), "PYTHONUNBUFFERED": "1"}


def report_death(run: Run, code: int | None, said: Iterable[str] = ()) -> None:
    """Says in a run's status that its process ended in the middle, if it did."""
    status = run.status()
    if status.state in ("finished", "stopped", "failed"):
        return
    for line in said:
        if line != "ready":
            run.note(line)
    run.note(f"the training process ended with exit code {code}")
    with suppress(OSError, DiskFull):
        run.set_status(status.failed_with(WorkerDied(code=code, log=run.log_path.name)))


def report_failure(run: Run, error: Exception) -> None:
    """Says in a run's status why it never came to train, in the error's own words."""
    run.note(f"{type(error).__name__}: {error}")
    sentence = error if isinstance(error, LabError) else Unexpected(what=str(error)[:300], id=run.id)
    with suppress(OSError, DiskFull):
        run.set_status(run.status().failed_with(sentence))
