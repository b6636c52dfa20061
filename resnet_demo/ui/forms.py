"""From what a visitor filled in to a RunConfig: the one place of the page where names become objects."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from ..errors import InvalidOption
from ..recipes import Length
from ..runs.config import Owner, RunConfig
from ..verbs import run_config

SECONDS = {"30": 30, "60": 60, "180": 180}
LENT_SECONDS = ("20", "30", "60")  # of a GPU that is counted by the second
LENGTHS = (*SECONDS, "epochs", "steps")


@dataclass(frozen=True)
class TrainForm:
    """The Train tab's controls as they stand. An empty rate, batch size or augmentation is the recipe's own."""

    model: str = "resnet20"
    dataset: str = "fashion-mnist"
    length: str = "60"
    amount: float | None = None
    recipe: str = "budget"
    lr: float | None = None
    batch_size: float | None = None
    augment: Sequence[str] | None = None
    seed: float | None = 0
    gpus: float | None = 1

    def config(self, owner: Owner = Owner()) -> RunConfig:
        """The run that was asked for.

        Raises: UnknownModel, UnknownDataset, UnknownRecipe, InvalidOption.
        """
        return run_config(
            self.model,
            self.dataset,
            self.recipe,
            **limit_of(self.length, self.amount),
            batch_size=None if self.batch_size is None else whole(self.batch_size, "batch-size"),
            lr=self.lr,
            augment=self.augment,
            seed=0 if self.seed is None else whole(self.seed, "seed"),
            owner=owner,
            gpus=1 if self.gpus is None else whole(self.gpus, "gpus"),
        )


def limit_of(kind: str, amount: float | None) -> dict[str, Any]:
    """The run's limit under the command line's name for it; `kind` is a number of seconds, epochs or steps.

    Raises: InvalidOption.
    """
    if re.fullmatch(r"[0-9]{1,6}", kind):
        return {"seconds": int(kind)}
    if kind not in LENGTHS:
        raise InvalidOption(option="length", value=kind, allowed=f"one of {', '.join(LENGTHS)}")
    if amount is None:
        raise InvalidOption(option=kind, value="empty", allowed="a number above 0")
    return {"epochs": amount} if kind == "epochs" else {"max_steps": whole(amount, "steps")}


def length_of(text: str) -> Length:
    """What `more_lengths` offers: "60" is seconds, "epochs:2" and "steps:500" are what they say.

    Raises: InvalidOption.
    """
    kind, _, amount = text.partition(":")
    try:
        limit = limit_of(kind, float(amount) if amount else None)
    except ValueError:
        raise InvalidOption(option="length", value=text[:40], allowed="seconds, epochs:N or steps:N") from None
    return Length(limit.get("seconds"), limit.get("epochs"), limit.get("max_steps"))


def within(seconds: Iterable[str], longest: float | None) -> list[str]:
    """Those of the lengths that a lab allows; the longest allowed if it is shorter than all."""
    allowed = [key for key in seconds if longest is None or int(key) <= longest]
    return allowed or [f"{longest:.0f}"]


def whole(value: Any, option: str) -> int:
    """Raises: InvalidOption if `value` is no whole number."""
    if (
        isinstance(value, bool)
        or not isinstance(value, (int, float))
        or not math.isfinite(value)
        or int(value) != value
    ):
        raise InvalidOption(option=option, value=value, allowed="a whole number")
    return int(value)
