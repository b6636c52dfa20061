"""A run from its folder to its end: loads the data, trains, keeps everything on disk, and makes the final test.

The command line, the worker process and ZeroGPU's decorated function all iterate this one generator.
"""

from __future__ import annotations

import os
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path

import torch

from ..checkpoint import open_checkpoint
from ..datasets import load_data
from ..device import LENT, gpu_memory
from ..distributed import World
from ..errors import DiskFull, Failure, RunRefused
from ..evaluate import Evaluation, evaluate
from ..events import CheckpointDue, RunFinished, RunResumed, RunStarted, TrainEvent, Validation
from ..imagesets import Dataset
from ..state import TrainState, new_state
from ..train import train
from .config import RunConfig
from .eventlog import EventWriter
from .explain import explain
from .keeping import add_test, keep, put_back, start_from_parent, validation_accuracy
from .planning import DEFAULT_SIDE, make_plan, on_device
from .status import Status
from .store import Run

STATE_AFTER = {"completed": "finished", "time": "finished", "steps": "finished", "stopped": "stopped"}
TELL_EVERY_SECONDS = 0.25


class StoppedWhileTesting(Exception):
    """Somebody asked for the end while the test was made."""


def execute(
    run: Run, *, should_stop: Callable[[], bool] = lambda: False, resume: bool = False, world: World = World(),
    data: Dataset | None = None,
) -> Iterator[TrainEvent]:  # fmt: skip
    """Trains the run of a folder, from its beginning or from where it was left, and yields what is new in its log.

    Every event is in the log before it is yielded. The last one is RunFinished, with the test's accuracy and the
    checkpoint tested, or with the sentence that says why the run failed. A generator closed early leaves the run
    interrupted. Of several processes in a `world` the first one calls this, the others `follow`.

    Raises: RunRefused if it is being trained already, has begun (without `resume`) or cannot go on (with it).
    """
    with run.held(), closing(Execution(run, should_stop, resume, world, data)) as execution:
        yield from execution.events()


def execute_test(
    run: Run, *, should_stop: Callable[[], bool] = lambda: False, data: Dataset | None = None
) -> Iterator[TrainEvent]:
    """The final test of a run that was stopped, asked for by its owner: one RunFinished, also in the log.

    Raises: RunRefused if there are no weights yet, or the test was made.
    """
    with run.held(), closing(Execution(run, should_stop, True, data=data)) as execution:
        yield from execution.test_events()


class Execution:
    """One process's hold on a run: its open log, its status and, once loaded, its data and state."""

    def __init__(
        self, run: Run, should_stop: Callable[[], bool], resume: bool, world: World = World(),
        data: Dataset | None = None,
    ) -> None:  # fmt: skip
        self.run, self.resume, self.world = run, resume, world
        self.config: RunConfig = run.config
        self.before = run.status()
        if self.before.state != "queued":
            run.forget_stop()  # one that somebody asked of an earlier attempt
        self.should_stop = lambda: should_stop() or run.is_stopping
        self.status = Status("running", pid=os.getpid(), task=self.before.task)
        self.told = 0.0
        self.threads = torch.get_num_threads()
        self.validation: Validation | None = None
        self.data = data
        self.state: TrainState | None = None
        run.sweep()
        self.log = EventWriter(run.log.path)

    def close(self) -> None:
        self.log.close()
        self.run.forget_stop()
        torch.set_num_threads(self.threads)

    def events(self) -> Iterator[TrainEvent]:
        self._check_start()
        yield from self._guarded(self._training())

    def test_events(self) -> Iterator[TrainEvent]:
        path = self.run.checkpoint()
        if path is None:
            raise RunRefused(run=self.run.id, action="be tested", why="it has no weights yet")
        if self.before.test_accuracy is not None:
            raise RunRefused(run=self.run.id, action="be tested", why="its test was made")
        yield from self._guarded(self._testing(path))

    def _check_start(self) -> None:
        if not self.resume and self.log.has_started:
            raise RunRefused(run=self.run.id, action="start", why="it has begun before; resume it")
        why = self.run.why_not_resume() if self.resume and self.before.state not in ("queued", "running") else None
        if why:
            raise RunRefused(run=self.run.id, action="go on", why=why)

    def _guarded(self, events: Iterator[TrainEvent]) -> Iterator[TrainEvent]:
        """The events; an exception among them becomes a failure with a sentence, a close leaves the run interrupted."""
        failure = None
        try:
            yield from events
        except Exception as error:
            failure = error
        except BaseException as error:
            with suppress(OSError, DiskFull):
                reason = "closed" if isinstance(error, GeneratorExit) else "killed"
                self._tell(replace(self.status, state="interrupted", reason=reason, doing="", share=None, pid=None))
            raise
        if failure is not None:
            yield self._failed(failure)

    def _training(self) -> Iterator[TrainEvent]:
        self._prepare()
        assert self.state is not None
        self._doing("training")
        with closing(train(self.state, should_stop=self.should_stop)) as events:
            for event in events:
                if isinstance(event, RunFinished):
                    event = self._finish(event)
                if isinstance(event, RunStarted) and self.log.has_started:
                    event = RunResumed(step=0)  # it was interrupted before there was anything to go on from
                is_new = self.log.add(event)
                self._take_note(event)
                if is_new:
                    yield event

    def _take_note(self, event: TrainEvent) -> None:
        if isinstance(event, Validation):
            assert self.state is not None
            self.validation = event
            if taken := gpu_memory(self.state.plan.compute.device):
                self._tell(replace(self.status, gpu_memory=taken))
        elif isinstance(event, CheckpointDue):
            assert self.state is not None and self.data is not None
            self.log.sync()  # what is resumed from here must find all its events in the log
            keep(self.run, self.data, self.state, event, self.validation)
            self.run.history()  # keeps the index of a long log up to date
        elif isinstance(event, RunFinished):
            self._end(event)

    def _prepare(self) -> None:
        config = self.config
        self.run.note(
            f"{'going on with' if self.resume else 'starting'} {config.spec.name} on {config.data}, pid {os.getpid()}"
        )
        self._doing("loading the data")
        self.data = self.data or load_data(config.data, side=config.recipe.resize or DEFAULT_SIDE, progress=self._doing)
        self._doing("preparing")
        plan = make_plan(config, self.data, self.world)
        if config.compute != plan.compute.as_dict():
            trained = replace(plan.recipe, resize=config.recipe.resize)
            self.config = self.run.config.settled(trained, plan.compute.as_dict())
            self.run.write_config(self.config)
        if plan.compute.device == "cpu" and not os.environ.get(LENT):  # what was forked has one thread
            torch.set_num_threads(plan.compute.threads)
        self.world.hand_out(self.config)
        self.state = new_state(plan, self.data, self.world)
        if self.resume:
            put_back(self.run, self.state)
        if config.parent and not self.state.step:
            start_from_parent(self.run, self.state)
        if self.world.size > 1:
            self.world.hand_out(self.state.capture())

    def _finish(self, event: RunFinished) -> RunFinished:
        """The end of training with the test behind it. A stopped run is not tested until somebody asks."""
        path = self.run.checkpoint()
        if path is None:
            return event
        event = replace(event, checkpoint=str(path), validation_accuracy=validation_accuracy(path))
        if STATE_AFTER.get(event.stop_reason) != "finished":
            return event
        try:
            return replace(event, test_accuracy=self._test(path).accuracy)
        except StoppedWhileTesting:
            return event
        except Exception as error:
            self.run.note(traceback.format_exc())
            sentence, _ = explain(error, batch_size=self.config.recipe.batch_size, path=str(self.run.path))
            return replace(event, message=str(sentence))

    def _test(self, path: Path) -> Evaluation:
        assert self.data is not None
        checkpoint = on_device(open_checkpoint(path))
        evaluation = evaluate(checkpoint, self.data.test, progress=self._testing_share)
        add_test(checkpoint, evaluation)
        return evaluation

    def _testing_share(self, share: float) -> None:
        if self.should_stop():
            raise StoppedWhileTesting
        self._doing("testing", share)

    def _testing(self, path: Path) -> Iterator[TrainEvent]:
        self._doing("loading the data")
        recipe = self.config.recipe
        self.data = self.data or load_data(self.config.data, side=recipe.resize or DEFAULT_SIDE, progress=self._doing)
        history = self.run.history()
        event = history.finished or RunFinished("stopped", history.step, seconds=history.seconds)
        with suppress(StoppedWhileTesting):
            event = replace(event, test_accuracy=self._test(path).accuracy)
        event = replace(event, checkpoint=str(path), validation_accuracy=validation_accuracy(path))
        self.log.add(event)
        self._end(event)
        yield event

    def _end(self, event: RunFinished) -> None:
        state = STATE_AFTER.get(event.stop_reason, "failed")
        words = f" ({event.message})" if event.message else ""
        self.run.note(f"{event.stop_reason} at step {event.step}, test accuracy {event.test_accuracy}{words}")
        self._tell(
            Status(
                state, event.stop_reason, event.message or "", task=self.status.task,
                best_accuracy=event.validation_accuracy, test_accuracy=event.test_accuracy,
            )
        )  # fmt: skip

    def _failed(self, error: Exception) -> RunFinished:
        """The failure in the log, in the status and as the last event; on a full disk as much as there is room for."""
        self.run.note("".join(traceback.format_exception(error)))
        sentence, reason = explain(error, batch_size=self.config.recipe.batch_size, path=str(self.run.path))
        if not self.world.report(str(sentence), sentence.exit_code) and (first := self.world.reported()):
            sentence = Failure(what=first[1])
        step = self.state.step if self.state else self.run.history().step
        seconds = round(self.state.seconds, 4) if self.state else 0.0
        path = self.run.checkpoint()
        event = RunFinished(
            reason, step, checkpoint=str(path) if path else None, seconds=seconds, message=str(sentence)
        )
        self.state = None  # what it held may be what there was no room for
        with suppress(OSError, DiskFull):
            self.log.add(event)
        with suppress(OSError, DiskFull):
            best = validation_accuracy(path) if path else None
            self._tell(replace(self.status.failed_with(sentence, reason), best_accuracy=best))
        return event

    def _doing(self, what: str, share: float | None = None) -> None:
        """Says in the status what it is busy with, a few times a second at most."""
        now = time.monotonic()
        if what != self.status.doing or now - self.told >= TELL_EVERY_SECONDS:
            self.told = now
            self._tell(replace(self.status, doing=what, share=share))

    def _tell(self, status: Status) -> None:
        self.status = self.run.set_status(status)


def perform(
    path: str,
    task: str = "train",
    should_stop: Callable[[], bool] = lambda: False,
    world: World = World(),
    data: Dataset | None = None,
) -> Iterator[TrainEvent]:
    """What a run's folder waits for: `train`, `resume` or `test`. Plain arguments, for other processes to be given;
    `data` are its pictures where they are loaded already.

    Raises: RunRefused.
    """
    run = Run(Path(path))
    if task == "test":
        return execute_test(run, should_stop=should_stop, data=data)
    return execute(run, should_stop=should_stop, resume=task == "resume", world=world, data=data)
