"""Who executes a run: a process of its own or, on ZeroGPU, a decorated generator in a thread of this one."""

from __future__ import annotations

import collections
import contextvars
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

from ..errors import DiskFull, LabError, Unexpected, WorkerDied
from .store import Run

OnEnd = Callable[[Run], None]
PROJECT = Path(__file__).resolve().parents[2]


class Executor(Protocol):
    """Carries runs to their end. `on_end` is called once for each run started, from any thread, when nobody trains it
    any more; the run's status then says how it ended. At most `slots` runs are given to it at a time."""

    slots: int

    def prepare(self) -> None:
        """Gets ready for a run that may come."""

    def start(self, run: Run, task: str, on_end: OnEnd, context: contextvars.Context) -> None:
        """Begins with `task` (train, resume or test) and returns at once. `context` is that of the request."""

    def stop(self, run: Run) -> None:
        """Asks for the end after the step in hand."""

    def kill(self, run: Run) -> None:
        """Ends it now; what it saved last stays."""

    def close(self) -> None:
        """Ends everything, as the server does."""


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
        threading.Thread(target=self._watch, name=f"worker-{self.process.pid}", daemon=True).start()

    def _watch(self) -> None:
        for line in self.process.stdout:
            self.said.append(line.rstrip())
            if line.strip() == "ready":
                self.ready.set()
        self.process.wait()
        self.process.stdout.close()
        with self._lock:
            self.is_over = True
        if self.run is not None and self.on_end is not None:
            if not self.was_killed:
                report_death(self.run, self.process.returncode, self.said)
            self.on_end(self.run)

    def take(self, run: Run, task: str, on_end: OnEnd) -> bool:
        """Whether the worker got the run: not if it has ended. From then on `on_end` is called when it does."""
        with self._lock:
            if self.is_over:
                return False
            self.run, self.on_end = run, on_end
        self.send({"run": str(run.path.absolute()), "task": task})
        return True

    def send(self, command: dict[str, Any]) -> None:
        with suppress(OSError, ValueError):  # it has ended, which its watcher is about to tell
            self.process.stdin.write(json.dumps(command) + "\n")
            self.process.stdin.flush()

    def kill(self) -> None:
        self.was_killed = True
        self.process.kill()

    def end(self) -> None:
        """Lets the process go: it ends when its standard input closes."""
        with suppress(OSError):
            self.process.stdin.close()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()


class ProcessExecutor:
    """Runs in processes of their own, one warm spare started ahead so that the first step comes at once.

    `home` is the lab's folder (data/ and runs/); `preload` a data set that spares load ahead. A spare is started
    `spare_delay_seconds` after the server or a run, so that it takes nothing from their beginning.
    """

    def __init__(self, home: Path | None = None, preload: str | None = None, spare_delay_seconds: float = 4.0) -> None:
        self.arguments = ["--preload", preload] if preload else []
        self.environment = _environment(home)
        self.spare_delay_seconds = spare_delay_seconds
        self._lock = threading.Lock()
        self._spare: Worker | None = None
        self._busy: dict[str, Worker] = {}
        self._timer: threading.Timer | None = None
        self._is_closed = False
        self.slots = 1

    def prepare(self) -> None:
        with self._lock:
            if self._timer:
                self._timer.cancel()
            self._timer = threading.Timer(self.spare_delay_seconds, self._start_spare)
            self._timer.daemon = True
            self._timer.start()

    def _start_spare(self) -> None:
        with self._lock:
            if not self._is_closed and (self._spare is None or self._spare.is_over):
                self._spare = Worker(self.arguments, self.environment)

    def start(self, run: Run, task: str, on_end: OnEnd, context: contextvars.Context) -> None:
        with self._lock:
            worker, self._spare = self._spare or Worker(self.arguments, self.environment), None
            while not worker.take(run, task, lambda ended: self._ended(ended, on_end)):
                worker = Worker(self.arguments, self.environment)
            self._busy[run.id] = worker
        self.prepare()

    def _ended(self, run: Run, on_end: OnEnd) -> None:
        with self._lock:
            self._busy.pop(run.id, None)
            if self._is_closed:
                return
        self._start_spare()
        on_end(run)

    def stop(self, run: Run) -> None:
        if worker := self._busy.get(run.id):
            worker.send({"stop": True})

    def kill(self, run: Run) -> None:
        if worker := self._busy.get(run.id):
            worker.kill()

    def is_alive(self, run: Run) -> bool:
        worker = self._busy.get(run.id)
        return worker is not None and not worker.is_over

    def close(self) -> None:
        with self._lock:
            self._is_closed = True
            workers = [*self._busy.values(), *([self._spare] if self._spare else [])]
            self._spare = None
            if self._timer:
                self._timer.cancel()
        for worker in workers:
            worker.was_killed = True
            worker.end()


def _environment(home: Path | None) -> dict[str, str]:
    """This process's environment; the worker finds this very package and this lab's home."""
    paths = [str(PROJECT), *filter(None, [os.environ.get("PYTHONPATH")])]
    chosen = {"RESNET_DEMO_HOME": str(Path(home).absolute())} if home else {}
    # Threads that wait by spinning take the cores from the page, and from each other as soon as anybody else is busy.
    waiting = {"OMP_WAIT_POLICY": os.environ.get("OMP_WAIT_POLICY", "PASSIVE")}
    return {**os.environ, **chosen, **waiting, "PYTHONPATH": os.pathsep.join(paths), "PYTHONUNBUFFERED": "1"}


class GeneratorExecutor:
    """Runs as a generator iterated in a thread of this process: on ZeroGPU `spaces.GPU(...)(perform)`.

    `perform(path, task)` writes the run's folder from wherever its body is executed, and looks for the stop that this
    asks for in that folder. The request's context goes along: ZeroGPU charges its visitor.
    """

    slots = 1

    def __init__(self, perform: Callable[[str, str], Iterable[Any]], grace_seconds: float = 10.0) -> None:
        self.perform = perform
        self.grace_seconds = grace_seconds
        self._to_close: set[str] = set()

    def prepare(self) -> None:
        return None

    def start(self, run: Run, task: str, on_end: OnEnd, context: contextvars.Context) -> None:
        arguments = (self._consume, run, task, on_end)
        threading.Thread(target=context.run, args=arguments, name=f"run-{run.id}", daemon=True).start()

    def _consume(self, run: Run, task: str, on_end: OnEnd) -> None:
        events = None
        try:
            events = iter(self.perform(str(run.path.absolute()), task))
            for _ in events:
                if run.id in self._to_close:
                    break
        except Exception as error:
            report_failure(run, error)
        finally:
            if hasattr(events, "close"):
                events.close()
            self._to_close.discard(run.id)
            on_end(run)

    def stop(self, run: Run) -> None:
        run.request_stop()
        timer = threading.Timer(self.grace_seconds, self.kill, (run,))
        timer.daemon = True
        timer.start()

    def kill(self, run: Run) -> None:
        """Closes the generator when it next yields: Python cannot close one that is being executed."""
        if run.is_stopping:
            self._to_close.add(run.id)

    def close(self) -> None:
        return None


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
