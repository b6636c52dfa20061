"""What a drawing of a network has to show: its stations, their boxes, and the shapes that travel between them."""

from __future__ import annotations

from dataclasses import dataclass

from ..layers import LayerRow, layer_table
from ..specs import ResNetSpec
from ..tree import Node, layer_tree
from .strings import say


@dataclass(frozen=True)
class Box:
    """A block, or `count` equal ones after each other. `shortcut` is identity, zero_pad, projection or "" (none)."""

    path: str
    lines: tuple[str, ...]
    count: int = 1
    shortcut: str = ""
    params: int = 0
    macs: int = 0


@dataclass(frozen=True)
class Station:
    """Stem, a stage or the head: its boxes, and the shape that leaves it."""

    path: str
    title: str
    note: str
    boxes: tuple[Box, ...]
    shape: tuple[int, ...]


def stations(spec: ResNetSpec, input: tuple[int, ...] | None = None) -> list[Station]:
    """Stem, stages and head in order. Raises: InputDoesNotFit."""
    table = layer_table(spec, input)
    return [_station(node) for node in layer_tree(spec, table).children]


def _station(node: Node) -> Station:
    if node.kind != "stage":
        box = Box(node.path, tuple(_lines(node)), params=node.params, macs=node.macs)
        return Station(node.path, say(f"draw.{node.kind}"), "", (box,), node.output_shape)
    boxes = tuple(_box(child) for child in node.children)
    blocks = sum(box.count for box, child in zip(boxes, node.children) if child.kind != "entry")
    number = node.path.removeprefix("layer")
    note = say("draw.blocks" if blocks > 1 else "draw.block", n=blocks) if blocks else ""
    return Station(node.path, say("draw.stage", n=number), note, boxes, node.output_shape)


def _box(node: Node) -> Box:
    block = node.children[0] if node.kind == "fold" else node
    beside = [child for child in block.children if child.kind == "shortcut"]
    return Box(
        path=node.path, lines=tuple(_lines(block)), count=node.count,
        shortcut=beside[0].shortcut if beside else "", params=node.params, macs=node.macs,
    )  # fmt: skip


def _lines(node: Node) -> list[str]:
    """One line for each layer that the paper's Table 1 would name."""
    on_branch = (row for row in node.rows if ".downsample" not in row.name)
    return [line for row in on_branch if (line := _line(row))]


def _line(row: LayerRow) -> str:
    if row.kernel and row.stride and row.type == "Conv2d":
        by = f" /{row.stride[0]}" if row.stride[0] > 1 else ""
        return f"{row.kernel[0]}×{row.kernel[1]} {row.output_shape[0]}{by}"
    if row.stride and row.type == "MaxPool2d":
        return say("draw.max_pool", by=row.stride[0])
    if "Pool" in row.type:
        return say("draw.global_max" if "Max" in row.type else "draw.average")
    return say("draw.linear", n=row.output_shape[0]) if row.type == "Linear" else ""
