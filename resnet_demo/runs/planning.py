"""From what a run asks for and the data there are to the plan that is trained, on the device that there is."""

from __future__ import annotations

from dataclasses import replace

from ..checkpoint import Checkpoint
from ..device import Compute, best_device, choose_compute
from ..fitting import misfit
from ..imagesets import Dataset
from ..recipes import Recipe
from ..specs import ResNetSpec
from ..state import Plan
from .config import RunConfig


def make_plan(config: RunConfig, data: Dataset) -> Plan:
    """The network adapted to the data, on the device that the run began on or the best one here.

    Raises: InputDoesNotFit.
    """
    recipe = config.recipe
    spec = replace(config.spec.adapted(num_classes=len(data.classes), in_channels=data.shape[0]), input=data.shape)
    if recipe.resize is None and misfit(spec, data.shape):
        recipe = replace(recipe, resize=config.spec.input[-1])  # as resnet18-nopad, made for 96 pixels, does with 28
    return Plan(spec, recipe, config.length, config.seed, data.name, _compute(config, spec, recipe))


def _compute(config: RunConfig, spec: ResNetSpec, recipe: Recipe) -> Compute:
    if config.compute and config.compute.get("device") == best_device():
        return Compute(**config.compute)
    return choose_compute(spec, recipe.batch_size, resize=recipe.resize, measure=config.length.is_timed)


def on_device(checkpoint: Checkpoint) -> Checkpoint:
    """The checkpoint moved to where it is quickest to ask many pictures of it."""
    device = best_device()
    checkpoint.model.to(device)
    checkpoint.preprocess.to(device)
    return checkpoint
