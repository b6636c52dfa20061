"""The other processes of a run that torchrun started: they follow the first one, and all of them end alike."""

from __future__ import annotations

from collections.abc import Callable

import torch

from ..datasets import load_data
from ..distributed import World
from ..errors import LabError
from ..state import new_state
from ..train import train
from .config import RunConfig
from .explain import explain
from .planning import DEFAULT_SIDE, make_plan


def follow(world: World) -> int:
    """Trains along with the first process, which executes the run: with its config, its state and its decisions."""
    config: RunConfig = world.hand_out(None)
    data = load_data(config.data, side=config.recipe.resize or DEFAULT_SIDE)
    plan = make_plan(config, data, world)
    if plan.compute.device == "cpu":
        torch.set_num_threads(plan.compute.threads)
    state = new_state(plan, data, world)
    state.restore(*world.hand_out(None))
    for _ in train(state):
        pass
    return 0


def in_step(world: World, work: Callable[[], int]) -> int:
    """The exit code that `work` has in the first process, in all of them.

    What one of them fails of ends the others, silently. Raises: what `work` raises, where this process was the first.
    """
    if world.size == 1:
        return work()
    try:
        code = work()
        if failure := world.reported():
            return failure[2]
        return world.hand_out(code)
    except Exception as error:
        sentence, _ = explain(error, batch_size=0, path="") if not isinstance(error, LabError) else (error, "")
        is_first = world.report(str(sentence), sentence.exit_code)
        failure = world.reported()
        if is_first or failure is None:
            raise sentence from error
        return failure[2]
    finally:
        world.leave()
