"""Every run that is recorded for a lesson, as data; `scripts/record_lessons.py` makes them, once, into `runs/`."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from ..recipes import Length, Recipe, find_recipe
from ..runs.config import RunConfig
from ..specs import find_model

HERE = Path(__file__).resolve().parent
RUNS = HERE / "runs"
GRADIENTS, BLOCKS = "2-gradients", "3-blocks"  # the two recordings that are tables and no runs
SEEDS = (0, 1, 2)
BETWEEN = ("plain32", "plain44")  # trained once: they show where between 20 and 56 layers it begins
UNNORMED = "custom:basic-{n}.{n}.{n}-16.32.64-cifar-{shortcut}-nonorm"


@dataclass(frozen=True)
class Recording:
    """One run of so many steps. `changes` are those of its recipe. `pictures` trains on so few of the small set and
    validates on 2,000 others; `forgets` is a loop that never goes back to training mode after its first validation."""

    name: str
    model: str
    steps: int
    dataset: str = "fashion-mnist"
    recipe: str = "budget"
    changes: tuple[tuple[str, Any], ...] = ()
    seed: int = 0
    pictures: int | None = None
    forgets: bool = False

    @cached_property
    def full_recipe(self) -> Recipe:
        return replace(find_recipe(self.recipe), **dict(self.changes), length=Length(steps=self.steps))

    def config(self) -> RunConfig:
        """What the run is asked to be; its id is the recording's name."""
        recipe = self.full_recipe
        return RunConfig(self.name, find_model(self.model), self.dataset, recipe, recipe.length, self.seed)


def unnormed(depth: int, shortcut: str = "zero_pad") -> str:
    """The name of the paper's CIFAR net of that depth without batch norm."""
    return UNNORMED.format(n=(depth - 2) // 6, shortcut=shortcut)


def seeds_of(model: str) -> tuple[int, ...]:
    """Those of lesson 1's runs of that network."""
    return SEEDS[:1] if model in BETWEEN else SEEDS


def _deeper() -> list[Recording]:
    """Lesson 1: equal steps, one batch and one rate for all."""
    models = ("plain20", *BETWEEN, "plain56", "resnet20", "resnet56")
    rate = (("peak_lr", 0.1),)
    return [
        Recording(f"1-{model}-seed{seed}", model, 366, changes=rate, seed=seed)
        for model in models
        for seed in seeds_of(model)
    ]


def _norms() -> list[Recording]:
    """Lesson 5: with and without batch norm at two rates, and the loop that forgets."""
    nets = {"with": "resnet20", "without": unnormed(20)}
    small: dict[str, Any] = {"steps": 300, "dataset": "fashion-mnist-small"}
    runs = [
        Recording(f"5-{word}-{rate:g}", model, changes=(("peak_lr", rate),), **small)
        for rate in NORM_RATES
        for word, model in nets.items()
    ]
    notebook = (("resize", None), ("batch_size", 128))
    loops = [
        Recording(f"5-{word}", "resnet20", recipe="d2l-96", changes=notebook, forgets=word == "forgets", **small)
        for word in ("remembers", "forgets")
    ]
    return runs + loops


def _overfitting() -> list[Recording]:
    """Lesson 6: 2,000 pictures seen 40 times, with what is said to help; then four schedules on the same budget."""
    few: dict[str, Any] = {"steps": 1280, "dataset": "fashion-mnist-small", "pictures": 2000}
    usual: dict[str, Any] = {"batch_size": 64, "peak_lr": 0.02, "schedule": "constant"}
    crops, decay = ("crop", "flip"), 5e-3
    tries: dict[str, dict[str, Any]] = {
        "nothing": {"augment": (), "weight_decay": 0.0},
        "augment": {"augment": crops, "weight_decay": 0.0},
        "decay": {"augment": (), "weight_decay": decay},
        "both": {"augment": crops, "weight_decay": decay},
    }
    runs = [
        Recording(f"6-few-{word}", "resnet20", changes=tuple({**usual, **changes}.items()), **few)
        for word, changes in tries.items()
    ]
    schedules: dict[str, dict[str, Any]] = {
        "constant": {},
        "steps": {"milestones": (0.5, 0.75)},
        "plateau": {"patience": 1, "decay": 0.5},
        "one_cycle": {},
    }
    runs += [
        Recording(
            f"6-{name}", "resnet20", 595, "fashion-mnist-small",
            changes=(("peak_lr", 0.1), ("schedule", name), *changes.items()),
        )
        for name, changes in schedules.items()
    ]  # fmt: skip
    return runs


NORM_RATES = (0.005, 0.1)
RECORDINGS: dict[str, Recording] = {recording.name: recording for recording in (*_deeper(), *_norms(), *_overfitting())}
GRADIENT_STEPS = (0, 10, 100)
GRADIENT_RATE = 0.02
GRADIENT_NETS = {
    f"{kind}{depth}{'' if norm else '-nonorm'}": (
        f"{kind}{depth}" if norm else unnormed(depth, "none" if kind == "plain" else "zero_pad")
    )
    for norm in (True, False)
    for depth in (20, 56)
    for kind in ("plain", "resnet")
}
