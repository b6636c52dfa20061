"""What the page says and offers where Hugging Face lends a GPU, and where runs do not stay."""

from __future__ import annotations

from dataclasses import replace

import pytest
from test_class_page import ADA, make_lab

from resnet_demo import home
from resnet_demo.errors import InvalidOption, QuotaGone
from resnet_demo.recipes import Length
from resnet_demo.runs.classroom import Classroom
from resnet_demo.runs.status import Status
from resnet_demo.ui.forms import TrainForm
from resnet_demo.ui.run_table import kept_words
from resnet_demo.ui.telling import ending_words, status_words
from resnet_demo.ui.train_form import filled, gpu_choices, length_choices, longest_words, start_words
from resnet_demo.ui.watch import Watch, line_words
from resnet_demo.ui.who import Who


@pytest.fixture
def lab(tmp_path):
    return make_lab(tmp_path, is_lent=True, is_public=True)


def test_start_says_what_a_run_costs(lab, tmp_path):
    assert start_words(lab, "20") == "Start: up to 30 s of your 2 minutes a day"
    assert "up to 110 s" in start_words(lab, "epochs")
    assert start_words(make_lab(tmp_path / "here"), "20") == "Start training"
    assert "shared" not in line_words(lab) and "whole school may share" in line_words(lab)


def test_short_runs_are_offered_and_the_cpu_beside_the_gpu(lab, tmp_path):
    assert [value for _, value in length_choices(lab)] == ["20", "30", "60", "epochs", "steps"]
    assert [count for _, count in gpu_choices(lab)] == [1, 0]
    assert longest_words(lab) == "At most 1 min 40 s on the GPU and 30 min on the CPU."
    assert filled(lab, TrainForm(gpus=0), True)[7] == 0
    assert filled(make_lab(tmp_path / "here"), TrainForm(gpus=0), True)[7] == 1
    room = Classroom(is_lent=True, is_public=True)
    assert (room.longest_of(1), room.longest_of(0), Classroom().longest_of(0)) == (100, 1800, None)
    with pytest.raises(InvalidOption):
        room.limits.check_lent(101)


def test_when_the_time_is_gone_the_cpu_is_offered(lab):
    run = lab.store.create(TrainForm().config(Who.of(ADA).owner()))
    view = lambda: Watch(lab)._view(run, "")  # noqa: E731
    assert not view()["free"]
    run.set_status(Status("queued").failed_with(QuotaGone(why="30s requested vs. 5s left")))
    told = view()
    assert told["free"] and "Train on the CPU" in told["ending"]


def test_a_gpu_taken_back_is_told_apart_from_an_interruption(lab):
    run = lab.store.create(TrainForm(length="20").config())
    cut = ending_words(Status("interrupted", "gpu_time"), run.history(), "mnist")
    assert "taken back" in cut and cut != ending_words(Status("interrupted", "killed"), run.history(), "mnist")
    place = replace(_place(run.id), place=0)
    told = status_words(Status("queued", doing="loading the data"), run.history(), place=place, is_stopping=False)
    assert told == "loading the data"


def _place(run_id):
    from resnet_demo.runs.scheduler import Place

    return Place(run_id, 1, None)


def test_how_long_runs_stay_is_said_where_others_decide(tmp_path, monkeypatch):
    monkeypatch.delenv("SPACE_ID", raising=False)
    assert kept_words(make_lab(tmp_path / "alone")) == ""
    room = make_lab(tmp_path / "class", people=30, minutes=45)
    assert kept_words(room) == (
        "The newest 200 runs are kept here, within 10 GB. Those with a name and everybody's newest stay."
    )
    assert kept_words(make_lab(tmp_path / "any", is_shared=True, keep_runs=0, disk_gb=0.0)) == ""
    public = make_lab(tmp_path / "public", is_public=True, keep_runs=0)
    assert kept_words(public) == "Runs are kept here within 10 GB."
    monkeypatch.setenv("SPACE_ID", "ann/lab")
    assert "gone when it sleeps" in kept_words(public)


def test_a_space_keeps_its_home_on_the_disk_that_it_has(tmp_path, monkeypatch):
    monkeypatch.delenv("RESNET_DEMO_HOME", raising=False)
    monkeypatch.setattr(home, "SPACE_DISK", tmp_path / "data")
    monkeypatch.setenv("SPACE_ID", "ann/lab")
    assert home.home() != tmp_path / "data" / "resnet-demo" and home.is_passing(home.home())
    (tmp_path / "data").mkdir()
    assert home.home() == tmp_path / "data" / "resnet-demo" and not home.is_passing(home.home())
    monkeypatch.delenv("SPACE_ID")
    assert not home.is_passing(tmp_path) and home.home() != tmp_path / "data" / "resnet-demo"


def test_lengths_that_a_link_asks_for_are_offered_within_what_is_lent(lab):
    assert ("5 s", "5") in length_choices(lab, "5")
    assert filled(lab, TrainForm(length="5"), True)[0]["value"] == "5" and Length(5).is_timed
