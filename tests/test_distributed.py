"""Several processes, started by torchrun, train one network: the same weights as one that averages their gradients."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from tiny_runs import RECIPE, make_pictures, tiny_config, wait_until
from torch.nn import functional as F

from resnet_demo.checkpoint import open_checkpoint
from resnet_demo.datasets import load_data
from resnet_demo.distributed import World
from resnet_demo.events import Step
from resnet_demo.recipes import Length
from resnet_demo.runs.executors import ProcessExecutor
from resnet_demo.runs.planning import make_plan
from resnet_demo.runs.scheduler import Scheduler
from resnet_demo.runs.store import Run, RunStore
from resnet_demo.state import new_state
from resnet_demo.train import next_batch, set_lr

ROOT = Path(__file__).resolve().parents[1]
STEPS = 20
pytestmark = [pytest.mark.slow, pytest.mark.skipif(os.name == "nt", reason="torchrun")]


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    return make_pictures(tmp_path_factory.mktemp("data") / "pictures.zip")


def launch(home, *arguments) -> subprocess.Popen:
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    environment = {**os.environ, "RESNET_DEMO_HOME": str(home), "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        [*command, "-m", "resnet_demo", "train", "--json", *map(str, arguments)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment, cwd=home,
    )  # fmt: skip


def queued(folder, pictures, **changes) -> Run:
    """A run in a folder, at a constant rate: one that is given more steps later has the same ones until then."""
    config = tiny_config(pictures, **changes)
    return Run.create(folder, replace(config, recipe=replace(RECIPE, schedule="constant", peak_lr=0.05)))


def averaged(run: Run, steps: int):
    """One process that averages the gradients of both halves of every batch, each with batch norm of its own."""
    data = load_data(run.config.data, side=8)
    state = new_state(make_plan(run.config, data), data)
    state.model.train()
    twin = World(0, 2)
    for _ in range(steps):
        images, labels = next_batch(state)
        set_lr(state, state.step / steps)
        state.optimizer.zero_grad(set_to_none=True)
        for part in (replace(twin, rank=rank).share_of(torch.arange(len(labels))) for rank in range(2)):
            logits = state.model(state.plan.compute.arrange(state.preprocess(images[part])))
            (F.cross_entropy(logits, labels[part], label_smoothing=run.config.recipe.label_smoothing) / 2).backward()
        state.optimizer.step()
        state.step += 1
    return state.model


def test_the_same_weights_as_averaged_halves(tmp_path, pictures):
    run = queued(tmp_path / "run", pictures, length=Length(steps=STEPS))
    process = launch(tmp_path, "--resume", run.path)
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    events = [json.loads(line) for line in out.splitlines()]
    assert [event["step"] for event in events if event["event"] == "step"] == list(range(1, STEPS + 1))
    assert [event["event"] for event in events].count("run_finished") == 1
    assert events[-1]["test_accuracy"] is not None
    close_to(averaged(run, STEPS), open_checkpoint(run.last_path).model, 1e-5)


def close_to(ours, theirs, tolerance):
    for (name, one), other in zip(ours.named_parameters(), theirs.parameters()):
        assert (one - other).abs().max() < tolerance, name


def test_a_server_with_several_devices_trains_one_run_on_two_of_them(tmp_path, pictures):
    """Two processes stand in for two GPUs."""
    store = RunStore(tmp_path / "runs")
    executor = ProcessExecutor(tmp_path, spare_delay_seconds=600, devices=("0", "1"))
    scheduler = Scheduler(store, executor, slots=executor.slots)
    config = replace(tiny_config(pictures, length=Length(steps=STEPS)), gpus=2)
    config = replace(config, recipe=replace(RECIPE, schedule="constant", peak_lr=0.05))
    try:
        scheduler.recover()
        run = scheduler.submit(config)
        alone = scheduler.submit(tiny_config(pictures, length=Length(steps=3)))
        assert scheduler.place(alone.id).place == 1
        wait_until(lambda: alone.status().state == "finished", 240)
    finally:
        scheduler.close()
    assert run.status().state == "finished"
    close_to(averaged(run, STEPS), open_checkpoint(run.last_path).model, 1e-5)


def test_a_stop_ends_both_and_the_run_goes_on(tmp_path, pictures):
    run = queued(tmp_path / "run", pictures, length=Length(steps=100_000))
    process = launch(tmp_path, "--resume", run.path)
    deadline = time.monotonic() + 240
    while run.history().step < 5:
        assert process.poll() is None and time.monotonic() < deadline, process.communicate()
        time.sleep(0.05)
    run.request_stop()
    _, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    stopped = run.history().step
    assert run.status().state == "stopped"
    run.write_config(replace(run.config, length=Length(steps=stopped + 10)))
    process = launch(tmp_path, "--resume", run.path)
    _, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    steps = [event.step for event in run.events() if isinstance(event, Step)]
    assert steps == list(range(1, stopped + 11)) and run.status().state == "finished"
    close_to(averaged(run, stopped + 10), open_checkpoint(run.last_path).model, 1e-4)


def test_what_one_fails_of_ends_all_with_one_sentence(tmp_path, pictures):
    process = launch(tmp_path, "--resume", tmp_path / "nowhere")
    _, err = process.communicate(timeout=300)
    assert process.returncode != 0
    assert err.count("There is no run in") == 1

    sent_away = tmp_path / "pictures.zip"
    sent_away.write_bytes(pictures.read_bytes())
    run = queued(tmp_path / "run", sent_away, length=Length(steps=100_000))
    process = launch(tmp_path, "--resume", run.path)
    deadline = time.monotonic() + 240
    while run.history().step < 5:
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.05)
    follower = next(pid for pid in _children(process.pid) if pid != run.status().pid)
    os.kill(follower, signal.SIGKILL)
    process.communicate(timeout=120)
    assert process.returncode != 0 and run.why_not_resume() is None
    assert not run.is_held()


def _children(pid: int) -> list[int]:
    psutil = pytest.importorskip("psutil")
    return [child.pid for child in psutil.Process(pid).children() if "resnet_demo" in child.cmdline()]


def test_failures_are_told_to_the_others_once(tmp_path):
    world = World()
    assert world.report("alone", 1) and world.reported() is None
    first, second = (World(rank, 2, store=torch.distributed.HashStore()) for rank in range(2))
    second = replace(second, store=first.store)
    assert second.reported() is None
    assert second.report("The disk is full.", 1) and not first.report("Connection closed.", 1)
    assert first.reported() == (1, "The disk is full.", 1)


def test_every_picture_of_a_batch_is_somebodys():
    parts = [World(rank, 3).share_of(torch.arange(32)) for rank in range(3)]
    assert torch.equal(torch.cat(parts), torch.arange(32))
