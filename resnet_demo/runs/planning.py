"""From what a run asks for and the data there are to the plan that is trained, on the device that there is."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from ..checkpoint import Checkpoint
from ..device import Compute, best_device, choose_compute
from ..distributed import World
from ..fitting import misfit
from ..imagesets import Dataset
from ..recipes import Recipe
from ..specs import ResNetSpec
from ..state import Plan
from .config import RunConfig
from .measured import remembered

DEFAULT_SIDE = 32  # pixels, of a user's own pictures where the recipe does not say


def make_plan(config: RunConfig, data: Dataset, world: World = World()) -> Plan:
    """The network adapted to the data, on the device that the run began on or the best one here.

    Raises: InputDoesNotFit.
    """
    recipe = config.recipe
    spec = replace(config.spec.adapted(num_classes=len(data.classes), in_channels=data.shape[0]), input=data.shape)
    if recipe.resize is None and misfit(spec, data.shape):
        recipe = replace(recipe, resize=config.spec.input[-1])  # as resnet18-nopad, made for 96 pixels, does with 28
    return Plan(spec, recipe, config.length, config.seed, data.name, _compute(config, spec, recipe, world))


def _compute(config: RunConfig, spec: ResNetSpec, recipe: Recipe, world: World) -> Compute:
    if config.compute and config.compute.get("device") == best_device():
        return Compute(**config.compute)
    choose = partial(choose_compute, spec, recipe.batch_size, resize=recipe.resize)
    if config.length.is_timed:
        compute = remembered(spec, recipe.batch_size, recipe.resize, partial(choose, measure=True))
    else:
        compute = choose()
    if world.size == 1:
        return compute
    reason = f"{compute.reason}; {world.size} processes, each with its part of every batch"
    return replace(compute, threads=max(1, compute.threads // world.local_size), reason=reason)


def on_device(checkpoint: Checkpoint) -> Checkpoint:
    """The checkpoint moved to where it is quickest to ask many pictures of it."""
    device = best_device()
    checkpoint.model.to(device)
    checkpoint.preprocess.to(device)
    return checkpoint
