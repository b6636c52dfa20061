"""Kills the server and its worker (SIGKILL) at random moments of real runs, half of them in the middle of a save.

    python -m benchmarks.kill_test [--kills 25] [--seed 0]

After each kill every event that was shown is still there and every file loads; in the end each run has the events and
the weights, bit for bit, of one that nobody killed.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file

from resnet_demo.device import Compute
from resnet_demo.events import RunFinished, RunResumed, TrainEvent
from resnet_demo.recipes import RECIPES, Length
from resnet_demo.runs.config import RunConfig, new_config
from resnet_demo.runs.execute import execute
from resnet_demo.runs.status import Status
from resnet_demo.runs.store import Run, RunStore
from resnet_demo.specs import MODELS

ROOT = Path(__file__).resolve().parents[1]
KILLS_A_RUN = 5
STEPS = 110
TINY = replace(MODELS["resnet20"], name="tiny", family="custom", blocks_per_stage=(1, 1, 1), widths=(4, 8, 8),
               stem=replace(MODELS["resnet20"].stem, width=4))  # fmt: skip
PATIENCE_SECONDS = 300.0
SERVER = """
import sys, time
from pathlib import Path
from resnet_demo.runs.executors import ProcessExecutor
from resnet_demo.runs.scheduler import Scheduler
from resnet_demo.runs.store import RunStore
home = Path(sys.argv[1])
store = RunStore(home / "runs")
scheduler = Scheduler(store, ProcessExecutor(home, spare_delay_seconds=3600))
scheduler.recover()
for run in store.runs():
    if run.why_not_resume() is None:
        scheduler.resume(run.id)
time.sleep(3600)
"""


@dataclass
class Tally:
    """What was survived: kills, those of them in the middle of a save, and steps that had been shown by then."""

    kills: int = 0
    in_saves: int = 0
    shown: int = 0


def real_run(seed: int) -> RunConfig:
    """A small net on the real pictures that ship with the lab, made small, on one thread: ten passes over them.

    It is saved after each pass, so that there are saves to be killed in.
    """
    recipe = replace(RECIPES["budget"], batch_size=1024, resize=8, augment=("crop", "flip"))
    config = new_config(TINY, "fashion-mnist-small", recipe, Length(steps=STEPS), seed=seed)
    return replace(config, compute=Compute("cpu", "float32", 1).as_dict())


def kill_and_resume(home: Path, config: RunConfig, kills: int, chance: random.Random, tally: Tally) -> None:
    """One run under a server, both killed `kills` times; then everything is as if nothing had happened.

    Raises: AssertionError.
    """
    whole = Run.create(home / "whole" / config.id, config)
    expected = list(execute(whole))
    run = RunStore(home / "runs").create(config)
    run.set_status(Status("queued", ticket=1))
    for kill in range(kills):
        left = (config.length.steps or STEPS) - run.history().step
        shown = _kill(home, run, chance, left // (kills - kill + 1), in_save=tally.kills % 2 == 1, tally=tally)
        _check_what_is_left(run, shown)
    with server_on(home):
        wait_until(lambda: run.status().state == "finished", PATIENCE_SECONDS)
    _check_what_is_left(run, shown)
    assert comparable(run.events()) == expected, "other events than an uninterrupted run's"
    for name in ("best", "last", "resume"):
        one, other = load_file(run.path / f"{name}.safetensors"), load_file(whole.path / f"{name}.safetensors")
        assert all(torch.equal(value, other[key]) for key, value in one.items()), f"other weights in {name}"


def _kill(home: Path, run: Run, chance: random.Random, far: int, *, in_save: bool, tally: Tally) -> list[TrainEvent]:
    """Kills both, in either order, within `far` steps from here.  -> what had been shown by then"""
    with server_on(home) as server:
        target = run.history().step + chance.randint(1, max(1, far))
        wait_until(lambda: run.history().step >= target or run.history().finished, PATIENCE_SECONDS)
        pid = run.status().pid
        if in_save and pid:
            _await_save(run)
            os.kill(pid, signal.SIGKILL)
        shown = list(run.events())
        victims = [victim for victim in (server.pid, pid) if victim]
        for victim in chance.sample(victims, len(victims)):
            with suppress(ProcessLookupError):
                os.kill(victim, signal.SIGKILL)
    wait_until(lambda: not run.is_held(), 10)
    tally.kills, tally.shown = tally.kills + 1, tally.shown + len(shown)
    tally.in_saves += any(run.path.glob(".*.part"))
    return shown


def _await_save(run: Run) -> None:
    """Returns in the moment in which a file of weights is being written: it is there for a millisecond or so."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not any(name.endswith(".part") and ".safetensors." in name for name in os.listdir(run.path)):  # noqa: PTH208
        time.sleep(0.0002)
        assert time.monotonic() < deadline, f"no save came: {run.status()}"


def _check_what_is_left(run: Run, shown: list[TrainEvent]) -> None:
    assert list(run.events())[: len(shown)] == shown, "an event that was shown is gone"
    for path in run.path.glob("*.safetensors"):
        load_file(path)


@contextmanager
def server_on(home: Path) -> Iterator[subprocess.Popen]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "RESNET_DEMO_HOME": str(home)}
    server = subprocess.Popen([sys.executable, "-c", SERVER, str(home)], env=environment)
    try:
        yield server
    finally:
        server.kill()
        server.wait()


def comparable(events: Any) -> list[TrainEvent]:
    """The events of a run without what only tells of its interruptions."""
    events = list(events)
    last = len(events) - 1
    return [
        event for index, event in enumerate(events)
        if not isinstance(event, RunResumed) and not (isinstance(event, RunFinished) and index < last)
    ]  # fmt: skip


def wait_until(condition: Callable[[], Any], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come to pass in time"
        time.sleep(0.005)


def main() -> None:
    from benchmarks.measure import report

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=25)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    tally, chance, start = Tally(), random.Random(asked.seed), time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        while tally.kills < asked.kills:
            home, kills = Path(folder) / str(tally.kills), min(KILLS_A_RUN, asked.kills - tally.kills)
            kill_and_resume(home, real_run(tally.kills), kills, chance, tally)
            print(f"{tally.kills} of {asked.kills} survived", file=sys.stderr, flush=True)
    seconds = round(time.monotonic() - start)
    rows = {"kills survived": f"{tally.kills} of {asked.kills}", "of them with a file half written": tally.in_saves,
            "events shown before kills, all still there": tally.shown, "seconds": seconds}  # fmt: skip
    result = {"kills": tally.kills, "asked": asked.kills, "in_saves": tally.in_saves, "seconds": seconds}
    report("Server and worker killed at random moments", rows, {"benchmark": "kill_test", **result})


if __name__ == "__main__":
    main()
