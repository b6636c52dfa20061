"""How a run is trained, as data: the lab's own `budget` and `speedrun`, and each notebook's recipe.

Source: the notebooks for `d2l-224`, `d2l-96`, `adam-96` and `plateau`; He et al. 2015, section 4.2 for `paper-cifar`;
Smith and Topin 2017, arXiv:1708.07120, for the one-cycle schedule.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from .errors import InvalidOption, UnknownRecipe

SCHEDULES = ("one_cycle", "constant", "steps", "plateau")
OPTIMIZERS = ("sgd", "adam")
NORMALISATIONS = ("unit", "half", "dataset", "pixel_mean")
AUGMENTATIONS = ("crop", "flip")


@dataclass(frozen=True)
class Length:
    """When a run ends: the first of the limits that are set. Without seconds nothing about it is decided by a clock."""

    seconds: float | None = None
    epochs: float | None = None
    steps: int | None = None

    def __post_init__(self) -> None:
        for option, value, most in (
            ("seconds", self.seconds, 7 * 86_400),
            ("epochs", self.epochs, 100_000),
            ("steps", self.steps, 100_000_000),
        ):
            if value is not None and not 0 < value <= most:
                raise InvalidOption(option=option, value=f"{value:g}", allowed=f"more than 0 and at most {most:,}")

    @property
    def is_timed(self) -> bool:
        return self.seconds is not None

    def total_steps(self, steps_per_epoch: int) -> int | None:
        """Updates until a limit in epochs or steps is reached; None if only the clock ends the run."""
        limits = [self.steps] if self.steps is not None else []
        if self.epochs is not None:
            limits.append(max(1, round(self.epochs * steps_per_epoch)))
        return min(limits, default=None)


@dataclass(frozen=True)
class Recipe:
    """How to train.

    `peak_lr` is the highest learning rate. `schedule`: `one_cycle` and `steps` are functions of the share of the run
    that is over (`warmup` and `milestones` are shares), `plateau` halves the rate when the training loss has not fallen
    for `patience` epochs. `normalisation`: `unit` is [0, 1], `half` is (x - 0.5) / 0.5, `dataset` uses the training
    set's mean and deviation by channel, `pixel_mean` subtracts the mean training picture. `resize` is a side in pixels.
    `gentle_lr` is used until the training error is below 80 % (section 4.2, ResNet-110).
    """

    name: str
    source: str
    optimizer: str = "sgd"
    peak_lr: float = 0.1
    momentum: float = 0.0
    nesterov: bool = False
    weight_decay: float = 0.0
    batch_size: int = 128
    schedule: str = "constant"
    warmup: float = 0.0
    milestones: tuple[float, ...] = ()
    decay: float = 0.1
    patience: int = 0
    lowest_lr: float = 0.0
    gentle_lr: float | None = None
    label_smoothing: float = 0.0
    augment: tuple[str, ...] = ()
    normalisation: str = "dataset"
    resize: int | None = None
    initialisation: str = "he"
    length: Length = Length(epochs=10)

    def __post_init__(self) -> None:
        _check(self)

    def lr_factor(self, share: float) -> float:
        """The rate at this share of the run (0 to 1) over `peak_lr`; 1 for schedules that do not follow the share."""
        if self.schedule == "one_cycle":
            if share < self.warmup:
                return 0.1 + 0.9 * share / self.warmup
            rest = (share - self.warmup) / (1 - self.warmup)
            return max(0.0, (1 + math.cos(math.pi * min(1.0, rest))) / 2)
        if self.schedule == "steps":
            return self.decay ** sum(share >= milestone for milestone in self.milestones)
        return 1.0


def _check(recipe: Recipe) -> None:
    def require(is_right: bool, option: str, value: object, allowed: str) -> None:
        if not is_right:
            raise InvalidOption(option=option, value=value, allowed=allowed)

    require(recipe.schedule in SCHEDULES, "schedule", recipe.schedule, f"one of {', '.join(SCHEDULES)}")
    require(recipe.optimizer in OPTIMIZERS, "optimizer", recipe.optimizer, f"one of {', '.join(OPTIMIZERS)}")
    require(
        recipe.normalisation in NORMALISATIONS,
        "normalisation",
        recipe.normalisation,
        f"one of {', '.join(NORMALISATIONS)}",
    )
    require(0 < recipe.peak_lr <= 100, "lr", f"{recipe.peak_lr:g}", "more than 0 and at most 100")
    require(2 <= recipe.batch_size <= 65_536, "batch-size", recipe.batch_size, "2 to 65,536")
    require(0 <= recipe.momentum < 1, "momentum", recipe.momentum, "0 or more and less than 1")
    require(0 <= recipe.weight_decay <= 1, "weight-decay", recipe.weight_decay, "0 to 1")
    require(0 <= recipe.label_smoothing < 1, "label-smoothing", recipe.label_smoothing, "0 or more and less than 1")
    unknown = [name for name in recipe.augment if name not in AUGMENTATIONS]
    require(not unknown, "augment", ", ".join(unknown), f"some of {', '.join(AUGMENTATIONS)}")


RECIPES: dict[str, Recipe] = {
    recipe.name: recipe
    for recipe in (
        Recipe(
            name="budget", source="the lab's default: one cycle over the time or the steps asked for",
            peak_lr=0.2, momentum=0.9, nesterov=True, weight_decay=5e-4, batch_size=128,
            schedule="one_cycle", warmup=0.2, augment=("flip",), length=Length(seconds=60),
        ),
        Recipe(
            name="speedrun", source="the lab's quickest way to a trained network, made for resnet9-slim",
            peak_lr=0.4, momentum=0.9, nesterov=True, weight_decay=5e-4, batch_size=128,
            schedule="one_cycle", warmup=0.2, label_smoothing=0.1, augment=("flip",), length=Length(seconds=60),
        ),
        Recipe(
            name="d2l-224", source="the d2l notebook on Fashion-MNIST at 224x224",
            peak_lr=0.05, batch_size=256, normalisation="unit", resize=224, initialisation="xavier",
            length=Length(epochs=16),
        ),
        Recipe(
            name="d2l-96", source="the d2l notebook on Fashion-MNIST at 96x96",
            peak_lr=0.05, batch_size=256, normalisation="unit", resize=96, initialisation="xavier",
            length=Length(epochs=10),
        ),
        Recipe(
            name="adam-96", source="the CIFAR-10 notebook at 96x96",
            optimizer="adam", peak_lr=0.01, batch_size=64, normalisation="half", resize=96, length=Length(epochs=20),
        ),
        Recipe(
            name="plateau", source="the CIFAR-10 notebook with ResNet-34; its batch size is not given: 128 is a choice",
            peak_lr=0.1, momentum=0.9, weight_decay=5e-4, batch_size=128, schedule="plateau", decay=0.5, patience=5,
            lowest_lr=1e-6, normalisation="half", length=Length(epochs=20),
        ),
        Recipe(
            name="paper-cifar", source="He et al. 2015, section 4.2",
            peak_lr=0.1, momentum=0.9, weight_decay=1e-4, batch_size=128, schedule="steps", milestones=(0.5, 0.75),
            augment=("crop", "flip"), normalisation="pixel_mean", length=Length(steps=64_000),
        ),
    )
}  # fmt: skip


def find_recipe(name: str) -> Recipe:
    """The recipe of that name.

    Raises: UnknownRecipe, which lists the names that exist.
    """
    if name not in RECIPES:
        raise UnknownRecipe(name=name, known=RECIPES)
    return RECIPES[name]


def for_depth(recipe: Recipe, depth: int) -> Recipe:
    """What a recipe does differently for a depth: the paper starts ResNet-110 gently (section 4.2)."""
    return replace(recipe, gentle_lr=0.01) if recipe.name == "paper-cifar" and depth >= 110 else recipe
