"""The class board: everyone's finished runs on validation accuracy, as points, as a table and as CSV."""

from __future__ import annotations

import csv
import functools
import io
import math
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape

from ..architecture import ResNetSpec
from ..datasets import DATASETS
from ..errors import LabError
from ..runs.config import RunConfig
from ..runs.store import Run
from .board_tables import tables_html
from .page import Lab
from .run_table import COLOURS
from .strings import say
from .words import accuracy, dataset_title, length_words, model_title

AXES = ("params", "steps", "seconds")
WIDTH, HEIGHT, LEFT, RIGHT, TOP, FLOOR = 380, 260, 40, 12, 10, 220
FIELDS = (
    "run", "title", "by", "model", "data", "recipe", "length", "seed", "params", "steps", "seconds",
    "validation_accuracy",
)  # fmt: skip


@dataclass(frozen=True)
class Entry:
    """A finished run. `validation` is its best accuracy on validation; the test is nobody's means of choosing."""

    run: str
    title: str
    by: str
    model: str
    data: str
    recipe: str
    length: str
    seed: int
    params: int
    steps: int
    seconds: float
    validation: float
    is_plain: bool = False
    is_mine: bool = False

    @property
    def name(self) -> str:
        return self.title or model_title(self.model)


def is_allowed(lab: Lab) -> bool:
    """Not on a public lab, unless its owner turned it on with RESNET_DEMO_BOARD=1."""
    return not lab.classroom.is_public or os.environ.get("RESNET_DEMO_BOARD") == "1"


def is_shown(lab: Lab) -> bool:
    """When there are others: in a lesson, or once two people have runs here."""
    if not is_allowed(lab):
        return False
    return lab.classroom.is_on or len({run.config.owner.id for run in lab.store.runs()}) > 1


def entries(lab: Lab, is_mine: Callable[[Run], bool] = lambda run: False) -> list[Entry]:
    """The best first; runs that cannot be read are passed over."""
    if not is_allowed(lab):
        return []
    found = [entry for run in lab.store.runs() if (entry := _entry(run, is_mine(run)))]
    return sorted(found, key=lambda entry: -entry.validation)


def _entry(run: Run, is_mine: bool) -> Entry | None:
    try:
        config, status, history = run.config, run.status(), run.history()
        if status.state != "finished" or history.best is None:
            return None
        params = parameters(_as_trained(config))
    except LabError:
        return None
    return Entry(
        run.id, config.title, config.owner.name, config.spec.name, config.data_name, config.recipe.name,
        length_words(config.length), config.seed, params, history.step, round(history.seconds, 1),
        history.best.accuracy, config.spec.is_plain, is_mine,
    )  # fmt: skip


def _as_trained(config: RunConfig) -> ResNetSpec:
    """The network with the channels and classes of its data, as far as they are known by name."""
    data = DATASETS.get(config.data)
    if data is None:
        return config.spec
    return config.spec.adapted(num_classes=len(data.classes), in_channels=data.shape[0])


@functools.lru_cache(maxsize=256)
def parameters(spec: ResNetSpec) -> int:
    """Of the network as it was trained; counted on the meta device, once for each."""
    from ..layers import layer_table

    return layer_table(spec).total_params


def as_csv(found: Sequence[Entry]) -> str:
    """Every run as a row, RFC 4180 with a heading. What could be a formula in a spreadsheet is made plain text."""
    text = io.StringIO()
    rows = csv.writer(text)
    rows.writerow(FIELDS)
    for entry in found:
        values = [getattr(entry, name) for name in FIELDS[:-1]]
        rows.writerow([_plain(value) for value in values] + [f"{entry.validation:.4f}"])
    return text.getvalue()


def _plain(value: object) -> object:
    return f"'{value}" if isinstance(value, str) and value[:1] in "=+-@\t" and value else value


def html(found: Sequence[Entry]) -> str:
    """The board; where there is nothing yet, a line that says what will be here."""
    title = f"<h2>{escape(say('class.title'))}</h2>"
    if not found:
        return f"<div class='board'>{title}<p class='quiet'>{escape(say('class.none'))}</p></div>"
    people = len({entry.by or entry.run for entry in found})
    intro = escape(say("class.intro", runs=len(found), people=people))
    colours = {data: COLOURS[i % len(COLOURS)] for i, data in enumerate(sorted({entry.data for entry in found}))}
    charts = "".join(scatter(found, axis, colours) for axis in AXES)
    note = f"<p class='quiet'>{escape(say('class.unequal'))}</p>"
    return (
        f"<div class='board'>{title}<p class='quiet'>{intro}</p>{_keys(found, colours)}"
        f"<div class='scatters'>{charts}</div>{note}{tables_html(found)}</div>"
    )


def _keys(found: Sequence[Entry], colours: dict[str, str]) -> str:
    keys = [f"<span><i style='--run:{c}'></i>{escape(dataset_title(data))}</span>" for data, c in colours.items()]
    if any(entry.is_plain for entry in found):
        grey = "--run:var(--body-text-color-subdued)"
        keys += [f"<span><i style='{grey}'></i>{escape(say('class.residual'))}</span>"]
        keys += [f"<span><i class='plain' style='{grey}'></i>{escape(say('class.plain'))}</span>"]
    return f"<div class='keys'>{''.join(keys)}</div>"


def scatter(found: Sequence[Entry], axis: str, colours: dict[str, str]) -> str:
    """Validation accuracy against one axis as an SVG; parameters and steps on a log scale."""
    values = [max(float(getattr(entry, axis)), 1e-9) for entry in found]
    place, marks = _log(values) if axis != "seconds" else _linear(values)
    low = max(0.0, math.floor(10 * min(entry.validation for entry in found) - 0.01) / 10)
    up = [low + (1 - low) * i / 4 for i in range(5)]
    high = lambda value: FLOOR - (FLOOR - TOP) * (value - low) / (1 - low)  # noqa: E731
    rules = "".join(
        f"<line class='rule' x1='{LEFT}' x2='{WIDTH - RIGHT}' y1='{high(v):.1f}' y2='{high(v):.1f}'/>"
        f"<text x='{LEFT - 6}' y='{high(v) + 4:.1f}' text-anchor='end'>{v:.3g}</text>"
        for v in up
    )
    below = "".join(f"<text x='{place(v):.1f}' y='{FLOOR + 17}' text-anchor='middle'>{_short(v)}</text>" for v in marks)
    dots = "".join(
        f"<circle cx='{place(value):.1f}' cy='{high(entry.validation):.1f}' r='5' class='{_classes(entry)}' "
        f"style='--run:{colours[entry.data]}'><title>{escape(_about(entry))}</title></circle>"
        for entry, value in sorted(zip(found, values), key=lambda pair: pair[0].is_mine)
    )
    what = say(f"class.{axis}")
    title = escape(say("class.against", what=what))
    name = f"<text x='{(LEFT + WIDTH - RIGHT) / 2}' y='{HEIGHT - 4}' text-anchor='middle'>{escape(what)}</text>"
    return (
        f"<figure><figcaption>{title}</figcaption><svg viewBox='0 0 {WIDTH} {HEIGHT}' role='img' aria-label='{title}'>"
        f"{rules}{below}{name}{dots}</svg></figure>"
    )


def _log(values: Sequence[float]) -> tuple[Callable[[float], float], list[float]]:
    least, most = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
    most = max(most, least + 1)
    wide = WIDTH - RIGHT - LEFT
    marks = [10.0**power for power in range(least, most + 1)]
    return lambda value: LEFT + wide * (math.log10(value) - least) / (most - least), marks


def _linear(values: Sequence[float]) -> tuple[Callable[[float], float], list[float]]:
    rough = max(max(values), 1.0) / 4
    power = 10 ** math.floor(math.log10(rough))
    step = next(m * power for m in (1, 2, 2.5, 5, 10) if m * power >= rough * 0.999)
    wide = WIDTH - RIGHT - LEFT
    return lambda value: LEFT + wide * value / (4 * step), [step * i for i in range(5)]


def _short(value: float) -> str:
    for size, name in ((1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:g}{name}"
    return f"{value:g}"


def _classes(entry: Entry) -> str:
    return " ".join(name for name, yes in (("plain", entry.is_plain), ("mine", entry.is_mine)) if yes)


def _about(entry: Entry) -> str:
    whose = say("class.mine") if entry.is_mine else entry.by or say("class.nobody")
    what = say("frame.comma").join((entry.name, dataset_title(entry.data), entry.length))
    return f"{what}: {accuracy(entry.validation)} ({whose})"
