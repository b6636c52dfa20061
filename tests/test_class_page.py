"""The page's own sense of who is who, of links, of what may be done with a run, and of the class board."""

from __future__ import annotations

import csv
import io
import json
from types import SimpleNamespace

import gradio as gr
import pytest

from resnet_demo.checkpoint import open_checkpoint
from resnet_demo.errors import AlreadyInLine, InvalidOption, NotAllowed, OutOfMemory, RunRefused, UnknownRun
from resnet_demo.events import RunFinished, RunStarted, Step, Validation
from resnet_demo.recipes import Length
from resnet_demo.runs.classroom import Classroom
from resnet_demo.runs.config import Owner
from resnet_demo.runs.scheduler import Scheduler
from resnet_demo.runs.status import Status
from resnet_demo.runs.store import RunStore
from resnet_demo.ui import board, board_tables, recordings
from resnet_demo.ui.acts import Acts, half_batch, more_lengths, possible_acts
from resnet_demo.ui.api import Endpoints
from resnet_demo.ui.forms import TrainForm, length_of, within
from resnet_demo.ui.frame import holding
from resnet_demo.ui.hand import Hand
from resnet_demo.ui.links import SETTINGS, form_like, form_of, settings_link
from resnet_demo.ui.overlay import Overlay
from resnet_demo.ui.page import Lab
from resnet_demo.ui.run_table import RunTable, mine_of
from resnet_demo.ui.shown import as_shown, shown_runs
from resnet_demo.ui.take import Take, taken, write
from resnet_demo.ui.telling import memory_taken
from resnet_demo.ui.train_form import build_form, filled, length_choices, longest_words
from resnet_demo.ui.watch import Watch, line_words
from resnet_demo.ui.who import Who, acting, owner_id

ADA, BOB = (json.dumps({"secret": letter * 32, "name": name}) for letter, name in (("a", "Ada"), ("b", "<b>Bob")))


class Still:
    """An executor that starts runs and leaves them be."""

    slots = 1

    def prepare(self): ...

    def needs_place(self, config):
        return True

    def start(self, run, task, on_end, context):
        run.set_status(Status("running", task=task))

    def stop(self, run): ...

    def kill(self, run): ...

    def close(self, patience_seconds=0.0): ...


def make_lab(tmp_path, **settings):
    room = Classroom(**settings)
    store = RunStore(tmp_path / "runs")
    return Lab(tmp_path, store, Scheduler(store, Still(), room.limits, teacher_token=room.teacher_token), room)


@pytest.fixture
def lab(tmp_path):
    return make_lab(tmp_path, people=40, minutes=45, teacher_token="chalk and cheese")


def finished(lab, who=ADA, accuracy=0.9, **form):
    run = lab.store.create(TrainForm(**{"model": "resnet9-slim", **form}).config(Who.of(who).owner()))
    events = [RunStarted("resnet9-slim", "fashion-mnist", "budget", 0, 128, 54_000, 6_000, 100, None)]
    events += [Step(100, 0.2, 0.5, 0.8, 0.1, seconds=10.0), Validation(100, 0.2, 0.4, accuracy, 6_000, seconds=11.0)]
    events += [RunFinished("steps", 100, accuracy, 0.7, None, 11.0, 900.0)]
    (run.path / "events.jsonl").write_text("".join(e.to_json() + "\n" for e in events), encoding="utf-8")
    run.last_path.write_bytes(b"w")
    run.set_status(Status("finished", "steps", best_accuracy=accuracy, test_accuracy=0.7))
    return run


def ask(lab, run, what, who, extra=""):
    event = SimpleNamespace(run=run.id, what=what, extra=extra)
    return Hand.of(Acts(lab).act(Hand(run=run.id, compare=run.id).to_json(), who, event, None))


@pytest.mark.parametrize("text", ["", None, "{", "[1]", '{"secret": 3}', "[" * 9000, '{"name": "x"}'])
def test_whoever_has_no_secret_is_nobody_in_particular(text):
    first, second = Who.of(text).owner(), Who.of(text).owner()
    assert first.id != second.id


def test_the_secret_is_not_in_what_runs_carry_and_names_are_cleaned():
    owner = Who.of(json.dumps({"secret": "s" * 32, "name": "  A\n\x00da " + "x" * 99})).owner()
    assert "s" * 8 not in owner.id and owner.id == owner_id("s" * 32)
    assert owner.name.startswith("A da x") and len(owner.name) <= 40
    assert Who(secret=owner.id).owner().id != owner.id


def test_the_name_one_signed_in_with_wins_and_gives_nobody_anothers_runs():
    request = SimpleNamespace(username="Grace")
    assert Who.of(ADA).owner(request).name == "Grace"
    assert Who.of(ADA).owner(request).id == Who.of(ADA).owner().id != Who.of(BOB).owner(request).id
    oauth = SimpleNamespace(
        request=SimpleNamespace(session={"oauth_info": {"userinfo": {"preferred_username": "Lin"}}})
    )
    assert Who.of(ADA).owner(oauth) == Who.of(BOB).owner(oauth) and Who.of(ADA).owner(oauth).name == "Lin"


def test_somebody_alone_owns_what_the_command_line_started(tmp_path, lab):
    alone = make_lab(tmp_path / "alone")
    assert acting(alone, ADA, None, alone.store.create(TrainForm().config())).id == Owner().id
    assert acting(lab, ADA, None, lab.store.create(TrainForm().config())).id != Owner().id


@pytest.mark.parametrize("what", ["stop", "rename", "delete", "resume", "test"])
def test_one_acts_on_ones_own_and_the_teacher_on_all(lab, what):
    run = finished(lab)
    if what in ("stop", "resume", "test"):
        run.set_status(Status("stopped", "stopped"))
    if what == "stop":
        lab.scheduler.resume(run.id, Who.of(ADA).owner())
    with pytest.raises(NotAllowed):
        ask(lab, run, what, BOB, "x")
    with pytest.raises(NotAllowed):
        ask(lab, run, what, json.dumps({"secret": "b" * 32, "token": "chalk"}), "x")
    held = ask(lab, run, what, json.dumps({"secret": "b" * 32, "token": "chalk and cheese"}), "x")
    assert (held.run, held.compare) == (("", "") if what == "delete" else (run.id, run.id))


def test_more_time_is_a_new_run_of_whoever_asks(lab):
    run = finished(lab)
    held = ask(lab, run, "more", BOB, "30")
    more = lab.store.get(held.run)
    assert more.config.parent == run.id and more.config.owner == Who.of(BOB).owner()
    assert more.config.length == Length(seconds=30)
    with pytest.raises(AlreadyInLine):
        ask(lab, run, "more", BOB, "30")
    with pytest.raises(InvalidOption):
        ask(lab, run, "explode", ADA)


def test_what_can_be_done_with_a_run_as_it_stands(lab):
    run = finished(lab)
    assert {"more", "delete", "rename", "weights", "along"} <= set(possible_acts(run, run.status()))
    run.set_status(Status("stopped", "stopped"))
    acts = possible_acts(run, run.status())
    assert {"resume", "test"} <= set(acts) and "more" not in acts
    run.set_status(Status("running").failed_with(OutOfMemory(batch_size=128, half=64), "out_of_memory"))
    assert half_batch(run, run.status()) == 64
    assert possible_acts(run, Status("queued"))[0] == "stop"


def test_lengths_that_the_lab_allows(lab):
    assert lab.classroom.longest_seconds < 60
    assert [key for _, key in length_choices(lab)] == ["30", "epochs", "steps"]
    assert [key for _, key in length_choices(lab, "45")][:2] == ["30", "45"]
    assert "180" in dict(map(reversed, length_choices(lab, is_teacher=True)))
    assert "all 40 get a turn" in longest_words(lab)
    assert within(["30", "60"], 20) == ["20"] and within(["30", "60"], None) == ["30", "60"]
    assert more_lengths(Length(steps=500), 40)[0] == ("500 steps", "steps:500")
    assert length_of("epochs:1.5") == Length(epochs=1.5) and length_of("90") == Length(seconds=90)
    for wrong in ("", "x", "steps:many", "steps:", "epochs:-1", "-3"):
        with pytest.raises(InvalidOption):
            length_of(wrong)


def test_the_line_says_before_start_whether_there_is_a_place(lab):
    ada = Who.of(ADA).owner()
    lab.scheduler.submit(TrainForm(length="30").config(ada))
    assert "You have a run" in line_words(lab, ada)
    assert "1 in line before you" in line_words(lab, Who.of(BOB).owner())


def test_the_line_says_which_runs_are_ones_own(tmp_path):
    lab, ada, bob = make_lab(tmp_path), Who.of(ADA).owner(), Who.of(BOB).owner()
    lab.scheduler.submit(TrainForm(length="30").config(ada))
    assert line_words(lab, ada).endswith("It is your own.") and "own" not in line_words(lab, bob)
    lab.scheduler.submit(TrainForm(length="60").config(bob))
    assert line_words(lab, ada).endswith("1 of them your own.")


def test_a_link_says_what_the_form_said():
    form = TrainForm("plain56", "mnist", "45", None, "plateau", 0.05, 64, ["flip"], 7)
    words = dict(pair.split("=") for pair in settings_link(form.config())[1:].split("&"))
    assert (words.pop("model"), words.pop("data")) == ("plain56", "mnist")
    filled = form_of(json.dumps(words))
    assert set(words) <= set(SETTINGS)
    assert (filled.length, filled.recipe, filled.lr, filled.batch_size, filled.augment, filled.seed) == (
        "45", "plateau", 0.05, 64, ["flip"], 7,
    )  # fmt: skip
    assert form_like(form.config()).config().same_training(form.config())
    with pytest.raises(InvalidOption):
        form_of('{"seed": "seven"}')
    assert form_of("{").recipe == "budget"


def test_ticks_keep_their_colours():
    hand = Hand().ticked("a", True).ticked("b", True).ticked("c", True).ticked("a", False)
    assert hand.compared == ["", "b", "c"]
    assert hand.ticked("d", True).compared == ["d", "b", "c"]
    assert hand.ticked("c", False).compared == ["", "b"]
    assert Hand.of(hand.to_json()) == hand
    assert Hand().ticked("../x", True) == Hand() == Hand.of('{"compare": "a|../b"}')
    assert Hand().ticked("recorded:x", True).compared == ["recorded:x"]


def test_settings_that_differ_are_listed_and_steps_warned_of(lab):
    one, other = finished(lab), finished(lab, seed=5)
    html = Overlay(lab).html([one.id, other.id, "gone"])
    assert "<th scope='row'>seed</th><td>0</td><td>5</td>" in html and "differ in steps" not in html
    assert Overlay(lab).html([one.id]) == ""
    with (other.path / "events.jsonl").open("a", encoding="utf-8") as log:
        log.write(Step(200, 0.4, 0.5, 0.8, 0.1, seconds=20.0).to_json() + "\n")
    assert "differ in steps (100, 200)" in Overlay(lab).html([one.id, other.id])


def test_the_view_knows_whose_run_it_is(lab):
    run, watch = finished(lab), Watch(lab)
    mine, theirs = (json.loads(watch.snapshot(run.id, "", who)) for who in (ADA, BOB))
    assert mine["mine"] and not theirs["mine"]
    assert watch.snapshot(run.id, mine["version"], ADA) is None and watch.snapshot(run.id, mine["version"], BOB)
    both = json.loads(watch.snapshots([ADA, run.id, "", run.id, mine["version"]]))
    assert both[0]["run"] == run.id and both[1] is None
    assert watch.snapshots([ADA, run.id, mine["version"]]) is None and watch.snapshots([]) is None


def test_ones_own_runs_come_first_and_names_are_escaped(lab):
    theirs, mine = finished(lab, BOB), finished(lab, ADA)
    html = RunTable(lab).html(Hand(), mine_of(lab, BOB, None))
    assert html.index(theirs.id) < html.index(mine.id) and "you" in html
    assert "<b>Bob" not in RunTable(lab).html(Hand(), mine_of(lab, ADA, None))


def test_files_to_take_along(lab, tmp_path):
    run = finished(lab)
    assert write(taken(lab, run.id), "csv", tmp_path).read_text().startswith("event,step")
    assert write(taken(lab, run.id), "weights", tmp_path).read_bytes() == b"w"
    run.last_path.unlink()
    for what, error in (("weights", RunRefused), ("../x", InvalidOption)):
        with pytest.raises(error):
            write(taken(lab, run.id), what, tmp_path)
    with pytest.raises(UnknownRun):
        taken(lab, "recorded:nothing")


def test_a_recorded_run_is_taken_along_too(lab, tmp_path):
    shown = "recorded:resnet20-fashion-mnist"
    lines = write(taken(lab, shown), "csv", tmp_path).read_text().splitlines()
    assert len([line for line in lines if line.startswith("step,")]) == recordings.history_of(shown).step
    assert open_checkpoint(write(taken(lab, shown), "weights", tmp_path)).spec.name == "resnet20"
    told = json.loads(Take(lab).details([shown]))
    assert "--model resnet20" in told["command"] and told["link"].startswith("?model=resnet20&data=fashion-mnist")


def test_several_gpus_are_offered_where_there_are_several(tmp_path):
    one, three = make_lab(tmp_path), make_lab(tmp_path)
    three.scheduler.slots = 3
    assert not gpus_of(one).visible
    assert gpus_of(three).visible and [value for _, value in gpus_of(three).choices] == [1, 2, 3]
    config = TrainForm(gpus=2, length="30").config()
    assert config.gpus == 2 and "gpus=2" in settings_link(config) and form_like(config).gpus == 2
    assert not config.same_training(TrainForm(length="30").config())
    for asked, given in ((2, 2), (9, 1), (float("nan"), 1), (None, 1)):  # a link may ask for anything
        assert filled(three, TrainForm(gpus=asked), False)[-2] == given


def gpus_of(lab):
    with gr.Blocks():
        return build_form(lab).controls["gpus"]


def test_the_board_is_made_on_validation_and_safe_to_open(lab, tmp_path, monkeypatch):
    best, _ = finished(lab, BOB, 0.95, length="30"), finished(lab, ADA, 0.9, length="30")
    lab.scheduler.rename(best.id, "=cmd()", Who.of(BOB).owner())
    found = board.entries(lab, mine_of(lab, ADA, None))
    assert [entry.validation for entry in found] == [0.95, 0.9] and [entry.is_mine for entry in found] == [False, True]
    assert [(entry.run, count) for entry, count in board_tables.best_of(found)] == [(best.id, 2)]
    assert "0.7" not in board.as_csv(found) and ",'=cmd()," in board.as_csv(found)
    html = board.html(found)
    assert html.count("<circle") == 6 and "<b>Bob" not in html and "of 2 people" in html
    public = make_lab(tmp_path, is_public=True)
    assert board.is_shown(lab) and not board.is_shown(public) and board.entries(public) == []
    monkeypatch.setenv("RESNET_DEMO_BOARD", "1")
    assert board.is_shown(public)
    assert "will be here" in board.html([])


def test_the_board_compares_networks_by_the_means_of_their_runs(lab):
    for seed, accuracy in enumerate((0.7, 0.8, 0.9)):
        finished(lab, accuracy=accuracy, seed=seed, length="30")
    other = finished(lab, BOB, 0.5, model="plain20", length="30")
    longer = finished(lab, BOB, 0.6, model="plain20", length="60")
    groups = board_tables.means_of(board.entries(lab))
    assert [[entry.run for entry in group] for group in groups][1:] == [[other.id], [longer.id]]
    assert (len(groups[0]), board_tables.mean_accuracy(groups[0])) == (3, pytest.approx(0.8))
    html = board.html(board.entries(lab))
    cells = ("3", "0.800", "0.700 to 0.900")
    assert "".join(f"<td class='number'>{cell}</td>" for cell in cells) in html
    rows = list(csv.DictReader(io.StringIO(board.as_csv(board.entries(lab)))))
    assert [row["seed"] for row in rows if row["model"] == "resnet9-slim"] == ["2", "1", "0"]


def test_endpoints_know_whose_run_it_is_by_a_key(lab):
    calls, key = Endpoints(lab), "k" * 20
    started = calls.start_run("resnet9-slim", seconds=20, key=key)
    with pytest.raises(NotAllowed):
        calls.stop_run(started["id"], "l" * 20)
    with pytest.raises(InvalidOption):
        calls.stop_run(started["id"])
    assert calls.stop_run(started["id"], key)["id"] == started["id"]
    assert calls.stop_run(started["id"], "chalk and cheese")["id"] == started["id"]


def test_memory_of_a_process_that_is_not_there():
    assert memory_taken(None) is None and memory_taken(2**30) is None


def test_a_click_on_a_recorded_run_shows_that_one(lab):
    for name in recordings.recordings():
        held = holding(lab, Hand(), f"recorded:{name}")
        assert shown_runs(held).split("|")[0] == f"recorded:{name}"


def test_before_anything_is_chosen_what_is_shown_is_ticked_and_can_be_taken_away(lab):
    shown = as_shown(Hand())
    table = RunTable(lab).html(shown)
    assert table.count(" checked ") == len(shown.compared) > 1 and "aria-current" in table
    event = SimpleNamespace(run="recorded:plain20-fashion-mnist", on=False)
    left = Hand.of(Acts(lab).tick(Hand().to_json(), event))
    assert [run for run in left.compared if run] == [run for run in shown.compared if run != event.run]
    assert shown_runs(left).split("|")[0] == shown.run
