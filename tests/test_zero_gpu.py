"""ZeroGPU, with a stand-in for the package `spaces` that forks, pickles, cuts off and keeps count as the real one."""

from __future__ import annotations

import contextvars
import os
import sys
from types import SimpleNamespace

import gradio as gr
import pytest
from gradio.context import LocalContext
from tiny_runs import make_pictures, tiny_config, wait_until

from resnet_demo.datasets import load_data
from resnet_demo.errors import GpuRefused, InvalidOption, QuotaGone
from resnet_demo.recipes import Length
from resnet_demo.runs.classroom import Limits
from resnet_demo.runs.estimates import gpu_seconds
from resnet_demo.runs.scheduler import Scheduler
from resnet_demo.runs.store import RunStore
from resnet_demo.runs.zero_gpu import ZeroGpuExecutor, perform_lent, read_data, refusal, write_data

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="busy: ZeroGPU forks, which this system cannot")
LONG = Length(steps=100_000)


class Processor:
    """An executor for the CPU's runs that starts them and leaves them be."""

    slots = 1

    def __init__(self) -> None:
        self.started: list[str] = []

    def prepare(self): ...

    def start(self, run, task, on_end, context):
        self.started.append(run.id)

    def stop(self, run): ...

    def kill(self, run): ...

    def close(self, patience_seconds=0.0): ...


@pytest.fixture
def spaces(monkeypatch):
    import spaces_stand_in

    monkeypatch.setenv("SPACES_ZERO_GPU", "true")
    monkeypatch.setitem(sys.modules, "spaces", spaces_stand_in)
    spaces_stand_in.HOST = spaces_stand_in.Host()
    yield spaces_stand_in
    spaces_stand_in.HOST.close()


@pytest.fixture
def lab(tmp_path, spaces):
    executor = ZeroGpuExecutor(spaces.GPU(duration=gpu_seconds), Processor())
    scheduler = Scheduler(RunStore(tmp_path / "runs"), executor, Limits(longest_lent_seconds=100.0))
    scheduler.recover()
    yield scheduler
    scheduler.close()


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    return make_pictures(tmp_path_factory.mktemp("data") / "pictures.zip")


def as_visitor(token, act, *args):
    """What a handler does while it answers this visitor's request."""
    context = contextvars.copy_context()
    context.run(LocalContext.request.set, SimpleNamespace(headers={"x-ip-token": token}))
    return context.run(act, *args)


def over(run):
    return wait_until(lambda: not run.status().is_active and run.status())


@pytest.mark.slow
def test_runs_train_to_their_test_on_a_gpu_that_their_visitor_pays_for(lab, spaces, pictures):
    first = as_visitor("ann", lab.submit, tiny_config(pictures, length=Length(steps=20)))
    second = as_visitor("bob", lab.submit, tiny_config(pictures, length=Length(steps=10)))
    assert lab.load == (2, 0)  # nobody stands in a line of ours
    assert over(first).state == over(second).state == "finished"
    assert first.history().step == 20 and first.history().finished.test_accuracy is not None
    assert sorted(spaces.HOST.asked) == [("ann", 110), ("bob", 110)]
    assert first.config.compute["device"] == "cpu" and first.status().pid is None
    third = as_visitor("eve", lab.submit, tiny_config(pictures, length=Length(steps=5)))  # by a process that is warm
    assert over(third).state == "finished"
    assert len(spaces.HOST.workers) < 3


@pytest.mark.slow
def test_stop_works_and_the_run_goes_on_and_is_tested(lab, pictures):
    run = lab.submit(tiny_config(pictures, length=LONG))
    wait_until(lambda: run.history().step >= 3)
    lab.stop(run.id)
    assert over(run).state == "stopped"
    wait_until(lambda: lab.load == (0, 0))
    lab.test(run.id)
    assert over(run).test_accuracy is not None


def test_who_stops_while_the_gpu_is_awaited_pays_for_no_training(lab, pictures):
    run = lab.store.create(tiny_config(pictures))
    run.request_stop()
    assert list(perform_lent(str(run.path), "train", "")) == []
    assert run.status().state == "stopped" and not run.log.path.exists()


@pytest.mark.slow
def test_a_run_that_is_cut_off_goes_on_from_where_it_saved(lab, spaces, pictures):
    run = lab.submit(tiny_config(pictures, length=LONG))
    wait_until(lambda: run.resume_path.exists() and run.history().step > 3)
    spaces.HOST.cut_off()
    wait_until(lambda: run.status().reason == "gpu_time")
    assert run.status().state == "interrupted" and run.status().message == ""
    assert run.resume_path.exists() and run.why_not_resume() is None


@pytest.mark.slow
def test_no_time_left_is_said_with_the_cpu_as_the_other_choice(lab, spaces, pictures):
    spaces.HOST.left["ann"] = 5.0
    run = as_visitor("ann", lab.submit, tiny_config(pictures, length=Length(seconds=20)))
    status = over(run)
    assert status.state == "failed" and status.error["kind"] == "QuotaGone"
    assert "30s requested vs. 5s left" in status.message and "Train on the CPU, which costs nothing" in status.message
    cpu = lab.submit(tiny_config(pictures, length=LONG, gpus=0))
    waiting = lab.submit(tiny_config(pictures, length=LONG, gpus=0))
    assert lab.executor.cpu.started == [cpu.id] and lab.place(waiting.id).place == 1


def test_who_pays_has_to_ask_again_after_a_restart_and_for_no_more_than_there_is(lab, pictures):
    with pytest.raises(InvalidOption, match="at most 100 on a lent GPU"):
        lab.submit(tiny_config(pictures, length=Length(seconds=101)))
    run = lab.store.create(tiny_config(pictures))
    lab.close()
    again = Scheduler(lab.store, lab.executor)
    again.recover()
    assert run.status().state == "interrupted" and run.why_not_resume() is None


def test_what_spaces_says_becomes_a_sentence(tmp_path):
    run = RunStore(tmp_path).create(tiny_config("mnist"))
    told = lambda title, what: refusal(run, gr.Error(what, title=title))  # noqa: E731
    assert isinstance(told("ZeroGPU quota exceeded", "None left"), QuotaGone)
    timeout = told("ZeroGPU queue timeout", "No GPU was available. <a href='x'>Retry later</a>")
    assert type(timeout) is GpuRefused and "<a" not in str(timeout) and "Retry later" in str(timeout)
    assert isinstance(told("ZeroGPU worker error", "GPU task aborted"), GpuRefused)  # before the first step
    assert told("Error", "anything else") is told("ZeroGPU worker error", "KeyError") is None


def test_data_lie_ready_in_a_file(tmp_path, pictures):
    data = load_data(str(pictures), side=8)
    write_data(tmp_path / "data.safetensors", data)
    again = read_data(tmp_path / "data.safetensors")
    assert (again.name, again.classes, again.shape) == (data.name, data.classes, data.shape)
    assert again.train.images.equal(data.train.images) and again.test.labels.equal(data.test.labels)
