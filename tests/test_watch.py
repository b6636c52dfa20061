from __future__ import annotations

import json
from types import SimpleNamespace

import pytest

from resnet_demo.errors import Diverged
from resnet_demo.events import RunFinished, RunStarted, Step, Validation
from resnet_demo.runs.scheduler import Place
from resnet_demo.runs.status import Status
from resnet_demo.runs.store import RunStore
from resnet_demo.ui import recordings, watch
from resnet_demo.ui.forms import TrainForm
from resnet_demo.ui.hand import Hand
from resnet_demo.ui.page import Lab
from resnet_demo.ui.recordings import RECORDED, recording_for
from resnet_demo.ui.run_table import RunTable
from resnet_demo.ui.watch import Watch, line_words


@pytest.fixture
def lab(tmp_path):
    line = SimpleNamespace(places=[], wait=0.0)
    scheduler = SimpleNamespace(
        line=lambda: line.places,
        expected_wait=lambda: line.wait,
        place=lambda run_id: next((place for place in line.places if place.run_id == run_id), None),
        queue=line,
    )
    return Lab(tmp_path, RunStore(tmp_path / "runs"), scheduler)


def events(budget_seconds=60.0, test_accuracy=None, reason="time"):
    return [
        RunStarted("resnet20", "fashion-mnist", "budget", 0, 128, 54_000, 6_000, None, budget_seconds),
        Step(1, 0.01, 2.3, 0.1, 0.1, seconds=20.0, images_per_second=1420.4),
        Validation(1, 0.01, 2.0, 0.3, 6000, seconds=21.0),
        *([RunFinished(reason, 1, 0.3, test_accuracy, None, 60.0, 1400.0)] if reason else []),
    ]


def make(lab, status, happened=(), **form):
    run = lab.store.create(TrainForm(**form).config())
    (run.path / "events.jsonl").write_text("".join(event.to_json() + "\n" for event in happened), encoding="utf-8")
    run.set_status(status)
    return run


def view(lab, shown):
    return json.loads(Watch(lab).snapshot(shown, ""))


def test_nothing_is_told_twice(lab):
    seen, run = Watch(lab), make(lab, Status("finished"), events(test_accuracy=0.9))
    first = json.loads(seen.snapshot(run.id, ""))
    assert seen.snapshot(run.id, first["version"]) is None
    with (run.path / "events.jsonl").open("a", encoding="utf-8") as log:
        log.write(Step(2, 0.02, 2.2, 0.2, 0.1, seconds=21.0).to_json() + "\n")
    assert json.loads(seen.snapshot(run.id, first["version"]))["curves"]["train"]["step"] == [1, 2]


def test_a_change_of_the_line_is_told_whatever_is_shown(lab):
    seen = Watch(lab)
    for shown in ("", make(lab, Status("finished")).id):
        lab.scheduler.queue.places = []
        before = json.loads(seen.snapshot(shown, ""))
        lab.scheduler.queue.places = [Place("x", 0, 0.0)]
        after = json.loads(seen.snapshot(shown, before["version"]))
        assert before["turn"] != after["turn"]


def test_before_any_run_there_are_axes_and_what_to_do(lab):
    empty = view(lab, "")
    assert empty["state"] == "empty" and "Start training" in empty["status"] and empty["share"] is None


@pytest.mark.parametrize("shown", ["nobody", "../../etc", "x" * 5000])
def test_a_run_that_is_not_here(lab, shown):
    assert view(lab, shown)["title"] == "This run is not here any more"


def test_a_finished_run(lab):
    told = view(lab, make(lab, Status("finished"), events(test_accuracy=0.9141)).id)
    assert told["status"] == "finished · 1 steps in 21 s"
    assert told["ending"] == "Test accuracy 0.914 on 10,000 pictures it had never seen, after 21 s of training."
    assert "Test accuracy 0.914" in told["summary"] and not told["is_active"] and told["share"] is None


def test_a_run_that_others_slowed_says_so():
    from resnet_demo.events import History
    from resnet_demo.ui.telling import tested_words

    step = Step(10, 0.1, 0.5, 0.8, 0.1, 60.0, 210.0)
    slowed = RunFinished("time", 10, test_accuracy=0.8, images_per_second=210.0, unhindered=930.0)
    words = tested_words(History.of([step, slowed]), "fashion-mnist")
    assert words.startswith("Test accuracy 0.800") and "210 images/s, where 930 were to be had" in words


def test_a_stopped_run_was_not_tested(lab):
    told = view(lab, make(lab, Status("stopped"), events(reason="stopped")).id)
    assert "Stopped at step 1, best validation accuracy 0.300." in told["ending"] and told["curves"]["test"] is None
    assert "before the first validation" in view(lab, make(lab, Status("stopped"), events()[:2]).id)["ending"]


def test_a_failed_run_says_why_and_shows_its_log(lab):
    run = make(lab, Status("running").failed_with(Diverged(step=12, lr=50.0)))
    (run.path / "log.txt").write_text("one\ntwo\n", encoding="utf-8")
    told = view(lab, run.id)
    assert "diverged at step 12; try a smaller learning rate than 50" in told["ending"] and told["log"] == "one\ntwo"


def test_a_run_in_training(lab):
    run = make(lab, Status("running"), events(reason=None))
    with run.held():
        told = view(lab, run.id)
        assert told["status"] == "training · 39 s left · 1,420 images/s"
        assert 0.3 < told["share"] < 0.4 and told["is_active"] and not told["can_classify"]
        run.request_stop()
        told = view(lab, run.id)
        assert told["status"] == "stopping after the step in hand" and told["is_stopping"]


def test_a_run_in_its_test_says_so_with_its_own_share(lab):
    run = make(lab, Status("running", doing="testing", share=0.4), events(reason=None))
    with run.held():
        told = view(lab, run.id)
    assert told["status"] == "trained · now the test on pictures it has never seen, 40%" and told["share"] == 0.4


def test_a_run_that_waits(lab):
    run = make(lab, Status("queued"))
    lab.scheduler.queue.places = [Place("x", 0, 0.0), Place(run.id, 1, 41.2)]
    assert view(lab, run.id)["status"] == "waiting: number 1 in line, about 41 s to go"


def test_how_long_the_line_is(lab):
    assert line_words(lab) == "Nobody in line: starts at once."
    lab.scheduler.queue.places, lab.scheduler.queue.wait = [Place("x", 0, 0.0)], 33.0
    assert line_words(lab) == "1 in line before you: starts in about 40 s."
    lab.scheduler.queue.wait = None
    assert line_words(lab) == "1 in line before you."


def test_a_recorded_run_is_a_run_like_any_other(lab, tmp_path, monkeypatch):
    monkeypatch.setattr(recordings, "SHIPPED", tmp_path)
    kept = (recordings.recordings, recordings.history_of, watch.recorded)
    for one in kept:
        one.cache_clear()
    (tmp_path / "shown.json").write_text(
        '{"model": "resnet20", "dataset": "fashion-mnist", "recipe": {"name": "budget"}}'
    )
    (tmp_path / "shown.jsonl").write_text("".join(event.to_json() + "\n" for event in events(test_accuracy=0.9)))
    try:
        assert recording_for("plain20", "mnist") == f"{RECORDED}shown"
        told = view(lab, f"{RECORDED}shown")
        assert told["title"] == "ResNet-20 on Fashion-MNIST" and told["curves"]["test"] == 0.9
        assert told["status"].startswith("a recorded run: 21 s") and told["acts"] == ["again", "along"]
    finally:
        for one in kept:
            one.cache_clear()


def test_the_table_escapes_and_marks(lab):
    run = make(lab, Status("finished"), events(test_accuracy=0.9))
    table = RunTable(lab)
    assert f"data-run='{run.id}'" in table.html(Hand()) and "chosen'" not in table.html(Hand())
    assert "chosen'" in table.html(Hand(run=run.id)) and "0.900" in table.html(Hand(run=run.id))
    (run.path / "config.json").write_text("not json")
    assert run.id not in table.html(Hand())
