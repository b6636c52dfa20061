"""What events, checkpoints and the run's folder cost: the whole trainer against a bare loop on the same batches.

    python -m benchmarks.overhead [--model resnet20] [--seconds 10] [--turns 5]

Both train the same network on the same pictures in the same precision and draw their batches and augmentation the same
way. The trainer writes its log, its status and its checkpoints to disk as in any run; its validations are set aside.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch.nn import functional as F

from benchmarks.measure import in_turns, machine, machine_row, ratio, report
from resnet_demo.datasets import load_data
from resnet_demo.events import CheckpointDue, Step, Validation
from resnet_demo.recipes import RECIPES, Length
from resnet_demo.runs.config import new_config
from resnet_demo.runs.execute import execute
from resnet_demo.runs.planning import make_plan
from resnet_demo.runs.store import Run
from resnet_demo.specs import find_model
from resnet_demo.state import new_state
from resnet_demo.train import next_batch

DATA = "fashion-mnist-small"
STEPS = 2000  # of the run that is measured a part of: a checkpoint with every pass over the 10,800 pictures


def bare_loop(run: Run, duration: float) -> Callable[[], float]:
    """-> a turn, which gives steps a second"""
    data = load_data(DATA)
    plan = make_plan(run.config, data)
    state = new_state(plan, data)
    model, optimizer, compute = state.model.train(), state.optimizer, plan.compute

    def turn() -> float:
        start, steps = time.perf_counter(), 0
        while time.perf_counter() - start < duration:
            images, labels = next_batch(state)
            with compute.autocast():
                loss = F.cross_entropy(model(compute.arrange(state.preprocess(images))), labels)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            steps += 1
        return steps / (time.perf_counter() - start)

    return turn


def whole_trainer(run: Run, duration: float) -> Callable[[], float]:
    """-> a turn, which gives steps a second, checkpoints and events included, validations not"""
    events = execute(run)

    def turn() -> float:
        spent, steps, saved = 0.0, 0, 0
        while spent < duration or not saved:  # whole intervals between checkpoints, lest none falls into the turn
            start = time.perf_counter()
            event = next(events)
            if not isinstance(event, Validation):
                spent += time.perf_counter() - start
            steps += isinstance(event, Step)
            saved += isinstance(event, CheckpointDue)
        return steps / spent

    return turn


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="resnet20")
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--turns", type=int, default=5)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as home:
        config = new_config(find_model(asked.model), DATA, RECIPES["budget"], Length(steps=STEPS), seed=0)
        run = Run.create(Path(home) / "run", config)
        bare, whole = in_turns(bare_loop(run, asked.seconds), whole_trainer(run, asked.seconds), turns=asked.turns)
    slower = 1 - ratio(whole, bare)
    told = machine()
    rows = {
        "bare loop, steps/s": f"{statistics.median(bare):.2f}",
        "whole trainer, steps/s": f"{statistics.median(whole):.2f}",
        "the trainer is slower by": f"{slower:.1%}, turns from {min(1 - w / b for w, b in zip(whole, bare)):.1%} "
        f"to {max(1 - w / b for w, b in zip(whole, bare)):.1%}",
        "machine": machine_row(told),
    }
    report("Events and checkpoints", rows, {"benchmark": "overhead", "model": asked.model, "slower": round(slower, 4),
           "threads_at_work": torch.get_num_threads(), **told})  # fmt: skip


if __name__ == "__main__":
    main()
