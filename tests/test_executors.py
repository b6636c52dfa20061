"""Runs as a generator in the server's own process, as ZeroGPU wants them."""

from __future__ import annotations

import contextvars
import threading

from tiny_runs import make_pictures, tiny_config, wait_until

from resnet_demo.recipes import Length
from resnet_demo.runs.config import Owner
from resnet_demo.runs.estimates import gpu_seconds
from resnet_demo.runs.execute import perform
from resnet_demo.runs.executors import GeneratorExecutor
from resnet_demo.runs.scheduler import Scheduler
from resnet_demo.runs.status import Status
from resnet_demo.runs.store import RunStore

ADA = Owner("secret-of-ada", "Ada")


def config(**changes):
    return tiny_config("fashion-mnist", owner=ADA, **{"length": Length(seconds=30), **changes})


class TestGeneratorExecutor:
    """ZeroGPU's side, with a stand-in for `spaces` that charges the visitor of the request's context."""

    VISITOR = contextvars.ContextVar("visitor", default="nobody")

    def gpu(self, function, charged):
        def decorated(path, task):
            charged.append(self.VISITOR.get())
            yield from function(path, task)

        return decorated

    def scheduler(self, tmp_path, function, grace_seconds=10.0):
        self.charged = []
        executor = GeneratorExecutor(self.gpu(function, self.charged), grace_seconds)
        return Scheduler(RunStore(tmp_path / "runs"), executor)

    def test_trains_the_very_same_run_and_charges_the_visitor(self, tmp_path, monkeypatch):
        monkeypatch.setenv("RESNET_DEMO_HOME", str(tmp_path / "home"))
        pictures = make_pictures(tmp_path / "pictures.zip")
        scheduler = self.scheduler(tmp_path, perform)
        for visitor in ("ada", "bob"):
            context = contextvars.copy_context()
            context.run(self.VISITOR.set, visitor)
            context.run(scheduler.submit, tiny_config(pictures, length=Length(steps=4)))
        runs = scheduler.store.runs()
        wait_until(lambda: all(run.status().state == "finished" for run in runs))
        assert self.charged == ["ada", "bob"]
        assert list(runs[0].events()) == list(runs[1].events())
        wait_until(lambda: scheduler.line() == [])

    def test_zero_gpu_is_asked_for_as_long_as_the_run_needs(self, tmp_path):
        run = RunStore(tmp_path).create(config(length=Length(seconds=30)))
        assert gpu_seconds(str(run.path), "train") == 40
        assert gpu_seconds(str(run.path), "test") == 20
        assert gpu_seconds(str(RunStore(tmp_path).create(config(length=Length(steps=9))).path)) <= 120

    def test_a_stop_closes_the_generator_if_it_does_not_end_by_itself(self, tmp_path):
        closed = threading.Event()

        def deaf(path, task):
            run = RunStore(tmp_path / "runs").get(path.rpartition("/")[2])
            with run.held():
                run.set_status(Status("running"))
                try:
                    while True:
                        closed.wait(0.01)
                        yield
                finally:
                    run.set_status(Status("interrupted", "closed"))
                    run.forget_stop()
                    closed.set()

        scheduler = self.scheduler(tmp_path, deaf, grace_seconds=0.05)
        run = scheduler.submit(config())
        wait_until(lambda: run.status().state == "running")
        scheduler.stop(run.id, ADA)
        assert closed.wait(5)
        wait_until(lambda: scheduler.line() == [])
        assert run.status().state == "interrupted"

    def test_a_stop_that_comes_too_late_ends_no_later_attempt(self, tmp_path):
        executor = GeneratorExecutor(lambda path, task: iter(range(5)))
        run = RunStore(tmp_path / "runs").create(config())
        run.request_stop()
        executor.kill(run)  # by the timer, when the attempt that was asked to stop is long over
        ended = threading.Event()
        executor.start(run, "resume", lambda run: ended.set(), contextvars.copy_context())
        assert ended.wait(5) and not executor._to_close

    def test_a_refusal_by_the_gpu_is_told_in_its_own_words(self, tmp_path):
        def refuse(path, task):
            raise RuntimeError("You have exceeded your GPU quota")
            yield

        scheduler = self.scheduler(tmp_path, refuse)
        run = scheduler.submit(config())
        wait_until(lambda: run.status().state == "failed")
        assert "GPU quota" in run.status().message
        wait_until(lambda: scheduler.line() == [])
