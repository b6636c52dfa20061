"""The line: who is next, who may do what, and that a restart changes neither."""

from __future__ import annotations

import threading
from contextlib import ExitStack
from dataclasses import replace

import pytest
from tiny_runs import tiny_config, wait_until

from resnet_demo.errors import AlreadyInLine, DiskFull, InvalidOption, LineFull, NotAllowed, RunRefused, UnknownRun
from resnet_demo.recipes import Length
from resnet_demo.runs.config import Owner
from resnet_demo.runs.scheduler import Limits, Scheduler
from resnet_demo.runs.status import Status
from resnet_demo.runs.store import RunStore

ADA, BOB = Owner("secret-of-ada", "Ada"), Owner("secret-of-bob", "Bob")


class Fake:
    """Holds each run as a worker would, until the test says how it ends."""

    def __init__(self):
        self.started, self.stopped, self.killed, self.held = [], [], [], {}

    def prepare(self):
        pass

    def needs_place(self, config):
        return True

    def start(self, run, task, on_end, context):
        self.started.append((run.id, task))
        stack = ExitStack()
        stack.enter_context(run.held())
        run.set_status(Status("running"))
        self.held[run.id] = (run, stack, on_end)

    def end(self, run, state="finished"):
        run, stack, on_end = self.held.pop(run.id)
        run.set_status(Status(state, "stopped" if state == "stopped" else "steps"))
        run.forget_stop()
        stack.close()
        on_end(run)

    def stop(self, run):
        self.stopped.append(run.id)

    def kill(self, run):
        self.killed.append(run.id)
        _, stack, on_end = self.held.pop(run.id)
        stack.close()
        on_end(run)

    def close(self, patience_seconds=0.0):
        for _, stack, _ in self.held.values():
            stack.close()


@pytest.fixture
def make(tmp_path):
    made = []

    def build(limits=Limits(), **options):
        scheduler = Scheduler(RunStore(tmp_path / "runs"), Fake(), limits, **options)
        made.append(scheduler)
        scheduler.recover()
        return scheduler

    yield build
    for scheduler in made:
        scheduler.close()


def config(owner=ADA, **changes):
    return tiny_config("fashion-mnist", owner=owner, **{"length": Length(seconds=30), **changes})


def ids(scheduler):
    return [(place.run_id, place.place) for place in scheduler.line()]


def test_one_at_a_time_first_come_first_served(make):
    scheduler = make()
    runs = [scheduler.submit(config()) for _ in range(3)]
    assert ids(scheduler) == [(run.id, place) for place, run in enumerate(runs)]
    assert [run.status().state for run in runs] == ["running", "queued", "queued"]
    for run in runs:
        assert scheduler.executor.started[-1] == (run.id, "train")
        scheduler.executor.end(run)
    assert ids(scheduler) == []


def test_one_run_for_each_slot(make):
    scheduler = make(slots=2)
    runs = [scheduler.submit(config()) for _ in range(3)]
    assert [scheduler.place(run.id).place for run in runs] == [0, 0, 1]


def test_a_full_line_says_so(make):
    scheduler = make(Limits(line=2))
    for _ in range(3):
        scheduler.submit(config())
    with pytest.raises(LineFull, match="2 runs are waiting"):
        scheduler.submit(config())
    assert len(scheduler.store.runs()) == 3


def test_one_run_a_person(make):
    scheduler = make(Limits(per_person=1))
    first = scheduler.submit(config(ADA))
    with pytest.raises(AlreadyInLine, match=first.id):
        scheduler.submit(config(ADA))
    scheduler.submit(config(BOB))
    scheduler.executor.end(first)
    scheduler.submit(config(ADA))


def test_no_run_longer_than_the_lab_allows(make):
    scheduler = make(Limits(longest_seconds=60))
    scheduler.submit(config(length=Length(seconds=60)))
    with pytest.raises(InvalidOption, match="at most 60"):
        scheduler.submit(config(length=Length(seconds=61)))


def test_nor_by_asking_for_steps_instead(make):
    scheduler = make(Limits(longest_seconds=60))
    scheduler.submit(config(length=Length(steps=100)))
    for length in (Length(steps=10_000_000), Length(epochs=5000)):
        with pytest.raises(InvalidOption, match="at most 60"):
            scheduler.submit(config(length=length))
    scheduler = make(Limits(longest_seconds=60), teacher_token="chalk")
    assert scheduler.submit(config(length=Length(epochs=5000)), token="chalk")


def test_a_run_being_stopped_is_not_joined(make):
    scheduler = make()
    run = scheduler.submit(config(ADA))
    scheduler.stop(run.id, ADA)
    assert scheduler.submit(config(BOB), join=True) is not run


def test_the_same_training_may_be_joined(make):
    scheduler = make(Limits(per_person=1))
    run = scheduler.submit(config(ADA))
    assert scheduler.submit(config(BOB), join=True) is run
    assert scheduler.submit(config(BOB, seed=9), join=True) is not run


def test_leaving_the_line(make):
    scheduler = make()
    first, second, third = (scheduler.submit(config()) for _ in range(3))
    scheduler.stop(second.id, ADA)
    assert (second.status().state, second.status().reason) == ("stopped", "left the line")
    assert ids(scheduler) == [(first.id, 0), (third.id, 1)]
    with pytest.raises(RunRefused, match="not running"):
        scheduler.stop(second.id, ADA)


def test_stop_asks_the_executor_and_the_folder(make):
    scheduler = make()
    run = scheduler.submit(config())
    scheduler.stop(run.id, ADA)
    assert scheduler.executor.stopped == [run.id] and run.is_stopping
    assert run.status().state == "running"
    scheduler.executor.end(run, "stopped")
    assert run.status().state == "stopped" and scheduler.line() == []


def test_a_run_that_does_not_stop_is_ended_by_force(make):
    scheduler = make(stop_patience_seconds=0.05)
    run, waiting = scheduler.submit(config()), scheduler.submit(config())
    scheduler.stop(run.id, ADA)
    wait_until(lambda: run.status().state == "stopped", 5)
    assert scheduler.executor.killed == [run.id] and run.status().reason == "ended by force"
    wait_until(lambda: scheduler.place(waiting.id).place == 0, 5)


@pytest.mark.parametrize("action", ["stop", "delete", "resume", "test"])
def test_only_the_owner_or_the_teacher(make, action):
    scheduler = make(teacher_token="chalk")
    run = scheduler.submit(config(ADA))
    if action != "stop":
        scheduler.executor.end(run, "stopped")
    for by, token in ((BOB, None), (BOB, "wrong"), (BOB, ""), (Owner("", ""), None), (Owner("secret-of-adá"), "chälk")):
        with pytest.raises(NotAllowed, match="Ada"):
            getattr(scheduler, action)(run.id, by, token)
    assert "secret" not in str(_raised(lambda: getattr(scheduler, action)(run.id, BOB)))
    if action != "test":
        getattr(scheduler, action)(run.id, BOB, "chalk")


def _raised(call):
    with pytest.raises(NotAllowed) as caught:
        call()
    return caught.value


def test_without_a_token_nobody_is_teacher(make):
    scheduler = make()
    assert not scheduler.is_teacher("") and not scheduler.is_teacher(None) and not scheduler.is_teacher("x")


def test_rename_by_its_owner(make):
    scheduler = make()
    run = scheduler.submit(config(ADA))
    scheduler.rename(run.id, "  my\nfirst  <run> ", ADA)
    assert run.title == "my first <run>"
    with pytest.raises(NotAllowed):
        scheduler.rename(run.id, "hers", BOB)
    with pytest.raises(UnknownRun):
        scheduler.rename("../config", "x", ADA)


def test_delete_only_what_is_over(make):
    scheduler = make()
    run = scheduler.submit(config())
    with pytest.raises(RunRefused, match="stop it first"):
        scheduler.delete(run.id, ADA)
    scheduler.executor.end(run)
    scheduler.delete(run.id, ADA)
    assert scheduler.store.runs() == []


def test_a_stopped_run_goes_on_from_the_end_of_the_line(make):
    scheduler = make()
    first, second = scheduler.submit(config()), scheduler.submit(config())
    scheduler.executor.end(first, "stopped")
    scheduler.resume(first.id, ADA)
    with pytest.raises(RunRefused, match="already"):
        scheduler.resume(first.id, ADA)
    scheduler.executor.end(second)
    assert scheduler.executor.started[-1] == (first.id, "resume")
    scheduler.executor.end(first)
    with pytest.raises(RunRefused, match="new run"):
        scheduler.resume(first.id, ADA)


def test_a_stopped_run_is_tested_when_its_owner_asks(make):
    scheduler = make()
    run = scheduler.submit(config())
    scheduler.executor.end(run, "stopped")
    with pytest.raises(RunRefused, match="no weights"):
        scheduler.test(run.id, ADA)
    run.best_path.touch()
    scheduler.test(run.id, ADA)
    assert scheduler.executor.started[-1] == (run.id, "test")


def test_a_restart_keeps_the_order_and_tells_what_was_cut_short(make):
    before = make()
    runs = [before.submit(config()) for _ in range(4)]
    before.stop(runs[2].id, ADA)
    before.executor.end(runs[0], "stopped")
    before.resume(runs[0].id, ADA)
    assert [run_id for run_id, _ in ids(before)] == [runs[1].id, runs[3].id, runs[0].id]
    before.close()
    after = make()
    assert runs[1].status().state == "interrupted"
    assert [run_id for run_id, _ in ids(after)] == [runs[3].id, runs[0].id]
    after.executor.end(after.store.get(runs[3].id))
    assert after.executor.started[-1] == (runs[0].id, "resume")
    assert after.submit(config()).status().ticket > 4
    assert after.resume(runs[1].id, ADA).status().state == "queued"


def test_an_end_in_order_leaves_runs_at_the_head_of_the_line_but_those_that_somebody_stopped(make):
    before = make(slots=2)
    going, stopped, waiting = before.submit(config()), before.submit(config(BOB)), before.submit(config(BOB, seed=5))
    before.stop(stopped.id, BOB)
    before.close(patience_seconds=0.1)
    assert states(going, stopped, waiting) == ["queued", "interrupted", "queued"]
    after = make()
    assert after.executor.started == [(going.id, "resume")]
    assert ids(after) == [(going.id, 0), (waiting.id, 1)]


def test_a_second_server_on_the_same_runs_leaves_the_line_alone(make):
    first = make()
    runs = [first.submit(config()) for _ in range(2)]
    second = make()
    assert second.line() == [] and second.executor.started == []
    assert [run.status().state for run in runs] == ["running", "queued"]


def test_a_clock_that_jumps_back_changes_no_order(make):
    before = make()
    years = ["2026-05-05", "2031-01-01", "1970-01-01", "2026-05-06"]
    runs = [before.submit(replace(config(), created=year)) for year in years]
    before.close()
    assert [run_id for run_id, _ in ids(make())] == [run.id for run in runs[1:]]


def test_a_run_on_several_devices_waits_for_all_of_them_and_is_not_overtaken(make):
    scheduler = make(slots=2)
    first = scheduler.submit(config())
    wide = scheduler.submit(replace(config(BOB), gpus=5))
    last = scheduler.submit(config(BOB, seed=5))
    assert states(first, wide, last) == ["running", "queued", "queued"]
    scheduler.executor.end(first)
    assert states(wide, last) == ["running", "queued"]
    assert scheduler.expected_wait() == 40
    scheduler.executor.end(wide)
    assert states(last) == ["running"] and scheduler.expected_wait() == 0


def states(*runs):
    return [run.status().state for run in runs]


def test_a_start_that_fails_does_not_stop_the_line(make, monkeypatch):
    scheduler = make()
    start, failures = scheduler.executor.start, [DiskFull(path="/tmp")]

    def fail_once(*arguments):
        if failures:
            raise failures.pop()
        start(*arguments)

    monkeypatch.setattr(scheduler.executor, "start", fail_once)
    run, other = scheduler.submit(config()), scheduler.submit(config())
    assert run.status().state == "failed" and "no room left" in run.status().message
    assert other.status().state == "running"


def test_forty_at_once_lose_nothing(make):
    scheduler = make()
    threads = [threading.Thread(target=lambda n=n: scheduler.submit(config(Owner(str(n))))) for n in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    order = [run_id for run_id, _ in ids(scheduler)]
    assert len(order) == len(set(order)) == 40
    for run_id in order:
        scheduler.executor.end(scheduler.store.get(run_id))
    assert [run_id for run_id, _ in scheduler.executor.started] == order
