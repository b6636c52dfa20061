"""From what a run asks for and the data there are to the plan that is trained, on the device that there is."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ..budget import FITTED, fitted
from ..checkpoint import Checkpoint
from ..cores import parts_for
from ..device import Compute, best_device, choose_compute
from ..distributed import World
from ..fitting import misfit
from ..imagesets import Dataset
from ..recipes import Recipe
from ..specs import ResNetSpec
from ..state import Plan
from ..timing import fastest_compute, fewer_threads
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
    if config.compute and config.compute.get("device") == best_device():
        compute = Compute(**config.compute)  # it has begun: what was chosen then stands in its recipe
    else:
        compute = _compute(config, spec, recipe, world)
        recipe, why = fitted(recipe, config.length, len(data.train), compute)
        parts = min(compute.parts, parts_for(recipe.batch_size, compute.threads))
        how = f"each batch in {parts} parts side by side" if parts > 1 else ""
        compute = replace(compute, parts=parts, reason="; ".join(filter(None, (compute.reason, how, why))))
    return Plan(spec, recipe, config.length, config.seed, data.name, compute)


def _compute(config: RunConfig, spec: ResNetSpec, recipe: Recipe, world: World) -> Compute:
    asked: dict[str, Any] = {"spec": spec, "batch_size": recipe.batch_size, "resize": recipe.resize}
    if config.length.is_timed:
        # Over which pictures batch norm normalises is part of a published recipe.
        in_parts = world.size == 1 and recipe.name in FITTED
        compute = remembered(**asked, in_parts=in_parts, measure=lambda: fastest_compute(**asked, in_parts=in_parts))
    else:
        compute = choose_compute(spec, resize=recipe.resize)
    if world.size > 1:
        reason = f"{compute.reason}; {world.size} processes, each with its part of every batch"
        return replace(compute, threads=max(1, compute.threads // world.local_size), reason=reason)
    return fewer_threads(compute, **asked) if config.length.is_timed else compute


def on_device(checkpoint: Checkpoint) -> Checkpoint:
    """The checkpoint moved to where it is quickest to ask many pictures of it."""
    device = best_device()
    checkpoint.model.to(device)
    checkpoint.preprocess.to(device)
    return checkpoint
