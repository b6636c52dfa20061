"""Who executes a run: a process of its own or, on ZeroGPU, a decorated generator in a thread of this one."""

from __future__ import annotations

import contextvars
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Protocol

from ..errors import LabError
from .config import RunConfig
from .process import OnEnd, Worker, environment_for, report_failure
from .store import Run


class Executor(Protocol):
    """Carries runs to their end. `on_end` is called once for each run started, from any thread, when nobody trains it
    any more; the run's status then says how it ended. At most `slots` runs are given to it at a time."""

    @property
    def slots(self) -> int: ...

    def prepare(self) -> None:
        """Gets ready for a run that may come."""

    def needs_place(self, config: RunConfig) -> bool:
        """Whether such a run takes one of the slots; what does not begins at once."""

    def start(self, run: Run, task: str, on_end: OnEnd, context: contextvars.Context) -> None:
        """Begins with `task` (train, resume or test) and returns at once. `context` is that of the request."""

    def stop(self, run: Run) -> None:
        """Asks for the end after the step in hand."""

    def kill(self, run: Run) -> None:
        """Ends it now; what it saved last stays."""

    def close(self, patience_seconds: float = 0.0) -> None:
        """Ends everything, as the server does. With patience, runs are asked to save and end before they are ended."""


class ProcessExecutor:
    """Runs in processes of their own, one warm spare a device started ahead so that the first step comes at once.

    `home` is the lab's folder (data/ and runs/); `preload` a data set that spares load ahead. A spare is started
    `spare_delay_seconds` after the server or a run, so that it takes nothing from their beginning. `devices` are what
    `CUDA_VISIBLE_DEVICES` is for the runs of each slot; "" leaves the choice to the run.
    """

    def __init__(
        self,
        home: Path | None = None,
        preload: str | None = None,
        spare_delay_seconds: float = 4.0,
        devices: Sequence[str] = ("",),
    ) -> None:
        self.arguments = ["--preload", preload] if preload else []
        self.environment = environment_for(home)
        self.spare_delay_seconds = spare_delay_seconds
        self.devices = tuple(devices)
        self._lock = threading.Lock()
        self._spares: dict[str, Worker] = {}
        self._busy: dict[str, tuple[tuple[str, ...], Worker]] = {}
        self._timer: threading.Timer | None = None
        self._is_closing = self._is_closed = False

    @property
    def slots(self) -> int:
        return len(self.devices)

    def needs_place(self, config: RunConfig) -> bool:
        return True

    def prepare(self) -> None:
        with self._lock:
            if self._timer:
                self._timer.cancel()
            self._timer = threading.Timer(self.spare_delay_seconds, self._start_spares)
            self._timer.daemon = True
            self._timer.start()

    def _start_spares(self) -> None:
        with self._lock:
            for device in self.devices:
                spare = self._spares.get(device)
                if not self._is_closing and (spare is None or spare.is_over):
                    self._spares[device] = self._worker(device)

    def _worker(self, device: str) -> Worker:
        chosen = {"CUDA_VISIBLE_DEVICES": device} if device else {}
        return Worker(self.arguments, {**self.environment, **chosen})

    @property
    def has_warm_spare(self) -> bool:
        """Whether a worker for each device stands by, everything loaded."""
        spares = [self._spares.get(device) for device in self.devices]
        return all(spare is not None and not spare.is_over and spare.ready.is_set() for spare in spares)

    def start(self, run: Run, task: str, on_end: OnEnd, context: contextvars.Context) -> None:
        with self._lock:
            devices = self._free_devices(run.config.slots_of(self.slots) if task != "test" else 1)
            visible = ",".join(devices)
            worker = self._spares.pop(visible, None) or self._worker(visible)
            while not worker.take(run, task, len(devices), lambda ended: self._ended(ended, on_end)):
                worker = self._worker(visible)
            self._busy[run.id] = (devices, worker)
        self.prepare()

    def _free_devices(self, wanted: int) -> tuple[str, ...]:
        """As many as are wanted. The scheduler starts no more than there is room for."""
        taken = {device for devices, _ in self._busy.values() for device in devices}
        return tuple([device for device in self.devices if device not in taken] or self.devices)[:wanted]

    def _ended(self, run: Run, on_end: OnEnd) -> None:
        with self._lock:
            self._busy.pop(run.id, None)
            if self._is_closed:
                return
        self._start_spares()
        on_end(run)

    def stop(self, run: Run) -> None:
        if worker := self._worker_of(run):
            worker.send({"stop": True})

    def kill(self, run: Run) -> None:
        if worker := self._worker_of(run):
            worker.kill()

    def is_alive(self, run: Run) -> bool:
        worker = self._worker_of(run)
        return worker is not None and not worker.is_over

    def _worker_of(self, run: Run) -> Worker | None:
        return self._busy.get(run.id, ((), None))[1]

    def close(self, patience_seconds: float = 0.0) -> None:
        with self._lock:
            self._is_closing = True
            busy, spares = [worker for _, worker in self._busy.values()], list(self._spares.values())
            self._spares = {}
            if self._timer:
                self._timer.cancel()
        if patience_seconds:
            for worker in busy:
                worker.send({"stop": True})
        _await_all(lambda: not self._busy, patience_seconds)
        with self._lock:
            self._is_closed = True
        for worker in [*busy, *spares]:
            worker.was_killed = True
            worker.end()


class GeneratorExecutor:
    """Runs as a generator iterated in a thread of this process: on ZeroGPU `spaces.GPU(...)(perform)`.

    `perform(path, task)` writes the run's folder from wherever its body is executed, and looks for the stop that this
    asks for in that folder. The request's context goes along: ZeroGPU charges its visitor. `explain` knows failures of
    its own; where it gives None and has said in the run's status what became of it, nothing is added.
    """

    slots = 1

    def __init__(
        self,
        perform: Callable[[str, str], Iterable[Any]],
        grace_seconds: float = 10.0,
        explain: Callable[[Run, Exception], LabError | None] = lambda run, error: None,
    ) -> None:
        self.perform, self.explain = perform, explain
        self.grace_seconds = grace_seconds
        self._to_close: set[str] = set()
        self._going: dict[str, Run] = {}

    def needs_place(self, config: RunConfig) -> bool:
        return True

    def prepare(self) -> None:
        return None

    def start(self, run: Run, task: str, on_end: OnEnd, context: contextvars.Context) -> None:
        self._to_close.discard(run.id)
        self._going[run.id] = run
        arguments = (self._consume, run, task, on_end)
        threading.Thread(target=context.run, args=arguments, name=f"run-{run.id}", daemon=True).start()

    def _consume(self, run: Run, task: str, on_end: OnEnd) -> None:
        events: Iterable[Any] = ()
        try:
            events = self.perform(str(run.path.absolute()), task)
            for _ in events:
                if run.id in self._to_close:
                    break
        except Exception as error:
            told = self.explain(run, error)
            if told is not None or run.status().is_active:
                report_failure(run, told or error)
        finally:
            if hasattr(events, "close"):
                events.close()
            self._to_close.discard(run.id)
            self._going.pop(run.id, None)
            on_end(run)

    def stop(self, run: Run) -> None:
        run.request_stop()
        timer = threading.Timer(self.grace_seconds, self.kill, (run,))
        timer.daemon = True
        timer.start()

    def kill(self, run: Run) -> None:
        """Closes the generator when it next yields: Python cannot close one that is being executed."""
        if run.is_stopping and run.id in self._going:
            self._to_close.add(run.id)

    def close(self, patience_seconds: float = 0.0) -> None:
        if patience_seconds:
            for run in list(self._going.values()):
                run.request_stop()
        _await_all(lambda: not self._going, patience_seconds)


def _await_all(is_done: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not is_done() and time.monotonic() < deadline:
        time.sleep(0.02)
