"""A lesson's curves: its recorded runs as the charts draw them, seeds thin under their mean, one's own run on top."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..errors import LabError
from ..lessons.reading import recorded
from ..lessons.table import NORM_RATES, RUNS, seeds_of
from .curves import curves
from .recordings import RECORDED, config_of, history_of, recordings
from .strings import kept_by_language, say
from .words import model_title

if TYPE_CHECKING:
    from .page import Lab

BLUE, ORANGE, GREEN, PINK = "#0072B2", "#D55E00", "#009E73", "#CC79A7"  # as in curves.js
OWN = "own"  # the colour of the page's ink
AVERAGED = ("loss", "accuracy", "mean_loss", "mean_accuracy")


@dataclass(frozen=True)
class Line:
    """One curve, the mean of the recordings `names`. `word` is its key in the strings; "" takes the model's title."""

    names: tuple[str, ...]
    colour: str
    is_plain: bool = False
    word: str = ""


def _seeds(model: str, colour: str) -> Line:
    return Line(tuple(f"1-{model}-seed{seed}" for seed in seeds_of(model)), colour, model.startswith("plain"))


def _one(name: str, colour: str, is_plain: bool = False) -> Line:
    return Line((name,), colour, is_plain, f"lessons.run_{name}")


def _shipped(model: str, colour: str) -> Line:
    return Line((f"{RECORDED}{model}-fashion-mnist",), colour, model.startswith("plain"))


KINDS, DEPTHS = ("plain", "resnet"), ((20, BLUE), (56, ORANGE))
LOW, HIGH = (f"{rate:g}" for rate in NORM_RATES)
VIEWS: dict[str, dict[str, tuple[Line, ...]]] = {
    "1": {
        "four": tuple(_seeds(f"{kind}{n}", c) for kind in KINDS for n, c in DEPTHS),
        "depths": tuple(_seeds(f"plain{n}", c) for n, c in ((20, BLUE), (32, GREEN), (44, PINK), (56, ORANGE))),
        "long": tuple(_shipped(f"{kind}{n}", c) for kind in KINDS for n, c in DEPTHS),
    },
    "5": {
        "norm": (
            _one(f"5-with-{LOW}", BLUE), _one(f"5-without-{LOW}", BLUE, True),
            _one(f"5-with-{HIGH}", ORANGE), _one(f"5-without-{HIGH}", ORANGE, True),
        ),
        "mode": (_one("5-remembers", BLUE), _one("5-forgets", ORANGE)),
    },
    "6": {
        "few": tuple(
            _one(f"6-few-{word}", colour)
            for word, colour in (("nothing", ORANGE), ("augment", BLUE), ("decay", GREEN), ("both", PINK))
        ),
        "schedules": tuple(
            _one(f"6-{word}", colour)
            for word, colour in (("constant", ORANGE), ("steps", BLUE), ("plateau", GREEN), ("one_cycle", PINK))
        ),
    },
    "7": {"notebook": (_shipped("resnet18-d2l", BLUE),)},
}  # fmt: skip


def views_of(lesson: str) -> list[str]:
    """The lesson's views that have all their recordings."""
    return [name for name, lines in VIEWS.get(lesson, {}).items() if all(map(_is_there, lines))]


def _is_there(line: Line) -> bool:
    if line.names[0].startswith(RECORDED):
        return all(name.removeprefix(RECORDED) in recordings() for name in line.names)
    return all((RUNS / f"{name}.jsonl").is_file() for name in line.names)


def series(lab: Lab, lesson: str, view: str, run: str = "") -> str:
    """The series of a view as JSON for curves.js, with the run of that id on top; "[]" where nothing was recorded."""
    if view not in views_of(lesson):
        return "[]"
    own = _own(lab, run) if run else []
    return json.dumps([*_drawn(lesson, view), *own])


@kept_by_language(maxsize=32)
def _drawn(lesson: str, view: str) -> list[dict[str, Any]]:
    return [one for line in VIEWS[lesson][view] for one in _of_line(line)]


def _of_line(line: Line) -> list[dict[str, Any]]:
    if line.names[0].startswith(RECORDED):
        histories = [history_of(name) for name in line.names]
        model = config_of(line.names[0]).spec.name
    else:
        found = [run for name in line.names if (run := recorded(name))]
        histories, model = [one.history for one in found], found[0].head["spec"]["name"]
    drawn = [curves(history) for history in histories]
    name = say(line.word) if line.word else model_title(model)
    mean = averaged(drawn)
    ghosts = [] if len(drawn) == 1 else [_series(line, name, averaged([data]), "thin") for data in drawn]
    return [*ghosts, _series(line, name, mean, "")]


def _series(line: Line, name: str, data: dict[str, Any], look: str) -> dict[str, Any]:
    looks = " ".join(filter(None, ("plain" if line.is_plain else "", look)))
    return {"name": name, "colour": line.colour, "look": looks, "ghost": bool(look), "data": data, "last": _last(data)}


def _last(data: dict[str, Any]) -> float | None:
    accuracies = data["validation"]["accuracy"]
    return accuracies[-1] if accuracies else None


def averaged(drawn: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The mean of several runs' curves, which have their points at the same steps, without marks for best and test."""
    first = {**drawn[0], "best": None, "test": None}
    if len(drawn) == 1:
        return first
    told = {
        part: {
            name: _mean([one[part][name] for one in drawn]) if name in AVERAGED else values
            for name, values in first[part].items()
        }
        for part in ("train", "validation")
    }
    return {**first, **told, "loss_max": max(one["loss_max"] for one in drawn)}


def _mean(rows: Sequence[Sequence[float | None]]) -> list[float | None]:
    columns = zip(*rows)
    return [None if None in column else round(sum(column) / len(column), 4) for column in columns]


def _own(lab: Lab, run_id: str) -> list[dict[str, Any]]:
    """The visitor's run, which may still be going on; nothing if it is not here any more."""
    with suppress(LabError):
        run = lab.store.get(run_id)
        config, data = run.config, curves(run.history())
        name = say("lessons.own", model=config.title or model_title(config.spec.name))
        own = _series(Line((run_id,), OWN, config.spec.is_plain), name, averaged([data]), "")
        return [{**own, "active": run.status().is_active}]
    return []
