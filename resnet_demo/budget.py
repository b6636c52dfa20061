"""What the lab's own recipes make of a network and a time: batch size, rate and augmentation, from the measured speed.

A network that sees few pictures in its time learns more from small batches, since each is an update; one that sees the
training set several times needs its pictures varied. The limits below were found on validation (docs/LOG.md).
"""

from __future__ import annotations

from dataclasses import replace

from .device import Compute
from .recipes import RECIPES, Length, Recipe

FITTED = ("budget", "speedrun")  # the lab's own: a notebook's or the paper's recipe stays as it was published
SMALLEST_BATCH = 32
FEW_STEPS = 300  # fewer updates than these: half the batch
VARIED_FROM_EPOCHS = 8.0  # passes over the training set from which crops help; after five they still cost a point


def is_open(recipe: Recipe, length: Length) -> bool:
    """Whether the lab chooses: the clock ends the run, and nobody has changed what the recipe says."""
    if recipe.name not in FITTED or not length.is_timed:
        return False
    shipped = RECIPES[recipe.name]
    return replace(recipe, length=shipped.length) == shipped


def fitted(recipe: Recipe, length: Length, images: int, compute: Compute) -> tuple[Recipe, str]:
    """The recipe for training on `images` pictures for this time at the speed measured, and why in a few words."""
    if not is_open(recipe, length) or not compute.images_per_second or not length.seconds:
        return recipe, ""
    # A trial's few pictures take about as much longer as batches, updates and validation take in a run.
    seen = compute.images_per_second * length.seconds
    batch_size = recipe.batch_size
    while batch_size > SMALLEST_BATCH and seen / batch_size < FEW_STEPS:
        batch_size //= 2
    epochs = seen / images
    augment = ("crop", "flip") if epochs >= VARIED_FROM_EPOCHS else recipe.augment
    peak_lr = recipe.peak_lr * batch_size / recipe.batch_size
    why = (
        f"about {seen / batch_size:,.0f} steps or {epochs:.1f} passes in {length.seconds:g} s, so batches of "
        f"{batch_size}, rate {peak_lr:g}, {' and '.join(augment)}"
    )
    return replace(recipe, batch_size=batch_size, peak_lr=peak_lr, augment=augment), why
