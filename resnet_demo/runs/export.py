"""A run to take along: its metrics as CSV, and the same run as a command line and as Python."""

from __future__ import annotations

import csv
import io
import re
import shlex
from collections.abc import Iterable
from dataclasses import fields
from typing import Any

from ..events import Epoch, Step, TrainEvent, Validation
from ..recipes import RECIPES, Recipe, for_depth
from .config import RunConfig

METRICS = (
    "event", "step", "epoch", "seconds", "loss", "accuracy", "lr", "images_per_second", "images",
)  # fmt: skip
KINDS = (Step, Validation, Epoch)


def metrics_csv(events: Iterable[TrainEvent]) -> str:
    """Every step, validation and epoch of a run as one row, none thinned; RFC 4180 with a heading."""
    text = io.StringIO()
    rows = csv.DictWriter(text, METRICS, restval="", extrasaction="ignore")
    rows.writeheader()
    for event in measured(events):
        rows.writerow(event.as_dict())
    return text.getvalue()


def measured(events: Iterable[TrainEvent]) -> Iterable[TrainEvent]:
    return (event for event in events if isinstance(event, KINDS))


def options(config: RunConfig) -> dict[str, Any]:
    """What `train` has to be told for this very run, by its long options' names; the recipe's own is left out.

    Pictures of somebody's own are named, not located: other people's paths are not shown.
    """
    recipe = for_depth(RECIPES[config.recipe.name], config.spec.depth) if config.recipe.name in RECIPES else None
    told: dict[str, Any] = {"model": config.spec.name}
    told["dataset" if config.data == config.data_name else "data"] = config.data_name
    told["recipe"] = config.recipe.name
    length = config.length
    told |= {"seconds": length.seconds, "epochs": length.epochs, "max_steps": length.steps}
    told |= {
        "batch_size": config.recipe.batch_size,
        "lr": config.recipe.peak_lr,
        "augment": list(config.recipe.augment),
    }
    for option, own in _of_recipe(recipe).items():
        if told[option] == own:
            del told[option]
    told |= {"seed": config.seed, "parent": config.parent}
    return {option: value for option, value in told.items() if value is not None}


def _of_recipe(recipe: Recipe | None) -> dict[str, Any]:
    if recipe is None:
        return {}
    return {"batch_size": recipe.batch_size, "lr": recipe.peak_lr, "augment": list(recipe.augment)}


def command_line(config: RunConfig) -> str:
    """The same run on a terminal, on as many GPUs of one machine."""
    python = f"torchrun --nproc-per-node {config.gpus} -m" if config.gpus > 1 else "python -m"
    words = [python, "resnet_demo", "train"]
    for option, value in options(config).items():
        text = ",".join(value) if isinstance(value, list) else f"{value:g}" if isinstance(value, float) else str(value)
        words += [f"--{option.replace('_', '-')}", _quoted(text)]
    return " ".join(words)


def _quoted(text: str) -> str:
    return text if re.fullmatch(r"[\w@%+=:,./-]+", text) else shlex.quote(text)


PYTHON = """\
from resnet_demo import RunStore, execute, run_config, runs_dir

config = run_config({arguments})
run = RunStore(runs_dir()).create(config)
for event in execute(run):
    print(event)
"""


def python_code(config: RunConfig) -> str:
    """The same run as a script."""
    named = options(config)
    first = [repr(named.pop("model")), repr(named.pop("dataset", "fashion-mnist")), repr(named.pop("recipe"))]
    return PYTHON.format(arguments=", ".join([*first, *(f"{name}={value!r}" for name, value in named.items())]))


def settings(config: RunConfig) -> dict[str, Any]:
    """Everything that may tell two runs apart, flat and in a fixed order: for lists of differences and for tables."""
    length, recipe = config.length, config.recipe
    table: dict[str, Any] = {"model": config.spec.name, "data": config.data_name, "recipe": recipe.name}
    table |= {"seconds": length.seconds, "epochs": length.epochs, "steps": length.steps, "seed": config.seed}
    names = [field.name for field in fields(recipe) if field.name not in ("name", "source", "length")]
    table |= {name: getattr(recipe, name) for name in names}
    compute = config.compute or {}
    return {
        **table,
        "device": compute.get("device"),
        "precision": compute.get("precision"),
        "parts": compute.get("parts", 1) if compute else None,
        "gpus": config.gpus,
        "parent": config.parent,
    }


def differences(configs: list[RunConfig]) -> dict[str, list[Any]]:
    """The settings in which these runs differ, each with every run's value in the order given."""
    tables = [settings(config) for config in configs]
    columns = {name: [table[name] for table in tables] for name in (tables[0] if tables else {})}
    return {name: values for name, values in columns.items() if any(value != values[0] for value in values)}
