"""Where a training step's time goes: fetching, augmenting and normalising the batch, and how near the network comes to
what the processor can do at most.

    python -m benchmarks.shares [--models resnet20,resnet9,resnet18-cifar] [--turns 7]

The ceiling is a product of two square matrices of 2048 in the step's own precision, measured between the turns of the
same run. A step is counted as three forward passes, two FLOPs a multiply-add: what batch norm, the optimizer and memory
take is time without FLOPs, and lowers the share.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Callable
from dataclasses import replace

from benchmarks.measure import ceiling, in_turns, machine, machine_row, noise, report, seconds
from resnet_demo.imagesets import Dataset
from resnet_demo.layers import layer_table
from resnet_demo.recipes import RECIPES, Length
from resnet_demo.specs import find_model
from resnet_demo.state import Plan, TrainState, new_state
from resnet_demo.timing import fastest_compute
from resnet_demo.train import next_batch, update

MODELS = {"resnet20": 4, "resnet9": 4, "resnet9-slim": 8, "resnet18-cifar": 1}  # steps a turn
PICTURES = 6400  # full batches of 128 only, also without the tenth for validation
AUGMENT = ("crop", "flip")  # the dearest there is


def training(name: str, data: Dataset) -> TrainState:
    """A run of the lab's own trainer at its beginning, with crop and flip, computed as one that the clock ends."""
    recipe = replace(RECIPES["budget"], augment=AUGMENT)
    spec = find_model(name).adapted(num_classes=10, in_channels=data.shape[0])
    compute = fastest_compute(spec, recipe.batch_size)
    plan = Plan(spec, recipe, Length(steps=100_000), 0, data.name, compute)
    state = new_state(plan, data)
    state.model.train()
    return state


def preparing(state: TrainState, steps: int) -> Callable[[], float]:
    """-> a turn: seconds a step until the network could begin"""

    def once() -> None:
        state.plan.compute.arrange(state.preprocess(next_batch(state)[0]))

    return lambda: seconds(lambda: [once() for _ in range(steps)]) / steps


def stepping(state: TrainState, steps: int) -> Callable[[], float]:
    """-> a turn: seconds of a whole step"""
    return lambda: seconds(lambda: [update(state, 0.5) for _ in range(steps)]) / steps


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", default=",".join(MODELS))
    parser.add_argument("--turns", type=int, default=7)
    asked = parser.parse_args()
    data, rows, result = noise(PICTURES), {}, {}
    for name in asked.models.split(","):
        state, steps = training(name, data), MODELS.get(name, 2)
        precision = state.plan.compute.precision
        before, whole, most = in_turns(
            preparing(state, steps), stepping(state, steps), lambda kind=precision: ceiling(kind, times=3),
            turns=asked.turns,
        )  # fmt: skip
        flops = 6 * layer_table(state.plan.spec, data.shape).total_macs * state.plan.recipe.batch_size
        prepared = statistics.median(part / all_ for part, all_ in zip(before, whole))
        reached = statistics.median(flops / all_ / 1e9 / top for all_, top in zip(whole, most))
        rows[name] = (
            f"{statistics.median(whole) * 1e3:.0f} ms a step; batch made in {prepared:.1%} of it; "
            f"{reached:.0%} of {statistics.median(most):.0f} GFLOP/s ({precision})"
        )
        result[name] = {"step_ms": round(statistics.median(whole) * 1e3, 1), "preparing": round(prepared, 4),
                        "of_ceiling": round(reached, 3), "precision": precision}  # fmt: skip
    told = machine()
    report("A step of 128 pictures, 3x32x32, crop and flip", {**rows, "machine": machine_row(told)},
           {"benchmark": "shares", **result, **told})  # fmt: skip


if __name__ == "__main__":
    main()
