"""Who trains next: a line of runs that survives a restart, one run at a time on each device, each in its owner's hands.

Nothing here waits or polls: the line moves when a run is submitted, leaves or ends. Its order is the tickets in the
runs' own folders, so a server that starts finds the line as it was.
"""

from __future__ import annotations

import contextvars
import logging
import threading
from contextlib import ExitStack
from dataclasses import dataclass, replace

from ..errors import LabFull, RunRefused
from ..recipes import Length
from . import lock
from .classroom import Limits
from .config import Owner, RunConfig, clean_title, more_of
from .estimates import Estimates
from .executors import Executor
from .folder import await_release
from .process import report_failure
from .rights import Rights
from .status import Status
from .store import Run, RunStore
from .tidying import Keeping, tidy

log = logging.getLogger(__name__)
DYING_SECONDS = 2.0  # how long the workers of a server that was killed may take to notice


@dataclass(frozen=True)
class Place:
    """A run's place: 0 while it trains, 1 for the next. `wait_seconds` until its turn is an estimate or None."""

    run_id: str
    place: int
    wait_seconds: float | None


class Scheduler:
    """The line of a store's runs and the executor that works it off, `slots` at a time."""

    def __init__(
        self,
        store: RunStore,
        executor: Executor,
        limits: Limits = Limits(),
        *,
        teacher_token: str | None = None,
        slots: int = 1,
        keeping: Keeping = Keeping(),
        stop_patience_seconds: float = 60.0,
    ) -> None:
        self.store, self.executor, self.limits, self.slots = store, executor, limits, slots
        self.keeping, self.stop_patience_seconds = keeping, stop_patience_seconds
        self.rights = Rights(teacher_token)
        self._lock = threading.RLock()
        self._line: list[Run] = []
        self._training: dict[str, Run] = {}
        self._contexts: dict[str, contextvars.Context] = {}
        self.estimates = Estimates(store)
        self._asked_to_stop: set[str] = set()
        self._next_ticket = 1
        self._held = ExitStack()
        self._is_closed = False

    def recover(self) -> list[Run]:
        """Takes up the lab as an earlier server left it: runs cut short become interrupted, the line moves on in order.

        Gives the interrupted runs. Where another server works on the same runs, its line stays its own.
        """
        self.store.root.mkdir(parents=True, exist_ok=True)
        self.executor.prepare()
        if not self._held.enter_context(lock.hold(self.store.root / ".scheduler")):
            return []
        self.store.sweep()
        runs = self.store.runs()
        await_release([run for run in runs if run.status().state == "running"], DYING_SECONDS)
        interrupted = [run for run in runs if run.settle()]
        with self._lock:
            waiting = [run for run in runs if run.status().state == "queued"]
            for run in [run for run in waiting if not self.executor.needs_place(run.config)]:
                waiting.remove(run)  # whoever pays for it has to ask again
                run.set_status(replace(run.status(), state="interrupted", reason="killed", ticket=None, doing=""))
            self._line = sorted(waiting, key=lambda run: (run.status().ticket or 0, run.id))
            self._next_ticket = 1 + max((run.status().ticket or 0 for run in runs), default=0)
            self._advance()
            self._tidy()
        return interrupted

    def submit(self, config: RunConfig, *, join: bool = False, token: str | None = None) -> Run:
        """A new run at the end of the line, or at work already if nobody waits.

        With `join`, a waiting or running run that asks for the very same training is given instead. The limits do not
        hold for the teacher.

        Raises: LineFull, AlreadyInLine, InvalidOption if it is longer than this lab allows, LabFull, DiskFull.
        """
        with self._lock:
            if join and (same := self._same(config)):
                return same
            if not self.is_teacher(token):
                self._check_length(config)
                self._check_room(config.owner)
            self._make_room()
            return self._enqueue(self.store.create(config), "train")

    def give_more_time(self, run_id: str, length: Length, by: Owner = Owner(), token: str | None = None) -> Run:
        """A new run of `by`'s that begins with the last weights of one that is over, whoever's that was.

        Raises: UnknownRun, RunRefused if that one has no weights to begin with, and what `submit` raises.
        """
        parent = self.store.get(run_id)
        with self._lock:
            if why := parent.why_no_more_time():
                raise RunRefused(run=parent.id, action="be given more time", why=why)
            return self.submit(more_of(parent.config, parent.id, length, by), token=token)

    def resume(self, run_id: str, by: Owner = Owner(), token: str | None = None) -> Run:
        """A stopped, failed or interrupted run back in the line, to go on from where it was last saved.

        Raises: UnknownRun, NotAllowed, RunRefused if it cannot go on, LineFull, AlreadyInLine.
        """
        run = self._allowed(run_id, by, token, "resume")
        with self._lock:
            if why := run.why_not_resume():
                raise RunRefused(run=run.id, action="go on", why=why)
            if not self.is_teacher(token):
                self._check_room(by)
            return self._enqueue(run, "resume")

    def test(self, run_id: str, by: Owner = Owner(), token: str | None = None) -> Run:
        """A run that has ended in the line for its test, which a stopped run has not had.

        Raises: UnknownRun, NotAllowed, RunRefused, LineFull, AlreadyInLine.
        """
        run = self._allowed(run_id, by, token, "test")
        with self._lock:
            status = run.status()
            if status.is_active or status.test_accuracy is not None or run.checkpoint() is None:
                raise RunRefused(
                    run=run.id, action="be tested", why="it is not over, has no weights or was tested already"
                )
            if not self.is_teacher(token):
                self._check_room(by)
            return self._enqueue(run, "test")

    def stop(self, run_id: str, by: Owner = Owner(), token: str | None = None) -> Run:
        """The run, out of the line or asked to end after the step in hand, whoever trains it.

        Raises: UnknownRun, NotAllowed, RunRefused if it neither waits nor trains.
        """
        run = self._allowed(run_id, by, token, "stop")
        with self._lock:
            if run in self._line:
                self._line.remove(run)
                run.set_status(replace(run.status(), state="stopped", reason="left the line", ticket=None))
            elif run.id in self._training or run.status().state == "running":
                self._asked_to_stop.add(run.id)
                run.request_stop()
                self.executor.stop(run)
                self._be_patient_with(run)
            else:
                raise RunRefused(run=run.id, action="be stopped", why="it is not running")
        return run

    def delete(self, run_id: str, by: Owner = Owner(), token: str | None = None) -> None:
        """Removes a run and its files.  Raises: UnknownRun, NotAllowed, RunRefused while it waits or trains."""
        run = self._allowed(run_id, by, token, "delete")
        with self._lock:
            if run.id in self._needed():
                raise RunRefused(run=run.id, action="be deleted", why="another run begins with its weights")
            self.store.delete(run.id)

    def rename(self, run_id: str, title: str, by: Owner = Owner(), token: str | None = None) -> Run:
        """The run under another title.  Raises: UnknownRun, NotAllowed, DiskFull."""
        run = self._allowed(run_id, by, token, "rename")
        run.write_config(replace(run.config, title=clean_title(title)))
        return run

    def is_teacher(self, token: str | None) -> bool:
        return self.rights.is_teacher(token)

    def is_owner(self, run: Run, by: Owner) -> bool:
        return self.rights.is_owner(run, by)

    def may_change(self, run: Run, by: Owner, token: str | None = None) -> bool:
        """Whether `by` may stop, resume, test, rename and delete the run; each of these asks again."""
        return self.rights.may_change(run, by, token)

    def runs_of(self, owner: Owner) -> list[Run]:
        """Somebody's own runs, newest first."""
        return [run for run in self.store.runs() if self.is_owner(run, owner)]

    def active_of(self, owner: Owner) -> list[Run]:
        """Somebody's own runs that train or wait, in order."""
        with self._lock:
            return [run for run in self._active() if self.is_owner(run, owner)]

    def _active(self) -> list[Run]:
        return [*self._training.values(), *self._line]

    def _needed(self) -> set[str]:
        """The runs whose weights others will begin with."""
        return {run.config.parent for run in self._active() if run.config.parent}

    def line(self) -> list[Place]:
        """Everyone who trains or waits, in order."""
        training, waiting, waits = self._waits()
        places = [Place(run.id, 0, 0.0) for run in training]
        return places + [Place(run.id, index + 1, waits[index]) for index, run in enumerate(waiting)]

    def place(self, run_id: str) -> Place | None:
        """A run's place in the line; None if it neither waits nor trains."""
        return next((place for place in self.line() if place.run_id == run_id), None)

    def expected_wait(self) -> float | None:
        """Seconds until a run submitted now would begin, an estimate; None if nobody can say."""
        return self._waits()[2][-1]

    def _waits(self) -> tuple[list[Run], list[Run], list[float | None]]:
        with self._lock:
            training, waiting = list(self._training.values()), list(self._line)
        in_place = [run for run in training if self.executor.needs_place(run.config)]
        return training, waiting, self.estimates.waits(in_place, waiting, self.slots)

    @property
    def load(self) -> tuple[int, int]:
        """(runs that train, runs that wait), told without waiting for anything."""
        return len(self._training), len(self._line)

    def close(self, patience_seconds: float = 0.0) -> None:
        """Ends all training, as the end of the server does; the line stays on disk.

        With patience the runs in training are asked to save and end, and go on when the lab opens again; those that
        take longer go on from where they last saved. Without it they are interrupted.
        """
        with self._lock:
            self._is_closed = True
            going = list(self._training.values())
        self.executor.close(patience_seconds)
        if patience_seconds:
            for run in going:
                self._put_back(run)
        self._held.close()

    def _put_back(self, run: Run) -> None:
        """A run that the end of the server cut short stands at the head of the line of the next one."""
        status = run.status()
        was_cut = status.state in ("stopped", "interrupted", "running") and run.id not in self._asked_to_stop
        lacks_test = status.state == "finished" and status.test_accuracy is None and run.checkpoint() is not None
        if (was_cut or lacks_test) and self.executor.needs_place(run.config):
            task = "test" if lacks_test or status.task == "test" else "resume"
            run.forget_stop()
            run.set_status(Status("queued", ticket=0, task=task, best_accuracy=status.best_accuracy))

    def _allowed(self, run_id: str, by: Owner, token: str | None, action: str) -> Run:
        return self.rights.check(self.store.get(run_id), by, token, action)

    def _check_length(self, config: RunConfig) -> None:
        if self.executor.needs_place(config):
            self.limits.check_length(self.estimates.training_seconds(config))
        else:
            self.limits.check_lent(config.length.seconds)

    def _check_room(self, owner: Owner) -> None:
        self.limits.check_room([run.id for run in self.active_of(owner)], len(self._line))

    def _same(self, config: RunConfig) -> Run | None:
        joinable = (run for run in self._active() if run.status().task == "train" and not run.is_stopping)
        return next((run for run in joinable if run.config.same_training(config)), None)

    def _enqueue(self, run: Run, task: str) -> Run:
        run.forget_stop()
        self._asked_to_stop.discard(run.id)
        before = run.status()
        run.set_status(Status("queued", ticket=self._next_ticket, task=task, best_accuracy=before.best_accuracy))
        self._next_ticket += 1
        if not self.executor.needs_place(run.config):
            self._begin(run, contextvars.copy_context())
            return run
        self._contexts[run.id] = contextvars.copy_context()
        self._line.append(run)
        self._advance()
        return run

    def _advance(self) -> None:
        """Starts as many of the line as there is room for. Nobody overtakes a run that waits for several devices."""
        while self._line and self._has_room(self._line[0]) and not self._is_closed:
            run = self._line.pop(0)
            self._begin(run, self._contexts.pop(run.id, contextvars.copy_context()))

    def _begin(self, run: Run, context: contextvars.Context) -> None:
        self._training[run.id] = run
        try:
            self.executor.start(run, run.status().task, self._ended, context)
        except Exception as error:
            self._training.pop(run.id)
            report_failure(run, error)

    def _has_room(self, run: Run) -> bool:
        going = (other.config for other in self._training.values())
        taken = sum(config.slots_of(self.slots) for config in going if self.executor.needs_place(config))
        return taken + run.config.slots_of(self.slots) <= self.slots

    def _ended(self, run: Run) -> None:
        with self._lock:
            self._training.pop(run.id, None)
            self.estimates.learn(run)
            self._advance()
            self._tidy()

    def _make_room(self) -> None:
        """Raises: LabFull if there is no room for another run, even without those that are kept for nobody."""
        runs = self.store.runs()
        try:
            self.keeping.check_room(runs)
        except LabFull:
            self._tidy()
            self.keeping.check_room(self.store.runs())

    def _tidy(self) -> None:
        """Removes runs that this lab does not keep any longer; what stands in the way of that stops nothing else."""
        try:
            for run_id in tidy(self.store, self.keeping, self._needed()):
                log.info("removed run %s: newer ones take its place", run_id)
        except Exception:
            log.exception("tidying up failed")

    def _be_patient_with(self, run: Run) -> None:
        timer = threading.Timer(self.stop_patience_seconds, self._lose_patience, (run,))
        timer.daemon = True
        timer.start()

    def _lose_patience(self, run: Run) -> None:
        """Ends by force a run that was asked to stop and did not; what it saved last stays."""
        with self._lock:
            if run.is_stopping and run.id in self._training:
                self.executor.kill(run)
                run.set_status(replace(run.status(), state="stopped", reason="ended by force", doing="", pid=None))
