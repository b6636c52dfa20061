"""The layer table as compact JSON, from which the page builds rows as they are unfolded. Pure functions, no gradio.

Rows that are equal in all but their names share one entry of `kinds`; ResNet-152's 515 rows have some fifty kinds.
"""

from __future__ import annotations

import inspect
from functools import lru_cache
from typing import Any

from ..layers import LayerRow, LayerTable
from ..memory import memory
from ..resnet import BLOCK_CLASSES, Block, ConvPool, ResNet, ZeroPad
from ..specs import ResNetSpec
from ..tree import Node, layer_tree
from .strings import say
from .words import model_title


def layers_data(spec: ResNetSpec, table: LayerTable, batch_size: int) -> dict[str, Any]:
    """Everything the Layers tab shows of one network but its drawing; a memory is in bytes for one picture."""
    kinds: dict[tuple[object, ...], int] = {}
    rows = [(row.name, kinds.setdefault(_kind(row), len(kinds))) for row in table.rows]
    return {
        "title": model_title(spec.name), "batch": batch_size, "rows": rows, "kinds": list(kinds),
        "tree": [_node(node) for node in layer_tree(spec, table).children],
        "params": table.total_params, "macs": table.total_macs,
        "totals": totals_words(table), "memory": memory_words(table, batch_size),
        "code": [_source(kind) for kind in _classes(spec)],
    }  # fmt: skip


def _kind(row: LayerRow) -> tuple[object, ...]:
    return (
        row.type, _what(row), shape(row.input_shape), shape(row.output_shape), row.params, row.macs,
        row.params_in_words, row.macs_in_words, shape(row.receptive_field), row.activation_bytes, row.saved_bytes,
    )  # fmt: skip


def _what(row: LayerRow) -> str:
    """The layer's type with the two or three numbers that make it what it is."""
    by = f" /{row.stride[0]}" if row.stride and row.stride[0] > 1 else ""
    if row.kernel and row.type == "Conv2d":
        return f"Conv2d {row.kernel[0]}×{row.kernel[1]}, {row.output_shape[0]}{by}"
    return f"{row.type} {row.kernel[0]}×{row.kernel[1]}{by}" if row.kernel else row.type


def _node(node: Node) -> dict[str, Any] | int:
    """A part, or the number of a row."""
    if node.row is not None:
        return node.first
    title, note = _title(node)
    return {
        "kind": node.kind, "path": node.path, "title": title, "note": note, "output": shape(node.output_shape),
        "params": node.params, "macs": node.macs, "saved": sum(row.saved_bytes for row in node.rows),
        "inside": [_node(child) for child in node.children],
    }  # fmt: skip


def _title(node: Node) -> tuple[str, str]:
    """What the part is called, and how much of it there is."""
    number = node.path.removeprefix("layer").split(".")
    if node.kind == "stage":
        blocks = sum(child.count for child in node.children if child.kind != "entry")
        note = say("draw.blocks" if blocks > 1 else "draw.block", n=blocks) if blocks else ""
        return say("draw.stage", n=number[0]), note
    if node.kind == "fold":
        first, last = (int(n) + 1 for n in number[1].split("-"))
        return say("layers.fold", first=first, last=last), f"× {node.count}"
    if node.kind == "block":
        return say("layers.block", n=int(number[1]) + 1), ""
    if node.kind == "shortcut":
        return say("layers.shortcut"), say(f"layers.shortcut_{node.shortcut}")
    words = {"stem": "draw.stem", "head": "draw.head", "branch": "layers.branch", "entry": "layers.entry"}
    return say(words[node.kind]), ""


def totals_words(table: LayerTable) -> str:
    """One line under the table."""
    return say(
        "layers.totals", rows=len(table.rows), params=table.total_params, mib=table.params_bytes / 2**20,
        mb=table.params_bytes / 1e6, macs=table.total_macs,
    )  # fmt: skip


def memory_words(table: LayerTable, batch_size: int) -> str:
    """What the network takes, and of what that is made."""
    found = memory(table, batch_size)
    return say(
        "layers.memory", batch=batch_size, weights=size(found.weights), forward=size(found.forward),
        training=size(found.training), saved=size(found.saved),
    )  # fmt: skip


def size(count: int) -> str:
    """Three digits and a unit: 1.08 MB, 400 MB, 1.31 GB."""
    unit, step = ("GB", 1e9) if count >= 999.5e6 else ("MB", 1e6) if count >= 999.5e3 else ("kB", 1e3)
    value = count / step
    return f"{value:.2f} {unit}" if value < 9.995 else f"{value:.1f} {unit}" if value < 99.95 else f"{value:.0f} {unit}"


def shape(sizes: tuple[int, ...]) -> str:
    return "×".join(map(str, sizes))


def _classes(spec: ResNetSpec) -> list[type]:
    """What the network is made of, its block first."""
    entry = [ConvPool] if spec.stage_entry == "conv_pool" else []
    pad = [ZeroPad] if spec.shortcut == "zero_pad" else []
    return [BLOCK_CLASSES[spec.block], Block, *pad, *entry, ResNet]


@lru_cache
def _source(kind: type) -> tuple[str, str, str]:
    """A class's name, where it stands, and its Python, taken from the class itself."""
    lines, number = inspect.getsourcelines(kind)
    return kind.__name__, f"{kind.__module__.replace('.', '/')}.py, {number}", "".join(lines)
