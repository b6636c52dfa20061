"""Links: what an address says of a run's settings, the form that it fills, and the controls that a teacher hides."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from ..datasets import DATASETS
from ..errors import InvalidOption
from ..recipes import AUGMENTATIONS, RECIPES
from ..runs.config import RunConfig
from ..runs.export import options
from ..specs import is_model
from .forms import TrainForm

SETTINGS = ("recipe", "seconds", "epochs", "steps", "batch", "lr", "augment", "seed", "gpus")  # beside model and data
OPTIONS = {"max_steps": "steps", "batch_size": "batch", "dataset": "data"}  # the command line's names, where others
# What `&hide=` may name, with what it hides.
HIDEABLE = {
    "form": "#train-form",
    "model": "#train-model",
    "data": "#train-dataset, #train-strip",
    "length": "#train-length, #train-amount",
    "more": "#train-more",
    "recipe": "#train-recipe",
    "lr": "#train-lr",
    "batch": "#train-batch",
    "augment": "#train-augment",
    "seed": "#train-seed",
    "runs": "#run-table",
    "who": "#who",
    "hand": "#in-hand",
    "tab-model": "#tab-model-button",
    "tab-layers": "#tab-layers-button",
    "tab-classify": "#tab-classify-button",
    "tab-lessons": "#tab-lessons-button",
    "tab-class": "#tab-class-button",
}


def wish_of(words: Mapping[str, Any]) -> str:
    """The settings that an address gives, as JSON for `form_of`; "" if it gives none. Unreadable ones are left out."""
    said = {key: str(words[key])[:60] for key in SETTINGS if words.get(key)}
    return json.dumps(said) if said else ""


def form_of(wish: str) -> TrainForm:
    """The form that a wish fills, but for model and data, which are in hand; what it does not say is the recipe's own.

    Raises: InvalidOption.
    """
    try:
        said = json.loads(wish or "{}")
    except ValueError:
        said = {}
    recipe = RECIPES.get(said.get("recipe", ""), RECIPES["budget"])
    length, amount = _length(said)
    augment = [name for name in said["augment"].split(",") if name in AUGMENTATIONS] if "augment" in said else None
    return TrainForm(
        length=length,
        amount=amount,
        recipe=recipe.name,
        lr=_number(said, "lr") if "lr" in said else recipe.peak_lr,
        batch_size=_number(said, "batch") if "batch" in said else recipe.batch_size,
        augment=list(recipe.augment) if augment is None else augment,
        seed=_number(said, "seed") if "seed" in said else 0,
        gpus=_number(said, "gpus") if "gpus" in said else 1,
    )


def _length(said: Mapping[str, str]) -> tuple[str, float | None]:
    for kind in ("steps", "epochs"):
        if kind in said:
            return kind, _number(said, kind)
    return (f"{_number(said, 'seconds'):.0f}" if "seconds" in said else "60"), None


def _number(said: Mapping[str, str], option: str) -> float:
    """Raises: InvalidOption."""
    try:
        return float(said[option])
    except ValueError:
        raise InvalidOption(option=option, value=said[option], allowed="a number") from None


def form_like(config: RunConfig) -> TrainForm:
    """The form as it was when this run was asked for."""
    length, recipe = config.length, config.recipe
    kind = "steps" if length.steps else "epochs" if length.epochs else f"{length.seconds or 60:.0f}"
    return TrainForm(
        model=config.spec.name if is_model(config.spec.name) else "resnet20",
        dataset=config.data if config.data in DATASETS else "fashion-mnist",
        length=kind,
        amount=length.steps or length.epochs,
        recipe=recipe.name if recipe.name in RECIPES else "budget",
        lr=recipe.peak_lr,
        batch_size=recipe.batch_size,
        augment=list(recipe.augment),
        seed=config.seed,
        gpus=config.gpus,
    )


def settings_link(config: RunConfig) -> str:
    """The words behind an address that fill the form with this run's settings: `?model=resnet20&data=...`."""
    told = {OPTIONS.get(name, name): value for name, value in options(config).items() if name != "parent"}
    if config.gpus > 1:
        told["gpus"] = config.gpus
    words = {key: ",".join(value) if isinstance(value, list) else _short(value) for key, value in told.items()}
    return "?" + urlencode(words)


def _short(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
