"""Makes a lesson's recordings with the library's own `train`: thinned events, gradients by layer, blocks dropped."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ..checkpoint import SHIPPED, Checkpoint, open_checkpoint, read_card
from ..datasets import load_data
from ..dissect import dissect
from ..evaluate import evaluate
from ..events import History, RunFinished, RunStarted, Step, TrainEvent, Validation
from ..gradients import draw_biases, on_pictures
from ..imagesets import Dataset, validation_split
from ..recipes import Length, find_recipe
from ..runs.config import RunConfig, now, versions
from ..runs.planning import make_plan
from ..specs import find_model
from ..state import TrainState, new_state
from ..train import train
from .table import GRADIENT_NETS, GRADIENT_RATE, GRADIENT_STEPS, Recording

MOST_POINTS = 128
DIGITS = 5
GRADIENT_PICTURES = 64
DISSECTED = ("resnet20-fashion-mnist", "plain20-fashion-mnist", "resnet56-fashion-mnist", "plain56-fashion-mnist")
Tell = Callable[[str], None]
Table = dict[str, Any]


def record(recording: Recording, steps: int | None = None, tell: Tell = print) -> str:
    """The recording as lines of JSON: a head that says what was run and how the test went, then its events, thinned.

    `steps` makes it shorter, for a trial.
    """
    config = recording.config()
    if steps:
        length = Length(steps=steps)
        config = replace(config, length=length, recipe=replace(config.recipe, length=length))
    data = load_data(config.data)
    state = start(config, data, recording.pictures)
    if recording.forgets:
        forget_training_mode(state.model)
    events: list[TrainEvent] = []
    for event in train(state):
        if isinstance(event, RunFinished) and event.stop_reason != "diverged":
            event = replace(event, test_accuracy=tested(state, data), validation_accuracy=last(events).accuracy)
        events.append(event)
        if isinstance(event, (Validation, RunFinished)):
            tell(f"{recording.name} {event.to_json()}")
    head = head_of(config, state, recording.pictures)
    return "\n".join([json.dumps(head), *(event.to_json() for event in thinned(events))]) + "\n"


def start(config: RunConfig, data: Dataset, pictures: int | None = None) -> TrainState:
    """The state of a run that has not begun; with `pictures` on so few, validated on 2,000 of the others."""
    few, others = (data, None) if pictures is None else few_of(data, pictures)
    plan = make_plan(config, few)
    if plan.compute.device == "cpu":
        torch.set_num_threads(plan.compute.threads)
    state = new_state(plan, few)
    if others is not None:
        state.images, state.labels = few.train.images, few.train.labels
        state.validation_images, state.validation_labels = others
    return state


def few_of(data: Dataset, pictures: int) -> tuple[Dataset, tuple[torch.Tensor, torch.Tensor]]:
    """The data with so few training pictures, as many of each class, and 2,000 others with their labels."""
    whole = data.train
    rest, chosen = validation_split(whole.labels, pictures / len(whole), seed=0)
    _, others = validation_split(whole.labels[rest], 2000 / len(rest), seed=1)
    others = rest[others]
    return replace(data, train=whole.subset(chosen)), (whole.images[others], whole.labels[others])


def forget_training_mode(model: nn.Module) -> None:
    """Makes `model.train()` do nothing, as in a loop that lacks it: after the first `eval()` the network stays so."""
    vars(model)["train"] = lambda mode=True: model if mode else nn.Module.train(model, False)


def tested(state: TrainState, data: Dataset) -> float:
    """The accuracy of the last weights on the whole test set."""
    card = {"classes": list(data.classes)}
    checkpoint = Checkpoint(state.model.eval(), state.preprocess.eval(), card, "recording", Path())
    return evaluate(checkpoint, data.test).accuracy


def last(events: Iterable[TrainEvent]) -> Validation:
    return [event for event in events if isinstance(event, Validation)][-1]


def head_of(config: RunConfig, state: TrainState, pictures: int | None = None) -> dict[str, Any]:
    """What a recording begins with; `replay` passes over it, as it is no event."""
    asked = {key: value for key, value in asdict(config).items() if key in ("id", "data", "recipe", "length", "seed")}
    compute = state.plan.compute.as_dict()
    return {
        "event": "recording", **asked, "spec": asdict(config.spec), "pictures": pictures, "compute": compute,
        "created": now(), "versions": versions(),
    }  # fmt: skip


def thinned(events: Iterable[TrainEvent]) -> Iterator[TrainEvent]:
    """The events that a chart needs; each step stands for a group and has the group's mean loss and accuracy."""
    history = History.of(events)
    every = max(1, math.ceil(len(history.steps) / MOST_POINTS))
    groups = [history.steps[start : start + every] for start in range(0, len(history.steps), every)]
    means, validations = map(_mean, groups), map(_rounded, history.validations)
    middle: list[Step | Validation] = sorted([*means, *validations], key=lambda event: event.step)
    yield from (event for event in (history.started, *middle, history.finished) if event is not None)


def _mean(steps: list[Step]) -> Step:
    loss, accuracy = (round(sum(getattr(s, name) for s in steps) / len(steps), DIGITS) for name in ("loss", "accuracy"))
    return replace(
        steps[-1],
        loss=loss,
        accuracy=accuracy,
        lr=float(f"{steps[-1].lr:.4g}"),
        seconds=round(steps[-1].seconds, 2),
        images_per_second=round(steps[-1].images_per_second),
    )


def _rounded(event: Validation) -> Validation:
    return replace(event, loss=round(event.loss, DIGITS), accuracy=round(event.accuracy, DIGITS))


def record_gradients(known: Table, save: Callable[[Table], None], tell: Tell, dataset: str = "fashion-mnist") -> None:
    """For each of GRADIENT_NETS the gradient's norms by layer at GRADIENT_STEPS; calls `save` after each net."""
    data = load_data(dataset)
    for name, model in GRADIENT_NETS.items():
        if name in known:
            continue
        known[name] = _gradients_of(model, data)
        save(known)
        tell(f"{name} {[(row['step'], round(row['norms'][0] / row['norms'][-1], 3)) for row in known[name]]}")


def _gradients_of(model: str, data: Dataset) -> list[dict[str, Any]]:
    recipe = replace(find_recipe("budget"), peak_lr=GRADIENT_RATE, schedule="constant", augment=())
    length = Length(steps=GRADIENT_STEPS[-1])
    state = start(RunConfig("gradients", find_model(model), data.name, recipe, length), data)
    draw_biases(state.model)
    images, labels = state.images[:GRADIENT_PICTURES], state.labels[:GRADIENT_PICTURES]
    rows = []
    for event in train(state):
        if isinstance(event, RunStarted) or (isinstance(event, Step) and event.step in GRADIENT_STEPS[1:]):
            found = on_pictures(state.model, state.preprocess, images, labels)
            norms = [float(f"{norm:.4g}") for norm in found.norms]
            if not all(map(math.isfinite, norms)):
                break
            rows.append({"step": getattr(event, "step", 0), "norms": norms})
    return rows


def record_blocks(known: Table, save: Callable[[Table], None], tell: Tell, most: int | None = None) -> None:
    """Dissects each shipped checkpoint of DISSECTED on the small set's test pictures, unless that was done already."""
    for name in DISSECTED:
        path = SHIPPED / f"{name}.safetensors"
        if not path.is_file():
            tell(f"{name} does not ship yet")
            continue
        created = read_card(path)["created"]
        if known.get(name, {}).get("created") == created:
            continue
        images = load_data("fashion-mnist-small").test
        found = dissect(open_checkpoint(name), images.subset(slice(0, most)) if most else images)
        known[name] = {**found.as_dict(), "created": created}
        save(known)
        tell(f"{name} {found.accuracy} {[part.without for part in found.parts]}")
