"""A network in five figures and a sentence: what it costs, how its layers are counted, which one of its name it is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from html import escape
from string import Formatter

from ..layers import layer_table, parameter_count
from ..memory import memory
from ..specs import BLOCKS, MODELS, ResNetSpec
from ..timing import StepTime
from .layer_data import size
from .strings import say

BATCH_SIZE = 128  # of the training step whose memory is told


def figures_html(spec: ResNetSpec, time: str) -> str:
    """Layers, parameters, MACs, memory and, as `time`, what a picture costs here."""
    table = layer_table(spec)
    shape = "×".join(map(str, table.input))
    training = size(memory(table, BATCH_SIZE).training)
    note = say("model.memory_note", batch=BATCH_SIZE, training=training)
    weights = say("model.memory_value", mb=table.params_bytes / 1e6)
    figures = (
        (say("model.layers"), str(spec.depth), counting(spec)),
        (say("model.params"), short(table.total_params), say("model.params_note", n=table.total_params)),
        (
            say("model.macs"),
            short(table.total_macs),
            say("model.macs_note", n=table.total_macs, shape=shape),
        ),
        (say("model.memory"), weights, note),
    )
    cards = "".join(_card(*figure) for figure in figures)
    return f'<dl class="figures">{cards}<div class="time" data-model="{escape(spec.name)}">{time}</div></dl>'


def time_html(measured: StepTime | None, spec: ResNetSpec, note: str = "") -> str:
    """The fifth figure; without a measurement a dash and `note`, which says why."""
    title = say("model.time")
    if measured is None:
        return _card(title, "–", note or say("model.time_wait"), wrap=False)
    shape = "×".join(map(str, spec.input))
    how = say("model.time_note", batch=measured.batch_size, shape=shape, precision=measured.compute.precision)
    return _card(title, milliseconds(measured.seconds_per_picture), how, wrap=False)


def _card(title: str, value: str, note: str, wrap: bool = True) -> str:
    inner = f"<dt>{escape(title)}</dt><dd><b>{escape(value)}</b><span>{escape(note)}</span></dd>"
    return f"<div>{inner}</div>" if wrap else inner


def short(number: int) -> str:
    """Three or four digits and a unit: 269.7 k, 11.17 M, 4.09 G."""
    for unit, step in (("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if number >= step:
            value = number / step
            return f"{value:.2f} {unit}" if value < 100 else f"{value:.1f} {unit}"
    return str(number)


def milliseconds(seconds: float) -> str:
    value = seconds * 1000
    return f"{value:.2g} ms" if value < 10 else f"{value:,.0f} ms"


def counting(spec: ResNetSpec) -> str:
    """How the depth comes about: 1 + 9 × 2 + 1, and what is not counted."""
    entries = len(spec.widths) if spec.stage_entry == "conv_pool" else 0
    fields = {"blocks": sum(spec.blocks_per_stage), "each": BLOCKS[spec.block], "entries": entries}
    words = say("model.counting_entries" if entries else "model.counting", **fields)
    has_projections = spec.shortcut.startswith("projection") and not entries
    return say("model.counting_and", words=words, note=say("model.not_counted")) if has_projections else words


def which_one(spec: ResNetSpec) -> str:
    """One sentence that tells the network from those that go by the same name."""
    text = say(f"model.which_{_kind(spec)}")
    numbers = _numbers(spec)
    wanted = {name for _, name, _, _ in Formatter().parse(text) if name}
    return text.format(**{name: numbers[name]() for name in wanted})


def _kind(spec: ResNetSpec) -> str:
    if spec.family == "custom":
        return "custom"
    if spec.family in ("notebook", "speed") or spec.name == "resnet18":
        return spec.name
    if spec.is_plain:
        return f"plain_{spec.family}"
    return "bottleneck" if spec.family == "imagenet" and spec.block == "bottleneck" else spec.family


def _numbers(spec: ResNetSpec) -> dict[str, Callable[[], str]]:
    """What the sentences may quote, computed when it is, so that it cannot be wrong."""
    base = f"resnet{spec.depth}"

    def millions(name: str) -> str:
        return f"{parameter_count(MODELS[name]) / 1e6:.2f} M"

    return {
        "depth": lambda: str(spec.depth),
        "blocks": lambda: str((spec.depth - 2) // 6),
        "width": lambda: str(spec.stem.width),
        "params": lambda: millions(spec.name),
        "exact": lambda: f"{parameter_count(spec):,}",
        "option_b": lambda: f"{parameter_count(replace(spec, shortcut='projection')):,}",
        "small_stem": lambda: millions(f"{base}-cifar"),
        "imagenet": lambda: millions(base),
        "d2l": lambda: millions("resnet18-d2l"),
        "macs": lambda: f"{layer_table(spec).total_macs / 1e9:.1f} G",
        "other_width": lambda: str(2 * spec.stem.width),
    }
