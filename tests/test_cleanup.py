"""What a lab keeps: the newest runs within its limits, and never less than what somebody still needs."""

from __future__ import annotations

from dataclasses import replace

import pytest
from test_scheduler import ADA, BOB, Fake, config

from resnet_demo.errors import LabFull, RunRefused
from resnet_demo.recipes import Length
from resnet_demo.runs.config import Owner
from resnet_demo.runs.scheduler import Limits, Scheduler
from resnet_demo.runs.status import Status
from resnet_demo.runs.store import RunStore
from resnet_demo.runs.tidying import Keeping, size_of, tidy


@pytest.fixture
def store(tmp_path):
    return RunStore(tmp_path / "runs")


def make(store, day, owner=ADA, state="finished", title="", bytes_=0, **changes):
    made = replace(config(owner, **changes), created=f"2026-01-{day:02}T00:00:00+00:00", title=title)
    run = store.create(made)
    run.set_status(Status(state, ticket=day))
    run.last_path.write_bytes(b"x" * bytes_)
    return run


def ids(runs):
    return [run.id for run in runs]


def test_the_oldest_go_first(store):
    runs = [make(store, day) for day in range(1, 6)]
    assert Keeping(newest=2).superfluous(store.runs()) == runs[:3]
    assert tidy(store, Keeping(newest=2)) == ids(runs[:3])
    assert store.runs() == runs[:2:-1] and tidy(store, Keeping(newest=2)) == []


@pytest.mark.parametrize("state", ["queued", "running"])
def test_what_waits_or_is_trained_stays(store, state):
    active = make(store, 1, state=state)
    with active.held():
        make(store, 2)
        assert tidy(store, Keeping(newest=0)) == []
    assert active.exists


@pytest.mark.parametrize("state", ["finished", "stopped", "failed", "interrupted"])
def test_what_is_over_goes_however_it_ended(store, state):
    over = make(store, 1, state=state)
    make(store, 2)
    assert tidy(store, Keeping(newest=1)) == [over.id]


def test_named_runs_and_everybodys_newest_stay(store):
    named, old, bobs = make(store, 1, title="best of all"), make(store, 2), make(store, 3, BOB)
    newest = make(store, 4)
    assert tidy(store, Keeping(newest=0)) == [old.id]
    assert {run.id for run in store.runs()} == {named.id, bobs.id, newest.id}


def test_strangers_runs_do_not_stay_for_being_theirs(store):
    runs = [make(store, day, Owner(str(day)), title="mine") for day in (1, 2, 3)]
    assert tidy(store, Keeping(newest=2, spares_own=False)) == [runs[0].id]


def test_within_the_disk_space(store):
    runs = [make(store, day, bytes_=4000) for day in range(1, 6)]
    assert size_of(runs[0].path) > 4000
    assert tidy(store, Keeping(newest=None, gigabytes=15_000e-9)) == ids(runs[:3])
    assert tidy(store, Keeping(newest=None, gigabytes=None)) == []


def test_a_clock_that_jumped_removes_nothing_by_itself(store):
    for year in ("1970", "2099"):
        store.create(replace(config(), created=f"{year}-01-01T00:00:00+00:00")).set_status(Status("finished"))
    assert tidy(store, Keeping()) == []


def test_what_cannot_be_opened_is_left_alone(store):
    make(store, 2)
    (store.root / "broken").mkdir()
    (store.root / "broken" / "config.json").write_text("{")
    (store.root / "photos").mkdir()
    tidy(store, Keeping(newest=0, spares_own=False))
    assert {path.name for path in store.root.iterdir()} == {"broken", "photos"}


class TestScheduler:
    def scheduler(self, store, **options):
        scheduler = Scheduler(store, Fake(), Limits(), **options)
        scheduler.recover()
        return scheduler

    def test_at_the_start_and_after_each_run(self, store):
        old = [make(store, day) for day in (1, 2, 3)]
        scheduler = self.scheduler(store, keeping=Keeping(newest=2))
        assert ids(store.runs()) == ids(old[:0:-1])
        run = scheduler.submit(config())
        assert len(store.runs()) == 3
        scheduler.executor.end(run)
        assert ids(store.runs()) == [run.id, old[2].id]
        scheduler.close()

    def test_a_run_that_another_will_begin_with_stays_until_then(self, store):
        scheduler = self.scheduler(store, keeping=Keeping(newest=0, spares_own=False))
        parent, busy = scheduler.submit(config()), scheduler.submit(config())
        scheduler.keeping = Keeping()
        with pytest.raises(RunRefused, match="waiting or being trained"):
            scheduler.give_more_time(parent.id, Length(seconds=5), BOB)
        scheduler.executor.end(parent)
        with pytest.raises(RunRefused, match="no weights"):
            scheduler.give_more_time(parent.id, Length(seconds=5), BOB)
        parent.last_path.touch()
        child = scheduler.give_more_time(parent.id, Length(seconds=5), BOB)
        assert (child.config.parent, child.config.owner) == (parent.id, BOB)
        with pytest.raises(RunRefused, match="begins with its weights"):
            scheduler.delete(parent.id, ADA)
        scheduler.keeping = Keeping(newest=0, spares_own=False)
        scheduler.executor.end(busy)
        assert parent.exists and not busy.exists
        scheduler.executor.end(child)
        assert store.runs() == []
        scheduler.close()

    def test_without_room_for_another_run_none_begins(self, store):
        kept = make(store, 1, title="mine")
        (kept.path / "last.safetensors").write_bytes(bytes(3000))
        scheduler = self.scheduler(store, keeping=Keeping(gigabytes=3000e-9))
        with pytest.raises(LabFull, match="delete a run that nobody needs"):
            scheduler.submit(config())
        assert store.runs() == [kept]
        scheduler.delete(kept.id, kept.config.owner)
        assert scheduler.submit(config()).status().state == "running"
        scheduler.close()
