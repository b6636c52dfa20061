"""The worker as a real process: warm before it is asked, stopped, killed, orphaned, and resumed to the same weights."""

from __future__ import annotations

import contextvars
import json
import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tiny_runs import ended, make_pictures, tiny_config, wait_until

from benchmarks.kill_test import Tally, kill_and_resume
from resnet_demo.checkpoint import open_checkpoint
from resnet_demo.events import Step
from resnet_demo.recipes import Length
from resnet_demo.runs.executors import ProcessExecutor
from resnet_demo.runs.scheduler import Scheduler
from resnet_demo.runs.store import Run, RunStore

PROJECT = Path(__file__).resolve().parents[1]
LONG = Length(steps=100_000)


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RESNET_DEMO_HOME", str(home))
        patch.setenv("OMP_NUM_THREADS", "1")
        yield home


@pytest.fixture(scope="module")
def pictures(home):
    return make_pictures(home / "pictures.zip")


@pytest.fixture(scope="module")
def lab(home):
    """One scheduler with real workers for all of these tests."""
    executor = ProcessExecutor(home, spare_delay_seconds=0)
    scheduler = Scheduler(RunStore(home / "runs"), executor)
    scheduler.recover()
    yield scheduler
    scheduler.close()


def submit(lab, pictures, **changes) -> Run:
    return lab.submit(tiny_config(pictures, **changes))


def pid_of(run: Run) -> int:
    return wait_until(lambda: run.status().state == "running" and run.status().pid)


@pytest.mark.slow
def test_a_spare_makes_the_first_step_come_soon_and_trains_to_the_end(lab, pictures):
    wait_until(lambda: lab.executor.has_warm_spare)
    run = submit(lab, pictures, length=Length(steps=4))
    wait_until(lambda: ended(run))
    assert run.status().state == "finished" and run.history().finished.test_accuracy is not None
    assert "tiny" in run.log_path.read_text()
    wait_until(lambda: lab.executor.has_warm_spare)


@pytest.mark.slow
def test_the_worker_gives_way_to_the_page(lab, pictures):
    run = submit(lab, pictures, length=LONG)
    if hasattr(os, "getpriority"):
        assert os.getpriority(os.PRIO_PROCESS, pid_of(run)) >= 10
    lab.stop(run.id)
    wait_until(lambda: ended(run))


def test_stop_ends_after_the_step_in_hand_and_keeps_the_weights(lab, pictures):
    run, waiting = submit(lab, pictures, length=LONG), submit(lab, pictures, length=Length(steps=3))
    wait_until(lambda: run.history().step >= 3)
    lab.stop(run.id)
    start = time.monotonic()
    wait_until(lambda: ended(run))
    assert time.monotonic() - start < 5
    assert run.status().state == "stopped" and run.history().finished.stop_reason == "stopped"
    assert open_checkpoint(run.last_path).card["step"] == run.history().step
    wait_until(lambda: ended(waiting))
    assert waiting.status().state == "finished"


@pytest.mark.slow
def test_a_killed_worker_is_told_with_its_log_and_the_run_goes_on(lab, pictures):
    run = submit(lab, pictures, length=LONG)
    wait_until(lambda: run.history().step >= 3)
    os.kill(pid_of(run), 9)
    wait_until(lambda: run.status().state == "failed")
    assert "-9" in run.status().message and "exit code" in "\n".join(run.last_log_lines())
    shown = run.history().step
    lab.resume(run.id)
    wait_until(lambda: run.history().step > shown + 20)
    lab.stop(run.id)
    wait_until(lambda: ended(run))
    steps = [event.step for event in run.events() if isinstance(event, Step)]
    assert steps == list(range(1, len(steps) + 1))


@pytest.mark.slow
def test_a_stopped_run_is_tested_in_a_process_of_its_own(lab, pictures):
    run = submit(lab, pictures, length=LONG)
    wait_until(lambda: run.history().step >= 3)
    lab.stop(run.id)
    wait_until(lambda: ended(run))
    lab.test(run.id)
    wait_until(lambda: run.status().test_accuracy is not None)
    assert run.status().state == "stopped"


def test_each_slot_has_a_device_of_its_own(home, pictures):
    executor, over = ProcessExecutor(home, spare_delay_seconds=3600, devices=("6", "7")), []
    executor.arguments = ["--say-device"]
    runs = [Run.create(home / f"on-{number}", tiny_config(pictures)) for number in range(2)]
    assert executor.slots == 2
    for run in runs:
        executor.start(run, "train", over.append, contextvars.copy_context())
    devices = [",".join(devices) for devices, _ in executor._busy.values()]
    environments = [Path(f"/proc/{worker.process.pid}/environ") for _, worker in executor._busy.values()]
    if environments[0].exists():
        assert [b"CUDA_VISIBLE_DEVICES=%s" % device.encode() in file.read_bytes().split(b"\0")
                for device, file in zip(devices, environments)] == [True, True]  # fmt: skip
    assert devices == ["6", "7"]
    wait_until(lambda: len(over) == 2)
    executor.close()


def test_a_failure_reaches_the_status_as_a_sentence(lab):
    run = submit(lab, "/nowhere/pictures.zip")
    wait_until(lambda: ended(run))
    assert run.status().state == "failed" and "pictures.zip" in run.status().message


def start_worker(*arguments) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-m", "resnet_demo.runs.worker", *arguments],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": str(PROJECT)},
    )  # fmt: skip


@pytest.mark.slow
def test_it_ends_when_its_server_does_idle_or_training(home, pictures):
    worker = start_worker()
    assert worker.stdout.readline() == "ready\n"
    worker.stdin.close()
    assert worker.wait(10) == 0
    worker.stdout.close()

    run = Run.create(home / "orphan", tiny_config(pictures, length=LONG))
    worker = start_worker()
    worker.stdin.write(json.dumps({"run": str(run.path)}) + "\n")
    worker.stdin.flush()
    wait_until(lambda: run.history().step >= 5)
    worker.stdin.close()
    worker.wait(10)
    worker.stdout.close()
    assert run.status().state == "interrupted" and run.why_not_resume() is None


def test_a_worker_that_cannot_even_start_is_told(home, pictures):
    executor = ProcessExecutor(home)
    executor.arguments = ["--no-such-option"]
    run, over = Run.create(home / "never", tiny_config(pictures)), []
    executor.start(run, "train", over.append, contextvars.copy_context())
    wait_until(lambda: over)
    executor.close()
    assert run.status().state == "failed" and "--no-such-option" in "\n".join(run.last_log_lines())


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="SIGKILL")
def test_server_and_worker_killed_at_random_moments(tmp_path, monkeypatch):
    monkeypatch.setenv("RESNET_DEMO_HOME", str(tmp_path))
    config, tally = tiny_config(make_pictures(tmp_path / "pictures.zip"), length=Length(steps=200)), Tally()
    kill_and_resume(tmp_path, config, kills=3, chance=random.Random(2), tally=tally)
    assert tally.kills == 3
